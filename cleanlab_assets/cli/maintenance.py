"""The command for runs that nobody works on any more: ``end-run``."""

from __future__ import annotations

from typing import Annotated

import typer

from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import quote


def end_run(run_id: Annotated[str, typer.Argument(help="Id of the run, as the web UI and messages name it.")]) -> None:
    """Mark a run as failed whose process is gone, and free its places in the pools.

    Commands do this by themselves for processes of their own machine. For one of another machine, or of another
    container, only you can know that it is gone.

    Example: cleanlab-demo end-run 0c9f3b53-6a5e-4c4e-9d0b-5f0a4b1c8a57
    """
    from cleanlab_assets.orchestration import dead_runs
    from cleanlab_assets.processes import is_alive

    with open_instance() as instance:
        run = instance.get_run_by_id(run_id)
        if run is None:
            fail(ExitCode.WRONG_USE, f"there is no run {quote(run_id)}: expected an id such as a message names it")
        process = dead_runs.read_process(run)
        if run.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            console.print(f"run {run_id} has ended before ({run.status.value}); its places in the pools are free")
        elif process is not None and is_alive(process):
            fail(ExitCode.WRONG_USE, f"run {run_id} is at work: stop {process} first, with: kill {process.pid}")
        else:
            dead_runs.end_run(instance, run)
            console.print(f"run {run_id} is marked as failed, and its places in the pools are free")
