"""Runs of processes that died: they are ended and give their place in the pool back; all others go on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from cleanlab_assets.orchestration.dead_runs import end_dead_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALIVE = os.getpid()


@dg.job
def nothing() -> None:
    """A job without steps."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its runs in files, with a pool of one place."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.event_log_storage.set_concurrency_slots("heavy", 1)
        yield instance


@pytest.fixture(scope="module")
def dead() -> int:
    """Id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def start_run(
    instance: dg.DagsterInstance, *processes: int, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> str:
    """Record a run of processes."""
    run = instance.create_run_for_job(nothing, status=status)
    for process in processes:
        instance.report_engine_event("started", run, EngineEventData.in_process(process))
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
    instance: dg.DagsterInstance, dead: int
) -> None:
    died, waiting = start_run(instance, dead), start_run(instance, ALIVE)
    assert take_place(instance, died)
    assert not take_place(instance, waiting)

    assert end_dead_runs(instance) == [died]

    assert read_status(instance, died) == dg.DagsterRunStatus.FAILURE
    assert read_status(instance, waiting) == dg.DagsterRunStatus.STARTED
    assert take_place(instance, waiting)
    assert end_dead_runs(instance) == [], "it is ended once"


def test_a_run_of_which_one_process_lives_goes_on(instance: dg.DagsterInstance, dead: int) -> None:
    """A run with a process for each step lives as long as one of them."""
    run = start_run(instance, dead, ALIVE)
    assert take_place(instance, run)

    assert end_dead_runs(instance) == []

    assert read_status(instance, run) == dg.DagsterRunStatus.STARTED
    assert not take_place(instance, start_run(instance, ALIVE))


def test_a_run_of_unknown_process_and_one_that_has_ended_stay_as_they_are(
    instance: dg.DagsterInstance, dead: int
) -> None:
    unknown = start_run(instance)
    done = start_run(instance, dead, status=dg.DagsterRunStatus.SUCCESS)

    assert end_dead_runs(instance) == []

    assert read_status(instance, unknown) == dg.DagsterRunStatus.STARTED
    assert read_status(instance, done) == dg.DagsterRunStatus.SUCCESS


def test_runs_that_are_not_kept_in_local_files_are_left_alone(dead: int) -> None:
    with dg.DagsterInstance.ephemeral() as elsewhere:
        run = start_run(elsewhere, dead)

        assert end_dead_runs(elsewhere) == []

        assert read_status(elsewhere, run) == dg.DagsterRunStatus.STARTED
