"""Planted tag errors with known truth: any other tag, or the tags that a model confuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from cleanlab_assets.families.token_classification.training_set import sentence_numbers
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample
from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.planted_errors import plant_label_errors, uniform_confusion

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline

TokenErrorKind = Literal["uniform", "model_confusion"]
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


def plant_token_errors(
    training_set: pd.DataFrame,
    *,
    fraction: float,
    kind: TokenErrorKind,
    build: Callable[[], Pipeline],
    features: list[str],
    seed: int,
) -> pd.DataFrame:
    """Corrupt train tags of a training set; validation and test tags are never touched.

    Args:
        training_set: training set of tokens without planted errors.
        fraction: share of the train rows whose tag becomes wrong.
        kind: ``uniform`` (any other tag) or ``model_confusion`` (a tag that a model confuses with the right one).
        build: returns the unfitted model whose confusion is taken.
        features: names of the columns that it takes.
        seed: seed of the draw.

    Returns:
        A copy with ``given_label`` changed on the chosen train rows, ``planted_error`` (bool) and ``true_label``.

    Raises:
        ValueError: the fraction is less than one planted error.
    """
    is_train = (training_set["split"] == "train").to_numpy()
    rows = training_set[is_train].reset_index(drop=True)
    true_codes = encode_labels(rows["given_label"])
    n_classes = len(rows["given_label"].cat.categories)
    confusion = uniform_confusion(n_classes)
    if kind == "model_confusion":
        is_drawn = draw_sentences(rows, MAX_TOKENS, seed=seed)
        sample, labels = rows[is_drawn].reset_index(drop=True), true_codes[is_drawn]
        halves = sentence_numbers(sample) % 2
        predicted = predict_out_of_sample(sample[features], labels, halves, n_classes=n_classes, build=build)
        confusion = model_confusion(labels, predicted.probabilities)
    planted = plant_label_errors(true_codes, fraction=fraction, confusion=confusion, seed=seed)
    if fraction > 0 and not planted.is_planted.any():
        raise ValueError(f"a fraction of {fraction:g} of {len(rows):,} train rows is less than one planted error")
    codes = encode_labels(training_set["given_label"])
    is_planted = np.zeros(len(training_set), dtype=bool)
    codes[is_train], is_planted[is_train] = planted.labels, planted.is_planted
    return training_set.assign(
        given_label=decode_labels(codes, training_set["given_label"]),
        planted_error=is_planted,
        true_label=training_set["given_label"],
    )
