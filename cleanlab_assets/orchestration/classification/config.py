"""Run settings of the classification chain; each setting lives on exactly one asset."""

from typing import Any, Literal

import dagster as dg
from pydantic import Field

from cleanlab_assets.audit.label_issues import FilterRule, QualityMethod


class TrainingSetConfig(dg.Config):
    """Which rows are audited, and how they are divided."""

    max_rows: int | None = Field(
        None, ge=200, le=100_000_000, description="Stratified sample of the rows; all if absent."
    )
    test_fraction: float = Field(0.2, ge=0.05, le=0.5, description="Share of the rows kept as untouched test rows.")
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation on the train rows.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train labels made wrong on purpose, to measure detection."
    )
    planted_error_kind: Literal["uniform", "class_pairs"] = Field(
        "uniform", description="Any other class, or a class whose rows resemble the row's class."
    )


class NeighborGraphConfig(dg.Config):
    """The k-nearest-neighbour graph."""

    k: int = Field(10, ge=2, le=100, description="Neighbours of each row.")
    exact_row_limit: int = Field(50_000, ge=1_000, description="Largest number of train rows searched exactly.")


class PredictionsConfig(dg.Config):
    """The model that predicts out of sample and is retrained."""

    parameters: dict[str, Any] = Field({}, description="Estimator parameters that replace the model's defaults.")


class LabelIssuesConfig(dg.Config):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field("prune_by_noise_rate", description="cleanlab's rule for the flags.")
    quality_method: QualityMethod = Field("self_confidence", description="cleanlab's score for the ranking.")


class VariantComparisonConfig(dg.Config):
    """The experiment that shows whether cleaning helps."""

    prune_fraction: float = Field(0.02, ge=0.0, le=0.2, description="Largest share of train rows pruned or relabelled.")
    primary_metric: Literal["roc_auc", "accuracy", "macro_f1", "weighted_f1", "weighted_precision", "log_loss"] = Field(
        "roc_auc", description="Metric of the verdict and of the choice of the final model."
    )
    resamples: int = Field(500, ge=100, le=10_000, description="Bootstrap resamples of the intervals.")
