"""Dividing rows whose labels name several classes: every class and every frequent combination in every part."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.label_sets import number_label_sets
from cleanlab_assets.methods.requirements import require_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy.sparse import csr_array


def divide_label_sets(indicators: np.ndarray, groups: np.ndarray, shares: Sequence[float], *, seed: int) -> np.ndarray:
    """Divide rows into parts by iterative stratification, each group of rows whole in one part.

    Classes, and combinations of classes with at least a row for each part, are dealt out one after another, the one
    with the fewest rows left first, each row to the part that lacks most rows of it; ties go to the part that lacks
    most rows altogether. So combinations are spread as far as their counts allow, and classes make up for the rest.

    Source: Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011; there with
    classes only.

    Args:
        indicators: which classes each row names, bool of shape (n_rows, n_classes).
        groups: group numbers, shape (n_rows,), see ``group_equal_rows``.
        shares: size of each part as a share of the rows; sums to 1.
        seed: seed of the order within a class or combination.

    Returns:
        int64 array of shape (n_rows,): the part of each row, from 0.

    Raises:
        ValueError: the shares do not sum to 1, or one is not positive; the groups are of other rows.
    """
    if min(shares) <= 0 or not np.isclose(sum(shares), 1.0):
        raise ValueError(f"shares are {list(shares)}, expected positive numbers that sum to 1")
    require_rows(len(indicators), groups=groups)
    if len(indicators) == 0:
        return np.empty(0, dtype=np.int64)
    unique_groups, of_row = np.unique(groups, return_inverse=True)
    order = seed_generator(seed, "label set division").permutation(len(unique_groups))
    place = np.argsort(order)[of_row.reshape(-1)]
    strata = _count_strata(indicators, place, n_groups=len(unique_groups), n_parts=len(shares))
    members = strata.tocsc()
    left = strata.sum(axis=0)
    wanted = np.outer(shares, left)
    part_of_group = np.full(len(unique_groups), -1, dtype=np.int64)
    # The last stratum holds every row, so that it is the rarest only when no other is left.
    rarest = list(zip(left.tolist(), range(len(left)), strict=True))
    heapify(rarest)
    while rarest:
        n_left, stratum = heappop(rarest)
        if n_left != left[stratum] or n_left == 0:
            continue  # of a count that has changed since
        for group in members.indices[members.indptr[stratum] : members.indptr[stratum + 1]]:
            if part_of_group[group] >= 0:
                continue
            part = int(np.lexsort((-wanted[:, -1], -wanted[:, stratum]))[0])
            part_of_group[group] = part
            cells = slice(strata.indptr[group], strata.indptr[group + 1])
            wanted[part, strata.indices[cells]] -= strata.data[cells]
            left[strata.indices[cells]] -= strata.data[cells]
            for changed in strata.indices[cells].tolist():
                heappush(rarest, (int(left[changed]), changed))
    return part_of_group[place]


def _count_strata(indicators: np.ndarray, group: np.ndarray, *, n_groups: int, n_parts: int) -> csr_array:
    """Count each group's rows in each stratum, shape (n_groups, n_strata): combinations, classes, and all rows last."""
    from scipy.sparse import csr_array

    combinations = number_label_sets(indicators)
    is_frequent = np.bincount(combinations) >= n_parts
    n_rows, n_frequent, n_classes = len(indicators), int(is_frequent.sum()), indicators.shape[1]
    known = np.flatnonzero(is_frequent[combinations])
    named, classes = np.nonzero(indicators)
    rows = np.concatenate([known, named, np.arange(n_rows)])
    strata = np.concatenate(
        [
            (np.cumsum(is_frequent) - 1)[combinations[known]],
            n_frequent + classes,
            np.full(n_rows, n_frequent + n_classes),
        ]
    )
    counts = csr_array((np.ones(len(rows), dtype=np.int64), (group[rows], strata)), shape=(n_groups, strata[-1] + 1))
    counts.sort_indices()
    return counts


def draw_label_set_sample(indicators: np.ndarray, n_rows: int, *, seed: int) -> np.ndarray:
    """Draw rows without replacement so that every frequent combination of classes keeps its share.

    Args:
        indicators: which classes each row names, bool of shape (n, n_classes).
        n_rows: rows to draw. Combinations that fewer than one row of the sample is due to are drawn as one.
        seed: seed of the draw.

    Returns:
        Sorted positions of the drawn rows, shape (n_rows,); all rows when ``n_rows >= n``.
    """
    combinations = number_label_sets(indicators)
    is_rare = np.bincount(combinations) * n_rows < len(combinations)
    strata = np.where(is_rare[combinations], -1, combinations)
    return draw_stratified_sample(strata, n_rows, seed=seed)
