"""A review at work: which row comes next, what is shown of it, and what is entered into the ledger."""

from __future__ import annotations

from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.methods.flagged_cases import KINDS_OF_CASE
from cleanlab_assets.reports.formatting import format_share
from cleanlab_assets.review_page.item import OtherRow
from cleanlab_assets.review_page.items import Items, find_row_issues
from cleanlab_assets.review_page.messages import Place, Progress, QueueState, ReviewError, View
from cleanlab_assets.review_page.progress import LAST_DECISIONS, Outcome, advise_to_stop, read_sample
from cleanlab_assets.review_page.search import Search
from cleanlab_assets.reviews.audited_rows import find_row_flags
from cleanlab_assets.reviews.corrections import to_text
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, Seen, describe_answer
from cleanlab_assets.reviews.opinion_agreement import explain_no_order
from cleanlab_assets.reviews.queues import (
    CLASS_PAIR,
    DISAGREEMENTS,
    NEW_FLAGS,
    QUEUES,
    SECOND_OPINIONS,
    WORST_FIRST,
    QueuedRows,
    name_random_queue,
)
from cleanlab_assets.reviews.rows import find_label_kind
from cleanlab_assets.reviews.second_opinions import list_doubted
from cleanlab_assets.reviews.standings import Standings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.review_page.audit import ReviewedAudit
    from cleanlab_assets.review_page.elements import Judged
    from cleanlab_assets.review_page.messages import Answer, UndoRequest
    from cleanlab_assets.review_page.pictures import Pictures
    from cleanlab_assets.reviews.decisions import Decision, Entry, Value
    from cleanlab_assets.reviews.ledger import Ledger

MOST_PAIRS = 200
NOT_KNOWN_YET = "not known yet: it takes an audit before this one whose flags were kept"
NOT_TOLD_APART = "this audit does not tell kinds of flagged rows apart"
OUTCOMES = {
    "given is right": Outcome.RIGHT,
    "label is": Outcome.ERROR,
    "finding is right": Outcome.ERROR,
    "unclear": Outcome.UNCLEAR,
    "exclude the row": Outcome.EXCLUDED,
}
CHANGES_STEP, NEW_CHANGES = "issue_changes", ("new", "reopened")
"""The step that compares an audit with the one before, in a family that has it, and what it says of new flags."""
SECOND_OPINION_STEP, AGREEMENT_STEP = "second_opinion", "opinion_agreement"
"""The step of the second opinions, and the one that says whether they may order a queue."""
FLAGGED_CASES_STEP = "flagged_cases"
"""The step that says which kind of case each flagged row is, in a family that has it."""
LABELING_BATCH_STEP = "labeling_batch"
"""The step whose rows are the labelling batch, in a family that has it."""


