"""Opening the Dagster instance of a directory: made by one process at a time, and mended where two made it at once.

Two processes that make an instance of SQLite files at the same moment both state the version of its tables. Of two
versions Dagster opens none again.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from filelock import FileLock, Timeout

from cleanlab_assets.compat import order_schema_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".opening.lock"
DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""Where an instance of SQLite files keeps what all runs share."""
SECONDS_UNTIL_TOLD = 5
MOST_SECONDS = 120
_logger = logging.getLogger(__name__)


class InstanceError(RuntimeError):
    """An instance that cannot be opened; the message names the file and says what to do."""


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of a directory, which is made where it is missing.

    Making and mending it takes turns with other processes, by a lock on a file in the directory. On a network folder
    the lock is as good as the folder's own locks. Programs of Dagster do not ask for it.

    Args:
        home: the directory, which may have a ``dagster.yaml``.

    Raises:
        InstanceError: another process holds the lock for minutes, or a database is damaged or cannot be mended.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / LOCK)
    try:
        lock.acquire(timeout=SECONDS_UNTIL_TOLD)
    except Timeout:
        _logger.warning("waiting for another process that opens %s", home)
        try:
            lock.acquire(timeout=MOST_SECONDS)
        except Timeout:
            raise InstanceError(
                f"{home / LOCK} has been locked for {MOST_SECONDS} seconds: find the process that holds it and end it"
            ) from None
    try:
        for name in DATABASES:
            try:
                is_mended = keep_newest_version(home / name)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                raise InstanceError(
                    f"{home / name} is damaged ({error}): restore it, or move {home} away to begin a new history"
                ) from error
            if is_mended:
                _logger.warning("%s was made by two processes at once and is mended", home / name)
        opened = dg.DagsterInstance.from_config(str(home))
    finally:
        lock.release()
    with opened as instance:
        yield instance


def keep_newest_version(database: Path) -> bool:
    """Leave only the newest version of the tables in an SQLite database that states several.

    Returns:
        Whether there were several.

    Raises:
        InstanceError: a version is none that this Dagster knows.
    """
    if not database.is_file():
        return False
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return False
        found = [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]
        if len(found) < 2:  # noqa: PLR2004
            return False
        known = order_schema_versions()
        if unknown := sorted(set(found) - set(known)):
            raise InstanceError(
                f"{database} states the versions {', '.join(found)} of its tables, and Dagster {dg.__version__} does "
                f"not know {', '.join(unknown)}: open it with the Dagster that made it, or move the directory away"
            )
        newest = max(found, key=known.index)
        with connection:
            connection.execute("DELETE FROM alembic_version")
            connection.execute("INSERT INTO alembic_version VALUES (?)", (newest,))
    return True
