"""The model level of the segmentation chain, up to the report: predicted pixels and the issues they reveal."""

import json
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.images.report import build_image_issue_section
from cleanlab_assets.families.segmentation.issues import (
    find_mask_issues,
    measure_pixel_calibration,
    predict_masks_out_of_sample,
    unpack_probabilities,
)
from cleanlab_assets.families.segmentation.regions import LEAST_PIXELS, SURE_MARGIN
from cleanlab_assets.families.segmentation.report import build_segmentation_report, draw_worst_masks
from cleanlab_assets.families.segmentation.variants import score_masks
from cleanlab_assets.methods.detection_power import measure_detection, measure_detection_by_kind
from cleanlab_assets.methods.training_set import require_same_rows, train_rows
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partial_results import PartialResults
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE
from cleanlab_assets.orchestration.segmentation.contracts import (
    CLASS_CONFUSIONS,
    CLASS_SUMMARY,
    MASK_LABEL_ISSUES,
    MASK_PREDICTIONS,
    PIXEL_ISSUES,
)
from cleanlab_assets.orchestration.segmentation.dataset_level import FAMILY, read_masked_images
from cleanlab_assets.orchestration.tabular.config import PredictionsConfig
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.vision.image_issues import read_image_issue_summary
from cleanlab_assets.reports.html import render_report

