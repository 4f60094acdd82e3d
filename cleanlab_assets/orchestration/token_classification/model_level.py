"""The model level of the token chain, up to the report: predictions and the issues that they reveal."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.token_classification.issues import (
    count_common_errors,
    describe_contexts,
    find_sentence_issues,
)
from cleanlab_assets.families.token_classification.metrics import TOKEN_METRICS, ScoredTokens
from cleanlab_assets.families.token_classification.report import build_token_report
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import measure_calibration
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.detection_power import measure_detection
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.contracts import CLASS_PREDICTIONS
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.token_classification.config import LabelIssuesConfig
from cleanlab_assets.orchestration.token_classification.contracts import (
    COMMON_ERRORS,
    SENTENCE_ISSUES,
    TOKEN_LABEL_ISSUES,
)
from cleanlab_assets.orchestration.token_classification.dataset_level import FAMILY
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.plots import plot_label_quality, plot_noise_matrix, plot_reliability

WORST_ROWS = 20
WORST_COLUMNS = ("rank", "row_id", "context", "given_label", "suggested_label", "label_quality", "is_label_issue")


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
    """Out-of-sample predicted probabilities: every train token is predicted by a model that never saw its document."""
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    labels = encode_labels(rows["given_label"])
    build = pipeline_factory(FAMILY, context, training_set.attrs["seed"], config.parameters)
    predicted = predict_out_of_sample(
        rows[build.features], labels, rows["fold"].to_numpy(), n_classes=len(dataset.class_names), build=build
    )
    table = to_predictions_table(rows, predicted.probabilities, dataset.class_names)
    scores = ScoredTokens(labels, predicted.probabilities, tags=dataset.class_names).compute()
    calibration = measure_calibration(labels, predicted.probabilities)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "cross_validation": as_numbers(scores),
        "calibration": calibration.model_dump(),
        "fit_seconds": list(predicted.fit_seconds),
    }
    curve = plot_reliability(
        np.array(calibration.mean_confidence), np.array(calibration.accuracy), np.array(calibration.counts)
    )
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": scores[name] for name in TOKEN_METRICS}),
            "expected_calibration_error": calibration.expected_calibration_error,
            "fit_seconds": sum(predicted.fit_seconds),
            "plots": as_plots({"Reliability": curve}),
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=TOKEN_LABEL_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,
    config: LabelIssuesConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every train token with its context, given tag, suggested tag, label quality, flag and rank (1 is the worst).

    Lower quality is worse. The row id says file and line, so that the tag can be corrected at its source.
    """
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    features = FeatureKinds.of(get_dataset(dataset_of(context)).columns).names
    issues = find_label_issues(
        predictions, rows[features], filter_by=config.filter_by, quality_method=config.quality_method
    )
    table, n_issues = issues.table, int(issues.table["is_label_issue"].sum())
    table.insert(1, "sentence_id", rows["sentence_id"].array)
    table["context"] = describe_contexts(rows)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "model_parameters": predictions.attrs["model_parameters"],
        "estimated_errors": issues.estimated_errors,
        "notes": list(issues.notes),
        "flag_rule": f"cleanlab's rule {config.filter_by}",
    }
    quality, is_issue = table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
    metadata: dict[str, Any] = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "estimated_errors": issues.estimated_errors,
        "filter_by": config.filter_by,
        "quality_method": config.quality_method,
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS, columns=WORST_COLUMNS),
        "plots": as_plots(
            {
                "Label quality": plot_label_quality(quality, is_issue),
                "P(given label | true label), estimated": plot_noise_matrix(issues.noise_matrix),
            }
        ),
        "notes": as_notes(issues.notes),
    }
    if "planted_error" in rows:
        table["planted_error"], table["true_label"] = rows["planted_error"], rows["true_label"]
        detection = measure_detection(quality, is_issue, rows["planted_error"].to_numpy())
        table.attrs["detection"] = detection.model_dump()
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=SENTENCE_ISSUES,
)
def sentence_issues(context: dg.AssetExecutionContext, label_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
    """Every train sentence with the label quality of its worst token: which sentences to read first."""
    table = find_sentence_issues(label_issues)
    return StepResult(
        table,
        {
            "n_sentences": len(table),
            "n_sentences_with_issues": int((table["n_issues"] > 0).sum()),
            "worst_sentences": as_table(
                table.sort_values("rank"),
                WORST_ROWS,
                columns=["rank", "sentence_id", "worst_token", "label_quality", "n_issues", "sentence"],
            ),
        },
    )


@family_asset(
    FAMILY, level=MODEL, storage="parquet", code_version="1", kinds={"pandas", "parquet"}, contract=COMMON_ERRORS
)
def common_errors(context: dg.AssetExecutionContext, label_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
    """How often a word is flagged with the same given and suggested tag: what annotators mistake again and again."""
    table = count_common_errors(label_issues)
    return StepResult(table, {"n_kinds": len(table), "most_common": as_table(table, WORST_ROWS)})


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def token_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    sentence_issues: pd.DataFrame,
    common_errors: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report of the doubtful tags, each in its sentence; open it in any browser, offline."""
    issues_record, training_record = label_issues.attrs[PROVENANCE], training_set.attrs[PROVENANCE]
    report = build_token_report(
        dataset=get_dataset(dataset_of(context)),
        model=model_of(context),
        training_set=training_set,
        cross_validation=predictions.attrs["cross_validation"],
        label_issues=label_issues,
        sentence_issues=sentence_issues,
        common_errors=common_errors,
        facts={
            "Model": model_of(context),
            "Seed": str(training_set.attrs["seed"]),
            "Training set hash": training_record["data_hash"],
            "Training set settings": training_record["config"],
            "Label issues hash": issues_record["data_hash"],
            "Audited": issues_record["started"],
            **issues_record["versions"],
        },
        full_table=f"{FAMILY}/label_issues/{dataset_of(context)}/{model_of(context)}.parquet of the artifacts",
    )
    page = render_report(report)
    return StepResult(page, {"size_kb": len(page) // 1000})
