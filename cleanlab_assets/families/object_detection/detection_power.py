"""What the audit of boxes can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import detection_step
from cleanlab_assets.families.object_detection.planted_audit import plant_and_audit_boxes
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.methods.detection_verdict import DetectionReport, read_kinds
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.step import PredictionsTable, StepContext

GROSS_BOX_ERRORS = frozenset({"dropped_box", "wrong_class", "extra_box"})


@detection_step
def detection_power(
    context: StepContext, training_set: ImagesTrainingSetTable, predictions: PredictionsTable
) -> DetectionReport:
    """What the audit can find: errors planted in a copy of the boxes, and how they rank, each kind for itself.

    Gross ones are dropped, extra and wrongly named boxes; a shifted box is as people draw it. Errors that the training
    set holds on purpose are taken out first, or they would count as right. The weakest kind decides the verdict.
    """
    names, rows = context.dataset.class_names, train_rows(training_set.value)
    if "true_boxes" in rows:
        rows = rows.assign(boxes=rows["true_boxes"], box_labels=rows["true_box_labels"])
    images = read_boxed_images(rows, names)
    found = plant_and_audit_boxes(
        images, read_predictions_table(train_rows(predictions.value), names), seed=training_set.facts.seed
    )
    return DetectionReport(
        kinds=read_kinds(found, gross=GROSS_BOX_ERRORS), among=f"the boxes of {len(images):,} images"
    )
