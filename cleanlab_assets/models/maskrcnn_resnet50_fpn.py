"""Mask R-CNN with COCO weights, used as they are where COCO has the classes; else only its boxes can be fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NAME = "maskrcnn_resnet50_fpn"


def _build_detector(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.pretrained_detector import PretrainedDetector

    return Pipeline([(ESTIMATOR_STEP, PretrainedDetector(NAME, random_state=context.seed))])


def _build_segmenter(context: BuildContext) -> Pipeline:  # noqa: ARG001 - nothing is drawn
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.pretrained_segmenter import InstanceSegmenter

    return Pipeline([(ESTIMATOR_STEP, InstanceSegmenter(NAME))])


MODEL = Model(
    name=NAME,
    description="Mask R-CNN with COCO weights: accurate and slow without a GPU; segmentation of COCO's classes only.",
    builders={"object_detection": _build_detector, "segmentation": _build_segmenter},
)
