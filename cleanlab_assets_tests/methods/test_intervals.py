"""Intervals hold the truth as often as they say, by draws of sets whose truth is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cleanlab_assets.methods.intervals import (
    Interval,
    add_estimates,
    bound_shares,
    estimate_count,
    estimate_share,
    predict_count,
)

N_DRAWS = 400
estimate, predict = cache(estimate_count), cache(predict_count)


def draw(rng: np.random.Generator, n_true: int, n_all: int, n_drawn: int) -> list[int]:
    return [int(found) for found in rng.hypergeometric(n_true, n_all - n_true, n_drawn, size=N_DRAWS)]


@pytest.mark.parametrize(("n_true", "n_all", "n_drawn"), [(0, 300, 50), (3, 300, 50), (150, 300, 50), (297, 300, 250)])
def test_the_interval_of_a_count_covers(n_true: int, n_all: int, n_drawn: int) -> None:
    found = draw(np.random.default_rng(0), n_true, n_all, n_drawn)
    intervals = [estimate(number, n_drawn, n_all) for number in found]
    assert np.mean([interval.low <= n_true <= interval.high for interval in intervals]) >= 0.95
    for number, interval in zip(found, intervals, strict=True):
        assert number <= interval.low <= interval.estimate <= interval.high <= n_all - n_drawn + number


def test_the_ends_are_the_exact_ones() -> None:
    """By hand: 2 drawn of 4, both with the property. Of 2, 3 and 4 such ones that happens in 1/6, 1/2 and 1 of all."""
    assert estimate_count(2, 2, 4, level=0.60) == Interval(estimate=4, low=3, high=4)
    assert estimate_count(2, 2, 4, level=0.70) == Interval(estimate=4, low=2, high=4)
    assert estimate_count(0, 2, 4, level=0.60) == Interval(estimate=0, low=0, high=1)


def test_what_was_looked_at_whole_is_known() -> None:
    assert estimate_count(7, 20, 20) == Interval(estimate=7, low=7, high=7)
    assert estimate_count(0, 0, 0) == Interval(estimate=0, low=0, high=0)


@pytest.mark.parametrize(("n_found", "n_drawn", "n_all"), [(3, 2, 10), (2, 11, 10), (-1, 2, 10), (0, 0, 10)])
def test_numbers_that_contradict_each_other_are_refused(n_found: int, n_drawn: int, n_all: int) -> None:
    with pytest.raises(ValueError, match="expected each at most the next"):
        estimate_count(n_found, n_drawn, n_all)


@pytest.mark.parametrize("share_flagged", [0.2, 0.6, 0.9])
@pytest.mark.parametrize("n_missed", [0, 5, 40, 400])
@pytest.mark.parametrize("n_drawn", [30, 100])
def test_the_interval_of_a_sum_covers(share_flagged: float, n_missed: int, n_drawn: int) -> None:
    """200 flagged rows with a share of errors, and 4,000 others with a few that were missed, perhaps none."""
    rng = np.random.default_rng(1)
    n_flagged_errors = round(200 * share_flagged)
    flagged, missed = draw(rng, n_flagged_errors, 200, n_drawn), draw(rng, n_missed, 4_000, n_drawn)
    hits = 0
    for one, other in zip(flagged, missed, strict=True):
        total = add_estimates([estimate(one, n_drawn, 200), estimate(other, n_drawn, 4_000)])
        hits += total.low <= n_flagged_errors + n_missed <= total.high
    assert hits / N_DRAWS >= 0.93


def test_the_interval_of_the_next_rows_holds_their_number() -> None:
    rng = np.random.default_rng(2)
    for rate in (0.02, 0.3, 0.8):
        seen, following = rng.binomial(100, rate, N_DRAWS), rng.binomial(100, rate, N_DRAWS)
        predicted = [predict(int(found), 100, 100) for found in seen]
        pairs = zip(predicted, following, strict=True)
        assert np.mean([interval.low <= number <= interval.high for interval, number in pairs]) >= 0.93
        assert np.mean([interval.estimate for interval in predicted]) == pytest.approx(100 * rate, abs=1.5)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_the_interval_of_a_share_covers(share: float) -> None:
    found = np.random.default_rng(0).binomial(60, share, size=N_DRAWS)
    intervals = {int(number): estimate_share(int(number), 60) for number in np.unique(found)}
    assert np.mean([intervals[int(number)].low <= share <= intervals[int(number)].high for number in found]) >= 0.95


def test_the_ends_of_a_share_are_the_exact_ones() -> None:
    """By hand: of 10 draws none has it, so that the upper end has (1 - end)^10 = 0.025; and the other way round."""
    end = 1 - 0.025**0.1
    assert estimate_share(0, 10).model_dump() == pytest.approx({"estimate": 0, "low": 0, "high": end})
    assert estimate_share(10, 10).model_dump() == pytest.approx({"estimate": 1, "low": 1 - end, "high": 1})


@pytest.mark.parametrize(("n_found", "n_drawn"), [(0, 0), (2, 1), (-1, 4)])
def test_a_share_of_impossible_numbers_is_refused(n_found: int, n_drawn: int) -> None:
    with pytest.raises(ValueError, match=f"found {n_found} of {n_drawn}, expected"):
        estimate_share(n_found, n_drawn)


@pytest.mark.parametrize("n", [3, 20, 400])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.97])
def test_the_intervals_of_shares_cover_on_average(share: float, n: int) -> None:
    shares = np.random.default_rng(3).beta(share * 10, (1 - share) * 10, size=4000)
    hits = np.random.default_rng(4).binomial(n, shares)
    low, high = bound_shares(hits, np.full(len(hits), n))
    assert ((low <= shares) & (shares <= high)).mean() > 0.92
    assert (low <= hits / n).all()
    assert (hits / n <= high).all()


def test_the_interval_of_a_share_narrows_with_its_count_and_reaches_0_and_1() -> None:
    low, high = bound_shares(np.array([2.5, 25.0, 0.0, 4.0]), np.array([5, 50, 4, 4]))
    assert (high - low)[1] < (high - low)[0] / 2
    assert (low[2], high[3]) == (0, 1)
    with pytest.raises(ValueError, match=r"found 3\.0 of 2, expected from 0 to the count"):
        bound_shares(np.array([3.0]), np.array([2]))
