"""Precision so far, when to stop, and what is unusual."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.review_page.norms import find_norms
from cleanlab_assets.review_page.progress import Outcome, advise_to_stop, measure_precision

RIGHT, ERROR, OPEN = Outcome.RIGHT, Outcome.ERROR, Outcome.OPEN


def measure(outcomes: list[Outcome], asked: list[int]) -> object:
    was_asked = np.zeros(len(outcomes), dtype=bool)
    was_asked[asked] = True
    return measure_precision(np.array(outcomes), was_asked)


def test_the_sample_ends_with_the_last_row_that_was_asked() -> None:
    assert measure([ERROR, ERROR, RIGHT], []) is None
    assert measure([OPEN, Outcome.UNCLEAR, Outcome.EXCLUDED, Outcome.CONFLICT], [1, 2]) is None
    found = measure([ERROR, OPEN, RIGHT, ERROR, ERROR], [0, 2])
    assert found == pytest.approx((1, 2, 0.5, 0.0945, 0.9055), abs=1e-3)


def test_the_interval_is_that_of_wilson() -> None:
    # By hand for 8 of 10: (p + z2 / 2n -+ z sqrt(p q / n + z2 / 4n2)) / (1 + z2 / n) with z = 1.96.
    found = measure([ERROR] * 8 + [RIGHT] * 2, [9])
    assert found == pytest.approx((8, 10, 0.8, 0.4902, 0.9433), abs=1e-4)
    none = measure([RIGHT] * 10, [9])
    assert none == pytest.approx((0, 10, 0.0, 0.0, 0.2775), abs=1e-4)


def test_the_interval_covers_the_rate() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        outcomes = np.where(rng.random(60) < 0.7, ERROR, RIGHT)
        found = measure_precision(outcomes, np.ones(60, dtype=bool))
        assert found is not None
        covered += found.low <= 0.7 <= found.high
    assert covered >= 180


@pytest.mark.parametrize(
    ("latest", "advice"),
    [
        ([RIGHT] * 49, ""),
        ([RIGHT] * 50, "stop here: the last 50 held 0 errors"),
        ([ERROR] * 9 + [RIGHT] * 49 + [ERROR], "stop here: the last 50 held 1 error"),
        ([RIGHT] * 47 + [ERROR] * 3, ""),
        ([ERROR] * 3 + [RIGHT] * 47, ""),
        ([ERROR] * 100 + [Outcome.UNCLEAR] * 48 + [ERROR] * 2, "stop here: the last 50 held 2 errors"),
    ],
)
def test_the_last_decisions_say_when_to_stop(latest: list[Outcome], advice: str) -> None:
    assert advise_to_stop(latest) == advice


def test_far_numbers_and_rare_categories_are_unusual() -> None:
    rows = pd.DataFrame(
        {
            "size": [*range(999), 10_000],
            "flat": [1.0] * 999 + [5.0],
            "shop": ["main"] * 997 + ["corner"] * 3,
            "name": [f"n{number}" for number in range(1000)],
        }
    )
    kinds = {"size": "numeric", "flat": "numeric", "shop": "categorical", "name": "categorical"}
    norms = find_norms(rows, tuple(Column(name=name, kind=kind) for name, kind in kinds.items()))  # type: ignore[arg-type]
    assert norms["size"].describe(10_000) == "19.02 IQR above the median 499.5"
    assert norms["size"].describe(900) == norms["size"].describe(None) == norms["size"].describe(np.nan) == ""
    assert norms["flat"].describe(5.0) == "", "there is no spread to measure by"
    assert norms["shop"].describe("corner") == "rare: 3 of 1,000 rows"
    assert norms["shop"].describe("main") == ""
    assert norms["name"].describe("n3") == "", "where all are rare, none is unusual"
