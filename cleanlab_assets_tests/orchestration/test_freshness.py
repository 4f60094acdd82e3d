from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from cleanlab_assets.orchestration import freshness
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.provenance import library_versions
from cleanlab_assets.orchestration.runs import resolve_configs
from cleanlab_assets_tests.conftest import PLANTED, PLANTED_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from cleanlab_assets.orchestration.partitions import Level
    from cleanlab_assets_tests.conftest import Workbench


def _stale(bench: Workbench, level: Level, partition: str, run_config: Mapping[str, object]) -> dict[str, str]:
    configs = resolve_configs(CLASSIFICATION, run_config)
    found = find_stale_assets(bench.instance, CLASSIFICATION, level, partition, configs)
    return {key.path[-1]: reason for key, reason in found.items()}


def test_right_after_an_audit_nothing_is_stale(audited: Workbench) -> None:
    assert _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG) == {}
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {}


def test_what_was_never_made_is_stale(audited: Workbench) -> None:
    stale = _stale(audited, "model", "breast_cancer|knn", PLANTED_CONFIG)
    assert stale["predictions"] == "not materialized yet"
    assert len(stale) == 10


def test_another_setting_makes_its_asset_and_all_downstream_stale_and_says_why(audited: Workbench) -> None:
    stale = _stale(audited, "dataset", "breast_cancer", {})
    assert set(stale) == {"training_set", "neighbor_graph"}
    assert "folds 4 -> 5" in stale["training_set"]
    assert "seed 3 -> 42" in stale["training_set"]
    assert stale["neighbor_graph"] == "classification/training_set is out of date"


def test_a_setting_of_a_late_step_leaves_the_early_ones_fresh(audited: Workbench) -> None:
    config = {
        "ops": {
            **PLANTED_CONFIG["ops"],
            "classification__variant_comparison": {"config": {"primary_metric": "accuracy"}},
        }
    }
    assert set(_stale(audited, "model", PLANTED, config)) == {
        "variant_comparison",
        "retrained_model",
        "audit_facts",
        "ai_summary",
    }


def test_another_library_version_makes_results_stale(audited: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {**library_versions(), "scikit-learn": "99.0"}
    monkeypatch.setattr(freshness, "library_versions", lambda: versions)
    assert "99.0" in _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG)["raw_dataset"]


def test_a_deleted_file_and_a_new_upstream_version_make_results_stale(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    path = Path(str(workbench.latest("neighbor_graph", "breast_cancer").metadata["path"].value))
    path.unlink()
    assert _stale(workbench, "dataset", "breast_cancer", {}) == {"neighbor_graph": "its file is gone"}
    workbench.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            ["classification", "raw_dataset"],
            partition="breast_cancer",
            metadata=workbench.latest("raw_dataset", "breast_cancer").metadata,
            tags={"dagster/data_version": "another"},
        )
    )
    stale = _stale(workbench, "dataset", "breast_cancer", {})
    assert stale["raw_dataset"].endswith("was not evaluated"), "the checks belong to the materialization before"
    assert stale["training_set"] == "classification/raw_dataset is out of date"


def test_a_new_version_of_an_input_makes_a_result_stale(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    assert workbench.materialize("model", "breast_cancer|knn").success
    config = {"ops": {"classification__neighbor_graph": {"config": {"k": 5}}}}
    assert workbench.materialize("dataset", "breast_cancer", config).success
    stale = _stale(workbench, "model", "breast_cancer|knn", {})
    assert stale["datalab_issues"] == "classification/neighbor_graph has changed"
    assert "predictions" not in stale


def test_a_changed_catalogue_entry_makes_results_stale(audited: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "catalogue_hash", lambda _dataset: "another")
    stale = _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG)
    assert stale["raw_dataset"] == "the dataset's catalogue entry has changed"


def test_a_second_identical_run_does_nothing(workbench: Workbench) -> None:
    first = workbench.materialize("dataset", "breast_cancer")
    assert first.success
    assert len(first.reasons) == 3
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}
    assert len(workbench.materialize("dataset", "breast_cancer", force=True).reasons) == 3


def test_a_run_that_fails_after_a_good_one_leaves_a_partition_that_can_be_run_again(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    good = {"ops": {"classification__variant_comparison": {"config": {"compare_cleaning": False, "resamples": 100}}}}
    assert workbench.materialize("model", "breast_cancer|knn", good).success
    parameters = {"classification__predictions": {"config": {"parameters": {"n_neighbors": 1_000_000}}}}
    assert not workbench.materialize("model", "breast_cancer|knn", {"ops": {**good["ops"], **parameters}}).success

    assert "its check" in _stale(workbench, "model", "breast_cancer|knn", good)["predictions"]
    assert workbench.materialize("model", "breast_cancer|knn", good).success
    assert _stale(workbench, "model", "breast_cancer|knn", good) == {}
