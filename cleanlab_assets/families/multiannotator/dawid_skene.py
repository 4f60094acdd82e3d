"""Consensus of several annotators by the model of Dawid and Skene, without a model of the examples."""

from __future__ import annotations

import numpy as np

SMOOTHING = 0.01


def estimate_dawid_skene(
    labels: np.ndarray, *, n_classes: int, max_iterations: int = 100, tolerance: float = 1e-5
) -> np.ndarray:
    """Estimate how likely each class is to be true, and each annotator's confusions, by expectation maximization.

    Source: Dawid and Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Journal of
    the Royal Statistical Society C 28(1), 1979. Starts at the shares of the votes; counts are smoothed a little, so
    that no confusion is impossible.

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
    given = (labels[:, :, None] == np.arange(n_classes)).astype(np.float64)  # example, annotator, class
    votes = given.sum(axis=1)
    counts = votes.sum(axis=1, keepdims=True)
    truth = np.divide(votes, counts, out=np.full_like(votes, 1 / n_classes), where=counts > 0)
    is_labelled = counts[:, 0] > 0
    for _ in range(max_iterations):
        frequencies = truth[is_labelled].mean(axis=0) + SMOOTHING / n_classes
        confusions = np.einsum("ek,eaj->akj", truth, given) + SMOOTHING  # annotator, true class, given class
        confusions /= confusions.sum(axis=2, keepdims=True)
        log_truth = np.log(frequencies / frequencies.sum()) + np.einsum("eaj,akj->ek", given, np.log(confusions))
        updated = np.exp(log_truth - log_truth.max(axis=1, keepdims=True))
        updated /= updated.sum(axis=1, keepdims=True)
        change = np.abs(updated - truth).max()
        truth = updated
        if change < tolerance:
            break
    return np.asarray(truth)
