"""The model level of the classification chain, up to the report: predictions and the issues that they reveal."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.classification.report import build_classification_report
from cleanlab_assets.families.tables.datalab import find_datalab_issues
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import ScoredPredictions, measure_calibration
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.detection_power import measure_detection
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.classification.config import LabelIssuesConfig
from cleanlab_assets.orchestration.classification.dataset_level import FAMILY
from cleanlab_assets.orchestration.contracts import (
    CLASS_LABEL_ISSUES,
    CLASS_PREDICTIONS,
    DATALAB_ISSUES,
)
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.tabular.config import DatalabIssuesConfig, PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import (
    build_datalab_summary,
    build_duplicate_sets,
    describe_datalab_issues,
    describe_origin,
    describe_report,
    pipeline_factory,
)
from cleanlab_assets.reports.plots import plot_label_quality, plot_noise_matrix, plot_reliability

WORST_ROWS = 20
WORST_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "label_quality", "is_label_issue")


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"scikitlearn", "parquet"},
    contract=CLASS_PREDICTIONS,
    heavy=True,
)
def predictions(context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame) -> StepResult:
    """Out-of-sample predicted probabilities: every train row is predicted once, by a model that never saw it."""
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    labels = encode_labels(rows["given_label"])
    build = pipeline_factory(FAMILY, context, training_set.attrs["seed"], config.parameters)
    predicted = predict_out_of_sample(
        rows[build.features], labels, rows["fold"].to_numpy(), n_classes=len(dataset.class_names), build=build
    )
    table = to_predictions_table(rows, predicted.probabilities, dataset.class_names)
    scores = ScoredPredictions(labels, predicted.probabilities).compute()
    calibration = measure_calibration(labels, predicted.probabilities)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": calibration.model_dump(),
        "fit_seconds": list(predicted.fit_seconds),
    }
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration.expected_calibration_error,
            "fit_seconds": sum(predicted.fit_seconds),
            "plots": as_plots(
                {
                    "Reliability": plot_reliability(
                        np.array(calibration.mean_confidence),
                        np.array(calibration.accuracy),
                        np.array(calibration.counts),
                    )
                }
            ),
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=CLASS_LABEL_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,
    config: LabelIssuesConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every train row with its given label, suggested label, label quality, flag and rank (1 is the worst).

    Lower quality is worse. The row id says file and line, so that the label can be corrected at its source. Rank and
    flag follow different rules: the flags estimate how many labels of each class are wrong, so that a row of low
    quality in a clean class may not be flagged.
    """
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
    issues = find_label_issues(
        predictions, rows[features], filter_by=config.filter_by, quality_method=config.quality_method
    )
    table, n_issues = issues.table, int(issues.table["is_label_issue"].sum())
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "model_parameters": predictions.attrs["model_parameters"],
        "estimated_errors": issues.estimated_errors,
        "correct_rates": {name: float(issues.noise_matrix.loc[name, name]) for name in issues.noise_matrix.index},
        "notes": list(issues.notes),
        "flag_rule": f"cleanlab's rule {config.filter_by}",
    }
    metadata: dict[str, Any] = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "estimated_errors": issues.estimated_errors,
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS, columns=WORST_COLUMNS),
        "plots": as_plots(
            {
                "Label quality": plot_label_quality(
                    table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
                ),
                "P(given label | true label), estimated": plot_noise_matrix(issues.noise_matrix),
            }
        ),
        "noise_matrix": as_table(
            issues.noise_matrix.rename_axis("given_label").reset_index(),
            len(issues.noise_matrix),
            columns=["given_label", *issues.noise_matrix.columns],
        ),
        "notes": as_notes(issues.notes),
    }
    if "planted_error" in rows:
        table["planted_error"], table["true_label"] = rows["planted_error"], rows["true_label"]
        detection = measure_detection(
            table["label_quality"].to_numpy(), table["is_label_issue"].to_numpy(), rows["planted_error"].to_numpy()
        )
        table.attrs["detection"] = detection.model_dump()
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=DATALAB_ISSUES,
    heavy=True,
)
def datalab_issues(
    context: dg.AssetExecutionContext,
    config: DatalabIssuesConfig,
    training_set: pd.DataFrame,
    neighbor_graph: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Every Datalab issue type for every train row, in one run on the stored neighbour graph and predictions."""
    features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    found = find_datalab_issues(
        predictions,
        rows[features],
        neighbor_graph,
        seed=training_set.attrs["seed"],
        filter_by=label_issues.attrs["filter_by"],
        issue_types=config.issue_types,
    )
    return describe_datalab_issues(found, neighbor_graph)


datalab_summary = build_datalab_summary(FAMILY)
duplicate_sets = build_duplicate_sets(FAMILY)


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def datalab_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    report = build_classification_report(
        dataset=get_dataset(dataset_of(context)),
        model=model_of(context),
        training_set=training_set,
        datalab_issues=datalab_issues,
        datalab_summary=datalab_summary,
        duplicate_sets=duplicate_sets,
        facts=describe_origin(context, training_set, datalab_issues),
        full_table=f"{FAMILY}/datalab_issues/{dataset_of(context)}/{model_of(context)}.parquet of the artifacts",
    )
    return describe_report(report, datalab_summary)
