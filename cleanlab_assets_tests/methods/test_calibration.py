from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.methods.calibration import ReliabilityBins, ReliabilityCurve, measure_reliability


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
