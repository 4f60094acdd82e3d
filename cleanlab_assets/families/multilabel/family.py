"""The multilabel family: tables whose labels name any number of classes."""

from __future__ import annotations

from cleanlab_assets.families.family import ModelChoice, TaskFamily
from cleanlab_assets.families.in_sample import predictions_are_out_of_sample
from cleanlab_assets.families.multilabel.checks import class_imbalance, probabilities_are_valid
from cleanlab_assets.families.multilabel.datalab import datalab_issues
from cleanlab_assets.families.multilabel.detection_power import detection_power
from cleanlab_assets.families.multilabel.flagged_cases import flagged_cases
from cleanlab_assets.families.multilabel.issues import label_issues, label_issues_by_class
from cleanlab_assets.families.multilabel.predictions import predictions
from cleanlab_assets.families.multilabel.report import datalab_report
from cleanlab_assets.families.multilabel.training_set import training_set
from cleanlab_assets.families.multilabel.variants import VARIANTS
from cleanlab_assets.families.predictions import read_metric
from cleanlab_assets.families.tables.checks import TABLE_CHECKS, every_class_in_every_part
from cleanlab_assets.families.tables.embeddings import embeddings
from cleanlab_assets.families.tables.steps import (
    collect_data_issues,
    datalab_summary,
    duplicate_sets,
    neighbor_graph,
)

MULTILABEL = TaskFamily(
    name="multilabel",
    default_model="logistic_regression",
    choice=ModelChoice(
        models=("logistic_regression", "hist_gradient_boosting"),
        linear=("logistic_regression",),
        error="Hamming loss",
        measure=read_metric("hamming_loss"),
    ),
    steps=(
        training_set,
        embeddings,
        neighbor_graph,
        predictions,
        label_issues,
        detection_power,
        label_issues_by_class,
        datalab_issues,
        datalab_summary,
        duplicate_sets,
        flagged_cases,
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
    data_issues=collect_data_issues,
    row_issues="datalab_issues",
    reports=("label_issues", "label_issues_by_class", "datalab_report", "retrained_model"),
    columns={
        "missing_labels": "Classes that the label likely lacks.",
        "extra_labels": "Classes that the label likely names in error.",
    },
)
