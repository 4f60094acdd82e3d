"""The checks that only the object detection family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.detection_power import judge_detection_power_by_kind
from cleanlab_assets.families.object_detection.detection_power import plant_and_audit_boxes
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.families.step import CheckResult, PredictionsTable, StepContext, check, rule_on_rows
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable


@check("predictions", is_blocking=True)
def boxes_are_valid(
    context: StepContext, predictions: PredictionsTable, training_set: ImagesTrainingSetTable
) -> CheckResult:
    """Stored boxes are finite, have an area and lie in their image; those that a detector predicts else are dropped."""
    table, names = predictions.value, context.dataset.class_names
    sizes = training_set.value.set_index("row_id")[["width", "height"]]
    wrong = []
    for row_id, found in zip(table["row_id"], read_predictions_table(table, names), strict=True):
        limits = np.tile(sizes.loc[row_id].to_numpy(dtype=np.float64), 2)
        is_inside = np.isfinite(found.boxes).all() and (found.boxes >= 0).all() and (found.boxes <= limits + 1).all()
        if not is_inside or not (found.boxes[:, 2:] > found.boxes[:, :2]).all():
            wrong.append(row_id)
    return rule_on_rows(wrong, len(table), "images have an invalid predicted box")


@check("box_issues", is_heavy=True)
def detection_power(
    context: StepContext, training_set: ImagesTrainingSetTable, predictions: PredictionsTable
) -> CheckResult:
    """Errors planted in the boxes rank far worse than by chance, each kind for itself: the detector has signal.

    Errors that the training set holds on purpose are taken out first, or they would count as right.
    """
    names, rows = context.dataset.class_names, train_rows(training_set.value)
    if "true_boxes" in rows:
        rows = rows.assign(boxes=rows["true_boxes"], box_labels=rows["true_box_labels"])
    power = plant_and_audit_boxes(
        read_boxed_images(rows, names),
        read_predictions_table(train_rows(predictions.value), names),
        seed=training_set.facts.seed,
    )
    return judge_detection_power_by_kind(power)
