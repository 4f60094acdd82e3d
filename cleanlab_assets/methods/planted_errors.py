"""Planted label errors with known truth, to measure how well a detector finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.requirements import require_codes, require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import TRAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.models.encoding import FeatureKinds

ErrorKind = Literal["uniform", "class_pairs"]
PLANTED_COLUMNS = ("planted_error", "true_label", "planted_kind")
"""What ``put_planted_errors`` puts beside the labels; ``planted_kind`` only where errors have kinds."""


ClassErrorKind = Literal["uniform", "noise_matrix", "border"]
CLASS_ERROR_KINDS: tuple[ClassErrorKind, ...] = get_args(ClassErrorKind)
GROSS_CLASS_ERRORS = frozenset({"uniform"})
"""Of these kinds those that any class may be; the others are as the errors of the data itself would be."""
_LEAST_WEIGHT = 1e-12


class PlantingError(ValueError):
    """An error that could not be planted anywhere; the message says what was asked and what was there."""


@dataclass(frozen=True)
class PlantedErrors:
    """Errors planted in the labels of items: rows, words, single annotations or images.

    ``labels`` are all labels after planting, shape (n_items, ...); ``is_planted`` says which of them are wrong now,
    bool of shape (n_items,); ``kinds`` names the kind of each error, shape (n_items,), missing where there is none, and
    is None where errors have no kinds.
    """

    labels: np.ndarray
    is_planted: np.ndarray
    kinds: pd.Categorical | None = None

    def number_kinds(self, names: Sequence[str]) -> np.ndarray:
        """Return the position of each item's kind among some names, int64 of shape (n_items,); -1 without an error."""
        codes = np.full(len(self.is_planted), -1, dtype=np.int64)
        if self.kinds is not None:
            codes[:] = pd.Categorical(self.kinds, categories=list(names)).codes
        return codes


def put_planted_errors(
    table: pd.DataFrame,
    planted: PlantedErrors,
    labels: pd.Categorical | np.ndarray,
    *,
    fraction: float,
    among: np.ndarray | None = None,
    items: str = "train rows",
) -> pd.DataFrame:
    """Put planted errors into the labels of a table, and the truth beside them.

    Args:
        table: training set, or another table with ``given_label``, without planted errors.
        planted: errors planted in some of its rows, in their order.
        labels: the labels after planting of these rows, as the table holds labels, shape (n_items,).
        fraction: share of these rows that was to be corrupted.
        among: which rows errors were planted in, bool of shape (n_rows,); None are the train rows, so that test labels
            are never touched.
        items: what these rows are, for the message.

    Returns:
        A copy with ``given_label`` changed where an error was planted, ``planted_error`` (bool), ``true_label`` and,
        where errors have kinds, ``planted_kind`` (categorical, missing where the label is untouched).

    Raises:
        ValueError: the fraction is less than one error.
    """
    rows = np.flatnonzero((table["split"] == TRAIN).to_numpy() if among is None else among)
    if fraction > 0 and not planted.is_planted.any():
        raise ValueError(f"a fraction of {fraction:g} of {len(rows):,} {items} is less than one planted error")
    wrong = rows[planted.is_planted]
    given, is_planted = table["given_label"].copy(), np.zeros(len(table), dtype=bool)
    given.iloc[wrong], is_planted[wrong] = labels[planted.is_planted], True
    result = table.assign(given_label=given, planted_error=is_planted, true_label=table["given_label"])
    if planted.kinds is not None:
        codes = np.full(len(table), -1)
        codes[rows] = planted.kinds.codes
        result["planted_kind"] = pd.Categorical.from_codes(codes.tolist(), dtype=planted.kinds.dtype)
    return result


def plant_label_errors(labels: np.ndarray, *, fraction: float, confusion: np.ndarray, seed: int) -> PlantedErrors:
    """Replace the labels of random rows by another class, drawn from the row of a confusion structure.

    Args:
        labels: integer class codes, shape (n_rows,).
        fraction: share of the rows to corrupt; ``round(fraction * n_rows)`` labels change, each to another class.
        confusion: shape (n_classes, n_classes): row c holds the probabilities of the classes that a row of class c
            is mislabelled as; its diagonal is 0 and its rows sum to 1.
        seed: seed of the draw.

    Returns:
        The labels with errors, and the mask of the planted ones.

    Raises:
        ValueError: ``confusion`` has a positive diagonal entry or a row that does not sum to 1, or a code is that of no
            class.
    """
    if np.diagonal(confusion).any() or not np.allclose(confusion.sum(axis=1), 1.0):
        raise ValueError("the confusion structure needs a zero diagonal and rows that sum to 1")
    require_codes(labels, len(confusion))
    rng = seed_generator(seed, "planted errors")
    chosen = rng.choice(len(labels), size=round(fraction * len(labels)), replace=False)
    planted = labels.copy()
    planted[chosen] = draw_classes(confusion[labels[chosen]], rng)
    is_planted = np.zeros(len(labels), dtype=bool)
    is_planted[chosen] = True
    return PlantedErrors(labels=planted, is_planted=is_planted)


