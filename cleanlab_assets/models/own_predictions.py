"""Predictions of the user's own in place of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import OWN_PREDICTIONS
from cleanlab_assets.models.catalogue import Model, ModelParameterError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.catalogue import BuildContext


def _refuse_to_build(_: BuildContext) -> Pipeline:
    raise ModelParameterError(f"{OWN_PREDICTIONS} are read from the dataset: there is no model to build, or to set")


MODELS = (
    Model(
        name=OWN_PREDICTIONS,
        description="No model: out-of-sample predictions of your own, as they are.",
        builders=dict.fromkeys(
            ("classification", "multilabel", "regression", "token_classification"), _refuse_to_build
        ),
        is_fitted=False,
    ),
)
