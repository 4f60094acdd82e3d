"""Is a stored file what the instance says it is? Nothing is believed because it lies in the right place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upath import UPath

from cleanlab_assets.methods.provenance import PROVENANCE
from cleanlab_assets.methods.result import Provenance
from cleanlab_assets.orchestration.history import (
    OF_ANOTHER_RUN,
    is_same_result,
    latest_provenance,
    latest_record,
    say_how_to_make,
)
from cleanlab_assets.orchestration.storage import DAMAGE, manager_of, read_result

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg

    from cleanlab_assets.families.step import Level, Step
    from cleanlab_assets.orchestration.family import Family


def find_fault(record: dg.EventLogRecord, step: Step, artifacts_dir: str) -> str | None:
    """Return what is wrong with a stored file, to be read on from "its file"; None if it is the recorded result.

    Args:
        record: the record of the materialization, with path and provenance.
        step: the step that made it.
        artifacts_dir: where artifacts lie now: what reads the file next looks for it there.
    """
    materialization = record.asset_materialization
    assert materialization is not None  # noqa: S101 - the record is that of a materialization
    path = UPath(str(materialization.metadata["path"].value))
    if not path.is_relative_to(UPath(artifacts_dir)):
        return f"is not in {artifacts_dir}, where artifacts are kept now"
    recorded = Provenance.model_validate(materialization.metadata[PROVENANCE].value)
    return find_damage(path, step, recorded, recorded_at=record.timestamp)


def find_damage(path: UPath, step: Step, recorded: Provenance, *, recorded_at: float) -> str | None:
    """Return in what the content of a file is not the recorded result, or None.

    Of a file that nobody wrote to since it was recorded only what says where it came from is read, else the whole.

    Args:
        path: the file.
        step: the step that made the result.
        recorded: how the recorded result came to be.
        recorded_at: when that was recorded, in seconds since 1970.
    """
    try:
        stored = Provenance.model_validate(manager_of(step, path.parent).read_origin(path))
        if not is_same_result(stored, recorded):
            return OF_ANOTHER_RUN
        if path.stat().st_mtime > recorded_at:
            read_result(str(path), step)
    except FileNotFoundError:
        return "is gone"
    except DAMAGE as error:
        cause = str(error.__cause__ or error)
        return f"is damaged ({cause.splitlines()[0] if cause else type(error).__name__})"
    return None


def find_absent(instance: dg.DagsterInstance, family: Family, partitions: Mapping[Level, str]) -> list[str]:
    """Return the assets that have checks and were never materialized, in the order of the chain.

    Args:
        instance: the instance with the records.
        family: task family of the partitions.
        partitions: a partition for each level that is looked at.
    """
    return [
        key.to_user_string()
        for level, partition in partitions.items()
        for key in family.asset_keys(level)
        if family.checks_of(key) and latest_record(instance, key, partition) is None
    ]


def find_faults(
    instance: dg.DagsterInstance, family: Family, partitions: Mapping[Level, str], artifacts_dir: str
) -> list[str]:
    """Return a line for every stored file of some partitions that is not the recorded result.

    Args:
        instance: the instance with the records.
        family: task family of the partitions.
        partitions: a partition for each level that is looked at.
        artifacts_dir: where artifacts lie now.
    """
    faults = []
    for level, partition in partitions.items():
        for step in family.steps[level]:
            key = family.key(step.name)
            record = latest_record(instance, key, partition)
            if record is None or latest_provenance(instance, key, partition) is None:
                continue
            if fault := find_fault(record, step, artifacts_dir):
                path = record.asset_materialization.metadata["path"].value  # type: ignore[union-attr]
                faults.append(f"{path} {fault}: {say_how_to_make(partition)}")
    return faults
