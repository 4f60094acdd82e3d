"""What libraries keep private behaves as this package relies on: a test that fails names what a library changed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from cleanlab_assets import compat

SCORES = np.array([[0.9, 0.2, 0.7], [0.5, 0.5, 0.5]])


def test_the_latest_execution_of_a_check_is_that_of_the_asked_partition() -> None:
    partitions = dg.StaticPartitionsDefinition(["a", "b", "never"])

    @dg.asset(partitions_def=partitions)
    def source() -> None: ...

    @dg.asset_check(asset=source, partitions_def=partitions)
    def fine(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=context.partition_key == "b", metadata=dict(context.run.tags))

    with dg.DagsterInstance.ephemeral() as instance:
        for partition, turn in (("a", "first"), ("b", "first"), ("a", "second")):
            dg.materialize([source, fine], partition_key=partition, instance=instance, tags={"turn": turn})
        latest = {
            name: compat.latest_check_executions(instance, [fine.check_key], name).get(fine.check_key)
            for name in ("a", "b", "never")
        }

    def read(name: str) -> tuple[bool, Any]:
        record = latest[name]
        assert record is not None
        assert isinstance(record.evaluation, dg.AssetCheckEvaluation)
        return record.evaluation.passed, record.evaluation.metadata["turn"].value

    assert read("a") == (False, "second")
    assert read("b") == (True, "first")
    assert latest["never"] is None


@pytest.mark.parametrize(
    ("text", "is_schedule"),
    [("0 2 * * *", True), ("*/15 1-5 * * MON", True), ("@daily", True), ("61 2 * * *", False), ("nightly", False)],
)
def test_a_cron_schedule_is_told_from_other_texts(text: str, *, is_schedule: bool) -> None:
    assert compat.is_cron_schedule(text) is is_schedule


def test_softmin_is_a_mean_that_nears_the_lowest_score() -> None:
    weights = np.exp((1 - SCORES) / 0.5)
    expected = (weights * SCORES).sum(axis=1) / weights.sum(axis=1)

    np.testing.assert_allclose(compat.softmin(SCORES, temperature=0.5), expected)
    np.testing.assert_allclose(compat.softmin(SCORES, temperature=0.01), [0.2, 0.5])


def test_the_moving_average_runs_from_the_highest_to_the_lowest_score() -> None:
    expected = 0.8 * 0.2 + 0.2 * (0.8 * 0.7 + 0.2 * 0.9)

    np.testing.assert_allclose(compat.exponential_moving_average(SCORES, forgetting_factor=0.8), [expected, 0.5])


def test_the_temperature_makes_a_model_that_is_too_sure_less_sure() -> None:
    labels = np.tile([[0, 1, -1], [-1, 0, 1]], (20, 1))
    sure = np.tile([[0.99, 0.01], [0.01, 0.99]], (20, 1))

    temperature = compat.choose_temperature(labels, sure)

    assert temperature > 5
    np.testing.assert_allclose(compat.scale_by_temperature(sure, 2.0)[0], np.sqrt(sure[0]) / np.sqrt(sure[0]).sum())
    np.testing.assert_allclose(compat.scale_by_temperature(sure, 1.0), sure)


def test_the_test_of_order_takes_its_statistics_and_its_p_value_from_the_overridden_methods() -> None:
    from cleanlab import Datalab
    from scipy.sparse import csr_matrix

    base = compat.non_iid_issue_manager()
    n_rows, k = 20, 3
    neighbors = (np.arange(n_rows)[:, None] + np.arange(1, k + 1)) % n_rows
    seen: dict[str, Any] = {}

    class Recording(base):  # type: ignore[misc, valid-type]
        description = base.description
        issue_name = base.issue_name

        def _get_statistics(self, distances: np.ndarray) -> dict[str, float]:
            seen["distances"] = distances
            return {"ks": 0.25}

        def _permutation_test(self, num_permutations: int) -> float:
            seen.update(num_permutations=num_permutations, neighbors=self.neighbor_index_choices)
            seen.update(n_rows=self.N, seed=self.seed, statistics=self.statistics)
            return 0.0125

    manager = Recording(Datalab({"row": np.arange(n_rows)}), k=k, metric="euclidean", num_permutations=7, seed=5)
    manager.find_issues(knn_graph=csr_matrix((np.ones(n_rows * k), neighbors.ravel(), np.arange(0, n_rows * k + 1, k))))

    assert np.array_equal(seen.pop("neighbors"), neighbors)
    assert np.array_equal(seen.pop("distances"), np.abs(np.arange(n_rows)[:, None] - neighbors))
    assert seen == {"num_permutations": 7, "n_rows": n_rows, "seed": 5, "statistics": {"ks": 0.25}}
    assert manager.p_value == 0.0125
    assert manager.summary["score"].tolist() == [0.0125]


def test_the_versions_of_the_tables_end_with_that_of_a_new_instance(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)), closing(sqlite3.connect(tmp_path / "history/runs.db")) as runs:
        made = [version for (version,) in runs.execute("SELECT version_num FROM alembic_version")]
    known = compat.order_schema_versions()
    assert made == known[-1:]
    assert len(known) == len(set(known)) > 10


def test_the_fits_for_each_label_are_weighted_and_the_request_is_not_kept() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(60, 2)), rng.integers(1, 4, 60)
    targets = features + rng.normal(size=(60, 2)) > 0
    weighted, repeated = (OneVsRestClassifier(LogisticRegression(tol=1e-8)) for _ in range(2))

    compat.fit_with_inner_weights(weighted, features, targets, weights.astype(float))

    repeated.fit(np.repeat(features, weights, axis=0), np.repeat(targets, weights, axis=0))
    np.testing.assert_allclose(weighted.predict_proba(features), repeated.predict_proba(features), atol=1e-4)
    asking = [weighted.estimator, *weighted.estimators_]
    assert not any("request" in name for one in asking for name in vars(one))


def test_the_storage_of_models_is_imported_without_torch_and_trusts_the_same_types() -> None:
    trusted = "from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as names; print(len(names))"
    without_torch = "import sys; from cleanlab_assets import compat; compat.import_model_storage()"
    ours = f"{without_torch}; assert 'torch' not in sys.modules; {trusted}"
    lists = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for code in (ours, trusted)
    ]

    assert int(lists[0]) > 100
    assert lists[0] == lists[1]


def test_the_adapter_for_torch_can_still_be_imported_behind_the_storage_of_models() -> None:
    compat.import_model_storage()

    assert sys.modules.get("sklearn.externals.array_api_compat.torch", "absent") is not None
