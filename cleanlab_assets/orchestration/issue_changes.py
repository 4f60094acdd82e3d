"""What has changed since an earlier audit, as an asset; each audit leaves its flags in the ledger's database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.families.contracts import LABEL_QUALITY, TableContract, category, filled
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - Dagster reads the annotations
from cleanlab_assets.families.step import CheckResult, LabelIssuesTable, Settings, check, gate, step
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import Json, Notes, Plots, TableView
from cleanlab_assets.orchestration.history import latest_materialization, latest_provenance, say_how_to_make
from cleanlab_assets.orchestration.partitions import Partition, upstream_partitions
from cleanlab_assets.orchestration.reviews import explain_no_ledger, has_ledger, open_audit_history_of
from cleanlab_assets.orchestration.storage import read_result
from cleanlab_assets.reports.review_plots import plot_flags_over_time
from cleanlab_assets.reviews.audit_history import Audited, choose_base
from cleanlab_assets.reviews.audited_rows import name_audited_rows
from cleanlab_assets.reviews.changes import (
    BY_ANOTHER_RULE,
    CHANGE_COLUMNS,
    CHANGES,
    NEW,
    REOPENED,
    compare_audits,
    count_over_time,
    find_rule_changes,
)
from cleanlab_assets.reviews.database import LedgerError
from cleanlab_assets.reviews.rows import ReviewedRows

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.reviews.audit_history import Audit
    from cleanlab_assets.settings import Settings as Environment

AUDIT = "audit"
"""Name of the figure that says which audit of the ledger's database this is."""
BASE = "base_audit"
"""Name of the figure that says which audit it was compared with; 0 where there is none."""
_IRRELEVANT = frozenset({"cleanlab_assets", "dagster"})
"""Packages whose version decides no flag: that of this one is told step by step, by the code versions."""
MOST_AUDITS = 20
"""How many of the latest audits are counted over time."""
WORST_ROWS = 20


class IssueChangesSettings(Settings):
    """How many new label issues are fine: so many, or such a share of the audited rows, whichever is more."""

    max_new_issues: int = Field(0, ge=0, description="So many new label issues are fine.")
    max_new_share: float = Field(0.0, ge=0, le=1, description="Such a share of the audited rows is fine, too.")


class IssueChangesFacts(Facts):
    """How many flags stand in which way since the audit that this one is compared with.

    Attributes:
        changes: number of rows in each group.
        n_audited: rows that this audit judged.
        limit: how many new label issues are fine.
        base_flagged: rows that the other audit flagged; None where there is nothing to compare with.
        is_base_accepted: whether that audit was accepted, else it is the one before this.
        rule_changes: what decides flags and is another one than then, in words.
        not_kept: why this audit is not kept for later ones to be compared with; empty where it is.
    """

    changes: dict[str, int]
    n_audited: int
    limit: int
    base_flagged: int | None
    is_base_accepted: bool
    rule_changes: list[str]
    not_kept: str = ""

    @property
    def base(self) -> str:
        """The audit that this one is compared with, in words."""
        return "the accepted audit" if self.is_base_accepted else "the audit before"

    @property
    def told_not_kept(self) -> str:
        """That this audit is not kept, and why, in words; empty where it is."""
        return f"this audit is compared with none, and not kept: {self.not_kept}" if self.not_kept else ""


