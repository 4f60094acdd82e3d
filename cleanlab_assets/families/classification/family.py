"""The classification family: single-label tables, binary and multi-class."""

from __future__ import annotations

from cleanlab_assets.families.classification.checks import class_imbalance
from cleanlab_assets.families.classification.datalab import datalab_issues
from cleanlab_assets.families.classification.detection_power import detection_power
from cleanlab_assets.families.classification.flagged_cases import flagged_cases
from cleanlab_assets.families.classification.issues import label_issues
from cleanlab_assets.families.classification.predictions import predictions
from cleanlab_assets.families.classification.report import datalab_report
from cleanlab_assets.families.classification.training_set import training_set
from cleanlab_assets.families.classification.variants import VARIANTS
from cleanlab_assets.families.family import ModelChoice, TaskFamily
from cleanlab_assets.families.in_sample import predictions_are_out_of_sample
from cleanlab_assets.families.predictions import measure_calibrated_log_loss
from cleanlab_assets.families.tables.checks import (
    TABLE_CHECKS,
    every_class_in_every_part,
    probabilities_are_valid,
)
from cleanlab_assets.families.tables.embeddings import embeddings
from cleanlab_assets.families.tables.stack import stack_class_models
from cleanlab_assets.families.tables.steps import (
    collect_data_issues,
    datalab_summary,
    duplicate_sets,
    neighbor_graph,
)
from cleanlab_assets.families.tables.suggested_labels import suggested_labels

CLASSIFICATION = TaskFamily(
    name="classification",
    default_model="logistic_regression",
    choice=ModelChoice(
        models=("logistic_regression", "hist_gradient_boosting"),
        linear=("logistic_regression",),
        error="log loss after calibration",
        measure=measure_calibrated_log_loss,
    ),
    steps=(
        training_set,
        embeddings,
        neighbor_graph,
        predictions,
        label_issues,
        detection_power,
        datalab_issues,
        datalab_summary,
        duplicate_sets,
        flagged_cases,
        suggested_labels,
        datalab_report,
    ),
    checks=(
        *TABLE_CHECKS,
        predictions_are_out_of_sample,
        every_class_in_every_part,
        class_imbalance,
        probabilities_are_valid,
    ),
    variants=VARIANTS,
    stack=stack_class_models,
    data_issues=collect_data_issues,
    row_issues="datalab_issues",
    reports=("label_issues", "datalab_report", "retrained_model"),
)
