"""The model level of the multi-label chain, up to the report: predictions and the issues that they reveal."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.multilabel.issues import LabelSetIssues, find_label_set_issues, list_class_issues
from cleanlab_assets.families.multilabel.metrics import ScoredLabelSets, measure_label_set_calibration
from cleanlab_assets.families.multilabel.predictions import (
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
)
from cleanlab_assets.families.multilabel.report import build_multilabel_report
from cleanlab_assets.families.tables.datalab import find_datalab_issues
from cleanlab_assets.methods.detection_power import measure_detection, measure_detection_by_kind
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.orchestration.contracts import DATALAB_ISSUES
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.multilabel.config import LabelIssuesConfig, PredictionsConfig
from cleanlab_assets.orchestration.multilabel.contracts import (
    LABEL_ISSUES_BY_CLASS,
    LABEL_SET_ISSUES,
    LABEL_SET_PREDICTIONS,
)
from cleanlab_assets.orchestration.multilabel.dataset_level import FAMILY
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.tabular.config import DatalabIssuesConfig
from cleanlab_assets.orchestration.tabular.model_level import (
    build_datalab_summary,
    build_duplicate_sets,
    describe_datalab_issues,
    describe_origin,
    describe_report,
    pipeline_factory,
)
from cleanlab_assets.reports.plots import plot_label_quality, plot_reliability

WORST_ROWS = 20
WORST_COLUMNS = (
    *("rank", "row_id", "given_label", "suggested_label", "missing_labels", "extra_labels"),
    *("label_quality", "is_label_issue"),
)
_RULES = ("filter_by", "quality_method", "aggregation")


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"scikitlearn", "parquet"},
    contract=LABEL_SET_PREDICTIONS,
    heavy=True,
)
def predictions(context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame) -> StepResult:
    """Out-of-sample probability of each class: every train row is predicted once, by a model that never saw it.

    Probabilities are calibrated class by class on the rows of the other folds; those of the model are kept beside.
    """
    names = get_dataset(dataset_of(context)).class_names
    rows = train_rows(training_set)
    is_named = encode_given_labels(rows, names)
    build = pipeline_factory(FAMILY, context, training_set.attrs["seed"], config.parameters)
    predicted = predict_label_sets_out_of_sample(
        rows[build.features], is_named, rows["fold"].to_numpy(), build=build, calibration=config.calibration
    )
    table = to_label_set_predictions_table(rows, predicted, names)
    # Metrics are those of the model as it is trained and stored, the calibration error that of what the audit uses.
    scored = ScoredLabelSets(is_named, predicted.uncalibrated)
    scores = scored.compute()
    calibration = measure_label_set_calibration(is_named, predicted.probabilities)
    before = measure_label_set_calibration(is_named, predicted.uncalibrated).expected_calibration_error
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "calibration_method": config.calibration,
        "cross_validation": scores,
        "class_roc_auc": dict(zip(names, scored.class_areas(), strict=True)),
        "calibration": calibration.model_dump(),
        "uncalibrated_error": before,
        "fit_seconds": list(predicted.fit_seconds),
    }
    areas = pd.DataFrame({"class_name": names, "roc_auc": scored.class_areas()})
    plot = plot_reliability(
        np.array(calibration.mean_confidence), np.array(calibration.accuracy), np.array(calibration.counts)
    )
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration.expected_calibration_error,
            "expected_calibration_error_before_calibration": before,
            "fit_seconds": sum(predicted.fit_seconds),
            "roc_auc_by_class": as_table(areas, len(areas)),
            "plots": as_plots({"Reliability": plot}),
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=LABEL_SET_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,
    config: LabelIssuesConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every train row with its given and suggested label, which classes are missing or extra, quality, flag and rank.

    Each class is judged by itself; a row's label quality aggregates those of its classes, and a row is flagged if one
    of its classes is. The flag rate without calibration is told beside.
    """
    names = [column.name for column in get_dataset(dataset_of(context)).features]
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    rules = config.model_dump()
    issues = find_label_set_issues(predictions, rows[names], **rules)
    before = find_label_set_issues(predictions, rows[names], **rules, calibrated=False).table["is_label_issue"]
    table, n_issues = issues.table, int(issues.table["is_label_issue"].sum())
    by_class = issues.by_class.assign(roc_auc=list(predictions.attrs["class_roc_auc"].values()))
    table.attrs = {
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "aggregation": config.aggregation,
        "seed": training_set.attrs["seed"],
        "model_parameters": predictions.attrs["model_parameters"],
        "calibration_method": predictions.attrs["calibration_method"],
        "calibration_error": predictions.attrs["calibration"]["expected_calibration_error"],
        "uncalibrated_error": predictions.attrs["uncalibrated_error"],
        "uncalibrated_flag_rate": float(before.mean()),
        "by_class": json.loads(by_class.to_json(orient="records")),
        "notes": list(issues.notes),
        "flag_rule": f"cleanlab's rule {config.filter_by} for one class at least",
    }
    metadata: dict[str, Any] = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "label_issue_rate_before_calibration": float(before.mean()),
        **rules,
        "by_class": as_table(by_class, len(by_class)),
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS, columns=WORST_COLUMNS),
        "plots": as_plots(
            {
                "Label quality": plot_label_quality(
                    table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
                )
            }
        ),
        "notes": as_notes(issues.notes),
    }
    if "planted_error" in rows:
        for name in ("planted_error", "true_label", "planted_kind"):
            table[name] = rows[name]
        quality, flags = table["label_quality"].to_numpy(), table["is_label_issue"].to_numpy()
        detection = measure_detection(quality, flags, rows["planted_error"].to_numpy())
        by_kind = measure_detection_by_kind(quality, flags, rows["planted_kind"])
        table.attrs["detection"] = detection.model_dump()
        table.attrs["detection_by_kind"] = json.loads(by_kind.to_json(orient="records"))
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
        metadata["detection_by_kind"] = as_table(by_kind, len(by_kind), columns=list(by_kind.columns))
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=LABEL_ISSUES_BY_CLASS,
)
def label_issues_by_class(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Every class of every train row: whether the label names it, its probability, quality, flag and rank."""
    require_same_rows(predictions, label_issues, what="predictions")
    table = list_class_issues(
        predictions,
        filter_by=label_issues.attrs["filter_by"],
        quality_method=label_issues.attrs["quality_method"],
    )
    flagged = table[table["is_label_issue"]].sort_values("label_quality")
    return StepResult(table, {"n_flagged": len(flagged), "worst": as_table(flagged, WORST_ROWS)})


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=DATALAB_ISSUES,
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
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    names = [column.name for column in get_dataset(dataset_of(context)).features]
    found = find_datalab_issues(
        predictions,
        rows[names],
        neighbor_graph,
        seed=training_set.attrs["seed"],
        task="multilabel",
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
    label_issues: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    dataset, model = get_dataset(dataset_of(context)), model_of(context)
    report = build_multilabel_report(
        dataset=dataset,
        model=model,
        training_set=training_set,
        label_issues=label_issues,
        datalab_issues=datalab_issues,
        datalab_summary=datalab_summary,
        duplicate_sets=duplicate_sets,
        facts=describe_origin(context, training_set, datalab_issues),
        full_table=f"label_issues in {FAMILY}/ of the artifacts, {dataset.name}/{model}.parquet",
    )
    return describe_report(report, datalab_summary)


def same_audit(label_issues: pd.DataFrame) -> Callable[[pd.DataFrame, pd.DataFrame], LabelSetIssues]:
    """Return the audit with the rules of stored label issues, for other predictions and features."""
    return partial(find_label_set_issues, **{name: label_issues.attrs[name] for name in _RULES})
