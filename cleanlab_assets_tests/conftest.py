"""What tests of several layers share: an audited partition in a Dagster instance of its own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.families.step import DATASET, MODEL
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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give tests that look at the same audits to one worker, so that each audit is made once."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class AuditsOnce(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            scope: str = super()._split_scope(nodeid)
            if scope.endswith("chain.py"):
                return "chains"
            return next((name for name in ("cli", "orchestration") if f"_tests/{name}/" in scope), scope)

    return AuditsOnce(config, log)


@dataclass(frozen=True)
class Workbench:
    """A code location with its own instance and artifacts directory, for one task family."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    settings: Settings
    family: Family

    def materialize(
        self, level: Level, partition: str, run_config: Mapping[str, Any] | None = None, *, force: bool = False
    ) -> RunOutcome:
        """Materialize what is out of date on a level of the family's chain."""
        configs = resolve_configs(self.family, run_config or {})
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


def build_workbench(directory: Path, instance: dg.DagsterInstance, family: str = "classification") -> Workbench:
    """Build a workbench that keeps its artifacts in a directory."""
    settings = Settings(_env_file=None, artifacts_dir=str(directory / "artifacts"), data_dir=directory / "data")
    return Workbench(build_definitions(settings), instance, settings, get_family(family))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Run on one thread: the data is small, and threads that wait for shared cores cost more than they bring."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for what is loaded later, and in processes of its own
    import faiss  # noqa: F401 - the thread pools of a library can be limited once it is loaded
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    """An empty workbench."""
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path / "dagster")) as instance:
        yield build_workbench(tmp_path, instance)


@contextmanager
def audit(
    factory: pytest.TempPathFactory, family: str, partition: str, config: Mapping[str, Any]
) -> Iterator[Workbench]:
    """Audit a partition of the model level in a workbench of its own."""
    directory = factory.mktemp(family)
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, family)
        levels: tuple[tuple[Level, str], ...] = ((DATASET, partition.partition("|")[0]), (MODEL, partition))
        for level, key in levels:
            outcome = bench.materialize(level, key, config)
            assert outcome.success, outcome.error
        yield bench


def plant(family: str) -> dict[str, Any]:
    """Return the run config that makes a tenth of the train labels wrong."""
    settings = {"planted_error_fraction": 0.1, "folds": 4, "seed": 3}
    return {"ops": {f"{family}__training_set": {"config": settings}}}


PLANTED = "breast_cancer|logistic_regression"
PLANTED_CONFIG = plant("classification")
PLANTED_VALUES = "diabetes|ridge"
PLANTED_VALUES_CONFIG = plant("regression")
PLANTED_SETS = "synthetic_topics|logistic_regression"
PLANTED_SETS_CONFIG = plant("multilabel")


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where breast_cancer, with a tenth of its train labels wrong, is audited. Not to be changed."""
    with audit(tmp_path_factory, "classification", PLANTED, PLANTED_CONFIG) as bench:
        yield bench


@pytest.fixture(scope="session")
def audited_values(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where diabetes, with a tenth of its train labels wrong, is audited. Not to be changed."""
    with audit(tmp_path_factory, "regression", PLANTED_VALUES, PLANTED_VALUES_CONFIG) as bench:
        yield bench


@pytest.fixture(scope="session")
def audited_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where synthetic_topics, with a tenth of its train labels wrong, is audited. Not to be changed."""
    with audit(tmp_path_factory, "multilabel", PLANTED_SETS, PLANTED_SETS_CONFIG) as bench:
        yield bench
