"""The model level of panels: predictions, quality of labels, consensus, annotators, and what to label next."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.active_learning import choose_batch, score_examples_to_label
from cleanlab_assets.families.multiannotator.annotations import annotations_of, panel_of, to_label_matrix
from cleanlab_assets.families.multiannotator.crowdlab import (
    build_annotator_quality,
    build_consensus,
    find_consensus_issues,
    score_labels,
)
from cleanlab_assets.families.multiannotator.metrics import measure_annotator_ranking, measure_consensus
from cleanlab_assets.families.multiannotator.plant import measure_label_detection
from cleanlab_assets.families.multiannotator.plots import plot_annotators
from cleanlab_assets.families.multiannotator.report import build_annotator_report
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import ScoredPredictions, measure_calibration
from cleanlab_assets.methods.class_predictions import (
    predict_all_classes,
    predict_out_of_sample,
    to_predictions_table,
    to_probabilities,
)
from cleanlab_assets.methods.training_set import read_features, require_same_rows, train_rows
from cleanlab_assets.models.catalogue import ModelParameterError, PipelineFactory
from cleanlab_assets.orchestration.contracts import CLASS_LABEL_ISSUES, CLASS_PREDICTIONS
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.multiannotator.config import LabelingBatchConfig
from cleanlab_assets.orchestration.multiannotator.contracts import (
    ANNOTATOR_QUALITY,
    CONSENSUS_LABELS,
    LABEL_QUALITY,
    LABELING_BATCH,
)
from cleanlab_assets.orchestration.multiannotator.dataset_level import FAMILY
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import check_parameters, pipeline_factory
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.plots import plot_label_quality, plot_reliability

WORST_ROWS = 20
NO_MODEL = "annotators_only"
"""The model that looks at no features."""
FLAG_RULE = "CROWDLAB's consensus, where it is another class than the majority vote"


def check_panel_model(dataset: str, model: str, parameters: Mapping[str, Any]) -> None:
    """Refuse, before anything runs, a model that needs features where the dataset has none, and unknown parameters.

    Raises:
        ModelParameterError: the dataset has no features, or the estimator no such parameter.
    """
    if model != NO_MODEL and not get_dataset(dataset).features:
        raise ModelParameterError(f"{dataset} has no features to learn from: use the model {NO_MODEL}")
    check_parameters(FAMILY, dataset, model, parameters)


def build_panel_model(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, seed: int, parameters: dict[str, Any]
) -> PipelineFactory:
    """Return the factory of the partition's model; raises what ``check_panel_model`` raises."""
    check_panel_model(dataset_of(context), model_of(context), parameters)
    return pipeline_factory(FAMILY, context, seed, parameters)


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
    """Out-of-sample predicted probabilities of every train example, by models that learn from majority votes."""
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    votes = encode_labels(rows["given_label"])
    build = build_panel_model(context, training_set.attrs["seed"], config.parameters)
    predicted = predict_out_of_sample(
        rows[build.features], votes, rows["fold"].to_numpy(), n_classes=len(dataset.class_names), build=build
    )
    table = to_predictions_table(rows, predicted.probabilities, dataset.class_names)
    scores = ScoredPredictions(votes, predicted.probabilities).compute()
    calibration = measure_calibration(votes, predicted.probabilities)
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": calibration.model_dump(),
        "fit_seconds": list(predicted.fit_seconds),
    }
    curve = plot_reliability(
        np.array(calibration.mean_confidence), np.array(calibration.accuracy), np.array(calibration.counts)
    )
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
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
    contract=LABEL_QUALITY,
)
def label_quality(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
) -> StepResult:
    """Every single label, worst first, with its quality and that of its example's consensus, by CROWDLAB."""
    require_same_rows(predictions, train_rows(training_set), what="predictions")
    table = score_labels(predictions, annotations)
    n_flagged = int(table["is_label_issue"].sum())
    table.attrs |= {"seed": training_set.attrs["seed"]}
    metadata: dict[str, Any] = {
        "n_labels": len(table),
        "n_flagged_labels": n_flagged,
        "flagged_rate": n_flagged / len(table),
        "model_weight": table.attrs["model_weight"],
        "worst_labels": as_table(
            table,
            WORST_ROWS,
            columns=["rank", "row_id", "annotator", "given_label", "suggested_label", "label_quality"],
        ),
    }
    if "planted_error" in table:
        detection = measure_label_detection(table, pd.Series(training_set.attrs["reference"]))
        table.attrs["detection"] = detection.model_dump()
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=CONSENSUS_LABELS,
)
def consensus_labels(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
    label_quality: pd.DataFrame,
) -> StepResult:
    """One label for each train example by majority vote, CROWDLAB and Dawid-Skene, with and without the model."""
    table = build_consensus(predictions, annotations, label_quality)
    metadata: dict[str, Any] = {
        "share_unlike_majority_vote": float((table["crowdlab_label"] != table["majority_vote_label"]).mean()),
        "preview": as_table(
            table.sort_values("consensus_quality"),
            columns=["row_id", "consensus_label", "consensus_quality", "majority_vote_label", "dawid_skene_label"],
        ),
    }
    rows = train_rows(training_set)
    if "true_label" in rows:
        table["true_label"] = rows["true_label"]
        table.attrs["with_truth"] = measure_consensus(table, rows["true_label"])
        metadata |= as_numbers(table.attrs["with_truth"])
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=ANNOTATOR_QUALITY,
)
def annotator_quality(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
    label_quality: pd.DataFrame,
) -> StepResult:
    """Every annotator, worst first: quality, agreement with the consensus, worst class and number of labels."""
    rows = train_rows(training_set)
    truth = dict(zip(rows["row_id"], rows["true_label"], strict=True)) if "true_label" in rows else None
    table = build_annotator_quality(label_quality, truth)
    metadata: dict[str, Any] = {
        "n_annotators": len(table),
        "annotators": as_table(table, len(table), columns=list(table.columns)),
        "plots": as_plots({"Annotators": plot_annotators(table)}),
    }
    if truth is not None:
        table.attrs["spearman"] = measure_annotator_ranking(table)
        metadata |= as_numbers({"spearman_with_true_accuracy": table.attrs["spearman"]})
    return StepResult(table, metadata)


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
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_quality: pd.DataFrame,
    consensus_labels: pd.DataFrame,
) -> StepResult:
    """Every train example with its majority vote, CROWDLAB's consensus, label quality, flag and rank (1 = worst)."""
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    panel = panel_of(dataset)
    hidden = {panel.example, panel.annotator, dataset.label, panel.truth}
    shown = rows[[column.name for column in dataset.columns if column.name not in hidden]]
    table = find_consensus_issues(predictions, label_quality, consensus_labels, shown)
    n_issues = int(table["is_label_issue"].sum())
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": predictions.attrs["model_parameters"],
        "notes": [],
        "flag_rule": FLAG_RULE,
    }
    if "detection" in label_quality.attrs:
        table.attrs["detection"] = label_quality.attrs["detection"]
    quality = plot_label_quality(
        table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
    )
    return StepResult(
        table,
        {
            "n_label_issues": n_issues,
            "label_issue_rate": n_issues / len(table),
            "worst_rows": as_table(
                table.sort_values("rank"),
                WORST_ROWS,
                columns=["rank", "row_id", "given_label", "suggested_label", "label_quality", "is_label_issue"],
            ),
            "plots": as_plots({"Label quality of the majority vote": quality}),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=LABELING_BATCH,
    heavy=True,
)
def labeling_batch(
    context: dg.AssetExecutionContext,
    config: LabelingBatchConfig,
    raw_dataset: pd.DataFrame,
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
    annotator_quality: pd.DataFrame,
    consensus_labels: pd.DataFrame,
) -> StepResult:
    """The next examples to label, lowest active learning score first, each with the best annotator to ask and why.

    Both train examples and examples without any label are looked at. New labels in the data directory lead to the next
    batch.
    """
    dataset = get_dataset(dataset_of(context))
    panel, rows = panel_of(dataset), train_rows(training_set)
    build = build_panel_model(context, training_set.attrs["seed"], predictions.attrs["model_parameters"])
    waiting = raw_dataset[raw_dataset[dataset.label].isna()]
    waiting = waiting.assign(row_id=waiting[panel.example].astype(str)).reset_index(drop=True)
    unlabelled = np.empty((0, len(dataset.class_names)), dtype=np.float32)
    if len(waiting):
        codes = encode_labels(consensus_labels["consensus_label"])
        model = build().fit(rows[build.features], codes)
        features = read_features(waiting, dataset)
        unlabelled = predict_all_classes(model, features[build.features], n_classes=len(dataset.class_names))
    known = annotations_of(annotations, rows["row_id"])
    labels = to_label_matrix(known, rows["row_id"])
    scores = np.concatenate(score_examples_to_label(labels, to_probabilities(predictions), unlabelled))
    names = list(known["annotator"].cat.categories)
    quality = annotator_quality.set_index("annotator")["annotator_quality"].loc[names].to_numpy()
    batch = choose_batch(
        np.concatenate([labels, np.full((len(waiting), len(names)), -1)]),
        scores,
        [*rows["row_id"], *waiting["row_id"]],
        names,
        quality,
        size=config.batch_size,
    )
    titles = [column.name for column in dataset.columns if not column.is_feature and column.name in rows]
    described = pd.concat([rows, waiting]).set_index("row_id")[titles]
    batch = batch.join(described, on="row_id")
    return StepResult(
        batch,
        {
            "n_examples": len(batch),
            "n_without_label": int((batch["n_annotations"] == 0).sum()),
            "n_waiting": len(waiting),
            "batch": as_table(batch, len(batch), columns=list(batch.columns)),
        },
    )


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def audit_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    learning_curve: pd.DataFrame,
    label_quality: pd.DataFrame,
    consensus_labels: pd.DataFrame,
    annotator_quality: pd.DataFrame,
    label_issues: pd.DataFrame,
    labeling_batch: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report: annotators, consensus, worst examples and labels, and what to label next."""
    record = label_issues.attrs[PROVENANCE]
    report = build_annotator_report(
        dataset=get_dataset(dataset_of(context)),
        model=model_of(context),
        training_set=training_set,
        annotations=annotations,
        learning_curve=learning_curve,
        label_quality=label_quality,
        consensus_labels=consensus_labels,
        annotator_quality=annotator_quality,
        label_issues=label_issues,
        labeling_batch=labeling_batch,
        facts={
            "Seed": str(training_set.attrs["seed"]),
            "Training set hash": training_set.attrs[PROVENANCE]["data_hash"],
            "Training set settings": training_set.attrs[PROVENANCE]["config"],
            "Audited": record["started"],
            **record["versions"],
        },
        artifacts=f"{FAMILY}/{{}}/{dataset_of(context)}/{model_of(context)}.parquet of the artifacts",
    )
    page = render_report(report)
    return StepResult(page, {"size_kb": len(page) // 1000, "notes": as_notes(report.notes)})
