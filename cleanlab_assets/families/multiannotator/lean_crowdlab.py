"""CROWDLAB in time in proportion to labels, and to examples times classes, with the same results (tests compare them).

cleanlab goes through all examples once more for each annotator of each class: hours for thousands of both, of which few
meet in a label. Only where it breaks a tie by chance, or by what rounding left, is the choice here another: the tied
class that comes first, or the majority vote.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import NO_LABEL, count_votes

LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class Crowdlab:
    """What CROWDLAB says of a matrix of labels.

    ``consensus``: class codes, shape (n_examples,); ``consensus_quality``: shape (n_examples,); ``label_quality``:
    shape (n_examples, n_annotators), NaN where there is no label; ``annotators``: one row for each annotator, in the
    order of the matrix, with ``annotator_quality``, ``agreement_with_consensus``, ``worst_class`` (a code), ``weight``.
    """

    consensus: np.ndarray
    consensus_quality: np.ndarray
    label_quality: np.ndarray
    annotators: pd.DataFrame
    model_weight: float


@dataclass(frozen=True)
class _Labels:
    """A matrix of labels as a list: the ``example``, ``annotator`` and ``code`` of each, shape (n_labels,)."""

    example: np.ndarray
    annotator: np.ndarray
    code: np.ndarray
    n_annotators: int
    votes: np.ndarray
    """Labels of each class, shape (n_examples, n_classes)."""

    @classmethod
    def of(cls, labels: np.ndarray, *, n_classes: int) -> _Labels:
        example, annotator = np.nonzero(labels != NO_LABEL)
        votes = count_votes(labels, n_classes=n_classes)
        return cls(example, annotator, labels[example, annotator], labels.shape[1], votes)

    @property
    def counts(self) -> np.ndarray:
        """Labels of each example."""
        return np.asarray(self.votes.sum(axis=1))

    def average(self, values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Average values of labels by annotator; one of whom no label has a weight gets the mean of the others."""
        weights = np.ones(len(values)) if weights is None else weights
        sums = np.bincount(self.annotator, values * weights, minlength=self.n_annotators)
        totals = np.bincount(self.annotator, weights, minlength=self.n_annotators)
        means = np.divide(sums, totals, out=np.full(len(sums), np.nan), where=totals > 0)
        return np.asarray(np.where(np.isnan(means), np.nanmean(means), means))


@dataclass(frozen=True)
class _Posterior:
    """Probabilities of the classes by annotators and model, and how much either counts."""

    probabilities: np.ndarray
    weights: np.ndarray
    model_weight: float


def run_crowdlab(labels: np.ndarray, probabilities: np.ndarray) -> Crowdlab:
    """Weigh annotators and model by how well they agree, and score every label.

    Source: ``cleanlab.multiannotator.get_label_quality_multiannotator`` (Goh, Tkachenko and Mueller, CROWDLAB, 2022)
    with the consensus of best quality. The quality of an annotator who shares no example with others counts their
    average agreement in place of the one that is not known.

    Args:
        labels: class codes, -1 where there is none, shape (n_examples, n_annotators); each row and column has a label.
        probabilities: out-of-sample predicted probabilities, shape (n_examples, n_classes).

    Raises:
        ValueError: no example has two labels.
    """
    exact = to_sums_of_one(probabilities)
    panel = _Labels.of(labels, n_classes=exact.shape[1])
    if panel.counts.max(initial=0) < 2:  # noqa: PLR2004 - agreement needs two
        raise ValueError("no example has two labels: how far annotators agree is not known")
    votes = _vote(panel, exact)
    quality = _weigh(panel, exact, votes).probabilities
    is_best = quality == quality.max(axis=1, keepdims=True)
    consensus = np.where(is_best.sum(axis=1) == 1, is_best.argmax(axis=1), votes)
    found = _weigh(panel, exact, consensus)
    consensus_quality = found.probabilities[np.arange(len(labels)), consensus].clip(0, 1)
    label_quality = np.full(labels.shape, np.nan)
    label_quality[panel.example, panel.annotator] = found.probabilities[panel.example, panel.code].clip(0, 1)
    return Crowdlab(
        consensus=consensus,
        consensus_quality=consensus_quality,
        label_quality=label_quality,
        annotators=_judge_annotators(panel, found, consensus, consensus_quality),
        model_weight=found.model_weight,
    )


