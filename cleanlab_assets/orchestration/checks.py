"""How a check of a step becomes an asset check, and what its result looks like."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg

from cleanlab_assets.orchestration.assets import build_context, declare_parameters, input_of
from cleanlab_assets.orchestration.history import require_recorded
from cleanlab_assets.orchestration.metadata import to_metadata
from cleanlab_assets.orchestration.partitions import partitions_of, upstream_partitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Gates
    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Check, CheckResult, Step

JUDGED_BY = "judged_by"
"""Name of the metadata entry of a gate's result that says which thresholds and which severity made it."""


def build_check(
    family: TaskFamily,
    check: Check,
    asset: dg.AssetsDefinition,
    steps: Mapping[str, Step],
) -> dg.AssetChecksDefinition:
    """Turn a check into a partitioned asset check.

    Args:
        family: task family.
        check: the check.
        asset: asset that is checked.
        steps: the steps of the family by name.
    """
    level = steps[check.step].level
    others = [name for name in check.inputs if name != check.step]

    def evaluate(context: dg.AssetCheckExecutionContext, **results: Any) -> dg.AssetCheckResult:
        ours = build_context(context, family)
        for name, result in results.items():
            partitions = upstream_partitions(family.name, steps[name].level, context.partition_key)
            require_recorded(context.instance, dg.AssetKey([family.name, name]), partitions, result)
        found = check.run(ours, **{name: results[name] for name in check.inputs})
        return _to_result(found, ours.dataset.gates, context.resources.settings.gate_severity)

    parameters: dict[str, Any] = {"context": dg.AssetCheckExecutionContext, check.step: Any}
    declare_parameters(evaluate, check.name, parameters | dict.fromkeys(others, Any))
    return dg.asset_check(
        asset=asset,
        description=check.description,
        partitions_def=partitions_of(family.name, level),
        blocking=check.is_blocking,
        additional_ins={name: input_of(family.name, steps[name], reader=level) for name in others},
        required_resource_keys={"settings", "process"},
        pool="heavy" if check.is_heavy else None,
    )(evaluate)


def describe_judgement(gates: Gates, severity: str) -> str:
    """Say which thresholds and which severity the gates of a dataset are judged by: equal texts, equal judgements."""
    thresholds = ", ".join(f"{name} {limit:g}" for name, limit in asdict(gates).items())
    return f"{severity} beyond {thresholds}"


def _to_result(found: CheckResult, gates: Gates, gate_severity: str) -> dg.AssetCheckResult:
    """Make Dagster's result: of a gate a failure warns, unless the settings make gates errors."""
    metadata = to_metadata(found.figures)
    severity = found.severity
    if severity == "gate":
        metadata[JUDGED_BY] = describe_judgement(gates, gate_severity)
        severity = "error" if gate_severity == "error" else "warn"
    return dg.AssetCheckResult(
        passed=found.passed,
        severity=dg.AssetCheckSeverity.ERROR if severity == "error" else dg.AssetCheckSeverity.WARN,
        description=found.description,
        metadata=metadata,
    )
