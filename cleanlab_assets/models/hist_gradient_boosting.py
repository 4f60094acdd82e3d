"""Histogram gradient boosting on native categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import category_code_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    n_categorical = len(context.kinds.categorical)
    first = len(context.kinds.names) - n_categorical
    # Early stopping would set rows aside above 10,000 only, and fails where a class has a single row.
    estimator = HistGradientBoostingClassifier(
        categorical_features=list(range(first, first + n_categorical)),
        early_stopping=False,
        random_state=context.seed,
    )
    return Pipeline([("encoding", category_code_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


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
