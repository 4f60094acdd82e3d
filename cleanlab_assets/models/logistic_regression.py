"""Logistic regression on scaled numbers and one-hot categories."""

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


MODEL = Model(
    name="logistic_regression",
    description="Linear model with calibrated probabilities: fast, a good first audit of tables.",
    builders={"classification": _build_classifier, "multiannotator": _build_classifier},
    trusted_types=frozenset({"numpy.dtype"}),
)