CODE_VERSION = "2"
WORST_ROWS = 20
WORST_COLUMNS = ("rank", "row_id", "given_label", "suggested_label", "label_quality", "is_label_issue")
REGION_COLUMNS = ("rank", "row_id", "issue_share", "region_given_class", "region_suggested_class", "region_pixels")
OVERLAYS = 4
FLAG_RULE = f"a region of at least {LEAST_PIXELS} pixels where another class is more probable by {SURE_MARGIN:g}"


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version=CODE_VERSION,
    kinds={"torch", "parquet"},
    contract=MASK_PREDICTIONS,
    heavy=True,
)
def predictions(context: dg.AssetExecutionContext, config: PredictionsConfig, training_set: pd.DataFrame) -> StepResult:
    """Out-of-sample probabilities of every pixel: every train image is predicted once, by a model that never saw it.

    Images are stored part by part as soon as they are predicted, so that an interrupted run goes on with those that
    are missing.
    """
    dataset = get_dataset(dataset_of(context))
    rows = train_rows(training_set)
    images, seed = read_masked_images(rows, dataset.name), training_set.attrs["seed"]
    partial = PartialResults.of_predictions(
        context, training_set, parameters=config.parameters, code_version=CODE_VERSION
    )
    stored = partial.read()
    at_hand = {} if stored is None else dict(zip(stored["row_id"], stored["probabilities"], strict=True))
    predicted = predict_masks_out_of_sample(
        images,
        rows["fold"].to_numpy(),
        build=pipeline_factory(FAMILY, context, seed, config.parameters),
        at_hand=at_hand,
        keep=lambda ids, packed: partial.add(pd.DataFrame({"row_id": ids, "probabilities": packed})),
    )
    packed = predicted.probabilities
    table = pd.DataFrame({"row_id": rows["row_id"], "given_label": rows["given_label"], "probabilities": packed})
    scores = score_masks(images, map(unpack_probabilities, packed)).compute()
    calibration = measure_pixel_calibration(images, packed)
    table.attrs = {
        "seed": seed,
        "model_parameters": config.parameters,
        "cross_validation": scores,
        "calibration": {"expected_calibration_error": calibration},
        "fit_seconds": list(predicted.fit_seconds),
    }
    partial.clear()
    return StepResult(
        table,
        {
            **as_numbers({f"cross_validated_{name}": score for name, score in scores.items()}),
            "expected_calibration_error": calibration,
            "images_taken_up_from_an_interrupted_run": len(at_hand),
            "size_mb": sum(map(len, packed)) / 1e6,
            "fit_seconds": sum(predicted.fit_seconds),
            "preview": as_table(table),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=PIXEL_ISSUES,
    heavy=True,
)
def pixel_issues(
    context: dg.AssetExecutionContext, training_set: pd.DataFrame, predictions: pd.DataFrame
) -> StepResult:
    """Every train image with the mask of the pixels whose given class is likely wrong, and a suggested mask.

    For each image also the share of these pixels, the box of their largest region with its given and suggested class,
    and the quality of its worst object.
    """
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    images = read_masked_images(rows, dataset_of(context))
    found = find_mask_issues(images, predictions["probabilities"].tolist())
    table = pd.concat([found.table, found.pixels.drop(columns=["row_id", "issue_share"])], axis=1)
    table["given_label"] = rows["given_label"].to_numpy()
    table.attrs = {
        "classes": json.loads(found.classes.to_json(orient="records")),
        "confusions": json.loads(found.confusions.to_json(orient="records")),
    }
    return StepResult(
        table,
        {
            "n_issue_pixels": int(table["n_issue_pixels"].sum()),
            "issue_share": float(table["n_issue_pixels"].sum() / table["n_pixels"].sum()),
            "worst_images": as_table(table.sort_values("rank"), WORST_ROWS, columns=REGION_COLUMNS),
            "plots": as_plots(draw_worst_masks(images, table, n_images=OVERLAYS)),
        },
    )


@family_asset(
    FAMILY,
    level=MODEL,
    storage="parquet",
    code_version="1",
    kinds={"cleanlab", "parquet"},
    contract=MASK_LABEL_ISSUES,
)
def label_issues(
    context: dg.AssetExecutionContext,  # noqa: ARG001
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    pixel_issues: pd.DataFrame,
) -> StepResult:
    """Every train image with its label quality, flag and rank (1 is the worst); labels are the classes of the mask.

    Lower quality is worse: cleanlab's score of the pixels. An image is flagged where the model is sure of another class
    over a whole region.
    """
    rows = train_rows(training_set)
    require_same_rows(pixel_issues, rows, what="pixel_issues")
    shown = [name for name in pixel_issues.columns if name not in ("issue_mask", "suggested_mask")]
    table = pixel_issues[shown].copy()
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
            table[name] = rows[name].to_numpy()
        quality, flags = table["label_quality"].to_numpy(dtype=np.float64), table["is_label_issue"].to_numpy(dtype=bool)
        detection = measure_detection(quality, flags, rows["planted_error"].to_numpy(dtype=bool))
        by_kind = measure_detection_by_kind(quality, flags, table["planted_kind"])
        table.attrs["detection"] = detection.model_dump()
        table.attrs["detection_by_kind"] = json.loads(by_kind.to_json(orient="records"))
        metadata |= as_numbers({f"detection_{name}": value for name, value in detection.model_dump().items()})
        metadata["detection_by_kind"] = as_table(by_kind, len(by_kind), columns=list(by_kind.columns))
    return StepResult(table, metadata)


@family_asset(
    FAMILY, level=MODEL, storage="parquet", code_version="1", kinds={"cleanlab", "parquet"}, contract=CLASS_SUMMARY
)
def class_summary(context: dg.AssetExecutionContext, pixel_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
    """Every class, background first: pixels given and predicted, their overlap, mean quality, and pixel issues."""
    table = pd.DataFrame.from_records(pixel_issues.attrs["classes"])
    return StepResult(table, {"classes": as_table(table, len(table), columns=list(table.columns))})


@family_asset(
    FAMILY, level=MODEL, storage="parquet", code_version="1", kinds={"cleanlab", "parquet"}, contract=CLASS_CONFUSIONS
)
def class_confusions(context: dg.AssetExecutionContext, pixel_issues: pd.DataFrame) -> StepResult:  # noqa: ARG001
    """Which class is given where which is suggested: pairs of classes among the pixel issues, most frequent first."""
    columns = {
        "given_class": "object",
        "suggested_class": "object",
        "n_pixel_issues": "int64",
        "share": "float64",
        "n_images": "int64",
    }
    table = pd.DataFrame.from_records(pixel_issues.attrs["confusions"], columns=list(columns)).astype(columns)
    return StepResult(table, {"confusions": as_table(table, WORST_ROWS, columns=list(columns))})


@family_asset(FAMILY, level=MODEL, storage="html", code_version="1", kinds={"html"})
def mask_report(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    pixel_issues: pd.DataFrame,
    label_issues: pd.DataFrame,
    class_summary: pd.DataFrame,
    class_confusions: pd.DataFrame,
    image_issues: pd.DataFrame,
) -> StepResult:
    """A self-contained HTML report: the worst masks over their pictures, classes, common confusions, bad pictures."""
    dataset, model = get_dataset(dataset_of(context)), model_of(context)
    record, rows = label_issues.attrs[PROVENANCE], train_rows(training_set)
    of_images = build_image_issue_section(
        image_issues,
        read_image_issue_summary(image_issues),
        rows,
        gates=dataset.gates,
        top_rows=WORST_ROWS,
        full_table=f"image_issues in {FAMILY}/ of the artifacts, {dataset.name}.parquet",
    )
    report = build_segmentation_report(
        dataset=dataset,
        model=model,
        images=read_masked_images(rows, dataset.name),
        pixel_issues=pixel_issues,
        label_issues=label_issues,
        class_summary=class_summary,
        class_confusions=class_confusions,
        cross_validation=predictions.attrs["cross_validation"],
        facts={
            "Seed": str(training_set.attrs["seed"]),
            "Training set hash": training_set.attrs[PROVENANCE]["data_hash"],
            "Training set settings": training_set.attrs[PROVENANCE]["config"],
            "Audited": record["started"],
            **record["versions"],
        },
        extra_sections=[of_images],
        full_table=f"label_issues and pixel_issues in {FAMILY}/ of the artifacts, {dataset.name}/{model}.parquet",
    )
    page = render_report(report)
    return StepResult(
        page, {"size_kb": len(page) // 1000, "n_flagged_images": int(label_issues["is_label_issue"].sum())}
    )
