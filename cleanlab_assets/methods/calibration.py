"""How far a model's confidence is from how often it is right, for labels of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.methods.requirements import require_finite, require_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

N_BINS = 10


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
