"""The ledger: every decision that was ever made, in a database. Nothing in it is changed, and nothing is deleted.

An undo is an entry, too, that names the one which it takes back. The database itself refuses updates and deletes, by
triggers. It is a file of SQLite, or PostgreSQL where a team shares it; an entry that was confirmed is on the disk.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from cleanlab_assets.datasets.errors import UnreadableInputError, cut
from cleanlab_assets.extras import require
from cleanlab_assets.reviews.decisions import Decision, Entry, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNDO = "undo"
VERSION = 1
BUSY_TIMEOUT_S = 30
_LOCK_NUMBER = 20_251_130
"""What takes turns at making the tables on PostgreSQL; any number that nobody else uses."""

_tables = sa.MetaData()
_version = sa.Table("review_ledger", _tables, sa.Column("version", sa.Integer, primary_key=True))
_rules = sa.Table(
    "review_rules",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
_entries = sa.Table(
    "review_entries",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("row_key", sa.Text, nullable=False),
    sa.Column("issue_type", sa.Text, nullable=False),
    sa.Column("element", sa.Text, nullable=False),
    sa.Column("given_label", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("rule", sa.Integer, sa.ForeignKey("review_rules.number")),
    sa.Column("undoes", sa.Integer, sa.ForeignKey("review_entries.number"), unique=True),
    sa.Index("review_entries_of_dataset", "dataset", "number"),
    sqlite_autoincrement=True,
)


class LedgerError(UnreadableInputError):
    """A ledger that cannot be opened, read or written; the message names it without its password."""


class Ledger:
    """The decisions on all datasets; opened with ``open_ledger``."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the database, whose tables exist."""
        self._engine = engine

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
        made_at, tokens = _now(), tokens or [uuid4().hex for _ in decisions]
        with self._write() as connection:
            number = None
            if rule:
                said = {"dataset": decisions[0].dataset, "rule": rule, "reviewer": decisions[0].reviewer}
                entered = connection.execute(_rules.insert().values(made_at=made_at, **said))
                number = (entered.inserted_primary_key or (None,))[0]
            rows = [
                _to_row(decision, token, made_at, number) for decision, token in zip(decisions, tokens, strict=True)
            ]
            known = self._find_tokens(connection, tokens)
            if new := [row for row in rows if row["token"] not in known]:
                connection.execute(_entries.insert(), new)
                known = self._find_tokens(connection, tokens)
            return [known[token] for token in tokens]

    def undo(self, numbers: Sequence[int], *, reviewer: str, note: str = "") -> list[int]:
        """Take entries back, by new entries, and return the numbers of these.

        Raises:
            LedgerError: there is no such entry, it is an undo, or it was taken back before.
        """
        made_at = _now()
        with self._write() as connection:
            found: dict[int, Any] = {}
            for some in _cut(numbers):
                asked = sa.select(_entries).where(_entries.c.number.in_(some))
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
                connection.execute(_entries.insert(), rows)
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
        undone = sa.select(_entries.c.undoes).where(_entries.c.undoes.is_not(None))
        asked = sa.select(_entries.c.number).where(_entries.c.rule == number, _entries.c.number.not_in(undone))
        with self._read() as connection:
            found = list(connection.execute(asked.order_by(_entries.c.number)).scalars())
        if not found:
            raise LedgerError(f"the ledger has no rule {number} of which an entry still counts")
        return found

    def read(self, dataset: str) -> list[Entry]:
        """Return every decision on a dataset in the order of the ledger, also those that were taken back."""
        asked = sa.select(_entries).where(_entries.c.dataset == dataset).order_by(_entries.c.number)
        with self._read() as connection:
            rows = connection.execute(asked).mappings().all()
        undone = {row["undoes"]: row["number"] for row in rows if row["verdict"] == UNDO}
        return [_to_entry(row, undone.get(row["number"])) for row in rows if row["verdict"] != UNDO]

    def read_rules(self, dataset: str) -> dict[int, str]:
        """Return the rules of a dataset by their numbers."""
        asked = sa.select(_rules.c.number, _rules.c.rule).where(_rules.c.dataset == dataset)
        with self._read() as connection:
            return {row.number: row.rule for row in connection.execute(asked)}

    def last_number(self, dataset: str) -> int:
        """Return the number of the latest entry on a dataset, an undo among them; 0 where there is none."""
        asked = sa.select(sa.func.max(_entries.c.number)).where(_entries.c.dataset == dataset)
        with self._read() as connection:
            return int(connection.execute(asked).scalar() or 0)

    def datasets(self) -> list[str]:
        """Return the names of the datasets with entries, in order."""
        asked = sa.select(_entries.c.dataset).distinct().order_by(_entries.c.dataset)
        with self._read() as connection:
            return list(connection.execute(asked).scalars())

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with _told_by_name(self._engine.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with _told_by_name(self._engine.url), self._engine.connect() as connection:
            yield connection

    @staticmethod
    def _find_tokens(connection: sa.Connection, tokens: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in _cut(tokens):
            asked = sa.select(_entries.c.token, _entries.c.number).where(_entries.c.token.in_(some))
            found |= {row.token: row.number for row in connection.execute(asked)}
        return found

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._engine.dispose()


def open_ledger(url: str) -> Ledger:
    """Open the ledger of a database, whose tables are made where they are missing.

    Args:
        url: of SQLAlchemy: ``sqlite:////path/ledger.db`` or ``postgresql://user:password@host/database``.

    Raises:
        LedgerError: the address is none, the database cannot be reached, or holds a ledger of another version.
        MissingExtraError: PostgreSQL is asked for, and its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except SQLAlchemyError as error:
        raise LedgerError(
            "CLEANLAB_DEMO_LEDGER_URL is no address of a database, expected sqlite:////path/ledger.db or "
            "postgresql://user:password@host/database"
        ) from error
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise LedgerError(f"{_show(parsed)}: found {parsed.get_backend_name()}, expected sqlite or postgresql")
    if parsed.get_backend_name() == "postgresql":
        require("a ledger in PostgreSQL", "dagster_postgres")  # it brings the driver
        parsed = parsed.set(drivername="postgresql+psycopg2")
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S} if _is_sqlite(parsed) else {})
    with _told_by_name(parsed), engine.begin() as connection:
        if not sa.inspect(connection).has_table(_version.name):  # the tables come all at once, or none of them
            _make_tables(connection)
        found = connection.execute(sa.select(sa.func.max(_version.c.version))).scalar()
        if found is None:
            connection.execute(_version.insert().values(version=VERSION))
        elif found != VERSION:
            raise LedgerError(f"{_show(parsed)}: found a ledger of version {found}, this program knows {VERSION}")
    return Ledger(engine)


def _cut(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut values into parts of which a statement may name all, in any database."""
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


def _make_tables(connection: sa.Connection) -> None:
    """Make tables, index and triggers that are missing; two programs may do so at once."""
    is_sqlite = _is_sqlite(connection.engine.url)
    if is_sqlite:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
    for table in _tables.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    for statement in _refuse_changes(is_sqlite=is_sqlite):
        connection.exec_driver_sql(statement)


def _refuse_changes(*, is_sqlite: bool) -> Iterator[str]:
    """Yield what makes the database refuse to change or delete entries."""
    refusal = "entries of the ledger are never changed"
    if is_sqlite:
        for table in (_entries.name, _rules.name):
            for change in ("update", "delete"):
                yield (
                    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{change} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
                )
        return
    yield (
        "CREATE OR REPLACE FUNCTION review_entries_are_kept() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
    )
    for table in (_entries.name, _rules.name):
        yield (
            f"CREATE OR REPLACE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION review_entries_are_kept()"
        )


@contextmanager
def _told_by_name(url: sa.URL) -> Iterator[None]:
    """Name the database, without its password, in what goes wrong with it."""
    try:
        yield
    except DBAPIError as error:
        told = str(error.orig or error).strip().splitlines()[0]
        raise LedgerError(f"the ledger {_show(url)} cannot be used: {told}") from None


def _show(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


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
