from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.detection_power import (
    PlantedDetection,
    measure_planted,
    score_detection_power,
    score_detection_power_by_kind,
    to_power_table,
)
from cleanlab_assets_tests.known_data import name_splits


def test_a_perfect_detector_scores_one_everywhere() -> None:
    is_planted = np.array([True, False, True, False, False])

    measured = score_detection_power(np.where(is_planted, 0.1, 0.9), is_planted, is_planted)

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

    measured = score_detection_power(quality, is_flagged, is_planted)

    assert measured.precision == measured.recall == measured.f1 == 0.5
    assert measured.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert measured.auroc == pytest.approx(5 / 6)


def test_nothing_flagged_has_precision_zero() -> None:
    is_planted = np.array([True, False, False])

    measured = score_detection_power(np.array([0.5, 0.5, 0.5]), np.zeros(3, dtype=bool), is_planted)

    assert (measured.precision, measured.recall, measured.f1) == (0, 0, 0)
    assert measured.average_precision == pytest.approx(1 / 3), "ties are chance"
    assert measured.auroc == 0.5


@pytest.mark.parametrize("planted", [[False, False], [True, True]])
def test_without_planted_or_clean_rows_nothing_can_be_measured(planted: list[bool]) -> None:
    with pytest.raises(ValueError, match=r"of 2 rows hold planted errors: detection power cannot be measured"):
        score_detection_power(np.zeros(2), np.zeros(2, dtype=bool), np.array(planted))


def test_each_kind_is_compared_with_the_rows_without_error() -> None:
    kinds = pd.Series(["slip", None, "swap", None, "slip"], dtype="category")
    quality = np.array([0.1, 0.5, 0.6, 0.7, 0.2])
    is_flagged = np.array([True, False, False, True, False])

    powers = score_detection_power_by_kind(quality, is_flagged, kinds)

    expected = [
        {"kind": "slip", "n_planted": 2, "average_precision": 1, "auroc": 1, "recall": 0.5, "chance": 0.5},
        {"kind": "swap", "n_planted": 1, "average_precision": 0.5, "auroc": 0.5, "recall": 0, "chance": 1 / 3},
    ]
    assert [power.model_dump() for power in powers] == expected
    assert to_power_table(powers).to_dict("records") == expected


def test_without_planted_errors_there_are_no_kinds() -> None:
    powers = score_detection_power_by_kind(
        np.zeros(3), np.zeros(3, dtype=bool), pd.Series([None] * 3, dtype="category")
    )

    assert powers == []
    assert to_power_table(powers).columns.tolist() == [
        "kind",
        "n_planted",
        "average_precision",
        "auroc",
        "recall",
        "chance",
    ]


@pytest.fixture
def audited() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label issues of four train rows, of which two carry planted errors, and of a test row; their indexes differ."""
    names = ["a", "b", "c", "d", "test"]
    issues = pd.DataFrame(
        {
            "row_id": names,
            "split": name_splits(4, 1),
            "label_quality": np.array([0.1, 0.9, 0.2, 0.3, 0.0], dtype=np.float32),
            "is_label_issue": [True, False, True, False, True],
        }
    )
    rows = pd.DataFrame(
        {
            "row_id": names,
            "given_label": pd.Categorical(["x", "x", "y", "y", "y"]),
            "planted_error": [True, False, False, True, False],
            "true_label": pd.Categorical(["y", "x", "y", "x", "y"]),
            "planted_kind": pd.Categorical(["slip", None, None, "swap", None]),
        },
        index=[7, 8, 9, 10, 11],
    )
    return issues, rows


def test_the_planted_truth_is_put_beside_the_issues_and_measured(audited: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    issues, rows = audited

    table, found = measure_planted(issues, rows)

    pd.testing.assert_frame_equal(table[issues.columns.tolist()], issues)
    for name in ("planted_error", "true_label", "planted_kind"):
        pd.testing.assert_series_equal(table[name], rows[name].set_axis(table.index))
    assert (found.overall.n_planted, found.overall.precision, found.overall.recall) == (2, 0.5, 0.5)
    assert found.overall.average_precision == pytest.approx((1 + 2 / 3) / 2)
    assert [(power.kind, power.recall, power.average_precision) for power in found.by_kind] == [
        ("slip", 1, 1),
        ("swap", 0, 0.5),
    ]
    assert "planted_error" not in issues
    assert PlantedDetection.model_validate_json(found.model_dump_json()) == found


def test_errors_without_kinds_are_measured_as_a_whole(audited: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    issues, rows = audited

    table, found = measure_planted(issues, rows.drop(columns="planted_kind"))

    assert found.by_kind == []
    assert found.overall.n_planted == 2
    assert "planted_kind" not in table


def test_the_truth_of_other_rows_is_refused(audited: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    issues, rows = audited

    with pytest.raises(ValueError, match=r"label issues \(5 rows\) are not those of the audited rows \(3 rows\)"):
        measure_planted(issues, rows.head(3))
