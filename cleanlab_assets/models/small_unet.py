"""A small U-Net, trained from scratch by cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_segmenter(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.unet_segmenter import UNetSegmenter

    return Pipeline([(ESTIMATOR_STEP, UNetSegmenter(random_state=context.seed))])


MODEL = Model(
    name="small_unet",
    description="U-Net of four levels: trained from scratch in a minute or two, for small images.",
    builders={"segmentation": _build_segmenter},
)
