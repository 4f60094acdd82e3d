"""What commands do about killed runs: places in pools come free, left-overs go, and who waits is told for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.cli import instance as cli_instance
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.orchestration.dead_runs import PROCESS_TAG
from cleanlab_assets.processes import mark_process, this_process
from cleanlab_assets_tests.cli.conftest import FAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.processes import ProcessMark
    from cleanlab_assets_tests.cli.conftest import Home

ELSEWHERE = this_process().model_copy(update={"host": "elsewhere"})


@dg.job
def nothing() -> None:
    """A job without steps."""


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    """The instance of the home."""
    with dg.DagsterInstance.from_config(str(home.path / "dagster")) as instance:
        yield instance


def hold_place(instance: dg.DagsterInstance, process: ProcessMark) -> str:
    """Record a run of a process that holds the one place in the pool of heavy steps."""
    tags = {PROCESS_TAG: process.model_dump_json()}
    run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED, tags=tags)
    instance.event_log_storage.initialize_concurrency_limit_to_default("heavy")
    assert instance.event_log_storage.claim_concurrency_slot("heavy", run.run_id, "another_step").is_claimed
    return run.run_id


def count_holders(instance: dg.DagsterInstance) -> int:
    return len(instance.event_log_storage.get_concurrency_info("heavy").claimed_slots)


def test_a_run_of_another_machine_is_ended_on_request(home: Home, instance: dg.DagsterInstance) -> None:
    run_id = hold_place(instance, ELSEWHERE)

    ended = home.run("end-run", run_id)

    assert ended.exit_code == ExitCode.FINE, ended.stderr
    assert f"run {run_id} is marked as failed, and its places in the pools are free" in ended.stdout
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert count_holders(instance) == 0
    again = home.run("end-run", run_id)
    assert again.exit_code == ExitCode.FINE
    assert "has ended before (FAILURE)" in again.stdout


def test_a_run_at_work_is_not_ended_and_its_process_is_named(home: Home, instance: dg.DagsterInstance) -> None:
    run_id = hold_place(instance, this_process())

    refused = home.run("end-run", run_id)

    assert refused.exit_code == ExitCode.WRONG_USE
    assert f"stop process {os.getpid()} on {this_process().host} first, with: kill {os.getpid()}" in refused.stderr
    assert count_holders(instance) == 1


def test_a_run_that_nobody_knows_is_wrong_use(home: Home) -> None:
    refused = home.run("end-run", "x" * 10_000)
    assert refused.exit_code == ExitCode.WRONG_USE
    assert len(refused.stderr) < 300


def test_who_waits_for_a_place_is_told_who_holds_it_and_goes_on_when_it_is_free(
    home: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_instance, "SECONDS_UNTIL_TOLD", 0.2)
    run_id = hold_place(instance, ELSEWHERE)

    def free_place() -> None:
        while instance.event_log_storage.get_concurrency_info("heavy").pending_run_ids <= {run_id}:
            time.sleep(0.1)
        time.sleep(1)
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)

    holder = threading.Thread(target=free_place)
    holder.start()

    done = home.run("run", *FAST, "--no-datalab", "--no-prune", "--no-cleanlab")

    holder.join()
    assert done.exit_code == ExitCode.FINE, done.stderr
    told = [line for line in done.stderr.splitlines() if "waiting" in line]
    assert told, done.stderr
    assert f"for a place in the pool heavy: another_step of run {run_id}" in told[0]
    assert f"cleanlab-demo end-run {run_id}" in told[0]


def test_left_overs_are_removed_and_named(home: Home) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    left = [
        home.artifacts / "classification" / "raw_dataset" / f".digits.parquet.{process.pid}-0123abcd.part",
        home.path / "data" / "adult_income" / f".download.{process.pid}-abcd_123.part",
    ]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 7200, time.time() - 7200))

    listed = home.run("list")

    assert listed.exit_code == ExitCode.FINE
    for path in left:
        assert not path.exists()
        assert f"removed {path}, left over from a killed run" in listed.stderr


@pytest.mark.slow
def test_after_a_kill_dagsters_own_command_goes_on(home: Home, instance: dg.DagsterInstance) -> None:
    """Without a daemon nobody else would free the place of the killed run."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        killed = hold_place(instance, mark_process(process.pid))
    command = ("asset", "materialize", "-m", "cleanlab_assets.definitions", "--partition", "breast_cancer")

    result = home.run_process("dagster", *command, "--select", '+key:"classification/training_set"')
    assert result.returncode == 0, result.stderr
    heavy = "classification/embeddings,classification/neighbor_graph"
    result = home.run_process("dagster", *command, "--select", heavy)

    assert result.returncode == 0, result.stderr
    run = instance.get_run_by_id(killed)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert count_holders(instance) == 0
