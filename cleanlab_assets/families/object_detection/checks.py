"""The checks that only the object detection family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.step import CheckResult, PredictionsTable, StepContext, check, rule_on_rows

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
