"""How likely what a label says of each of several classes is right: the scores, and which of them judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.compat import softmin
from cleanlab_assets.families.multilabel.predictions import class_names_of, to_label_set_probabilities
from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.label_issues import QualityMethod, estimate_noise_matrix
from cleanlab_assets.methods.label_sets import encode_given_labels, to_label_lists
from cleanlab_assets.methods.noise_posterior import draw_labels_like_these, estimate_noise_by_em, score_by_noise
from cleanlab_assets.methods.planted_errors import draw_classes
from cleanlab_assets.methods.quality_choice import MOST_TO_CHOOSE_BY
from cleanlab_assets.methods.score_choice import choose_score
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.score_choice import ScoreChoice

CHOSEN_AMONG: tuple[QualityMethod, ...] = ("self_confidence", "noise_posterior")
"""The usual score comes first. Of two answers, yes and no, the margin ranks as self-confidence does."""
SOFTMIN_TEMPERATURE = 0.1
"""cleanlab's own: how much more the worst class of a row counts than the others."""


class ClassNoise:
    """How often each class is left out in error, and named in error, as labels and probabilities of rows tell."""

    def __init__(self, is_named: np.ndarray, probabilities: np.ndarray) -> None:
        """Estimate a noise matrix of no and yes for each class, see ``estimate_noise_by_em``.

        Args:
            is_named: which classes each label names, bool of shape (n_rows, n_classes).
            probabilities: calibrated out-of-sample probabilities, shape (n_rows, n_classes).
        """
        self._beliefs = [of_both(of_class) for of_class in probabilities.T.astype(np.float64)]
        by_class = zip(is_named.T.astype(np.int64), self._beliefs, strict=True)
        self._matrices = [estimate_noise_by_em(*of_class) for of_class in by_class]

    def score(self, is_named: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the posterior that what labels say of each class is right, see ``score_by_noise``.

        Args:
            is_named: labels, bool of shape (n, n_classes).
            rows: which of the rows they are of, shape (n,); None are all in their order.
        """
        chosen = slice(None) if rows is None else rows
        by_class = zip(is_named.T.astype(np.int64), self._beliefs, self._matrices, strict=True)
        return np.column_stack([score_by_noise(named, belief[chosen], noise) for named, belief, noise in by_class])

    def plant(self, is_named: np.ndarray, *, n_planted: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Plant an error in one class of rows that are drawn, with replacement, by how often they are wrong.

        Args:
            is_named: which classes each label names, bool of shape (n_rows, n_classes).
            n_planted: how many errors to plant.
            seed: seed of the draw.

        Returns:
            The labels with errors, shape (n_planted, n_classes); the rows that they are of, and the wrong class of
            each, shape (n_planted,).
        """
        rng = seed_generator(seed, "errors of classes by their noise")
        named = is_named.T.astype(np.int64)
        by_class = [noise[1 - each, each] for each, noise in zip(named, self._matrices, strict=True)]
        weights = np.column_stack(by_class)
        of_rows = weights.sum(axis=1)
        rows = rng.choice(len(is_named), size=n_planted, p=of_rows / of_rows.sum())
        wrong = draw_classes(weights[rows], rng)
        labels = is_named[rows]
        labels[np.arange(n_planted), wrong] ^= True
        return labels, rows, wrong


def score_classes(is_named: np.ndarray, probabilities: np.ndarray, method: QualityMethod) -> np.ndarray:
    """Score how likely what each label says of each class is right.

    Source: ``cleanlab.multilabel_classification.rank.get_label_quality_scores_per_class`` (Thyagarajan, Snorrason,
    Northcutt and Mueller, Identifying Incorrect Annotations in Multi-Label Classification Data, 2022), and
    ``estimate_noise_by_em`` for ``noise_posterior``.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        probabilities: out-of-sample probabilities, shape (n_rows, n_classes); calibrated ones for ``noise_posterior``.
        method: the score.

    Returns:
        float64 array of shape (n_rows, n_classes), in [0, 1]; lower is worse.
    """
    if method == "noise_posterior":
        return ClassNoise(is_named, probabilities).score(is_named)
    exact = probabilities.astype(np.float64)
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    quality: np.ndarray = get_label_quality_scores_per_class(to_label_lists(is_named), exact, method=method)
    return quality.clip(0.0, 1.0)


def choose_class_quality(predictions: pd.DataFrame, *, seed: int) -> ScoreChoice:
    """Choose the score of a class by errors that an estimated noise matrix makes of the train labels.

    Yes and no of each class are drawn like the given ones, see ``draw_labels_like_these`` and
    ``choose_quality_method``; rows rank by the soft minimum of their classes.

    Args:
        predictions: predictions table.
        seed: seed of the sample, the errors and the resampling.

    Returns:
        See ``choose_score``.
    """
    rows = train_rows(predictions)
    sample = draw_stratified_sample(np.zeros(len(rows), dtype=np.int64), MOST_TO_CHOOSE_BY, seed=seed)
    is_named = encode_given_labels(rows, class_names_of(rows))[sample]
    probabilities = to_label_set_probabilities(rows)[sample].astype(np.float64)
    drawn, is_error = is_named.copy(), np.zeros(len(sample), dtype=bool)
    varies = is_named.any(axis=0) & ~is_named.all(axis=0)
    for code in np.flatnonzero(varies):
        named, belief = is_named[:, code].astype(np.int64), of_both(probabilities[:, code])
        planted = draw_labels_like_these(named, belief, estimate_noise_matrix(named, belief), seed=seed + int(code))
        drawn[:, code] = planted.labels == 1
        is_error |= planted.is_planted
    scores = {
        str(method): softmin(score_classes(drawn, probabilities, method), temperature=SOFTMIN_TEMPERATURE)
        for method in CHOSEN_AMONG
    }
    return choose_score(scores, is_error, default=CHOSEN_AMONG[0], seed=seed)


def of_both(probabilities: np.ndarray) -> np.ndarray:
    """Return the probabilities that a class does not and does belong to a label, shape (n, 2)."""
    return np.column_stack([1 - probabilities, probabilities])
