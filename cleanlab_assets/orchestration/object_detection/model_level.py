"""The model level of the object detection chain, up to the report: predicted boxes and the issues they reveal."""

import json
from typing import Any

import dagster as dg
import pandas as pd

from cleanlab_assets.families.images.report import build_image_issue_section
from cleanlab_assets.families.object_detection.calibration import (
    calibrate_scores_out_of_fold,
    measure_score_calibration,
)
from cleanlab_assets.families.object_detection.detection_power import measure_box_detection
from cleanlab_assets.families.object_detection.issues import BOX_ISSUE_KINDS, judge_boxes, sum_up_images
from cleanlab_assets.families.object_detection.predictions import (
    predict_boxes_out_of_sample,
    read_predictions_table,
    to_predictions_table,
)
from cleanlab_assets.families.object_detection.report import build_object_detection_report, draw_worst_images
from cleanlab_assets.families.object_detection.variants import ScoredDetections
from cleanlab_assets.methods.detection_power import measure_detection
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.object_detection.contracts import BOX_ISSUES, BOX_LABEL_ISSUES, BOX_PREDICTIONS
from cleanlab_assets.orchestration.object_detection.dataset_level import FAMILY, read_boxed_images
from cleanlab_assets.orchestration.partial_results import PartialResults
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.vision.image_issues import read_image_issue_summary
from cleanlab_assets.reports.html import render_report

