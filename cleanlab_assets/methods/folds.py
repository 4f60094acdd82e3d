"""Dividing rows into parts: stratified by label with equal rows kept together, or by time."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW_ROWS_OF_PART = 4
"""A class that has fewer rows for the smallest part may miss its share by more than an eighth of it."""


def group_equal_rows(features: pd.DataFrame) -> np.ndarray:
    """Number the distinct rows: equal feature values (missing equals missing, -0.0 equals 0.0) get the same number.

    Args:
        features: feature columns only, shape (n_rows, n_features).

    Returns:
        int64 array of shape (n_rows,), numbered from 0 in order of first appearance.
    """
    # Hashes are taken of the bits; adding 0.0 turns -0.0 into 0.0.
    fractional = [name for name in features if pd.api.types.is_float_dtype(features[name].dtype)]
    unsigned = features.assign(**{str(name): features[name] + 0.0 for name in fractional})
    hashes = pd.util.hash_pandas_object(unsigned, index=False)
    return pd.factorize(hashes)[0].astype(np.int64)


def divide_rows(labels: np.ndarray, groups: np.ndarray, shares: Sequence[float], *, seed: int) -> np.ndarray:
    """Divide rows into parts of the given shares, stratified by label, each group whole in one part.

    Groups are shuffled within their label (that of the group's first row) and dealt out along the cumulated number
    of rows. The few rows of a class cannot keep the shares: of classes of equally few rows each is dealt out from
    another place, so that all of them together keep the shares, while the rows of each lie apart. The only row of a
    class goes to the part that is more than half, if there is one: a model learns no class of test rows alone. Parts
    keep their shares as far as the groups allow: a group that is larger than a part overfills it.

    Args:
        labels: integer class codes (or quantile bins, see ``bin_by_quantile``), shape (n_rows,).
        groups: group numbers, shape (n_rows,), see ``group_equal_rows``.
        shares: size of each part as a share of the rows; sums to 1.
        seed: seed of the shuffle.

    Returns:
        int64 array of shape (n_rows,): the part of each row, from 0.

    Raises:
        ValueError: the shares do not sum to 1, or one is not positive; labels and groups are of different rows.
    """
    edges = _cumulate(shares)
    require_rows(len(labels), groups=groups)
    if len(labels) == 0:
        return np.empty(0, dtype=np.int64)
    unique_groups, first_rows, sizes = np.unique(groups, return_index=True, return_counts=True)
    strata = labels[first_rows]
    shuffled = seed_generator(seed, "division").permutation(len(unique_groups))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    part_of_group = np.empty(len(unique_groups), dtype=np.int64)
    by_label = np.split(order, np.flatnonzero(np.diff(strata[order])) + 1)
    places = _spread_small_classes([int(sizes[stratum].sum()) for stratum in by_label], shares, seed=seed)
    for stratum, place in zip(by_label, places, strict=True):
        cumulated = np.cumsum(sizes[stratum])
        taken_at = (cumulated - sizes[stratum] * (1 - place)) / cumulated[-1]
        part_of_group[stratum] = np.searchsorted(edges, taken_at).clip(max=len(edges) - 1)
    return part_of_group[np.searchsorted(unique_groups, groups)]


def _spread_small_classes(n_rows: Sequence[int], shares: Sequence[float], *, seed: int) -> np.ndarray:
    """Return for each class where within a row, from 0 to 1, its place is taken: in the middle if it has many rows.

    Classes of equally few rows are spread evenly over the places, in a random order.
    """
    counts, places = np.asarray(n_rows), np.full(len(n_rows), 0.5)
    is_small = counts < FEW_ROWS_OF_PART / min(shares)
    if max(shares) > 0.5:  # noqa: PLR2004 - a half
        is_small &= counts > 1
    for count in np.unique(counts[is_small]).tolist():
        alike = seed_generator(seed, f"classes of {count} rows").permutation(np.flatnonzero(counts == count))
        places[alike] = (np.arange(len(alike)) + 0.5) / len(alike)
    return places


def join_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Join two groupings of rows: rows that share a group of either, directly or over others, are of one group.

    Args:
        first: number of the group of each row, from 0, shape (n_rows,).
        second: another one, shape (n_rows,); -1 where a row is in none.

    Returns:
        int64 array of shape (n_rows,): number of the joined group of each row, from 0.

    Raises:
        ValueError: the two are of different rows.
    """
    require_rows(len(first), second=second)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_first, is_in = int(first.max(initial=-1)) + 1, second >= 0
    size = n_first + int(second.max(initial=-1)) + 1
    links = coo_array((np.ones(is_in.sum()), (first[is_in], n_first + second[is_in])), shape=(size, size))
    joined: np.ndarray = connected_components(links, directed=False)[1][first].astype(np.int64)
    return joined


def divide_by_time(times: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Divide rows into blocks of time of the given shares, the earliest first.

    Rows of equal time are in one block, that in which the middle one of them falls.

    Args:
        times: numbers that order the rows in time, shape (n_rows,).
        shares: size of each block as a share of the rows; sums to 1.

    Returns:
        int64 array of shape (n_rows,): the block of each row, from 0.

    Raises:
        ValueError: the shares do not sum to 1, or one is not positive; a time is not finite.
    """
    edges = _cumulate(shares)
    require_finite("time", times)
    middles = (pd.Series(times).rank(method="average").to_numpy() - 0.5) / max(len(times), 1)
    return np.searchsorted(edges, middles).clip(max=len(edges) - 1).astype(np.int64)


def divide_groups_by_time(times: np.ndarray, groups: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Divide rows into parts of the given shares by the last time of their group, each group whole in one part.

    So every group of a later part goes on longer than those of an earlier one, and no row of the first part is later
    than the last row of any group of another part. A group that is larger than a part overfills it.

    Args:
        times: numbers that order the rows in time, shape (n_rows,).
        groups: group numbers, shape (n_rows,).
        shares: size of each part as a share of the rows; sums to 1.

    Returns:
        int64 array of shape (n_rows,): the part of each row, from 0.

    Raises:
        ValueError: the shares do not sum to 1, or one is not positive; a time is not finite, or the groups are of other
            rows.
    """
    edges = _cumulate(shares)
    require_finite("time", times)
    require_rows(len(times), groups=groups)
    by_group = pd.Series(times).groupby(groups).agg(["max", "size"]).sort_values("max", kind="stable")
    middles = (by_group["size"].cumsum() - by_group["size"] / 2) / max(len(times), 1)
    parts = pd.Series(np.searchsorted(edges, middles).clip(max=len(edges) - 1), index=by_group.index)
    return parts.reindex(groups).to_numpy(dtype=np.int64)


def bin_by_quantile(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Number the quantile bins of a numeric label, to stratify by; equal values are in one bin.

    Args:
        values: finite numbers, shape (n_rows,).
        n_bins: largest number of bins; fewer come out where a value repeats often.

    Returns:
        int64 array of shape (n_rows,): the bin of each row, from 0.

    Raises:
        ValueError: a number is not finite.
    """
    require_finite("value", values)
    if len(values) == 0:
        return np.empty(0, dtype=np.int64)
    edges = np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.searchsorted(np.unique(edges), values, side="right").astype(np.int64)


def draw_stratified_sample(labels: np.ndarray, n_rows: int, *, seed: int) -> np.ndarray:
    """Draw rows without replacement so that every class keeps its share, and at least one row.

    Args:
        labels: integer class codes (or quantile bins), shape (n,).
        n_rows: rows to draw, at least the number of classes present.
        seed: seed of the draw.

    Returns:
        Sorted positions of the drawn rows, shape (n_rows,); all rows when ``n_rows >= n``.

    Raises:
        ValueError: fewer rows are asked for than there are classes.
    """
    if n_rows >= len(labels):
        return np.arange(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    if n_rows < len(classes):
        raise ValueError(f"a sample of {n_rows} rows cannot hold all {len(classes)} classes")
    rng = seed_generator(seed, "stratified sample")
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    drawn = [
        rng.choice(rows, size=size, replace=False)
        for rows, size in zip(members, _allot(counts, n_rows).tolist(), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _allot(counts: np.ndarray, n_rows: int) -> np.ndarray:
    """Allot the rows of a sample to classes of so many rows: to each its share, rounded, and at least one."""
    exact = counts * (n_rows / counts.sum())
    allotted: np.ndarray = np.maximum(np.floor(exact).astype(int), 1)
    step = 1 if allotted.sum() < n_rows else -1
    # What is missing, or too much, goes row by row to the class that is farthest from its share.
    least, most = (1, counts - 1) if step > 0 else (2, counts)
    can_change = np.flatnonzero((allotted >= least) & (allotted <= most))
    gaps = [(step * (allotted[code] - exact[code]), code) for code in can_change.tolist()]
    heapify(gaps)
    for _ in range(abs(n_rows - int(allotted.sum()))):
        _, code = heappop(gaps)
        allotted[code] += step
        if (allotted[code] < counts[code]) if step > 0 else (allotted[code] > 1):
            heappush(gaps, (step * (allotted[code] - exact[code]), code))
    return allotted


def _cumulate(shares: Sequence[float]) -> np.ndarray:
    edges = np.cumsum(shares)
    if min(shares) <= 0 or not np.isclose(edges[-1], 1.0):
        raise ValueError(f"shares are {list(shares)}, expected positive numbers that sum to 1")
    return edges
