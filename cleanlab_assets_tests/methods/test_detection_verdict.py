from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.detection_verdict import (
    CANNOT_TELL,
    DetectionReport,
    KindFound,
    count_of_each_kind,
    expect_by_chance,
    measure_agreement,
    measure_in_rounds,
    score_kinds,
)


def test_each_kind_is_compared_with_untouched_rows_and_with_the_best_ranking_without_a_model() -> None:
    kinds = pd.Series(["slip", None, "swap", None, "slip"], dtype="category")
    quality = np.array([0.1, 0.5, 0.6, 0.7, 0.2])
    is_flagged = np.array([True, False, False, True, False])
    without = {"worse": np.array([9.0, 1, 2, 3, 8]), "better": np.array([1.0, 5, 0, 4, 3])}

    slip, swap = score_kinds(quality, is_flagged, kinds, gross={"slip"}, without_model=without)

    assert slip.model_dump() == {
        "kind": "slip",
        "is_gross": True,
        "n_planted": 2,
        "average_precision": 1.0,
        "recall": 0.5,
        "chance": pytest.approx(expect_by_chance(2, 4)),
        "without_model": 1.0,
    }
    assert (swap.is_gross, swap.average_precision, swap.without_model) == (False, 0.5, 1.0)


def test_the_lift_is_that_of_the_odds_over_the_higher_of_chance_and_what_needs_no_model() -> None:
    common = {"kind": "slip", "is_gross": True, "n_planted": 9, "recall": 0.0, "chance": 0.2}

    assert KindFound(average_precision=0.5, without_model=0.1, **common).lift == pytest.approx(4)
    assert KindFound(average_precision=0.5, without_model=0.4, **common).lift == pytest.approx(1.5)
    assert KindFound(average_precision=0.95, without_model=0.95, **common).is_found, "nothing more can be asked for"
    assert not KindFound(average_precision=0.8, without_model=0.7, **common).is_found


def test_gross_errors_that_stand_out_without_the_model_are_no_sign_of_it() -> None:
    """A model that explains nothing: what is far from the mean ranks high by itself."""
    kinds = [
        KindFound(
            kind=kind,
            is_gross=True,
            n_planted=20,
            average_precision=found,
            recall=0.1,
            chance=0.02,
            without_model=alone,
        )
        for kind, found, alone in (("unit", 0.55, 0.54), ("slip", 0.95, 0.94), ("swap", 0.02, 0.02))
    ]

    assert DetectionReport(kinds=kinds, among="1,000 rows").verdict == CANNOT_TELL


def test_a_kind_of_which_hardly_any_error_was_planted_decides_nothing() -> None:
    common = {"is_gross": True, "recall": 0.5, "chance": 0.02}
    many = KindFound(kind="slip", n_planted=20, average_precision=0.9, **common)
    few = KindFound(kind="swap", n_planted=2, average_precision=0.01, **common)

    assert DetectionReport(kinds=[many, few], among="rows").verdict == DetectionReport(kinds=[many]).verdict


def test_rounds_add_up_the_errors_and_average_the_rest() -> None:
    def measure(seed: int) -> DetectionReport:
        found = KindFound(
            kind="slip", is_gross=True, n_planted=5, average_precision=0.1 * seed, recall=0.5, chance=0.05
        )
        return DetectionReport(kinds=[found], among="100 rows", agreement=0.2 * seed)

    report = measure_in_rounds(measure, n_rows=100, most_rows=1000, seed=1)

    assert (report.kinds[0].n_planted, report.among) == (15, "100 rows in each of 3 copies")
    assert report.kinds[0].average_precision == pytest.approx(0.2)
    assert report.kinds[0].without_model is None
    assert report.agreement == pytest.approx(0.4)
    assert measure_in_rounds(measure, n_rows=900, most_rows=1000, seed=2).kinds[0].n_planted == 5


def test_agreement_is_the_share_of_the_worst_rows_of_both() -> None:
    quality, again = np.array([0.1, 0.2, 0.3, 0.9, 0.8]), np.array([0.2, 0.9, 0.1, 0.8, 0.7])

    assert measure_agreement(quality, again, 2) == 0.5
    assert measure_agreement(quality, quality, 3) == 1
    assert measure_agreement(quality, again, 0) is None
    assert measure_agreement(quality, again, 5) is None


@pytest.mark.parametrize(("n_rows", "expected"), [(3000, 100), (300, 10), (90, 5), (45, 3), (4, 1)])
def test_of_each_kind_five_errors_are_planted_where_the_rows_allow_it(n_rows: int, expected: int) -> None:
    assert count_of_each_kind(n_rows, 3, fraction=0.1) == expected


@pytest.mark.parametrize(("n_planted", "n_rows"), [(1, 4), (2, 4), (3, 7), (4, 4)])
def test_chance_is_the_mean_over_all_rankings(n_planted: int, n_rows: int) -> None:
    reached = [
        np.mean([(found + 1) / place for found, place in enumerate(places)])
        for places in combinations(range(1, n_rows + 1), n_planted)
    ]

    assert expect_by_chance(n_planted, n_rows) == pytest.approx(float(np.mean(reached)))
