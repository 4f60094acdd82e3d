from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.families import raw_dataset
from cleanlab_assets.orchestration.history import (
    NO_VERSION,
    find_failure,
    latest_materialization,
    latest_provenance,
    read_data_version,
)
from cleanlab_assets_tests.orchestration.chains import PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets_tests.conftest import Workbench

LABEL_ISSUES = dg.AssetKey(["classification", "label_issues"])
MODELS = ["digits|knn", "digits|random_forest"]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def record(instance: dg.DagsterInstance, partition: str, version: str | None) -> None:
    tags = {} if version is None else {"dagster/data_version": version}
    instance.report_runless_asset_event(dg.AssetMaterialization(LABEL_ISSUES, partition=partition, tags=tags))


FACTS = dg.AssetKey(["classification", "audit_facts"])
TRAINING_SET = dg.AssetKey(["classification", "training_set"])


def test_the_version_of_one_partition_is_that_of_its_latest_materialization(instance: dg.DagsterInstance) -> None:
    record(instance, MODELS[0], "first")
    record(instance, MODELS[0], "second")
    record(instance, MODELS[1], "of another partition")

    assert read_data_version(instance, LABEL_ISSUES, MODELS[:1]) == "second"


def test_a_version_that_was_not_recorded_is_said_to_be_so(instance: dg.DagsterInstance) -> None:
    never_made = read_data_version(instance, LABEL_ISSUES, MODELS[:1])
    record(instance, MODELS[0], None)

    assert never_made == NO_VERSION
    assert read_data_version(instance, LABEL_ISSUES, MODELS[:1]) == NO_VERSION


def test_the_version_of_several_partitions_changes_with_each_of_them_and_not_with_their_order(
    instance: dg.DagsterInstance,
) -> None:
    seen = [read_data_version(instance, LABEL_ISSUES, MODELS)]
    for partition, version in ((MODELS[0], "1"), (MODELS[1], "1"), (MODELS[0], "2"), (MODELS[1], "2")):
        record(instance, partition, version)
        seen.append(read_data_version(instance, LABEL_ISSUES, MODELS))
    record(instance, "digits|extra_trees", "1")

    assert len(set(seen)) == len(seen)
    assert read_data_version(instance, LABEL_ISSUES, MODELS[::-1]) == seen[-1]
    record(instance, MODELS[0], "2")
    assert read_data_version(instance, LABEL_ISSUES, MODELS) == seen[-1], "the same content, materialized again"


def test_a_model_that_was_never_made_does_not_count_among_several(instance: dg.DagsterInstance) -> None:
    record(instance, MODELS[0], "1")
    without = read_data_version(instance, LABEL_ISSUES, MODELS)

    assert read_data_version(instance, LABEL_ISSUES, [*MODELS, "digits|a_model_of_a_later_version"]) == without


def test_a_partition_that_was_never_made_has_no_materialization_and_no_provenance(instance: dg.DagsterInstance) -> None:
    assert latest_materialization(instance, LABEL_ISSUES, MODELS[0]) is None
    assert latest_provenance(instance, LABEL_ISSUES, MODELS[0]) is None


def test_a_materialization_without_provenance_is_no_error(instance: dg.DagsterInstance) -> None:
    record(instance, MODELS[0], "1")

    assert latest_provenance(instance, LABEL_ISSUES, MODELS[0]) is None


def test_the_recorded_inputs_of_a_result_are_the_versions_that_it_read(audited: Workbench) -> None:
    found = latest_provenance(audited.instance, LABEL_ISSUES, PLANTED)

    assert found is not None
    for name, partition in (("training_set", "breast_cancer"), ("predictions", PLANTED)):
        key = dg.AssetKey(["classification", name])
        assert found.inputs[key.to_user_string()] == read_data_version(audited.instance, key, [partition])


def test_a_partition_whose_latest_run_succeeded_has_no_failure(audited: Workbench) -> None:
    assert find_failure(audited.instance, FACTS, PLANTED) is None
    assert find_failure(audited.instance, FACTS, "breast_cancer|knn") is None, "it never ran"


def test_a_failure_is_told_in_one_line_until_the_partition_succeeds(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full\nand so on")

    with monkeypatch.context() as broken:
        broken.setattr(raw_dataset, "resolve_source_files", fail)
        assert not workbench.materialize("dataset", "breast_cancer").success
    failed = find_failure(workbench.instance, TRAINING_SET, "breast_cancer")
    elsewhere = [
        find_failure(workbench.instance, dg.AssetKey(["regression", "training_set"]), "breast_cancer"),
        find_failure(workbench.instance, TRAINING_SET, "digits"),
    ]
    assert workbench.materialize("dataset", "breast_cancer").success

    assert failed == "classification__raw_dataset: OSError: the disk is full"
    assert elsewhere == [None, None]
    assert find_failure(workbench.instance, TRAINING_SET, "breast_cancer") is None
