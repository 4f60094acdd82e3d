"""A chain of logistic regressions, one for each label, each of which also sees the labels before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import one_hot_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_label_sets(context: BuildContext) -> Pipeline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import ClassifierChain
    from sklearn.pipeline import Pipeline

    link = LogisticRegression(solver="newton-cholesky", max_iter=1000)
    estimator = ClassifierChain(link, order="random", random_state=context.seed)
    return Pipeline([("encoding", one_hot_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="classifier_chain",
    description="Chain of logistic regressions: learns which labels go together.",
    builders={"multilabel": _build_label_sets},
    trusted_types=frozenset({"numpy.dtype"}),
)
