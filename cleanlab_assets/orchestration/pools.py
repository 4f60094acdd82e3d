"""Who holds the places of a pool: heavy steps take turns, also those of different runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from cleanlab_assets.orchestration.dead_runs import read_process
from cleanlab_assets.processes import is_alive

if TYPE_CHECKING:
    import dagster as dg


def describe_holders(instance: dg.DagsterInstance, pool: str) -> list[str]:
    """Say which steps hold the places of a pool, since when their runs work, and how each place comes free.

    Args:
        instance: the instance whose runs share the pool.
        pool: name of the pool.

    Returns:
        One text for each place that is taken.
    """
    taken = instance.event_log_storage.get_concurrency_info(pool).claimed_slots
    # A run that is deleted gives its places back: one without a record did so just now.
    records = [(slot.step_key, instance.get_run_record_by_id(slot.run_id)) for slot in taken]
    return [_describe_holder(step, record) for step, record in records if record is not None]


def _describe_holder(step: str, record: dg.RunRecord) -> str:
    run_id = record.dagster_run.run_id
    begun = record.start_time or record.create_timestamp.timestamp()
    since = datetime.fromtimestamp(begun).astimezone().isoformat(sep=" ", timespec="seconds")
    process = read_process(record.dagster_run)
    by = "a process that it did not record" if process is None else str(process)
    holder = f"{step} of run {run_id} (at work since {since}, {by})"
    if process is not None and is_alive(process):
        return f"{holder}; its place comes free when it ends"
    return f"{holder}; if that process is gone, free its place with: cleanlab-demo end-run {run_id}"
