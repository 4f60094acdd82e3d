"""What each finished audit left: which labels it flagged, and by which rule. It lies beside the ledger of decisions.

Audits of a dataset and model follow each other. One whose label issues are those of the audit before it leaves nothing,
so that a repeated run counts once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pandas as pd
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError

from cleanlab_assets.reviews.database import ACCEPTED_AUDITS, AUDIT_FINDINGS, AUDITS, LedgerError, now, open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.reviews.database import Database

FLAG_COLUMNS = ("row_key", "issue_type", "row_id", "given_label", "quality")
"""Columns of the flags of an audit: texts, and the label quality in [0, 1]."""
_ATTEMPTS = 20
"""How many audits of one dataset and model may be recorded at once before one of them gives up."""


class _OvertakenError(Exception):
    """Another audit of the same dataset and model was recorded meanwhile."""


class Audited(NamedTuple):
    """Of what audits are: they are compared with those of the same family, dataset and model alone."""

    family: str
    dataset: str
    model: str


class Audit(BaseModel):
    """An audit as it was recorded.

    Attributes:
        number: its place among the audits of all datasets, from 1.
        made_at: when it was recorded, UTC.
        data_version: of its label issues.
        rule: what decides flags beside the data, by name: settings, code versions and library versions.
        n_audited: rows that it judged.
        n_flagged: rows that it flagged.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    made_at: datetime
    data_version: str
    rule: dict[str, str]
    n_audited: int
    n_flagged: int


class AuditHistory:
    """The audits of all datasets; opened with ``open_audit_history``."""

    def __init__(self, database: Database) -> None:
        """Take the open database."""
        self._database = database

    def record(
        self, audited: Audited, flags: pd.DataFrame, *, data_version: str, rule: dict[str, str], n_audited: int
    ) -> Audit:
        """Record an audit, unless its label issues are those of the audit before it, and return it.

        Args:
            audited: family, dataset and model.
            flags: the flagged rows, see ``FLAG_COLUMNS``.
            data_version: of the label issues.
            rule: what decides flags beside the data, by name.
            n_audited: rows that were judged.

        Raises:
            LedgerError: the database cannot be written.
        """
        for _ in range(_ATTEMPTS):
            latest = self._find_latest(audited)
            if latest is not None and (latest.data_version, latest.rule) == (data_version, rule):
                return latest
            said = {"data_version": data_version, "rule": rule, "n_audited": n_audited, "n_flagged": len(flags)}
            try:
                return self._enter(audited, said, flags, follows=latest.number if latest else 0)
            except _OvertakenError:  # this one follows that one
                continue
        raise LedgerError(
            f"the audit of {audited.dataset} with {audited.model} was not recorded: found other audits of it being "
            f"recorded {_ATTEMPTS} times in a row, expected a moment without: run the same again"
        )

    def read(self, audited: Audited) -> list[Audit]:
        """Return the audits of a family, dataset and model, the oldest first."""
        asked = sa.select(AUDITS).where(_is_of(audited)).order_by(AUDITS.c.number)
        with self._database.read() as connection:
            return [_to_audit(row) for row in connection.execute(asked).mappings()]

    def read_flags(self, audit: int) -> pd.DataFrame:
        """Return the flags of an audit, see ``FLAG_COLUMNS``, the worst first."""
        columns = [AUDIT_FINDINGS.c[name] for name in FLAG_COLUMNS]
        asked = sa.select(*columns).where(AUDIT_FINDINGS.c.audit == audit)
        asked = asked.order_by(AUDIT_FINDINGS.c.quality, AUDIT_FINDINGS.c.row_key)
        with self._database.read() as connection:
            rows = [dict(row) for row in connection.execute(asked).mappings()]
        return pd.DataFrame(rows, columns=list(FLAG_COLUMNS))

    def find_closed(self, audited: Audited, *, before: int) -> set[tuple[str, str]]:
        """Return row key and issue type of what one audit before a number flagged, and a later one before it did not.

        Args:
            audited: family, dataset and model.
            before: number of an audit.
        """
        earlier = sa.select(AUDITS.c.number).where(_is_of(audited), AUDITS.c.number < before)
        found = AUDIT_FINDINGS.c
        asked = (
            sa.select(found.row_key, found.issue_type, sa.func.min(found.audit), sa.func.count())
            .where(found.audit.in_(earlier))
            .group_by(found.row_key, found.issue_type)
        )
        with self._database.read() as connection:
            numbers = list(connection.execute(earlier.order_by(AUDITS.c.number)).scalars())
            since = {number: len(numbers) - place for place, number in enumerate(numbers)}
            return {(key, kind) for key, kind, first, times in connection.execute(asked) if times < since[first]}

    def accept(self, audit: int, *, reviewer: str, note: str = "") -> int:
        """Make an audit the one that later ones are compared with, by a new entry, whose number is returned.

        Raises:
            LedgerError: the database cannot be written.
        """
        entry = {"made_at": now(), "audit": audit, "reviewer": reviewer, "note": note}
        with self._database.write() as connection:
            return int((connection.execute(ACCEPTED_AUDITS.insert().values(**entry)).inserted_primary_key or (0,))[0])

    def find_accepted(self, audited: Audited) -> Audit | None:
        """Return the audit that was accepted last; None where none was."""
        asked = (
            sa.select(AUDITS)
            .join(ACCEPTED_AUDITS, ACCEPTED_AUDITS.c.audit == AUDITS.c.number)
            .where(_is_of(audited))
            .order_by(ACCEPTED_AUDITS.c.number.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(asked).mappings().first()
        return None if row is None else _to_audit(row)

    def _find_latest(self, audited: Audited) -> Audit | None:
        asked = sa.select(AUDITS).where(_is_of(audited)).order_by(AUDITS.c.number.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(asked).mappings().first()
        return None if row is None else _to_audit(row)

    def _enter(self, audited: Audited, said: dict[str, Any], flags: pd.DataFrame, *, follows: int) -> Audit:
        made_at = now()
        rule = json.dumps(said["rule"], ensure_ascii=False, sort_keys=True)
        row = {**audited._asdict(), **said, "rule": rule, "made_at": made_at, "follows": follows}
        with self._database.write() as connection:
            try:
                entered = connection.execute(AUDITS.insert().values(**row))
            except IntegrityError as error:
                raise _OvertakenError from error
            number = (entered.inserted_primary_key or (0,))[0]
            if len(flags):
                rows: Any = flags[list(FLAG_COLUMNS)].assign(audit=number).to_dict("records")
                connection.execute(AUDIT_FINDINGS.insert(), rows)
        return Audit(number=number, made_at=datetime.fromisoformat(made_at), **said)

    def __enter__(self) -> Self:
        """Return the history."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._database.close()


def open_audit_history(url: str) -> AuditHistory:
    """Open the audits of a database, see ``open_database``."""
    return AuditHistory(open_database(url))


def choose_base(audits: Sequence[Audit], accepted: Audit | None, current: int) -> Audit | None:
    """Return the audit that another one is compared with: the accepted one, else the one before it; None without any.

    Args:
        audits: those of a family, dataset and model, the oldest first.
        accepted: the one that was accepted last.
        current: number of the audit that is compared.
    """
    if accepted is not None:
        return accepted
    return next((audit for audit in reversed(audits) if audit.number < current), None)


def _is_of(audited: Audited) -> sa.ColumnElement[bool]:
    return sa.and_(*(AUDITS.c[name] == value for name, value in audited._asdict().items()))


def _to_audit(row: Any) -> Audit:
    said = {name: row[name] for name in Audit.model_fields}
    return Audit(**{**said, "rule": json.loads(said["rule"])})
