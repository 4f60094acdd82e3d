"""Label issues of regression, from out-of-sample predicted values and how uncertain they are."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.datasets.dataset import NumericLabel

FlagRule = Literal["calibrated", "cleanlab"]
CLEANLAB_THRESHOLD = 0.05
"""Datalab's default: a label is flagged below this share of the median label quality."""
REASONS = (
    "not flagged",
    "given value is far above the prediction",
    "given value is far below the prediction",
)

_MEAN_TO_DEVIATION = 1.2533
"""Standard deviation of a normal distribution over its mean absolute deviation."""
_MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_DOUBTFUL_DEVIATIONS = 4.0
_MOST_DOUBTFUL = 0.2
"""Largest share of the rows that may be left out: the largest that cleanlab's ``CleanLearning`` tries."""
_CAP_QUANTILE = 0.95
_FLOOR = 0.75
_TINY = 1e-100
"""cleanlab's stand-in for a median of zero (``cleanlab.internal.constants.TINY_VALUE``)."""


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
    features: pd.DataFrame, labels: np.ndarray, folds: np.ndarray, *, build: Callable[[], Pipeline]
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
    not make its rows suspicious.

    Args:
        features: feature columns, shape (n_rows, n_features).
        labels: given labels, float64 of shape (n_rows,).
        folds: fold of each row, shape (n_rows,); each fold is predicted by a model fitted on all the others.
        build: returns a new unfitted pipeline.

    Returns:
        Predicted values, uncertainties, fit seconds and the number of rows left out.

    Raises:
        ValueError: there are fewer than two folds.
    """
    if (n_folds := len(np.unique(folds))) < 2:  # noqa: PLR2004 - one fold leaves no training rows
        raise ValueError(f"cross-validation needs at least two folds, got {n_folds}")
    everywhere = np.ones(len(labels), dtype=bool)
    values, seconds = _predict_each_fold(features, labels, folds, learn_from=everywhere, build=build)
    deviations = np.abs(labels - values)
    limit = max(_DOUBTFUL_DEVIATIONS * _estimate_spread(deviations), np.quantile(deviations, 1 - _MOST_DOUBTFUL))
    is_doubtful = deviations > limit
    if is_doubtful.any():
        values, seconds = _predict_each_fold(features, labels, folds, learn_from=~is_doubtful, build=build)
        deviations = np.abs(labels - values)

    cap = np.quantile(deviations, _CAP_QUANTILE)
    local, _ = _predict_each_fold(features, np.minimum(deviations, cap), folds, learn_from=everywhere, build=build)
    # A model may extrapolate beyond what it was shown; nothing shown was above the cap.
    uncertainty = np.maximum(_MEAN_TO_DEVIATION * np.minimum(local, cap), _FLOOR * _estimate_spread(deviations))
    return ValuePredictions(values, uncertainty, seconds, n_left_out=int(is_doubtful.sum()))


def _predict_each_fold(
    features: pd.DataFrame,
    targets: np.ndarray,
    folds: np.ndarray,
    *,
    learn_from: np.ndarray,
    build: Callable[[], Pipeline],
) -> tuple[np.ndarray, tuple[float, ...]]:
    predicted, seconds = np.empty(len(targets), dtype=np.float64), []
    for fold in np.unique(folds):
        held_out = folds == fold
        learned = learn_from & ~held_out
        started = perf_counter()
        model = build().fit(features[learned], targets[learned])
        seconds.append(perf_counter() - started)
        predicted[held_out] = model.predict(features[held_out])
    return predicted, tuple(seconds)


def _estimate_spread(deviations: np.ndarray) -> float:
    """Return a positive standard deviation: by the median, else by the mean, else 1 where every prediction is exact."""
    by_median = _MEDIAN_TO_DEVIATION * float(np.median(deviations))
    return by_median or _MEAN_TO_DEVIATION * float(deviations.mean()) or 1.0


def to_value_predictions_table(rows: pd.DataFrame, predicted: ValuePredictions) -> pd.DataFrame:
    """Put ``predicted_value`` and ``uncertainty`` beside ``row_id`` and ``given_label``."""
    return pd.DataFrame(
        {
            "row_id": rows["row_id"],
            "given_label": rows["given_label"],
            "predicted_value": predicted.values,  # noqa: PD011 - no pandas object
            "uncertainty": predicted.uncertainty,
        }
    )


def scale_by_uncertainty(
    labels: np.ndarray, values: np.ndarray, uncertainty: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Divide labels and predictions by the uncertainty and by the median residual in that unit.

    cleanlab's ``residual`` score of the result, exp(-|label - prediction|), is then the one that its ``CleanLearning``
    gives to the labels: exp(-(|residual| / uncertainty) / median). Unscaled it would be 0 wherever the unit is small
    against the residuals, such as dollars. cleanlab's other score, ``outre``, takes half of all rows as neighbours of
    each row: memory that grows with the square of the rows.

    Args:
        labels: given labels, shape (n_rows,).
        values: predicted values, shape (n_rows,).
        uncertainty: positive, in the unit of the label, shape (n_rows,).

    Returns:
        Scaled labels and scaled predictions, float64 of shape (n_rows,).
    """
    # As CleanLearning does where more than half of the labels equal their prediction.
    median = max(float(np.median(np.abs(labels - values) / uncertainty)), _TINY)
    unit = uncertainty * median
    return labels / unit, values / unit


