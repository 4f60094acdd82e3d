"""The flagged rows in the form of the source, as given and as suggested, for programs that read this form.

Whoever corrects one of the two files gives it back, and ``differences`` reads what was decided.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from cleanlab_assets.reviews.corrections import correct_dataset, list_corrections
from cleanlab_assets.reviews.decisions import Entry, find_standings
from cleanlab_assets.reviews.row_keys import has_tokens
from cleanlab_assets.reviews.suggestions import find_flags, read_suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.reviews.decisions import Decision
    from cleanlab_assets.reviews.rows import ReviewedRows

SUGGESTED = "suggested"


class SourceTasks(NamedTuple):
    """Corrected datasets in which all but the flagged rows are excluded: as given, and as suggested."""

    given: pd.DataFrame
    suggested: pd.DataFrame


def make_source_tasks(
    rows: ReviewedRows, label_issues: pd.DataFrame, element_issues: pd.DataFrame | None = None
) -> SourceTasks:
    """Return the flagged rows as given, and with what the audit suggests for each flagged label of theirs.

    With a token its sentence is there, and every sentence of the same words, by which its key is known.

    Args:
        rows: the rows of the dataset.
        label_issues: ``row_id``, ``is_label_issue`` and ``suggested_label``.
        element_issues: of images: ``row_id``, ``element``, ``suggestion`` and a flag ``is_<kind>_issue``.

    Raises:
        DecisionError: the audit is of other labels than the source has.
    """
    flagged = label_issues[label_issues["is_label_issue"].astype(bool)]
    decisions = []
    if element_issues is None:
        for row_id, label in zip(flagged["row_id"], flagged["suggested_label"], strict=True):
            decisions.append(rows.decide(str(row_id), "label is", str(label), reviewer=SUGGESTED))
    else:
        found = element_issues[find_flags(element_issues)]
        for row_id, element, text in zip(found["row_id"], found["element"], found["suggestion"], strict=True):
            suggestion = read_suggestion(str(text))
            decisions.append(
                rows.decide(
                    str(row_id), "label is", str(suggestion), element=element, suggestion=suggestion, reviewer=SUGGESTED
                )
            )
    is_flagged = rows.raw["row_id"].isin(flagged["row_id"])
    if has_tokens(rows.dataset, rows.raw):
        is_flagged = rows.raw["sentence"].isin(rows.raw.loc[is_flagged, "sentence"])
    tables = [_correct(rows, made).assign(is_excluded=~is_flagged.to_numpy()) for made in ([], decisions)]
    return SourceTasks(*tables)


def _correct(rows: ReviewedRows, decisions: Sequence[Decision]) -> pd.DataFrame:
    entries = [
        Entry(number=number, made_at=datetime.min.replace(tzinfo=UTC), decision=decision)
        for number, decision in enumerate(decisions, start=1)
    ]
    corrections = list_corrections(rows.dataset, rows.raw, rows.keys, find_standings(entries))
    return correct_dataset(rows.dataset, rows.raw, rows.keys, corrections)
