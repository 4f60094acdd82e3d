"""The checks that only the segmentation family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.detection_power import judge_detection_power_by_kind
from cleanlab_assets.families.segmentation.detection_power import plant_and_audit_masks
from cleanlab_assets.families.segmentation.predictions import SUM_TOLERANCE, unpack_probabilities
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.families.step import CheckResult, PredictionsTable, StepContext, check, rule_on_rows
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.segmentation.issues import PixelIssuesTable


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


@check("label_issues", is_heavy=True)
def detection_power(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
) -> CheckResult:
    """Errors planted in the masks rank far worse than by chance, each kind for itself: the detector has signal.

    Errors that the training set holds on purpose are taken out first, or they would count as right.
    """
    rows = train_rows(training_set.value)
    if "true_mask" in rows:
        rows = rows.assign(class_mask=rows["true_mask"])
    power = plant_and_audit_masks(
        read_masked_images(rows, context.dataset.class_names),
        train_rows(predictions.value)["probabilities"].tolist(),
        seed=training_set.facts.seed,
        score=pixel_issues.facts.ranked_by.chosen,
    )
    return judge_detection_power_by_kind(power)
