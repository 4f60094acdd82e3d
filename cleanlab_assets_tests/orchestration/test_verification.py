"""A stored file is believed only where it is the result that the instance records."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from upath import UPath

from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.runs import resolve_configs
from cleanlab_assets.orchestration.storage import ArtifactFormatError
from cleanlab_assets.orchestration.verification import find_damage, find_faults
from cleanlab_assets_tests.conftest import build_workbench, open_instance
from cleanlab_assets_tests.orchestration.chains import mark_slow
from cleanlab_assets_tests.orchestration.test_chain import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets_tests.conftest import Workbench
    from cleanlab_assets_tests.orchestration.chains import Audits

OF_ANOTHER_RUN = "holds the result of another run than the instance records"


@pytest.mark.parametrize("family", mark_slow(NAMES, but="classification"))
def test_every_result_of_a_chain_is_found_as_recorded_and_damage_to_any_is_seen(
    audits: Audits, family: str, tmp_path: Path
) -> None:
    chain = audits[family]
    others = {step.storage: step for step in reversed(chain.steps)}
    for step in chain.steps:
        path = Path(str(chain.latest(step.name).metadata["path"].value))
        recorded = chain.provenance(step.name)
        for recorded_at in (0.0, time.time()):
            assert find_damage(UPath(path), step, recorded, recorded_at=recorded_at) is None, step.name

        copy = tmp_path / path.name
        content = path.read_bytes()
        for damaged in (content[: len(content) // 2], b"", b"\xff" * 100):
            copy.write_bytes(damaged)
            fault = find_damage(UPath(copy), step, recorded, recorded_at=time.time() + 60)
            assert fault is not None, step.name
            assert fault.startswith("is damaged ("), step.name
            assert "\n" not in fault
        copy.unlink()
        assert find_damage(UPath(copy), step, recorded, recorded_at=time.time() + 60) == "is gone"
        other = others[step.storage]
        if other is not step:
            at = str(chain.latest(other.name).metadata["path"].value)
            assert find_damage(UPath(at), step, recorded, recorded_at=0) == OF_ANOTHER_RUN, step.name


@pytest.fixture
def two_datasets(tmp_path: Path) -> Iterator[Workbench]:
    """A workbench where the training sets of two datasets are made."""
    with open_instance(tmp_path / "dagster") as instance:
        bench = build_workbench(tmp_path, instance)
        for dataset in ("breast_cancer", "digits"):
            assert bench.materialize(DATASET, dataset).success
        yield bench


def place(bench: Workbench, asset: str, partition: str) -> Path:
    return Path(str(bench.latest(asset, partition).metadata["path"].value))


def test_a_file_of_another_partition_is_no_result_and_a_run_makes_it_anew(two_datasets: Workbench) -> None:
    bench = two_datasets
    stored = place(bench, "training_set", "breast_cancer")
    shutil.copy(place(bench, "training_set", "digits"), stored)

    configs = resolve_configs(bench.family, {})
    stale = find_stale_assets(bench.instance, bench.family, DATASET, "breast_cancer", configs, bench.settings)
    assert stale[bench.family.key("training_set")] == f"its file {OF_ANOTHER_RUN}"
    faults = find_faults(bench.instance, bench.family, {DATASET: "breast_cancer"}, bench.settings.artifacts_dir)
    assert faults == [f"{stored} {OF_ANOTHER_RUN}: make it anew with: cleanlab-demo run -d breast_cancer"]

    job = bench.definitions.resolve_job_def(bench.family.job_name(DATASET))
    selection = [bench.family.key("neighbor_graph")]
    blind = job.execute_in_process(
        instance=bench.instance, partition_key="breast_cancer", asset_selection=selection, raise_on_error=False
    )
    assert not blind.success, "a program of Dagster does not look whether its inputs are fresh, but reads them"
    error = next(event.step_failure_data.error for event in blind.all_events if event.is_step_failure)
    assert error is not None
    assert error.cause is not None
    assert f"{stored} {OF_ANOTHER_RUN}" in error.cause.message

    assert bench.materialize(DATASET, "breast_cancer").success
    assert find_faults(bench.instance, bench.family, {DATASET: "breast_cancer"}, bench.settings.artifacts_dir) == []
    assert bench.result("training_set", "breast_cancer").origin.partition == "breast_cancer"


def test_a_file_in_another_artifacts_directory_is_no_result(two_datasets: Workbench, tmp_path: Path) -> None:
    """What reads it next would look for it in the present one."""
    bench = two_datasets
    elsewhere = bench.settings.model_copy(update={"artifacts_dir": str(tmp_path / "elsewhere")})
    told = f"is not in {tmp_path / 'elsewhere'}, where artifacts are kept now"

    stale = find_stale_assets(bench.instance, bench.family, DATASET, "digits", {}, elsewhere)
    faults = find_faults(bench.instance, bench.family, {DATASET: "digits"}, elsewhere.artifacts_dir)

    assert stale[bench.family.key("raw_dataset")] == f"its file {told}"
    assert (
        faults[0] == f"{place(bench, 'raw_dataset', 'digits')} {told}: make it anew with: cleanlab-demo run -d digits"
    )
    assert len(faults) == len(bench.family.steps[DATASET])


def test_a_model_that_was_never_audited_has_no_faults(two_datasets: Workbench) -> None:
    assert (
        find_faults(
            two_datasets.instance, two_datasets.family, {MODEL: "digits|knn"}, two_datasets.settings.artifacts_dir
        )
        == []
    )


def test_a_table_of_which_a_byte_is_damaged_is_refused_or_read_as_it_was(two_datasets: Workbench) -> None:
    stored = place(two_datasets, "training_set", "digits")
    expected, content = two_datasets.read("training_set", "digits"), stored.read_bytes()
    places = range(4, len(content) - 8, len(content) // 40)

    def read_with_damage(place: int) -> pd.DataFrame | str:
        stored.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            table: pd.DataFrame = two_datasets.read("training_set", "digits")
        except ArtifactFormatError as error:
            return str(error)
        return table

    found = [read_with_damage(place) for place in places]
    refusals = [text for text in found if isinstance(text, str)]
    assert len(refusals) > len(found) / 2
    assert all(text.startswith(f"{stored} is no result of training_set") for text in refusals)
    for table in found:
        if not isinstance(table, str):
            pd.testing.assert_frame_equal(table, expected)


def test_a_table_that_is_damaged_deep_inside_is_made_anew_by_the_next_run(two_datasets: Workbench) -> None:
    """Its head, which says where it came from, is whole: only that it was written to since tells to read it all."""
    bench = two_datasets
    stored = place(bench, "training_set", "digits")
    expected, content = bench.read("training_set", "digits"), stored.read_bytes()
    at = len(content) // 2
    stored.write_bytes(content[:at] + bytes(255 - byte for byte in content[at : at + 8]) + content[at + 8 :])

    outcome = bench.materialize(DATASET, "digits")

    assert outcome.success, outcome.error
    assert "its file is damaged" in outcome.reasons[bench.family.key("training_set")]
    pd.testing.assert_frame_equal(bench.read("training_set", "digits"), expected)
    assert bench.materialize(DATASET, "digits").reasons == {}


def test_json_that_was_tampered_with_is_one_line(audits: Audits, tmp_path: Path) -> None:
    chain = audits["classification"]
    step = chain.bench.family.step("audit_facts")
    path = Path(str(chain.latest(step.name).metadata["path"].value))
    stored = json.loads(path.read_bytes())
    for damaged in ('{"provenance": 5}', "[]", "null", json.dumps({**stored, "provenance": None}), "[" * 200_000):
        copy = tmp_path / path.name
        copy.write_text(damaged)
        fault = find_damage(UPath(copy), step, chain.provenance(step.name), recorded_at=time.time() + 60)
        assert fault is not None
        assert fault.startswith("is damaged (")
