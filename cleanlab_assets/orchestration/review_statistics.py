"""What decisions say of an audit, as an asset: how right its flags are, and how many errors there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - Dagster reads the annotations
from cleanlab_assets.families.step import CheckResult, LabelIssuesTable, check, gate, step
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import Json, Notes, Plots, TableView
from cleanlab_assets.orchestration.reviews import LAST_ENTRY, read_entries
from cleanlab_assets.reports.review_plots import plot_budget_curve
from cleanlab_assets.reviews.audited_rows import find_row_flags, name_audited_rows
from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import find_standings
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets.reviews.statistics import ENOUGH_ROWS, ReviewStatistics, measure_reviews
from cleanlab_assets.reviews.statistics_texts import describe_reviews, tabulate_curve, tabulate_precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.families.step import Step
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.reviews.decisions import Entry


@step("sqlalchemy", storage="json", code_version="3", value=ReviewStatistics)
def review_statistics(
    context: ChainContext, raw_dataset: RawDatasetTable, label_issues: LabelIssuesTable
) -> Result[ReviewStatistics, NoFacts]:
    """What reviewers' decisions say of this audit; where nobody decided anything, it says that and nothing else.

    Precision of the flags, by issue type, and number of errors come from the random queues alone, with exact 95 %
    intervals of the hypergeometric distribution. Beside them: the agreement of the reviewers, the errors found by
    number of rows read, the worst first, and what to expect of the next rows.
    """
    return _measure(context, raw_dataset, label_issues, None)


def join_row_issues(row_issues: str) -> Step:
    """Return the step ``review_statistics`` of a family that looks for more than label issues.

    Args:
        row_issues: see ``TaskFamily.row_issues``.
    """
    if not row_issues:
        return review_statistics

    def run(
        context: ChainContext, raw_dataset: RawDatasetTable, label_issues: LabelIssuesTable, **found: Any
    ) -> Result[ReviewStatistics, NoFacts]:
        return _measure(context, raw_dataset, label_issues, found[row_issues].value)

    return replace(review_statistics, run=run, inputs=(*review_statistics.inputs, row_issues))


def _measure(
    context: ChainContext,
    raw_dataset: RawDatasetTable,
    label_issues: LabelIssuesTable,
    row_issues: pd.DataFrame | None,
) -> Result[ReviewStatistics, NoFacts]:
    last_entry, entries = read_entries(context.dagster.resources.settings, context.dataset.name)
    found = measure_audit(ReviewedRows(context.dataset, raw_dataset.value), label_issues, row_issues, entries)

    def show() -> dict[str, Shown]:
        shown: dict[str, Shown] = {LAST_ENTRY: last_entry, "in_words": Notes(describe_reviews(found))}
        if not found.is_any_reviewed:
            return shown
        shown["precision_by_issue_type"] = TableView.whole(tabulate_precision(found.precision))
        if not found.n_decided:
            return shown
        shown |= {"n_reviewed": found.n_decided, "outcomes": Json(dict(found.outcomes))}
        if (share := found.flags.share) is not None:
            shown |= {"precision": share.estimate, "precision_low": share.low, "precision_high": share.high}
        if (errors := found.errors) is not None:
            shown |= {"errors": errors.estimate, "errors_low": errors.low, "errors_high": errors.high}
        if (refitted := found.refitted) is not None:
            shown["refitted_error_probabilities"] = Json(refitted.model_dump())
        if (scores := found.scores) is not None and scores.figures:
            shown["scores"] = TableView.whole(scores.to_table())
        curve = plot_budget_curve([point.n_read for point in found.curve], [point.n_errors for point in found.curve])
        return {
            **shown,
            "errors_by_rows_read": TableView.whole(tabulate_curve(found.curve)),
            "plots": Plots({"Errors found by rows read": curve}),
        }

    return Result(value=found, facts=NoFacts(), show=show)


def measure_audit(
    rows: ReviewedRows, label_issues: LabelIssuesTable, row_issues: pd.DataFrame | None, entries: Sequence[Entry]
) -> ReviewStatistics:
    """Measure what the decisions on a dataset say of one of its audits.

    Args:
        rows: the rows of the dataset.
        label_issues: of the audit.
        row_issues: what else it found of rows, see ``TaskFamily.row_issues``; None where it looked for nothing.
        entries: of the dataset, in the order of the ledger.
    """
    standings = find_standings(entries)
    return measure_reviews(
        name_audited_rows(rows, label_issues.value),
        list_corrections(rows.dataset, rows.raw, rows.keys, standings),
        entries,
        standings,
        flags=find_row_flags(rows, row_issues),
        errors_by_model=label_issues.facts.error_bracket,
    )


@check("review_statistics")
def precision_is_known(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    review_statistics: Result[ReviewStatistics, NoFacts],
) -> CheckResult:
    """Enough random flags were reviewed to know how right the flags are.

    It passes as long as nobody decided anything: most audits are never reviewed, and a warning on each of them would
    say nothing of the data. From the first decision on somebody works with the flags, and should know how right they
    are.
    """
    found = review_statistics.value
    sample = found.flags.sample
    is_read_through = sample.n_decided + sample.n_unclear + sample.n_conflicts == sample.n_rows
    told = f"{sample.n_decided:,} random flags of {sample.n_rows:,} were reviewed, expected {ENOUGH_ROWS} or all"
    return gate(
        passed=not found.n_decided or is_read_through or sample.n_decided >= ENOUGH_ROWS,
        description=told if found.n_decided else describe_reviews(found)[0],
        figures={"n_random_flags": sample.n_decided},
    )
