from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest
from pydantic import SecretStr

from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.families.audit_facts import AUDIT_FACTS
from cleanlab_assets.families.raw_dataset import SOURCES
from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL, StepContext
from cleanlab_assets.families.tables.training_set import make_training_set
from cleanlab_assets.methods.provenance import (
    PROVENANCE,
    catalogue_hash,
    display_hash,
    hash_result,
    library_versions,
)
from cleanlab_assets.methods.result import Provenance
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration import freshness
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.freshness import (
    NOT_COMPARED,
    find_absent_models,
    find_stale_assets,
    find_stale_gates,
)
from cleanlab_assets.orchestration.history import read_data_version
from cleanlab_assets.orchestration.issue_changes import BASE
from cleanlab_assets.orchestration.partitions import Partition, upstream_partitions
from cleanlab_assets.orchestration.reviews import LAST_ENTRY
from cleanlab_assets.orchestration.runs import resolve_configs
from cleanlab_assets.settings import Settings
from cleanlab_assets_tests.orchestration.chains import AUDITS, PLANTED, PLANTED_CONFIG, few_scenes, mark_slow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.step import Level, Step
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets_tests.conftest import Workbench
    from cleanlab_assets_tests.orchestration.chains import Audits

OF_OPINIONS = {"second_opinion", "opinion_agreement"}


def _stale(
    bench: Workbench, level: Level, partition: str, run_config: Mapping[str, object], **settings: object
) -> dict[str, str]:
    configs = resolve_configs(bench.family, run_config)
    other = bench.settings.model_copy(update=settings)
    found = find_stale_assets(bench.instance, bench.family, level, partition, configs, other)
    return {key.path[-1]: reason for key, reason in found.items()}


def test_right_after_an_audit_nothing_is_stale(audited: Workbench) -> None:
    assert _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG) == {}
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {}


def test_what_was_never_made_is_stale(audited: Workbench) -> None:
    stale = _stale(audited, "model", "breast_cancer|knn", PLANTED_CONFIG)
    assert stale["predictions"] == "not materialized yet"
    assert set(stale) == {step.name for step in audited.family.steps[MODEL]}


def test_another_setting_makes_its_asset_and_all_downstream_stale_and_says_why(audited: Workbench) -> None:
    stale = _stale(audited, "dataset", "breast_cancer", {})
    assert set(stale) == {"training_set", "embeddings", "neighbor_graph"}
    assert "folds 3 -> 5" in stale["training_set"]
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
    monkeypatch.setattr(freshness, "library_versions", lambda _others: versions)
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


@pytest.mark.slow
def test_a_new_version_of_an_input_makes_a_result_stale(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    assert workbench.materialize("model", "breast_cancer|knn").success
    config = {"ops": {"classification__neighbor_graph": {"config": {"k": 5}}}}
    assert workbench.materialize("dataset", "breast_cancer", config).success
    stale = _stale(workbench, "model", "breast_cancer|knn", {})
    assert stale["datalab_issues"] == "classification/neighbor_graph has changed"
    assert "predictions" not in stale


@pytest.mark.slow
def test_a_second_identical_run_does_nothing(workbench: Workbench) -> None:
    first = workbench.materialize("dataset", "breast_cancer")
    assert first.success
    steps = workbench.family.steps[DATASET]
    assert {key.path[-1] for key in first.reasons} == {step.name for step in steps}
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}
    assert workbench.materialize("dataset", "breast_cancer", force=True).reasons.keys() == first.reasons.keys()


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


def _change_entry(monkeypatch: pytest.MonkeyPatch, dataset: str, **changes: Any) -> None:
    datasets = {**catalogue.all_datasets(), dataset: replace(get_dataset(dataset), **changes)}
    monkeypatch.setattr(catalogue, "all_datasets", lambda: datasets)


def test_other_limits_make_only_what_tells_them_stale(audited: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    _change_entry(monkeypatch, "breast_cancer", gates=replace(get_dataset("breast_cancer").gates, outlier_rate=0.5))
    assert _stale(audited, "dataset", "breast_cancer", PLANTED_CONFIG) == {}
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG) == {
        "datalab_report": "the dataset's texts or limits have changed",
        "audit_facts": "the dataset's texts or limits have changed",
        "ai_summary": "classification/audit_facts is out of date",
        "review_report": "the dataset's texts or limits have changed",
        "second_opinion": "the dataset's texts or limits have changed",
        "opinion_agreement": "classification/second_opinion is out of date",
    }


