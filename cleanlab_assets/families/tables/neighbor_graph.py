"""The k-nearest-neighbour graph of the train rows, computed once and shared by every model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.tables.nearest_rows import (
    TARGET_RECALL,
    compute_distances,
    search_approximately,
    search_exactly,
)
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.training_set import test_rows, train_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from cleanlab_assets.families.tables.nearest_rows import Search

METRIC = "euclidean"
RECALL_QUERIES = 500
NEAR_DUPLICATE_THRESHOLD = 0.13
"""Datalab's default: a share of the median nearest-neighbour distance."""


@dataclass(frozen=True)
class NeighborGraph:
    """Nearest train rows of every row, itself left out, nearest first.

    ``neighbors`` holds positions among the fitted rows, int32 of shape (n_queries, k); ``distances`` the Euclidean
    distances, float32 of the same shape. ``recall`` is the measured share of true neighbours that were found, where
    neighbours at equal distance are equally right: 1.0 for an exact search.
    """

    neighbors: np.ndarray
    distances: np.ndarray
    method: str
    recall: float

    def to_matrix(self) -> csr_matrix:
        """Return the graph of the fitted rows as Datalab takes it, see ``to_knn_matrix``."""
        return _to_matrix(self.neighbors, self.distances)


def build_neighbor_graph(
    train: np.ndarray, test: np.ndarray, *, k: int, exact_row_limit: int, seed: int
) -> tuple[NeighborGraph, NeighborGraph]:
    """Find the ``k`` nearest train rows of every train row and of every test row.

    Up to ``exact_row_limit`` train rows the search is exact; above it an inverted-file index (faiss ``IndexIVFFlat``)
    probes as many cells as a sample needs to reach ``TARGET_RECALL``, and the recall is measured against exact answers
    for 500 other random rows of either part.
    Distances are recomputed from the coordinates, so that equal rows are exactly 0 apart.

    Args:
        train: encoded train rows, float32 of shape (n_train, n_encoded).
        test: encoded test rows, float32 of shape (n_test, n_encoded).
        k: neighbours per row.
        exact_row_limit: largest number of train rows for an exact search.
        seed: seed of the index and of the recall sample.

    Returns:
        The graph of the train rows, and that of the test rows among the train rows.

    Raises:
        ValueError: there are not more than ``k`` train rows.
    """
    n_rows = len(train)
    if n_rows <= k:
        raise ValueError(f"{n_rows} train rows cannot have {k} neighbours each: set neighbor_graph.k below {n_rows}")
    exact = search = search_exactly(train)
    method = "exact"
    if n_rows > exact_row_limit:
        # Probes are chosen on rows of their own, so that the recall measured below is an honest one.
        sample = _draw_queries(n_rows, purpose="probe queries", seed=seed)
        _, true_distances = _find_neighbors(train, train[sample], exact, k=k, own=sample)

        def reaches_target(candidate: Search) -> bool:
            _, distances = _find_neighbors(train, train[sample], candidate, k=k, own=sample)
            return _measure_recall(distances, true_distances) >= TARGET_RECALL

        search, method = search_approximately(train, is_good_enough=reaches_target, seed=seed)
    graph = _find_neighbors(train, train, search, k=k, own=np.arange(n_rows))
    test_graph = _find_neighbors(train, test, search, k=k, own=None)
    recall = test_recall = 1.0
    if search is not exact:
        sample = _draw_queries(n_rows, purpose="recall queries", seed=seed)
        _, true_distances = _find_neighbors(train, train[sample], exact, k=k, own=sample)
        recall = _measure_recall(graph[1][sample], true_distances)
        sample = _draw_queries(len(test), purpose="recall queries", seed=seed)
        _, true_distances = _find_neighbors(train, test[sample], exact, k=k, own=None)
        test_recall = _measure_recall(test_graph[1][sample], true_distances)
    return NeighborGraph(*graph, method, recall), NeighborGraph(*test_graph, method, test_recall)


def _draw_queries(n_rows: int, *, purpose: str, seed: int) -> np.ndarray:
    generator = seed_generator(seed, purpose)
    return np.sort(generator.choice(n_rows, size=min(RECALL_QUERIES, n_rows), replace=False))


