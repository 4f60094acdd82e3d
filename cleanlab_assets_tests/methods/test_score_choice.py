"""The choice among scores follows planted errors, and only where it is shown."""

from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.methods.score_choice import LEAST_ERRORS, choose_score


def draw_scores(n_rows: int, n_planted: int, seed: int, **sharpness: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Scores that tell planted errors apart by so many standard deviations each."""
    rng = np.random.default_rng(seed)
    is_planted = np.arange(n_rows) < n_planted
    return {name: rng.normal(0, 1, n_rows) - by * is_planted for name, by in sharpness.items()}, is_planted


@pytest.mark.parametrize("seed", range(3))
def test_a_score_that_finds_far_more_planted_errors_is_chosen(seed: int) -> None:
    scores, is_planted = draw_scores(400, 60, seed, usual=0.5, sharper=1.5, sharpest=4.0)

    choice = choose_score(scores, is_planted, default="usual", seed=1)

    assert choice.chosen == "sharpest"
    by_name = {figures.score: figures for figures in choice.figures}
    assert list(by_name) == ["usual", "sharper", "sharpest"]
    assert by_name["usual"].difference is None
    for name in ("sharper", "sharpest"):
        found = by_name[name]
        assert found.low is not None
        assert found.difference is not None
        assert found.high is not None
        assert 0 < found.low < found.difference < found.high


def test_the_default_stays_where_no_other_score_is_shown_to_be_better() -> None:
    """An interval of 95 % lies above zero by chance in one draw of forty."""
    drawn = [draw_scores(400, 60, seed, usual=2.0, alike=2.0, worse=0.0) for seed in range(12)]
    chosen = [choose_score(*found, default="usual", seed=1, n_resamples=200).chosen for found in drawn]

    assert chosen.count("usual") >= 10
    assert "worse" not in chosen


def test_few_planted_errors_choose_nothing_however_well_they_rank() -> None:
    scores, is_planted = draw_scores(400, LEAST_ERRORS - 1, 0, usual=0.0, sharp=9.0)

    choice = choose_score(scores, is_planted, default="usual", seed=1)

    assert (choice.chosen, choice.figures) == ("usual", [])
    assert "9 of 400 rows" in choice.note
    one_more = np.arange(400) < LEAST_ERRORS
    assert choose_score({"usual": scores["usual"], "sharp": -1.0 * one_more}, one_more, default="usual", seed=1).figures


def test_the_preferred_score_is_chosen_where_it_is_better_than_the_default_and_nowhere_else() -> None:
    scores, is_planted = draw_scores(400, 60, 0, usual=0.5, sharper=2.0, sharpest=4.0, worse=0.0)

    def choose(preferred: str) -> str:
        return choose_score(scores, is_planted, default="usual", preferred=preferred, seed=1, n_resamples=100).chosen

    assert (choose("sharper"), choose("worse")) == ("sharper", "sharpest")


def test_a_row_of_weight_three_counts_as_three_rows() -> None:
    scores, is_planted = draw_scores(200, 40, 3, usual=1.0, other=1.5)
    weights = np.where(np.arange(200) % 2, 3.0, 1.0)
    repeated = np.repeat(np.arange(200), weights.astype(int))

    weighed = choose_score(scores, is_planted, default="usual", weights=weights, seed=1).figures
    each = {name: quality[repeated] for name, quality in scores.items()}
    as_rows = choose_score(each, is_planted[repeated], default="usual", seed=1).figures

    for one, other in zip(weighed, as_rows, strict=True):
        assert one.average_precision == pytest.approx(other.average_precision)


def test_the_interval_of_an_average_precision_holds_it_and_is_narrower_by_more_rows() -> None:
    widths = []
    for n_rows in (200, 3200):
        scores, is_planted = draw_scores(n_rows, n_rows // 8, 0, usual=1.5)
        (found,) = choose_score(scores, is_planted, default="usual", seed=1).figures
        assert found.average_precision_low < found.average_precision < found.average_precision_high
        widths.append(found.average_precision_high - found.average_precision_low)

    # Sixteen times the rows: a quarter of the width.
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.4)


@pytest.mark.parametrize("n_levels", [3, 1000])
def test_average_precision_is_that_of_scikit_learn(n_levels: int) -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(2)
    quality, is_planted = rng.integers(n_levels, size=200) / n_levels, rng.random(200) < 0.2
    (figures,) = choose_score({"only": quality}, is_planted, default="only", seed=0).figures
    assert figures.average_precision == pytest.approx(average_precision_score(is_planted, -quality))


def test_equal_input_and_seed_give_equal_figures() -> None:
    scores, is_planted = draw_scores(200, 30, 4, usual=1.0, other=1.5)
    first, second = (choose_score(scores, is_planted, default="usual", seed=5) for _ in range(2))
    assert first == second
    assert first != choose_score(scores, is_planted, default="usual", seed=6)


def test_a_default_that_is_no_score_is_refused() -> None:
    scores, is_planted = draw_scores(50, 20, 0, usual=1.0)
    with pytest.raises(ValueError, match="found the scores usual, expected the default other among them"):
        choose_score(scores, is_planted, default="other", seed=0)
