"""Ledgers on both databases: a file of SQLite, and a server of PostgreSQL that the tests start where there is one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.reviews.decisions import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASES = ("sqlite", "postgresql")


def decide(row_key: str = "row 1", **said: Any) -> Decision:
    """One decision, by default that a given label is right."""
    known = {"dataset": "tickets", "given_label": "a", "verdict": "given is right", "reviewer": "ann"}
    return Decision(row_key=row_key, **{**known, **said})


@pytest.fixture(params=DATABASES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = request.getfixturevalue("postgresql_server")
    name = f"ledger_{os.urandom(6).hex()}"
    _run_as_owner([server.bin / "createdb", "-h", server.directory, "-p", server.port, name])
    return f"postgresql+psycopg2://postgres@/{name}?host={server.directory}&port={server.port}"


class _Server:
    def __init__(self, binaries: Path, directory: Path, port: int) -> None:
        self.bin, self.directory, self.port = binaries, directory, port


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[_Server]:
    """A server of PostgreSQL that listens on a socket of a temporary directory alone."""
    pytest.importorskip("psycopg2", reason="needs cleanlab-assets[postgres]")
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: pg_ctl and initdb are not found")
    with _directory_of_owner() as directory:
        port = _free_port()
        _run_as_owner([binaries / "initdb", "-D", directory / "db", "-U", "postgres", "--auth=trust", "--no-sync"])
        options = f"-k {directory} -p {port} -c listen_addresses="
        start = [binaries / "pg_ctl", "-D", directory / "db", "-w", "-o", options, "-l", directory / "log", "start"]
        _run_as_owner(start)
        try:
            yield _Server(binaries, directory, port)
        finally:
            _run_as_owner([binaries / "pg_ctl", "-D", directory / "db", "-m", "immediate", "stop"])


def _find_binaries() -> Path | None:
    """Return where PostgreSQL's own programs lie; Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextmanager
def _directory_of_owner() -> Iterator[Path]:
    """A directory that belongs to the user whom the server runs as: it refuses to run as root."""
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        yield Path(name)


def _run_as_owner(command: list[Any]) -> None:
    texts = [str(part) for part in command]
    if os.geteuid() == 0:
        texts = ["runuser", "-u", "postgres", "--", *texts]
    subprocess.run(texts, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
