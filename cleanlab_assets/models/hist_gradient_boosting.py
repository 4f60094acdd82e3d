"""Histogram gradient boosting on native categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    estimator = HistGradientBoostingClassifier(
        categorical_features=list(context.kinds.categorical), random_state=context.seed
    )
    return Pipeline([(ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="hist_gradient_boosting",
    description="Histogram gradient boosting: usually the most accurate model for tables.",
    builders={"classification": _build_classifier},
    trusted_types=frozenset(
        {
            "functools.partial",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            "sklearn.utils.validation.check_array",
        }
    ),
)
