"""What decisions say of an audit, in words and as a small table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.reviews.decisions import LABEL_ISSUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.methods.intervals import Interval
    from cleanlab_assets.methods.score_choice import ScoreChoice
    from cleanlab_assets.reviews.statistics import CurvePoint, Outcome, Precision, RandomSample, ReviewStatistics


_NAMES: dict[Outcome, str] = {
    "error": "errors",
    "conflict": "in conflict",
    "unclear": "unclear",
    "excluded": "to be excluded",
    "right": "right",
}


def tabulate_curve(curve: Sequence[CurvePoint]) -> pd.DataFrame:
    """Return the budget curve at a few numbers of rows: ``rows_read``, ``errors_found`` and ``share_of_errors``."""
    last = curve[-1].n_read if curve else 0
    wanted = {number * 10**power for power in range(1, 7) for number in (1, 2, 5)} | {last}
    points = [point for point in curve if point.n_read in wanted]
    return pd.DataFrame(
        {
            "rows_read": pd.Series([point.n_read for point in points], dtype="int64"),
            "errors_found": pd.Series([point.n_errors for point in points], dtype="int64"),
            "share_of_errors": pd.Series([point.n_errors / point.n_read for point in points], dtype="float64"),
        }
    )


def describe_reviews(found: ReviewStatistics) -> list[str]:
    """Say in words what the decisions say, a line each; the first one says it where there are none."""
    if not found.is_any_reviewed:
        return ["no row of this audit was reviewed yet: how right its flags are is not known"]
    label, *others = found.precision
    of_others = [_describe_precision(precision) for precision in others]
    if not found.n_decided:
        return ["no label of this audit was reviewed yet: how right its flags are is not known", *of_others]
    told = ", ".join(f"{number:,} {_NAMES[outcome]}" for outcome, number in found.outcomes.items() if number)
    lines = [f"{found.n_decided:,} rows are reviewed: {told}"]
    lines += [_describe_precision(label), *of_others, _describe_errors(found)]
    if found.refitted is not None:
        again = ", ".join(f"{before:g} is {after:.2g}" for before, after in found.refitted.points)
        lines.append(f"error probabilities by {found.refitted.n_rows:,} random rows: {again}")
    if found.scores is not None:
        lines.append(_describe_scores(found.scores))
    if found.agreement.n_findings:
        shared = found.agreement
        alpha = "" if shared.alpha is None else f"; Krippendorff's alpha {shared.alpha:.2f}"
        lines.append(f"reviewers agree on {shared.n_equal:,} of {shared.n_findings:,} rows that several decided{alpha}")
    if found.next_rows is not None:
        following = found.next_rows
        kind = "flagged" if following.are_flagged else "unflagged"
        lines.append(
            f"the next {following.n_rows:,} {kind} rows, the worst first, hold about {_show_count(following.n_errors)} "
            f"errors, if they are like the {following.n_like:,} decided ones nearest to them"
        )
    return lines


def _describe_scores(choice: ScoreChoice) -> str:
    if not choice.figures:
        return f"which score ranks best is not known: {choice.note}"
    usual = choice.figures[0]
    best = next(figures for figures in choice.figures if figures.score == choice.chosen)
    told = f"average precision {best.average_precision:.2f}, by {choice.n_errors:,} errors among the random rows"
    if best is usual:
        return f"no score is shown to rank better than {usual.score}: {told}"
    return (
        f"{best.score} ranks errors better than {usual.score}: {told}, against {usual.average_precision:.2f}; the "
        f"setting quality_method: {best.score} makes it rank"
    )


def tabulate_precision(precision: Sequence[Precision]) -> pd.DataFrame:
    """Return how right the flags of each issue type are.

    Returns:
        ``issue_type``, ``flagged_rows``, ``reviewed_rows`` (read of its random queue, found right or wrong) and
        ``flags_that_are_right``, in words with its 95 % interval.
    """
    return pd.DataFrame(
        {
            "issue_type": [found.issue_type for found in precision],
            "flagged_rows": [found.sample.n_rows for found in precision],
            "reviewed_rows": [found.sample.n_errors + found.sample.n_right for found in precision],
            "flags_that_are_right": [_say_share(found) for found in precision],
        }
    )


def _say_share(precision: Precision) -> str:
    if not precision.sample.n_rows:
        return "no row is flagged"
    if precision.share is None:
        return "not reviewed"
    share = precision.share
    return f"{share.estimate:.0%} ({share.low:.0%} to {share.high:.0%})"


def _describe_precision(precision: Precision) -> str:
    sample, share = precision.sample, precision.share
    if share is not None:
        told = f"{share.estimate:.0%} of the flags are right ({share.low:.0%} to {share.high:.0%})"
        n_read = sample.n_errors + sample.n_right
        said = f"{told}, by {n_read:,} random flags of {sample.n_rows:,}{_describe_rest(sample)}"
    elif precision.issue_type == LABEL_ISSUE and sample.n_rows:
        return "how right the flags are is not known: no row of the random queue of flagged rows was decided"
    else:
        said = (
            f"{sample.n_rows:,} flags, not reviewed{_describe_rest(sample)}" if sample.n_rows else "no row is flagged"
        )
    return said if precision.issue_type == LABEL_ISSUE else f"{precision.issue_type}: {said}"


def _describe_rest(sample: RandomSample) -> str:
    others = {
        "to be excluded": sample.n_excluded,
        "unclear": sample.n_unclear,
        "in conflict": sample.n_conflicts,
        "skipped": sample.n_skipped,
    }
    told = ", ".join(f"{number:,} {name}" for name, number in others.items() if number)
    return f"; beside them {told}" if told else ""


def _describe_errors(found: ReviewStatistics) -> str:
    own = (
        ""
        if found.errors_by_model is None
        else f"; the model's own bracket of the train rows: {found.errors_by_model.describe()}"
    )
    if found.errors is None:
        flagged = found.flags.sample
        absent = "flagged" if flagged.n_rows and not flagged.n_decided else "unflagged"
        return f"how many errors there are is not known: no row of the random queue of {absent} rows was decided{own}"
    return f"about {_show_count(found.errors)} errors are in all rows, by both random queues{own}"


def _show_count(found: Interval) -> str:
    return f"{found.estimate:,.0f} ({found.low:,.0f} to {found.high:,.0f})"
