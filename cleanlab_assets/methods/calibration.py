"""How far a model's confidence is from how often it is right, for labels of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.cross_validation import hold_out_each_fold
from cleanlab_assets.methods.requirements import require_codes, require_finite, require_rows, require_weights
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import NO_FOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

N_BINS = 10
LARGEST_FIT = 50_000
"""Rows that a temperature is fitted on at most: one number needs no more."""
_PROBABILITY_FLOOR = 1e-7
_LOGIT_FLOOR = 1e-4
"""Forests and neighbours give probabilities of 0 and 1, whose logits are infinite."""
_LOG_TEMPERATURES = (-3.0, 5.0)


class ReliabilityCurve(BaseModel):
    """Confidence against accuracy, point by point, and the expected calibration error.

    The error is the mean gap between confidence and accuracy, either way, weighted by the counts; NaN without points.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    mean_confidence: list[float]
    accuracy: list[float]
    counts: list[int]
    expected_calibration_error: float

    @classmethod
    def of(cls, mean_confidence: np.ndarray, accuracy: np.ndarray, counts: Sequence[int] | np.ndarray) -> Self:
        """Compute the error of points: confidence, accuracy and number of predictions, of shape (n_points,) each."""
        weights = np.asarray(counts)
        gaps = np.abs(mean_confidence - accuracy)
        return cls(
            mean_confidence=mean_confidence.tolist(),
            accuracy=accuracy.tolist(),
            counts=weights.tolist(),
            expected_calibration_error=float((gaps * weights).sum() / weights.sum()) if len(weights) else float("nan"),
        )


class ReliabilityBins:
    """Sums for a reliability curve of predictions that come in parts."""

    def __init__(self, n_bins: int = N_BINS) -> None:
        """Make bins of equal width over [0, 1]."""
        self._counts = np.zeros(n_bins, dtype=np.int64)
        self._confidence, self._hits = np.zeros((2, n_bins))

    def add(self, confidence: np.ndarray, is_right: np.ndarray) -> None:
        """Add predictions.

        Args:
            confidence: confidence of each prediction, in [0, 1], shape (n,).
            is_right: which predictions are right, bool of shape (n,).

        Raises:
            ValueError: a confidence is not finite, or there are more or fewer of one than of the other.
        """
        require_rows(len(confidence), is_right=is_right)
        require_finite("confidence", confidence)
        exact, n_bins = confidence.astype(np.float64), len(self._counts)
        bins = np.minimum((exact * n_bins).astype(int), n_bins - 1)
        self._counts += np.bincount(bins, minlength=n_bins)
        self._confidence += np.bincount(bins, weights=exact, minlength=n_bins)
        self._hits += np.bincount(bins, weights=is_right, minlength=n_bins)

    def to_curve(self) -> ReliabilityCurve:
        """Return the curve of the predictions so far; empty bins are left out."""
        used = self._counts > 0
        counts = self._counts[used]
        return ReliabilityCurve.of(self._confidence[used] / counts, self._hits[used] / counts, counts)


def measure_reliability(confidence: np.ndarray, is_right: np.ndarray, *, n_bins: int = N_BINS) -> ReliabilityCurve:
    """Compare the confidence of predictions with how often they are right, in bins of equal width over [0, 1].

    Args:
        confidence: confidence of each prediction, in [0, 1], shape (n,).
        is_right: which predictions are right, bool of shape (n,).
        n_bins: number of bins; empty ones are left out.
    """
    bins = ReliabilityBins(n_bins)
    bins.add(confidence, is_right)
    return bins.to_curve()


class Calibration(BaseModel):
    """How probabilities were calibrated, and the expected calibration error before and after, out of fold.

    ``temperature`` is that of all train rows: above 1 the model is too sure of itself, below 1 too timid.
    """

    model_config = ConfigDict(frozen=True)

    method: str = "temperature scaling"
    temperature: float
    error_before: float
    error_after: float


