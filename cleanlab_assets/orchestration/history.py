"""What the instance remembers of a partition: its latest materialization, data version, settings and failure."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from cleanlab_assets.methods.provenance import PROVENANCE
from cleanlab_assets.methods.result import Provenance, Result
from cleanlab_assets.orchestration.partitions import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NO_VERSION = "not recorded"
UNREADABLE_INPUT = "unreadable_input"
"""Name of the metadata entry of a failure that says that the input of the step cannot be read."""
MISSING_EXTRA = "missing_extra"
"""The same of a failure that says that a library of an extra is not installed."""
_OWN_ERROR = re.compile(r"^cleanlab_assets(\.\w+)+: ")
"""How Dagster begins the text of an error of this package."""
OF_ANOTHER_RUN = "holds the result of another run than the instance records"
_Records: TypeAlias = "dict[tuple[dg.AssetKey, str], dg.EventLogRecord | None]"
_remembered: ContextVar[_Records | None] = ContextVar("remembered", default=None)


class WrongArtifactError(ValueError):
    """A stored file that is not the recorded result; the message names it and the command that makes it anew."""


@contextmanager
def remember_records() -> Iterator[None]:
    """Look each partition's latest materialization up once within the block, in which nothing may be materialized.

    A block within a block shares what the outer one remembers.
    """
    if _remembered.get() is not None:
        yield
        return
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def latest_record(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
    """Return the record of a partition's latest materialization, with its id and time, or None."""
    remembered = _remembered.get()
    if remembered is None:
        return _fetch_record(instance, key, partition)
    if (key, partition) not in remembered:
        remembered[key, partition] = _fetch_record(instance, key, partition)
    return remembered[key, partition]


def _fetch_record(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1)
    return found.records[0] if found.records else None


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str
) -> dg.AssetMaterialization | None:
    """Return the latest materialization of a partition, or None."""
    record = latest_record(instance, key, partition)
    return None if record is None else record.asset_materialization


def recorded_configs(instance: dg.DagsterInstance, partitions: Mapping[dg.AssetKey, str]) -> dict[dg.AssetKey, Any]:
    """Return the settings of the latest materializations of some assets, each of a partition, by their keys."""
    with remember_records():
        found = {key: latest_provenance(instance, key, partition) for key, partition in partitions.items()}
    return {key: record.config for key, record in found.items() if record is not None and record.config}


def latest_provenance(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> Provenance | None:
    """Return the provenance of a partition's latest materialization, or None."""
    latest = latest_materialization(instance, key, partition)
    if latest is None or PROVENANCE not in latest.metadata:
        return None
    return Provenance.model_validate(latest.metadata[PROVENANCE].value)


def read_data_version(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Sequence[str]) -> str:
    """Return the data version of what a step reads of an upstream asset.

    Args:
        instance: Dagster instance with the history.
        key: upstream asset.
        partitions: its partitions that are read; of several, those that were never materialized do not count.

    Returns:
        The data version of a single partition; for several, a hash over their data versions.
    """
    versions = {}
    for partition in partitions:
        latest = latest_materialization(instance, key, partition)
        if latest is not None:
            versions[partition] = (latest.tags or {}).get("dagster/data_version", NO_VERSION)
    if len(partitions) == 1:
        return versions.get(partitions[0], NO_VERSION)
    return hashlib.sha256(json.dumps(versions, sort_keys=True).encode()).hexdigest()[:16]


def find_failure(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str) -> str | None:
    """Return what went wrong in the latest run that was to materialize a partition, in one line; None if nothing did.

    Runs that were to make other assets only, or to evaluate checks only, do not count.
    """
    for run in instance.get_runs(dg.RunsFilter(tags={"dagster/partition": partition})):  # the latest first
        planned = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        if not any(entry.dagster_event is not None and entry.dagster_event.asset_key == asset for entry in planned):
            continue
        if run.status != dg.DagsterRunStatus.FAILURE:
            return None
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
            if entry.dagster_event is not None:
                return describe_step_failure(entry.dagster_event)
        return "the run ended without saying why"
    return None


def describe_step_failure(event: dg.DagsterEvent) -> str:
    """Name the step that failed and what it raised, in one line."""
    told, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
    if told is not None:
        return f"{event.step_key}: {told.description}"
    if error is not None and error.cause is not None:
        error = error.cause  # Dagster's wrapper tells which step; its cause is what the step raised.
    message = error.message.strip().splitlines()[0] if error is not None else "no error was recorded"
    # Our own errors say all in their words; of others the type is half of what is known.
    return f"{event.step_key}: {_OWN_ERROR.sub('', message)}"


def is_wrong_use(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because a description or a source file cannot be read, or a library is not installed."""
    told = event.step_failure_data.user_failure_data
    return told is not None and not {UNREADABLE_INPUT, MISSING_EXTRA}.isdisjoint(told.metadata)


def require_recorded(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    partitions: Sequence[str],
    read: Result[Any, Any] | Mapping[str, Result[Any, Any]],
) -> None:
    """Refuse a result that was read from a file and is not the recorded one.

    Args:
        instance: the instance with the records.
        key: the asset.
        partitions: its partitions that were read.
        read: the result, or those of several models by the model's name.

    Raises:
        WrongArtifactError: a result is not the recorded one.
    """
    for partition in partitions:
        result = read if isinstance(read, Result) else read.get(Partition.parse(partition).model)
        recorded = latest_provenance(instance, key, partition)
        if result is None or recorded is None:
            continue
        if result.provenance is None or not is_same_result(result.provenance, recorded):
            latest = latest_materialization(instance, key, partition)
            path = "its file" if latest is None else latest.metadata["path"].value
            raise WrongArtifactError(
                f"{key.to_user_string()} of {partition}: {path} {OF_ANOTHER_RUN}: {say_how_to_make(partition)}"
            )


def is_same_result(stored: Provenance, recorded: Provenance) -> bool:
    """Whether a stored result is the recorded one: of the same asset, partition, run and content."""
    return (stored.asset, stored.partition, stored.run_id, stored.data_hash) == (
        recorded.asset,
        recorded.partition,
        recorded.run_id,
        recorded.data_hash,
    )


def say_how_to_make(partition: str) -> str:
    """Name the command that makes what is missing or damaged of a partition."""
    return f"make it anew with: {Partition.parse(partition).command}"
