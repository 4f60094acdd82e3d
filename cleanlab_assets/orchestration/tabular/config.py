"""Run settings that families on tables share; each setting lives on exactly one asset."""

from typing import Any

import dagster as dg
from pydantic import Field


class TrainingSetConfig(dg.Config):
    """Which rows are audited, and how they are divided."""

    max_rows: int | None = Field(None, ge=200, le=100_000_000, description="Sample of the rows; all if absent.")
    test_fraction: float = Field(0.2, ge=0.05, le=0.5, description="Share of the rows kept as untouched test rows.")
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation on the train rows.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train labels made wrong on purpose, to measure detection."
    )


class NeighborGraphConfig(dg.Config):
    """The k-nearest-neighbour graph."""

    k: int = Field(10, ge=2, le=100, description="Neighbours of each row.")
    exact_row_limit: int = Field(50_000, ge=1_000, description="Largest number of train rows searched exactly.")


class PredictionsConfig(dg.Config):
    """The model that predicts out of sample and is retrained."""

    parameters: dict[str, Any] = Field({}, description="Estimator parameters that replace the model's defaults.")


class DatalabIssuesConfig(dg.Config):
    """Which kinds of issues are looked for."""

    issue_types: list[str] | None = Field(None, description="Datalab issue types; all of the family if absent.")


class VariantComparisonConfig(dg.Config):
    """The experiment that shows whether cleaning helps."""

    compare_cleaning: bool = Field(True, description="Compare cleaned variants; else only the baseline is fitted.")
    prune_fraction: float = Field(0.02, ge=0.0, le=0.2, description="Largest share of train rows pruned or relabelled.")
    resamples: int = Field(500, ge=100, le=10_000, description="Bootstrap resamples of the intervals.")
