"""The gates on reviews and changes, each at its limit."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration.issue_changes import IssueChangesFacts, no_new_label_issues
from cleanlab_assets.orchestration.review_statistics import precision_is_known
from cleanlab_assets.orchestration.reviews import CorrectionsFacts, corrections_applied
from cleanlab_assets.reviews.changes import CHANGES
from cleanlab_assets.reviews.corrections import STATES
from cleanlab_assets.reviews.queues import RANDOM_FLAGGED, order_randomly
from cleanlab_assets_tests.reviews.test_statistics import Reviewed

CONTEXT: Any = None
"""These checks look at their results alone."""


def change(*, limit: int = 0, rule_changes: tuple[str, ...] = (), base: int | None = 9, **changes: int) -> Any:
    names = {name.replace(" ", "_"): name for name in CHANGES}
    facts = IssueChangesFacts(
        changes={**dict.fromkeys(CHANGES, 0), **{names[name]: number for name, number in changes.items()}},
        n_audited=200,
        limit=limit,
        base_flagged=base,
        is_base_accepted=True,
        rule_changes=list(rule_changes),
    )
    return Result(value=pd.DataFrame(), facts=facts)


@pytest.mark.parametrize(
    ("found", "passes", "told"),
    [
        (
            change(new=2, reopened=1, limit=3),
            True,
            "3 of 200 labels are newly flagged since the accepted audit; limit 3",
        ),
        (
            change(new=2, reopened=2, limit=3),
            False,
            "4 of 200 labels are newly flagged since the accepted audit; limit 3",
        ),
        (change(persisting=50, gone=5, resolved_by_correction=3), True, "0 of 200"),
        (change(new=9, base=None), True, "the first audit, with 9 flagged: there is nothing to compare with"),
        (
            change(new_by_another_rule=9, rule_changes=("folds 2 -> 3",)),
            True,
            "(folds 2 -> 3): what is new of the data",
        ),
    ],
)
def test_only_what_is_new_of_the_data_counts(found: Any, *, passes: bool, told: str) -> None:
    judged = no_new_label_issues.run(CONTEXT, issue_changes=found)
    assert judged.passed == passes
    assert told in judged.description


def correct(*rows: tuple[str, str, str | None, str | None]) -> Any:
    table = pd.DataFrame(rows, columns=["state", "decision", "given_label", "decided_label"])
    states = {state: int((table["state"] == state).sum()) for state in STATES}
    return Result(value=table, facts=CorrectionsFacts(states=states, notes=[]))


@pytest.mark.parametrize(
    ("found", "n_waiting"),
    [
        (correct(), 0),
        (correct(("in force", "label is", "a", "b"), ("done", "label is", "a", "b")), 1),
        (correct(("in force", "exclude the row", "a", None)), 1),
        (correct(("in force", "label is", "a", "a"), ("in force", "given is right", "a", None)), 0),
        (correct(("outdated", "label is", "a", "b"), ("conflict", "ann: unclear", "a", None)), 0),
    ],
)
def test_corrections_wait_until_the_source_has_them(found: Any, n_waiting: int) -> None:
    judged = corrections_applied.run(CONTEXT, corrections=found)
    assert judged.passed == (n_waiting == 0)
    assert judged.description.startswith(f"{n_waiting} corrections are not in the source yet")


@pytest.mark.parametrize(("n_decided", "passes"), [(0, True), (1, False), (49, False), (50, True)])
def test_precision_is_asked_for_from_the_first_decision_on(n_decided: int, *, passes: bool) -> None:
    reviewed = Reviewed(400, 200)
    reviewed.read(order_randomly(reviewed.flagged)[:n_decided], RANDOM_FLAGGED)
    found = Result(value=reviewed.measure(), facts=NoFacts())
    judged = precision_is_known.run(CONTEXT, review_statistics=found)
    assert judged.passed == passes
    assert ("no row of this audit was reviewed yet" in judged.description) == (not n_decided)


def test_a_few_flags_that_were_all_read_are_enough() -> None:
    reviewed = Reviewed(400, 5)
    reviewed.read(reviewed.flagged, "")
    found = Result(value=reviewed.measure(), facts=NoFacts())
    assert precision_is_known.run(CONTEXT, review_statistics=found).passed
