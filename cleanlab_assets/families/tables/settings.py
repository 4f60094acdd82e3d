"""Settings that families on tables share; each setting lives on exactly one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from cleanlab_assets.families.settings import VariantComparisonSettings
from cleanlab_assets.families.step import Settings

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset

TEST_FRACTION = 0.2


class TrainingSetSettings(Settings):
    """Which rows are audited, and how they are divided."""

    max_rows: int | None = Field(None, ge=200, le=100_000_000, description="Sample of the rows; all if absent.")
    test_fraction: float | None = Field(
        None,
        ge=0.0,
        le=0.5,
        description="Share of the rows kept as untouched test rows: 0.2 if absent, none where the dataset brings "
        "predictions along. Without test rows no variants are compared.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation on the train rows.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train labels made wrong on purpose, to measure detection."
    )

    def share_of_test_rows(self, dataset: Dataset) -> float:
        """Return the share of a dataset's rows to put aside as test rows."""
        if self.test_fraction is not None:
            return self.test_fraction
        return TEST_FRACTION if dataset.makes_comparison else 0.0


class NeighborGraphSettings(Settings):
    """The k-nearest-neighbour graph."""

    k: int = Field(10, ge=2, le=100, description="Neighbours of each row.")
    exact_row_limit: int = Field(50_000, ge=1_000, description="Largest number of train rows searched exactly.")


class DatalabIssuesSettings(Settings):
    """Which kinds of issues are looked for."""

    issue_types: list[str] | None = Field(None, description="Datalab issue types; all of the family if absent.")


ClassMetric: TypeAlias = Literal["roc_auc", "accuracy", "macro_f1", "weighted_f1", "weighted_precision", "log_loss"]


class ClassVariantSettings(VariantComparisonSettings):
    """The experiment that shows whether cleaning helps a classifier, and the metric that decides."""

    primary_metric: ClassMetric = Field(
        "roc_auc", description="Metric of the verdict and of the choice of the final model."
    )
