"""Directories where `cleanlab-demo` works, each with its own Dagster instance, artifacts and data."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from typer.testing import CliRunner

from cleanlab_assets.cli import app
from cleanlab_assets.cli.terminal import WIDTH_OF_FILES, ExitCode, console
from cleanlab_assets.models.catalogue import get_model
from cleanlab_assets.orchestration.audit_result import AuditResult
from cleanlab_assets.orchestration.datasets import forget_datasets
from cleanlab_assets_tests.conftest import empty_plots

if TYPE_CHECKING:
    from typer.testing import Result

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
FAST = ("--folds", "2", "--set", "variant_comparison.resamples=100")
MOVES = {
    "event_logs": "UPDATE event_logs SET event = replace(event, ?, ?)",
    "asset_keys": "UPDATE asset_keys SET last_materialization = replace(last_materialization, ?, ?)",
}
"""By table of the instance what changes the paths of artifacts in it."""
LEAN = (*FAST, "--no-datalab", "--no-prune")
FAST_VALUES = ("--set", "outlier_detectors.budgets=[0.1]")


@dataclass(frozen=True)
class Home:
    """A directory where commands run, in this process or in one of their own."""

    path: Path

    def __post_init__(self) -> None:
        (self.path / "dagster").mkdir(exist_ok=True)
        shutil.copy(PROJECT / "data/dagster_home/dagster.yaml", self.path / "dagster")

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def run(self, *arguments: str, **settings: str) -> Result:
        """Run `cleanlab-demo` in this process; plots stay empty."""
        forget_datasets()  # a process of its own would know none
        environment: dict[str, str | None] = dict.fromkeys(filter(_is_setting, os.environ))
        with empty_plots():
            return CliRunner().invoke(app, arguments, env={**environment, **self._settings(), **settings})

    def run_process(self, command: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run an installed command as a user does."""
        return subprocess.run(
            [str(BIN / command), *arguments],
            env=self.environment(**settings),
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a process, without settings and proxies from outside."""
        inherited = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        return {**inherited, **self._settings(), **settings}

    def _settings(self) -> dict[str, str]:
        return {
            "DAGSTER_HOME": str(self.path / "dagster"),
            "CLEANLAB_DEMO_ARTIFACTS_DIR": str(self.artifacts),
            "CLEANLAB_DEMO_DATA_DIR": str(self.path / "data"),
        }

    def count_runs(self) -> int:
        """How many runs the Dagster instance knows."""
        with dg.DagsterInstance.from_config(str(self.path / "dagster")) as instance:
            return instance.get_runs_count()

    def read_result(self, name: str = "result.json") -> AuditResult:
        """The result that `run -o` wrote."""
        return AuditResult.model_validate_json((self.path / name).read_bytes())

    def copy(self, path: Path) -> Home:
        """The same state elsewhere, so that a test may change it, as if it had come about there."""
        shutil.copytree(self.path, path, dirs_exist_ok=True)
        for database in (path / "dagster").rglob("*.db"):
            with closing(sqlite3.connect(database)) as connection, connection:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
                for move in (MOVES[table] for table in sorted(tables & MOVES.keys())):
                    connection.execute(move, (str(self.path), str(path)))
        return Home(path)


def _is_setting(name: str) -> bool:
    prefixes = ("CLEANLAB_DEMO_", "DAGSTER_", "OPENAI_", "ANTHROPIC_")
    return name.startswith(prefixes) or name.lower().endswith("_proxy")


@pytest.fixture(autouse=True, scope="session")
def wide_tables() -> None:
    """Tables are as wide as in a file, whatever terminal the tests run in."""
    console.width = WIDTH_OF_FILES


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A directory where nothing was run."""
    return Home(tmp_path)


@dataclass(frozen=True)
class AuditedHome(Home):
    """A directory with an audit, and what the command printed."""

    printed: Result


@pytest.fixture(scope="session")
def audited_home(tmp_path_factory: pytest.TempPathFactory) -> AuditedHome:
    """A directory where `cleanlab-demo run` audited breast_cancer with logistic_regression. Audits may be added."""
    path = tmp_path_factory.mktemp("audited_home")
    printed = Home(path).run("run", *FAST, "-o", str(path / "result.json"))
    assert printed.exit_code == ExitCode.FINE, printed.output
    return AuditedHome(path, printed)


@pytest.fixture
def copied_home(audited_home: AuditedHome, tmp_path: Path) -> Home:
    """A copy of the audited home, to be changed."""
    return audited_home.copy(tmp_path)


def break_model(monkeypatch: pytest.MonkeyPatch, family: str, name: str) -> None:
    """Let a model fail as soon as it is built."""

    def fail(_: object) -> None:
        raise RuntimeError(f"{name} is out of order")

    monkeypatch.setitem(get_model(family, name).builders, family, fail)
