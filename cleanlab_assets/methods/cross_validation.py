"""The loop over folds in which every row is predicted by a model that never saw it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.requirements import require_weights
from cleanlab_assets.methods.training_set import NO_FOLD

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Fold:
    """One fold: ``held_out`` are its rows, ``others`` those to learn from, bool masks of shape (n_rows,).

    ``fit_seconds`` is the time spent in ``time_fit``, 0 where nothing was fitted.
    """

    name: int
    held_out: np.ndarray
    others: np.ndarray
    fit_seconds: float = 0.0

    @contextmanager
    def time_fit(self) -> Iterator[None]:
        """Time the fit of this fold's model."""
        started = perf_counter()
        yield
        self.fit_seconds = perf_counter() - started


def hold_out_each_fold(folds: np.ndarray, weights: np.ndarray | None = None) -> list[Fold]:
    """Return the folds in order, each with the rows to predict and the rows to learn from.

    Rows of no fold (-1) are kept aside: no fold learns from them. They come last, to be predicted by what learns from
    all rows of the folds.

    Args:
        folds: fold of each row, integers of shape (n_rows,).
        weights: how much each row counts, shape (n_rows,): nothing learns from rows of weight 0; None weighs all alike.

    Raises:
        ValueError: there are fewer than two folds, or all rows outside of one have weight 0, so that a fold has no
            other rows to learn from; or the weights are no such numbers, or of other rows.
    """
    require_weights(len(folds), weights)
    in_a_fold = folds != NO_FOLD
    names = np.unique(folds[in_a_fold])
    if len(names) < 2:  # noqa: PLR2004 - one fold leaves no training rows
        raise ValueError(f"cross-validation needs at least two folds, got {len(names)}")
    teaches = in_a_fold if weights is None else in_a_fold & (weights > 0)
    turns = [Fold(name=int(name), held_out=folds == name, others=teaches & (folds != name)) for name in names]
    if not in_a_fold.all():
        turns.append(Fold(name=NO_FOLD, held_out=~in_a_fold, others=teaches))
    for fold in turns:
        if not fold.others.any():
            raise ValueError(f"all rows outside fold {fold.name} have weight 0: there is nothing to learn from")
    return turns


def fit_seconds_of(folds: list[Fold]) -> tuple[float, ...]:
    """Return the seconds of each fold's fit, in order."""
    return tuple(fold.fit_seconds for fold in folds)
