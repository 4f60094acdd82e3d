"""Planted tag errors with known truth: any other tag, or the tags that a model confuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.token_classification.sentences import sentence_numbers
from cleanlab_assets.methods.class_predictions import predict_out_of_sample
from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.planted_errors import uniform_confusion

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.models.catalogue import PipelineFactory

MAX_TOKENS = 30_000
"""Tokens, of whole sentences, that the confusion of a model is measured on."""


def model_confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Each tag is mistaken for the tags that a model holds possible: a noun for a verb, hardly for a comma.

    Args:
        labels: class codes, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes).

    Returns:
        Confusion structure of shape (n_classes, n_classes): row c has the mean probabilities of the other tags on rows
        of tag c, scaled to sum to 1. A tag without rows is confused with every other one equally.
    """
    n_classes = probabilities.shape[1]
    confusion = uniform_confusion(n_classes)
    for code in np.unique(labels):
        mass = probabilities[labels == code].sum(axis=0, dtype=np.float64)
        mass[code] = 0.0
        if mass.sum() > 0:
            confusion[code] = mass / mass.sum()
    return confusion


def draw_sentences(rows: pd.DataFrame, max_tokens: int, *, seed: int) -> np.ndarray:
    """Return which rows lie in randomly drawn whole sentences of about ``max_tokens`` tokens in all, bool (n_rows,)."""
    numbers = sentence_numbers(rows)
    n_sentences = numbers.max() + 1
    n_drawn = max(1, round(n_sentences * min(1.0, max_tokens / len(rows))))
    drawn = draw_stratified_sample(np.zeros(n_sentences, dtype=np.int64), n_drawn, seed=seed)
    is_drawn: np.ndarray = np.isin(numbers, drawn)
    return is_drawn


def measure_confusion(rows: pd.DataFrame, codes: np.ndarray, *, build: PipelineFactory, seed: int) -> np.ndarray:
    """Measure on a sample of whole sentences which tags a model confuses, see ``model_confusion``.

    Args:
        rows: train rows of the training set.
        codes: their class codes, shape (n_rows,).
        build: returns the unfitted model whose confusion is taken.
        seed: seed of the sample.
    """
    is_drawn = draw_sentences(rows, MAX_TOKENS, seed=seed)
    sample, labels = rows[is_drawn].reset_index(drop=True), codes[is_drawn]
    halves, n_classes = sentence_numbers(sample) % 2, len(rows["given_label"].cat.categories)
    predicted = predict_out_of_sample(sample[build.features], labels, halves, n_classes=n_classes, build=build)
    return model_confusion(labels, predicted.probabilities)
