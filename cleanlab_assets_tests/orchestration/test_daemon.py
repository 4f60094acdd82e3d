"""A real daemon that launches what a schedule asks for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.orchestration.history import latest_provenance
from cleanlab_assets_tests.conftest import build_workbench
from cleanlab_assets_tests.web_server import PROJECT, WebServer, find_survivors, stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEDULE = "classification_embedded_datasets"
COMMANDS = Path(sys.executable).parent
RUN_SECONDS = 200.0
"""One minute until the schedule is due, and some more until the run has ended, on a busy machine."""


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


def wait_for_scheduled_run(instance: dg.DagsterInstance, daemon: WebServer) -> dg.DagsterRun:
    """Wait until the first run of the schedule has ended."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline and daemon.process.poll() is None:
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": SCHEDULE}))
        if runs and runs[-1].is_finished:
            return runs[-1]
        time.sleep(0.5)
    raise TimeoutError(f"no scheduled run has ended:\n{daemon.log.read_text()[-4000:]}")


@pytest.mark.slow
def test_a_schedule_that_is_switched_on_audits_a_dataset_again_with_its_settings(tmp_path: Path) -> None:
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
        bench = build_workbench(tmp_path, instance)
        config = {"ops": {"classification__training_set": {"config": {"max_rows": 300}}}}
        assert bench.materialize("dataset", "breast_cancer", config).success
        switch_on = [str(COMMANDS / "dagster"), "schedule", "start", SCHEDULE, "-w", "workspace.yaml"]
        subprocess.run(switch_on, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=120)

        with run_daemon(environment, tmp_path / "daemon.log") as daemon:
            run = wait_for_scheduled_run(instance, daemon)

        record = latest_provenance(instance, dg.AssetKey(["classification", "training_set"]), "breast_cancer")
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/partition"] == "breast_cancer"
        assert record is not None
        assert (record.run_id, record.config["max_rows"]) == (run.run_id, 300)
    assert daemon.process.returncode == 0
    assert find_survivors(daemon) == []
