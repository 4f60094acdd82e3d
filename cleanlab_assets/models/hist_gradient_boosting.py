"""Histogram gradient boosting on native categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, Model
from cleanlab_assets.models.encoding import category_code_encoding

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def _categorical_positions(context: BuildContext) -> list[int]:
    """Return where the encoding puts the category codes: last."""
    n_features = len(context.kinds.names)
    return list(range(n_features - len(context.kinds.categorical), n_features))


def _build_classifier(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    # Early stopping would set rows aside above 10,000 only, and fails where a class has a single row.
    estimator = HistGradientBoostingClassifier(
        categorical_features=_categorical_positions(context),
        early_stopping=False,
        random_state=context.seed,
    )
    return Pipeline([("encoding", category_code_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


def _build_label_sets(context: BuildContext) -> Pipeline:
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline

    pipeline = _build_classifier(context)
    return Pipeline([pipeline.steps[0], (ESTIMATOR_STEP, OneVsRestClassifier(pipeline[-1]))])


def _build_regressor(context: BuildContext) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    # scikit-learn's 100 steps of 0.1: an audit fits dozens of times, and 300 of 0.05 lower the error by 3 % only.
    estimator = HistGradientBoostingRegressor(
        categorical_features=_categorical_positions(context),
        early_stopping=False,
        random_state=context.seed,
    )
    return Pipeline([("encoding", category_code_encoding(context.kinds)), (ESTIMATOR_STEP, estimator)])


MODEL = Model(
    name="hist_gradient_boosting",
    description="Histogram gradient boosting: usually the most accurate model for tables.",
    builders={
        "classification": _build_classifier,
        "multilabel": _build_label_sets,
        "regression": _build_regressor,
        "multiannotator": _build_classifier,
    },
    trusted_types=frozenset(
        {
            "functools.partial",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
            "sklearn.utils.validation.check_array",
        }
    ),
)
