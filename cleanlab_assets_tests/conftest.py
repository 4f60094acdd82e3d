"""What tests of several layers share: an audited partition in a Dagster instance of its own."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import hypothesis
import pytest

from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets.orchestration.history import latest_materialization
from cleanlab_assets.orchestration.runs import materialize_level, resolve_configs
from cleanlab_assets.orchestration.storage import read_result
from cleanlab_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cleanlab_assets.families.step import Level
    from cleanlab_assets.methods.result import Provenance, Result
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.runs import RunOutcome


# The gate draws the same examples each time; ``--hypothesis-profile default`` draws new ones.
hypothesis.settings.register_profile("gate", derandomize=True)
hypothesis.settings.load_profile("gate")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give tests that look at the same audits to one worker, so that each audit is made once."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class AuditsOnce(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            return next((name for name in ("cli", "orchestration") if f"_tests/{name}/" in scope), scope)

    return AuditsOnce(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave repetitions with further seeds to the slow tests."""
    first: dict[tuple[str, str], object] = {}
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "seed" in item.callspec.params:
            seed = item.callspec.params["seed"]
            if seed != first.setdefault((item.path.as_posix(), item.originalname), seed):
                item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Workbench:
    """A code location with its own instance and artifacts directory, for one task family.

    Plots stay empty unless ``draws`` is set: drawing them takes a quarter of the time of a small audit.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    settings: Settings
    family: Family
    draws: bool = False

    def materialize(
        self, level: Level, partition: str, run_config: Mapping[str, Any] | None = None, *, force: bool = False
    ) -> RunOutcome:
        """Materialize what is out of date on a level of the family's chain."""
        configs = resolve_configs(self.family, run_config or {})
        with nullcontext() if self.draws else empty_plots():
            return materialize_level(
                self.definitions, self.instance, self.family, level, partition, configs=configs, force=force
            )

    def latest(self, asset: str, partition: str) -> dg.AssetMaterialization:
        """The latest materialization of an asset's partition, which must exist."""
        found = latest_materialization(self.instance, self.family.key(asset), partition)
        assert found is not None, f"{asset} of {partition} was never materialized"
        return found

    def result(self, asset: str, partition: str) -> Result[Any, Any]:
        """Read the stored result: value, facts and provenance."""
        return read_result(str(self.latest(asset, partition).metadata["path"].value), self.family.step(asset))

    def read(self, asset: str, partition: str) -> Any:
        """Read the value of the stored result."""
        return self.result(asset, partition).value

    def facts(self, asset: str, partition: str) -> Any:
        """Read the facts of the stored result."""
        return self.result(asset, partition).facts

    def provenance(self, asset: str, partition: str) -> Provenance:
        """Read how the stored result came to be."""
        return self.result(asset, partition).origin


def build_workbench(
    directory: Path, instance: dg.DagsterInstance, family: str = "classification", *, draws: bool = False
) -> Workbench:
    """Build a workbench that keeps its artifacts in a directory."""
    settings = Settings(_env_file=None, artifacts_dir=str(directory / "artifacts"), data_dir=directory / "data")
    # Dagster's own logger writes each event to the screen.
    loggers = {"warnings": dg.LoggerDefinition(lambda _: logging.getLogger("cleanlab_assets_tests"))}
    return Workbench(build_definitions(settings, loggers=loggers), instance, settings, get_family(family), draws)


@contextmanager
def empty_plots() -> Iterator[None]:
    """Leave plots empty inside the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.draw", lambda _figure, _renderer: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Run on one thread: the data is small, and threads that wait for shared cores cost more than they bring."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for what is loaded later, and in processes of its own
    import faiss  # noqa: F401 - the thread pools of a library can be limited once it is loaded
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def open_instance(directory: Path) -> dg.DagsterInstance:
    """Open an instance that is kept in memory, with files in a directory, and records no debug messages of Dagster."""
    settings = {"python_logs": {"python_log_level": "INFO"}}
    return dg.DagsterInstance.ephemeral(tempdir=str(directory), settings=settings)


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    """An empty workbench."""
    with open_instance(tmp_path / "dagster") as instance:
        yield build_workbench(tmp_path, instance)
