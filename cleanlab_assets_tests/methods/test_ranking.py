from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanlab_assets.methods.ranking import rank_by_quality


def test_the_worst_is_first_and_equal_ones_keep_their_order() -> None:
    ranks = rank_by_quality(np.array([0.9, 0.1, 0.5, 0.1]))

    assert ranks.tolist() == [4, 1, 3, 2]
    assert ranks.dtype == np.int64


def test_tie_breakers_order_equal_qualities_the_first_one_first() -> None:
    quality = np.array([0.0, 0.0, 0.0, -1.0])

    assert rank_by_quality(quality, np.array([2, 1, 1, 9]), np.array([0, 5, 4, 9])).tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_nothing_has_no_ranks(dtype: type) -> None:
    assert rank_by_quality(np.empty(0, dtype=dtype)).tolist() == []


def test_what_has_no_quality_ranks_last() -> None:
    assert rank_by_quality(np.array([np.nan, 0.5, np.nan, 0.1])).tolist() == [3, 2, 4, 1]


@given(st.lists(st.integers(0, 3)))
def test_ranks_are_a_stable_order(quality: list[int]) -> None:
    ranks = rank_by_quality(np.array(quality, dtype=np.float64))

    worst_first = sorted(range(len(quality)), key=quality.__getitem__)
    assert [ranks.tolist().index(place + 1) for place in range(len(quality))] == worst_first
