"""Planted errors in labels that name several classes, with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

LabelSetErrorKind = Literal["missing", "extra", "swapped", "whole_set"]
KINDS: tuple[LabelSetErrorKind, ...] = get_args(LabelSetErrorKind)


@dataclass(frozen=True)
class PlantedLabelSetErrors:
    """Labels after planting, bool of shape (n_rows, n_classes), and the kind of each row's error, None without one."""

    is_named: np.ndarray
    kinds: np.ndarray

    @property
    def is_planted(self) -> np.ndarray:
        """Which labels are wrong now, bool of shape (n_rows,)."""
        return np.array([kind is not None for kind in self.kinds], dtype=bool)


def plant_label_set_errors(
    is_named: np.ndarray, *, fraction: float, kind: LabelSetErrorKind | Literal["mixed"], seed: int
) -> PlantedLabelSetErrors:
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
        The labels with errors, and the kind of each error.

    Raises:
        ValueError: too few rows can take an error of a kind: one whose label names a class, or leaves one out.
    """
    rng = seed_generator(seed, "planted label set errors")
    wanted = round(fraction * len(is_named))
    labels, kinds = is_named.copy(), np.full(len(is_named), None, dtype=object)
    parts: Sequence[LabelSetErrorKind] = KINDS if kind == "mixed" else (kind,)
    shares = [len(share) for share in np.array_split(np.arange(wanted), len(parts))]
    order = rng.permutation(len(is_named))
    # Pairs need the freest choice, so they come first.
    for part, n_rows in sorted(zip(parts, shares, strict=True), key=lambda item: item[0] != "whole_set"):
        free = order[[kinds[row] is None for row in order]]
        if part == "whole_set":
            chosen = _exchange_sets(labels, free, n_rows // 2)
        else:
            chosen = free[_can_take(labels[free], part)][:n_rows]
            if len(chosen) < n_rows:
                raise ValueError(f"{n_rows} errors of kind {part!r} are wanted, only {len(chosen)} rows can take one")
            for row in chosen:
                _change_one_class(labels, int(row), part, rng)
        kinds[chosen] = part
    return PlantedLabelSetErrors(is_named=labels, kinds=kinds)


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
    waiting: list[int] = free.tolist()
    chosen: list[int] = []
    while len(chosen) < 2 * n_pairs:
        first = waiting.pop(0) if waiting else None
        partner = next((row for row in waiting if first is not None and (labels[row] != labels[first]).any()), None)
        if first is None or partner is None:
            raise ValueError(f"{n_pairs} pairs of rows with different labels are wanted, found {len(chosen) // 2}")
        waiting.remove(partner)
        labels[[first, partner]] = labels[[partner, first]]
        chosen += [first, partner]
    return np.array(chosen, dtype=np.int64)


def plant_label_set_errors_in_training_set(
    training_set: pd.DataFrame,
    class_names: Sequence[str],
    *,
    fraction: float,
    kind: LabelSetErrorKind | Literal["mixed"],
    seed: int,
) -> pd.DataFrame:
    """Corrupt train labels of a training set; test labels are never touched.

    Args:
        training_set: training-set table without planted errors.
        class_names: the classes.
        fraction: share of the train rows whose label becomes wrong.
        kind: see ``plant_label_set_errors``.
        seed: seed of the draw.

    Returns:
        A copy with ``given_label`` changed on the chosen train rows, ``planted_error`` (bool), ``planted_kind`` and
        ``true_label``.

    Raises:
        ValueError: the fraction is less than one row, or too few rows can take an error.
    """
    is_train = (training_set["split"] == "train").to_numpy()
    named = encode_given_labels(training_set, class_names)
    planted = plant_label_set_errors(named[is_train], fraction=fraction, kind=kind, seed=seed)
    if fraction > 0 and not planted.is_planted.any():
        raise ValueError(f"a fraction of {fraction:g} of {is_train.sum():,} train rows is less than one planted error")
    kinds = np.full(len(training_set), None, dtype=object)
    named[is_train], kinds[is_train] = planted.is_named, planted.kinds
    return training_set.assign(
        given_label=decode_label_sets(named, class_names),
        planted_error=[kind is not None for kind in kinds],
        planted_kind=kinds,
        true_label=training_set["given_label"],
    )
