"""Run settings of the classification chain beside those that families on tables share."""

from typing import Literal

import dagster as dg
from pydantic import Field

from cleanlab_assets.methods.label_issues import FilterRule, QualityMethod
from cleanlab_assets.orchestration.tabular import config as tabular


class TrainingSetConfig(tabular.TrainingSetConfig):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["uniform", "class_pairs"] = Field(
        "uniform", description="Any other class, or a class whose rows resemble the row's class."
    )


class LabelIssuesConfig(dg.Config):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field("prune_by_noise_rate", description="cleanlab's rule for the flags.")
    quality_method: QualityMethod = Field("self_confidence", description="cleanlab's score for the ranking.")


class VariantComparisonConfig(tabular.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["roc_auc", "accuracy", "macro_f1", "weighted_f1", "weighted_precision", "log_loss"] = Field(
        "roc_auc", description="Metric of the verdict and of the choice of the final model."
    )
