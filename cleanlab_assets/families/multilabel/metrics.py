"""Metrics of labels that name several classes, on weighted rows so that a bootstrap resample is a weight vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.calibration import measure_reliability
from cleanlab_assets.methods.class_metrics import rank_scores
from cleanlab_assets.methods.label_sets import LIKELY

if TYPE_CHECKING:
    from cleanlab_assets.methods.calibration import ReliabilityCurve

LABEL_SET_METRICS = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "roc_auc")


class ScoredLabelSets:
    """Label sets and predicted probabilities, prepared once so that metrics on any row weights cost linear time.

    ``compute`` agrees with scikit-learn at a threshold of 0.5: ``f1_score`` (micro, macro, ``zero_division=0``),
    ``accuracy_score`` of whole label sets, ``hamming_loss``, and ``roc_auc_score`` as the mean over the classes that
    some rows have and others lack.
    """

    lower_is_better = frozenset({"hamming_loss"})

    def __init__(self, is_named: np.ndarray, probabilities: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            is_named: which classes each label names, bool of shape (n_rows, n_classes).
            probabilities: shape (n_rows, n_classes).
        """
        self.n_rows, self.n_classes = probabilities.shape
        self._named, self._predicted = is_named, probabilities >= LIKELY
        self._rankings = [rank_scores(is_named[:, code], probabilities[:, code]) for code in range(self.n_classes)]

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of ``LABEL_SET_METRICS``; ``roc_auc`` is NaN where no class has both kinds of rows.

        Args:
            weights: non-negative row weights, shape (n_rows,); None weighs all rows 1.
        """
        if weights is None:
            weights = np.ones(self.n_rows)
        hits = weights @ (self._named & self._predicted)
        mentions = weights @ self._named + weights @ self._predicted
        f1 = np.divide(2 * hits, mentions, out=np.zeros(self.n_classes), where=mentions > 0)
        wrong = self._named != self._predicted
        total = weights.sum()
        defined = [area for area in self.class_areas(weights) if not np.isnan(area)]
        return {
            "micro_f1": float(2 * hits.sum() / mentions.sum()) if mentions.sum() else 0.0,
            "macro_f1": float(f1.mean()),
            "subset_accuracy": float(weights @ ~wrong.any(axis=1) / total),
            "hamming_loss": float((weights @ wrong).sum() / (total * self.n_classes)),
            "roc_auc": float(np.mean(defined)) if defined else float("nan"),
        }

    def class_areas(self, weights: np.ndarray | None = None) -> list[float]:
        """Return the ROC AUC of each class; NaN for one that all rows have, or none."""
        if weights is None:
            weights = np.ones(self.n_rows)
        return [ranking.area(weights) for ranking in self._rankings]


def measure_label_set_calibration(is_named: np.ndarray, probabilities: np.ndarray) -> ReliabilityCurve:
    """Compare the probability of a class with how often labels name it, over all classes of all rows.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        probabilities: shape (n_rows, n_classes).
    """
    return measure_reliability(probabilities.reshape(-1), is_named.reshape(-1))
