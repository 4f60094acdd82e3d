"""The checks of the object detection chain."""

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.families.object_detection.detection_power import measure_box_detection_power
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.orchestration.ai_summary import build_ai_summary_checks
from cleanlab_assets.orchestration.check_results import family_check
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.model_comparison import build_comparison_checks
from cleanlab_assets.orchestration.object_detection import dataset_level, model_level, retraining
from cleanlab_assets.orchestration.object_detection.dataset_level import FAMILY, read_boxed_images
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset_checks
from cleanlab_assets.orchestration.tabular.checks import build_prediction_checks, build_variant_check
from cleanlab_assets.orchestration.vision.checks import build_split_check, judge_detection_power_by_kind
from cleanlab_assets.orchestration.vision.image_issues import build_image_issue_checks


@family_check(FAMILY, model_level.predictions, MODEL, blocking=True, also=("training_set",))
def boxes_are_valid(
    context: dg.AssetCheckExecutionContext, predictions: pd.DataFrame, training_set: pd.DataFrame
) -> dg.AssetCheckResult:
    """Predicted boxes are finite, have an area and lie in their image; probabilities are between 0 and 1."""
    names = get_dataset(dataset_of(context)).class_names
    sizes = train_rows(training_set).set_index("row_id")[["width", "height"]]
    wrong = []
    for row_id, found in zip(predictions["row_id"], read_predictions_table(predictions, names), strict=True):
        limits = np.tile(sizes.loc[row_id].to_numpy(dtype=np.float64), 2)
        is_inside = np.isfinite(found.boxes).all() and (found.boxes >= 0).all() and (found.boxes <= limits + 1).all()
        if not is_inside or not (found.boxes[:, 2:] > found.boxes[:, :2]).all():
            wrong.append(row_id)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong):,} of {len(predictions):,} images have an invalid predicted box",
        metadata={"n_invalid": len(wrong), "rows": wrong[:20]},
    )


@family_check(FAMILY, model_level.box_issues, MODEL, heavy=True, also=("training_set", "predictions"))
def detection_power(
    context: dg.AssetCheckExecutionContext,
    box_issues: pd.DataFrame,  # noqa: ARG001 - the asset that is checked
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Errors planted in the boxes rank far worse than by chance, each kind for itself: the detector has signal.

    Errors that the training set holds on purpose are taken out first, or they would count as right.
    """
    name, rows = dataset_of(context), train_rows(training_set)
    if "true_boxes" in rows:
        rows = rows.assign(boxes=rows["true_boxes"], box_labels=rows["true_box_labels"])
    power = measure_box_detection_power(
        read_boxed_images(rows, name),
        read_predictions_table(predictions, get_dataset(name).class_names),
        seed=training_set.attrs["seed"],
    )
    return judge_detection_power_by_kind(power)


CHECKS = (
    *build_raw_dataset_checks(FAMILY, dataset_level.raw_dataset),
    build_split_check(FAMILY, dataset_level.training_set),
    boxes_are_valid,
    *build_image_issue_checks(FAMILY, dataset_level.image_issues),
    *build_prediction_checks(FAMILY, model_level.predictions, model_level.label_issues),
    detection_power,
    build_variant_check(FAMILY, retraining.variant_comparison),
    *build_ai_summary_checks(FAMILY, retraining.ai_summary),
    *build_comparison_checks(FAMILY, retraining.COMPARISON_ASSETS[0]),
)
