"""A page on what decisions say of an audit and what has changed since an earlier one.

It stands apart from the report of the audit, which would have to be made anew for each decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.step import Page, step
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration.issue_changes import list_new
from cleanlab_assets.reports.formatting import format_share, start_sentence
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, render_report
from cleanlab_assets.reports.review_plots import plot_budget_curve
from cleanlab_assets.reviews.statistics_texts import describe_reviews, tabulate_curve, tabulate_precision

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.intervals import Interval
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.orchestration.issue_changes import IssueChangesFacts
    from cleanlab_assets.reviews.statistics import ReviewStatistics

MOST_ROWS = 50


@step(storage="html", code_version="2", value=str, shows_catalogue=True)
def review_report(
    context: ChainContext,
    issue_changes: Result[pd.DataFrame, IssueChangesFacts],
    review_statistics: Result[ReviewStatistics, NoFacts],
) -> Page:
    """A self-contained HTML page: what was reviewed so far, and which label issues are new, persist or are gone."""
    found, facts = review_statistics.value, issue_changes.facts
    report = Report(
        title=f"{context.dataset.title}: decisions and changes",
        subtitle=f"What reviewers decided of the audit by {context.model}, and what changed since an earlier one.",
        tiles=_show_tiles(found, facts),
        sections=[
            _show_reviews(found),
            _show_changes(issue_changes.value, facts, full_table=context.path_of("issue_changes")),
        ],
        facts={
            "Dataset": f"{context.dataset.title} ({context.dataset.name})",
            "Model": context.model,
            "Measured": review_statistics.origin.started,
            "Compared": issue_changes.origin.started,
        },
    )
    page = render_report(report)
    return Result(value=page, facts=NoFacts(), show=lambda: {"size_kb": len(page) // 1000})


def _show_tiles(found: ReviewStatistics, facts: IssueChangesFacts) -> list[Tile]:
    share, unknown = found.flags.share, "not known"
    base = "nothing to compare with" if facts.base_flagged is None else f"{facts.base_flagged:,} flagged then"
    return [
        Tile("Rows reviewed", f"{found.n_decided:,}"),
        Tile(
            "Flags that are right", format_share(share.estimate) if share else unknown, _show_ends(share, is_share=True)
        ),
        Tile(
            "Errors in all rows", f"{found.errors.estimate:,.0f}" if found.errors else unknown, _show_ends(found.errors)
        ),
        Tile("Flags now", f"{sum(facts.changes[name] for name in _FLAGGED):,}", base),
    ]


_FLAGGED = ("new", "reopened", "new by another rule", "persisting")


def _show_ends(interval: Interval | None, *, is_share: bool = False) -> str:
    if interval is None:
        return "the random queues say it once they are read"
    low, high = interval.low, interval.high
    ends = (format_share(low), format_share(high)) if is_share else (f"{low:,.0f}", f"{high:,.0f}")
    return f"95 % interval {ends[0]} to {ends[1]}"


def _show_reviews(found: ReviewStatistics) -> Section:
    """Show what the decisions say; without any, that there are none."""
    curve = tabulate_curve(found.curve)
    read, errors = [point.n_read for point in found.curve], [point.n_errors for point in found.curve]
    of_curve = Table("Errors by rows read", curve, "The worst rows first.", shares=("share_of_errors",))
    alt = f"Line of the errors found by rows read, up to {errors[-1]:,} in {read[-1]:,} rows." if read else ""
    return Section(
        key="reviewed",
        title="Reviewed so far",
        explanation="What decisions say of this audit. Precision and number of errors are estimated from the random "
        "queues alone, with exact 95 % intervals of the hypergeometric distribution.",
        badge=f"{found.n_decided:,}",
        figures=[Figure("Errors found by rows read, the worst first", plot_budget_curve(read, errors), alt)]
        if read
        else [],
        tables=[*_tabulate_precision(found), *([of_curve] if read else [])],
        notes=describe_reviews(found),
    )


def _tabulate_precision(found: ReviewStatistics) -> list[Table]:
    """Show how right the flags of each issue type are, where there are others than the label and any was reviewed."""
    if len(found.precision) == 1 or not found.is_any_reviewed:
        return []
    explanation = "By the random queue of each issue type, which the review page offers."
    return [Table("Flags that are right, by issue type", tabulate_precision(found.precision), explanation)]


def _show_changes(table: pd.DataFrame, facts: IssueChangesFacts, *, full_table: str) -> Section:
    """Show how many flags stand in which way, and the worst new ones."""
    if facts.not_kept:
        told = f"{start_sentence(facts.told_not_kept)}."
    elif facts.base_flagged is None:
        told = "This is the first audit: there is nothing to compare with."
    else:
        told = f"What has changed since {facts.base}, which flagged {facts.base_flagged:,}."
    columns = [name for name in table.columns if name not in ("row_key", "issue_type")]
    new = list_new(table) if facts.base_flagged is not None else table.iloc[:0]
    shown = Table(
        "New label issues",
        new[["row_id", *(name for name in columns if name != "row_id")]].astype({"change": str}),
        "The worst first.",
        max_rows=MOST_ROWS,
        full_table=full_table,
    )
    counts = "; ".join(f"{number:,} {change}" for change, number in facts.changes.items() if number)
    return Section(
        key="changes",
        title="Changes",
        explanation=told,
        badge=f"{len(new):,}",
        tables=[shown] if len(new) else [],
        notes=[
            counts or "no label is flagged",
            *(f"The rule is another one: {change}" for change in facts.rule_changes),
        ],
    )
