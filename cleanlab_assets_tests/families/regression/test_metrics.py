from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.families.regression.metrics import (
    LOWER_IS_BETTER,
    VALUE_METRICS,
    ScoredValues,
    measure_interval_calibration,
)
from cleanlab_assets.methods.calibration import ReliabilityCurve


def with_scikit_learn(labels: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    return {
        "r2": r2_score(labels, values, sample_weight=weights),
        "mae": mean_absolute_error(labels, values, sample_weight=weights),
        "rmse": root_mean_squared_error(labels, values, sample_weight=weights),
    }


def random_values(n_rows: int, *, seed: int, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.normal(offset, 10, size=n_rows)
    return labels, labels + rng.normal(0, 4, size=n_rows)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_metrics_equal_scikit_learns_with_and_without_weights(offset: float, seed: int) -> None:
    labels, values = random_values(80, seed=seed, offset=offset)
    weights = np.random.default_rng(seed).random(80) + 0.1

    scored = ScoredValues(labels, values)

    assert tuple(scored.compute()) == VALUE_METRICS
    assert scored.n_rows == 80
    assert scored.compute() == pytest.approx(with_scikit_learn(labels, values), rel=1e-9)
    assert scored.compute(weights) == pytest.approx(with_scikit_learn(labels, values, weights), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(n_rows=st.integers(2, 60), seed=st.integers(0, 10_000))
def test_integer_weights_equal_repeated_rows(n_rows: int, seed: int) -> None:
    labels, values = random_values(n_rows, seed=seed)
    weights = np.random.default_rng(seed).integers(0, 4, size=n_rows)
    weights[0] = 1
    repeated = np.repeat(np.arange(n_rows), weights)

    weighted = ScoredValues(labels, values).compute(weights.astype(float))
    rows = ScoredValues(labels[repeated], values[repeated]).compute()

    assert weighted == pytest.approx(rows, rel=1e-9, nan_ok=True)


def test_perfect_predictions_and_the_mean_are_the_ends_of_the_scale() -> None:
    labels = np.array([1.0, 2.0, 6.0])

    assert ScoredValues(labels, labels).compute() == {"r2": 1, "mae": 0, "rmse": 0}
    assert ScoredValues(labels, np.full(3, 3.0)).compute()["r2"] == pytest.approx(0)


def test_equal_labels_have_no_r2() -> None:
    labels, values = np.array([0.1, 0.1, 0.1, 5.0]), np.array([0.1, 0.2, 0.3, 5.0])

    metrics = ScoredValues(labels, values).compute(np.array([1.0, 2.0, 1.0, 0.0]))

    assert np.isnan(metrics["r2"])
    assert metrics["mae"] == pytest.approx(0.1)


def test_only_the_two_errors_are_better_when_lower() -> None:
    assert {"mae", "rmse"} == LOWER_IS_BETTER
    assert ScoredValues.lower_is_better == LOWER_IS_BETTER


def test_intervals_of_the_true_deviation_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    uncertainty = rng.uniform(1, 5, size=40_000)
    labels = 100 + rng.normal(0, uncertainty)

    calibration = measure_interval_calibration(labels, np.full(40_000, 100.0), uncertainty)

    assert calibration.mean_confidence == [0.5, 0.8, 0.9, 0.95]
    assert calibration.accuracy == pytest.approx(calibration.mean_confidence, abs=0.01)
    assert calibration.expected_calibration_error < 0.01


def test_intervals_of_half_the_true_deviation_cover_as_much_as_the_normal_law_says() -> None:
    labels = np.random.default_rng(0).normal(0, 2, size=40_000)

    calibration = measure_interval_calibration(labels, np.zeros(40_000), np.ones(40_000))

    assert calibration.accuracy == pytest.approx([0.264, 0.478, 0.589, 0.673], abs=0.01)
    expected = np.mean(np.subtract(calibration.mean_confidence, calibration.accuracy))
    assert calibration.expected_calibration_error == pytest.approx(expected)


def test_calibration_of_a_hand_made_case() -> None:
    labels, values = np.array([0.0, 1.0, 1.5, 10.0]), np.zeros(4)

    calibration = measure_interval_calibration(labels, values, np.array([0.0, 1.0, 1.0, 1.0]))

    # z is 0.67, 1.28, 1.64 and 1.96
    assert calibration.accuracy == [0.25, 0.5, 0.75, 0.75]
    assert calibration.expected_calibration_error == pytest.approx((0.25 + 0.3 + 0.15 + 0.2) / 4)
    assert ReliabilityCurve.model_validate_json(calibration.model_dump_json()) == calibration
