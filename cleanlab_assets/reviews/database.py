"""The database of reviews: its tables, and how it is opened. Nothing in it is changed, and nothing is deleted.

The database itself refuses updates and deletes, by triggers. It is a file of SQLite, or PostgreSQL where a team shares
it; what was confirmed is on the disk.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
BUSY_TIMEOUT_S = 30
_LOCK_NUMBER = 20_251_130
"""What takes turns at making the tables on PostgreSQL; any number that nobody else uses."""

_tables = sa.MetaData()
_version = sa.Table("review_ledger", _tables, sa.Column("version", sa.Integer, primary_key=True))
RULES = sa.Table(
    "review_rules",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
ENTRIES = sa.Table(
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
AUDITS = sa.Table(
    "audits",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("data_version", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("n_audited", sa.Integer, nullable=False),
    sa.Column("n_flagged", sa.Integer, nullable=False),
    sa.Column("follows", sa.Integer, nullable=False),  # number of the audit before it, 0 for the first
    sa.UniqueConstraint("family", "dataset", "model", "follows", name="audits_follow_each_other"),
    sqlite_autoincrement=True,
)
AUDIT_FINDINGS = sa.Table(
    "audit_findings",
    _tables,
    sa.Column("audit", sa.Integer, sa.ForeignKey("audits.number"), primary_key=True),
    sa.Column("row_key", sa.Text, primary_key=True),
    sa.Column("issue_type", sa.Text, primary_key=True),
    sa.Column("row_id", sa.Text, nullable=False),
    sa.Column("given_label", sa.Text, nullable=False),
    sa.Column("quality", sa.Float, nullable=False),
)
ACCEPTED_AUDITS = sa.Table(
    "accepted_audits",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("audit", sa.Integer, sa.ForeignKey("audits.number"), nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
SECOND_OPINIONS = sa.Table(
    "second_opinions",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("made_at", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("row_key", sa.Text, nullable=False),
    sa.Column("language_model", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),  # hash of all that the language model was shown
    sa.Column("verdict", sa.Text, nullable=False),  # JSON, empty where there is none
    sa.Column("reason", sa.Text, nullable=False),  # why there is none
    sa.Column("input_tokens", sa.Integer, nullable=False),
    sa.Column("output_tokens", sa.Integer, nullable=False),
    sa.UniqueConstraint("dataset", "row_key", "language_model", "question", name="each_question_is_asked_once"),
    sqlite_autoincrement=True,
)
_KEPT = (ENTRIES, RULES, AUDITS, AUDIT_FINDINGS, ACCEPTED_AUDITS, SECOND_OPINIONS)
"""The tables in which nothing is ever changed."""


class LedgerError(UnreadableInputError):
    """A ledger that cannot be opened, read or written; the message names it without its password."""


class Database:
    """An open database whose tables exist; opened with ``open_database``."""

    def __init__(self, engine: sa.Engine) -> None:
        """Take the database, whose tables exist."""
        self._engine = engine

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Write all of a block, or none of it."""
        with _told_by_name(self._engine.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Read what was confirmed."""
        with _told_by_name(self._engine.url), self._engine.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()


def now() -> str:
    """Return the time of an entry, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def open_database(url: str) -> Database:
    """Open the database of the ledger, whose tables are made where they are missing.

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
        if not _tables.tables.keys() <= set(sa.inspect(connection).get_table_names()):
            _make_tables(connection)
        found = connection.execute(sa.select(sa.func.max(_version.c.version))).scalar()
        if found is None:
            connection.execute(_version.insert().values(version=VERSION))
        elif found != VERSION:
            raise LedgerError(f"{_show(parsed)}: found a ledger of version {found}, this program knows {VERSION}")
    return Database(engine)


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
        for table in (kept.name for kept in _KEPT):
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
    for table in (kept.name for kept in _KEPT):
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