@pytest.mark.slow
def test_other_limits_are_judged_anew_by_the_next_run_and_by_no_other(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = workbench.materialize("dataset", "breast_cancer")
    assert {check.check: check.passed for check in first.checks}["near_duplicates_across_splits"]
    assert find_stale_gates(workbench.instance, workbench.family, "dataset", "breast_cancer", workbench.settings) == []
    _change_entry(
        monkeypatch,
        "breast_cancer",
        gates=replace(get_dataset("breast_cancer").gates, near_duplicates_across_splits=-1.0),
    )
    second = workbench.materialize("dataset", "breast_cancer")
    assert second.reasons == {}, "nothing is materialized"
    judged = {check.check: check.passed for check in second.checks}
    assert not judged["near_duplicates_across_splits"]
    assert "row_count" not in judged, "a check that no limit decides is not evaluated again"
    assert workbench.materialize("dataset", "breast_cancer").checks == ()


@pytest.mark.slow
def test_another_severity_is_judged_anew(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    strict = workbench.settings.model_copy(update={"gate_severity": "error"})
    stale = find_stale_gates(workbench.instance, workbench.family, "dataset", "breast_cancer", strict)
    names = {key.name for key in stale}
    assert {"verified_lately", "near_duplicates_across_splits", "neighbor_recall"} <= names
    assert names.isdisjoint({"schema", "row_count", "no_row_in_both_splits"}), "blocking checks know no severity"


def test_what_orders_rows_in_time_and_parts_labels_counts_for_every_kind_of_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = [catalogue_hash(get_dataset("breast_cancer"))]
    for changes in ({"time_column": "id"}, {"time_column": "id", "time_block": 7}, {"label_separator": "|"}):
        with monkeypatch.context() as patch:
            _change_entry(patch, "breast_cancer", **changes)
            hashes.append(catalogue_hash(get_dataset("breast_cancer")))
    assert len(set(hashes)) == 4


KEY = SecretStr("sk-test")


def test_a_summary_by_rules_is_stale_once_a_language_model_is_configured(audited: Workbench) -> None:
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG, openai_api_key=KEY) == {
        "ai_summary": "written by rules, a language model is configured now"
    }


def test_a_summary_that_a_language_model_failed_at_is_not_asked_for_again_and_again(
    audited: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "NOT_CONFIGURED", "another reason than the recorded one")
    assert _stale(audited, "model", PLANTED, PLANTED_CONFIG, openai_api_key=KEY) == {}


@pytest.mark.slow
def test_a_users_own_file_of_another_content_is_read_anew(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = get_dataset("breast_cancer").files[0].name
    path = workbench.settings.data_dir / "breast_cancer" / name
    path.parent.mkdir(parents=True)
    source = resolve_source_files(get_dataset("breast_cancer"), workbench.settings.data_dir)[name]
    path.write_bytes(source.read_bytes())
    _change_entry(monkeypatch, "breast_cancer", files=(SourceFile(name=name, sha256=()),))
    assert workbench.materialize("dataset", "breast_cancer").success
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}
    before = workbench.read("raw_dataset", "breast_cancer")

    lines = path.read_text().splitlines()
    first, rest = lines[1].split(",", 1)
    path.write_text("\n".join([lines[0], f"{float(first) + 1},{rest}", *lines[2:]]) + "\n")
    outcome = workbench.materialize("dataset", "breast_cancer")

    reasons = {key.path[-1]: reason for key, reason in outcome.reasons.items()}
    assert reasons["raw_dataset"] == f"{name} has changed"
    reread = {"raw_dataset", "corrections", "corrected_dataset", "training_set", "embeddings", "neighbor_graph"}
    assert set(reasons) == reread
    after = workbench.read("raw_dataset", "breast_cancer")
    assert after.iloc[0, 1] == before.iloc[0, 1] + 1
    assert workbench.materialize("dataset", "breast_cancer").reasons == {}


SETTINGS = Settings(_env_file=None)


@dataclass(frozen=True)
class Recorded:
    """A family whose steps nobody ran: what a materialization records is recorded, with no checks."""

    family: Family
    instance: dg.DagsterInstance
    dataset: str
    file: Path
    """A file that is there, which every result is said to lie in."""

    @property
    def partitions(self) -> dict[Level, str]:
        model = str(Partition(self.dataset, self.family.task.default_model))
        return {DATASET: self.dataset, MODEL: model, COMPARISON: self.dataset}

    def record_all(self) -> None:
        for level in self.partitions:
            absent = (
                find_absent_models(self.instance, self.family, self.dataset, SETTINGS) if level == COMPARISON else {}
            )
            for item in self.family.steps[level]:
                self.record(item, {model: list(reason) for model, reason in absent.items()})

    def record(self, item: Step, absent: Mapping[str, list[str]]) -> None:
        key, partition, dataset = self.family.key(item.name), self.partitions[item.level], get_dataset(self.dataset)
        provenance = Provenance(
            asset=key.to_user_string(),
            partition=partition,
            code_version=item.code_version,
            run_id="",
            config={},
            inputs={self.family.key(name).to_user_string(): self.read_version(item, name) for name in item.inputs},
            catalogue_hash=catalogue_hash(dataset),
            display_hash=display_hash(dataset),
            data_hash="a version",
            versions=library_versions(self.family.task.libraries_of(Partition.parse(partition).model)),
            started="",
            seconds=0.0,
        )
        metadata: dict[str, Any] = {
            "path": str(self.file),
            PROVENANCE: dg.MetadataValue.json(provenance.model_dump(mode="json")),
            SOURCES: dg.MetadataValue.json({}),
            LAST_ENTRY: dg.MetadataValue.int(0),
            BASE: dg.MetadataValue.int(0),
            NOT_COMPARED: dg.MetadataValue.json(absent),
        }
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                key, partition=partition, metadata=metadata, tags={"dagster/data_version": provenance.data_hash}
            )
        )

    def read_version(self, reader: Step, upstream: str) -> str:
        level = self.family.step(upstream).level
        partitions = upstream_partitions(self.family.name, level, self.partitions[reader.level])
        return read_data_version(self.instance, self.family.key(upstream), partitions)

    def find_stale(self) -> dict[Level, dict[str, str]]:
        return {
            level: {
                key.path[-1]: reason
                for key, reason in find_stale_assets(self.instance, self.family, level, partition, {}, SETTINGS).items()
            }
            for level, partition in self.partitions.items()
        }


