from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.classification.datalab import read_classes
from cleanlab_assets.families.regression.datalab import REGRESSION_ISSUE_TYPES, read_values
from cleanlab_assets.families.regression.predictions import ValuePredictions, to_value_predictions_table
from cleanlab_assets.families.regression.value_quality import find_value_issues
from cleanlab_assets.families.tables.datalab import (
    ISSUE_TYPES,
    DatalabIssues,
    find_datalab_issues,
)
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_graph_table, to_knn_matrix
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets_tests.known_data import name_splits, predictions_for

if TYPE_CHECKING:
    from collections.abc import Sequence

N_ROWS = 600
PARTS = (("is_", "_issue"), ("", "_score"))
WRONG = [7, 200, 431]


def graph_of(encoded: np.ndarray, *, k: int = 10) -> pd.DataFrame:
    encoded = np.ascontiguousarray(encoded, dtype=np.float32)
    graphs = build_neighbor_graph(encoded, encoded[:2], k=k, exact_row_limit=1_000_000, seed=0)
    ids = [f"row:{number}" for number in range(len(encoded))]
    split = ["train"] * len(encoded) + ["test"] * 2
    return to_graph_table(pd.DataFrame({"row_id": [*ids, "a", "b"], "split": split}), *graphs)


def sold_houses(*, seed: int = 0, n_rows: int = N_ROWS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictions in dollars, three of them far from the given label, and features."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    values = 200_000 + 50_000 * features["a"].to_numpy()
    uncertainty = rng.uniform(5_000, 20_000, n_rows)
    labels = values + uncertainty * rng.normal(size=n_rows).clip(-1.6, 1.6)
    labels[WRONG] += 9 * uncertainty[WRONG]
    ids = [f"row:{number}" for number in range(n_rows)]
    rows = pd.DataFrame({"row_id": ids, "split": name_splits(n_rows), "given_label": labels})
    return to_value_predictions_table(rows, ValuePredictions(values, uncertainty, ())), features


def find(
    predictions: pd.DataFrame, features: pd.DataFrame, *, issue_types: Sequence[str] | None = None
) -> DatalabIssues:
    graph = graph_of(features.to_numpy())
    return find_datalab_issues(read_values(predictions), features, graph, seed=0, issue_types=issue_types)


def flagged(found: DatalabIssues, issue_type: str) -> list[int]:
    return [int(row) for row in np.flatnonzero(found.table[f"is_{issue_type}_issue"])]


def summary_of(found: DatalabIssues, issue_type: str) -> pd.Series:
    return found.summary[found.summary["issue_type"] == issue_type].iloc[0]


def test_every_type_of_regression_runs_and_none_that_needs_classes() -> None:
    predictions, features = sold_houses()

    found = find(predictions, features)

    assert found.summary["issue_type"].tolist() == ["label", "outlier", "near_duplicate", "non_iid", "null"]
    assert (found.summary["status"] == "ran").all(), found.summary[["issue_type", "reason"]].to_string()
    assert found.table.columns.tolist() == [
        *("row_id", "given_label", "predicted_value"),
        *(f"{prefix}{name}{suffix}" for name in REGRESSION_ISSUE_TYPES for prefix, suffix in PARTS),
        *("nearest_neighbor", "distance_to_nearest_neighbor", "duplicate_set"),
    ]
    assert np.array_equal(found.table["given_label"], predictions["given_label"])
    assert np.array_equal(found.table["predicted_value"], predictions["predicted_value"])
    assert flagged(found, "near_duplicate") == flagged(found, "null") == flagged(found, "non_iid") == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_label_flags_and_scores_are_those_of_the_label_issues(seed: int) -> None:
    predictions, features = sold_houses(seed=seed)

    found = find(predictions, features, issue_types=["label"])

    issues = find_value_issues(predictions, features, domain=NumericLabel(), flag_by="cleanlab").table
    assert np.array_equal(found.table["is_label_issue"], issues["is_below_cleanlab_cut"])
    assert np.array_equal(found.table["label_score"], issues["label_quality"])
    assert set(WRONG) <= set(flagged(found, "label"))
    assert found.table["label_score"].nsmallest(3).index.tolist() == issues["rank"].nsmallest(3).index.tolist()
    assert json.loads(summary_of(found, "label")["parameters"]) == {"method": "residual", "threshold": 0.05}


def test_other_types_equal_those_of_a_plain_datalab_with_the_same_graph() -> None:
    from cleanlab import Datalab

    predictions, features = sold_houses()
    features.iloc[:5] *= 30
    features.iloc[50:55] = features.iloc[60:65].to_numpy()
    found = find(predictions, features)

    lab = Datalab({"y": predictions["given_label"].to_numpy()}, label_name="y", task="regression", verbosity=0)
    graph = to_knn_matrix(graph_of(features.to_numpy()))
    lab.find_issues(knn_graph=graph, issue_types={"outlier": {}, "near_duplicate": {}, "non_iid": {"seed": 0}})
    plain = lab.get_issues()

    assert set(range(5)) <= set(flagged(found, "outlier"))
    assert flagged(found, "near_duplicate") == [*range(50, 55), *range(60, 65)]
    for issue_type in ("outlier", "near_duplicate", "non_iid"):
        assert np.array_equal(found.table[f"is_{issue_type}_issue"], plain[f"is_{issue_type}_issue"]), issue_type
        np.testing.assert_allclose(found.table[f"{issue_type}_score"], plain[f"{issue_type}_score"], atol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_value_fifty_times_too_large_in_one_heavy_tailed_column_is_an_outlier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("rooms", "bedrooms", "population", "households", "income", "age", "latitude", "longitude")
    values = np.column_stack(
        [
            rng.lognormal(6, 0.8, (2000, 4)),
            rng.gamma(3, 1.2, 2000),
            rng.uniform([1, 32, -124], [52, 42, -114], (2000, 3)),
        ]
    )
    planted = rng.choice(2000, 20, replace=False)
    values[planted, rng.integers(8, size=20)] *= 50
    table = pd.DataFrame(values, columns=list(names))
    encoded = encode_for_distance(table, FeatureKinds(numeric=names), fit_on=np.ones(2000, dtype=bool))
    graph = graph_of(encoded)
    predictions, _ = sold_houses(n_rows=2000)

    found = find_datalab_issues(read_values(predictions), table, graph, seed=0, issue_types=["outlier"])

    worst = found.table["outlier_score"].nsmallest(40).index
    assert np.isin(planted, worst).mean() >= 0.9
    assert np.isin(planted, flagged(found, "outlier")).mean() >= 0.9


def test_only_the_types_asked_for_run() -> None:
    predictions, features = sold_houses()

    found = find(predictions, features, issue_types=["null", "outlier"])

    assert found.summary["issue_type"].tolist() == list(REGRESSION_ISSUE_TYPES)
    for issue_type in ("outlier", "null"):
        assert summary_of(found, issue_type)["status"] == "ran"
        assert f"{issue_type}_score" in found.table
    for issue_type in ("label", "near_duplicate", "non_iid"):
        record = summary_of(found, issue_type)
        assert (record["status"], record["reason"]) == ("not run", "not asked for")
        assert pd.isna(record["n_issues"])
        assert record["description"] == ISSUE_TYPES[issue_type]
        assert f"{issue_type}_score" not in found.table
        assert f"is_{issue_type}_issue" not in found.table
    assert np.array_equal(found.table["outlier_score"], find(predictions, features).table["outlier_score"])


@pytest.mark.parametrize("issue_types", [["non_iid"], ["data_valuation"], ["label", "class_imbalance"], []])
def test_types_of_classification_are_chosen_likewise(issue_types: list[str]) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=60)
    probabilities = np.where(labels[:, None] == np.arange(2), 0.9, 0.1)
    features = pd.DataFrame(rng.normal(size=(60, 3)))
    predictions, graph = predictions_for(labels, probabilities), graph_of(features.to_numpy(), k=4)

    some = find_datalab_issues(read_classes(predictions), features, graph, seed=0, issue_types=issue_types)

    ran = some.summary["status"] == "ran"
    assert sorted(some.summary.loc[ran, "issue_type"]) == sorted(issue_types)
    assert some.summary["issue_type"].tolist() == list(ISSUE_TYPES)
    whole = find_datalab_issues(read_classes(predictions), features, graph, seed=0)
    pd.testing.assert_frame_equal(some.table, whole.table[some.table.columns])
    pd.testing.assert_frame_equal(some.summary[ran], whole.summary[ran], check_dtype=False)


def test_no_types_leave_ids_labels_neighbors_and_duplicate_sets() -> None:
    predictions, features = sold_houses()
    features.iloc[3] = features.iloc[500]

    found = find(predictions, features, issue_types=[])

    assert (found.summary["status"] == "not run").all()
    assert found.summary["n_issues"].isna().all()
    assert found.table.columns.tolist() == [
        *("row_id", "given_label", "predicted_value"),
        *("nearest_neighbor", "distance_to_nearest_neighbor", "duplicate_set"),
    ]
    assert np.flatnonzero(found.table["duplicate_set"].notna()).tolist() == [3, 500]


@pytest.mark.parametrize("unknown", ["typo", "class_imbalance", "data_valuation"])
def test_a_type_that_the_task_does_not_have_is_an_error_that_lists_those_it_has(unknown: str) -> None:
    predictions, features = sold_houses()

    with pytest.raises(
        ValueError,
        match=f"regression has no issue type {unknown}: expected some of label, outlier, near_duplicate, non_iid, null",
    ):
        find(predictions, features, issue_types=["label", unknown])


def test_a_type_that_fails_alone_is_reported_with_its_reason() -> None:
    predictions, features = sold_houses()
    graph = graph_of(features.to_numpy()[:8], k=7)  # each row neighbours all others: no permutation differs

    found = find_datalab_issues(read_values(predictions[:8]), features[:8], graph, seed=0, issue_types=["non_iid"])

    assert summary_of(found, "non_iid")["status"] == "not run"
    assert summary_of(found, "non_iid")["reason"] not in ("", "not asked for")
