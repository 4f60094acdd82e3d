"""Near-duplicate sets: which rows are nearly equal to each other, and which row of a set to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def number_duplicate_sets(graph: csr_matrix, threshold: float) -> pd.Series:
    """Number the sets of near duplicates.

    Two rows are near duplicates by Datalab's rule: closer than ``threshold`` times the median distance between a row
    and its nearest neighbour; equal rows always are. A set is a connected component of that relation.

    Args:
        graph: neighbour graph with k distances per row, ascending.
        threshold: share of the median nearest-neighbour distance.

    Returns:
        Int64 series of shape (n_rows,): number of the row's set from 1, in order of first row; missing outside a set.
    """
    return number_linked_sets(graph.shape[0], *find_close_pairs(graph, threshold))


def find_close_pairs(graph: csr_matrix, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of both rows of each pair of near duplicates; arguments as in ``number_duplicate_sets``."""
    n_rows = graph.shape[0]
    k = graph.nnz // n_rows
    radius = threshold * float(np.median(graph.data[::k]))
    close = (graph.data < radius) | (graph.data == 0)
    return np.repeat(np.arange(n_rows), k)[close], graph.indices[close]


def number_linked_sets(n_rows: int, first: np.ndarray, second: np.ndarray) -> pd.Series:
    """Number the sets of rows that are linked, directly or through others.

    Args:
        n_rows: number of rows.
        first: position of one row of each linked pair, shape (n_pairs,).
        second: position of the other row, shape (n_pairs,).

    Returns:
        Int64 series of shape (n_rows,): number of the row's set from 1, in order of first row; missing outside a set.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(first), dtype=bool), (first, second)), shape=(n_rows, n_rows))
    _, component = connected_components(links, directed=False)
    members = np.bincount(component)[component]
    numbers = pd.Series(pd.NA, index=range(n_rows), dtype="Int64")
    in_set = members > 1
    numbers[in_set] = pd.factorize(component[in_set])[0] + 1
    return numbers


def list_duplicate_sets(datalab_issues: pd.DataFrame, label_issues: pd.DataFrame) -> pd.DataFrame:
    """List every near-duplicate set row by row, and mark the row to keep.

    The row to keep has the best label quality; of equals, the first in source order. The reason says whether the
    labels of the set disagree; numeric labels do where they are not equal.

    Args:
        datalab_issues: per-row Datalab table with ``duplicate_set`` and ``distance_to_nearest_neighbor``.
        label_issues: label issues of the same rows, with ``label_quality``.

    Returns:
        Table with ``duplicate_set``, ``row_id``, ``given_label``, ``label_quality``, ``keep``, ``reason`` and
        ``distance`` (to the nearest neighbour), ordered by set, then source order.
    """
    columns = ["row_id", "given_label", "duplicate_set", "distance_to_nearest_neighbor"]
    rows = datalab_issues.loc[datalab_issues["duplicate_set"].notna(), columns]
    rows = rows.merge(label_issues[["row_id", "label_quality"]], on="row_id", how="left", validate="one_to_one")
    rows = rows.sort_values("duplicate_set", kind="stable", ignore_index=True)
    best = rows.groupby("duplicate_set", sort=False)["label_quality"].idxmax()
    rows["keep"] = rows.index.isin(best)
    codes = pd.Series(pd.factorize(rows["given_label"])[0], index=rows.index)
    disagree = codes.groupby(rows["duplicate_set"]).transform("nunique") > 1
    rows["reason"] = np.select(
        [rows["keep"] & disagree, rows["keep"], disagree],
        [
            "best label quality of a set whose labels disagree",
            "best label quality, first in source order",
            "labels of the set disagree",
        ],
        default="repeats the kept row",
    )
    rows = rows.rename(columns={"distance_to_nearest_neighbor": "distance"})
    return rows[["duplicate_set", "row_id", "given_label", "label_quality", "keep", "reason", "distance"]]
