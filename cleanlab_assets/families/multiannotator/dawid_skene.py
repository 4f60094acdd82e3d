"""Consensus of several annotators by the model of Dawid and Skene, without a model of the examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multiannotator.annotations import NO_LABEL, count_votes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SMOOTHING = 0.01
BLOCK_SIZE = 4_000_000
"""Most confusions that are held at once."""


def estimate_dawid_skene(
    labels: np.ndarray, *, n_classes: int, max_iterations: int = 100, tolerance: float = 1e-5
) -> np.ndarray:
    """Estimate how likely each class is to be true, and each annotator's confusions, by expectation maximization.

    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Journal of
    the Royal Statistical Society C 28(1), 1979. Starts at the shares of the votes; counts are smoothed a little, so
    that no confusion is impossible. A round takes time in proportion to labels times classes.

    Args:
        labels: class codes from 0, -1 where an annotator gave no label, shape (n_examples, n_annotators).
        n_classes: number of classes.
        max_iterations: most rounds of the algorithm.
        tolerance: largest change of a probability at which it stops.

    Returns:
        float64 array of shape (n_examples, n_classes) whose rows sum to 1; the class frequencies where nobody labelled.

    Raises:
        ValueError: there is no label at all, or a code is not below ``n_classes``.
    """
    if (labels < 0).all() or labels.max() >= n_classes:
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}, expected codes from 0 to {n_classes - 1}")
    votes = count_votes(labels, n_classes=n_classes)
    counts = votes.sum(axis=1, keepdims=True)
    truth = np.divide(votes, counts, out=np.full(votes.shape, 1 / n_classes), where=counts > 0)
    is_labelled = counts[:, 0] > 0
    given_by, blocks = _split_labels(labels, n_classes)
    for _ in range(max_iterations):
        frequencies = truth[is_labelled].mean(axis=0) + SMOOTHING / n_classes
        log_truth = np.tile(np.log(frequencies / frequencies.sum()), (len(labels), 1))
        log_totals = np.log(given_by @ truth + SMOOTHING * n_classes)  # annotator, true class
        for annotators, given in blocks:
            # Only confusions with a class that the annotator gave: (annotator, given class), true class.
            log_confusions = np.log(given @ truth + SMOOTHING) - log_totals[annotators]
            log_truth += given.T @ log_confusions
        updated = np.exp(log_truth - log_truth.max(axis=1, keepdims=True))
        updated /= updated.sum(axis=1, keepdims=True)
        change = np.abs(updated - truth).max()
        truth = updated
        if change < tolerance:
            break
    return np.asarray(truth)


def _split_labels(labels: np.ndarray, n_classes: int) -> tuple[csr_array, list[tuple[np.ndarray, csr_array]]]:
    """Return which examples each annotator labelled, and which of them with each class that the annotator ever gave.

    Returns:
        Ones at the labels, shape (n_annotators, n_examples); and blocks of the pairs of an annotator and a class, each
        with the annotators, shape (n_pairs,), and ones at their labels, shape (n_pairs, n_examples).
    """
    from scipy.sparse import csr_array

    annotators, examples = np.nonzero(labels.T != NO_LABEL)
    pairs, places = np.unique(annotators * n_classes + labels[examples, annotators], return_inverse=True)
    ones = np.ones(len(places))
    given_by = csr_array((ones, (annotators, examples)), shape=labels.T.shape)
    given = csr_array((ones, (places, examples)), shape=(len(pairs), len(labels)))
    size = max(1, BLOCK_SIZE // n_classes)
    starts = range(0, len(pairs), size)
    return given_by, [(pairs[start : start + size] // n_classes, given[start : start + size]) for start in starts]
