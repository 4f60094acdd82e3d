"""The out-of-sample predictions of the regression family: values with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from cleanlab_assets.families.contracts import ROW_ID, SPLIT, TableContract, number
from cleanlab_assets.families.in_sample import suspect_in_sample
from cleanlab_assets.families.predictions import store_predictions, tell_unused_weights
from cleanlab_assets.families.regression.metrics import ScoredValues, measure_interval_calibration
from cleanlab_assets.families.regression.plots import plot_given_against_predicted
from cleanlab_assets.families.regression.training_set import VALUE
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.step import StepContext, TrainingSetTable, step
from cleanlab_assets.methods.bootstrap import weigh
from cleanlab_assets.methods.cross_validation import fit_seconds_of, hold_out_each_fold
from cleanlab_assets.methods.facts import PredictionsFacts
from cleanlab_assets.methods.fitting import fit_pipeline, take_weights
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Plots, keep_finite
from cleanlab_assets.methods.training_set import NO_FOLD, audited_rows, is_train_row, name_rows, row_weights, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.methods.cross_validation import Fold
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.models.catalogue import PipelineFactory

PREDICTED_VALUE = number("predicted_value")
_MEAN_TO_DEVIATION = 1.2533
"""Standard deviation of a normal distribution over its mean absolute deviation."""
_MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_DOUBTFUL_DEVIATIONS = 4.0
_MOST_DOUBTFUL = 0.2
"""Largest share of the rows that may be left out: the largest that cleanlab's ``CleanLearning`` tries."""
_CAP_QUANTILE = 0.95
_FLOOR = 0.75


@dataclass(frozen=True)
class ValuePredictions:
    """Out-of-sample predictions of a numeric label.

    ``values`` are the predictions and ``uncertainty`` the estimated standard deviations of the labels around them,
    positive and in the unit of the label: both float64 of shape (n_rows,). ``fit_seconds`` are those of the model that
    predicts each fold's values; ``n_left_out`` rows had labels too doubtful to learn from.
    """

    values: np.ndarray
    uncertainty: np.ndarray
    fit_seconds: tuple[float, ...]
    n_left_out: int = 0


def predict_values_out_of_sample(
    features: pd.DataFrame,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    build: Callable[[], Pipeline],
    weights: np.ndarray | None = None,
) -> ValuePredictions:
    """Predict the label of every row, and its spread there, by models that never saw the row.

    A value that is ten times too large bends a model of squares for all rows near it. So a first round finds the rows
    whose label lies more than four standard deviations (robustly estimated) from its prediction, and the models that
    count learn from the others, as in cleanlab's ``CleanLearning``; every row is predicted.

    The same kind of model then learns the absolute residuals, which says how far labels lie from predictions in each
    region: otherwise the busy hours of a series would hide the wrong labels of its quiet ones. Source: the locally
    weighted residuals of Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, Distribution-Free Predictive Inference for
    Regression, JASA 2018, section 5.2. Residuals above their 95% quantile count as that quantile, lest wrong labels
    vouch for each other, and no uncertainty is below three quarters of the overall one, so that a lucky stretch does
    not make its rows suspicious. All of this is estimated from the rows of the folds.

    Args:
        features: feature columns, shape (n_rows, n_features).
        labels: given labels, float64 of shape (n_rows,).
        folds: fold of each row, shape (n_rows,); each fold is predicted by a model fitted on all the others, rows of no
            fold (-1) by one fitted on all folds.
        build: returns a new unfitted pipeline.
        weights: how much each row counts in a fit, shape (n_rows,), see ``fit_pipeline``; rows of weight 0 take no part
            in any estimate. None weighs all alike.

    Returns:
        Predicted values, uncertainties, fit seconds and the number of rows left out.

    Raises:
        ValueError: there are fewer than two folds.
    """
    in_a_fold, everywhere = folds != NO_FOLD, np.ones(len(labels), dtype=bool)
    counts = in_a_fold if weights is None else in_a_fold & (weights > 0)
    turns = hold_out_each_fold(folds, weights)
    of_folds, aside = [turn for turn in turns if turn.name != NO_FOLD], [turn for turn in turns if turn.name == NO_FOLD]
    predict = partial(_predict_held_out, build=build, weights=weights)
    values = predict(of_folds, features, labels, learn_from=everywhere)
    deviations = np.abs(labels - values)[counts]
    limit = max(_DOUBTFUL_DEVIATIONS * _estimate_spread(deviations), np.quantile(deviations, 1 - _MOST_DOUBTFUL))
    is_doubtful = in_a_fold & (np.abs(labels - values) > limit)
    if is_doubtful.any():
        values = predict(of_folds, features, labels, learn_from=~is_doubtful)
        deviations = np.abs(labels - values)[counts]
    values = np.where(in_a_fold, values, predict(aside, features, labels, learn_from=~is_doubtful))
    seconds = fit_seconds_of(turns)

    cap = np.quantile(deviations, _CAP_QUANTILE)
    capped = np.minimum(np.abs(labels - values), cap)
    local = predict(turns, features, capped, learn_from=everywhere)
    # A model may extrapolate beyond what it was shown; nothing shown was above the cap.
    uncertainty = np.maximum(_MEAN_TO_DEVIATION * np.minimum(local, cap), _FLOOR * _estimate_spread(deviations))
    return ValuePredictions(values, uncertainty, seconds, n_left_out=int(is_doubtful.sum()))


