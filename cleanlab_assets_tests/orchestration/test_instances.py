"""An instance is made by one process at a time, and mended where two made it at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from cleanlab_assets.compat import order_schema_versions
from cleanlab_assets.orchestration import instances
from cleanlab_assets.orchestration.instances import DATABASES, LOCK, InstanceError, keep_newest_version, open_instance

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "import sys; from pathlib import Path; from cleanlab_assets.orchestration.instances import open_instance\n"
OPEN += "with open_instance(Path(sys.argv[1])) as instance: print(instance.get_runs_count())"


def read_versions(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]


def state_version(database: Path, version: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with an instance in which nothing was run."""
    with open_instance(tmp_path / "home"):
        return tmp_path / "home"


@pytest.mark.parametrize("database", DATABASES)
def test_of_two_versions_the_newest_stays_and_the_instance_opens(
    home: Path, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    *_, older, newest = order_schema_versions()
    state_version(home / database, older)

    with open_instance(home) as instance:
        assert instance.get_runs_count() == 0

    assert read_versions(home / database) == [newest]
    assert f"{home / database} was made by two processes at once and is mended" in caplog.text
    assert not keep_newest_version(home / database)


@pytest.mark.parametrize("database", DATABASES)
def test_a_damaged_database_is_named_and_left_alone(home: Path, database: str) -> None:
    (home / database).write_bytes(b"no database at all " * 1000)
    with pytest.raises(InstanceError) as caught, open_instance(home):
        pass
    assert f"{home / database} is damaged (file is not a database): restore it, or move {home} away" in str(
        caught.value
    )
    assert (home / database).read_bytes().startswith(b"no database")


def test_a_version_of_another_dagster_is_left_alone_and_named(home: Path) -> None:
    state_version(home / DATABASES[0], "of_the_future")
    with pytest.raises(
        InstanceError, match=r"runs\.db states the versions .*does not know of_the_future: open it with"
    ):
        keep_newest_version(home / DATABASES[0])
    assert "of_the_future" in read_versions(home / DATABASES[0])


def test_who_waits_for_another_process_says_so_and_gives_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(instances, "SECONDS_UNTIL_TOLD", 0.05)
    monkeypatch.setattr(instances, "MOST_SECONDS", 0.05)
    with (
        FileLock(tmp_path / LOCK),
        pytest.raises(InstanceError, match=r"\.opening\.lock has been locked for .* find the process"),
        open_instance(tmp_path),
    ):
        pass
    assert f"waiting for another process that opens {tmp_path}" in caplog.text


@pytest.mark.slow
def test_processes_that_make_an_instance_at_once_make_one_that_opens(tmp_path: Path) -> None:
    for trial in range(3):
        home = tmp_path / str(trial)
        processes = [
            subprocess.Popen([sys.executable, "-c", OPEN, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(4)
        ]
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
        for database in DATABASES:
            assert read_versions(home / database) == order_schema_versions()[-1:]