def _measure_recall(distances: np.ndarray, true_distances: np.ndarray) -> float:
    """Count by distance, since equally distant neighbours are equally right; 1.0 without queries."""
    if len(distances) == 0:
        return 1.0
    return float((distances <= true_distances[:, -1:] * (1 + 1e-5)).mean())


def _find_neighbors(
    train: np.ndarray, queries: np.ndarray, search: Search, *, k: int, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbour positions and distances of each query, nearest first; ``own`` is its position, left out."""
    wanted = k if own is None else k + 1
    found = search(queries, wanted)
    if own is not None:
        # The row itself goes last and is cut off; among many equal rows it may not have been found at all.
        order = np.argsort(found == own[:, None], axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(found, order, axis=1)
    distances = compute_distances(train, queries, found)
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1).astype(np.int32), np.take_along_axis(distances, order, axis=1)


def to_graph_table(training_set: pd.DataFrame, graph: NeighborGraph, test_graph: NeighborGraph) -> pd.DataFrame:
    """Store both graphs as one table: train rows first, then test rows, each in source order.

    Columns: ``row_id``, ``split``, ``neighbor_1`` .. ``neighbor_k`` (position of the neighbour among the train rows)
    and ``distance_1`` .. ``distance_k``.
    """
    ordered = pd.concat([train_rows(training_set), test_rows(training_set)], ignore_index=True)
    neighbors = np.vstack([graph.neighbors, test_graph.neighbors])
    distances = np.vstack([graph.distances, test_graph.distances])
    ranks = range(1, neighbors.shape[1] + 1)
    return pd.DataFrame(
        {
            "row_id": ordered["row_id"],
            "split": ordered["split"],
            **{f"neighbor_{rank}": neighbors[:, rank - 1] for rank in ranks},
            **{f"distance_{rank}": distances[:, rank - 1] for rank in ranks},
        }
    )


def to_knn_matrix(graph_table: pd.DataFrame) -> csr_matrix:
    """Rebuild the train rows' graph as Datalab takes it: shape (n_train, n_train), k distances per row, ascending."""
    rows = train_rows(graph_table)
    neighbors = rows.filter(regex=r"^neighbor_\d+$").to_numpy()
    return _to_matrix(neighbors, rows.filter(regex=r"^distance_\d+$").to_numpy())


def _to_matrix(neighbors: np.ndarray, distances: np.ndarray) -> csr_matrix:
    from scipy.sparse import csr_matrix

    n_rows, k = neighbors.shape
    pointers = np.arange(0, n_rows * k + 1, k)
    return csr_matrix((distances.astype(np.float64).ravel(), neighbors.ravel(), pointers), shape=(n_rows, n_rows))


@dataclass(frozen=True)
class SplitLeakage:
    """Near duplicates across the split: test rows whose nearest train row lies within ``threshold``.

    ``pairs`` has ``row_id``, ``nearest_train_row``, ``distance`` of those test rows, nearest first.
    """

    threshold: float
    n_test_rows: int
    pairs: pd.DataFrame

    @property
    def share(self) -> float:
        """Share of the test rows that have a near duplicate among the train rows; 0 without test rows."""
        return len(self.pairs) / self.n_test_rows if self.n_test_rows else 0.0


def measure_split_leakage(graph_table: pd.DataFrame) -> SplitLeakage:
    """Find test rows that nearly equal a train row.

    "Nearly" is Datalab's rule for near duplicates: closer than 0.13 times the median distance between train rows and
    their nearest neighbours.
    """
    train, test = train_rows(graph_table), test_rows(graph_table)
    threshold = NEAR_DUPLICATE_THRESHOLD * float(train["distance_1"].median())
    leaked = test[(test["distance_1"] < threshold) | (test["distance_1"] == 0)].sort_values("distance_1", kind="stable")
    pairs = pd.DataFrame(
        {
            "row_id": leaked["row_id"].to_numpy(),
            "nearest_train_row": train["row_id"].to_numpy()[leaked["neighbor_1"]],
            "distance": leaked["distance_1"].to_numpy(),
        }
    )
    return SplitLeakage(threshold=threshold, n_test_rows=len(test), pairs=pairs)
