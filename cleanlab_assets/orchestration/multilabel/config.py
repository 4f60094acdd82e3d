"""Run settings of the multi-label chain beside those that families on tables share."""

from typing import Literal

import dagster as dg
from pydantic import Field

from cleanlab_assets.families.multilabel.issues import Aggregation
from cleanlab_assets.families.multilabel.predictions import CalibrationMethod
from cleanlab_assets.methods.label_issues import FilterRule, QualityMethod
from cleanlab_assets.orchestration.tabular import config as tabular


class TrainingSetConfig(tabular.TrainingSetConfig):
    """Which rows are audited, how they are divided, and which label errors are planted."""

    planted_error_kind: Literal["mixed", "missing", "extra", "swapped", "whole_set"] = Field(
        "mixed", description="A class left out, put in, or exchanged for another; the set of another row; or all kinds."
    )


class PredictionsConfig(tabular.PredictionsConfig):
    """The model that predicts out of sample, and how its probabilities are calibrated."""

    calibration: CalibrationMethod = Field("platt", description="Calibration of each class on the other folds.")


class LabelIssuesConfig(dg.Config):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field("confident_learning", description="cleanlab's rule for the flags of each class.")
    quality_method: QualityMethod = Field("self_confidence", description="cleanlab's score of each class of a row.")
    aggregation: Aggregation = Field(
        "softmin",
        description="How the scores of a row's classes become that of the row: softmin weighs the worst ones most; the "
        "minimum may rank a little better where there are few classes.",
    )


class VariantComparisonConfig(tabular.VariantComparisonConfig):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["roc_auc", "micro_f1", "macro_f1", "subset_accuracy", "hamming_loss"] = Field(
        "roc_auc", description="Metric of the verdict and of the choice of the final model."
    )
