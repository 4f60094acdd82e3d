"""Runs of processes that died: they are ended and give their place in the pool back; all others go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from cleanlab_assets.orchestration import dead_runs
from cleanlab_assets.orchestration.dead_runs import PROCESS_TAG, end_dead_runs, process_record, read_process
from cleanlab_assets.orchestration.pools import describe_holders
from cleanlab_assets.processes import ProcessMark, mark_process, this_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTED = dg.DagsterRunStatus.STARTED
FAILED = dg.DagsterRunStatus.FAILURE


@dg.job
def nothing() -> None:
    """A job without steps."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an instance in which nothing was run: to copy it is quicker than to make it."""
    directory = tmp_path_factory.mktemp("template")
    with dg.DagsterInstance.local_temp(str(directory)) as instance:
        instance.get_runs_count()
        instance.event_log_storage.get_concurrency_keys()
    return directory


@pytest.fixture
def instance(template: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its runs in files, with a pool of one place."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("heavy", 1)
        yield instance


@pytest.fixture(scope="module")
def dead() -> ProcessMark:
    """The mark of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return mark_process(process.pid)


@pytest.fixture
def hours_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two hours pass."""
    later = datetime.now(UTC) + timedelta(hours=2)
    monkeypatch.setattr(time, "time", later.timestamp)


def start_run(
    instance: dg.DagsterInstance,
    process: ProcessMark | None,
    *handed_out_by: int,
    status: dg.DagsterRunStatus = STARTED,
) -> str:
    """Record a run of a process, and ids of processes that Dagster's own events name."""
    tags = {} if process is None else {PROCESS_TAG: process.model_dump_json()}
    run = instance.create_run_for_job(nothing, status=status, tags=tags)
    for pid in handed_out_by:
        instance.report_engine_event("started", run, EngineEventData.in_process(pid))
    return run.run_id


def take_place(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Ask for the one place in the pool, and say whether the run got it."""
    is_claimed: bool = instance.event_log_storage.claim_concurrency_slot("heavy", run_id, "a_step").is_claimed
    return is_claimed


def read_status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_process_died_is_failed_and_gives_its_place_to_the_next(
    instance: dg.DagsterInstance, dead: ProcessMark
) -> None:
    died, waiting = start_run(instance, dead, dead.pid), start_run(instance, this_process())
    assert take_place(instance, died)
    assert not take_place(instance, waiting)

    assert end_dead_runs(instance) == [died]

    assert read_status(instance, died) == FAILED
    assert read_status(instance, waiting) == STARTED
    assert take_place(instance, waiting)
    assert end_dead_runs(instance) == [], "it is ended once"


def test_a_process_never_takes_itself_for_a_dead_one_of_the_same_id(instance: dg.DagsterInstance) -> None:
    """A container that starts again gives its first process the same small id."""
    earlier = this_process().model_copy(update={"started": this_process().started - 3600})
    died = start_run(instance, earlier)
    assert take_place(instance, died)

    assert end_dead_runs(instance) == [died]

    assert take_place(instance, start_run(instance, this_process()))


def test_after_a_new_start_of_the_machine_its_runs_are_ended(instance: dg.DagsterInstance) -> None:
    died = start_run(instance, this_process().model_copy(update={"boot": "before"}))
    assert end_dead_runs(instance) == [died]


@pytest.mark.usefixtures("hours_later")
def test_a_run_on_another_machine_goes_on(instance: dg.DagsterInstance, dead: ProcessMark) -> None:
    elsewhere = start_run(instance, dead.model_copy(update={"host": "elsewhere"}), dead.pid)
    assert end_dead_runs(instance) == []
    assert read_status(instance, elsewhere) == STARTED


def test_a_run_whose_steps_are_handed_out_by_a_living_process_goes_on(
    instance: dg.DagsterInstance, dead: ProcessMark
) -> None:
    """Where each step has a process of its own, the latest ends before the run does."""
    run = start_run(instance, dead, os.getpid())
    assert take_place(instance, run)

    assert end_dead_runs(instance) == []

    assert read_status(instance, run) == STARTED
    assert not take_place(instance, start_run(instance, this_process()))


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, STARTED])
def test_a_run_that_recorded_no_process_is_ended_after_an_hour(
    instance: dg.DagsterInstance, dead: ProcessMark, status: dg.DagsterRunStatus, request: pytest.FixtureRequest
) -> None:
    without_any = start_run(instance, None, status=status)
    of_a_dead_one = start_run(instance, None, dead.pid, status=status)
    of_a_living_one = start_run(instance, None, os.getpid(), status=status)
    done = start_run(instance, None, dead.pid, status=dg.DagsterRunStatus.SUCCESS)
    assert end_dead_runs(instance) == []

    request.getfixturevalue("hours_later")

    assert sorted(end_dead_runs(instance)) == sorted([without_any, of_a_dead_one])
    assert read_status(instance, of_a_living_one) == status
    assert read_status(instance, done) == dg.DagsterRunStatus.SUCCESS


@pytest.mark.usefixtures("hours_later")
def test_without_local_files_only_a_recorded_process_tells(dead: ProcessMark) -> None:
    with dg.DagsterInstance.ephemeral() as elsewhere:
        unknown, died = start_run(elsewhere, None, dead.pid), start_run(elsewhere, dead)

        assert end_dead_runs(elsewhere) == [died]

        assert read_status(elsewhere, unknown) == STARTED


def test_every_run_records_its_process_and_ends_dead_ones_before_it_asks_for_a_place(
    instance: dg.DagsterInstance, dead: ProcessMark
) -> None:
    """So that `dagster asset materialize` does not wait for a run that was killed, also where no daemon runs."""

    @dg.op(pool="heavy", required_resource_keys={"process"})
    def heavy() -> None: ...

    @dg.job(resource_defs={"process": process_record})
    def one_step() -> None:
        heavy()

    died = start_run(instance, dead)
    assert take_place(instance, died)

    result = one_step.execute_in_process(instance=instance)

    assert result.success
    assert read_status(instance, died) == FAILED
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert read_process(run) == this_process()


def test_a_run_that_waits_goes_on_when_the_process_it_waits_for_is_killed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_runs, "SECONDS_BETWEEN_LOOKS", 0.2)

    @dg.op(pool="heavy", required_resource_keys={"process"})
    def heavy() -> None: ...

    @dg.job(resource_defs={"process": process_record})
    def one_step() -> None:
        heavy()

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        at_work = start_run(instance, mark_process(process.pid))
        assert take_place(instance, at_work)
        timer = threading.Timer(1.0, process.kill)
        timer.start()

        result = one_step.execute_in_process(instance=instance)

    assert result.success
    assert read_status(instance, at_work) == FAILED
    assert not [thread for thread in threading.enumerate() if thread.name == "watch_for_dead_runs"]


def test_who_holds_a_place_is_named_with_what_frees_it(instance: dg.DagsterInstance, dead: ProcessMark) -> None:
    assert describe_holders(instance, "heavy") == []

    at_work = start_run(instance, this_process())
    take_place(instance, at_work)
    (told,) = describe_holders(instance, "heavy")
    assert f"a_step of run {at_work} (at work since {datetime.now(UTC).astimezone():%Y-%m-%d}" in told
    assert f"process {os.getpid()} on {this_process().host}" in told
    assert told.endswith("its place comes free when it ends")

    instance.event_log_storage.free_concurrency_slots_for_run(at_work)
    elsewhere = start_run(instance, dead.model_copy(update={"host": "elsewhere"}))
    take_place(instance, elsewhere)
    (told,) = describe_holders(instance, "heavy")
    assert f"process {dead.pid} on elsewhere" in told
    assert told.endswith(f"if that process is gone, free its place with: cleanlab-demo end-run {elsewhere}")
