"""Runs whose process died without a word: they would stay "started" for ever and keep their place in the pool.

Dagster frees the pool slots of such runs only while its daemon runs. On a laptop there may be none, and the next run
would wait for ever.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterator


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report unfinished runs of dead local processes as failed, and free their pool slots.

    Only an instance that keeps its runs in local SQLite files is touched: elsewhere a process may live on another
    machine.

    Returns:
        Ids of the runs that were ended.
    """
    if not (Path(instance.root_directory) / "history" / "runs.db").is_file():
        return []
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        processes = list(_process_ids(instance, run.run_id))
        if processes and not any(_is_alive(process) for process in processes):
            instance.report_run_failed(run, "The process of this run ended without reporting.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _process_ids(instance: dg.DagsterInstance, run_id: str) -> Iterator[int]:
    """Yield the process ids that the engine events of a run name."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if entry.dagster_event is not None:
            pid = entry.dagster_event.engine_event_data.metadata.get("pid")
            if pid is not None:
                yield int(str(pid.value))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
