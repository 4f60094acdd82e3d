"""Values of a series that are predicted almost perfectly while they go wrong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.regression.checks import no_drift_passes_for_signal
from cleanlab_assets.families.regression.metrics import correlate_neighbours
from cleanlab_assets.families.step import CheckResult, StepContext
from cleanlab_assets_tests.known_data import make_dataset, name_splits

N_ROWS = 600
CONTEXT = StepContext(family="regression", dataset=replace(make_dataset([], ["a", "b"])), data_dir=Path())


def judge(*, drifts: bool = True, r2: float = 0.97, errors: int = 1, is_series: bool = True) -> CheckResult:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=N_ROWS)
    residuals = np.cumsum(noise) if drifts else noise
    order = rng.permutation(N_ROWS)  # stored in any order: time tells
    rows = pd.DataFrame({"row_id": order, "split": name_splits(N_ROWS), "time_block": order})
    issues = pd.DataFrame(
        {"split": name_splits(N_ROWS), "given_label": 100 + residuals[order], "predicted_value": 100.0}
    )
    given: dict[str, Any] = {
        "training_set": SimpleNamespace(value=rows if is_series else rows.drop(columns="time_block")),
        "label_issues": SimpleNamespace(value=issues, facts=SimpleNamespace(estimated_errors_high=errors)),
        "predictions": SimpleNamespace(facts=SimpleNamespace(cross_validation={"r2": r2})),
    }
    return no_drift_passes_for_signal.run(CONTEXT, **given)


def test_a_series_that_drifts_behind_a_good_model_is_warned_of() -> None:
    result = judge()
    assert (result.passed, result.severity) == (False, "warn")
    assert "drift" in result.description
    assert "R2 0.970" in result.description


@pytest.mark.parametrize(
    "other", [{"drifts": False}, {"r2": 0.8}, {"errors": 30}, {"is_series": False}], ids=lambda other: next(iter(other))
)
def test_each_of_the_signs_alone_is_no_reason(other: dict[str, Any]) -> None:
    assert judge(**other).passed


def test_correlation_of_neighbours() -> None:
    assert correlate_neighbours(np.arange(10.0)) == pytest.approx(1)
    assert correlate_neighbours(np.tile([1.0, -1.0], 50)) == pytest.approx(-1)
    assert correlate_neighbours(np.ones(5)) == 0
    assert abs(correlate_neighbours(np.random.default_rng(0).normal(size=2000))) < 0.1
