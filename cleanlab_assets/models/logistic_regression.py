"""Logistic regression: on scaled numbers and one-hot categories of tables, on hashed context features of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import one_hot_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    # Newton's method solves the small binary problem in a few exact steps; its Hessian grows with the square of the
    # number of classes, where L-BFGS is faster.
    solver = "newton-cholesky" if context.n_classes <= 2 else "lbfgs"  # noqa: PLR2004 - two classes are binary
    estimator = LogisticRegression(solver=solver, max_iter=1000, random_state=context.seed)
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


def _build_label_sets(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    estimator = OneVsRestClassifier(
        LogisticRegression(solver="newton-cholesky", max_iter=1000, random_state=context.seed)
    )
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


def _build_tagger(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    from cleanlab_assets.models.tagging.context_features import to_context_features

    # Five passes of averaged gradient descent reach an accuracy that thirty steps of L-BFGS do not, in less time.
    estimator = SGDClassifier(
        loss="log_loss",
        alpha=1e-6,
        learning_rate="constant",
        eta0=0.05,
        average=True,
        max_iter=5,
        tol=None,
        random_state=context.seed,
    )
    return Pipeline([("encoding", FunctionTransformer(to_context_features)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="logistic_regression",
    description="Linear model with calibrated probabilities: fast, a good first audit.",
    builders={
        "classification": _build_classifier,
        "multilabel": _build_label_sets,
        "multiannotator": _build_classifier,
        "token_classification": _build_tagger,
    },
    trusted_types=frozenset({"numpy.dtype", "cleanlab_assets.models.tagging.context_features.to_context_features"}),
)
