from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.compat import non_iid_issue_manager
from cleanlab_assets.families.tables.lean_issue_types import build_non_iid_manager, value_rows
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def graph_of(rows: np.ndarray, *, k: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    graph, _ = build_neighbor_graph(rows, rows[:0], k=k, exact_row_limit=1_000_000, seed=0)
    n_rows = len(rows)
    pointers = np.arange(0, n_rows * k + 1, k)
    return csr_matrix((graph.distances.ravel(), graph.neighbors.ravel(), pointers), shape=(n_rows, n_rows))


def make_rows(kind: str, n_rows: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, 2))
    if kind == "sorted":
        rows = rows[np.argsort(rows[:, 0])] * [5, 1]
    elif kind == "ties":
        rows = rng.integers(3, size=(n_rows, 2)).astype(np.float64)
    return rows.astype(np.float32)


def run(manager: Any, graph: csr_matrix) -> Any:
    manager.find_issues(knn_graph=graph)
    return manager


def lab_of(n_rows: int) -> Any:
    from cleanlab import Datalab

    return Datalab({"label": np.arange(n_rows) % 2}, label_name="label", verbosity=0)


@pytest.mark.parametrize("kind", ["shuffled", "sorted", "ties"])
@pytest.mark.parametrize(("n_rows", "k"), [(40, 3), (151, 10)])
@pytest.mark.parametrize("seed", [0, 1])
def test_non_iid_equals_datalabs_own_test(kind: str, n_rows: int, k: int, seed: int) -> None:
    graph, lab = graph_of(make_rows(kind, n_rows, seed=seed), k=k), lab_of(n_rows)
    settings = {"metric": "euclidean", "k": k, "num_permutations": 25, "seed": seed}

    lean = run(build_non_iid_manager(lab, **settings), graph)
    original = run(non_iid_issue_manager()(lab, **settings), graph)

    assert lean.statistics["ks"] == pytest.approx(original.statistics["ks"], abs=1e-12)
    assert lean.p_value == pytest.approx(original.p_value, abs=1e-9)
    np.testing.assert_allclose(lean.issues["non_iid_score"], original.issues["non_iid_score"], rtol=1e-12)
    assert np.array_equal(lean.issues["is_non_iid_issue"], original.issues["is_non_iid_issue"])


@pytest.mark.parametrize("seed", range(4))
def test_sorted_rows_are_non_iid_and_shuffled_ones_are_not(seed: int) -> None:
    p_values = {}
    for kind in ("sorted", "shuffled"):
        manager = build_non_iid_manager(lab_of(300), metric="euclidean", k=10, num_permutations=25, seed=seed)
        p_values[kind] = run(manager, graph_of(make_rows(kind, 300, seed=seed), k=10)).p_value

    assert p_values["sorted"] < 1e-6
    assert p_values["shuffled"] > 0.05


@pytest.mark.parametrize("kind", ["shuffled", "ties"])
@pytest.mark.parametrize(("n_classes", "k"), [(2, 1), (2, 5), (4, 10)])
def test_data_values_equal_cleanlabs_own(kind: str, n_classes: int, k: int) -> None:
    from cleanlab.data_valuation import data_shapley_knn

    graph = graph_of(make_rows(kind, 120, seed=k), k=k)
    labels = np.random.default_rng(k).integers(n_classes, size=120)

    values = value_rows(labels, graph.indices.reshape(120, k))

    np.testing.assert_allclose(values, data_shapley_knn(labels, knn_graph=graph, k=k), atol=1e-12)


def test_a_mislabelled_row_is_worth_less_than_its_neighbors() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    rows = (rng.normal(size=(200, 2)) + 6 * labels[:, None]).astype(np.float32)
    wrong = rng.choice(200, size=10, replace=False)
    labels[wrong] = 1 - labels[wrong]

    values = value_rows(labels, graph_of(rows, k=10).indices.reshape(200, 10))

    assert values[wrong].max() <= 0.5  # exactly 0.5 where the row is nobody's neighbour
    assert values[wrong].mean() < 0.499
    assert (np.delete(values, wrong) >= 0.5).mean() > 0.8
