"""How likely a label set is wrong, by where its score lies among those of errors planted in a copy of the labels."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multilabel.plant import plant_in_every_row
from cleanlab_assets.methods.error_bracket import FEWEST_SURE, SUREST_SHARE

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_PLANTED = 5000
"""Planted errors whose scores are compared, in as many copies of the labels as that takes: more change little."""


def score_planted_errors(
    is_named: np.ndarray, score: Callable[[np.ndarray], np.ndarray], *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Plant errors in copies of the labels and score them, see ``plant_in_every_row``.

    Predictions stay as they are, since none comes from a model that saw the label of its row: nothing is trained again.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        score: returns the score of each class of each row of labels like ``is_named``, lower is worse.
        seed: seed of the draws.

    Returns:
        The score of the worst class of each row with an error, shape (n_planted,), and that of each wrong class of
        them, shape (n_wrong,).
    """
    of_rows, of_classes = [], []
    for copy in range(ceil(LEAST_PLANTED / max(1, len(is_named)))):
        labels = plant_in_every_row(is_named, seed=seed + copy)
        scores, is_wrong = score(labels), labels != is_named
        of_rows.append(scores[is_wrong.any(axis=1)].min(axis=1))
        of_classes.append(scores[is_wrong])
    return np.concatenate(of_rows), np.concatenate(of_classes)


def estimate_error_probabilities(scores: np.ndarray, planted_scores: np.ndarray) -> np.ndarray:
    """Return the probability that each given label is wrong: P(error) P(score | error) / P(score).

    The ratio of the densities is an isotonic fit: the lower a score, the likelier an error. The share of errors is the
    largest one that the scores allow, if errors score as planted ones do: no larger part of the labels scores below a
    bound than of the errors times their share. Bounds have 20 labels below them at least, or a twentieth of fewer. That
    is too high where even the worst scores are mostly of right labels, as those of a weak model are.

    Source: Blanchard, Lee and Scott, Semi-Supervised Novelty Detection, JMLR 2010, for the share of errors.

    Args:
        scores: of the given labels, lower is worse, shape (n,).
        planted_scores: of planted errors, shape (n_planted,).

    Returns:
        float64 array of shape (n,), in [0, 1]; zeros where no error could be planted.
    """
    from sklearn.isotonic import IsotonicRegression

    if not len(scores) or not len(planted_scores):
        return np.zeros(len(scores))
    n_below = np.searchsorted(np.sort(scores), scores, side="right")
    of_planted = np.searchsorted(np.sort(planted_scores), scores, side="right") / len(planted_scores)
    counts = (n_below >= min(FEWEST_SURE, ceil(SUREST_SHARE * len(scores)))) & (of_planted > 0)
    error_share = float((n_below[counts] / len(scores) / of_planted[counts]).min(initial=1.0))

    parts = scores, planted_scores
    is_planted = np.repeat([0.0, 1.0], [len(part) for part in parts])
    weights = np.repeat([1 / len(part) for part in parts], [len(part) for part in parts])
    fitted = IsotonicRegression(increasing=False).fit(np.concatenate(parts), is_planted, sample_weight=weights)
    of_error: np.ndarray = fitted.predict(scores)  # P(error | score) if there were as many errors as labels
    wrong = error_share * of_error
    probabilities: np.ndarray = np.divide(wrong, 1 - of_error, out=np.ones(len(scores)), where=wrong < 1 - of_error)
    return probabilities
