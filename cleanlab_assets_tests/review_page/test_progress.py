"""Precision so far, when to stop, and what is unusual."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.review_page.norms import find_norms
from cleanlab_assets.review_page.progress import Outcome, advise_to_stop, read_sample
from cleanlab_assets.reviews import statistics
from cleanlab_assets.reviews.queues import order_randomly

RIGHT, ERROR, OPEN = Outcome.RIGHT, Outcome.ERROR, Outcome.OPEN


ASKED = st.lists(st.tuples(st.sampled_from(list(Outcome)), st.booleans()), max_size=12)
"""What came of the rows of a queue, and whether each was decided in it."""


@given(rows=ASKED)
def test_the_page_reads_the_random_queue_as_the_statistics_do(rows: list[tuple[Outcome, bool]]) -> None:
    keys = order_randomly(f"row {number}" for number in range(len(rows)))
    names = {Outcome.CONFLICT: "conflict", Outcome.EXCLUDED: "excluded"}
    outcomes: Any = {
        key: names.get(outcome, outcome.name.lower())
        for key, (outcome, _) in zip(keys, rows, strict=True)
        if outcome != OPEN
    }
    seen = {key for key, (_, was_asked) in zip(keys, rows, strict=True) if was_asked}
    expected = statistics.read_sample(keys, outcomes, seen)

    codes = np.array([outcome for outcome, _ in rows], dtype=np.int8)
    assert read_sample(codes, np.array([was_asked for _, was_asked in rows], dtype=bool)) == expected


def test_the_precision_is_that_of_the_rows_up_to_the_last_one_asked() -> None:
    found = read_sample(np.array([ERROR, OPEN, RIGHT, ERROR, ERROR]), np.array([True, False, True, False, False]))
    share = found.estimate_precision()
    assert share is not None
    assert (found.n_errors, found.n_right, share.estimate) == (1, 1, 0.5)
    assert (share.low, share.high) == (0.2, 0.8)  # one to four of five rows


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