def score_value_quality(labels: np.ndarray, values: np.ndarray, uncertainty: np.ndarray) -> np.ndarray:
    """Score the quality of numeric labels.

    Source: ``cleanlab.regression.rank.get_label_quality_scores`` on what ``scale_by_uncertainty`` returns, which is
    the score of ``cleanlab.regression.learn.CleanLearning`` for a given uncertainty.

    Args:
        labels: given labels, shape (n_rows,).
        values: out-of-sample predicted values, shape (n_rows,).
        uncertainty: positive, in the unit of the label, shape (n_rows,).

    Returns:
        float64 in [0, 1] of shape (n_rows,); lower is worse. The median row has exp(-1).
    """
    from cleanlab.regression.rank import get_label_quality_scores

    scaled_labels, scaled_values = scale_by_uncertainty(labels, values, uncertainty)
    scores: np.ndarray = get_label_quality_scores(scaled_labels, scaled_values, method="residual")
    return scores


@dataclass(frozen=True)
class ValueIssues:
    """The label issues of a regression dataset.

    ``table`` has one row for each train row, in source order; ``cleanlab_cut`` and ``calibrated_cut`` are the label
    qualities below which either rule flags; ``notes`` says what limits the scores.
    """

    table: pd.DataFrame
    cleanlab_cut: float
    calibrated_cut: float | None
    notes: tuple[str, ...]


def find_value_issues(
    predictions: pd.DataFrame,
    features: pd.DataFrame,
    *,
    domain: NumericLabel,
    flag_by: FlagRule = "calibrated",
    calibrated_cut: float | None = None,
) -> ValueIssues:
    """Score, flag and rank the given value of every row.

    ``cleanlab`` flags as Datalab's regression label type does
    (``cleanlab.datalab.internal.issue_manager.regression.label.find_issues_with_predictions``): below 0.05 times the
    median label quality. ``calibrated`` flags below a cut that is known to hold for this dataset and model.

    Args:
        predictions: predictions table (``row_id``, ``given_label``, ``predicted_value``, ``uncertainty``).
        features: feature columns of the same rows, in the same order.
        domain: the values that a label may take.
        flag_by: rule that decides which rows are flagged.
        calibrated_cut: label quality below which ``calibrated`` flags.

    Returns:
        Table with ``row_id``, ``given_label``, ``suggested_label`` (the prediction, moved to the nearest allowed
        value), ``label_quality`` in [0, 1] (lower is worse), ``is_label_issue``, ``rank`` (1 = worst),
        ``predicted_value``, ``uncertainty``, ``residual`` (given less predicted), ``is_below_cleanlab_cut``,
        ``is_below_calibrated_cut`` (where a cut is given), ``reason`` and the features; with the cuts behind the flags.

    Raises:
        ValueError: ``flag_by`` is none of the allowed values, or is ``calibrated`` without a cut.
    """
    if flag_by not in get_args(FlagRule):
        raise ValueError(f"flag_by is {flag_by!r}, expected one of {', '.join(get_args(FlagRule))}")
    if flag_by == "calibrated" and calibrated_cut is None:
        raise ValueError("flag_by is 'calibrated', which needs a calibrated_cut, got None")
    labels, values, uncertainty = (
        predictions[name].to_numpy(dtype=np.float64) for name in ("given_label", "predicted_value", "uncertainty")
    )
    quality = score_value_quality(labels, values, uncertainty)
    residual = labels - values
    cleanlab_cut = CLEANLAB_THRESHOLD * float(np.median(quality))
    cuts = {"cleanlab": cleanlab_cut} | ({} if calibrated_cut is None else {"calibrated": calibrated_cut})
    is_below = {f"is_below_{rule}_cut": quality < cut for rule, cut in cuts.items()}
    is_issue = is_below[f"is_below_{flag_by}_cut"]
    # The quality of the very worst labels underflows to 0; their residuals still tell them apart.
    order = np.lexsort((np.arange(len(quality)), -np.abs(residual) / uncertainty, quality))
    rank = np.empty(len(quality), dtype=np.int64)
    rank[order] = np.arange(1, len(quality) + 1)
    suggested = domain.to_allowed(values)
    reason = np.select([~is_issue, residual > 0], REASONS[:2], default=REASONS[2])
    table = pd.DataFrame(
        {
            "row_id": predictions["row_id"].to_numpy(),
            "given_label": labels,
            "suggested_label": suggested,
            "label_quality": quality.astype(np.float32),
            "is_label_issue": is_issue,
            "rank": rank,
            "predicted_value": values,
            "uncertainty": uncertainty,
            "residual": residual,
            **is_below,
            "reason": pd.Categorical(reason, categories=list(REASONS)),
        }
    )
    return ValueIssues(
        table=pd.concat([table, features.reset_index(drop=True)], axis=1),
        cleanlab_cut=cleanlab_cut,
        calibrated_cut=calibrated_cut,
        notes=_describe_limits(values, residual, domain),
    )


def _describe_limits(values: np.ndarray, residual: np.ndarray, domain: NumericLabel) -> tuple[str, ...]:
    notes = []
    if n_outside := int(((values < domain.minimum) | (values > domain.maximum)).sum()):
        notes.append(
            f"{n_outside:,} predicted values lie outside {domain}: the suggested label is the nearest allowed value"
        )
    if np.median(np.abs(residual)) == 0:
        notes.append("more than half of the labels equal their prediction: label quality is 1 there and 0 elsewhere")
    return tuple(notes)
