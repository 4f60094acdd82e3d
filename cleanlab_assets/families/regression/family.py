"""The regression family: tables with a numeric label, rows in any order or a series."""

from __future__ import annotations

from cleanlab_assets.families.family import ModelChoice, TaskFamily
from cleanlab_assets.families.in_sample import predictions_are_out_of_sample
from cleanlab_assets.families.predictions import read_metric
from cleanlab_assets.families.regression.checks import (
    no_drift_passes_for_signal,
    outlier_detection_power,
    values_are_valid,
)
from cleanlab_assets.families.regression.datalab import datalab_issues
from cleanlab_assets.families.regression.detection_power import detection_power
from cleanlab_assets.families.regression.flagged_cases import flagged_cases
from cleanlab_assets.families.regression.issues import label_issues
from cleanlab_assets.families.regression.outlier_detectors import outlier_detectors
from cleanlab_assets.families.regression.predictions import predictions
from cleanlab_assets.families.regression.report import datalab_report
from cleanlab_assets.families.regression.training_set import training_set
from cleanlab_assets.families.regression.variants import VARIANTS
from cleanlab_assets.families.tables.checks import TABLE_CHECKS
from cleanlab_assets.families.tables.embeddings import embeddings
from cleanlab_assets.families.tables.steps import (
    collect_data_issues,
    datalab_summary,
    duplicate_sets,
    neighbor_graph,
)
from cleanlab_assets.families.tables.suggested_labels import suggested_labels

REGRESSION = TaskFamily(
    name="regression",
    default_model="ridge",
    choice=ModelChoice(
        models=("ridge", "hist_gradient_boosting"), linear=("ridge",), error="RMSE", measure=read_metric("rmse")
    ),
    steps=(
        training_set,
        embeddings,
        neighbor_graph,
        outlier_detectors,
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
        outlier_detection_power,
        values_are_valid,
        no_drift_passes_for_signal,
    ),
    variants=VARIANTS,
    data_issues=collect_data_issues,
    row_issues="datalab_issues",
    reports=("label_issues", "datalab_report", "retrained_model"),
    columns={
        "predicted_value": "Out-of-sample predicted value.",
        "uncertainty": "Estimated standard deviation of the label around the prediction, in the label's unit.",
        "residual": "Given label less predicted value.",
        "is_below_cleanlab_cut": "Label quality is below cleanlab's own cut.",
        "is_below_calibrated_cut": "Label quality is below the cut of known false-flag rate.",
    },
)
