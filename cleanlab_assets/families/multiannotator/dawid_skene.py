"""Consensus of several annotators by the model of Dawid and Skene, with or without a model of the examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multiannotator.annotations import NO_LABEL, count_votes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

PRIOR_STRENGTH = 10.0
"""Labels of each true class that the prior of an annotator's confusions counts as."""
ACCURACY_STRENGTH = 2.0
"""Labels that the mean accuracy of all annotators counts as in the accuracy of one of them."""
CLASS_SMOOTHING = 0.01
UNIFORM_SHARE = 0.01
"""Share of equal probabilities that is mixed into a model's, so that no class is impossible by the model alone."""
TEMPERATURE_RANGE = (0.2, 100.0)
BLOCK_SIZE = 4_000_000
"""Most confusions that are held at once."""


@dataclass(frozen=True)
class DawidSkene:
    """How likely each class is to be true of each example.

    ``probabilities``: float64, shape (n_examples, n_classes), rows sum to 1. ``temperature`` is that of the model's
    probabilities: above 1 they were too sure, below 1 not sure enough; None without a model. ``has_converged`` says
    whether the rounds ended because the probabilities stood still.
    """

    probabilities: np.ndarray
    temperature: float | None
    n_rounds: int
    has_converged: bool

    @property
    def consensus(self) -> np.ndarray:
        """The likeliest class of each example, int64 of shape (n_examples,)."""
        return np.asarray(self.probabilities.argmax(axis=1))


def estimate_dawid_skene(
    labels: np.ndarray,
    *,
    n_classes: int,
    model: np.ndarray | None = None,
    decided: np.ndarray | None = None,
    max_iterations: int = 500,
    tolerance: float = 1e-4,
) -> DawidSkene:
    """Estimate how likely each class is to be true, and each annotator's confusions, by expectation maximization.

    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Journal of
    the Royal Statistical Society C 28(1), 1979. Starts at the shares of the votes, so that classes cannot change
    places, and nothing is drawn at random. A round takes time in proportion to labels times classes.

    Confusions have a prior, which decides where an annotator gave few labels: the annotator's accuracy, with mistakes
    like those of all annotators, counts as ``PRIOR_STRENGTH`` labels of each true class. The accuracy is itself drawn
    to the mean of all by ``ACCURACY_STRENGTH`` labels (a hierarchical model as in Paun and others, Comparing Bayesian
    Models of Annotation, Transactions of the ACL 6, 2018).

    A model of the examples is one more annotator, who says probabilities in place of a class: they take the place of
    the class frequencies (as in Raykar and others, Learning from Crowds, Journal of Machine Learning Research 11,
    2010). It was trained on labels that are partly wrong, so how sure it is says little: each round fits one
    temperature by which its probabilities are likeliest (Guo and others, On Calibration of Modern Neural Networks,
    2017).

    Args:
        labels: class codes from 0, -1 where an annotator gave no label, shape (n_examples, n_annotators).
        n_classes: number of classes, at least 2.
        model: out-of-sample predicted probabilities of a model of the examples, shape (n_examples, n_classes); None
            knows no more than how frequent the classes are.
        decided: class code that is known to be true of an example, -1 where none is, shape (n_examples,); None knows
            none. Its probability is 1 in each round, so that annotators and model are also judged by these examples.
        max_iterations: most rounds of the algorithm.
        tolerance: largest change of a probability at which it stops.

    Returns:
        The probabilities; those by the model alone, or the class frequencies, where nobody labelled.

    Raises:
        ValueError: there is no label at all, a code is not below ``n_classes``, or probabilities or decided classes are
            of other examples.
    """
    if (labels < 0).all() or labels.max() >= n_classes:
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}, expected codes from 0 to {n_classes - 1}")
    if model is not None and model.shape != (len(labels), n_classes):
        raise ValueError(f"probabilities have the shape {model.shape}, expected {(len(labels), n_classes)}")
    if decided is None:
        decided = np.full(len(labels), NO_LABEL)
    if decided.shape != (len(labels),) or decided.max() >= n_classes:
        raise ValueError(
            f"decided classes have the shape {decided.shape} and go to {decided.max()}, expected {(len(labels),)} and "
            f"codes to {n_classes - 1}"
        )
    is_decided = decided != NO_LABEL
    certain = np.eye(n_classes)[decided[is_decided]]
    votes = count_votes(labels, n_classes=n_classes)
    counts = votes.sum(axis=1, keepdims=True)
    truth = np.divide(votes, counts, out=np.full(votes.shape, 1 / n_classes), where=counts > 0)
    truth[is_decided] = certain
    is_labelled = counts[:, 0] > 0
    log_model = None if model is None else _to_log_probabilities(model)
    panel = _SplitLabels.of(labels, n_classes)
    temperature, change, n_rounds = None, np.inf, 0
    while n_rounds < max_iterations and change >= tolerance:
        n_rounds += 1
        if log_model is None:
            frequencies = truth[is_labelled].mean(axis=0) + CLASS_SMOOTHING / n_classes
            log_truth = np.tile(np.log(frequencies / frequencies.sum()), (len(labels), 1))
        else:
            temperature = _fit_temperature(log_model[is_labelled], truth[is_labelled])
            log_truth = _normalize(log_model / temperature)
        panel.add_log_likelihood(log_truth, truth)
        updated = np.exp(_normalize(log_truth))
        updated[is_decided] = certain
        change = float(np.abs(updated - truth).max())
        truth = updated
    return DawidSkene(truth, temperature, n_rounds, has_converged=change < tolerance)


