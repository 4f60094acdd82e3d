"""Classification metrics, on weighted rows so that a bootstrap resample is a weight vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.calibration import (
    fit_temperature,
    measure_reliability,
    require_probabilities_of,
    scale_by_temperature,
)
from cleanlab_assets.methods.requirements import require_finite, require_rows

if TYPE_CHECKING:
    from cleanlab_assets.methods.calibration import ReliabilityCurve

METRICS = ("accuracy", "macro_f1", "weighted_f1", "weighted_precision", "log_loss", "roc_auc")
LOWER_IS_BETTER = frozenset({"log_loss"})
_LOG_FLOOR = 1e-7


class ScoredPredictions:
    """Labels and predicted probabilities, prepared once so that metrics on any row weights cost linear time.

    ``compute`` agrees with scikit-learn: ``accuracy_score``, ``f1_score`` (macro, weighted), ``precision_score``
    (weighted, ``zero_division=0``), ``log_loss`` (probabilities clipped at 1e-7) and ``roc_auc_score`` (binary: the
    second class; else one-vs-rest, macro). Averages run over the classes that occur as label or prediction.
    """

    lower_is_better = LOWER_IS_BETTER

    def __init__(self, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Prepare predictions.

        Args:
            labels: integer class codes, shape (n_rows,).
            probabilities: shape (n_rows, n_classes), rows sum to 1.

        Raises:
            ValueError: a probability is not finite, a code is that of no class, or the two are of different rows.
        """
        require_probabilities_of(labels, probabilities)
        self.n_rows, self.n_classes = probabilities.shape
        self._labels, self._predicted = labels, probabilities.argmax(axis=1)
        self._hits = np.flatnonzero(self._labels == self._predicted)
        given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        self._row_loss = -np.log(np.clip(given, _LOG_FLOOR, 1.0))
        scored_classes = [1] if self.n_classes == 2 else range(self.n_classes)  # noqa: PLR2004 - binary
        self._rankings = [rank_scores(labels == code, probabilities[:, code]) for code in scored_classes]

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of ``METRICS``; ``roc_auc`` is NaN where no class has both kinds of rows.

        Args:
            weights: non-negative row weights, shape (n_rows,); None weighs all rows 1.
        """
        if weights is None:
            weights = np.ones(len(self._row_loss))
        hits, support, predicted = (
            np.bincount(codes, weights=counted, minlength=self.n_classes)
            for codes, counted in (
                (self._labels[self._hits], weights[self._hits]),
                (self._labels, weights),
                (self._predicted, weights),
            )
        )
        occurs = (support + predicted) > 0
        f1 = np.divide(2 * hits, support + predicted, out=np.zeros(self.n_classes), where=occurs)
        precision = np.divide(hits, predicted, out=np.zeros(self.n_classes), where=predicted > 0)
        total = support.sum()
        areas = [ranking.area(weights) for ranking in self._rankings]
        defined = [area for area in areas if not np.isnan(area)]
        return {
            "accuracy": float(hits.sum() / total),
            "macro_f1": float(f1[occurs].mean()),
            "weighted_f1": float((f1 * support).sum() / total),
            "weighted_precision": float((precision * support).sum() / total),
            "log_loss": float((self._row_loss * weights).sum() / total),
            "roc_auc": float(np.mean(defined)) if defined else float("nan"),
        }


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of one score, prepared so that the area under the ROC curve of any row weights is cheap.

    Attributes:
        positives: positions of the positive rows.
        negatives: positions of the negative rows, in ascending order of their scores.
        n_below: for each positive row how many negatives have a lower score.
        n_not_above: for each positive row how many negatives have no higher one.
    """

    positives: np.ndarray
    negatives: np.ndarray
    n_below: np.ndarray
    n_not_above: np.ndarray

    def area(self, weights: np.ndarray) -> float:
        """Weighted area under the ROC curve: P(positive above negative), ties counted half."""
        positive = weights[self.positives]
        negative = np.concatenate(([0.0], np.cumsum(weights[self.negatives])))  # weight of the first n negatives
        pairs = positive.sum() * negative[-1]
        if pairs == 0:
            return float("nan")
        return float(positive @ (negative[self.n_below] + negative[self.n_not_above]) / 2 / pairs)


def rank_scores(is_positive: np.ndarray, scores: np.ndarray) -> Ranking:
    """Sort rows by their score: ``is_positive`` and ``scores`` are of shape (n_rows,).

    Raises:
        ValueError: a score is not finite, or the two are of different rows.
    """
    require_rows(len(is_positive), scores=scores)
    require_finite("score", scores)
    order = np.argsort(scores, kind="stable")
    positives, negatives = order[is_positive[order]], order[~is_positive[order]]
    below, not_above = (np.searchsorted(scores[negatives], scores[positives], side=side) for side in ("left", "right"))
    return Ranking(positives=positives, negatives=negatives, n_below=below, n_not_above=not_above)


def measure_calibration(labels: np.ndarray, probabilities: np.ndarray) -> ReliabilityCurve:
    """Compare the confidence in the likeliest class with how often it is the label.

    Args:
        labels: integer class codes, shape (n_rows,).
        probabilities: shape (n_rows, n_classes).

    Raises:
        ValueError: a probability is not finite, a code is that of no class, or the two are of different rows.
    """
    require_probabilities_of(labels, probabilities)
    return measure_reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def calibrated_log_loss(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the log loss of probabilities whose confidence is calibrated by one temperature for all rows.

    Where some labels are wrong, log loss alone prefers a timid model to one that is right more often: it pays dearly
    for each confident prediction that contradicts a wrong label. One parameter for all rows takes that away and hardly
    adapts to them.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).
        weights: how much each row counts, shape (n_rows,); None weighs all alike.

    Raises:
        ValueError: a number is not finite, a code is that of no class, or one is of other rows.
    """
    temperature = fit_temperature(labels, probabilities, weights)
    of_label = scale_by_temperature(probabilities, temperature)[np.arange(len(labels)), labels]
    return float(np.average(-np.log(np.maximum(of_label, np.finfo(np.float64).tiny)), weights=weights))
