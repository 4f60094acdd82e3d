"""A real daemon that launches what a schedule and the automation conditions ask for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
import pytest

from cleanlab_assets.orchestration.history import latest_provenance
from cleanlab_assets_tests.conftest import build_workbench
from cleanlab_assets_tests.web_server import PROJECT, WebServer, find_survivors, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SCHEDULE = "classification_embedded_datasets"
SENSOR = "refresh_what_changed"
AUTOMATED = {"dagster/from_automation_condition": "true"}
TRAINING_SET = dg.AssetKey(["classification", "training_set"])
PREDICTIONS = dg.AssetKey(["regression", "predictions"])
COMMANDS = Path(sys.executable).parent
WAIT_SECONDS = 200.0
"""A minute until the schedule is due, half a minute between evaluations; the rest is for a busy machine."""


@contextlib.contextmanager
def run_daemon(environment: Mapping[str, str], log: Path) -> Iterator[WebServer]:
    """Start a daemon with the code location; stop it and all that it started at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(COMMANDS / "dagster-daemon"), "run", "-w", "workspace.yaml"],
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # What is started in the background ignores SIGINT, and Dagster handles SIGTERM as it does SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
    daemon = WebServer("a daemon has no page", process, log)
    try:
        yield daemon
    finally:
        stop(daemon)


T = TypeVar("T")


def wait_for(what: str, find: Callable[[], T | None], daemon: WebServer) -> T:
    """Wait until something is found."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and daemon.process.poll() is None:
        found = find()
        if found:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"waited in vain for {what}:\n{daemon.log.read_text()[-4000:]}")


def wait_for_run(instance: dg.DagsterInstance, daemon: WebServer, tags: dict[str, str]) -> dg.DagsterRun:
    """Wait until the first run with certain tags has ended."""

    def find() -> dg.DagsterRun | None:
        runs = instance.get_runs(dg.RunsFilter(tags=tags))
        return runs[-1] if runs and runs[-1].is_finished else None

    return wait_for(f"a run with {tags}", find, daemon)


def read_cursor(instance: dg.DagsterInstance, sensor: str) -> str | None:
    """Read what a sensor remembers from its latest evaluation; None before the first."""
    (state,) = (state for state in instance.all_instigator_state() if state.name == sensor)
    data: Any = state.instigator_data
    cursor: str | None = data.cursor
    return cursor


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_schedule_audits_again_and_new_content_refreshes_what_was_made_from_it(tmp_path: Path) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    shutil.copy(PROJECT / "data" / "dagster_home" / "dagster.yaml", home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLEANLAB_DEMO_")}
    environment |= {
        "DAGSTER_HOME": str(home),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(tmp_path / "artifacts"),
        "CLEANLAB_DEMO_DATA_DIR": str(tmp_path / "data"),
        "CLEANLAB_DEMO_EMBEDDED_CRON": "* * * * *",
    }
    with dg.DagsterInstance.from_config(str(home)) as instance:
        # Two families, so that the schedule does not come again in the middle of what the conditions have to see.
        bench, other_bench = (
            build_workbench(tmp_path, instance, family) for family in ("classification", "regression")
        )
        assert bench.materialize("dataset", "breast_cancer", sample("classification", 300)).success
        assert other_bench.materialize("dataset", "diabetes", sample("regression", 300)).success
        predictions = other_bench.definitions.resolve_job_def("regression_model_level").execute_in_process(
            instance=instance, partition_key="diabetes|ridge", asset_selection=[PREDICTIONS]
        )
        assert predictions.success
        for kind, name in (("schedule", SCHEDULE), ("sensor", SENSOR)):
            switch_on = [str(COMMANDS / "dagster"), kind, "start", name, "-w", "workspace.yaml"]
            subprocess.run(switch_on, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=120)

        with run_daemon(environment, tmp_path / "daemon.log") as daemon:
            scheduled = wait_for_run(instance, daemon, {"dagster/schedule_name": SCHEDULE})
            kept = latest_provenance(instance, TRAINING_SET, "breast_cancer")
            wait_for("the first evaluation of the conditions", lambda: read_cursor(instance, SENSOR), daemon)
            before = instance.get_runs(dg.RunsFilter(tags=AUTOMATED))
            assert other_bench.materialize("dataset", "diabetes", sample("regression", 250)).success
            automated = wait_for_run(instance, daemon, AUTOMATED)

    assert scheduled.status == dg.DagsterRunStatus.SUCCESS
    assert scheduled.tags["dagster/partition"] == "breast_cancer"
    assert kept is not None
    assert kept.config["max_rows"] == 300
    assert before == [], "nothing was new"
    assert automated.status == dg.DagsterRunStatus.SUCCESS
    assert automated.tags["dagster/partition"] == "diabetes|ridge"
    assert automated.asset_selection == {PREDICTIONS}
    assert daemon.process.returncode == 0
    assert find_survivors(daemon) == []


def sample(family: str, max_rows: int) -> dict[str, Any]:
    return {"ops": {f"{family}__training_set": {"config": {"max_rows": max_rows}}}}