@dataclass(frozen=True)
class _SplitLabels:
    """A matrix of labels by the pairs of an annotator and a class that the annotator ever gave.

    ``example``, ``annotator`` and ``code`` of each label, shape (n_labels,); ``given_by``: ones at the labels, shape
    (n_annotators, n_examples); ``given_as``: the same by class, shape (n_classes, n_examples); ``blocks``: annotators
    and codes of some pairs, shape (n_pairs,), with ones at their labels, shape (n_pairs, n_examples).
    """

    example: np.ndarray
    annotator: np.ndarray
    code: np.ndarray
    given_by: csr_array
    given_as: csr_array
    blocks: list[tuple[np.ndarray, np.ndarray, csr_array]]

    @classmethod
    def of(cls, labels: np.ndarray, n_classes: int) -> _SplitLabels:
        from scipy.sparse import csr_array

        annotator, example = np.nonzero(labels.T != NO_LABEL)
        code = labels[example, annotator]
        pairs, places = np.unique(annotator * n_classes + code, return_inverse=True)
        ones, n_examples = np.ones(len(places)), len(labels)
        given = csr_array((ones, (places, example)), shape=(len(pairs), n_examples))
        size = max(1, BLOCK_SIZE // n_classes)
        parts = [slice(start, start + size) for start in range(0, len(pairs), size)]
        return cls(
            example=example,
            annotator=annotator,
            code=code,
            given_by=csr_array((ones, (annotator, example)), shape=labels.T.shape),
            given_as=csr_array((ones, (code, example)), shape=(n_classes, n_examples)),
            blocks=[(pairs[part] // n_classes, pairs[part] % n_classes, given[part]) for part in parts],
        )

    def add_log_likelihood(self, log_truth: np.ndarray, truth: np.ndarray) -> None:
        """Add, in place, how likely the labels of each example are if a class is true; see ``estimate_dawid_skene``.

        Args:
            log_truth: what is added to, shape (n_examples, n_classes).
            truth: probabilities by which the confusions are estimated, shape (n_examples, n_classes).
        """
        accuracy = self._estimate_accuracy(truth)
        mistakes = self._share_mistakes(truth)
        totals = self.given_by @ truth  # annotator, true class
        for annotators, codes, given in self.blocks:
            # Only confusions with a class that the annotator gave: (annotator, given class), true class.
            prior = (1 - accuracy[annotators])[:, None] * mistakes[codes]
            prior[np.arange(len(codes)), codes] = accuracy[annotators]
            expected = given @ truth + PRIOR_STRENGTH * prior
            log_truth += given.T @ np.log(expected / (totals[annotators] + PRIOR_STRENGTH))

    def _estimate_accuracy(self, truth: np.ndarray) -> np.ndarray:
        """Return the share of right labels of each annotator, drawn to the mean of all, which is never 0 or 1."""
        is_right = truth[self.example, self.code]
        mean = (is_right.sum() + 1) / (len(is_right) + 2)
        n_annotators = self.given_by.shape[0]
        right = np.bincount(self.annotator, is_right, minlength=n_annotators)
        counts = np.bincount(self.annotator, minlength=n_annotators)
        return np.asarray((right + ACCURACY_STRENGTH * mean) / (counts + ACCURACY_STRENGTH))

    def _share_mistakes(self, truth: np.ndarray) -> np.ndarray:
        """Return which classes all annotators give in place of each true one, in shares.

        One mistake of each true class, spread evenly, is added, so that no mistake is impossible.

        Returns:
            Given class by true class, shape (n_classes, n_classes); columns sum to 1, the diagonal is 0.
        """
        mistakes = self.given_as @ truth + 1 / (truth.shape[1] - 1)
        np.fill_diagonal(mistakes, 0)
        return np.asarray(mistakes / mistakes.sum(axis=0))


def _to_log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    return np.asarray(np.log((1 - UNIFORM_SHARE) * exact + UNIFORM_SHARE / exact.shape[1]))


def _normalize(logarithms: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities in proportion, whose exponentials sum to 1 in each row."""
    shifted = logarithms - logarithms.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _fit_temperature(log_probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature by which probabilities fit the truth, itself in probabilities, with the least log loss."""
    from scipy.optimize import minimize_scalar

    def log_loss(sharpness: float) -> float:
        return -float((truth * _normalize(sharpness * log_probabilities)).sum())

    low, high = TEMPERATURE_RANGE
    return float(1 / minimize_scalar(log_loss, bounds=(1 / high, 1 / low), method="bounded").x)