@step(
    "sqlalchemy",
    code_version="1",
    facts=IssueChangesFacts,
    settings=IssueChangesSettings,
    contract=TableContract(
        "IssueChanges",
        "One row for each label that this audit flags, or the one that it is compared with, and what has changed.",
        (category("change", *CHANGES), *filled("row_key", "row_id", "issue_type"), LABEL_QUALITY),
    ),
)
def issue_changes(
    context: ChainContext, settings: IssueChangesSettings, raw_dataset: RawDatasetTable, label_issues: LabelIssuesTable
) -> Result[pd.DataFrame, IssueChangesFacts]:
    """Which label issues are new, reopened, persist, were resolved by a correction or are gone, row by row.

    Compared with the audit that was accepted last, else with the one before. Where settings, code or libraries that
    decide flags have changed since, what is flagged now and was not then is ``new by another rule``.
    """
    audited = Audited(context.family, context.dataset.name, context.model)
    rows = name_audited_rows(ReviewedRows(context.dataset, raw_dataset.value), label_issues.value)
    flags = rows[rows["is_label_issue"]]
    with open_audit_history_of(context.dagster.resources.settings) as history:
        audit = history.record(
            audited,
            flags,
            data_version=label_issues.origin.data_hash,
            rule=_find_rule(context, label_issues),
            n_audited=len(rows),
        )
        accepted, audits = history.find_accepted(audited), history.read(audited)
        base = choose_base(audits, accepted, audit.number)
        table = compare_audits(
            flags,
            flags.iloc[:0] if base is None else history.read_flags(base.number),
            labels=dict(zip(rows["row_key"], rows["given_label"], strict=True)),
            closed=history.find_closed(audited, before=audit.number),
            same_rule=base is None or base.rule == audit.rule,
        )
        over_time = count_over_time(audits[-MOST_AUDITS - 1 :], lambda one: history.read_flags(one.number))
    changes = {change: int((table["change"] == change).sum()) for change in CHANGES}
    facts = IssueChangesFacts(
        changes=changes,
        n_audited=len(rows),
        limit=max(settings.max_new_issues, int(settings.max_new_share * len(rows))),
        base_flagged=None if base is None else base.n_flagged,
        is_base_accepted=accepted is not None,
        rule_changes=[] if base is None else find_rule_changes(audit.rule, base.rule),
        not_kept=explain_no_ledger(context.dagster.resources.settings),
    )

    def show() -> dict[str, Shown]:
        counted = over_time.tail(MOST_AUDITS)
        plot = plot_flags_over_time(counted["flagged"].tolist(), counted["new"].tolist())
        return {
            AUDIT: audit.number,
            BASE: 0 if base is None else base.number,
            "compared_with": _describe_base(base, facts),
            "changes": Json(changes),
            **({"rule_changes": Notes(facts.rule_changes)} if facts.rule_changes else {}),
            **({"notes": Notes([facts.told_not_kept])} if facts.not_kept else {}),
            "worst_new_rows": TableView(list_new(table), WORST_ROWS, CHANGE_COLUMNS),
            "over_time": TableView.whole(counted.iloc[::-1]),
            "plots": Plots({"Flagged rows over time": plot}),
        }

    return Result(value=table, facts=facts, show=show)


