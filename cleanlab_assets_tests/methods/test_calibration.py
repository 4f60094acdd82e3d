from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.methods.calibration import (
    ReliabilityBins,
    ReliabilityCurve,
    calibrate_by_temperature,
    fit_temperature,
    measure_reliability,
    scale_by_temperature,
)


def test_curve_of_a_hand_made_case() -> None:
    curve = measure_reliability(np.array([0.05, 0.15, 0.19, 1.0, 0.99]), np.array([False, True, False, True, False]))

    assert curve.counts == [1, 2, 2]
    assert curve.accuracy == [0, 0.5, 0.5]
    assert curve.mean_confidence == pytest.approx([0.05, 0.17, 0.995])
    assert curve.expected_calibration_error == pytest.approx((0.05 + 2 * 0.33 + 2 * 0.495) / 5)


def test_parts_have_the_curve_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(1000).astype(np.float32)
    is_right = rng.random(1000) < 0.3
    bins = ReliabilityBins(7)

    for part in np.array_split(np.arange(1000), 4):
        bins.add(confidence[part], is_right[part])

    whole, parts = measure_reliability(confidence, is_right, n_bins=7), bins.to_curve()
    assert parts.counts == whole.counts
    assert parts.accuracy == whole.accuracy
    assert parts.mean_confidence == pytest.approx(whole.mean_confidence, abs=1e-12)
    assert parts.expected_calibration_error == pytest.approx(whole.expected_calibration_error, abs=1e-12)


def test_without_predictions_there_is_no_error_to_measure() -> None:
    curve = measure_reliability(np.empty(0), np.empty(0, dtype=bool))

    assert (curve.mean_confidence, curve.accuracy, curve.counts) == ([], [], [])
    assert np.isnan(curve.expected_calibration_error)
    assert np.isnan(ReliabilityCurve.model_validate_json(curve.model_dump_json()).expected_calibration_error)


def test_points_are_weighted_by_their_counts() -> None:
    curve = ReliabilityCurve.of(np.array([0.5, 0.9]), np.array([0.4, 0.5]), [30, 10])

    assert curve.expected_calibration_error == pytest.approx((30 * 0.1 + 10 * 0.4) / 40)


def draw_predictions(temperature: float, *, n_rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, and the probabilities of a model whose logits are this many times too large."""
    rng = np.random.default_rng(seed)
    truth = scale_by_temperature(rng.dirichlet(np.ones(4), size=n_rows), 1.0)
    labels = (truth.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1)
    return labels, scale_by_temperature(truth, 1 / temperature)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_temperature_is_how_many_times_too_large_the_logits_are(temperature: float, seed: int) -> None:
    labels, probabilities = draw_predictions(temperature, seed=seed)

    # Measured over five seeds: off by at most 4 %.
    assert fit_temperature(labels, probabilities) == pytest.approx(temperature, rel=0.1)


def test_calibration_takes_the_error_away_and_says_so() -> None:
    labels, probabilities = draw_predictions(3.0)
    found = calibrate_by_temperature(labels, probabilities, np.arange(len(labels)) % 5)

    assert found.calibration.temperature == pytest.approx(3, rel=0.1)
    # Measured: 0.25 before, 0.01 after.
    assert found.calibration.error_before > 0.15
    assert found.calibration.error_after < 0.04
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert (found.probabilities.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_no_row_has_a_say_in_its_own_calibration() -> None:
    labels, probabilities = draw_predictions(2.0, n_rows=300)
    folds = np.append(np.arange(250) % 5, np.full(50, -1))
    other = np.where((folds == 0) | (folds == -1), (labels + 1) % 4, labels)

    before, after = (calibrate_by_temperature(codes, probabilities, folds) for codes in (labels, other))

    assert (before.probabilities[folds == 0] == after.probabilities[folds == 0]).all()
    assert not (before.probabilities[folds == -1] == after.probabilities[folds == -1]).all()
    rest = np.where(folds == -1, other, labels)
    kept_aside = calibrate_by_temperature(rest, probabilities, folds)
    assert (kept_aside.probabilities == before.probabilities).all()
    assert kept_aside.calibration == before.calibration


def test_probabilities_of_nought_and_one_are_calibrated_to_finite_odds() -> None:
    labels = np.arange(200) % 2
    probabilities = np.eye(2)[np.where(np.arange(200) % 10 == 0, 1 - labels, labels)]

    found = calibrate_by_temperature(labels, probabilities, np.random.default_rng(0).integers(5, size=200))

    # One of ten predictions is wrong, so that each is right with a probability of 0.9.
    assert found.probabilities.max(axis=1) == pytest.approx(0.9, abs=0.04)
