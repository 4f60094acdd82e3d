"""A small one-stage detector, trained from scratch by cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_detector(context: BuildContext) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    return Pipeline([(ESTIMATOR_STEP, FcosDetector(random_state=context.seed))])


MODEL = Model(
    name="small_detector",
    description="FCOS on eight convolution layers: trained from scratch in minutes, for small images.",
    builders={"object_detection": _build_detector},
)
