"""Puts a row, its evidence and its decisions together as one item of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from cleanlab_assets.reports.issue_texts import get_issue_text
from cleanlab_assets.review_page.elements import Elements
from cleanlab_assets.review_page.evidence import Evidence
from cleanlab_assets.review_page.item import Item, Past, RowIssue
from cleanlab_assets.review_page.pictures import Pictures
from cleanlab_assets.reviews.corrections import to_text
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, Finding, describe_answer
from cleanlab_assets.reviews.rows import find_label_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from cleanlab_assets.review_page.audit import ReviewedAudit
    from cleanlab_assets.reviews.decisions import Entry
    from cleanlab_assets.reviews.standings import Standings

MAJORITY = "majority of the annotators"


class Items:
    """Makes the items of an audit."""

    def __init__(
        self,
        audit: ReviewedAudit,
        issues: pd.DataFrame,
        places: np.ndarray,
        keys: pd.Series[str],
        *,
        flags: Mapping[str, Sequence[str]],
        batch: pd.DataFrame | None = None,
    ) -> None:
        """Take the rows that can be shown.

        Args:
            audit: what is reviewed.
            issues: label issues of the rows that can be shown; of those that were not audited just the row id.
            places: their places in the raw table, int64 of shape (n_shown,).
            keys: their keys.
            flags: keys of the rows that other issue types flag, by issue type, see ``find_row_flags``.
            batch: the labelling batch with ``suggested_annotator`` and ``reason``, in a family that has it.
        """
        self._asked_for = {} if batch is None else _list_asked_for(batch)
        self._flags = {issue_type: frozenset(flagged) for issue_type, flagged in flags.items()}
        self._row_issues = find_row_issues(audit)
        self._audit, self._issues, self._places, self._keys = audit, issues, places, keys
        findings = audit.family.task.picture_findings
        self.pictures = Pictures(audit.rows, audit.find_table, findings)
        self._evidence = Evidence(
            audit.rows, issues, audit.find_table, audit.issues_by_model, draws_findings=findings is not None
        )
        self._evidence.prepare()
        of_elements = audit.family.task.element_issues
        self.elements = Elements(audit.rows, audit.find_table(of_elements) if of_elements else None)

    def show(self, label: Any) -> str:
        """Return a label as people read it."""
        return self._evidence.show(label)

    def build(self, at: int, standings: Standings, issue_type: str) -> Item:
        """Return a row with its evidence and what was decided of it.

        Args:
            at: its number among the rows that can be shown.
            standings: how the findings of the dataset stand.
            issue_type: what is decided of: its label and its elements, or another issue of the whole row.
        """
        issue, place = self._issues.iloc[at], int(self._places[at])
        row_id, key = str(issue["row_id"]), str(self._keys[at])
        given, seen = self._audit.rows.given.iloc[place], issue.get("given_label")
        finding, evidence, is_of_label = Finding(key, issue_type), self._evidence, issue_type == LABEL_ISSUE
        is_known = not pd.isna(issue["rank"])
        is_set = find_label_kind(self._audit.dataset) == "set"
        name = "given label"
        if given is None:
            name, given = MAJORITY if self._audit.dataset.panel is not None else name, seen
        text = to_text(self._audit.dataset, given if isinstance(given, list) or not pd.isna(given) else None)
        names, elements = self.elements.names_of(place), self.elements.list_elements(place, standings)
        whole = (Finding(key, found) for found in (LABEL_ISSUE, *self._flags))
        findings = (*whole, *(Finding(key, LABEL_ISSUE, name) for name in names))
        entries = sorted((entry for one in findings for entry in standings.history(one)), key=lambda one: -one.number)
        return Item(
            key=key,
            row_id=row_id,
            own_id=str(issue["own_id"]) if is_known and "own_id" in issue else "",
            split=str(issue["split"]) if is_known else "",
            given=None if text is None else evidence.show(given),
            given_name=name,
            given_note=self._say_what_the_audit_saw(issue, given) if is_known else "",
            suggested=evidence.show(issue["suggested_label"]),
            quality=float(issue["label_quality"]) if is_known else None,
            rank=int(issue["rank"]) if is_known else None,
            is_flagged=bool(issue["is_label_issue"]),
            reason=str(issue["reason"]) if is_known and "reason" in issue else "",
            kind_of_case=_say_kind(issue),
            issue=None if is_of_label else self._describe_issue(issue_type, row_id),
            flagged_as=[_name(found) for found, flagged in self._flags.items() if key in flagged],
            asked_for=self._asked_for.get(row_id, ""),
            state=standings.states.get(finding, ""),
            candidates=evidence.list_candidates(row_id, at, text) if is_of_label else [],
            probabilities=evidence.find_probabilities(row_id) if is_set else {},
            members=list(given) if isinstance(given, list) else [],
            findings=self.pictures.describe_findings(row_id),
            texts=evidence.list_texts(place),
            pictures=evidence.list_pictures(place),
            sentence=evidence.list_tokens(place),
            cells=evidence.list_cells(place),
            votes=evidence.list_votes(key),
            neighbors=evidence.list_neighbors(row_id),
            duplicates=evidence.list_duplicates(row_id),
            opinions=evidence.list_opinions(row_id),
            second_opinion=evidence.find_second_opinion(key, seen),
            elements=elements if is_of_label else [],
            n_more_elements=len(names) - len(elements) if is_of_label else 0,
            history=[_tell(entry) for entry in entries],
        )

    def _describe_issue(self, issue_type: str, row_id: str) -> RowIssue:
        table = self._row_issues
        scores = [] if table is None else table.loc[table["row_id"] == row_id, f"{issue_type}_score"].tolist()
        return RowIssue(
            issue_type=issue_type,
            shown=_name(issue_type),
            score=next((float(score) for score in scores if not pd.isna(score)), None),
            meaning=get_issue_text(issue_type, "").meaning,
        )

    def _say_what_the_audit_saw(self, issue: pd.Series[Any], given: Any) -> str:
        """Say that the audit saw another given label than the row has; empty where it saw the same."""
        is_planted = bool(issue.get("planted_error", False))
        if find_label_kind(self._audit.dataset) == "annotations":
            return "errors were planted on purpose in what the audit saw" if is_planted else ""
        seen, now = self.show(issue["given_label"]), self.show(given)
        if seen == now:
            return ""
        why = "an error that was planted on purpose" if is_planted else "the source has changed since"
        return f"the audit saw {seen}: {why}"


def _say_kind(issue: pd.Series[Any]) -> str:
    """Say which kind of case a flagged row is, and why; empty where it is not flagged, or that is not known."""
    kind = issue.get("kind_of_case")
    return "" if kind is None or pd.isna(kind) else f"{kind}: {issue['kind_reason']}"


def find_row_issues(audit: ReviewedAudit) -> pd.DataFrame | None:
    """Return what an audit found of rows beside their labels, see ``TaskFamily.row_issues``; None where it did not."""
    step = audit.family.task.row_issues
    return audit.find_table(step) if step else None


def _name(issue_type: str) -> str:
    return issue_type.replace("_", " ")


def _list_asked_for(batch: pd.DataFrame) -> dict[str, str]:
    """Return by row id whom the labelling batch asks, and why."""
    columns = batch[["row_id", "suggested_annotator", "reason"]].astype(str).itertuples(index=False)
    return {row_id: f"labelling batch: ask {annotator}, {reason}" for row_id, annotator, reason in columns}


def _tell(entry: Entry) -> Past:
    decision = entry.decision
    return Past(
        entry=entry.number,
        subject=decision.element or _name(decision.subject),
        reviewer=decision.reviewer,
        said=describe_answer(decision),
        made_at=f"{entry.made_at:%Y-%m-%d %H:%M}",
        note=decision.note,
        undone_by=entry.undone_by,
    )
