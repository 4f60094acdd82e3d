"""The ledger keeps everything that it confirmed, on SQLite and on PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from cleanlab_assets.reviews.database import LedgerError
from cleanlab_assets.reviews.decisions import Seen
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets_tests.reviews.conftest import decide

if TYPE_CHECKING:
    from pathlib import Path


def test_decisions_are_read_back_as_they_were_made(ledger_url: str) -> None:
    seen = Seen(model="knn", data_version="v1", suggested_label="b", quality=0.03, queue="worst first")
    made = [
        decide("ü | 1", seen=seen, note="clear"),
        decide("2", verdict="label is", label="b", element="token 3"),
        decide("3", verdict="label is", given_label=1.5, label=2.25),
        decide("4", verdict="label is", given_label=["calm"], label=["calm", "sad"]),
        decide("5", given_label=None, verdict="exclude the row", issue_type="outlier"),
    ]
    with open_ledger(ledger_url) as ledger:
        numbers = ledger.decide(made)
        ledger.decide([decide(dataset="other")])

    with open_ledger(ledger_url) as ledger:
        entries = ledger.read("tickets")
        assert [entry.decision for entry in entries] == made
        assert [entry.number for entry in entries] == numbers == sorted(numbers)
        assert entries[0].made_at.utcoffset() is not None
        assert (ledger.datasets(), ledger.last_number("tickets")) == (["other", "tickets"], numbers[-1])
        assert ledger.last_number("never seen") == 0
        assert ledger.last_numbers() == {"other": numbers[-1] + 1, "tickets": numbers[-1]}


def test_one_decision_of_many_rows_is_one_rule_and_each_row_can_be_undone(ledger_url: str) -> None:
    with open_ledger(ledger_url) as ledger:
        many = [decide(str(row), verdict="label is", given_label="Cat", label="cat") for row in range(1200)]
        numbers = ledger.decide(many, rule="label 'Cat' is 'cat'")
        ledger.undo([numbers[7]], reviewer="bob", note="a lynx")

        entries = ledger.read("tickets")
        assert len(entries) == 1200
        assert list(ledger.read_rules("tickets").values()) == ["label 'Cat' is 'cat'"]
        assert {entry.rule for entry in entries} == set(ledger.read_rules("tickets"))
        assert [entry.decision.row_key for entry in entries if entry.undone_by] == ["7"]


def test_all_decisions_of_a_call_are_entered_or_none(ledger_url: str) -> None:
    with open_ledger(ledger_url) as ledger:
        with pytest.raises(LedgerError):
            ledger.decide([decide("1"), decide("2")], rule="twice", tokens=["same", "same"])
        assert ledger.read("tickets") == []
        assert ledger.read_rules("tickets") == {}


def test_a_repeated_request_enters_nothing_twice(ledger_url: str) -> None:
    with open_ledger(ledger_url) as ledger:
        first = ledger.decide([decide("1")], tokens=["t1"])
        again = ledger.decide([decide("1"), decide("2")], tokens=["t1", "t2"])

        assert again[0] == first[0]
        assert [entry.decision.row_key for entry in ledger.read("tickets")] == ["1", "2"]


@pytest.mark.parametrize("wrong", ["absent", "undone before", "an undo"])
def test_what_cannot_be_undone_is_said(ledger_url: str, wrong: str) -> None:
    with open_ledger(ledger_url) as ledger:
        number = ledger.decide([decide()])[0]
        undo = ledger.undo([number], reviewer="ann")[0]
        asked, message = {
            "absent": (99, "no entry 99"),
            "undone before": (number, "was taken back before"),
            "an undo": (undo, "takes another one back"),
        }[wrong]
        with pytest.raises(LedgerError, match=message):
            ledger.undo([asked], reviewer="ann")
        assert ledger.last_number("tickets") == undo


@pytest.mark.parametrize("table", ["review_entries", "review_rules"])
@pytest.mark.parametrize("change", ["UPDATE {} SET reviewer = 'eve'", "DELETE FROM {}"])
def test_the_database_itself_refuses_changes(ledger_url: str, table: str, change: str) -> None:
    with open_ledger(ledger_url) as ledger:
        ledger.decide([decide()], rule="one")
    engine = sa.create_engine(ledger_url)

    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.exec_driver_sql(change.format(table))

    engine.dispose()
    with open_ledger(ledger_url) as ledger:
        assert [entry.decision for entry in ledger.read("tickets")] == [decide()]


def test_reviewers_at_once_lose_nothing(ledger_url: str) -> None:
    def work(reviewer: int) -> list[int]:
        with open_ledger(ledger_url) as ledger:  # each makes the tables, too
            return [ledger.decide([decide(str(row), reviewer=f"r{reviewer}")])[0] for row in range(25)]

    with ThreadPoolExecutor(4) as threads:
        numbers = [number for found in threads.map(work, range(4)) for number in found]

    with open_ledger(ledger_url) as ledger:
        found = {(entry.decision.reviewer, entry.decision.row_key) for entry in ledger.read("tickets")}
        assert sorted(entry.number for entry in ledger.read("tickets")) == sorted(numbers)
    assert found == {(f"r{reviewer}", str(row)) for reviewer in range(4) for row in range(25)}


WRITE_UNTIL_KILLED = """
import sys
from cleanlab_assets.reviews.decisions import Decision
from cleanlab_assets.reviews.ledger import open_ledger

with open_ledger(sys.argv[1]) as ledger:
    for row in range(100_000):
        said = dict(dataset="tickets", row_key=str(row), given_label="a", verdict="given is right", reviewer="ann")
        print(ledger.decide([Decision(**said)])[0], flush=True)
"""


def test_a_killed_program_loses_nothing_that_was_confirmed(ledger_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_UNTIL_KILLED, ledger_url], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(40)]
        writer.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in writer.stdout if line.endswith("\n")]

    with open_ledger(ledger_url) as ledger:
        kept = [entry.number for entry in ledger.read("tickets")]
        assert set(confirmed) <= set(kept)
        assert len(kept) - len(confirmed) <= 1, "one may have been entered whose confirmation was on its way"
        assert ledger.decide([decide("after")])[0] > kept[-1]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is no address of a database"),
        ("mysql://user:secret@host/db", "found mysql, expected sqlite or postgresql"),
        ("sqlite:////nowhere/at/all/ledger.db", "unable to open database file"),
        ("postgresql://user:secret@127.0.0.1:1/db", "refused"),
    ],
)
def test_a_ledger_that_cannot_be_had_is_named_without_its_password(url: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message) as error:
        open_ledger(url)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    open_ledger(url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE review_ledger SET version = 7")
    engine.dispose()

    with pytest.raises(LedgerError, match="found a ledger of version 7, this program knows 1"):
        open_ledger(url)
