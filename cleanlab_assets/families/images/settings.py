"""Settings that families on images share; each setting lives on exactly one step."""

from __future__ import annotations

from pydantic import Field

from cleanlab_assets.families import settings
from cleanlab_assets.families.step import Settings


class TrainingSetSettings(Settings):
    """Which images are audited, how they are divided, and how many get a planted error; a family says which."""

    max_rows: int | None = Field(None, ge=20, le=1_000_000, description="Sample of the images; all if absent.")
    test_fraction: float = Field(
        0.2,
        ge=0.0,
        le=0.5,
        description="Share of the images kept as untouched test images. Without test images no variants are compared.",
    )
    folds: int = Field(3, ge=2, le=20, description="Folds of the cross-validation on the train images.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train images whose annotation gets an error on purpose."
    )
    planted_error_kind: str


class VariantComparisonSettings(settings.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps; a family says which metrics may decide."""

    prune_fraction: float = Field(0.1, ge=0.0, le=0.5, description="Largest share of images removed or corrected.")