def to_sums_of_one(probabilities: np.ndarray) -> np.ndarray:
    """Scale the probabilities of each row to sum to 1, as float64."""
    exact = probabilities.astype(np.float64)
    return np.asarray(exact / exact.sum(axis=1, keepdims=True))


def _vote(panel: _Labels, probabilities: np.ndarray) -> np.ndarray:
    """Vote by majority; ties go to the more probable class, the rarer one, that of the better annotators, the first."""
    tied = panel.votes == panel.votes.max(axis=1, keepdims=True)
    is_clear = tied.sum(axis=1) == 1
    tied = _keep_highest(tied, probabilities)
    tied = _keep_highest(tied, -panel.votes.sum(axis=0))
    if is_clear.any():
        is_like_vote = panel.code == panel.votes.argmax(axis=1)[panel.example]
        trust = panel.average(is_like_vote, is_clear[panel.example].astype(np.float64))
        cells = panel.example * panel.votes.shape[1] + panel.code
        sums = np.bincount(cells, trust[panel.annotator], minlength=panel.votes.size).reshape(panel.votes.shape)
        tied = _keep_highest(tied, sums / np.maximum(panel.votes, 1))
    return np.asarray(tied.argmax(axis=1))


def _keep_highest(tied: np.ndarray, scores: np.ndarray) -> np.ndarray:
    among = np.where(tied, scores, -np.inf)
    return np.asarray(tied & (among == among.max(axis=1, keepdims=True)))


def _weigh(panel: _Labels, probabilities: np.ndarray, consensus: np.ndarray) -> _Posterior:
    """Average model and labels, each by how much less it errs than who always names the commonest class."""
    counts, n_classes = panel.counts, probabilities.shape[1]
    is_shared = counts > 1
    agreement = panel.votes[np.arange(len(consensus)), consensus] / counts
    right = agreement[is_shared].mean()
    wrong = (1 - right) / (n_classes - 1)
    shared = consensus[is_shared]
    guessing_error = max((shared != np.bincount(shared, minlength=n_classes).argmax()).mean(), LEAST_WEIGHT)
    others = (counts - 1)[panel.example]
    like_others = (panel.votes[panel.example, panel.code] - 1) / np.maximum(others, 1)
    weights = np.maximum(1 - (1 - panel.average(like_others, others)) / guessing_error, LEAST_WEIGHT)
    model_error = (probabilities[is_shared].argmax(axis=1) != shared).mean()
    model_weight = float(max(1 - model_error / guessing_error, LEAST_WEIGHT) * np.sqrt(counts.mean()))
    each = weights[panel.annotator]
    trust = np.bincount(panel.example, each, minlength=len(counts))
    averaged = probabilities * model_weight + (trust * wrong)[:, None]
    np.add.at(averaged, (panel.example, panel.code), each * (right - wrong))
    return _Posterior(averaged / (trust + model_weight)[:, None], weights, model_weight)


def _judge_annotators(
    panel: _Labels, found: _Posterior, consensus: np.ndarray, consensus_quality: np.ndarray
) -> pd.DataFrame:
    is_like = (panel.code == consensus[panel.example]).astype(np.float64)
    is_shared = (panel.counts > 1)[panel.example].astype(np.float64)
    model_share = found.model_weight / (found.model_weight + found.weights.mean() * panel.counts.mean())
    quality = panel.average(found.probabilities[panel.example, panel.code])
    return pd.DataFrame(
        {
            "annotator_quality": model_share * quality + (1 - model_share) * panel.average(is_like, is_shared),
            "agreement_with_consensus": panel.average(is_like),
            "worst_class": _find_worst_classes(panel, is_like, consensus_quality[panel.example]),
            "weight": found.weights,
        }
    )


def _find_worst_classes(panel: _Labels, is_like: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Return the class that each annotator gives most often against the consensus, among ties the one given more."""
    n_classes = panel.votes.shape[1]
    pairs, places = np.unique(panel.annotator * n_classes + panel.code, return_inverse=True)
    annotators, codes, sizes = pairs // n_classes, pairs % n_classes, np.bincount(places)
    rights, qualities = (np.bincount(places, values) / sizes for values in (is_like, quality))
    order = np.lexsort((codes, -qualities, -sizes, rights, annotators))
    _, firsts = np.unique(annotators[order], return_index=True)
    return np.asarray(codes[order][firsts])
