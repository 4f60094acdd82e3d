"""The segmentation family: images with a class for every pixel."""

from __future__ import annotations

from cleanlab_assets.families.family import PictureFindings, TaskFamily
from cleanlab_assets.families.images.checks import IMAGE_CHECKS
from cleanlab_assets.families.images.steps import collect_data_issues, image_issues
from cleanlab_assets.families.segmentation.checks import probabilities_are_valid
from cleanlab_assets.families.segmentation.detection_power import detection_power
from cleanlab_assets.families.segmentation.issues import (
    class_confusions,
    class_summary,
    label_issues,
    pixel_issues,
    region_issues,
)
from cleanlab_assets.families.segmentation.overlays import describe_findings, draw_findings
from cleanlab_assets.families.segmentation.predictions import predictions
from cleanlab_assets.families.segmentation.report import mask_report
from cleanlab_assets.families.segmentation.training_set import training_set
from cleanlab_assets.families.segmentation.variants import VARIANTS

SEGMENTATION = TaskFamily(
    name="segmentation",
    unit="image",
    default_model="small_unet",
    steps=(
        training_set,
        image_issues,
        predictions,
        pixel_issues,
        label_issues,
        detection_power,
        region_issues,
        class_summary,
        class_confusions,
        mask_report,
    ),
    checks=(*IMAGE_CHECKS, probabilities_are_valid),
    variants=VARIANTS,
    data_issues=collect_data_issues,
    reports=("label_issues", "mask_report", "retrained_model"),
    libraries=("cleanvision", "pillow"),
    picture_findings=PictureFindings(describe=describe_findings, draw=draw_findings),
    row_issues="image_issues",
    element_issues="region_issues",
)
