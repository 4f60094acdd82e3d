from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets_tests.datasets.source_server import SourceServer, run_source_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with run_source_server() as running:
        yield running


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """A directory with downloaded source files; the tests that need it are skipped without it."""
    named = os.environ.get("CLEANLAB_DEMO_DATA_DIR")
    directory = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "datasets"
    if not directory.is_dir():
        pytest.skip(f"no downloaded source files: {directory} is not a directory; set CLEANLAB_DEMO_DATA_DIR")
    return directory
