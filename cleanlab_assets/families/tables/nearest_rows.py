"""Nearest rows by Euclidean distance: an exact search, and a faster one through an inverted-file index.

A search is a function that takes query rows and a number, and returns the positions of so many nearest train rows of
each query, in no particular order.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import faiss

    Search = Callable[[np.ndarray, int], np.ndarray]

TARGET_RECALL = 0.995
"""Share of true neighbours, on a sample, at which an approximate search is good enough; outliers get lost below it."""
_FIRST_PROBES = 4
_SEARCH_ROWS = 65_536
_CHUNK_ROWS = 4096
_DIRECT_QUERIES = 16
"""faiss subtracts coordinates for so few queries; for more it expands the square, which is fast and rounds."""
_LARGE_NORM = 1e2


def search_exactly(train: np.ndarray) -> Search:
    """Return a search that compares every query with every train row.

    Args:
        train: float32 of shape (n_train, n_encoded).
    """
    return partial(_search_exactly, train)


def search_approximately(
    train: np.ndarray, *, is_good_enough: Callable[[Search], bool], seed: int
) -> tuple[Search, str]:
    """Return a search that compares a query with the train rows of the nearest cells, and a description of it.

    The probed cells are doubled until the search is good enough; with all cells probed it is exact.

    Source: faiss ``IndexIVFFlat`` (Johnson, Douze and Jegou, Billion-scale similarity search with GPUs, 2017).

    Args:
        train: float32 of shape (n_train, n_encoded).
        is_good_enough: judges a candidate search.
        seed: seed of the clustering into cells.
    """
    index = _build_index(train, seed=seed)
    index.nprobe = min(_FIRST_PROBES, index.nlist)
    search = partial(_search_cells, index, train)
    while index.nprobe < index.nlist and not is_good_enough(search):
        index.nprobe = min(2 * index.nprobe, index.nlist)
    return search, f"faiss IVF, {index.nprobe} of {index.nlist} cells probed"


def _build_index(train: np.ndarray, *, seed: int) -> faiss.IndexIVFFlat:
    """Group the train rows into cells; a rough grouping is enough, since the probes are chosen by measured recall."""
    import faiss

    n_rows, n_encoded = train.shape
    cells = max(1, min(int(4 * np.sqrt(n_rows)), n_rows))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(n_encoded), n_encoded, cells, faiss.METRIC_L2)
    index.cp.seed = seed
    index.cp.niter = 5
    index.cp.max_points_per_centroid = 40
    index.train(train)
    index.add(train)
    return index


def _search_cells(index: faiss.IndexIVFFlat, train: np.ndarray, queries: np.ndarray, wanted: int) -> np.ndarray:
    """Return the nearest rows of the probed cells, shape (n_queries, wanted)."""
    from faiss.contrib.ivf_tools import search_preassigned

    found = np.empty((len(queries), wanted), dtype=np.int64)
    if len(queries) == 0:
        return found
    distances, cells = index.quantizer.search(queries, index.nprobe)
    # Queries of one cell read the same rows: one after the other they find them in the processor's cache.
    order = np.argsort(cells[:, 0], kind="stable")
    for start in range(0, len(order), _SEARCH_ROWS):
        rows = order[start : start + _SEARCH_ROWS]
        _, found[rows] = search_preassigned(index, queries[rows], wanted, cells[rows], distances[rows])
    # The probed cells of a lonely row may hold too few rows: those few queries are answered exactly.
    short = (found < 0).any(axis=1)
    if short.any():
        found[short] = _search_exactly(train, queries[short], wanted)
    return found


def _search_exactly(train: np.ndarray, queries: np.ndarray, wanted: int) -> np.ndarray:
    """Return the positions of the ``wanted`` nearest train rows of each query, shape (n_queries, wanted)."""
    import faiss

    _, found = faiss.knn(queries, train, wanted)
    # Far from the origin the expanded square rounds away what tells near rows apart: those queries are asked again.
    farthest = compute_distances(train, queries, found).max(axis=1)
    norms = np.linalg.norm(queries, axis=1)
    doubtful = np.flatnonzero((farthest > 0) & (norms**2 > _LARGE_NORM * farthest**2))
    for start in range(0, len(doubtful), _DIRECT_QUERIES):
        rows = doubtful[start : start + _DIRECT_QUERIES]
        _, found[rows] = faiss.knn(queries[rows], train, wanted)
    return np.asarray(found)


def compute_distances(train: np.ndarray, queries: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Compute distances from coordinates, so that equal rows are exactly 0 apart; float32 of the shape of ``found``."""
    distances = np.empty(found.shape, dtype=np.float32)
    for start in range(0, len(queries), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        difference = train[found[rows]] - queries[rows, None, :]
        distances[rows] = np.sqrt(np.einsum("ijk,ijk->ij", difference, difference))
    return distances