class Review:
    """The review of one audit. Several threads may use it at once.

    The ledger is looked at before each answer, so that what others decided counts at once.
    """

    def __init__(self, audit: ReviewedAudit, ledger: Ledger, *, reviewer: str) -> None:
        """Read what is needed for all rows.

        Args:
            audit: what is reviewed.
            ledger: where decisions go.
            reviewer: who decides where the page does not say.

        Raises:
            NoAuditError: there is no audit.
        """
        self.audit, self.reviewer = audit, reviewer
        self.data_version = audit.data_version
        self._ledger, self._lock = ledger, RLock()
        self.rows = audit.rows
        batch = audit.find_table(LABELING_BATCH_STEP)
        self.issues = _add_rows(audit.issues, None if batch is None else batch["row_id"])
        places = [self.rows.find(str(row_id)) for row_id in self.issues["row_id"]]
        self._places = np.array(places, dtype=np.int64)
        self.keys = self.rows.keys.iloc[self._places].reset_index(drop=True)
        self._at = {key: at for at, key in enumerate(self.keys)}
        batch_keys = None if batch is None else [self.keys[at] for at in self._find_all(batch["row_id"])]
        changes = audit.find_table(CHANGES_STEP)
        new_keys = None if changes is None else frozenset(changes.loc[changes["change"].isin(NEW_CHANGES), "row_key"])
        opinions, agreement = audit.find_table(SECOND_OPINION_STEP), audit.find_value(AGREEMENT_STEP)
        self._why_not_doubted = explain_no_order(agreement)
        doubted = None if opinions is None or self._why_not_doubted else list_doubted(opinions)
        flags = find_row_flags(self.rows, find_row_issues(audit))
        cases = audit.find_table(FLAGGED_CASES_STEP)
        if cases is not None:
            self.issues = self.issues.join(cases.set_index("row_id")[["kind_of_case", "kind_reason"]], on="row_id")
        self._queued = QueuedRows(
            self.issues,
            self.keys,
            new_keys=new_keys,
            batch=batch_keys,
            doubted=doubted,
            kinds=self.issues.get("kind_of_case"),
            flags=flags,
        )
        self._items = Items(audit, self.issues, self._places, self.keys, flags=flags, batch=batch)
        self._search = Search(self.rows, self._places, self.keys)
        self._standings = Standings(self.rows)
        issue_types = (LABEL_ISSUE, *self._queued.issue_types.values())
        self._outcomes = {one: np.full(len(self.issues), Outcome.OPEN, dtype=np.int8) for one in issue_types}
        self._was_asked = {one: np.zeros(len(self.issues), dtype=bool) for one in issue_types}
        with self._lock:
            self._follow()
            for name in self._queued.names:
                self._size_up(name)

    @property
    def pictures(self) -> Pictures:
        """The pictures of its rows."""
        return self._items.pictures

    def describe(self) -> dict[str, Any]:
        """Return what the page must know before it shows a row."""
        dataset = self.rows.dataset
        with self._lock:
            self._follow()
            return {
                "dataset": dataset.name,
                "model": self.audit.partition.model,
                "reviewer": self.reviewer,
                "data_version": self.data_version,
                "label_kind": find_label_kind(dataset),
                "allowed": str(dataset.numeric_label or ""),
                "classes": list(dataset.class_names),
                "has_elements": self._items.elements.are_there,
                "queues": [self._size_up(name).model_dump() for name in (*QUEUES, *self._queued.issue_types)],
                "pairs": [pair._asdict() for pair in self._queued.pairs[:MOST_PAIRS]],
                "reports": list(self.audit.pages),
            }

    def show_next(self, place: Place, *, after: str = "", reviewer: str = "") -> View:
        """Return the next row of a queue that nobody decided.

        Args:
            place: the queue.
            after: key of the row that was shown; the first row of the queue comes next if empty.
            reviewer: who asks.

        Raises:
            QueueError: there is no such queue.
        """
        with self._lock:
            self._follow()
            at = self._find_next(place, after)
            return self._view(at, place, reviewer)

    def show(self, row: str, place: Place, *, reviewer: str = "") -> View:
        """Return a row by its key or its row id, decided or not.

        Raises:
            DecisionError: the dataset has no such row.
            ReviewError: it was not audited.
            QueueError: there is no such queue.
        """
        with self._lock:
            self._follow()
            return self._view(self._find(row), place, reviewer)

    def decide(self, answer: Answer) -> View:
        """Enter a decision, and return the next row once it is on the disk; after one of an element its row again.

        Raises:
            DecisionError: the dataset has no such row, element or label.
            ReviewError: the row was not audited, or another issue of it is asked of here than the page showed.
            QueueError: there is no such queue.
            LedgerError: the ledger cannot be written; in none of these cases is anything entered.
        """
        with self._lock:
            at, _ = self._find(answer.row), self._order(answer.place)  # before anything is entered
            asked = self._find_issue_type(at, answer.place)
            if answer.issue_type != asked:
                raise ReviewError(
                    f"found a decision on the issue type {quote(answer.issue_type)}, expected {quote(asked)}, as the "
                    "audit is now: load the page anew and decide again"
                )
            judged = self._items.elements.find(int(self._places[at]), answer.element) if answer.element else None
            decision = self.rows.decide(
                self.keys[at],
                answer.verdict,
                to_text(self.rows.dataset, answer.label) or "",
                reviewer=answer.reviewer or self.reviewer,
                note=answer.note,
                issue_type=answer.issue_type,
                element=answer.element,
                suggestion=None if judged is None else judged.suggestion,
                seen=self._describe_seen(at, answer, judged),
            )
            (number,) = self._ledger.decide([decision], tokens=[answer.token])
            told = f"entry {number}: {self.issues['row_id'].iloc[at]}: {_say(decision)}"
            if decision.element:
                view = self.show(self.keys[at], answer.place, reviewer=answer.reviewer)
            else:
                view = self.show_next(answer.place, after=self.keys[at], reviewer=answer.reviewer)
            return view.model_copy(update={"entry": number, "message": told})

    def undo(self, request: UndoRequest, place: Place) -> View:
        """Take a decision back, and return its row.

        Raises:
            ReviewError: the dataset has no such entry.
            QueueError: there is no such queue.
            LedgerError: it was taken back before, or the ledger cannot be written.
        """
        with self._lock:
            self._follow()
            _ = self._order(place)  # before anything is entered
            entry = self._standings.entries.get(request.entry)
            if entry is None:
                raise ReviewError(f"the ledger has no entry {request.entry} on {self.rows.dataset.name}")
            (number,) = self._ledger.undo([request.entry], reviewer=request.reviewer or self.reviewer)
            view = self.show(entry.decision.row_key, place, reviewer=request.reviewer)
            told = f"entry {number}: entry {request.entry} is taken back"
            return view.model_copy(update={"entry": number, "message": told})

    def search(self, text: str) -> list[OtherRow]:
        """Return rows by row id, key, or a text in one of their cells."""
        with self._lock:
            found = self._search.find(text)
            labels = self.issues["given_label"]
            return [
                OtherRow(
                    row_id=str(self.issues["row_id"].iloc[at]), label=self._items.show(labels.iloc[at]), note=where
                )
                for at, where in found
            ]

    def _follow(self) -> None:
        """Read what is new in the ledger."""
        for finding in self._standings.follow(self._ledger):
            at = self._at.get(finding.row_key)
            if at is None or finding.element or finding.issue_type not in self._outcomes:
                continue
            outcomes, was_asked = self._outcomes[finding.issue_type], self._was_asked[finding.issue_type]
            standing = self._standings.by_finding.get(finding)
            state = self._standings.states.get(finding)
            in_force = None if standing is None else standing.in_force
            if standing is None or state == "outdated":
                outcomes[at] = Outcome.OPEN
            else:
                outcomes[at] = Outcome.CONFLICT if in_force is None else _judge(in_force)
            entries, queue = () if standing is None else standing.entries, name_random_queue(finding.issue_type)
            was_asked[at] = any(entry.decision.seen.queue == queue for entry in entries)

    def _order(self, place: Place) -> np.ndarray:
        disputed = self.keys[self._outcomes[LABEL_ISSUE] == Outcome.CONFLICT] if place.queue == DISAGREEMENTS else ()
        return self._queued.order(place.queue, pair=place.pair, disputed=disputed)

    def _is_open(self, order: np.ndarray, place: Place) -> np.ndarray:
        if place.queue == DISAGREEMENTS:
            return np.ones(len(order), dtype=bool)
        is_open: np.ndarray = self._outcomes[self._issue_type_of(place)][order] == Outcome.OPEN
        return is_open

    def _issue_type_of(self, place: Place) -> str:
        """Return what is decided of in a queue."""
        return self._queued.issue_types.get(place.queue, LABEL_ISSUE)

    def _find_issue_type(self, at: int, place: Place) -> str:
        """Return what is decided of when a row is shown in a queue; of a row that does not stand in it the label."""
        issue_type = self._issue_type_of(place)
        return issue_type if issue_type == LABEL_ISSUE or at in self._order(place) else LABEL_ISSUE

    def _find_next(self, place: Place, after: str) -> int | None:
        """Return the next open row behind another one; behind the last the first one that was skipped."""
        order = self._order(place)
        is_open = self._is_open(order, place)
        here = np.flatnonzero(order == self._at.get(after, -1))
        start = int(here[0]) + 1 if len(here) else 0
        turned = np.roll(is_open, -start)
        return int(order[(start + int(turned.argmax())) % len(order)]) if turned.any() else None

    def _find(self, row: str) -> int:
        key = self.rows.keys.iloc[self.rows.find(row)]
        if key not in self._at:
            raise ReviewError(f"row {quote(row)} was not audited with {self.audit.partition.model}")
        return self._at[key]

    def _find_all(self, row_ids: pd.Series[str]) -> list[int]:
        return [self._at[self.rows.keys.iloc[self.rows.find(str(row_id))]] for row_id in row_ids]

    def _size_up(self, name: str) -> QueueState:
        if name == CLASS_PAIR and self._queued.pairs:
            return QueueState(name=name, size=sum(pair.n_rows for pair in self._queued.pairs), open=None)
        if name not in self._queued.names:
            absent = {
                NEW_FLAGS: NOT_KNOWN_YET,
                CLASS_PAIR: "no flagged row has another class suggested",
                SECOND_OPINIONS: self._why_not_doubted,
                **dict.fromkeys(KINDS_OF_CASE, NOT_TOLD_APART),
            }
            return QueueState(name=name, size=None, open=None, absent=absent.get(name, "this dataset has none"))
        order = self._order(Place(queue=name))
        return QueueState(name=name, size=len(order), open=int(self._is_open(order, Place(queue=name)).sum()))

    def _view(self, at: int | None, place: Place, reviewer: str) -> View:
        order = self._order(place)
        is_open = self._is_open(order, place)
        latest = self._last_of(reviewer or self.reviewer)
        progress = Progress(
            size=len(order),
            decided=int((~is_open).sum()),
            precision=self._say_precision(self._issue_type_of(place)),
            advice=advise_to_stop(self._latest_of_worst()) if place.queue == WORST_FIRST else "",
            undo=None if latest is None else latest.number,
            undo_said="" if latest is None else _say(latest.decision),
        )
        if at is None:
            return View(item=None, progress=progress)
        following = self._find_next(place, self.keys[at])
        upcoming = "" if following is None else str(self.keys[following])
        item = self._items.build(at, self._standings, self._find_issue_type(at, place))
        return View(item=item, progress=progress, upcoming=upcoming)

    def _say_precision(self, issue_type: str) -> str:
        queue = name_random_queue(issue_type)
        order = self._queued.order(queue)
        sample = read_sample(self._outcomes[issue_type][order], self._was_asked[issue_type][order])
        share = sample.estimate_precision()
        if share is None:
            return f"not measured yet: decide rows of the queue {queue!r}"
        bounds = f"{format_share(share.low)} to {format_share(share.high)}"
        are = "are errors" if issue_type == LABEL_ISSUE else "are found rightly"
        found = f"{sample.n_errors:,} of {sample.n_errors + sample.n_right:,} {are}"
        return f"{format_share(share.estimate)} ({found}; 95 %: {bounds})"

    def _latest_of_worst(self) -> Sequence[Outcome]:
        """Return what was decided last in the queue of the worst rows, in the order of the decisions."""
        latest = (entry for entry in reversed(self._standings.entries.values()) if entry.undone_by is None)
        of_rows = (entry for entry in latest if not entry.decision.element)
        of_worst = (entry for entry in of_rows if entry.decision.seen.queue == WORST_FIRST)
        return [_judge(entry) for entry in islice(of_worst, LAST_DECISIONS)][::-1]

    def _last_of(self, reviewer: str) -> Entry | None:
        latest = reversed(self._standings.entries.values())
        return next((one for one in latest if one.undone_by is None and one.decision.reviewer == reviewer), None)

    def _describe_seen(self, at: int, answer: Answer, judged: Judged | None) -> Seen:
        suggested, quality = self.issues["suggested_label"].iloc[at], self.issues["label_quality"].iloc[at]
        value: Value | None = None
        if not pd.isna(suggested):
            kind = find_label_kind(self.rows.dataset)
            value = float(suggested) if kind == "number" else str(suggested)
            if kind == "set":
                value = self.rows.dataset.split_label(str(suggested))
        if answer.element:
            value, quality = (None, None) if judged is None else judged
        return Seen(
            model=self.audit.partition.model,
            data_version=answer.data_version or self.data_version,
            suggested_label=value,
            quality=None if pd.isna(quality) else float(quality),
            queue=answer.place.queue,
        )


def _add_rows(issues: pd.DataFrame, others: pd.Series[str] | None) -> pd.DataFrame:
    """Add rows that were not audited, of which just the row id is known."""
    if others is None or others.isin(issues["row_id"]).all():
        return issues
    new = pd.DataFrame({"row_id": others[~others.isin(issues["row_id"])]})
    added = pd.concat([issues, new], ignore_index=True)
    return added.assign(is_label_issue=added["is_label_issue"].eq(True))  # noqa: FBT003 - missing is not flagged


def _say(decision: Decision) -> str:
    """Say in words what was decided of a row, or of which element of it."""
    said = describe_answer(decision)
    return f"{decision.subject}: {said}" if decision.subject else said


def _judge(entry: Entry) -> Outcome:
    """Say what was decided, as ``reviews.statistics.find_outcomes`` does."""
    outcome = OUTCOMES[entry.decision.answer[0]]
    is_of_label = entry.decision.issue_type == LABEL_ISSUE
    return Outcome.ERROR if outcome == Outcome.EXCLUDED and not is_of_label else outcome
