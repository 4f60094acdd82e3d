"""Metrics of tagged tokens, on weighted rows so that a bootstrap resample is a weight vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN_METRICS = ("accuracy", "macro_f1", "log_loss")
TAG_F1_PREFIX = "f1_"
_LOG_FLOOR = 1e-7


class ScoredTokens:
    """Tags and predicted probabilities, prepared once so that metrics on any row weights cost linear time.

    ``compute`` agrees with scikit-learn: ``accuracy_score``, ``f1_score`` (macro over the tags that occur as label or
    prediction, and of each tag as ``f1_<tag>``) and ``log_loss`` (probabilities clipped at 1e-7).
    """

    lower_is_better = frozenset({"log_loss"})

    def __init__(self, labels: np.ndarray, probabilities: np.ndarray, *, tags: Sequence[str]) -> None:
        """Prepare predictions.

        Args:
            labels: integer class codes, shape (n_rows,).
            probabilities: shape (n_rows, n_classes), rows sum to 1.
            tags: name of each class.
        """
        self.n_rows, self.n_classes = probabilities.shape
        self._tags = tags
        self._labels, self._predicted = labels, probabilities.argmax(axis=1)
        self._hits = np.flatnonzero(self._labels == self._predicted)
        given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        self._row_loss = -np.log(np.clip(given, _LOG_FLOOR, 1.0))

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric by name; the F1 of a tag that neither occurs nor is predicted is NaN.

        Args:
            weights: non-negative row weights, shape (n_rows,); None weighs all rows 1.
        """
        if weights is None:
            weights = np.ones(self.n_rows)
        hits = np.bincount(self._labels[self._hits], weights=weights[self._hits], minlength=self.n_classes)
        occurrences = sum(
            np.bincount(codes, weights=weights, minlength=self.n_classes) for codes in (self._labels, self._predicted)
        )
        f1 = np.divide(2 * hits, occurrences, out=np.full(self.n_classes, np.nan), where=occurrences > 0)
        total = weights.sum()
        return {
            "accuracy": float(hits.sum() / total),
            "macro_f1": float(np.nanmean(f1)),
            "log_loss": float((self._row_loss * weights).sum() / total),
            **{f"{TAG_F1_PREFIX}{tag}": float(value) for tag, value in zip(self._tags, f1, strict=True)},
        }