TEXTS = ("title", "description", "homepage", "licence", "citation")
TOLD = "the dataset's texts or limits have changed"


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, id=family.name, marks=() if family.name == "classification" else pytest.mark.slow)
        for family in all_families()
    ],
)
def test_what_an_edit_of_the_catalogue_makes_stale_follows_from_what_the_steps_declare(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit of texts or limits: what shows them and what is made from it. An edit of the data: the whole chain."""
    dataset = next(iter(catalogue.datasets_of(family.name)))
    file = tmp_path / "result"
    monkeypatch.setattr(freshness, "find_fault", lambda *_: None)  # results are recorded here and not stored
    with dg.DagsterInstance.ephemeral() as instance:
        chain = Recorded(replace(family, checks=()), instance, dataset, file)
        chain.record_all()
        at_rest = chain.find_stale()
        seen = []
        for changes in (
            dict.fromkeys(TEXTS, "Another text"),
            {"gates": replace(get_dataset(dataset).gates, label_issue_rate=0.99)},
            {"label": "another column"},
        ):
            with monkeypatch.context() as patch:
                _change_entry(patch, dataset, **changes)
                seen.append(chain.find_stale())

    of_texts, of_limits, of_data = seen
    assert at_rest == {DATASET: {}, MODEL: {}, COMPARISON: {}}
    assert of_texts == of_limits
    assert of_texts[DATASET] == {}
    assert {name for name, reason in of_texts[MODEL].items() if reason == TOLD} == {
        item.name for item in family.steps[MODEL] if item.shows_catalogue
    }
    assert set(of_texts[MODEL]) == {
        key.path[-1]
        for item in family.steps[MODEL]
        if item.shows_catalogue
        for key in family.downstream_of(item.name, MODEL)
    }
    assert {AUDIT_FACTS, family.task.report_asset} <= set(of_texts[MODEL])
    assert of_texts[COMPARISON]["model_comparison"] == TOLD
    for stale in (of_texts[COMPARISON], of_data[DATASET], of_data[MODEL], of_data[COMPARISON]):
        (level,) = {family.step(name).level for name in stale}
        assert set(stale) == {item.name for item in family.steps[level]}
    assert of_data[DATASET]["raw_dataset"] == "the dataset's catalogue entry has changed"


@pytest.mark.parametrize("family", mark_slow(AUDITS, but="classification"))
def test_the_steps_that_show_texts_or_limits_are_those_that_say_so(audits: Audits, family: str) -> None:
    """Every step runs again on the stored results under other texts and limits: nothing else changes its result.

    The licence is also on the card of the final model, which is not fitted anew for it.
    """
    bench, partition = audits[family].bench, AUDITS[family].partitions[MODEL]
    with few_scenes():
        entry = get_dataset(Partition.parse(partition).dataset)
        gates = replace(entry.gates, **{name: limit / 2 for name, limit in asdict(entry.gates).items()})
        texts: dict[str, Any] = {text: f"Another {text}" for text in TEXTS if text != "licence"}
        # These need Dagster for their keys and the ledger; only what a language model is shown has texts of the entry.
        others = {"ai_summary", "corrections", "issue_changes", "review_statistics", *OF_OPINIONS}
        changed = {
            item.name
            for level in (DATASET, MODEL)
            for item in bench.family.steps[level]
            if item.name not in others
            if _run_again(bench, item, partition, replace(entry, gates=gates, **texts))
            != bench.provenance(item.name, _partition_of(item, partition)).data_hash
        }
    assert changed == {item.name for item in bench.family.steps[MODEL] if item.shows_catalogue} - OF_OPINIONS


def _partition_of(item: Step, partition: str) -> str:
    return partition if item.level == MODEL else Partition.parse(partition).dataset


def _run_again(bench: Workbench, item: Step, partition: str, dataset: Dataset) -> str:
    """Run a step on the stored results of its inputs, with the settings of its own, and return the data version."""
    config = bench.provenance(item.name, _partition_of(item, partition)).config
    context = StepContext(
        family=bench.family.name,
        dataset=dataset,
        model=Partition.parse(partition).model if item.level == MODEL else "",
        data_dir=bench.settings.data_dir,
        reserved_columns=frozenset(bench.family.task.columns),
    )
    inputs: dict[str, object] = {
        name: bench.result(name, _partition_of(bench.family.step(name), partition)) for name in item.inputs
    }
    if item.settings is not None:
        inputs["settings"] = item.settings(**config)
    return hash_result(item.run(context, **inputs), config)


def test_a_fact_that_changes_alone_is_another_version_and_makes_what_reads_it_stale(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    before = workbench.result("training_set", "breast_cancer")

    def make_other(*arguments: Any, **settings: Any) -> Result[Any, Any]:
        made = make_training_set(*arguments, **settings)
        return replace(made, facts=made.facts.model_copy(update={"seed": 99}))

    with monkeypatch.context() as patch:
        patch.setattr("cleanlab_assets.families.classification.training_set.make_training_set", make_other)
        job = workbench.definitions.resolve_job_def(workbench.family.job_name(DATASET))
        assert job.execute_in_process(
            instance=workbench.instance,
            partition_key="breast_cancer",
            asset_selection=[workbench.family.key("training_set")],
        ).success

    after = workbench.result("training_set", "breast_cancer")
    pd.testing.assert_frame_equal(after.value, before.value)
    assert after.origin.config == before.origin.config
    assert after.facts == before.facts.model_copy(update={"seed": 99})
    assert after.origin.data_hash != before.origin.data_hash
    assert read_data_version(
        workbench.instance, workbench.family.key("training_set"), ["breast_cancer"]
    ) == hash_result(after, after.origin.config)
    assert _stale(workbench, "dataset", "breast_cancer", {}) == {
        "embeddings": "classification/training_set has changed",
        "neighbor_graph": "classification/training_set has changed",
    }


@pytest.mark.slow
def test_the_same_audit_again_has_equal_results_and_versions_though_it_takes_another_time(
    workbench: Workbench,
) -> None:
    config = {"ops": {"classification__variant_comparison": {"config": {"resamples": 100}}}}
    steps = [item for level in (DATASET, MODEL) for item in workbench.family.steps[level]]

    def audit() -> dict[str, Result[Any, Any]]:
        assert workbench.materialize("dataset", "breast_cancer", config, force=True).success
        assert workbench.materialize("model", PLANTED, config, force=True).success
        return {item.name: workbench.result(item.name, _partition_of(item, PLANTED)) for item in steps}

    first, second = audit(), audit()

    assert first["predictions"].origin.durations != second["predictions"].origin.durations
    for item in steps:
        one, other = first[item.name], second[item.name]
        assert one.origin.run_id != other.origin.run_id, item.name
        assert one.facts == other.facts, item.name
        if item.storage == "html":  # a page says when the issues that it shows were found
            assert _without_times(one.value, first) == _without_times(other.value, second)
            continue
        assert one.origin.data_hash == other.origin.data_hash, item.name
        if item.storage == "parquet":
            pd.testing.assert_frame_equal(one.value, other.value)
        elif item.storage == "json":
            assert _without_durations(one.value) == _without_durations(other.value), item.name
        else:
            assert {**one.value.card, PROVENANCE: None} == {**other.value.card, PROVENANCE: None}


def _without_durations(value: BaseModel) -> str:
    return re.sub(r'"fit_seconds":[^,}]+', '"fit_seconds":0', value.model_dump_json())


def _without_times(page: str, results: Mapping[str, Result[Any, Any]]) -> str:
    for time in {result.origin.started for result in results.values()}:
        page = page.replace(time, "then")
    return page
