"""How a check is declared and what its result looks like, once for all families."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import dagster as dg
import pandas as pd

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.families.tables.datalab import NOT_ASKED_FOR
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.metadata import round_numbers
from cleanlab_assets.orchestration.partitions import Level, dataset_of, partitions_of

Check = Callable[[Callable[..., dg.AssetCheckResult]], dg.AssetChecksDefinition]
JUDGED_BY = "judged_by"
"""Name of the metadata entry of a gate's result that says which thresholds and which severity made it."""


def family_check(
    family: str,
    asset: dg.AssetsDefinition,
    level: Level,
    *,
    blocking: bool = False,
    also: tuple[str, ...] = (),
    heavy: bool = False,
) -> Check:
    """Declare a partitioned check, whose docstring is its description.

    Args:
        family: task family.
        asset: asset that is checked.
        level: level of the asset.
        blocking: whether a failure holds back what follows.
        also: further assets of the family that the check reads.
        heavy: whether it fits models; such checks and steps take turns in the pool ``heavy``.
    """
    return dg.asset_check(
        asset=asset,
        partitions_def=partitions_of(family, level),
        blocking=blocking,
        additional_ins={name: dg.AssetIn(key=[family, name]) for name in also},
        required_resource_keys=set() if blocking else {"settings"},
        pool="heavy" if heavy else None,
    )


def gates_of(context: dg.AssetCheckExecutionContext) -> Gates:
    """Return the thresholds of the partition's dataset."""
    return get_dataset(dataset_of(context)).gates


def describe_judgement(gates: Gates, severity: str) -> str:
    """Say which thresholds and which severity the gates of a dataset are judged by: equal texts, equal judgements."""
    thresholds = ", ".join(f"{name} {limit:g}" for name, limit in asdict(gates).items())
    return f"{severity} beyond {thresholds}"


def judge(
    context: dg.AssetCheckExecutionContext, *, passed: bool, description: str, metadata: dict[str, Any]
) -> dg.AssetCheckResult:
    """Make the result of a gate: a failure warns, unless the settings make gates errors."""
    wanted = context.resources.settings.gate_severity
    severity = dg.AssetCheckSeverity.ERROR if wanted == "error" else dg.AssetCheckSeverity.WARN
    metadata = {**round_numbers(metadata), JUDGED_BY: describe_judgement(gates_of(context), wanted)}
    return dg.AssetCheckResult(passed=passed, severity=severity, description=description, metadata=metadata)


def was_not_asked_for(issues: pd.DataFrame, issue_type: str) -> bool:
    """Whether the settings left an issue type out, by the summary that a table of issues holds."""
    summary = issues.attrs.get("summary", [])
    return any(row["issue_type"] == issue_type and row["reason"] == NOT_ASKED_FOR for row in summary)


def judge_rate(
    context: dg.AssetCheckExecutionContext, table: pd.DataFrame, flag: str, limit: float
) -> dg.AssetCheckResult:
    """Judge the share of flagged rows of a table; a flag that the table lacks fails unless nobody asked for it."""
    if flag not in table:
        issue_type = flag.removeprefix("is_").removesuffix("_issue")
        if was_not_asked_for(table, issue_type):
            return judge(context, passed=True, description=f"{issue_type} was {NOT_ASKED_FOR}", metadata={})
        return judge(context, passed=False, description="this issue type did not run", metadata={})
    n_flagged = int(table[flag].sum())
    rate = n_flagged / len(table)
    return judge(
        context,
        passed=rate <= limit,
        description=f"{n_flagged:,} of {len(table):,} rows ({rate:.1%}) are flagged; limit {limit:.1%}",
        metadata={"rate": rate, "n": n_flagged, "limit": f"{limit:g}"},
    )