def take_predicted_values(values: np.ndarray, labels: np.ndarray, is_train: np.ndarray) -> ValuePredictions:
    """Take predictions of the user's own, which say nothing of their uncertainty: it is the same for every row.

    Args:
        values: predicted values, float64 of shape (n_rows,).
        labels: given labels, float64 of the same shape.
        is_train: rows from which the uncertainty is estimated, bool of the same shape.
    """
    uncertainty = np.full(len(values), _estimate_spread(np.abs(labels - values)[is_train]))
    return ValuePredictions(values, uncertainty, ())


def _predict_held_out(
    turns: Sequence[Fold],
    features: pd.DataFrame,
    targets: np.ndarray,
    *,
    learn_from: np.ndarray,
    build: Callable[[], Pipeline],
    weights: np.ndarray | None,
) -> np.ndarray:
    """Predict the rows that each turn holds out; all other rows get NaN."""
    predicted = np.full(len(targets), np.nan)
    for fold in turns:
        learned = learn_from & fold.others
        with fold.time_fit():
            model = fit_pipeline(build, features[learned], targets[learned], take_weights(weights, learned))
        predicted[fold.held_out] = model.predict(features[fold.held_out])
    return predicted


def _estimate_spread(deviations: np.ndarray) -> float:
    """Return a positive standard deviation: by the median, else by the mean, else 1 where every prediction is exact."""
    by_median = _MEDIAN_TO_DEVIATION * float(np.median(deviations))
    return by_median or _MEAN_TO_DEVIATION * float(deviations.mean()) or 1.0


def _cross_validate(build: PipelineFactory, rows: pd.DataFrame) -> np.ndarray:
    labels = rows["given_label"].to_numpy()
    folds, weights = rows["fold"].to_numpy(), row_weights(rows)
    predicted = predict_values_out_of_sample(rows[build.features], labels, folds, build=build, weights=weights)
    return predicted.values[:, None]  # noqa: PD011 - no pandas object


def _measure_unexplained_share(rows: pd.DataFrame, predicted: np.ndarray) -> float:
    """Return the share of the labels' variance that predictions do not explain."""
    labels = rows["given_label"].to_numpy()
    return float(((labels - predicted[:, 0]) ** 2).mean() / labels.var())


def to_value_predictions_table(rows: pd.DataFrame, predicted: ValuePredictions) -> pd.DataFrame:
    """Put ``predicted_value`` and ``uncertainty`` beside what names the rows, see ``name_rows``."""
    values = predicted.values  # noqa: PD011 - no pandas object
    return name_rows(rows).assign(predicted_value=values, uncertainty=predicted.uncertainty)


class ValuePredictionsFacts(PredictionsFacts):
    """How values were predicted; ``n_left_out`` train rows had labels too doubtful to learn from."""

    n_left_out: int


ValuePredictionsTable: TypeAlias = Result[pd.DataFrame, ValuePredictionsFacts]


@step(
    "scikitlearn",
    code_version="3",
    facts=ValuePredictionsFacts,
    contract=TableContract(
        "ValuePredictions",
        "Out-of-sample predicted values with their uncertainty, a standard deviation in the label's unit.",
        (ROW_ID, SPLIT, VALUE, PREDICTED_VALUE, number("uncertainty")),
    ),
    settings=PredictionsSettings,
    is_heavy=True,
    sees_vectors=True,
)
def predictions(
    context: StepContext, settings: PredictionsSettings, training_set: TrainingSetTable
) -> ValuePredictionsTable:
    """Out-of-sample predicted values with their uncertainty: each row by models that never saw it.

    Train rows are predicted by models of the other folds, test rows by those of all train rows.
    """
    rows = audited_rows(training_set.value)
    labels, is_train = rows["given_label"].to_numpy(), is_train_row(rows)
    folds, weights = rows["fold"].to_numpy(), row_weights(rows)
    suspicion, notes = "", list[str]()
    if context.is_fitted:
        build = context.pipeline_factory(training_set.facts.seed, settings.parameters)
        notes = tell_unused_weights(context, build, rows)
        predicted = predict_values_out_of_sample(rows[build.features], labels, folds, build=build, weights=weights)
    else:
        own = context.own_predictions(rows)
        predicted = take_predicted_values(own[:, 0], labels, is_train)
        suspicion = suspect_in_sample(
            context,
            train_rows(rows),
            own[is_train],
            seed=training_set.facts.seed,
            models=("ridge", "hist_gradient_boosting"),
            predict=_cross_validate,
            measure=_measure_unexplained_share,
        )
    values = predicted.values  # noqa: PD011 - no pandas object
    scored = weigh(ScoredValues(labels[is_train], values[is_train]), take_weights(weights, is_train))
    facts = ValuePredictionsFacts(
        seed=training_set.facts.seed,
        model_parameters=settings.parameters,
        cross_validation=keep_finite(scored.compute()),
        reliability=measure_interval_calibration(labels[is_train], values[is_train], predicted.uncertainty[is_train]),
        notes=notes,
        n_left_out=predicted.n_left_out,
        looks_in_sample=suspicion,
    )

    def show() -> dict[str, Shown]:
        no_flags = np.zeros(len(labels), dtype=bool)
        plot = plot_given_against_predicted(labels, values, no_flags, context.dataset.label_domain.unit)
        return {
            "median_uncertainty": float(np.median(predicted.uncertainty)),
            "rows_too_doubtful_to_learn_from": predicted.n_left_out,
            "plots": Plots({"Given against predicted": plot}),
        }

    table = to_value_predictions_table(rows, predicted)
    own_model = context.describe_own_model(training_set.facts.seed, settings.parameters)
    return store_predictions(table, facts, fit_seconds=predicted.fit_seconds, own_model=own_model, show=show)
