"""Schedules, the sensor of source files, kept settings, retried downloads, freshness and the pool: without a daemon."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml

from cleanlab_assets.datasets.dataset import Dataset, Location, SourceFile
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.families.raw_dataset import MAXIMUM_AGE
from cleanlab_assets.families.registry import FAMILIES as TASKS
from cleanlab_assets.families.step import DATASET, Step
from cleanlab_assets.methods.provenance import PROVENANCE
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration import raw_dataset_checks
from cleanlab_assets.orchestration.assets import KEEP_SETTINGS_TAG, build_asset
from cleanlab_assets.orchestration.automation import build_schedules, build_source_file_sensor
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.history import find_failure, latest_provenance, read_data_version
from cleanlab_assets.orchestration.runs import evaluate_checks
from cleanlab_assets.orchestration.storage import build_io_managers
from cleanlab_assets_tests.datasets.source_server import Reply, SourceServer, run_source_server
from cleanlab_assets_tests.web_server import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets_tests.conftest import Workbench

FAMILIES = all_families()
TRAINING_SET = dg.AssetKey(["classification", "training_set"])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with run_source_server() as running:
        yield running


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """The source file of breast_cancer."""
    (path,) = resolve_source_files(get_dataset("breast_cancer"), tmp_path).values()
    return path.read_bytes()


def serve_breast_cancer(
    monkeypatch: pytest.MonkeyPatch, content: bytes, *urls: str, families: tuple[str, ...] = ("classification",)
) -> Dataset:
    """Make the catalogue say that breast_cancer is downloaded."""
    file = SourceFile(
        name="breast_cancer.csv",
        sha256=(hashlib.sha256(content).hexdigest(),),
        locations=tuple(Location(url=url) for url in urls),
    )
    dataset = replace(get_dataset("breast_cancer"), families=families, files=(file,))
    datasets = {**catalogue.all_datasets(), dataset.name: dataset}
    monkeypatch.setattr(catalogue, "all_datasets", lambda: datasets)
    return dataset


def read_settings(bench: Workbench, asset: str, partition: str) -> dict[str, Any]:
    record = latest_provenance(bench.instance, dg.AssetKey(["classification", asset]), partition)
    assert record is not None
    return record.config


def record_settings(bench: Workbench, asset: str, partition: str, **changes: object) -> None:
    """Pretend that the latest materialization had other settings, as one by an older version may have."""
    latest = bench.latest(asset, partition)
    content: Any = latest.metadata[PROVENANCE].value
    changed = {**content, "config": {**content["config"], **changes}}
    bench.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            latest.asset_key,
            partition=partition,
            metadata={**latest.metadata, PROVENANCE: dg.MetadataValue.json(changed)},
            tags=latest.tags,
        )
    )


def run_unattended(bench: Workbench, *names: str, tag: str = KEEP_SETTINGS_TAG) -> dg.ExecuteInProcessResult:
    """Run assets of the dataset level of breast_cancer as a schedule, a sensor or a condition does."""
    return bench.definitions.resolve_job_def("classification_dataset_level").execute_in_process(
        instance=bench.instance,
        partition_key="breast_cancer",
        asset_selection=[dg.AssetKey(["classification", name]) for name in names],
        tags={tag: "true"},
        raise_on_error=False,
    )


def test_each_family_has_a_stopped_schedule_for_embedded_and_one_for_downloaded_datasets(workbench: Workbench) -> None:
    settings = workbench.settings.model_copy(update={"embedded_cron": "5 4 * * *", "download_cron": "6 5 * * 1"})
    schedules = {schedule.name: schedule for schedule in build_schedules(FAMILIES, settings)}

    for family in FAMILIES:
        for name, cron in (("embedded", "5 4 * * *"), ("downloaded", "6 5 * * 1")):
            schedule = schedules.pop(f"{family.name}_{name}_datasets")
            assert schedule.cron_schedule == cron
            assert schedule.execution_timezone == "UTC"
            assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
            assert schedule.job_name == family.job_name(DATASET)
    assert schedules == {}


def test_a_schedule_asks_only_for_datasets_that_were_audited_and_keeps_their_settings(
    workbench: Workbench, tmp_path: Path
) -> None:
    repository = workbench.definitions.get_repository_def()
    schedule = repository.get_schedule_def("classification_embedded_datasets")
    due = datetime(2026, 3, 1, 2, tzinfo=UTC)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:  # a schedule opens its instance by itself

        def tick() -> Any:
            return schedule.evaluate_tick(dg.build_schedule_context(instance, due, repository_def=repository))

        before = tick()
        for dataset in ("breast_cancer", "covtype"):
            instance.report_runless_asset_event(
                dg.AssetMaterialization(["classification", "raw_dataset"], partition=dataset)
            )
        (request,) = tick().run_requests or []

    assert before.run_requests == []
    assert before.skip_message == "none of breast_cancer, digit_images, digits, synthetic_messages was ever audited"
    assert request.run_key == "breast_cancer 2026-03-01T02:00:00+00:00"
    assert request.tags["dagster/partition"] == "breast_cancer"
    assert request.tags[KEEP_SETTINGS_TAG] == "true"


def look_for_changes(bench: Workbench) -> Any:
    repository = bench.definitions.get_repository_def()
    sensor = repository.get_sensor_def("changed_source_files")
    return sensor.evaluate_tick(dg.build_sensor_context(bench.instance, repository_def=repository))


def set_time(path: Path, changed: datetime) -> None:
    """Set the time of change; that of the directory entry is always now."""
    os.utime(path, (changed.timestamp(), changed.timestamp()))


@pytest.mark.slow
def test_a_changed_source_file_is_asked_for_once(
    workbench: Workbench, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = serve_breast_cancer(monkeypatch, content)
    path = workbench.settings.data_dir / dataset.name / "breast_cancer.csv"
    nothing_there = look_for_changes(workbench)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    never_audited = look_for_changes(workbench)
    assert workbench.materialize("dataset", "breast_cancer").success
    unchanged = look_for_changes(workbench)
    path.write_bytes(content)
    (changed,) = look_for_changes(workbench).run_requests or []
    (asked_again,) = look_for_changes(workbench).run_requests or []
    set_time(path, datetime.now(UTC) + timedelta(seconds=1))
    (changed_again,) = look_for_changes(workbench).run_requests or []

    for quiet in (nothing_there, never_audited, unchanged):
        assert quiet.run_requests == []
        assert quiet.skip_message == f"no source file in {workbench.settings.data_dir} is newer than its raw dataset"
    assert changed.job_name == "classification_dataset_level"
    assert changed.tags["dagster/partition"] == "breast_cancer"
    assert changed.tags[KEEP_SETTINGS_TAG] == "true"
    assert changed.run_key == asked_again.run_key, "Dagster starts one run for each key"
    assert changed_again.run_key != changed.run_key


def test_a_file_that_was_copied_with_its_old_time_counts_as_changed(
    workbench: Workbench, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = serve_breast_cancer(monkeypatch, content)
    path = workbench.settings.data_dir / dataset.name / "breast_cancer.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert workbench.materialize("dataset", "breast_cancer").success

    path.write_bytes(content)
    set_time(path, datetime(2020, 1, 1, tzinfo=UTC))

    assert len(look_for_changes(workbench).run_requests or []) == 1


def test_a_changed_file_refreshes_the_dataset_in_every_family_that_audits_it(
    workbench: Workbench, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = serve_breast_cancer(monkeypatch, content, families=tuple(family.name for family in FAMILIES))
    path = workbench.settings.data_dir / dataset.name / "breast_cancer.csv"
    for family in FAMILIES:
        workbench.instance.report_runless_asset_event(
            dg.AssetMaterialization([family.name, "raw_dataset"], partition=dataset.name)
        )
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    sensor: Any = build_source_file_sensor(FAMILIES, workbench.settings)
    requests = list(sensor(dg.build_sensor_context(workbench.instance)))

    assert [(request.job_name, request.partition_key) for request in requests] == [
        (family.job_name(DATASET), "breast_cancer") for family in FAMILIES
    ]
    assert len({request.run_key for request in requests}) == len(FAMILIES)


def test_all_sensors_are_stopped_until_they_are_switched_on(workbench: Workbench) -> None:
    sensors = workbench.definitions.get_repository_def().sensor_defs

    assert {sensor.name for sensor in sensors} == {"changed_source_files", "new_decisions", "refresh_what_changed"}
    assert all(sensor.default_status == dg.DefaultSensorStatus.STOPPED for sensor in sensors)


@pytest.mark.slow
@pytest.mark.parametrize("tag", [KEEP_SETTINGS_TAG, "dagster/from_automation_condition"])
def test_unattended_runs_keep_the_settings_of_the_last_run(workbench: Workbench, tag: str) -> None:
    config = {"ops": {"classification__training_set": {"config": {"max_rows": 300, "seed": 7}}}}
    assert workbench.materialize("dataset", "breast_cancer", config).success
    version = read_data_version(workbench.instance, TRAINING_SET, ["breast_cancer"])

    assert run_unattended(workbench, "raw_dataset", "training_set", tag=tag).success

    settings = read_settings(workbench, "training_set", "breast_cancer")
    assert (settings["max_rows"], settings["seed"]) == (300, 7)
    assert read_data_version(workbench.instance, TRAINING_SET, ["breast_cancer"]) == version


@pytest.mark.slow
def test_settings_that_a_step_has_no_longer_are_left_out_and_named(
    workbench: Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    record_settings(workbench, "training_set", "breast_cancer", seed=7, shuffle_rows=True)

    assert run_unattended(workbench, "training_set").success

    settings = read_settings(workbench, "training_set", "breast_cancer")
    assert settings["seed"] == 7
    assert "shuffle_rows" not in settings
    assert "classification/training_set has no setting shuffle_rows any more" in capsys.readouterr().err


@pytest.mark.slow
def test_a_recorded_setting_that_is_out_of_bounds_now_fails_the_step_and_is_named(workbench: Workbench) -> None:
    assert workbench.materialize("dataset", "breast_cancer").success
    record_settings(workbench, "training_set", "breast_cancer", folds=1)

    assert not run_unattended(workbench, "training_set").success

    error = find_failure(workbench.instance, dg.AssetKey(["classification", "training_set"]), "breast_cancer")
    assert error is not None
    assert "classification/training_set of breast_cancer cannot keep folds = 1 of its last run" in error


def test_of_a_failed_download_one_line_says_what_was_tried_and_where_to_put_the_file(
    workbench: Workbench, server: SourceServer, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/table.csv", Reply(status=404))
    serve_breast_cancer(monkeypatch, content, url)

    outcome = workbench.materialize("dataset", "breast_cancer")

    assert len(server.requests) == 1, "a missing file is not asked for again"
    assert outcome.error is not None
    assert "\n" not in outcome.error
    by_hand = workbench.settings.data_dir / "breast_cancer" / "breast_cancer.csv"
    for told in ("classification__raw_dataset", f"put it at {by_hand}", url, "HTTP 404"):
        assert told in outcome.error


def test_a_download_of_another_content_is_not_tried_again(
    workbench: Workbench, server: SourceServer, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_breast_cancer(monkeypatch, content, server.serve("/table.csv", Reply(body=content[:1000])))

    outcome = workbench.materialize("dataset", "breast_cancer")

    assert server.requests == ["/table.csv"]
    assert "its SHA-256 is" in (outcome.error or "")
    assert outcome.is_wrong_use


def test_an_insecure_address_is_not_tried_again(
    workbench: Workbench, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_breast_cancer(monkeypatch, content, "http://example.org/table.csv")

    outcome = workbench.materialize("dataset", "breast_cancer")

    assert "only https:// is allowed" in (outcome.error or "")
    restarts = {dg.DagsterEventType.STEP_UP_FOR_RETRY, dg.DagsterEventType.STEP_RESTARTED}
    run = workbench.instance.get_runs()[0]
    assert not any(entry.dagster_event_type in restarts for entry in workbench.instance.all_logs(run.run_id))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_raw_data_has_a_freshness_policy_that_a_missed_weekly_refresh_violates(family: Family) -> None:
    policies = {asset.key: asset.get_asset_spec().freshness_policy for asset in family.all_assets}

    policy = policies.pop(family.assets[DATASET][0].key)

    assert policy == dg.FreshnessPolicy.time_window(fail_window=MAXIMUM_AGE)
    assert timedelta(days=7) < MAXIMUM_AGE < timedelta(days=14)
    assert set(policies.values()) == {None}


@pytest.mark.slow
def test_raw_data_counts_as_verified_lately_until_it_is_too_old(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = workbench.materialize("dataset", "breast_cancer")
    monkeypatch.setattr(raw_dataset_checks, "MAXIMUM_AGE", timedelta(0))
    later = evaluate_checks(
        workbench.definitions, workbench.instance, workbench.family, "breast_cancer", "logistic_regression"
    )[0]

    (fresh,) = [check for check in now.checks if check.check == "verified_lately"]
    (old,) = [check for check in later.checks if check.check == "verified_lately"]
    assert fresh.passed
    assert not old.passed
    assert "limit 0" in old.description


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_steps_that_fit_or_search_take_turns(family: Family) -> None:
    home = yaml.safe_load((PROJECT / "data" / "dagster_home" / "dagster.yaml").read_text())
    pools = {asset.key.path[-1]: asset.op.pool for asset in family.all_assets}
    wanted = {step.name: "heavy" if step.is_heavy else None for steps in family.steps.values() for step in steps}

    assert pools == wanted
    assert {pools[name] for name in ("predictions", "variant_comparison", "retrained_model")} == {"heavy"}
    assert {pools[name] for name in ("raw_dataset", "training_set", "model_comparison")} == {None}
    assert home["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}


def test_a_heavy_step_holds_the_only_place_of_its_pool_while_it_runs(workbench: Workbench, tmp_path: Path) -> None:
    places: list[tuple[int, int]] = []

    def count_places(context: ChainContext) -> Result[str, NoFacts]:
        pool = context.dagster.instance.event_log_storage.get_concurrency_info("heavy")
        places.append((pool.active_slot_count, pool.slot_count))
        return Result(value="done", facts=NoFacts())

    heavy = Step(
        name="count_places",
        level=DATASET,
        run=count_places,
        code_version="1",
        kinds=frozenset({"html"}),
        value=str,
        storage="html",
        is_heavy=True,
    )
    asset = build_asset(TASKS[0], heavy, [], shared=[], unwatched="corrected_dataset")
    resources: dict[str, Any] = {
        "settings": workbench.settings,
        "process": None,
        "families": {},
        **build_io_managers(str(tmp_path / "artifacts"), []),
    }
    home = yaml.safe_load((PROJECT / "data" / "dagster_home" / "dagster.yaml").read_text())
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides={"concurrency": home["concurrency"]}) as instance:
        dg.materialize([asset], partition_key="digits", instance=instance, resources=resources)

    assert places == [(1, 1)]
