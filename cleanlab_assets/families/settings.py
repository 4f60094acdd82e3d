"""Settings that several families share; each setting lives on exactly one step."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from cleanlab_assets.families.step import Settings
from cleanlab_assets.methods.variants import ComparisonSettings


class PredictionsSettings(Settings):
    """The model that predicts out of sample and is retrained."""

    parameters: dict[str, Any] = Field({}, description="Estimator parameters that replace the model's defaults.")


class VariantComparisonSettings(Settings):
    """The experiment that shows whether cleaning helps; a family says which metrics may decide."""

    compare_cleaning: bool = Field(True, description="Compare cleaned variants; else only the baseline is fitted.")
    prune_fraction: float = Field(0.02, ge=0.0, le=0.2, description="Largest share of train rows pruned or relabelled.")
    resamples: int = Field(500, ge=100, le=10_000, description="Bootstrap resamples of the intervals.")
    primary_metric: str

    def of(self, seed: int, *, can_learn: bool = True) -> ComparisonSettings:
        """Return the settings of a comparison.

        Args:
            seed: seed of everything random.
            can_learn: whether the model learns from the train items; if not, only the baseline is fitted.
        """
        return ComparisonSettings(
            primary_metric=self.primary_metric,
            prune_fraction=self.prune_fraction,
            n_resamples=self.resamples,
            seed=seed,
            compare_cleaning=self.compare_cleaning and can_learn,
        )
