"""What has changed between two audits of the same dataset and model: which flags are new, persist, or are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cleanlab_assets.reviews.audit_history import Audit

Change = Literal["new", "reopened", "new by another rule", "persisting", "resolved by correction", "gone"]
NEW: Change = "new"
REOPENED: Change = "reopened"
BY_ANOTHER_RULE: Change = "new by another rule"
PERSISTING: Change = "persisting"
RESOLVED: Change = "resolved by correction"
GONE: Change = "gone"
CHANGES: tuple[Change, ...] = get_args(Change)
CHANGE_COLUMNS = ("change", "row_key", "row_id", "issue_type", "given_label", "given_label_before", "label_quality")


def compare_audits(
    flags: pd.DataFrame,
    base: pd.DataFrame,
    *,
    labels: Mapping[str, str],
    closed: Collection[tuple[str, str]] = (),
    same_rule: bool = True,
) -> pd.DataFrame:
    """Say of each row that one of two audits flags how it stands.

    - ``new``: flagged now, and not in the base.
    - ``reopened``: the same, and an audit before flagged it that was followed by one which did not.
    - ``new by another rule``: flagged now, not in the base, and what decides flags has changed since: settings, code
      or libraries. Whether the row would have been flagged by the rule of the base nobody knows.
    - ``persisting``: flagged in both.
    - ``resolved by correction``: flagged in the base alone, and its label is another one by now.
    - ``gone``: flagged in the base alone, with the label as it was, or the row is not there any more.

    Args:
        flags: what the audit flags, with ``row_key``, ``issue_type``, ``row_id``, ``given_label`` and ``quality``.
        base: the same of the audit that it is compared with.
        labels: given label of each row that is audited now, as text, by row key.
        closed: row key and issue type of what was flagged before and later was not.
        same_rule: whether both audits flag by the same rule.

    Returns:
        One row for each flag of either audit: ``CHANGE_COLUMNS``, in the order of ``CHANGES``, the worst first.
        ``given_label`` is missing where the row is gone, ``given_label_before`` where the base does not flag it.
    """
    by = ["row_key", "issue_type"]
    both = flags.merge(base, on=by, how="outer", suffixes=("", "_before"), indicator="found")
    before, now = both["found"] == "right_only", both["row_key"].map(labels)
    is_closed = pd.Series(
        [pair in closed for pair in zip(both["row_key"], both["issue_type"], strict=True)], dtype=bool
    )
    change = pd.Series(NEW, index=both.index, dtype=object)
    change[is_closed] = REOPENED
    if not same_rule:
        change[:] = BY_ANOTHER_RULE
    change[both["found"] == "both"] = PERSISTING
    change[before] = GONE
    change[before & now.notna() & (now != both["given_label_before"])] = RESOLVED
    table = pd.DataFrame(
        {
            "change": pd.Categorical(change, categories=list(CHANGES), ordered=True),
            "row_key": both["row_key"].astype(object),
            "row_id": both["row_id"].where(~before, both["row_id_before"]).astype(object),
            "issue_type": both["issue_type"].astype(object),
            "given_label": both["given_label"].where(~before, now).astype(object),
            "given_label_before": both["given_label_before"].astype(object),
            "label_quality": both["quality"].where(~before, both["quality_before"]).astype("float64"),
        }
    )
    return table.sort_values(["change", "label_quality", "row_key"], ignore_index=True)


def find_rule_changes(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Say in words what of the rule is another one by now, such as ``scikit-learn 1.6 -> 1.7``; empty if nothing is."""
    return [
        f"{name} {before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted(now.keys() | before.keys())
        if now.get(name) != before.get(name)
    ]


def count_over_time(audits: Sequence[Audit], read_flags: Callable[[Audit], pd.DataFrame]) -> pd.DataFrame:
    """Count the flags of audits, and what changed from each to the next.

    Args:
        audits: of one dataset and model, the oldest first.
        read_flags: reads the flags of one of them.

    Returns:
        One row for each audit: ``audited_at`` (UTC), ``audited``, ``flagged``, ``new`` (not flagged by the audit
        before; all of the first one), ``gone`` (flagged by the audit before alone) and ``same_rule``.
    """
    rows, before, rule = [], frozenset[tuple[str, str]](), None
    for audit in audits:
        table = read_flags(audit)
        flags = frozenset(zip(table["row_key"], table["issue_type"], strict=True))
        rows.append(
            {
                "audited_at": f"{audit.made_at:%Y-%m-%d %H:%M}",
                "audited": audit.n_audited,
                "flagged": len(flags),
                "new": len(flags - before),
                "gone": len(before - flags),
                "same_rule": rule is None or rule == audit.rule,
            }
        )
        before, rule = flags, audit.rule
    return pd.DataFrame(rows)
