from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.detection_power import (
    measure_detection,
    measure_detection_by_kind,
    measure_detection_power,
)
from cleanlab_assets_tests.known_data import Labelled, embedded


def test_a_perfect_detector_scores_one_everywhere() -> None:
    is_planted = np.array([True, False, True, False, False])

    measured = measure_detection(np.where(is_planted, 0.1, 0.9), is_planted, is_planted)

    assert measured.model_dump() == {
        "n_planted": 2,
        "planted_share": 0.4,
        "precision": 1,
        "recall": 1,
        "f1": 1,
        "average_precision": 1,
        "auroc": 1,
    }


def test_metrics_of_a_hand_made_case() -> None:
    quality = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    is_planted = np.array([True, False, True, False, False])
    is_flagged = np.array([True, True, False, False, False])

    measured = measure_detection(quality, is_flagged, is_planted)

    assert measured.precision == measured.recall == measured.f1 == 0.5
    assert measured.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert measured.auroc == pytest.approx(5 / 6)


def test_nothing_flagged_has_precision_zero() -> None:
    is_planted = np.array([True, False, False])

    measured = measure_detection(np.array([0.5, 0.5, 0.5]), np.zeros(3, dtype=bool), is_planted)

    assert (measured.precision, measured.recall, measured.f1) == (0, 0, 0)
    assert measured.average_precision == pytest.approx(1 / 3), "ties are chance"
    assert measured.auroc == 0.5


@pytest.mark.parametrize("planted", [[False, False], [True, True]])
def test_without_planted_or_clean_rows_nothing_can_be_measured(planted: list[bool]) -> None:
    with pytest.raises(ValueError, match=r"of 2 rows hold planted errors: detection cannot be measured"):
        measure_detection(np.zeros(2), np.zeros(2, dtype=bool), np.array(planted))


# Measured over seeds 0 to 4: average precision 0.12 to 0.17 and AUROC 0.54 to 0.65 on noise (the share of classes is
# all that tells errors there), average precision 0.90 to 0.95 on the real features.
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_power_is_near_chance_on_noise_and_far_above_on_real_features(seed: int) -> None:
    data = embedded("breast_cancer")
    noise = pd.DataFrame(np.random.default_rng(seed).normal(size=data.features.shape), columns=data.features.columns)
    blind = Labelled(noise, data.labels, data.kinds, data.class_names)

    real = measure_detection_power(data.rows(), data.kinds.names, build=data.build("logistic_regression"), seed=seed)
    chance = measure_detection_power(blind.rows(), data.kinds.names, build=data.build("logistic_regression"), seed=seed)

    assert chance.average_precision < 0.25
    assert 0.3 < chance.auroc < 0.7
    assert real.average_precision > 0.8
    assert real.planted_share == chance.planted_share == pytest.approx(0.1, abs=0.002)


def test_a_sample_bounds_the_rows_and_the_table_is_left_as_it_is() -> None:
    data = embedded("breast_cancer")
    rows = data.rows()
    before = rows.copy()

    power = measure_detection_power(
        rows, data.kinds.names, build=data.build("logistic_regression"), max_rows=200, fraction=0.05, seed=0
    )

    assert (power.n_planted, power.planted_share) == (10, 0.05)
    pd.testing.assert_frame_equal(rows, before)


def test_each_kind_is_compared_with_the_rows_without_error() -> None:
    kinds = pd.Series(["slip", None, "swap", None, "slip"], dtype="category")
    quality = np.array([0.1, 0.5, 0.6, 0.7, 0.2])
    is_flagged = np.array([True, False, False, True, False])

    table = measure_detection_by_kind(quality, is_flagged, kinds)

    assert table.to_dict("records") == [
        {"kind": "slip", "n_planted": 2, "average_precision": 1, "auroc": 1, "recall": 0.5, "chance": 0.5},
        {"kind": "swap", "n_planted": 1, "average_precision": 0.5, "auroc": 0.5, "recall": 0, "chance": 1 / 3},
    ]


def test_without_planted_errors_there_are_no_kinds() -> None:
    table = measure_detection_by_kind(np.zeros(3), np.zeros(3, dtype=bool), pd.Series([None] * 3, dtype="category"))

    assert table.columns.tolist() == ["kind", "n_planted", "average_precision", "auroc", "recall", "chance"]
    assert table.empty
