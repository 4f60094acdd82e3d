"""What the audit of masks can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import detection_step
from cleanlab_assets.families.segmentation.planted_audit import plant_and_audit_masks
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.methods.detection_verdict import DetectionReport, read_kinds
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.segmentation.issues import PixelIssuesTable
    from cleanlab_assets.families.step import PredictionsTable, StepContext

GROSS_MASK_ERRORS = frozenset({"dropped_object", "swapped_class", "shifted_object"})


@detection_step
def detection_power(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
) -> DetectionReport:
    """What the audit can find: errors planted in a copy of the masks, and how they rank, each kind for itself.

    Gross ones are dropped, shifted and wrongly named objects; dilated and eroded ones are as people draw them. Errors
    that the training set holds on purpose are taken out first, or they would count as right. The weakest kind decides
    the verdict.
    """
    rows = train_rows(training_set.value)
    if "true_mask" in rows:
        rows = rows.assign(class_mask=rows["true_mask"])
    images = read_masked_images(rows, context.dataset.class_names)
    found = plant_and_audit_masks(
        images,
        train_rows(predictions.value)["probabilities"].tolist(),
        seed=training_set.facts.seed,
        score=pixel_issues.facts.ranked_by.chosen,
    )
    return DetectionReport(
        kinds=read_kinds(found, gross=GROSS_MASK_ERRORS), among=f"the masks of {len(images):,} images"
    )
