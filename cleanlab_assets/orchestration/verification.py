"""Is a stored file what the instance says it is? Nothing is believed because it lies in the right place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upath import UPath

from cleanlab_assets.methods.result import Provenance
from cleanlab_assets.orchestration.history import (
    OF_ANOTHER_RUN,
    is_same_result,
    latest_materialization,
    latest_provenance,
    say_how_to_make,
)
from cleanlab_assets.orchestration.storage import DAMAGE, manager_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg

    from cleanlab_assets.families.step import Level, Step
    from cleanlab_assets.orchestration.family import Family


def find_fault(path: str, step: Step, recorded: Provenance, artifacts_dir: str) -> str | None:
    """Return what is wrong with a stored file, to be read on from "its file"; None if it is the recorded result.

    What says where a result came from is read, and not the whole result.

    Args:
        path: where the file was stored.
        step: the step that made it.
        recorded: what the instance says of it.
        artifacts_dir: where artifacts lie now: what reads the file next looks for it there.
    """
    if not UPath(path).is_relative_to(UPath(artifacts_dir)):
        return f"is not in {artifacts_dir}, where artifacts are kept now"
    try:
        stored = Provenance.model_validate(manager_of(step, UPath(path).parent).read_origin(UPath(path)))
    except FileNotFoundError:
        return "is gone"
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"is damaged ({reason})"
    return None if is_same_result(stored, recorded) else OF_ANOTHER_RUN


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
            latest = latest_materialization(instance, key, partition)
            recorded = latest_provenance(instance, key, partition)
            if latest is None or recorded is None:
                continue
            path = str(latest.metadata["path"].value)
            if fault := find_fault(path, step, recorded, artifacts_dir):
                faults.append(f"{path} {fault}: {say_how_to_make(partition)}")
    return faults
