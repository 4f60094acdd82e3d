"""How commands end when something outside of them goes wrong: wrong variables, interrupts, no space on the disk."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.cli import catalogue
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets_tests.cli.conftest import BIN, Home

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = (("list",), ("describe", "digits"), ("run",), ("gate",), ("sweep", "digits"), ("download-data", "digits"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [("GATE_SEVERITY", "fatal", "'warn' or 'error'"), ("EMBEDDED_CRON", "99", "a cron expression")],
)
def test_a_bad_variable_ends_every_command_in_one_line(
    home: Home, command: tuple[str, ...], variable: str, value: str, allowed: str
) -> None:
    ended = home.run(*command, **{f"CLEANLAB_DEMO_{variable}": value})
    assert ended.exit_code == ExitCode.WRONG_USE
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: CLEANLAB_DEMO_{variable} is '{value}': ")
    assert allowed in line


@pytest.mark.parametrize("command", [("list",), ("run",)], ids=" ".join)
def test_a_home_that_is_no_directory_ends_a_command_in_one_line_that_names_the_variable(
    home: Home, command: tuple[str, ...]
) -> None:
    place = home.path / "taken"
    place.write_text("a file", encoding="utf-8")
    ended = home.run(*command, DAGSTER_HOME=str(place))
    assert ended.exit_code == ExitCode.WRONG_USE
    (line,) = ended.stderr.splitlines()
    assert line == f"error: {place}: File exists: DAGSTER_HOME must be a directory that you may write"


def test_a_place_that_may_not_be_written_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser, whom tests often run as, may write anywhere: the system's answer is made up."""

    def refuse() -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(home.path / "data" / "tickets"))

    monkeypatch.setattr(catalogue, "open_instance", refuse)
    ended = home.run("list")
    assert ended.exit_code == ExitCode.WRONG_USE
    assert "Permission denied: CLEANLAB_DEMO_DATA_DIR must be a directory that you may write" in ended.stderr


def _sqlite_is_full() -> None:
    raise RuntimeError("a wrapper of Dagster") from sqlite3.OperationalError("database or disk is full")


def _file_is_full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/artifacts/a.parquet")


@pytest.mark.parametrize(
    ("fail", "place"), [(_sqlite_is_full, "dagster"), (_file_is_full, "/artifacts/a.parquet")], ids=["sqlite", "file"]
)
def test_a_full_disk_is_one_line_that_names_the_place(
    home: Home, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], place: str
) -> None:
    monkeypatch.setattr(catalogue, "open_instance", fail)
    ended = home.run("list")
    assert ended.exit_code == ExitCode.RUN_FAILED
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: cannot write")
    assert place in line
    assert "free some space" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
)
def test_an_interrupt_ends_a_run_in_one_line_and_the_same_command_goes_on(
    home: Home, number: signal.Signals, code: ExitCode
) -> None:
    command = [str(BIN / "cleanlab-demo"), "run", "-d", "digits", "-m", "knn"]
    made = home.artifacts / "classification/training_set/digits.parquet"
    with subprocess.Popen(
        command, env=home.environment(), cwd=home.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = monotonic() + 120
        while not made.is_file():
            assert process.poll() is None
            assert monotonic() < deadline
            sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines()[-1] == "interrupted: run the same command to go on"
    assert "Traceback" not in errors

    again = home.run_process(*command)
    assert again.returncode == ExitCode.FINE, again.stderr
    assert "digits: raw_dataset" not in again.stdout, "what was done is not done again"
