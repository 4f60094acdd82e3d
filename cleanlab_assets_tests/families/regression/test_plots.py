from __future__ import annotations

import io
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from cleanlab_assets.families.regression.plots import (
    MOST_POINTS,
    plot_given_against_predicted,
    plot_label_distribution,
    plot_quality_cuts,
    plot_residuals,
)
from cleanlab_assets.reports.plots import VERMILION

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_BYTES = 35_000
CUTS = {"calibrated cut": 0.02, "cut of cleanlab": 0.05}


def draw_given(rng: np.random.Generator, n: int = 400) -> bytes:
    predicted = rng.gamma(2, 100, n)
    return plot_given_against_predicted(predicted + rng.normal(0, 20, n), predicted, np.arange(n) < n // 50, "dollars")


def draw_residuals(rng: np.random.Generator, n: int = 400) -> bytes:
    return plot_residuals(rng.gamma(2, 100, n), rng.normal(0, 20, n), np.arange(n) < n // 50)


def draw_cuts(rng: np.random.Generator, n: int = 400) -> bytes:
    scores = np.exp(-rng.exponential(1, n))
    return plot_quality_cuts(scores, scores < 0.02, CUTS)


def draw_distribution(rng: np.random.Generator, n: int = 400) -> bytes:
    return plot_label_distribution(rng.gamma(2, 100, n), "dollars")


each_plot = pytest.mark.parametrize("draw", [draw_given, draw_residuals, draw_cuts, draw_distribution])


def count_pixels(png: bytes, colour: str) -> int:
    wanted = tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return int((np.abs(pixels.astype(int) - wanted) < 12).all(axis=1).sum())


@each_plot
@pytest.mark.parametrize("n_rows", [400, 3 * MOST_POINTS])
def test_a_plot_of_few_or_many_rows_is_a_small_png(draw: Callable[..., bytes], n_rows: int) -> None:
    png = draw(np.random.default_rng(0), n_rows)

    assert len(png) < LARGEST_BYTES
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert 200 < min(image.size) < max(image.size) < 750


@each_plot
def test_a_plot_changes_with_the_data_and_only_with_the_data(draw: Callable[[np.random.Generator], bytes]) -> None:
    assert draw(np.random.default_rng(0)) == draw(np.random.default_rng(0))
    assert draw(np.random.default_rng(0)) != draw(np.random.default_rng(1))


def test_many_rows_are_drawn_as_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    monkeypatch.setattr(Axes, "hexbin", Mock(side_effect=AssertionError("cells were drawn")))
    values, flags = np.arange(MOST_POINTS + 1.0), np.zeros(MOST_POINTS + 1, dtype=bool)

    assert plot_residuals(values[1:], values[1:], flags[1:]).startswith(b"\x89PNG")
    with pytest.raises(AssertionError, match="cells were drawn"):
        plot_residuals(values, values, flags)


@pytest.mark.parametrize("n_rows", [300, 2 * MOST_POINTS])
def test_a_single_flagged_row_keeps_its_colour(n_rows: int) -> None:
    rng = np.random.default_rng(0)
    predicted = rng.gamma(2, 100, n_rows)
    given = predicted + rng.normal(0, 20, n_rows)

    png = plot_given_against_predicted(given, predicted, np.arange(n_rows) == 0)
    without = plot_given_against_predicted(given[1:], predicted[1:], np.zeros(n_rows - 1, dtype=bool))

    # The legend has a cross too.
    assert count_pixels(png, VERMILION) > count_pixels(without, VERMILION) > 5


def test_one_value_far_off_does_not_press_all_others_into_a_corner() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(100, 200, 300)
    given, flags = predicted + rng.normal(0, 5, 300), np.arange(300) == 0
    near, far, farther = (np.where(flags, value, given) for value in (210.0, 4e4, 4e6))

    assert plot_given_against_predicted(far, predicted, flags) == plot_given_against_predicted(
        farther, predicted, flags
    )
    assert plot_given_against_predicted(far, predicted, flags) != plot_given_against_predicted(near, predicted, flags)


@pytest.mark.parametrize("n_flagged", [0, 3])
def test_rows_are_drawn_when_none_or_all_are_flagged(n_flagged: int) -> None:
    values, flags = np.array([1.0, 2.0, 3.0]), np.arange(3) < n_flagged

    assert plot_given_against_predicted(values, values, flags).startswith(b"\x89PNG")
    assert plot_quality_cuts(values / 3, flags, CUTS).startswith(b"\x89PNG")


def test_rows_without_a_value_are_left_out() -> None:
    values, flags = np.array([1.0, 2.0, 3.0, np.nan]), np.zeros(4, dtype=bool)

    assert plot_residuals(values, values, flags) == plot_residuals(values[:3], values[:3], flags[:3])
    assert plot_label_distribution(values) == plot_label_distribution(values[:3])


def test_a_cut_moves_its_line_and_one_at_zero_has_none() -> None:
    scores, flags = np.linspace(0.01, 1, 100), np.zeros(100, dtype=bool)

    assert plot_quality_cuts(scores, flags, {"cut": 0.02}) != plot_quality_cuts(scores, flags, {"cut": 0.08})
    assert plot_quality_cuts(scores, flags, {"cut": 0.0}) == plot_quality_cuts(scores, flags, {})
    assert plot_quality_cuts(scores, flags, {"cut": float("nan")}) == plot_quality_cuts(scores, flags, {})


def test_scores_below_the_axis_are_counted_in_its_first_bin() -> None:
    flags = np.array([True, False])

    low, zero = (plot_quality_cuts(np.array([score, 0.5]), flags, CUTS) for score in (1e-30, 0.0))

    assert low == zero


def test_equal_labels_and_few_whole_numbers_are_drawn() -> None:
    assert plot_label_distribution(np.full(5, 7.0)).startswith(b"\x89PNG")
    assert plot_label_distribution(np.full(5, 0.7)).startswith(b"\x89PNG")
    assert plot_label_distribution(np.array([1.0, 2.0, 2.0, 5.0])).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_residuals(np.zeros(2), np.zeros(3), np.zeros(3, bool)), r"got \(2,\), \(3,\) and \(3,\)"),
        (lambda: plot_residuals(np.full(2, np.nan), np.zeros(2), np.zeros(2, bool)), "no row of 2 has two finite"),
        (lambda: plot_label_distribution(np.array([np.nan])), "no finite value among 1"),
        (lambda: plot_quality_cuts(np.array([np.nan]), np.array([True]), CUTS), "no finite score among 1"),
        (lambda: plot_quality_cuts(np.zeros(2), np.zeros(3, bool), CUTS), r"got \(2,\) and \(3,\)"),
    ],
)
def test_a_plot_refuses_input_that_it_cannot_draw(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
