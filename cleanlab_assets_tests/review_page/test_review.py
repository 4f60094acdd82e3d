"""Which row comes next: queues, several reviewers, and what is measured on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, NumericLabel, Panel
from cleanlab_assets.methods.flagged_cases import KINDS_OF_CASE
from cleanlab_assets.reports.formatting import format_share
from cleanlab_assets.review_page.messages import Answer, Place, ReviewError, UndoRequest
from cleanlab_assets.review_page.review import NOT_TOLD_APART
from cleanlab_assets.reviews.audited_rows import find_row_flags, name_audited_rows
from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import Decision, find_standings
from cleanlab_assets.reviews.queues import (
    CLASS_PAIR,
    DISAGREEMENTS,
    LABELING_BATCH,
    NEW_FLAGS,
    QUEUES,
    RANDOM_FLAGGED,
    RANDOM_UNFLAGGED,
    WORST_FIRST,
    QueueError,
    name_random_queue,
    order_randomly,
)
from cleanlab_assets.reviews.statistics import measure_reviews
from cleanlab_assets_tests.review_page.conftest import (
    CLASSES,
    N_FLAGGED,
    N_OUTLIERS,
    N_ROWS,
    SCRIPT,
    KnownAudit,
    make_audit,
    make_dataset,
    make_token,
    open_review,
)

if TYPE_CHECKING:
    from cleanlab_assets.review_page.messages import View
    from cleanlab_assets.review_page.review import Review
    from cleanlab_assets.reviews.ledger import Ledger

_numbers = iter(range(10**6))


def decide(
    review: Review, row: str, verdict: str = "given is right", label: str = "", *, queue: str = WORST_FIRST, **who: str
) -> View:
    place = Place(queue=queue)
    token = make_token(next(_numbers))
    return review.decide(Answer(row=row, verdict=verdict, label=label, token=token, place=place, **who))


def row_of(view: View) -> str | None:
    return None if view.item is None else view.item.row_id


def line(number: int) -> str:
    """The row id of the row of a rank."""
    return f"tickets.csv:{number + 1}"


def walk(review: Review, place: Place) -> list[str]:
    """The rows that skipping shows, until the first one comes again."""
    seen: list[str] = []
    view = review.show_next(place)
    while view.item is not None and view.item.row_id not in seen:
        seen.append(view.item.row_id)
        view = review.show_next(place, after=view.item.key)
    return seen


def test_the_worst_rows_come_first_and_skipped_ones_come_again(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    assert walk(review, Place()) == [line(rank) for rank in range(1, N_FLAGGED + 1)]
    last = review.show(line(N_FLAGGED), Place())
    assert last.item is not None
    assert row_of(review.show_next(Place(), after=last.item.key)) == line(1)


def test_each_kind_of_case_has_a_queue_with_its_rows_worst_first(audit: KnownAudit, ledger: Ledger) -> None:
    ranks = range(N_FLAGGED, 0, -1)
    kinds = [KINDS_OF_CASE[rank % 3] for rank in ranks]
    cases = {"row_id": map(line, ranks), "kind_of_case": pd.Categorical(kinds), "kind_reason": "as planted"}
    audit.tables["flagged_cases"] = pd.DataFrame(cases)
    review = open_review(audit, ledger)
    for at, kind in enumerate(KINDS_OF_CASE):
        place = Place(queue=kind)
        assert walk(review, place) == [line(rank) for rank in range(1, N_FLAGGED + 1) if rank % 3 == at]
        shown = review.show_next(place).item
        assert shown is not None
        assert shown.kind_of_case == f"{kind}: as planted"
    unflagged = review.show(line(N_FLAGGED + 1), Place()).item
    assert unflagged is not None
    assert unflagged.kind_of_case == ""


def test_there_are_no_queues_of_kinds_that_nobody_told_apart(audit: KnownAudit, ledger: Ledger) -> None:
    states = {queue["name"]: queue for queue in open_review(audit, ledger).describe()["queues"]}
    assert {states[kind]["absent"] for kind in KINDS_OF_CASE} == {NOT_TOLD_APART}
    with pytest.raises(QueueError, match="there is no queue 'likely wrong' here"):
        open_review(audit, ledger).show_next(Place(queue="likely wrong"))


def test_decided_rows_leave_every_queue_at_once(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    assert row_of(decide(review, line(1))) == line(2)
    assert row_of(decide(review, line(3), "unclear")) == line(4)
    for queue in (WORST_FIRST, RANDOM_FLAGGED):
        left = walk(review, Place(queue=queue))
        assert len(left) == N_FLAGGED - 2
        assert not {line(1), line(3)} & set(left)
    assert {queue["name"]: queue["open"] for queue in review.describe()["queues"]}[RANDOM_FLAGGED] == N_FLAGGED - 2


def test_the_random_queues_are_samples_of_their_own(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    flagged, unflagged = (walk(review, Place(queue=name)) for name in (RANDOM_FLAGGED, RANDOM_UNFLAGGED))
    assert sorted([*flagged, *unflagged]) == sorted(audit.issues["row_id"])
    assert len(flagged) == N_FLAGGED
    assert flagged != sorted(flagged, key=lambda row: int(row.split(":")[1]))
    assert walk(open_review(audit, ledger), Place(queue=RANDOM_FLAGGED)) == flagged, "the order is always the same"


def test_a_class_pair_is_a_queue(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    pairs = review.describe()["pairs"]
    assert {(pair["given"], pair["suggested"]) for pair in pairs} == {
        *(("billing", "delivery"), ("delivery", SCRIPT)),
        (SCRIPT, "billing"),
    }
    place = Place(queue=CLASS_PAIR, given="delivery", suggested=SCRIPT)
    assert walk(review, place) == [line(rank) for rank in (2, 5, 8, 11)]
    assert walk(review, Place(queue=CLASS_PAIR, given="delivery", suggested="billing")) == []


def test_flags_that_are_new_are_a_queue_where_they_are_known(audit: KnownAudit, ledger: Ledger) -> None:
    keys = audit.rows.keys
    kinds = {7: "new", 3: "reopened", 1: "persisting", 5: "new by another rule", N_FLAGGED + 3: "gone"}
    changes = pd.DataFrame({"row_key": [keys.iloc[rank - 1] for rank in kinds], "change": list(kinds.values())})
    review = open_review(replace(audit, tables={**audit.tables, "issue_changes": changes}), ledger)
    assert walk(review, Place(queue=NEW_FLAGS)) == [line(3), line(7)]


def test_what_another_reviewer_decided_shows_on_the_next_row(audit: KnownAudit, ledger: Ledger) -> None:
    ann, bob = open_review(audit, ledger), open_review(audit, ledger, reviewer="bob")
    decide(ann, line(1), "label is", "delivery")
    view = bob.show_next(Place())
    assert row_of(view) == line(2)
    assert view.progress.decided == 1
    shown = bob.show(line(1), Place())
    assert shown.item is not None
    assert [(past.reviewer, past.said) for past in shown.item.history] == [("ann", "label is 'delivery'")]
    assert shown.progress.undo is None, "the last decision of bob himself is taken back by his key"


def test_reviewers_who_disagree_make_a_queue(audit: KnownAudit, ledger: Ledger) -> None:
    ann, bob = open_review(audit, ledger), open_review(audit, ledger, reviewer="bob")
    assert walk(ann, Place(queue=DISAGREEMENTS)) == []
    decide(ann, line(2), "label is", "billing")
    decide(bob, line(2), "given is right")
    decide(ann, line(3), "unclear")
    decide(bob, line(3), "given is right")
    assert walk(ann, Place(queue=DISAGREEMENTS)) == [line(2)]
    assert line(2) not in walk(ann, Place())
    decide(bob, line(2), "label is", "billing", queue=DISAGREEMENTS)
    assert walk(ann, Place(queue=DISAGREEMENTS)) == []


def test_an_undo_brings_the_row_back(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    entered = decide(review, line(1))
    assert entered.entry is not None
    view = review.undo(UndoRequest(entry=entered.entry), Place())
    assert row_of(view) == line(1)
    assert view.item is not None
    assert [past.undone_by for past in view.item.history] == [view.entry]
    assert row_of(review.show_next(Place())) == line(1)


def test_a_decision_of_a_label_that_is_another_one_by_now_does_not_count(audit: KnownAudit, ledger: Ledger) -> None:
    decide(open_review(audit, ledger), line(1))
    raw = audit.raw.copy()
    raw.loc[0, "team"] = "delivery"
    review = open_review(replace(audit, raw=raw), ledger)
    view = review.show_next(Place())
    assert row_of(view) == line(1)
    assert view.item is not None
    assert view.item.state == "outdated"
    assert (view.item.given, view.item.given_note) == (
        "delivery",
        "the audit saw billing: the source has changed since",
    )


def test_the_precision_is_measured_by_the_random_queue_alone(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    order = walk(review, Place(queue=RANDOM_FLAGGED))
    label = {row: str(name) for row, name in zip(audit.issues["row_id"], audit.issues["suggested_label"], strict=True)}
    decide(review, order[4], "label is", label[order[4]])
    assert "not measured yet" in review.show_next(Place()).progress.precision, "it was decided in another queue"
    for row in order[:2]:
        decide(review, row, queue=RANDOM_FLAGGED)
    decide(review, order[2], "unclear", queue=RANDOM_FLAGGED)
    view = decide(review, order[5], "label is", label[order[5]], queue=RANDOM_FLAGGED)
    # Up to the last one that was asked: two right ones, one unclear, one skipped, and two errors, one of another queue.
    assert view.progress.precision == "50 % (2 of 4 are errors; 95 %: 16.7 % to 83.3 %)"
    decide(review, order[9], "label is", label[order[9]])
    assert review.show_next(Place()).progress.precision.startswith("50 % (2 of 4")


def test_who_finds_nothing_any_more_is_told_to_stop(ledger: Ledger) -> None:
    audit = make_audit()
    raw = pd.concat([audit.raw] * 2, ignore_index=True)
    raw["row_id"] = [f"tickets.csv:{number}" for number in range(2, 2 * N_ROWS + 2)]
    raw["message"] = [f"message {number}" for number in range(2 * N_ROWS)]
    issues = pd.concat([audit.issues] * 2, ignore_index=True).assign(
        row_id=raw["row_id"], is_label_issue=True, rank=np.arange(1, 2 * N_ROWS + 1)
    )
    review = open_review(KnownAudit(audit.dataset, raw, issues), ledger)
    for rank in range(1, 11):
        decide(review, line(rank), "label is", CLASSES[rank % 3])
    for rank in range(11, 58):
        view = decide(review, line(rank))
        assert view.progress.advice == ""
    assert decide(review, line(58)).progress.advice == "stop here: the last 50 held 2 errors"
    assert review.show_next(Place(queue=RANDOM_FLAGGED)).progress.advice == ""


def test_rows_of_the_labelling_batch_are_shown_though_nobody_audited_them(ledger: Ledger) -> None:
    audit = make_audit()
    dataset = make_dataset(
        panel=Panel(example="example", annotator="annotator"),
        columns=(
            Column(name="example", kind="categorical", is_feature=False),
            Column(name="annotator", kind="categorical", is_feature=False),
            Column(name="size", kind="numeric"),
            Column(name="team", kind="categorical", is_feature=False),
        ),
    )
    raw = pd.DataFrame(
        {
            "row_id": [f"votes.csv:{number}" for number in range(2, 8)],
            "example": ["a", "a", "a", "b", "b", "waiting"],
            "annotator": ["ann", "bob", SCRIPT, "ann", "bob", None],
            "size": [1.0, 1, 1, 2, 2, 3],
            "team": ["billing", "delivery", "billing", "delivery", "delivery", None],
        }
    )
    issues = audit.issues.iloc[:2].assign(row_id=["a", "b"])
    tables = {
        "labeling_batch": pd.DataFrame(
            {
                "row_id": ["waiting", "b"],
                "rank": [1, 2],
                "suggested_annotator": ["bob", SCRIPT],
                "reason": ["has no label yet", "its annotators disagree"],
            }
        ),
        "annotator_quality": pd.DataFrame({"annotator": ["ann", "bob"], "annotator_quality": [0.9, 0.5]}),
    }
    review = open_review(KnownAudit(dataset, raw, issues, tables), ledger)
    place = Place(queue=LABELING_BATCH)
    assert walk(review, place) == ["waiting", "b"]
    view = review.show_next(place)
    assert view.item is not None
    assert (view.item.rank, view.item.votes) == (None, [])
    assert view.item.asked_for == "labelling batch: ask bob, has no label yet"
    assert row_of(decide(review, "waiting", "label is", "billing", queue=LABELING_BATCH)) == "b"
    assert walk(review, Place(queue=RANDOM_UNFLAGGED)) == [], "who was not audited is no part of the sample"

    shown = review.show("a", Place()).item
    assert shown is not None
    assert (shown.given, shown.given_name) == ("billing", "majority of the annotators")
    assert shown.asked_for == "", "the batch does not ask for it"
    assert [(vote.annotator, vote.label, vote.quality) for vote in shown.votes] == [
        *(("ann", "billing", "0.9"), ("bob", "delivery", "0.5")),
        (SCRIPT, "billing", ""),
    ]


def test_numbers_are_decided_as_numbers(ledger: Ledger) -> None:
    audit = make_audit()
    dataset = make_dataset(
        class_names=(),
        numeric_label=NumericLabel(minimum=0.0),
        columns=(*audit.dataset.columns[:-1], Column(name="team", kind="numeric", is_feature=False)),
    )
    raw = audit.raw.assign(team=np.arange(N_ROWS, dtype=float))
    issues = audit.issues.assign(given_label=raw["team"], suggested_label=raw["team"] + 0.5)
    review = open_review(KnownAudit(dataset, raw, issues), ledger)
    told = review.describe()
    assert (told["label_kind"], told["allowed"], told["pairs"]) == ("number", "numbers of at least 0", [])
    view = review.show(line(3), Place())
    assert view.item is not None
    assert view.item.given == "2"
    assert [(one.label, one.probability) for one in view.item.candidates] == [("2.5", None)]
    decide(review, line(3), "label is", "2.75")
    (entry,) = ledger.read("tickets")
    assert (entry.decision.given_label, entry.decision.label) == (2.0, 2.75)
    assert entry.decision.seen.suggested_label == 2.5


def test_sets_of_classes_are_decided_as_sets(ledger: Ledger) -> None:
    audit = make_audit()
    raw = audit.raw.assign(team=["billing|delivery", "", *["billing"] * (N_ROWS - 2)])
    issues = audit.issues.assign(given_label=raw["team"], suggested_label="delivery")
    tables = {"predictions": audit.tables["predictions"]}
    review = open_review(KnownAudit(make_dataset(label_separator="|"), raw, issues, tables), ledger)
    item = review.show(line(1), Place()).item
    assert item is not None
    assert (item.given, item.members) == ("billing, delivery", ["billing", "delivery"])
    assert [(one.label, one.shown) for one in item.candidates] == [(["delivery"], "delivery")]
    assert item.probabilities.keys() == set(CLASSES)
    empty = review.show(line(2), Place()).item
    assert empty is not None
    assert (empty.given, empty.members) == ("(no class)", [])
    review.decide(Answer(row=line(1), verdict="label is", label=["billing", SCRIPT], token=make_token(10**7)))
    review.decide(Answer(row=line(3), verdict="label is", label=[], token=make_token(10**7 + 1)))
    assert [entry.decision.label for entry in ledger.read("tickets")] == [["billing", SCRIPT], []]


@pytest.mark.parametrize("queue", QUEUES)
def test_a_queue_is_empty_or_absent_where_nothing_is_flagged(ledger: Ledger, queue: str) -> None:
    audit = make_audit()
    issues = audit.issues.assign(is_label_issue=False)
    review = open_review(replace(audit, issues=issues), ledger)
    state = next(found for found in review.describe()["queues"] if found["name"] == queue)
    expected = {RANDOM_UNFLAGGED: N_ROWS, WORST_FIRST: 0, RANDOM_FLAGGED: 0, DISAGREEMENTS: 0}
    assert state["size"] == expected.get(queue)
    assert bool(state["absent"]) == (queue not in expected)


def test_decisions_of_other_issues_and_elements_leave_the_row_open(audit: KnownAudit, ledger: Ledger) -> None:
    review = open_review(audit, ledger)
    key = str(audit.rows.keys.iloc[0])
    known = {"dataset": "tickets", "row_key": key, "given_label": "billing", "verdict": "unclear", "reviewer": "bob"}
    ledger.decide([Decision(**known, issue_type="outlier"), Decision(**known, element="box 1")])
    assert row_of(review.show_next(Place())) == line(1)


def test_each_issue_type_that_flags_rows_has_a_random_queue(audit: KnownAudit, ledger: Ledger) -> None:
    """Its decisions say how right its flags are, and neither decide nor change a label."""
    review, queue = open_review(audit, ledger), name_random_queue("outlier")
    named = [found["name"] for found in review.describe()["queues"]]
    assert named == [*QUEUES, queue], "none of a type that flags nothing, of the order of the rows, or of the label"
    order = order_randomly(audit.rows.keys[-N_OUTLIERS:])
    view = review.show_next(Place(queue=queue))
    said = ("finding is right", "given is right", "exclude the row", "unclear")
    for number, verdict in enumerate(said):
        assert view.item is not None
        assert view.item.key == order[number]
        assert view.item.issue is not None
        assert (view.item.issue.issue_type, view.item.candidates, view.item.elements) == ("outlier", [], [])
        assert view.item.flagged_as == ["outlier"]
        view = decide(review, view.item.key, verdict, queue=queue, issue_type="outlier")
    assert view.progress.decided == len(said)
    assert "2 of 3 are found rightly" in view.progress.precision
    assert view.progress.undo_said == "outlier: unclear"
    labels = review.show_next(Place(queue=RANDOM_UNFLAGGED)).progress
    assert (labels.decided, labels.precision[:16]) == (0, "not measured yet")

    standings = find_standings(ledger.read("tickets"))
    rows, entries = audit.rows, ledger.read("tickets")
    corrections = list_corrections(rows.dataset, rows.raw, rows.keys, standings)
    flags = find_row_flags(rows, audit.tables["row_issues"])
    found = measure_reviews(name_audited_rows(rows, audit.issues), corrections, entries, standings, flags=flags)
    outlier = next(one for one in found.precision if one.issue_type == "outlier")
    assert (outlier.sample.n_errors, outlier.sample.n_right, outlier.sample.n_unclear) == (2, 1, 1)
    assert outlier.share is not None
    assert format_share(outlier.share.low) in view.progress.precision, "the page says what the statistics say"

    # A row that does not stand in the queue is asked of its label, and is so told.
    other = review.show(str(audit.rows.keys[0]), Place(queue=queue)).item
    assert other is not None
    assert (other.issue, other.flagged_as, bool(other.candidates)) == (None, [], True)
    past = review.show(order[0], Place()).item
    assert past is not None
    assert [(one.subject, one.said) for one in past.history] == [("outlier", "finding is right")]
    assert past.state == "", "its label is open"


def test_a_decision_on_what_the_page_did_not_show_is_refused(audit: KnownAudit, ledger: Ledger) -> None:
    review, queue = open_review(audit, ledger), name_random_queue("outlier")
    outlier, other = str(audit.rows.keys[N_ROWS - 1]), str(audit.rows.keys[0])
    for row, at, issue_type in (
        (outlier, queue, "label"),
        (other, queue, "outlier"),
        (outlier, WORST_FIRST, "outlier"),
    ):
        with pytest.raises(ReviewError, match="load the page anew and decide again"):
            decide(review, row, queue=at, issue_type=issue_type)
    assert ledger.read("tickets") == []
