"""DeepLabV3 on MobileNet with published weights, used as they are where these know the classes, else fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

NAME = "deeplabv3_mobilenet_v3_large"


def _build_segmenter(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.pretrained_segmenter import PretrainedSegmenter

    return Pipeline([(ESTIMATOR_STEP, PretrainedSegmenter(NAME, random_state=context.seed))])


MODEL = Model(
    name=NAME,
    description="DeepLabV3 on MobileNet with COCO weights for the classes of Pascal VOC: everyday objects; fine-tuned "
    "where others are asked for, which is slow without a GPU.",
    builders={"segmentation": _build_segmenter},
)
