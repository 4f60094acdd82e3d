"""A linear-chain conditional random field: a linear tagger that weighs whole sequences of tags.

Source: Lafferty, McCallum and Pereira, Conditional Random Fields, ICML 2001; steps by AdaGrad (Duchi, Hazan and Singer,
JMLR 2011), which suits features that are rare. Words without a label: Tsuboi et al., Training Conditional Random Fields
Using Incomplete Annotations, COLING 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from cleanlab_assets.models.tagging.context_features import to_context_features
from cleanlab_assets.models.tagging.sentences import split_sentences

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_FEWEST_STEPS = 300
_FIRST_SQUARE = 1e-6
"""What AdaGrad's sums of squares start with, so that the first step is finite."""


@dataclass(kw_only=True, eq=False, repr=False)
class CRFTagger(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Tags words by their context features and by which tags follow each other; same seed, same result.

    A word that is left out of the rows keeps its place in its sentence, with any tag. The weights are the mean of those
    after each pass but the first.

    Args:
        epochs: passes over the sentences; more where these make fewer than 300 steps.
        batch_sentences: sentences of a step, of about equal length.
        learning_rate: AdaGrad's.
        random_state: seed of the order of the sentences.
    """

    epochs: int = 3
    batch_sentences: int = 32
    learning_rate: float = 0.1
    random_state: int = 0

    def fit(self, rows: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn from rows with ``sentence`` (words apart by single spaces) and ``position`` (from 1).

        Args:
            rows: shape (n_rows, 2 or more columns).
            labels: class codes or names, shape (n_rows,).
        """
        self.classes_, targets = np.unique(labels, return_inverse=True)
        words = _Words(rows)
        n_tags = len(self.classes_)
        allowed = np.ones((words.n_words, n_tags), dtype=bool)
        allowed[words.of_rows] = np.arange(n_tags) == targets[:, None]
        weights = [np.zeros((words.features.shape[1], n_tags), dtype=np.float32)]
        weights += [np.zeros((n_tags, n_tags)), np.zeros(n_tags)]
        squares = [np.full_like(each, _FIRST_SQUARE) for each in weights]
        sums = [np.zeros_like(each) for each in weights]
        rng = np.random.default_rng(self.random_state)
        n_steps = ceil(len(words.lengths) / self.batch_sentences)
        n_epochs = max(self.epochs, ceil(_FEWEST_STEPS / n_steps), 2)
        for epoch in range(n_epochs):
            batches = words.divide(self.batch_sentences, np.lexsort((rng.random(len(words.lengths)), words.lengths)))
            for number in rng.permutation(len(batches)):
                self._step(words, allowed, batches[number], weights, squares)
            if epoch:
                sums = [total + each for total, each in zip(sums, weights, strict=True)]
        self.weights_, self.transitions_, self.starts_ = (total / (n_epochs - 1) for total in sums)
        return self

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the probability of each class, float64 of shape (n_rows, n_classes), in the order of ``classes_``."""
        words = _Words(rows)
        scores = words.features @ self.weights_
        found = np.empty(scores.shape)
        for batch in words.divide(8 * self.batch_sentences, np.argsort(words.lengths, kind="stable")):
            places, is_word = words.place(batch)
            factors = _to_factors(scores[places], is_word)
            probabilities, _ = _run_both_ways(factors, is_word, np.exp(self.transitions_), np.exp(self.starts_))
            found[places] = probabilities[is_word]
        result: np.ndarray = found[words.of_rows]
        return result

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the likeliest class of each row, shape (n_rows,)."""
        likeliest: np.ndarray = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return likeliest

    def _step(
        self,
        words: _Words,
        allowed: np.ndarray,
        batch: np.ndarray,
        weights: list[np.ndarray],
        squares: list[np.ndarray],
    ) -> None:
        """Move the weights against the gradient of the loss of some sentences: what is expected less what is given."""
        places, is_word = words.place(batch)
        features = words.features[places]
        columns, features.indices = np.unique(features.indices, return_inverse=True)
        features = type(features)((features.data, features.indices, features.indptr), (len(places), len(columns)))
        factors = _to_factors(features @ weights[0][columns], is_word)
        follow, start = np.exp(weights[1]), np.exp(weights[2])
        expected, expected_pairs = _run_both_ways(factors, is_word, follow, start)
        given, given_pairs = _run_both_ways(_keep(factors, allowed[places], is_word), is_word, follow, start)
        surplus = expected - given
        gradients = (
            np.asarray(features.T @ surplus[is_word].astype(np.float32)),
            expected_pairs - given_pairs,
            surplus[:, 0].sum(axis=0),
        )
        where: tuple[Any, ...] = (columns, slice(None), slice(None))
        for weight, square, gradient, at in zip(weights, squares, gradients, where, strict=True):
            square[at] += gradient**2
            weight[at] -= self.learning_rate * gradient / np.sqrt(square[at])


class _Words:
    """The words of the sentences behind rows: those that are left out of the rows, too."""

    features: csr_matrix
    """Of each word, shape (n_words, n_features)."""

    def __init__(self, rows: pd.DataFrame) -> None:
        sentences, owner, place = split_sentences(rows)
        self.lengths = np.array([len(words) for words in sentences], dtype=np.int64)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self.n_words = int(self.lengths.sum())
        self.of_rows = self._starts[owner] + place
        number = np.repeat(np.arange(len(sentences)), self.lengths)
        texts = pd.Categorical([" ".join(words) for words in sentences])
        position = np.arange(self.n_words) - self._starts[number] + 1
        self.features = to_context_features(pd.DataFrame({"sentence": texts[number], "position": position}))

    def divide(self, n_sentences: int, order: np.ndarray) -> list[np.ndarray]:
        """Return so many sentences after each other of an order, again and again."""
        return [order[first : first + n_sentences] for first in range(0, len(order), n_sentences)]

    def place(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the words of some sentences, and where words are in a table of these, filled up."""
        steps = np.arange(self.lengths[batch].max())
        is_word = steps < self.lengths[batch][:, None]
        places: np.ndarray = (self._starts[batch][:, None] + steps)[is_word]
        return places, is_word


def _to_factors(scores: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    """Return the exponentials of the scores of words, 1 behind the end, shape (n_sentences, longest, n_tags)."""
    factors = np.ones((*is_word.shape, scores.shape[1]))
    factors[is_word] = np.exp(scores - scores.max(axis=1, keepdims=True))
    return factors


def _keep(factors: np.ndarray, allowed: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    kept = factors.copy()
    kept[is_word] = np.where(allowed, np.maximum(factors[is_word], np.finfo(np.float64).tiny), 0.0)
    return kept


def _run_both_ways(
    factors: np.ndarray, is_word: np.ndarray, follow: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum over all sequences of tags, from both ends (Rabiner, 1989).

    Args:
        factors: of each tag of each word, at least 0, shape (n_sentences, longest, n_tags).
        is_word: which places hold a word, shape (n_sentences, longest).
        follow: factor of a tag after another, shape (n_tags, n_tags).
        start: factor of a first tag, shape (n_tags,).

    Returns:
        The probability of each tag of each word, shape (n_sentences, longest, n_tags), and the expected number of each
        pair of tags after each other, shape (n_tags, n_tags).
    """
    before, after = np.empty_like(factors), np.ones_like(factors)
    before[:, 0] = _to_sum_one(factors[:, 0] * start)
    longest = factors.shape[1]
    for step in range(1, longest):
        reached = _to_sum_one((before[:, step - 1] @ follow) * factors[:, step])
        before[:, step] = np.where(is_word[:, step, None], reached, before[:, step - 1])
    for step in range(longest - 2, -1, -1):
        left = _to_sum_one((factors[:, step + 1] * after[:, step + 1]) @ follow.T)
        after[:, step] = np.where(is_word[:, step + 1, None], left, after[:, step + 1])
    pairs = before[:, :-1, :, None] * follow * (factors * after)[:, 1:, None, :]
    pairs /= np.maximum(pairs.sum(axis=(2, 3), keepdims=True), np.finfo(np.float64).tiny)
    return _to_sum_one(before * after), pairs[is_word[:, 1:]].sum(axis=0)


def _to_sum_one(values: np.ndarray) -> np.ndarray:
    shares: np.ndarray = values / np.maximum(values.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    return shares
