"""Who follows the ledger knows what it holds, however it came in, and reads each entry once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import Decision, Finding, find_standings
from cleanlab_assets.reviews.ledger import Ledger, News, open_ledger
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets.reviews.standings import Standings
from cleanlab_assets_tests.review_page.conftest import make_dataset, make_raw

LABELS = ("billing", "delivery")


@pytest.fixture(scope="module")
def rows() -> ReviewedRows:
    """The rows of the tickets."""
    return ReviewedRows(make_dataset(), make_raw())


def decide(rows: ReviewedRows, row: int, reviewer: str, label: str) -> Decision:
    """One decision; of a row that is not there, too."""
    key = str(rows.keys.iloc[row]) if row < len(rows.raw) else "gone"
    given = rows.given.iloc[row] if row < len(rows.raw) else "billing"
    said: dict[str, Any] = {"verdict": "label is", "label": label} if label else {"verdict": "unclear"}
    return Decision(dataset="tickets", row_key=key, given_label=given, reviewer=reviewer, **said)


def judge(rows: ReviewedRows, ledger: Ledger) -> dict[Finding, str]:
    """How each finding stands, of the whole ledger at once."""
    standings = find_standings(ledger.read("tickets"))
    table = list_corrections(rows.dataset, rows.raw, rows.keys, standings)
    return dict(zip(standings, table["state"], strict=True))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 99]), st.sampled_from("ab"), st.sampled_from(["", *LABELS]), st.booleans()),
        max_size=40,
    ),
    st.integers(1, 5),
)
def test_step_by_step_is_as_at_once(
    rows: ReviewedRows, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, str, bool]], every: int
) -> None:
    with open_ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}") as ledger:
        followed = Standings(rows)
        for turn, (row, reviewer, label, is_undo) in enumerate(steps):
            open_ones = [entry.number for entry in ledger.read("tickets") if entry.undone_by is None]
            if is_undo and open_ones:
                ledger.undo(open_ones[: 1 + turn % 2], reviewer=reviewer)
            else:
                ledger.decide([decide(rows, row, reviewer, label)])
            if turn % every == 0:
                followed.follow(ledger)
        followed.follow(ledger)
        assert followed.follow(ledger) == set(), "there is nothing new"
        assert list(followed.entries.values()) == ledger.read("tickets")
        assert followed.by_finding == find_standings(ledger.read("tickets"))
        assert followed.states == judge(rows, ledger)


def test_an_entry_that_shows_after_one_of_a_higher_number_is_not_missed(
    rows: ReviewedRows, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ledger(ledger_url) as ledger:
        numbers = ledger.decide([decide(rows, row, "ann", "") for row in range(3)])
        followed, whole = Standings(rows), ledger.read_news
        with monkeypatch.context() as patch:

            def hide(dataset: str, after: int) -> News:
                news = whole(dataset, after)
                return news._replace(entries=[entry for entry in news.entries if entry.number != numbers[1]])

            patch.setattr(ledger, "read_news", hide)
            assert len(followed.follow(ledger)) == 2
        assert [finding.row_key for finding in followed.follow(ledger)] == [rows.keys.iloc[1]]


def test_news_are_what_came_after_an_entry(rows: ReviewedRows, ledger_url: str) -> None:
    with open_ledger(ledger_url) as ledger:
        assert ledger.read_news("tickets", 0) == (0, [], {})
        first, second = ledger.decide([decide(rows, row, "ann", "billing") for row in (1, 2)])
        ledger.decide([Decision(dataset="other", row_key="1", given_label="a", verdict="unclear", reviewer="ann")])
        (undo,) = ledger.undo([first], reviewer="ann")
        news = ledger.read_news("tickets", first)
        assert (news.last, [entry.number for entry in news.entries], news.undone) == (undo, [second], {first: undo})
        assert ledger.read_news("tickets", undo) == (undo, [], {})


def test_what_was_read_is_not_read_again(rows: ReviewedRows, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_ledger(ledger_url) as ledger:
        ledger.decide([decide(rows, row % 30, "ann", "") for row in range(300)])
        followed, whole, lengths = Standings(rows), ledger.read_news, []

        def count(dataset: str, after: int) -> News:
            news = whole(dataset, after)
            lengths.append(len(news.entries))
            return news

        monkeypatch.setattr(ledger, "read_news", count)
        followed.follow(ledger)
        ledger.decide([decide(rows, 0, "bob", "billing")])
        assert len(followed.follow(ledger)) == 1
        assert lengths == [300, Standings.OVERLAP + 1]