CODE_VERSION = "2"
WORST_ROWS = 20
WORST_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "label_quality", "is_label_issue")
BOX_SHOWN = ("rank", "row_id", "box", "issue", "given_class", "suggested_class", "probability", "label_quality")
OVERLAYS = 4
FLAG_RULE = "a box is overlooked, badly located, swapped or extra with a quality below one half"


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version=CODE_VERSION,
    kinds={"torch", "parquet"},
    contract=BOX_PREDICTIONS,
    heavy=True,
)
def predictions(context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame) -> StepResult:
    """Out-of-sample predicted boxes: every train image is predicted once, by a model that never saw it.

    Each fold is stored as soon as it is predicted, so that an interrupted run goes on with the images that are
    missing. Scores are calibrated out of fold, so that they are probabilities.
    """
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    images, folds = read_boxed_images(rows, dataset.name), rows["fold"].to_numpy()
    seed = training_set.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, config.parameters)
    partial = PartialResults.of_predictions(
        context, training_set, parameters=config.parameters, code_version=CODE_VERSION
    )
    at_hand = partial.read()
    n_at_hand = 0 if at_hand is None else len(at_hand)
    predicted = predict_boxes_out_of_sample(
        images,
        folds,
        build=build,
        at_hand={}
        if at_hand is None
        else dict(zip(at_hand["row_id"], read_predictions_table(at_hand, dataset.class_names), strict=True)),
        keep=lambda part, boxes: partial.add(to_predictions_table(part, [""] * len(part), boxes)),
    )
    given_labels = rows["given_label"].tolist()
    # Rounded as those of a part that was stored: else a run that was interrupted would end in other scores.
    stored = to_predictions_table(images, given_labels, predicted.predictions)
    scored = read_predictions_table(stored, dataset.class_names)
    calibrated = calibrate_scores_out_of_fold(images, scored, folds)
    table = to_predictions_table(images, given_labels, calibrated)
    scores = ScoredDetections(images, scored).compute()
    calibration = measure_score_calibration(images, calibrated)
    table.attrs = {
        "seed": seed,
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": {"expected_calibration_error": calibration},
        "fit_seconds": list(predicted.fit_seconds),
    }
    partial.clear()
    n_boxes = table["probabilities"].map(lambda text: len(json.loads(text)))
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration,
            "predicted_boxes": int(n_boxes.sum()),
            "images_taken_up_from_an_interrupted_run": n_at_hand,
            "fit_seconds": sum(predicted.fit_seconds),
            "preview": as_table(table.assign(n_predicted=n_boxes), columns=["row_id", "given_label", "n_predicted"]),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="2",
    kinds={"cleanlab", "parquet"},
    contract=BOX_ISSUES,
)
def box_issues(context: dg.AssetExecutionContext, training_set: pd.DataFrame, predictions: pd.DataFrame) -> StepResult:
    """Every given box with the issue it most likely has, and the objects that nobody boxed, worst first.

    A box may be badly located, of a swapped class, or extra; an object that the model is sure of may be overlooked.
    """
    dataset = get_dataset(dataset_of(context))
    images = read_boxed_images(train_rows(training_set), dataset.name)
    table = judge_boxes(images, read_predictions_table(predictions, dataset.class_names))
    flagged = table[table["is_box_issue"]]
    metadata: dict[str, Any] = {
        "n_box_issues": len(flagged),
        **{f"n_{kind}": int((flagged["issue"] == kind).sum()) for kind in BOX_ISSUE_KINDS},
        "worst_boxes": as_table(table, WORST_ROWS, columns=BOX_SHOWN),
        "plots": as_plots(draw_worst_images(images, table, n_images=OVERLAYS)),
    }
    if planted := training_set.attrs["planted"]:
        by_kind = measure_box_detection(table, pd.DataFrame.from_records(planted))
        table.attrs["detection_by_kind"] = json.loads(by_kind.to_json(orient="records"))
        metadata["detection_by_kind"] = as_table(by_kind, len(by_kind), columns=list(by_kind.columns))
    return StepResult(table, metadata)


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="2",
    kinds={"cleanlab", "parquet"},
    contract=BOX_LABEL_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    box_issues: pd.DataFrame,
) -> StepResult:
    """Every train image with its label quality, flag and rank (1 is the worst), and how many boxes have which issue.

    Lower quality is worse. An image is flagged where one of its boxes is.
    """
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    images = read_boxed_images(rows, dataset.name)
    table = sum_up_images(images, read_predictions_table(predictions, dataset.class_names), box_issues)
    n_issues = int(table["is_label_issue"].sum())
    table.attrs = {
        "seed": training_set.attrs["seed"],
        "model_parameters": predictions.attrs["model_parameters"],
        "flag_rule": FLAG_RULE,
        "notes": [],
    }
    metadata: dict[str, Any] = {
        "n_label_issues": n_issues,
        "label_issue_rate": n_issues / len(table),
        "worst_rows": as_table(table.sort_values("rank"), WORST_ROWS, columns=WORST_COLUMNS),
        "notes": as_notes([]),
    }
    if "planted_error" in rows:
        for name in ("planted_error", "planted_kind", "true_label"):
            table[name] = rows[name]
        is_planted = rows["planted_error"].to_numpy(dtype=bool)
        detection = measure_detection(table["label_quality"].to_numpy(), table["is_label_issue"].to_numpy(), is_planted)
        table.attrs["detection"] = detection.model_dump()
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
    return StepResult(table, metadata)


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def box_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    box_issues: pd.DataFrame,
    label_issues: pd.DataFrame,
    image_issues: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report: the pictures behind every kind of box issue, and what did not run."""
    dataset = get_dataset(dataset_of(context))
    record = label_issues.attrs[PROVENANCE]
    report = build_object_detection_report(
        dataset=dataset,
        model=model_of(context),
        images=read_boxed_images(train_rows(training_set), dataset.name),
        predictions=read_predictions_table(predictions, dataset.class_names),
        boxes=box_issues,
        label_issues=label_issues,
        cross_validation=predictions.attrs["cross_validation"],
        detection_by_kind=pd.DataFrame.from_records(box_issues.attrs.get("detection_by_kind", [])),
        facts={
            "Seed": str(training_set.attrs["seed"]),
            "Training set hash": training_set.attrs[PROVENANCE]["data_hash"],
            "Training set settings": training_set.attrs[PROVENANCE]["config"],
            "Audited": record["started"],
            **record["versions"],
        },
        extra_sections=[
            build_image_issue_section(
                image_issues,
                read_image_issue_summary(image_issues),
                training_set,
                gates=dataset.gates,
                top_rows=WORST_ROWS,
                full_table=f"{FAMILY}/image_issues/{dataset.name}.parquet of the artifacts",
            )
        ],
        full_table=f"box_issues in {FAMILY}/ of the artifacts, {dataset.name}/{model_of(context)}.parquet",
    )
    page = render_report(report)
    n_flagged = int(label_issues["is_label_issue"].sum())
    return StepResult(page, {"size_kb": len(page) // 1000, "n_flagged_images": n_flagged})