def list_new(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are flagged now and were not then, by the same rule, the worst first."""
    return table[table["change"].isin([NEW, REOPENED])].sort_values("label_quality", kind="stable")


class NewIssue(BaseModel):
    """A label that is flagged now and was not at the audit that this one is compared with."""

    model_config = ConfigDict(frozen=True)

    row_id: str
    row_key: str
    given_label: str
    suggested_label: str
    label_quality: float
    change: str


def read_new_issues(
    instance: dg.DagsterInstance, family: Family, partition: str, *, most: int
) -> tuple[int, tuple[NewIssue, ...]]:
    """Return how many label issues of the latest audit are new, and the worst of them.

    Args:
        instance: Dagster instance with the history.
        family: task family of the partition.
        partition: dataset and model; its audit exists.
        most: how many of them to return.
    """
    changes, issues = (_read_latest(instance, family, name, partition) for name in ("issue_changes", "label_issues"))
    if changes.facts.base_flagged is None:
        return 0, ()
    new = list_new(changes.value)
    suggested = dict(zip(issues.value["row_id"].astype(str), issues.value["suggested_label"].astype(str), strict=True))
    columns = ["row_id", "row_key", "given_label", "label_quality", "change"]
    worst = new[columns].head(most).astype({"change": str}).itertuples(index=False, name=None)
    rows = [dict(zip(columns, values, strict=True)) for values in worst]
    return len(new), tuple(NewIssue(**row, suggested_label=suggested.get(row["row_id"], "")) for row in rows)


def accept_audit(
    instance: dg.DagsterInstance, family: Family, partition: str, settings: Environment, reviewer: str, note: str = ""
) -> Audit | None:
    """Accept the latest audit of a dataset and model; None, and nothing is entered, where there is none.

    Raises:
        LedgerError: the ledger has not the audit, or cannot be written.
    """
    latest = latest_materialization(instance, family.key(issue_changes.name), partition)
    if latest is None:
        return None
    if why_not := explain_no_ledger(settings):
        raise LedgerError(why_not)
    found, number = Partition.parse(partition), int(str(latest.metadata[AUDIT].value))
    with open_audit_history_of(settings) as history:
        audits = {audit.number: audit for audit in history.read(Audited(family.name, found.dataset, found.model))}
        if number not in audits:
            raise LedgerError(
                f"the ledger has no audit {number} of {found.title}, which {family.name}/{issue_changes.name} names: "
                f"it may be another database than then; {say_how_to_make(partition)} --force"
            )
        history.accept(number, reviewer=reviewer, note=note)
    return audits[number]


def _read_latest(instance: dg.DagsterInstance, family: Family, name: str, partition: str) -> Result[Any, Any]:
    latest = latest_materialization(instance, family.key(name), partition)
    if latest is None:
        raise ValueError(f"{family.name}/{name} of {partition} was never materialized")
    return read_result(str(latest.metadata["path"].value), family.step(name))


def has_another_base(settings: Environment, audited: Audited, stored: int) -> bool:
    """Whether an audit was accepted since, which is not the one that changes were found against.

    Args:
        settings: where the ledger lies.
        audited: family, dataset and model.
        stored: number of the audit that they were found against.
    """
    if not has_ledger(settings):
        return False
    with open_audit_history_of(settings) as history:
        accepted = history.find_accepted(audited)
    return accepted is not None and accepted.number != stored


def _find_rule(context: ChainContext, label_issues: LabelIssuesTable) -> dict[str, str]:
    """Return what decides flags beside the data: code and settings of the steps up to label issues, and libraries."""
    family: Family = context.dagster.resources.families[context.family]
    records = {"label_issues": label_issues.origin}
    waiting = list(family.step("label_issues").inputs)
    while waiting:
        step = family.step(waiting.pop())
        if step.name in records:
            continue
        (partition,) = upstream_partitions(family.name, step.level, context.dagster.partition_key)
        record = latest_provenance(context.dagster.instance, family.key(step.name), partition)
        if record is not None:
            records[step.name] = record
            waiting += step.inputs
    rule: dict[str, str] = {}
    for name, record in records.items():
        rule |= {library: version for library, version in record.versions.items() if library not in _IRRELEVANT}
        rule[f"{name}.code_version"] = record.code_version
        rule |= {f"{name}.{setting}": _to_text(value) for setting, value in record.config.items()}
    return rule


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _describe_base(base: Audit | None, facts: IssueChangesFacts) -> str:
    if base is None:
        return "nothing: it is not kept" if facts.not_kept else "nothing: this is the first audit"
    return f"{facts.base}, {base.made_at:%Y-%m-%d %H:%M} UTC, with {base.n_flagged:,} flagged of {base.n_audited:,}"


@check("issue_changes")
def no_new_label_issues(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    issue_changes: Result[pd.DataFrame, IssueChangesFacts],
) -> CheckResult:
    """No more labels than the settings allow are flagged that the accepted audit, else the one before, did not flag.

    Rows that come again count as new. A first audit passes, and so does what another rule flags, or an audit that is
    not kept.
    """
    facts = issue_changes.facts
    n_new = facts.changes[NEW] + facts.changes[REOPENED]
    if facts.not_kept:
        told = facts.told_not_kept
    elif facts.base_flagged is None:
        told = f"the first audit, with {n_new:,} flagged: there is nothing to compare with"
    elif facts.rule_changes:
        told = (
            f"{facts.changes[BY_ANOTHER_RULE]:,} labels are flagged by another rule than that of {facts.base} "
            f"({'; '.join(facts.rule_changes[:3])}): what is new of the data is not known until the next audit"
            + (" or until this one is accepted" if facts.is_base_accepted else "")
        )
    else:
        told = f"{n_new:,} of {facts.n_audited:,} labels are newly flagged since {facts.base}; limit {facts.limit:,}"
    return gate(
        passed=facts.base_flagged is None or n_new <= facts.limit,
        description=told,
        figures={"n_new": n_new, "limit": facts.limit},
    )
