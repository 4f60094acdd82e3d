"""The object detection family: boxes with a class in images."""

from __future__ import annotations

from cleanlab_assets.families.family import PictureFindings, TaskFamily
from cleanlab_assets.families.images.checks import IMAGE_CHECKS
from cleanlab_assets.families.images.steps import collect_data_issues, image_issues
from cleanlab_assets.families.object_detection.checks import boxes_are_valid
from cleanlab_assets.families.object_detection.detection_power import detection_power
from cleanlab_assets.families.object_detection.issues import box_issues, label_issues
from cleanlab_assets.families.object_detection.overlays import describe_findings, draw_findings
from cleanlab_assets.families.object_detection.predictions import predictions
from cleanlab_assets.families.object_detection.report import box_report
from cleanlab_assets.families.object_detection.training_set import training_set
from cleanlab_assets.families.object_detection.variants import VARIANTS

OBJECT_DETECTION = TaskFamily(
    name="object_detection",
    unit="image",
    default_model="small_detector",
    steps=(training_set, image_issues, predictions, box_issues, label_issues, detection_power, box_report),
    checks=(*IMAGE_CHECKS, boxes_are_valid),
    variants=VARIANTS,
    data_issues=collect_data_issues,
    reports=("box_issues", "box_report", "retrained_model"),
    libraries=("cleanvision", "pillow"),
    picture_findings=PictureFindings(describe=describe_findings, draw=draw_findings),
    row_issues="image_issues",
    element_issues="box_issues",
)
