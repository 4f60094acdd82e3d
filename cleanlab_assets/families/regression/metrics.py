"""Regression metrics, on weighted rows so that a bootstrap resample is a weight vector, and interval calibration."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from cleanlab_assets.methods.calibration import ReliabilityCurve
from cleanlab_assets.methods.requirements import require_finite

VALUE_METRICS = ("r2", "mae", "rmse")
LOWER_IS_BETTER = frozenset({"mae", "rmse"})
NOMINAL_LEVELS = (0.5, 0.8, 0.9, 0.95)


class ScoredValues:
    """Labels and predicted values, prepared once so that metrics on any row weights cost linear time.

    ``compute`` agrees with scikit-learn's ``r2_score``, ``mean_absolute_error`` and ``root_mean_squared_error``.
    """

    lower_is_better = LOWER_IS_BETTER

    def __init__(self, labels: np.ndarray, values: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            labels: given labels, shape (n_rows,).
            values: predicted values, shape (n_rows,).
        """
        self.n_rows = len(labels)
        self._labels = labels.astype(np.float64)
        self._absolute = np.abs(self._labels - values.astype(np.float64))
        self._squared = self._absolute**2

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of ``VALUE_METRICS``; ``r2`` is NaN where all labels are equal.

        Args:
            weights: non-negative row weights, shape (n_rows,); None weighs all rows 1.
        """
        if weights is None:
            weights = np.ones(self.n_rows)
        total = weights.sum()
        squared = float(self._squared @ weights)
        present = self._labels[weights > 0]
        r2 = float("nan")
        if present.min() < present.max():
            mean = (self._labels @ weights) / total
            r2 = 1 - squared / float((self._labels - mean) ** 2 @ weights)
        return {"r2": r2, "mae": float(self._absolute @ weights / total), "rmse": float(np.sqrt(squared / total))}


def measure_interval_calibration(labels: np.ndarray, values: np.ndarray, uncertainty: np.ndarray) -> ReliabilityCurve:
    """Compare the nominal level of normal intervals, value +- z * uncertainty, with their coverage.

    Source: Kuleshov, Fenner and Ermon, Accurate Uncertainties for Deep Learning Using Calibrated Regression, ICML 2018,
    for central intervals.

    Args:
        labels: given labels, shape (n_rows,).
        values: predicted values, shape (n_rows,).
        uncertainty: standard deviations in the unit of the labels, shape (n_rows,), not negative.

    Returns:
        A point for each of ``NOMINAL_LEVELS``: the level is the confidence, the share of the labels within their
        interval the accuracy, and every point counts all rows.
    """
    residual = np.abs(labels - values)
    covered = [
        float((residual <= NormalDist().inv_cdf((1 + level) / 2) * uncertainty).mean()) for level in NOMINAL_LEVELS
    ]
    return ReliabilityCurve.of(np.array(NOMINAL_LEVELS), np.array(covered), [len(labels)] * len(NOMINAL_LEVELS))


def correlate_neighbours(residuals: np.ndarray) -> float:
    """Return the rank correlation of each residual of a series with the next one.

    Args:
        residuals: in the order of time, finite, shape (n_rows,).

    Returns:
        From -1 to 1; 0 where there are fewer than three, or all are equal.

    Raises:
        ValueError: a residual is not finite.
    """
    require_finite("residuals", residuals)
    from scipy.stats import spearmanr

    if len(residuals) < 3 or residuals.min() == residuals.max():  # noqa: PLR2004 - two pairs are the fewest
        return 0.0
    correlation = float(spearmanr(residuals[:-1], residuals[1:]).statistic)
    return correlation if np.isfinite(correlation) else 0.0
