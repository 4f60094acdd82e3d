"""What tests of several layers share: an audited partition in a Dagster instance of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.orchestration.classification.family import CLASSIFICATION
from cleanlab_assets.orchestration.history import latest_materialization
from cleanlab_assets.orchestration.multilabel.family import MULTILABEL
from cleanlab_assets.orchestration.partitions import DATASET, MODEL, Level
from cleanlab_assets.orchestration.regression.family import REGRESSION
from cleanlab_assets.orchestration.runs import RunOutcome, materialize_level, resolve_configs
from cleanlab_assets.orchestration.storage import read_artifact
from cleanlab_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cleanlab_assets.orchestration.family import Family


@dataclass(frozen=True)
class Workbench:
    """A code location with its own instance and artifacts directory, for one task family."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    settings: Settings
    family: Family = CLASSIFICATION

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
        found = latest_materialization(self.instance, dg.AssetKey([self.family.name, asset]), partition)
        assert found is not None, f"{asset} of {partition} was never materialized"
        return found

    def read(self, asset: str, partition: str, expected_type: Any = None) -> Any:
        """Read the stored artifact."""
        return read_artifact(str(self.latest(asset, partition).metadata["path"].value), expected_type)


def build_workbench(directory: Path, instance: dg.DagsterInstance, family: Family = CLASSIFICATION) -> Workbench:
    """Build a workbench that keeps its artifacts in a directory."""
    settings = Settings(_env_file=None, artifacts_dir=str(directory / "artifacts"), data_dir=directory / "data")
    return Workbench(build_definitions(settings), instance, settings, family)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Run on one thread: the data is small, and threads that wait for shared cores cost more than they bring."""
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


PLANTED = "breast_cancer|logistic_regression"
PLANTED_CONFIG = {
    "ops": {"classification__training_set": {"config": {"planted_error_fraction": 0.1, "folds": 4, "seed": 3}}}
}


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where breast_cancer, with a tenth of its train labels wrong, is audited. Not to be changed."""
    directory = tmp_path_factory.mktemp("audited")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance)
        levels: tuple[tuple[Level, str], ...] = ((DATASET, "breast_cancer"), (MODEL, PLANTED))
        for level, partition in levels:
            outcome = bench.materialize(level, partition, PLANTED_CONFIG)
            assert outcome.success, outcome.error
        yield bench


PLANTED_VALUES = "diabetes|ridge"
PLANTED_VALUES_CONFIG = {
    "ops": {"regression__training_set": {"config": {"planted_error_fraction": 0.1, "folds": 4, "seed": 3}}}
}


@pytest.fixture(scope="session")
def audited_values(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where diabetes, with a tenth of its train labels wrong, is audited. Not to be changed."""
    directory = tmp_path_factory.mktemp("audited_values")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, REGRESSION)
        levels: tuple[tuple[Level, str], ...] = ((DATASET, "diabetes"), (MODEL, PLANTED_VALUES))
        for level, partition in levels:
            outcome = bench.materialize(level, partition, PLANTED_VALUES_CONFIG)
            assert outcome.success, outcome.error
        yield bench


PLANTED_SETS = "synthetic_topics|logistic_regression"
PLANTED_SETS_CONFIG = {
    "ops": {"multilabel__training_set": {"config": {"planted_error_fraction": 0.1, "folds": 4, "seed": 3}}}
}


@pytest.fixture(scope="session")
def audited_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where synthetic_topics, with a tenth of its train labels wrong, is audited. Not to be changed."""
    directory = tmp_path_factory.mktemp("audited_sets")
    with dg.DagsterInstance.ephemeral(tempdir=str(directory)) as instance:
        bench = build_workbench(directory, instance, MULTILABEL)
        levels: tuple[tuple[Level, str], ...] = ((DATASET, "synthetic_topics"), (MODEL, PLANTED_SETS))
        for level, partition in levels:
            outcome = bench.materialize(level, partition, PLANTED_SETS_CONFIG)
            assert outcome.success, outcome.error
        yield bench