def draw_classes(likelihoods: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a class for each row by its likelihoods.

    Args:
        likelihoods: 0 or more, each row with one above 0, of any sum, shape (n_rows, n_classes).
        rng: source of randomness.

    Returns:
        Class codes, int64 of shape (n_rows,).

    Raises:
        ValueError: a likelihood is not finite.
    """
    require_finite("likelihoods", likelihoods)
    cumulated = np.cumsum(likelihoods, axis=1)
    # The draw stays below the last sum, so that rounding never yields a class of probability 0.
    drawn: np.ndarray = (rng.random((len(likelihoods), 1)) * cumulated[:, -1:] >= cumulated).sum(axis=1)
    return drawn


def plant_class_errors_of_all_kinds(
    labels: np.ndarray, probabilities: np.ndarray, noise_matrix: np.ndarray, *, n_of_each: int, seed: int
) -> PlantedErrors:
    """Plant errors of every kind that labels of one class each may have, each in rows of its own.

    - ``border``: the label becomes the second choice of the model, in rows where the first is the given label, drawn by
      the probability of the second: errors as people make them where classes are alike.
    - ``noise_matrix``: rows and wrong classes are drawn by an estimate of how often each class is taken for another.
    - ``uniform``: any other class, in any row.

    Args:
        labels: class codes from 0, shape (n_rows,).
        probabilities: out-of-sample predicted probabilities, shape (n_rows, n_classes), n_classes >= 2.
        noise_matrix: P(given label | true label), shape (n_classes, n_classes): rows given, columns true.
        n_of_each: how many errors of each kind to plant; fewer border errors where the model agrees with fewer labels.
        seed: seed of the draw.

    Returns:
        The labels with errors, and their kinds, of ``CLASS_ERROR_KINDS``.

    Raises:
        PlantingError: there are fewer rows than errors.
        ValueError: a number is not finite, a code is that of no class, or something is of other rows.
    """
    require_rows(len(labels), probabilities=probabilities)
    require_finite("predicted probabilities", probabilities)
    require_finite("noise matrix", noise_matrix)
    require_codes(labels, probabilities.shape[1])
    if n_of_each * len(CLASS_ERROR_KINDS) > len(labels):
        raise PlantingError(f"{n_of_each} errors of each kind are wanted in {len(labels):,} rows: expected more rows")
    rng = seed_generator(seed, "planted errors of all kinds")
    planted, codes = labels.copy(), np.full(len(labels), -1)
    second, likelihood = _find_second_choices(labels, probabilities)
    confusion, share_wrong = split_noise_matrix(noise_matrix)
    for kind, weights, wrong in (
        ("border", likelihood, np.eye(len(confusion))[second]),
        ("noise_matrix", share_wrong[labels], confusion[labels]),
        ("uniform", np.ones(len(labels)), uniform_confusion(len(confusion))[labels]),
    ):
        rows = draw_weighted(np.flatnonzero(codes < 0), weights, n_of_each, rng)
        planted[rows] = draw_classes(wrong[rows], rng)
        codes[rows] = CLASS_ERROR_KINDS.index(kind)
    kinds = pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(CLASS_ERROR_KINDS)))
    return PlantedErrors(labels=planted, is_planted=codes >= 0, kinds=kinds)


def _find_second_choices(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest other class of each row and its probability, 0 where it is likelier than the given label."""
    others = probabilities.astype(np.float64)
    rows = np.arange(len(labels))
    of_given = others[rows, labels].copy()
    others[rows, labels] = -1.0
    second = others.argmax(axis=1)
    of_second = others[rows, second]
    # A probability of 0 may be drawn as well: among rows that are all sure, each is as near the border as the others.
    return second, np.where(of_second <= of_given, np.maximum(of_second, _LEAST_WEIGHT), 0.0)


def draw_weighted(rows: np.ndarray, weights: np.ndarray, n_drawn: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows without replacement by their weights; those of weight 0 are never drawn.

    Source: Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006.

    Args:
        rows: positions of the candidates, shape (n_candidates,).
        weights: weight of every row, shape (n_rows,).
        n_drawn: how many to draw; all candidates of a weight above 0 where there are fewer.
        rng: source of randomness.

    Returns:
        Positions of the rows, int64 of shape (n,).

    Raises:
        ValueError: a weight is not finite.
    """
    require_finite("weights", weights)
    candidates = rows[weights[rows] > 0]
    of_candidates = weights[candidates] / weights[candidates].sum() if len(candidates) else weights[:0]
    n_drawn = min(n_drawn, len(candidates))
    # The largest of u ** (1 / w), in logs.
    keys = np.log(rng.random(len(candidates))) / np.maximum(of_candidates, _LEAST_WEIGHT)
    drawn: np.ndarray = candidates[np.argsort(-keys, kind="stable")[:n_drawn]]
    return drawn


def split_noise_matrix(noise_matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split P(given label | true label) into which wrong class a class is taken for, and how often.

    Args:
        noise_matrix: shape (n_classes, n_classes): rows given, columns true.

    Returns:
        The confusion structure that ``plant_label_errors`` takes, uniform for a class without errors; and the share of
        each class that is wrong, shape (n_classes,), the same for all where no class has errors.

    Raises:
        ValueError: a number is not finite.
    """
    require_finite("noise matrix", noise_matrix)
    wrong = noise_matrix.T.astype(np.float64)
    np.fill_diagonal(wrong, 0.0)
    share = wrong.sum(axis=1)
    confusion = np.where(share[:, None] > 0, wrong / np.maximum(share, np.finfo(np.float64).tiny)[:, None], 0.0)
    without = ~(share > 0)
    confusion[without] = uniform_confusion(len(wrong))[without]
    return confusion, share if share.any() else np.ones(len(share))


def uniform_confusion(n_classes: int) -> np.ndarray:
    """Every other class is equally likely; shape (n_classes, n_classes)."""
    return (np.ones((n_classes, n_classes)) - np.eye(n_classes)) / (n_classes - 1)


def class_pair_confusion(encoded: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Each class is mistaken for the classes it resembles: people confuse a 3 with an 8, hardly with a 1.

    The likeness of two classes is that of their mean rows; the nearest class gets three quarters of the errors and
    the second nearest one quarter (all of them go to the only other class of a binary dataset).

    Args:
        encoded: encoded rows, shape (n_rows, n_encoded), see ``encode_for_distance``.
        labels: integer class codes, shape (n_rows,).
        n_classes: number of classes; a class without rows is confused with every other one equally.

    Returns:
        Confusion structure of shape (n_classes, n_classes).

    Raises:
        ValueError: a number is not finite, a code is that of no class, or the labels are of other rows.
    """
    require_rows(len(encoded), labels=labels)
    require_finite("encoded features", encoded)
    require_codes(labels, n_classes)
    from scipy.spatial.distance import cdist

    present, starts = np.unique(np.sort(labels), return_index=True)
    sums = np.add.reduceat(encoded[np.argsort(labels, kind="stable")], starts, axis=0, dtype=np.float64)
    means = sums / np.bincount(labels)[present][:, None]
    distances = cdist(means, means)
    np.fill_diagonal(distances, np.inf)
    confusion = uniform_confusion(n_classes)
    for position, code in enumerate(present):
        nearest = present[np.argsort(distances[position], kind="stable")[: len(present) - 1]]
        if len(nearest) == 0:
            continue
        confusion[code] = 0.0
        confusion[code, nearest[0]] = 1.0 if len(nearest) == 1 else 0.75
        if len(nearest) > 1:
            confusion[code, nearest[1]] = 0.25
    return confusion


def plant_errors_in_training_set(
    training_set: pd.DataFrame, kinds: FeatureKinds, *, fraction: float, kind: ErrorKind, seed: int
) -> pd.DataFrame:
    """Corrupt train labels of a training set; test labels are never touched.

    Args:
        training_set: training-set table without planted errors.
        kinds: its feature columns.
        fraction: share of the train rows whose label becomes wrong.
        kind: ``uniform`` (any other class) or ``class_pairs`` (a class that resembles it).
        seed: seed of the draw.

    Returns:
        See ``put_planted_errors``.

    Raises:
        ValueError: the fraction is less than one error, or classes have nothing to resemble each other by.
    """
    from cleanlab_assets.models.encoding import encode_for_distance

    is_train = (training_set["split"] == TRAIN).to_numpy()
    n_classes = len(training_set["given_label"].cat.categories)
    true_codes = encode_labels(training_set["given_label"])
    if kind == "uniform":
        confusion = uniform_confusion(n_classes)
    elif not kinds.names:
        raise ValueError(
            "planted_error_kind class_pairs takes features with values: choose uniform for texts and pictures"
        )
    else:
        encoded = encode_for_distance(training_set, kinds, fit_on=is_train)
        confusion = class_pair_confusion(encoded[is_train], true_codes[is_train], n_classes)
    planted = plant_label_errors(true_codes[is_train], fraction=fraction, confusion=confusion, seed=seed)
    labels = decode_labels(planted.labels, training_set["given_label"])
    return put_planted_errors(training_set, planted, labels, fraction=fraction)
