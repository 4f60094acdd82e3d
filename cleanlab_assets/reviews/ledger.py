"""The ledger: every decision that was ever made, in a database. Nothing in it is changed, and nothing is deleted.

An undo is an entry, too, that names the one which it takes back. The database itself refuses updates and deletes, by
triggers. It is a file of SQLite, or PostgreSQL where a team shares it; an entry that was confirmed is on the disk.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.reviews.database import ENTRIES, RULES, LedgerError, now, open_database
from cleanlab_assets.reviews.decisions import Decision, Entry, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleanlab_assets.reviews.database import Database

UNDO = "undo"


class News(NamedTuple):
    """What came into the ledger after an entry.

    Attributes:
        last: number of the latest entry of all, an undo among them.
        entries: the decisions, in their order; none of them says whether it was taken back.
        undone: number of the entry that takes one back by the number of that one, which may be an old one.
    """

    last: int
    entries: list[Entry]
    undone: dict[int, int]


class Ledger:
    """The decisions on all datasets; opened with ``open_ledger``."""

    def __init__(self, database: Database) -> None:
        """Take the open database."""
        self._database = database

    def decide(
        self, decisions: Sequence[Decision], *, rule: str = "", tokens: Sequence[str] | None = None
    ) -> list[int]:
        """Enter decisions, all of them or none, and return their numbers once they are on the disk.

        Args:
            decisions: of one dataset.
            rule: why so many at once, where one decision is of many rows, such as ``label 'Cat' is 'cat'``.
            tokens: a text of the caller's own for each decision: one that was entered before is not entered again, so
                that a request whose answer was lost may be repeated.

        Raises:
            ValueError: the decisions are of several datasets.
            LedgerError: the database cannot be written.
        """
        if not decisions:
            return []
        if len({decision.dataset for decision in decisions}) > 1:
            raise ValueError("found decisions of several datasets, expected one")
        made_at, tokens = now(), tokens or [uuid4().hex for _ in decisions]
        with self._database.write() as connection:
            number = None
            if rule:
                said = {"dataset": decisions[0].dataset, "rule": rule, "reviewer": decisions[0].reviewer}
                entered = connection.execute(RULES.insert().values(made_at=made_at, **said))
                number = (entered.inserted_primary_key or (None,))[0]
            rows = [
                _to_row(decision, token, made_at, number) for decision, token in zip(decisions, tokens, strict=True)
            ]
            known = self._find_tokens(connection, tokens)
            if new := [row for row in rows if row["token"] not in known]:
                connection.execute(ENTRIES.insert(), new)
                known = self._find_tokens(connection, tokens)
            return [known[token] for token in tokens]

    def undo(self, numbers: Sequence[int], *, reviewer: str, note: str = "") -> list[int]:
        """Take entries back, by new entries, and return the numbers of these.

        Raises:
            LedgerError: there is no such entry, it is an undo, or it was taken back before.
        """
        made_at = now()
        with self._database.write() as connection:
            found: dict[int, Any] = {}
            for some in _cut(numbers):
                asked = sa.select(ENTRIES).where(ENTRIES.c.number.in_(some))
                found |= {row["number"]: row for row in connection.execute(asked).mappings()}
            if absent := sorted(set(numbers) - found.keys()):
                raise LedgerError(f"the ledger has no entry {absent[0]}")
            if undos := [number for number, row in found.items() if row["verdict"] == UNDO]:
                raise LedgerError(f"entry {undos[0]} takes another one back: decide anew in place of undoing it")
            rows = [
                {
                    **{name: found[number][name] for name in ("dataset", "row_key", "issue_type", "element")},
                    "token": uuid4().hex,
                    "made_at": made_at,
                    "verdict": UNDO,
                    "given_label": "null",
                    "label": "null",
                    "reviewer": reviewer,
                    "note": note,
                    "seen": "{}",
                    "undoes": number,
                }
                for number in numbers
            ]
            try:
                connection.execute(ENTRIES.insert(), rows)
            except IntegrityError as error:
                raise LedgerError(f"one of the entries {cut(str(list(numbers)))} was taken back before") from error
            tokens = [row["token"] for row in rows]
            known = self._find_tokens(connection, tokens)
            return [known[token] for token in tokens]

    def find_entries_of_rule(self, number: int) -> list[int]:
        """Return the numbers of the entries that follow from a rule and still count, in order.

        Raises:
            LedgerError: there is no such rule, or all of it was taken back before.
        """
        undone = sa.select(ENTRIES.c.undoes).where(ENTRIES.c.undoes.is_not(None))
        asked = sa.select(ENTRIES.c.number).where(ENTRIES.c.rule == number, ENTRIES.c.number.not_in(undone))
        with self._database.read() as connection:
            found = list(connection.execute(asked.order_by(ENTRIES.c.number)).scalars())
        if not found:
            raise LedgerError(f"the ledger has no rule {number} of which an entry still counts")
        return found

    def read(self, dataset: str) -> list[Entry]:
        """Return every decision on a dataset in the order of the ledger, also those that were taken back."""
        asked = sa.select(ENTRIES).where(ENTRIES.c.dataset == dataset).order_by(ENTRIES.c.number)
        with self._database.read() as connection:
            rows = connection.execute(asked).mappings().all()
        undone = {row["undoes"]: row["number"] for row in rows if row["verdict"] == UNDO}
        return [_to_entry(row, undone.get(row["number"])) for row in rows if row["verdict"] != UNDO]

    def read_news(self, dataset: str, after: int) -> News:
        """Return what came after an entry on a dataset, so that who follows the ledger reads each entry once.

        Args:
            dataset: its name.
            after: number of an entry; 0 for all.
        """
        asked = sa.select(ENTRIES).where(ENTRIES.c.dataset == dataset, ENTRIES.c.number > after)
        with self._database.read() as connection:
            rows = connection.execute(asked.order_by(ENTRIES.c.number)).mappings().all()
        return News(
            last=rows[-1]["number"] if rows else after,
            entries=[_to_entry(row, None) for row in rows if row["verdict"] != UNDO],
            undone={row["undoes"]: row["number"] for row in rows if row["verdict"] == UNDO},
        )

    def read_rules(self, dataset: str) -> dict[int, str]:
        """Return the rules of a dataset by their numbers."""
        asked = sa.select(RULES.c.number, RULES.c.rule).where(RULES.c.dataset == dataset)
        with self._database.read() as connection:
            return {row.number: row.rule for row in connection.execute(asked)}

    def last_number(self, dataset: str) -> int:
        """Return the number of the latest entry on a dataset, an undo among them; 0 where there is none."""
        asked = sa.select(sa.func.max(ENTRIES.c.number)).where(ENTRIES.c.dataset == dataset)
        with self._database.read() as connection:
            return int(connection.execute(asked).scalar() or 0)

    def last_numbers(self) -> dict[str, int]:
        """Return the number of the latest entry on each dataset that has any, by its name."""
        asked = sa.select(ENTRIES.c.dataset, sa.func.max(ENTRIES.c.number)).group_by(ENTRIES.c.dataset)
        with self._database.read() as connection:
            return {dataset: int(number) for dataset, number in connection.execute(asked)}

    def datasets(self) -> list[str]:
        """Return the names of the datasets with entries, in order."""
        asked = sa.select(ENTRIES.c.dataset).distinct().order_by(ENTRIES.c.dataset)
        with self._database.read() as connection:
            return list(connection.execute(asked).scalars())

    @staticmethod
    def _find_tokens(connection: sa.Connection, tokens: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in _cut(tokens):
            asked = sa.select(ENTRIES.c.token, ENTRIES.c.number).where(ENTRIES.c.token.in_(some))
            found |= {row.token: row.number for row in connection.execute(asked)}
        return found

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._database.close()


def open_ledger(url: str) -> Ledger:
    """Open the ledger of a database, whose tables are made where they are missing; see ``open_database``.

    Raises:
        LedgerError: the address is none, the database cannot be reached, or holds a ledger of another version.
        MissingExtraError: PostgreSQL is asked for, and its driver is not installed.
    """
    return Ledger(open_database(url))


def _cut(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut values into parts of which a statement may name all, in any database."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


def _to_row(decision: Decision, token: str, made_at: str, rule: int | None) -> dict[str, Any]:
    said = decision.model_dump(mode="json")
    for name in ("given_label", "label", "seen"):
        said[name] = json.dumps(said[name], ensure_ascii=False)
    return {**said, "token": token, "made_at": made_at, "rule": rule, "undoes": None}


def _to_entry(row: Any, undone_by: int | None) -> Entry:
    said = {name: row[name] for name in Decision.model_fields}
    for name in ("given_label", "label", "seen"):
        said[name] = json.loads(said[name])
    decision = Decision(**{**said, "seen": Seen(**said["seen"])})
    return Entry(
        number=row["number"],
        made_at=datetime.fromisoformat(row["made_at"]),
        decision=decision,
        rule=row["rule"],
        undone_by=undone_by,
    )
