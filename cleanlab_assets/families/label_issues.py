"""What the label issues of every family have in common: planted errors, counts and the worst rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cleanlab_assets.methods.detection_power import measure_against_truth, measure_planted, to_power_table
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Notes, TableView, keep_finite
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import OWN_ID, ROW_WEIGHT, TRUE_LABEL, audited_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.methods.detection_power import PlantedDetection, TruthDetection
    from cleanlab_assets.methods.score_choice import ScoreChoice
    from cleanlab_assets.methods.shown import Shown

WORST_COLUMNS = ("rank", "row_id", OWN_ID, "split", "given_label", "suggested_label", "label_quality", "is_label_issue")
F = TypeVar("F", bound=LabelIssuesFacts)


def store_label_issues(
    table: pd.DataFrame,
    training_set: pd.DataFrame,
    facts: F,
    *,
    columns: Sequence[str] = WORST_COLUMNS,
    show: Callable[[pd.DataFrame], Mapping[str, Shown]] = lambda _: {},
) -> Result[pd.DataFrame, F]:
    """Make the result of the audit of labels; measure how errors were found that are known.

    Known are errors that were planted in train rows, or those of a source that states true labels.

    Args:
        table: one row for each audited row or image, with ``split``, ``label_quality``, ``is_label_issue`` and
            ``rank``.
        training_set: the rows under audit; the names that the user gives them and their weights go into the table.
        facts: the facts but for ``planted`` and ``by_truth``.
        columns: columns of the worst rows that people see.
        show: further figures of the table.
    """
    if OWN_ID in training_set:
        table = table.copy()
        table.insert(1, OWN_ID, audited_rows(training_set)[OWN_ID])
    if ROW_WEIGHT in training_set:
        table = table.assign(**{ROW_WEIGHT: audited_rows(training_set)[ROW_WEIGHT]})
    if "planted_error" in training_set:
        table, planted = measure_planted(table, audited_rows(training_set))
        facts = facts.model_copy(update={"planted": planted})
    elif TRUE_LABEL in training_set:
        table, by_truth = measure_against_truth(table, training_set)
        facts = facts.model_copy(update={"by_truth": by_truth})

    def show_all() -> dict[str, Shown]:
        n_issues = int(table["is_label_issue"].sum())
        shown: dict[str, Shown] = {
            "n_label_issues": n_issues,
            "label_issue_rate": n_issues / len(table),
            "flagged_by_split": say_by_split(count_by_split(table)),
            **({} if facts.error_bracket is None else facts.error_bracket.to_facts()),
            "flag_rule": facts.flag_rule,
            **({} if facts.ranked_by is None else show_ranking(facts.ranked_by)),
            "worst_rows": TableView.worst(table, [name for name in columns if name in table]),
            "notes": Notes(facts.notes),
            **show(table),
        }
        shown |= {} if facts.by_truth is None else show_truth(facts.by_truth)
        return shown if facts.planted is None else shown | show_planted(facts.planted)

    return Result(value=table, facts=facts, show=show_all)


def show_ranking(ranked_by: ScoreChoice, *, of: str = "") -> dict[str, Shown]:
    """Show which score ranks, and how well each finds planted errors.

    Args:
        ranked_by: The choice.
        of: What is ranked, where it is not the rows.
    """
    prefix = f"{of}_" if of else ""
    if not ranked_by.figures:
        return {f"{prefix}ranked_by": f"{ranked_by.chosen}; {ranked_by.note}"}
    return {f"{prefix}ranked_by": ranked_by.chosen, f"{prefix}scores": TableView.whole(ranked_by.to_table())}


def describe_ranking(ranked_by: ScoreChoice | None) -> str:
    """Say how well each score finds known errors, where one was chosen by them; nothing where none was."""
    if ranked_by is None:
        return ""
    if not ranked_by.figures:
        return f"; {ranked_by.note}"
    found = ", ".join(
        f"{figures.score} {figures.average_precision:.3f} ({figures.average_precision_low:.3f} to "
        f"{figures.average_precision_high:.3f})"
        for figures in ranked_by.figures
    )
    return f"; average precision of errors planted in a copy of the labels: {found}"


def show_truth(found: TruthDetection) -> dict[str, Shown]:
    """Show how well wrong labels were found by the rows whose true label is known."""
    return {f"truth_{name}": value for name, value in found.model_dump(exclude_none=True).items()}


def show_planted(planted: PlantedDetection) -> dict[str, Shown]:
    """Show how well planted errors were found, as a whole and by kind."""
    shown: dict[str, Shown] = {
        f"detection_{name}": value for name, value in keep_finite(planted.overall.model_dump()).items()
    }
    if planted.by_kind:
        shown["detection_by_kind"] = TableView.whole(to_power_table(planted.by_kind))
    return shown
