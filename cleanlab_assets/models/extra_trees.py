"""Extremely randomized trees on ordinal codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import ordinal_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.pipeline import Pipeline

    # Leaves of a few rows give better probabilities than pure leaves, and label auditing lives on probabilities.
    estimator = ExtraTreesClassifier(
        n_estimators=200, min_samples_leaf=2, random_state=context.seed, n_jobs=context.n_jobs
    )
    return Pipeline([("encoding", ordinal_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


def _build_regressor(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.pipeline import Pipeline

    # With a tenth of the labels wrong, leaves of three rows predict better than pure leaves, and they grow faster.
    estimator = ExtraTreesRegressor(
        n_estimators=200, min_samples_leaf=3, random_state=context.seed, n_jobs=context.n_jobs
    )
    return Pipeline([("encoding", ordinal_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="extra_trees",
    description="Extremely randomized trees: no scaling needed, robust to odd columns.",
    builders={
        "classification": _build_classifier,
        "multilabel": _build_classifier,  # takes several labels as it is
        "regression": _build_regressor,
        "multiannotator": _build_classifier,
    },
    trusted_types=frozenset({"sklearn.tree._tree.Tree"}),
)
