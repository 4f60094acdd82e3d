"""Nearest neighbours on scaled numbers and one-hot categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import one_hot_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline

    estimator = KNeighborsClassifier(n_neighbors=20, algorithm="brute", n_jobs=context.n_jobs)
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


def _build_regressor(context: BuildContext) -> Pipeline:
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import Pipeline

    estimator = KNeighborsRegressor(n_neighbors=10, weights="distance", algorithm="brute", n_jobs=context.n_jobs)
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="knn",
    description="Vote or mean of the nearest neighbours: no training, an independent second opinion.",
    builders={
        "classification": _build_classifier,
        "multilabel": _build_classifier,  # takes several labels as it is
        "regression": _build_regressor,
        "multiannotator": _build_classifier,
    },
    trusted_types=frozenset({"numpy.dtype"}),
)
