"""The model level of the regression chain, up to the report: predictions and the issues that they reveal."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.regression.cut_calibration import CalibratedCut, calibrate_cut
from cleanlab_assets.families.regression.issues import (
    ValueIssues,
    find_value_issues,
    predict_values_out_of_sample,
    to_value_predictions_table,
)
from cleanlab_assets.families.regression.metrics import ScoredValues, measure_interval_calibration
from cleanlab_assets.families.regression.plots import plot_given_against_predicted, plot_quality_cuts
from cleanlab_assets.families.regression.report import build_regression_report
from cleanlab_assets.families.tables.datalab import find_datalab_issues
from cleanlab_assets.methods.detection_power import measure_detection, measure_detection_by_kind
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.orchestration.contracts import VALUE_DATALAB_ISSUES, VALUE_LABEL_ISSUES, VALUE_PREDICTIONS
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.regression.config import LabelIssuesConfig
from cleanlab_assets.orchestration.regression.dataset_level import FAMILY
from cleanlab_assets.orchestration.tabular.config import DatalabIssuesConfig, PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import (
    build_datalab_summary,
    build_duplicate_sets,
    describe_datalab_issues,
    describe_origin,
    describe_report,
    pipeline_factory,
)

WORST_ROWS = 20
WORST_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "uncertainty", "label_quality", "is_label_issue")


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"scikitlearn", "parquet"},
    contract=VALUE_PREDICTIONS,
    heavy=True,
)
def predictions(context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame) -> StepResult:
    """Out-of-sample predicted values with their uncertainty: each train row by models that never saw it."""
    rows = train_rows(training_set)
    labels = rows["given_label"].to_numpy()
    build = pipeline_factory(FAMILY, context, training_set.attrs["seed"], config.parameters)
    predicted = predict_values_out_of_sample(rows[build.features], labels, rows["fold"].to_numpy(), build=build)
    table = to_value_predictions_table(rows, predicted)
    scores = ScoredValues(labels, predicted.values).compute()
    calibration = measure_interval_calibration(labels, predicted.values, predicted.uncertainty)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": calibration.model_dump(),
        "fit_seconds": list(predicted.fit_seconds),
        "n_left_out": predicted.n_left_out,
    }
    no_flags = np.zeros(len(labels), dtype=bool)
    unit = get_dataset(dataset_of(context)).label_domain.unit
    plot = plot_given_against_predicted(labels, predicted.values, no_flags, unit)
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration.expected_calibration_error,
            "median_uncertainty": float(np.median(predicted.uncertainty)),
            "rows_too_doubtful_to_learn_from": predicted.n_left_out,
            "fit_seconds": sum(predicted.fit_seconds),
            "plots": as_plots({"Given against predicted": plot}),
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="2",
    kinds={"cleanlab", "parquet"},
    contract=VALUE_LABEL_ISSUES,
    heavy=True,
)
def label_issues(
    context: dg.AssetExecutionContext,
    config: LabelIssuesConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every train row with its given label, suggested label, label quality, flag and rank (1 is the worst).

    Lower quality is worse: the residual is large for the uncertainty of its prediction. Two cuts flag: cleanlab's own,
    and one that is calibrated on a copy of the rows with planted errors, so that its false-flag rate is known.
    """
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    seed, parameters = training_set.attrs["seed"], predictions.attrs["model_parameters"]
    build = pipeline_factory(FAMILY, context, seed, parameters)
    calibrated = calibrate_cut(
        rows,
        build.features,
        build=build,
        domain=dataset.label_domain,
        false_flag_rate=config.false_flag_rate,
        seed=seed,
    )
    issues = find_value_issues(
        predictions,
        rows[build.features],
        domain=dataset.label_domain,
        flag_by=config.flag_by,
        calibrated_cut=calibrated.cut,
    )
    table, n_issues = issues.table, int(issues.table["is_label_issue"].sum())
    n_by_cleanlab = int(table["is_below_cleanlab_cut"].sum())
    table.attrs = {
        "seed": seed,
        "flag_by": config.flag_by,
        "false_flag_rate": config.false_flag_rate,
        "cleanlab_cut": issues.cleanlab_cut,
        "calibrated_cut": calibrated.model_dump(mode="json"),
        "estimated_errors": round(calibrated.estimated_error_share * len(table)),
        "model_parameters": parameters,
        "notes": [
            *issues.notes,
            f"{predictions.attrs['n_left_out']:,} rows with doubtful labels took no part in training the models behind "
            "the cross-validated metrics",
            "the estimated number of label errors is an upper one: where the model is wrong, right labels count too",
        ],
        "flag_rule": _describe_rule(config.flag_by, calibrated, n_issues / len(table)),
    }
    metadata: dict[str, Any] = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "flag_by": config.flag_by,
        "estimated_errors": table.attrs["estimated_errors"],
        "n_below_cleanlab_cut": n_by_cleanlab,
        "n_below_calibrated_cut": int(table["is_below_calibrated_cut"].sum()),
        "calibrated_cut": calibrated.cut,
        "calibrated_cut_highest_false_flag_rate": calibrated.highest_false_flag_rate,
        "calibrated_cut_false_flag_rate": calibrated.measured_false_flag_rate,
        "calibrated_cut_recall_of_planted": calibrated.recall,
        "cleanlab_cut_false_flag_rate": calibrated.cleanlab_false_flag_rate,
        "cleanlab_cut_recall_of_planted": calibrated.cleanlab_recall,
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS, columns=WORST_COLUMNS),
        "plots": as_plots(
            {
                "Given against predicted": plot_given_against_predicted(
                    table["given_label"].to_numpy(),
                    table["predicted_value"].to_numpy(),
                    table["is_label_issue"].to_numpy(),
                    dataset.label_domain.unit,
                ),
                "Label quality": plot_quality_cuts(
                    table["label_quality"].to_numpy(dtype=np.float64),
                    table["is_label_issue"].to_numpy(),
                    {"cleanlab's cut": issues.cleanlab_cut, "calibrated cut": calibrated.cut},
                ),
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
    contract=VALUE_DATALAB_ISSUES,
)
def datalab_issues(
    context: dg.AssetExecutionContext,
    config: DatalabIssuesConfig,
    training_set: pd.DataFrame,
    neighbor_graph: pd.DataFrame,
    predictions: pd.DataFrame,
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
        task="regression",
        issue_types=config.issue_types,
    )
    return describe_datalab_issues(found, neighbor_graph)


datalab_summary = build_datalab_summary(FAMILY)
duplicate_sets = build_duplicate_sets(FAMILY)


@family_asset(FAMILY, level=MODEL, storage="html", code_version="2", kinds={"html"})
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
    report = build_regression_report(
        dataset=dataset,
        model=model,
        training_set=training_set,
        label_issues=label_issues,
        datalab_issues=datalab_issues,
        datalab_summary=datalab_summary,
        duplicate_sets=duplicate_sets,
        facts=describe_origin(context, training_set, datalab_issues),
        calibration={
            **{name: label_issues.attrs[name] for name in ("flag_by", "cleanlab_cut", "false_flag_rate")},
            **{
                name: label_issues.attrs["calibrated_cut"][name]
                for name in (
                    "cut",
                    "measured_false_flag_rate",
                    "recall",
                    "cleanlab_false_flag_rate",
                    "cleanlab_recall",
                    "by_kind",
                )
            },
        },
        full_table=f"label_issues and datalab_issues in {FAMILY}/ of the artifacts, {dataset.name}/{model}.parquet",
    )
    return describe_report(report, datalab_summary)


def _describe_rule(flag_by: str, calibrated: CalibratedCut, flagged_share: float) -> str:
    """Say what the flags cost: the rate of the calibration where the model fits, else up to all that is flagged."""
    by_cleanlab = flag_by == "cleanlab"
    low = calibrated.cleanlab_false_flag_rate if by_cleanlab else calibrated.measured_false_flag_rate
    cut = "cleanlab's cut, which flags" if by_cleanlab else "a cut that flags"
    if low >= flagged_share:
        return f"{cut} at most {flagged_share:.1%} of right labels"
    return (
        f"{cut} {low:.1%} (where the model fits) to {flagged_share:.1%} (if no flagged label is wrong) of right labels"
    )


def same_audit(label_issues: pd.DataFrame, domain: NumericLabel) -> Callable[[pd.DataFrame, pd.DataFrame], ValueIssues]:
    """Return the audit with the rule and the cut of stored label issues, for other predictions and features."""
    return partial(
        find_value_issues,
        domain=domain,
        flag_by=label_issues.attrs["flag_by"],
        calibrated_cut=label_issues.attrs["calibrated_cut"]["cut"],
    )
