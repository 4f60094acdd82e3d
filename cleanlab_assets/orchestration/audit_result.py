"""The typed result of an audit: what was found, how it came to be, and where each artifact lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from cleanlab_assets.families.audit_facts import AUDIT_FACTS
from cleanlab_assets.families.raw_dataset import raw_dataset
from cleanlab_assets.methods.provenance import PROVENANCE, library_versions
from cleanlab_assets.methods.result import Provenance
from cleanlab_assets.models.trained_model import NOT_STORED
from cleanlab_assets.orchestration.ai_summary import ai_summary
from cleanlab_assets.orchestration.history import latest_materialization
from cleanlab_assets.orchestration.partitions import partition_keys
from cleanlab_assets.orchestration.runs import CheckOutcome, read_latest_checks
from cleanlab_assets.orchestration.storage import read_result
from cleanlab_assets.reports.audit_facts import AuditFacts
from cleanlab_assets.reports.audit_summary import AuditSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg

    from cleanlab_assets.families.step import Level
    from cleanlab_assets.orchestration.family import Family


NOTES = "notes"
"""Name of the figure of the raw dataset that says how it was read, a line each."""


class AssetResult(BaseModel):
    """One artifact: where it lies, its figures as the web UI shows them, and how it came to be.

    ``not_stored`` says why the file of a final model holds its card alone; empty where it holds the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    path: str
    figures: dict[str, float]
    provenance: Provenance
    not_stored: str = ""


class AuditResult(BaseModel):
    """The result of one dataset and model; ``facts`` and ``summary`` are None where those assets were left out.

    ``runs`` are the runs that wrote the files of these two, as the files say themselves. ``notes`` are what was said of
    how the source was read, and what else a reader must know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    family: str
    dataset: str
    model: str
    versions: dict[str, str]
    facts: AuditFacts | None
    summary: AuditSummary | None
    runs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checks: list[CheckOutcome]
    assets: dict[str, AssetResult]


def collect_result(
    instance: dg.DagsterInstance, family: Family, dataset: str, model: str, *, left_out: frozenset[dg.AssetKey]
) -> AuditResult:
    """Collect the result of an audit from the instance and the artifacts.

    Args:
        instance: instance that recorded the runs.
        family: task family of the dataset.
        dataset: dataset that was audited.
        model: model that it was audited with.
        left_out: assets that the run left out, so that older results of theirs do not count.
    """
    assets: dict[str, AssetResult] = {}
    notes: list[str] = []
    for level, partition in partition_keys(dataset, model).items():
        for key in family.asset_keys(level):
            latest = None if key in left_out else latest_materialization(instance, key, partition)
            if latest is None:
                continue
            if key.path[-1] == raw_dataset.name and NOTES in latest.metadata:
                notes += [line.removeprefix("- ") for line in str(latest.metadata[NOTES].value).splitlines()]
            assets[key.path[-1]] = AssetResult(
                path=str(latest.metadata["path"].value),
                figures={
                    name: float(entry.value)
                    for name, entry in latest.metadata.items()
                    if isinstance(entry.value, int | float)
                },
                provenance=Provenance.model_validate(latest.metadata[PROVENANCE].value),
                not_stored=str(latest.metadata[NOT_STORED].value) if NOT_STORED in latest.metadata else "",
            )

    told = {
        name: read_result(assets[name].path, family.step(name))
        for name in (AUDIT_FACTS, ai_summary.name)
        if name in assets
    }

    def value_of(name: str) -> Any:
        return told[name].value if name in told else None

    return AuditResult(
        family=family.name,
        dataset=dataset,
        model=model,
        versions=library_versions(family.task.libraries_of(model)),
        facts=value_of(AUDIT_FACTS),
        summary=value_of(ai_summary.name),
        runs=tuple(dict.fromkeys(result.origin.run_id for result in told.values())),
        notes=tuple(dict.fromkeys([*notes, *(told[AUDIT_FACTS].value.notes if AUDIT_FACTS in told else ())])),
        checks=collect_checks(instance, family, partition_keys(dataset, model), left_out=left_out),
        assets=assets,
    )


def collect_checks(
    instance: dg.DagsterInstance,
    family: Family,
    partitions: Mapping[Level, str],
    *,
    left_out: frozenset[dg.AssetKey] = frozenset(),
) -> list[CheckOutcome]:
    """Collect how the checks of partitions came out the last time they were evaluated.

    Args:
        instance: instance that recorded them.
        family: task family of the partitions.
        partitions: partition by level.
        left_out: assets whose checks do not count.
    """
    return [
        check
        for level, partition in partitions.items()
        for key in family.asset_keys(level)
        if key not in left_out
        for check in read_latest_checks(instance, family, key, partition)
    ]
