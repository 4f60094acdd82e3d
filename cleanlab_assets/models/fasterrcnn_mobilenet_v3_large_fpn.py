"""Faster R-CNN on MobileNet with COCO weights, used as they are where COCO has the classes, else fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NAME = "fasterrcnn_mobilenet_v3_large_fpn"


def _build_detector(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.pretrained_detector import PretrainedDetector

    return Pipeline([(ESTIMATOR_STEP, PretrainedDetector(NAME, random_state=context.seed))])


MODEL = Model(
    name=NAME,
    description="Faster R-CNN on MobileNet with COCO weights: a light detector of everyday objects.",
    builders={"object_detection": _build_detector},
)
