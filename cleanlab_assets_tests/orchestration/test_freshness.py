from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration import freshness
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import FAMILIES
from cleanlab_assets.orchestration.freshness import find_stale_assets, find_stale_gates
from cleanlab_assets.orchestration.partitions import MODEL
from cleanlab_assets.orchestration.provenance import catalogue_hash, library_versions
from cleanlab_assets.orchestration.runs import resolve_configs
from cleanlab_assets_tests.conftest import PLANTED, PLANTED_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@pytest.mark.slow
def test_a_run_that_fails_after_a_good_one_leaves_a_partition_that_can_be_run_again(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    good = {"ops": {"classification__variant_comparison": {"config": {"compare_cleaning": False, "resamples": 100}}}}
    assert workbench.materialize("model", "breast_cancer|knn", good).success
    parameters = {"classification__predictions": {"config": {"parameters": {"n_neighbors": 1_000_000}}}}
    assert not workbench.materialize("model", "breast_cancer|knn", {"ops": {**good["ops"], **parameters}}).success

    assert "its check" in _stale(workbench, "model", "breast_cancer|knn", good)["predictions"]
    assert workbench.materialize("model", "breast_cancer|knn", good).success
    assert _stale(workbench, "model", "breast_cancer|knn", good) == {}


def _change_entry(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    changed = replace(get_dataset("breast_cancer"), **changes)  # type: ignore[arg-type]
    datasets = {**catalogue.all_datasets(), "breast_cancer": changed}
    monkeypatch.setattr(catalogue, "all_datasets", lambda: datasets)


def test_other_limits_make_only_what_tells_them_stale(audited: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    _change_entry(monkeypatch, gates=replace(get_dataset("breast_cancer").gates, outlier_rate=0.5))
    assert _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG) == {}
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {
        "datalab_report": "the dataset's title or limits have changed",
        "audit_facts": "the dataset's title or limits have changed",
        "ai_summary": "classification/audit_facts is out of date",
    }


def test_other_limits_are_judged_anew_by_the_next_run_and_by_no_other(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = workbench.materialize("dataset", "breast_cancer")
    assert {check.check: check.passed for check in first.checks}["near_duplicates_across_splits"]
    assert find_stale_gates(workbench.instance, CLASSIFICATION, "dataset", "breast_cancer") == []
    _change_entry(monkeypatch, gates=replace(get_dataset("breast_cancer").gates, near_duplicates_across_splits=-1.0))
    second = workbench.materialize("dataset", "breast_cancer")
    assert second.reasons == {}, "nothing is materialized"
    judged = {check.check: check.passed for check in second.checks}
    assert not judged["near_duplicates_across_splits"]
    assert "row_count" not in judged, "a check that no limit decides is not evaluated again"
    assert workbench.materialize("dataset", "breast_cancer").checks == ()


def test_another_severity_is_judged_anew(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    monkeypatch.setenv("CLEANLAB_DEMO_GATE_SEVERITY", "error")
    names = {key.name for key in find_stale_gates(workbench.instance, CLASSIFICATION, "dataset", "breast_cancer")}
    assert {"verified_lately", "near_duplicates_across_splits", "neighbor_recall"} <= names
    assert names.isdisjoint({"schema", "row_count", "no_row_in_both_splits"}), "blocking checks know no severity"


def test_what_orders_rows_in_time_and_parts_labels_counts_for_every_kind_of_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = [catalogue_hash("breast_cancer")]
    for changes in ({"time_column": "id"}, {"time_column": "id", "time_block": 7}, {"label_separator": "|"}):
        with monkeypatch.context() as patch:
            _change_entry(patch, **changes)
            hashes.append(catalogue_hash("breast_cancer"))
    assert len(set(hashes)) == 4


def test_a_summary_by_rules_is_stale_once_a_language_model_is_configured(
    audited: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANLAB_DEMO_OPENAI_API_KEY", "sk-test")
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {
        "ai_summary": "written by rules, a language model is configured now"
    }


def test_a_summary_that_a_language_model_failed_at_is_not_asked_for_again_and_again(
    audited: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANLAB_DEMO_OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr(freshness, "NOT_CONFIGURED", "another reason than the recorded one")
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {}


def test_a_users_own_file_of_another_content_is_read_anew(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = get_dataset("breast_cancer").files[0].name
    path = workbench.settings.data_dir / "breast_cancer" / name
    path.parent.mkdir(parents=True)
    source = resolve_source_files(get_dataset("breast_cancer"), workbench.settings.data_dir)[name]
    path.write_bytes(source.read_bytes())
    _change_entry(monkeypatch, files=(SourceFile(name=name, sha256=()),))
    monkeypatch.setenv("CLEANLAB_DEMO_DATA_DIR", str(workbench.settings.data_dir))
    assert workbench.materialize("dataset", "breast_cancer").success
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}
    before = workbench.read("raw_dataset", "breast_cancer")

    lines = path.read_text().splitlines()
    first, rest = lines[1].split(",", 1)
    path.write_text("\n".join([lines[0], f"{float(first) + 1},{rest}", *lines[2:]]) + "\n")
    outcome = workbench.materialize("dataset", "breast_cancer")

    reasons = {key.path[-1]: reason for key, reason in outcome.reasons.items()}
    assert reasons["raw_dataset"] == f"{name} has another content"
    assert set(reasons) == {"raw_dataset", "training_set", "neighbor_graph"}
    after = workbench.read("raw_dataset", "breast_cancer")
    assert after.iloc[0, 1] == before.iloc[0, 1] + 1
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}


def test_the_report_of_every_family_is_stale_under_other_limits() -> None:
    names = {key.path[-1] for family in FAMILIES for key in family.asset_keys(MODEL)}
    assert {name for name in names if name.endswith("_report")} <= set(freshness._TELLING)
