"""Which decisions are in force when several were made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from cleanlab_assets.reviews.decisions import Entry, Finding, find_standings
from cleanlab_assets_tests.reviews.conftest import decide

LABEL_IS_B = {"verdict": "label is", "label": "b"}
LABEL_IS_C = {"verdict": "label is", "label": "c"}
RIGHT: dict[str, Any] = {}
UNCLEAR = {"verdict": "unclear"}


def _enter(*made: tuple[str, dict[str, Any]], undone: tuple[int, ...] = ()) -> list[Entry]:
    return [
        Entry(
            number=number,
            made_at=datetime(2026, 1, 1, tzinfo=UTC),
            decision=decide(reviewer=reviewer, **said),
            undone_by=100 if number in undone else None,
        )
        for number, (reviewer, said) in enumerate(made, start=1)
    ]


@pytest.mark.parametrize(
    ("made", "undone", "in_force"),
    [
        ([("ann", LABEL_IS_B)], (), 1),
        ([("ann", LABEL_IS_B), ("ann", RIGHT)], (), 2),
        ([("ann", LABEL_IS_B), ("ann", RIGHT)], (2,), 1),
        ([("ann", LABEL_IS_B), ("bob", LABEL_IS_B)], (), 2),
        ([("ann", LABEL_IS_B), ("bob", LABEL_IS_C)], (), None),
        ([("ann", LABEL_IS_B), ("bob", LABEL_IS_C)], (1,), 2),
        ([("ann", LABEL_IS_B), ("bob", LABEL_IS_C), ("ann", LABEL_IS_C)], (), 3),
        ([("ann", LABEL_IS_B), ("bob", UNCLEAR)], (), 1),
        ([("ann", UNCLEAR), ("bob", UNCLEAR)], (), 2),
        ([("ann", RIGHT), ("bob", {"verdict": "label is", "label": "a"})], (), 2),
    ],
    ids=[
        "one",
        "a change of mind",
        "the change undone",
        "two agree",
        "two disagree",
        "one of them undone",
        "one gives in",
        "unclear contradicts nobody",
        "unclear to all",
        "the given label by name",
    ],
)
def test_what_is_in_force(
    made: list[tuple[str, dict[str, Any]]], undone: tuple[int, ...], in_force: int | None
) -> None:
    standings = find_standings(_enter(*made, undone=undone))

    standing = standings[Finding("row 1", "label")]
    assert standing.in_conflict == (in_force is None)
    assert (standing.in_force.number if standing.in_force else None) == in_force


def test_a_finding_whose_decisions_are_all_undone_is_open_again() -> None:
    assert find_standings(_enter(("ann", RIGHT), undone=(1,))) == {}


@pytest.mark.parametrize("said", [{"verdict": "label is"}, {"verdict": "unclear", "label": "b"}, {"reviewer": ""}])
def test_a_decision_that_says_two_things_or_nothing_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        decide(**said)
