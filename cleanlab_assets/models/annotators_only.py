"""No model: class frequencies in place of predictions, for panels whose examples have no features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.dummy import DummyClassifier
    from sklearn.pipeline import Pipeline

    return Pipeline([(ESTIMATOR_STEP, DummyClassifier(strategy="prior", random_state=context.seed))])


MODEL = Model(
    name="annotators_only",
    description="No model: predicts how frequent the classes are, so that the annotators' agreement alone decides.",
    builders={"multiannotator": _build_classifier},
    trusted_types=frozenset({"numpy.dtype"}),
)
