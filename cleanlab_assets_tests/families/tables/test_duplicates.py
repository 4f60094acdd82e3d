from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from cleanlab_assets.families.tables.duplicates import list_duplicate_sets, number_duplicate_sets
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_graph_table, to_knn_matrix


def number_sets(rows: np.ndarray) -> pd.Series:
    rows = rows.astype(np.float32)
    graphs = build_neighbor_graph(rows, rows[:0], k=3, exact_row_limit=1_000_000, seed=0)
    ids = pd.DataFrame({"row_id": [f"r{row}" for row in range(len(rows))], "split": "train"})
    return number_duplicate_sets(to_knn_matrix(to_graph_table(ids, *graphs)), 0.13)


def rows_with_sets() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    rows[[5, 30]] = rows[50]
    rows[7] = rows[8] + 1e-3
    return rows


def test_sets_are_numbered_in_order_of_their_first_row() -> None:
    numbers = number_sets(rows_with_sets())

    assert np.flatnonzero(numbers.notna()).tolist() == [5, 7, 8, 30, 50]
    assert numbers[[5, 30, 50]].tolist() == [1, 1, 1]
    assert numbers[[7, 8]].tolist() == [2, 2]


def test_rows_that_are_near_through_others_are_one_set() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 4))
    step = np.array([0.01, 0, 0, 0])
    rows[1], rows[2], rows[3] = rows[0] + step, rows[0] + 2 * step, rows[0] + 3 * step

    assert number_sets(rows)[:4].tolist() == [1, 1, 1, 1]


def test_distinct_rows_are_in_no_set() -> None:
    assert number_sets(np.random.default_rng(0).normal(size=(60, 4))).isna().all()


def test_equal_rows_are_a_set_even_where_the_median_distance_is_zero() -> None:
    rows = np.repeat(np.arange(10.0), 4)[:, None]
    rows = np.vstack([rows, [[100.0], [200.0]]])

    numbers = number_sets(rows)

    assert numbers[:40].tolist() == np.repeat(np.arange(1, 11), 4).tolist()
    assert numbers[40:].isna().all()


@pytest.mark.parametrize(("distance", "n_in_sets"), [(np.nextafter(0.25, 0), 2), (0.25, 0), (0.0, 2)])
def test_rows_are_near_duplicates_below_the_threshold_and_not_at_it(distance: float, n_in_sets: int) -> None:
    """Three pairs of rows; the median distance to the nearest row is 1."""
    distances = np.repeat([distance, 1.0, 1.0], 2)
    graph = csr_matrix((distances, [1, 0, 3, 2, 5, 4], np.arange(7)), shape=(6, 6))

    assert number_duplicate_sets(graph, 0.25).notna().sum() == n_in_sets


def test_the_best_row_of_each_set_is_kept_and_the_reason_tells_disagreement() -> None:
    datalab_issues = pd.DataFrame(
        {
            "row_id": list("abcdefg"),
            "given_label": pd.Categorical(["x", "x", "y", "x", "x", "x", "y"]),
            "duplicate_set": pd.array([2, 1, 2, None, 1, 3, 3], dtype="Int64"),
            "distance_to_nearest_neighbor": [0.0, 0.1, 0.0, 5.0, 0.1, 0.2, 0.2],
        }
    )
    # Another row order than that of the Datalab table: rows are matched by id.
    label_issues = pd.DataFrame(
        {"row_id": list("gfedcba"), "label_quality": [0.5, 0.5, 0.8, 0.9, 0.7, 0.8, 0.2]},
    )

    listed = list_duplicate_sets(datalab_issues, label_issues)

    assert listed["row_id"].tolist() == ["b", "e", "a", "c", "f", "g"]
    assert listed["duplicate_set"].tolist() == [1, 1, 2, 2, 3, 3]
    assert listed["keep"].tolist() == [True, False, False, True, True, False]
    assert listed["label_quality"].tolist() == [0.8, 0.8, 0.2, 0.7, 0.5, 0.5]
    assert listed["distance"].tolist() == [0.1, 0.1, 0, 0, 0.2, 0.2]
    assert listed["reason"].tolist() == [
        "best label quality, first in source order",
        "repeats the kept row",
        "labels of the set disagree",
        "best label quality of a set whose labels disagree",
        "best label quality of a set whose labels disagree",
        "labels of the set disagree",
    ]


def test_numbers_disagree_where_they_are_not_equal() -> None:
    datalab_issues = pd.DataFrame(
        {
            "row_id": list("abcd"),
            "given_label": [4.0, 4.0, 4.0, 4.5],
            "duplicate_set": pd.array([1, 1, 2, 2], dtype="Int64"),
            "distance_to_nearest_neighbor": [0.0, 0.0, 0.0, 0.0],
        }
    )

    listed = list_duplicate_sets(datalab_issues, pd.DataFrame({"row_id": list("abcd"), "label_quality": 0.5}))

    assert listed["given_label"].tolist() == [4.0, 4.0, 4.0, 4.5]
    assert listed["reason"].tolist() == [
        "best label quality, first in source order",
        "repeats the kept row",
        "best label quality of a set whose labels disagree",
        "labels of the set disagree",
    ]


def test_no_sets_make_an_empty_list_with_all_columns() -> None:
    datalab_issues = pd.DataFrame(
        {
            "row_id": ["a"],
            "given_label": pd.Categorical(["x"]),
            "duplicate_set": pd.array([None], dtype="Int64"),
            "distance_to_nearest_neighbor": [1.0],
        }
    )

    listed = list_duplicate_sets(datalab_issues, pd.DataFrame({"row_id": ["a"], "label_quality": [1.0]}))

    assert listed.empty
    assert listed.columns.tolist() == [
        "duplicate_set",
        "row_id",
        "given_label",
        "label_quality",
        "keep",
        "reason",
        "distance",
    ]
