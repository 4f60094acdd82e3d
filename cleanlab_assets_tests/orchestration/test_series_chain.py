"""The regression chain on a small series in the form of Bike Sharing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.bike_sharing import DATASET, FILE
from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.download import file_sha256
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets_tests.conftest import build_workbench, open_instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cleanlab_assets_tests.conftest import Workbench

pytestmark = pytest.mark.slow

DAYS = 60
SERIES = "bike_sharing|ridge"
CONFIG = {
    "ops": {
        "regression__training_set": {"config": {"folds": 3, "planted_error_fraction": 0.05}},
        "regression__outlier_detectors": {"config": {"budgets": [0.1]}},
        "regression__variant_comparison": {"config": {"resamples": 200}},
    }
}


def _write_hours(path: Path) -> None:
    """Write hours with a daily cycle, and days that are busy or quiet as a whole."""
    rng = np.random.default_rng(0)
    n_hours = 24 * DAYS
    times = pd.date_range("2011-01-01", periods=n_hours, freq="h")
    temperature = 0.5 + 0.2 * np.sin(2 * np.pi * times.hour.to_numpy() / 24) + rng.normal(scale=0.05, size=n_hours)
    of_the_day = np.repeat(rng.normal(scale=20, size=DAYS), 24)
    count = (
        100 + 60 * np.sin(2 * np.pi * (times.hour.to_numpy() - 6) / 24) + of_the_day + rng.normal(scale=5, size=n_hours)
    )
    casual = np.full(n_hours, 3)
    registered = np.maximum(count.round().astype(int), 0)
    table = pd.DataFrame(
        {
            "instant": np.arange(1, n_hours + 1),
            "dteday": times.strftime("%Y-%m-%d"),
            "season": 1,
            "yr": 0,
            "mnth": times.month,
            "hr": times.hour,
            "holiday": 0,
            "weekday": times.dayofweek,
            "workingday": (times.dayofweek < 5).astype(int),
            "weathersit": 1,
            "temp": temperature.round(2).clip(0, 1),
            "atemp": temperature.round(2).clip(0, 1),
            "hum": rng.uniform(size=n_hours).round(2),
            "windspeed": rng.uniform(size=n_hours).round(2),
            "casual": casual,
            "registered": registered,
            "cnt": casual + registered,
        }
    )
    path.parent.mkdir(parents=True)
    table.to_csv(path, index=False)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench where two months of hours are audited, with days as the blocks of time."""
    directory = tmp_path_factory.mktemp("series")
    path = directory / "data" / "bike_sharing" / FILE
    _write_hours(path)
    entry = replace(
        DATASET,
        files=(SourceFile(name=FILE, sha256=(file_sha256(path),)),),
        expected_rows=24 * DAYS,
        time_block=24,
    )
    datasets = {**catalogue.all_datasets(), "bike_sharing": entry}
    with pytest.MonkeyPatch.context() as patch, open_instance(directory) as instance:
        patch.setattr(catalogue, "all_datasets", lambda: datasets)
        bench = build_workbench(directory, instance, "regression")
        for level, partition in (("dataset", "bike_sharing"), ("model", SERIES)):
            outcome = bench.materialize(level, partition, CONFIG)  # type: ignore[arg-type]
            assert outcome.success, outcome.error
        yield bench


def test_test_rows_are_the_latest_and_blocks_are_days(series: Workbench) -> None:
    rows, raw = series.read("training_set", "bike_sharing"), series.read("raw_dataset", "bike_sharing")
    is_test = (rows["split"] == "test").to_numpy()
    assert raw.loc[is_test, "instant"].min() > raw.loc[~is_test, "instant"].max()
    days = pd.factorize(raw["dteday"].astype(str))[0]
    assert (rows["time_block"].to_numpy() == days).all()


def test_the_intervals_resample_days_and_say_so_everywhere(series: Workbench) -> None:
    comparison = series.read("variant_comparison", SERIES)
    rows = series.read("training_set", "bike_sharing")
    assert comparison.n_blocks == rows.loc[rows["split"] == "test", "time_block"].nunique() == 12
    metadata = series.latest("variant_comparison", SERIES).metadata
    assert metadata["resampled"].value == "12 blocks of neighbouring rows"
    assert "12 blocks" in str(metadata["notes"].value)
    facts = series.read("audit_facts", SERIES)
    assert comparison.notes[0] in facts.notes


def test_planted_errors_of_a_series_are_found(series: Workbench) -> None:
    facts = series.read("audit_facts", SERIES)
    assert facts.detection is not None
    assert facts.detection.average_precision > 5 * facts.detection.planted_share
