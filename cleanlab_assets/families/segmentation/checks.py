"""The checks that only the segmentation family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.segmentation.predictions import SUM_TOLERANCE, unpack_probabilities
from cleanlab_assets.families.step import CheckResult, PredictionsTable, StepContext, check, rule_on_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable


@check("predictions", is_blocking=True)
def probabilities_are_valid(
    context: StepContext, predictions: PredictionsTable, training_set: ImagesTrainingSetTable
) -> CheckResult:
    """Every pixel of every image has probabilities of all classes, finite and not negative, that sum to 1."""
    table, n_ids = predictions.value, len(context.dataset.class_names) + 1
    sizes = training_set.value.set_index("row_id")[["height", "width"]]
    wrong = []
    for row_id, content in zip(table["row_id"], table["probabilities"], strict=True):
        found = unpack_probabilities(content)
        height, width = sizes.loc[row_id]
        # A value that is not a number is no less than any limit.
        is_valid = found.shape == (n_ids, height, width) and bool((found >= 0).all())
        if not is_valid or not np.abs(found.sum(axis=0) - 1).max() <= SUM_TOLERANCE:
            wrong.append(row_id)
    return rule_on_rows(wrong, len(table), "images have invalid probabilities")
