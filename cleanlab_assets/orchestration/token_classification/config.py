"""Run settings of the token classification chain; each setting lives on exactly one asset."""

from typing import Literal

import dagster as dg
from pydantic import Field

from cleanlab_assets.methods.label_issues import FilterRule, QualityMethod
from cleanlab_assets.orchestration.tabular import config as tabular


class TrainingSetConfig(dg.Config):
    """Which sentences are audited, how they are divided, and which tag errors are planted."""

    max_sentences: int | None = Field(
        None, ge=20, le=100_000_000, description="Random sample of the train sentences, alike by genre; all if absent."
    )
    validation_fraction: float = Field(
        0.1, ge=0.05, le=0.4, description="Share of the train tokens that validate, where there is no dev file."
    )
    test_fraction: float = Field(
        0.2, ge=0.05, le=0.4, description="Share of the train tokens kept untouched, where there is no test file."
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation on the train rows, by document.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train tags made wrong on purpose, to measure detection."
    )
    planted_error_kind: Literal["uniform", "model_confusion"] = Field(
        "uniform", description="Any other tag, or a tag that the logistic regression confuses with the right one."
    )


class LabelIssuesConfig(dg.Config):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field("prune_by_noise_rate", description="cleanlab's rule for the flags.")
    quality_method: QualityMethod = Field("self_confidence", description="cleanlab's score for the ranking.")


class VariantComparisonConfig(tabular.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["accuracy", "macro_f1", "log_loss"] = Field(
        "accuracy", description="Metric of the verdict and of the choice of the final model."
    )
