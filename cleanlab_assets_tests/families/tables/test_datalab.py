from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.classification.datalab import read_classes
from cleanlab_assets.families.tables.datalab import ISSUE_TYPES, DatalabIssues, find_datalab_issues
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_graph_table, to_knn_matrix
from cleanlab_assets_tests.known_data import predictions_for

N_ROWS = 600


@dataclass
class Planted:
    """Two clusters of rows with good predictions, to plant issues in."""

    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    features: pd.DataFrame

    def find(self, *, k: int = 10, seed: int = 0) -> DatalabIssues:
        return find_datalab_issues(read_classes(self.predictions), self.features, self.graph_table(k=k), seed=seed)

    @property
    def predictions(self) -> pd.DataFrame:
        return predictions_for(self.labels, self.probabilities)

    def graph_table(self, *, k: int = 10) -> pd.DataFrame:
        rows = self.rows.astype(np.float32)
        graphs = build_neighbor_graph(rows, rows[:5], k=k, exact_row_limit=1_000_000, seed=0)
        ids = [f"row:{number}" for number in range(len(rows))]
        split = ["train"] * len(rows) + ["test"] * 5
        return to_graph_table(pd.DataFrame({"row_id": [*ids, *"abcde"], "split": split}), *graphs)


def plant(*, n_rows: int = N_ROWS, n_classes: int = 2, seed: int = 0) -> Planted:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n_rows)
    rows = rng.normal(size=(n_rows, 5))
    rows[:, 0] += 12 * labels
    probabilities = np.full((n_rows, n_classes), 0.02)
    probabilities[np.arange(n_rows), labels] = 1 - 0.02 * (n_classes - 1) - rng.random(n_rows) * 0.1
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Planted(rows, labels, probabilities, pd.DataFrame({"x": rows[:, 0], "name": ["n"] * n_rows}))


def flagged(found: DatalabIssues, issue_type: str) -> list[int]:
    return [int(row) for row in np.flatnonzero(found.table[f"is_{issue_type}_issue"])]


def summary_of(found: DatalabIssues, issue_type: str) -> pd.Series:
    return found.summary[found.summary["issue_type"] == issue_type].iloc[0]


def test_every_type_is_summarised_and_clean_rows_have_hardly_an_issue() -> None:
    found = plant().find()

    assert found.summary["issue_type"].tolist() == list(ISSUE_TYPES)
    assert (found.summary["status"] == "ran").all(), found.summary[["issue_type", "reason"]].to_string()
    assert found.table["row_id"].tolist() == [f"row:{number}" for number in range(N_ROWS)]
    for issue_type in ("label", "near_duplicate", "non_iid", "class_imbalance", "underperforming_group", "null"):
        assert flagged(found, issue_type) == [], issue_type
    assert len(flagged(found, "outlier")) < 0.03 * N_ROWS
    scores = found.table[[f"{issue_type}_score" for issue_type in ISSUE_TYPES]]
    assert ((scores >= 0) & (scores <= 1)).all(axis=None)


def test_the_summary_counts_the_table_and_states_metric_k_and_parameters() -> None:
    planted = plant()
    planted.rows[3] = planted.rows[4]
    found = planted.find(k=7)

    for record in found.summary.to_dict("records"):
        assert record["n_issues"] == len(flagged(found, record["issue_type"]))
        assert record["share"] == record["n_issues"] / N_ROWS
        assert record["reason"] == ""
    outlier = summary_of(found, "outlier")
    assert (outlier["metric"], outlier["k"]) == ("euclidean", 7)
    assert json.loads(outlier["parameters"]) == {"k": 7, "metric": "euclidean"}
    assert pd.isna(summary_of(found, "label")["k"])


def test_wrong_labels_are_flagged() -> None:
    planted = plant()
    wrong = [11, 200, 421]
    planted.labels[wrong] = 1 - planted.labels[wrong]

    assert flagged(planted.find(), "label") == wrong


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_outliers_are_flagged(seed: int) -> None:
    planted = plant(seed=seed)
    planted.rows[[5, 300, 599], 2] += [40, -60, 90]

    found = planted.find()

    assert {5, 300, 599} <= set(flagged(found, "outlier"))
    assert set(found.table["outlier_score"].nsmallest(3).index) == {5, 300, 599}


def test_near_duplicates_are_flagged_and_numbered_as_sets() -> None:
    planted = plant()
    planted.rows[20] = planted.rows[400]
    planted.rows[[31, 32]] = planted.rows[30] + 1e-3

    found = planted.find()

    assert flagged(found, "near_duplicate") == [20, 30, 31, 32, 400]
    assert found.table["duplicate_set"].notna().to_numpy().nonzero()[0].tolist() == [20, 30, 31, 32, 400]
    assert found.table["duplicate_set"][[20, 400, 30, 31, 32]].tolist() == [1, 1, 2, 2, 2]
    assert found.table["nearest_neighbor"][[20, 400]].tolist() == ["row:400", "row:20"]
    assert found.table["distance_to_nearest_neighbor"][20] == 0


def test_a_rare_class_is_flagged() -> None:
    planted = plant(n_classes=3)
    rare = [1, 77, 150]
    planted.labels[rare] = 2
    planted.probabilities[rare] = [0.02, 0.02, 0.96]

    assert flagged(planted.find(), "class_imbalance") == rare


def test_a_group_with_poor_predictions_is_flagged() -> None:
    planted = plant()
    group = np.flatnonzero(planted.labels == 1)[:80]
    planted.rows[group, 1] += 30
    planted.probabilities[group] = [0.97, 0.03]  # Datalab flags a group below a tenth of the mean self-confidence

    found = set(flagged(planted.find(), "underperforming_group"))

    assert found <= set(group)
    assert len(found) > 60