@dataclass(frozen=True)
class CalibratedProbabilities:
    """Calibrated probabilities, float64 of shape (n_rows, n_classes) whose rows sum to 1, and how they came to be."""

    probabilities: np.ndarray
    calibration: Calibration


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the temperature that divides the logits so that the log loss of the labels is lowest.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: predicted probabilities, shape (n_rows, n_classes), of rows that the model never saw.
        weights: how much each row counts, shape (n_rows,); None weighs all alike.

    Returns:
        A temperature from 0.05 to 148.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_weights(len(labels), weights)
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _to_logits(probabilities)
    of_label = logits[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        losses = logsumexp(logits / temperature, axis=1) - of_label / temperature
        return float(np.average(losses, weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded").x))


def scale_by_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose logits are divided by a temperature, float64 of shape (n_rows, n_classes).

    Raises:
        ValueError: a probability is not finite.
    """
    require_finite("predicted probabilities", probabilities)
    from scipy.special import softmax

    scaled: np.ndarray = softmax(_to_logits(probabilities) / temperature, axis=1)
    return scaled


def calibrate_by_temperature(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray
) -> CalibratedProbabilities:
    """Calibrate out-of-sample probabilities by one temperature for all rows; no row has a say in its own.

    The rows of a fold are scaled by the temperature of the rows of all other folds, rows of no fold (-1) by that of all
    folds. Each row counts once, as in the reliability curve. Of more than ``LARGEST_FIT`` rows a random part is fitted.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).
        folds: fold of each row, shape (n_rows,).

    Raises:
        ValueError: there are fewer than two folds, a number is not finite, a code is that of no class, or one is of
            other rows.
    """
    require_probabilities_of(labels, probabilities)
    require_rows(len(labels), folds=folds)
    order = seed_generator(0, "rows that a temperature is fitted on").permutation(len(labels))

    def fit(rows: np.ndarray) -> float:
        some = order[rows[order]][:LARGEST_FIT]
        return fit_temperature(labels[some], probabilities[some])

    calibrated, in_a_fold = np.empty(probabilities.shape, dtype=np.float64), folds != NO_FOLD
    for fold in hold_out_each_fold(folds):
        calibrated[fold.held_out] = scale_by_temperature(probabilities[fold.held_out], fit(fold.others))

    def measure_error(values: np.ndarray) -> float:
        known = values[in_a_fold]
        return measure_reliability(
            known.max(axis=1).clip(0.0, 1.0), known.argmax(axis=1) == labels[in_a_fold]
        ).expected_calibration_error

    calibration = Calibration(
        temperature=fit(in_a_fold), error_before=measure_error(probabilities), error_after=measure_error(calibrated)
    )
    return CalibratedProbabilities(probabilities=calibrated, calibration=calibration)


def fit_platt(
    probabilities: np.ndarray, is_true: np.ndarray, weights: np.ndarray | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a logistic regression on the logit of probabilities of a yes or no.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999.

    Args:
        probabilities: predicted probabilities, in [0, 1], shape (n_rows,).
        is_true: what they are of, bool of shape (n_rows,); both values occur.
        weights: how much each row counts, shape (n_rows,); None weighs all alike.

    Returns:
        A function that calibrates probabilities of shape (n,).

    Raises:
        ValueError: a number is not finite, or one is of other rows.
    """
    require_rows(len(probabilities), is_true=is_true)
    require_finite("predicted probabilities", probabilities)
    require_weights(len(probabilities), weights)
    from sklearn.linear_model import LogisticRegression

    # Hardly regularized: two parameters need no shrinking.
    model = LogisticRegression(C=1e4, solver="newton-cholesky")
    model.fit(_to_logit(probabilities), is_true, sample_weight=weights)
    return lambda values: np.asarray(model.predict_proba(_to_logit(values))[:, 1])


def _to_logit(probabilities: np.ndarray) -> np.ndarray:
    clipped = np.clip(probabilities.astype(np.float64), _LOGIT_FLOOR, 1 - _LOGIT_FLOOR)
    logits: np.ndarray = np.log(clipped / (1 - clipped))[:, None]
    return logits


def _to_logits(probabilities: np.ndarray) -> np.ndarray:
    logits: np.ndarray = np.log(np.clip(probabilities.astype(np.float64), _PROBABILITY_FLOOR, 1.0))
    return logits


def require_probabilities_of(labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Refuse probabilities that are not finite, of other rows than the labels, or of too few classes.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: shape (n_rows, n_classes).

    Raises:
        ValueError: one is so.
    """
    require_rows(len(labels), probabilities=probabilities)
    require_finite("predicted probabilities", probabilities)
    require_codes(labels, probabilities.shape[1])
