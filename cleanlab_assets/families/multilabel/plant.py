"""Planted errors in labels that name several classes, with known truth."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cleanlab_assets.methods.label_sets import number_label_sets
from cleanlab_assets.methods.planted_errors import PlantedErrors, PlantingError, draw_weighted
from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

LabelSetErrorKind = Literal["missing", "extra", "swapped", "whole_set"]
KINDS: tuple[LabelSetErrorKind, ...] = get_args(LabelSetErrorKind)
BORDER = "border"


def plant_label_set_errors(
    is_named: np.ndarray, *, fraction: float, kind: LabelSetErrorKind | Literal["mixed"], seed: int
) -> PlantedErrors:
    """Make the labels of random rows wrong.

    ``missing`` takes one class out, ``extra`` puts one in, ``swapped`` does both, ``whole_set`` gives two rows of
    different labels each other's; ``mixed`` plants all kinds in equal shares.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        fraction: share of the rows to corrupt; ``round(fraction * n_rows)`` labels become wrong (one less where the
            whole sets of an odd number of rows should be exchanged).
        kind: what goes wrong.
        seed: seed of the draw.

    Returns:
        The labels with errors, bool of shape (n_rows, n_classes), and the kinds of the errors, of ``KINDS``.

    Raises:
        PlantingError: too few rows can take an error of a kind: one whose label names a class, or leaves one out.
    """
    rng = seed_generator(seed, "planted label set errors")
    wanted = round(fraction * len(is_named))
    labels, codes = is_named.copy(), np.full(len(is_named), -1)
    parts: Sequence[LabelSetErrorKind] = KINDS if kind == "mixed" else (kind,)
    shares = [len(share) for share in np.array_split(np.arange(wanted), len(parts))]
    order = rng.permutation(len(is_named))
    # Pairs need the freest choice, so they come first.
    for part, n_rows in sorted(zip(parts, shares, strict=True), key=lambda item: item[0] != "whole_set"):
        free = order[codes[order] < 0]
        if part == "whole_set":
            chosen = _exchange_sets(labels, free, n_rows // 2)
        else:
            chosen = free[_can_take(labels[free], part)][:n_rows]
            if len(chosen) < n_rows:
                raise PlantingError(
                    f"{n_rows} errors of kind {part!r} are wanted, only {len(chosen)} rows can take one"
                )
            for row in chosen:
                _change_one_class(labels, int(row), part, rng)
        codes[chosen] = KINDS.index(part)
    kinds = pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(KINDS)))
    return PlantedErrors(labels=labels, is_planted=codes >= 0, kinds=kinds)


def plant_label_set_errors_of_all_kinds(
    is_named: np.ndarray, probabilities: np.ndarray, *, n_of_each: int, seed: int
) -> PlantedErrors:
    """Plant gross errors and such as the data's own would be, each in rows of its own.

    To the kinds of ``plant_label_set_errors`` comes ``border``: of a row whose label the model agrees with in every
    class, the class becomes wrong of which it doubts most that the label is right; rows are drawn by that doubt.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        probabilities: out-of-sample probabilities, shape (n_rows, n_classes).
        n_of_each: how many errors of each kind to plant; fewer border errors where the model agrees with fewer labels.
        seed: seed of the draw.

    Returns:
        The labels with errors, bool of shape (n_rows, n_classes), and their kinds, of ``KINDS`` and ``BORDER``.

    Raises:
        PlantingError: too few rows can take an error of a gross kind.
        ValueError: a probability is not finite, or of other rows.
    """
    require_rows(len(is_named), probabilities=probabilities)
    require_finite("predicted probabilities", probabilities)
    rng = seed_generator(seed, "planted label set errors of all kinds")
    gross = plant_label_set_errors(is_named, fraction=len(KINDS) * n_of_each / len(is_named), kind="mixed", seed=seed)
    labels, names = gross.labels.copy(), (*KINDS, BORDER)
    codes = gross.number_kinds(names)
    doubt = np.where(is_named, 1 - probabilities, probabilities)
    most = doubt.max(axis=1)
    agrees = np.where(most <= 0.5, most, 0.0)  # noqa: PLR2004 - beyond a half the model contradicts
    rows = draw_weighted(np.flatnonzero(codes < 0), agrees, n_of_each, rng)
    labels[rows, doubt[rows].argmax(axis=1)] ^= True
    codes[rows] = names.index(BORDER)
    kinds = pd.Categorical.from_codes(codes.tolist(), dtype=pd.CategoricalDtype(list(names)))
    return PlantedErrors(labels=labels, is_planted=codes >= 0, kinds=kinds)


def _can_take(labels: np.ndarray, kind: LabelSetErrorKind) -> np.ndarray:
    """Tell which rows name a class to take out, leave one to put in, or both: bool of shape (n_rows,)."""
    n_named = labels.sum(axis=1)
    can_lose, can_gain = n_named > 0, n_named < labels.shape[1]
    if kind == "missing":
        return np.asarray(can_lose)
    return np.asarray(can_gain if kind == "extra" else can_lose & can_gain)


def _change_one_class(labels: np.ndarray, row: int, kind: LabelSetErrorKind, rng: np.random.Generator) -> None:
    named, others = np.flatnonzero(labels[row]), np.flatnonzero(~labels[row])
    if kind != "extra":
        labels[row, rng.choice(named)] = False
    if kind != "missing":
        labels[row, rng.choice(others)] = True


def _exchange_sets(labels: np.ndarray, free: np.ndarray, n_pairs: int) -> np.ndarray:
    """Exchange the labels of pairs of rows whose labels differ; return the rows."""
    chosen: list[int] = []
    alike: deque[int] = deque()  # rows of one label that wait for one of another
    numbers = number_label_sets(labels)
    for row in free.tolist():
        if len(chosen) == 2 * n_pairs:
            break
        if alike and numbers[row] != numbers[alike[0]]:
            first = alike.popleft()
            labels[[first, row]] = labels[[row, first]]
            chosen += [first, row]
        else:
            alike.append(row)
    if len(chosen) < 2 * n_pairs:
        raise PlantingError(f"{n_pairs} pairs of rows with different labels are wanted, found {len(chosen) // 2}")
    return np.array(chosen, dtype=np.int64)


def plant_in_every_row(is_named: np.ndarray, *, seed: int) -> np.ndarray:
    """Make the label of every row wrong, each by a random kind of error; kinds are those of ``plant_label_set_errors``.

    A row that cannot take an error of its kind keeps its label, such as one that names no class and should lose one.

    Args:
        is_named: which classes each label names, bool of shape (n_rows, n_classes).
        seed: seed of the draw.

    Returns:
        The labels with errors, bool of shape (n_rows, n_classes).
    """
    rng = seed_generator(seed, "planted error in every label set")
    n_rows, every = len(is_named), np.arange(len(is_named))
    kind = rng.integers(len(KINDS), size=n_rows)
    labels = is_named.copy()
    for changed, wanted in ((is_named, ("missing", "swapped")), (~is_named, ("extra", "swapped"))):
        drawn = np.where(changed, rng.random(is_named.shape), -1.0).argmax(axis=1)
        can_take = changed[every, drawn] & np.isin(kind, [KINDS.index(name) for name in wanted])
        labels[every[can_take], drawn[can_take]] ^= True
    exchanged = kind == KINDS.index("whole_set")
    labels[exchanged] = is_named[rng.permutation(n_rows)][exchanged]
    return labels