def test_a_row_without_any_value_is_flagged_as_null() -> None:
    planted = plant()
    planted.features.loc[9, "x"] = np.nan
    planted.features.loc[42] = [np.nan, None]

    found = planted.find()

    assert flagged(found, "null") == [42]
    assert found.table["null_score"][[9, 42, 43]].tolist() == [0.5, 0, 1]


@pytest.mark.parametrize("seed", [0, 1])
def test_drift_over_the_source_order_is_non_iid(seed: int) -> None:
    planted = plant(seed=seed)
    planted.rows[:, 3] += np.linspace(0, 20, N_ROWS)

    found = planted.find(seed=seed)

    assert summary_of(found, "non_iid")["score"] < 0.001
    assert summary_of(found, "non_iid")["n_issues"] == 1
    assert summary_of(plant(seed=seed).find(seed=seed), "non_iid")["score"] > 0.05


def test_rows_whose_neighbors_have_other_labels_are_worth_little() -> None:
    planted = plant()
    wrong = np.arange(0, 40, 4)
    planted.labels[wrong] = 1 - planted.labels[wrong]

    found = planted.find()

    assert found.table["data_valuation_score"][wrong].mean() < found.table["data_valuation_score"].mean()
    assert np.isin(wrong, flagged(found, "data_valuation")).mean() > 0.7


def test_a_type_that_fails_is_reported_as_not_run_with_its_reason() -> None:
    planted = plant(n_rows=14)
    planted.rows *= np.logspace(0, 12, 14)[:, None]  # no two rows are near each other: no clusters

    found = planted.find(k=3)

    failed = summary_of(found, "underperforming_group")
    assert failed["status"] == "not run"
    assert "cluster" in failed["reason"].lower()
    assert np.isnan(failed["share"])
    assert np.isnan(failed["score"])
    assert failed["n_issues"] is pd.NA
    assert "is_underperforming_group_issue" not in found.table
    assert summary_of(found, "outlier")["status"] == "ran"


def test_a_non_iid_test_that_cannot_be_made_is_reported_as_not_run() -> None:
    # Each row neighbours all others, so that every permutation has the same distances.
    found = plant(n_rows=8).find(k=7)

    assert summary_of(found, "non_iid")["status"] == "not run"
    assert summary_of(found, "non_iid")["reason"] != ""
    assert "is_non_iid_issue" not in found.table
    assert summary_of(found, "data_valuation")["status"] == "ran"


@pytest.mark.parametrize("seed", [0, 1])
def test_flags_equal_those_of_a_plain_datalab_with_the_same_graph(seed: int) -> None:
    from cleanlab import Datalab

    planted = plant(seed=seed)
    rng = np.random.default_rng(seed)
    planted.rows[:10] += rng.normal(0, 20, size=(10, 5))
    planted.rows[50:60] = planted.rows[60:70]
    planted.labels[100:120] = 1 - planted.labels[100:120]
    found = planted.find(seed=seed)

    lab = Datalab({"label": planted.labels}, label_name="label", verbosity=0)
    radius = json.loads(summary_of(found, "underperforming_group")["parameters"])
    # cleanlab's pool of processes may hang when it is forked from a process with threads.
    one_process = {"clean_learning_kwargs": {"find_label_issues_kwargs": {"n_jobs": 1}}}
    lab.find_issues(
        pred_probs=planted.probabilities.astype(np.float32).astype(np.float64),
        knn_graph=to_knn_matrix(planted.graph_table()),
        issue_types={
            **{name: {} for name in ("outlier", "near_duplicate", "class_imbalance", "data_valuation")},
            "label": one_process,
            "non_iid": {"seed": seed},
            "underperforming_group": radius,
        },
    )
    plain = lab.get_issues()

    for issue_type in set(ISSUE_TYPES) - {"null"}:
        assert np.array_equal(found.table[f"is_{issue_type}_issue"], plain[f"is_{issue_type}_issue"]), issue_type
        np.testing.assert_allclose(found.table[f"{issue_type}_score"], plain[f"{issue_type}_score"], atol=1e-6)


def test_a_class_without_rows_is_no_obstacle() -> None:
    planted = plant(n_classes=4)

    found = planted.find()

    assert (found.summary["status"] == "ran").all()
    assert found.table["given_label"].cat.categories.tolist() == ["k0", "k1", "k2", "k3"]
    assert (found.table["predicted_label"] == found.table["given_label"]).all()


def test_what_a_model_gives_to_a_class_without_rows_goes_to_the_others() -> None:
    given = read_classes(plant(n_classes=4).predictions)

    assert given.predictions.shape == (N_ROWS, 2)
    np.testing.assert_allclose(given.predictions.sum(axis=1), 1)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    plant(n_rows=100).find(k=3)

    assert capsys.readouterr().out == ""


def test_predictions_and_graph_of_different_rows_are_an_error() -> None:
    planted = plant(n_rows=50)
    graph, features = planted.graph_table(), planted.features

    with pytest.raises(ValueError, match=r"graph \(50 rows\) and the predictions \(49 rows\) hold different rows"):
        find_datalab_issues(read_classes(planted.predictions[:-1]), features[:-1], graph, seed=0)
    with pytest.raises(ValueError, match="hold different rows"):
        find_datalab_issues(read_classes(planted.predictions[::-1]), features, graph, seed=0)
