from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cleanlab_assets.families.regression.plots import (
    MOST_FLAGGED_POINTS,
    MOST_POINTS,
    plot_given_against_predicted,
    plot_quality_cuts,
    plot_residuals,
)
from cleanlab_assets.reports.plots import VERMILION
from cleanlab_assets_tests.drawn import counts_of, draw, draw_axes, legend_of, points_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.lines import AxLine

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


each_plot = pytest.mark.parametrize("draw", [draw_given, draw_residuals, draw_cuts])


def count_pixels(png: bytes, colour: str) -> int:
    wanted = tuple(int(colour[start : start + 2], 16) for start in (1, 3, 5))
    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return int((np.abs(pixels.astype(int) - wanted) < 12).all(axis=1).sum())


@pytest.mark.slow
@each_plot
@pytest.mark.parametrize("n_rows", [400, 3 * MOST_POINTS])
def test_a_plot_of_few_or_many_rows_is_a_small_png(draw: Callable[..., bytes], n_rows: int) -> None:
    png = draw(np.random.default_rng(0), n_rows)

    assert len(png) < LARGEST_BYTES
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert 200 < min(image.size) < max(image.size) < 750


@pytest.mark.slow
@each_plot
def test_a_plot_changes_with_the_data_and_only_with_the_data(draw: Callable[[np.random.Generator], bytes]) -> None:
    assert draw(np.random.default_rng(0)) == draw(np.random.default_rng(0))
    assert draw(np.random.default_rng(0)) != draw(np.random.default_rng(1))


def dots_of(axes: Axes, *, flagged: bool) -> list[tuple[float, float]]:
    """The points of the rows that are flagged, or of the others."""
    (dots,) = (line for line in axes.lines if line.get_marker() == ("x" if flagged else "o") and len(points_of(line)))
    return points_of(dots)


def test_each_row_is_a_dot_at_its_two_values_and_a_cross_if_it_is_flagged() -> None:
    given, predicted = np.array([10.0, 20.0, 90.0]), np.array([12.0, 18.0, 30.0])
    axes = draw_axes(plot_given_against_predicted, given, predicted, np.array([False, False, True]), "dollars")

    assert dots_of(axes, flagged=False) == [(12, 10), (18, 20)]
    assert dots_of(axes, flagged=True) == [(30, 90)]
    assert line_of_equal_values(axes).get_slope() == 1
    assert legend_of(axes) == ["not flagged (2)", "flagged (1)"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted value (dollars)", "given value (dollars)")


def line_of_equal_values(axes: Axes) -> AxLine:
    from matplotlib.lines import AxLine

    (line,) = (line for line in axes.lines if isinstance(line, AxLine))
    return line


def test_residuals_are_drawn_over_the_prediction_around_a_line_at_zero() -> None:
    axes = draw_axes(plot_residuals, np.array([1.0, 2.0, 3.0]), np.array([-0.5, 0.5, 4.0]), np.arange(3) == 2)

    assert dots_of(axes, flagged=False) == [(1, -0.5), (2, 0.5)]
    assert dots_of(axes, flagged=True) == [(3, 4)]
    assert points_of(axes.lines[0]) == [(0, 0), (1, 0)], "a line at 0 from edge to edge"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted value", "residual: given - predicted")


def test_many_rows_are_drawn_as_cells_that_count_them() -> None:
    values, flags = np.arange(MOST_POINTS + 1.0), np.zeros(MOST_POINTS + 1, dtype=bool)

    assert len(dots_of(draw_axes(plot_residuals, values[1:], values[1:], flags[1:]), flagged=False)) == MOST_POINTS
    axes, bar = draw(plot_residuals, values, values, flags).axes
    (cells,) = axes.collections
    assert np.asarray(cells.get_array()).sum() == MOST_POINTS + 1
    assert bar.get_ylabel() == "rows per cell (log)"


def test_of_many_flagged_rows_some_are_drawn_and_the_legend_says_which() -> None:
    values = np.arange(MOST_FLAGGED_POINTS + 2.0)
    axes = draw_axes(plot_residuals, values, values, np.ones(len(values), dtype=bool))

    assert len(dots_of(axes, flagged=True)) == 1 + MOST_FLAGGED_POINTS // 2
    assert legend_of(axes)[1] == "flagged (2,002, 1 in 2 drawn)"


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
    axes = draw_axes(plot_given_against_predicted, far, predicted, flags)
    assert axes.get_ylim()[1] < 300
    assert dots_of(axes, flagged=True)[0][1] < 300
    assert axes.get_title(loc="right") == "beyond the axes and drawn at the edge: 1"
    assert draw_axes(plot_given_against_predicted, near, predicted, flags).get_title(loc="right") == ""


@pytest.mark.parametrize("n_flagged", [0, 3])
def test_rows_are_drawn_when_none_or_all_are_flagged(n_flagged: int) -> None:
    values, flags = np.array([1.0, 2.0, 3.0]), np.arange(3) < n_flagged
    expected = [f"not flagged ({3 - n_flagged})", f"flagged ({n_flagged})"]

    assert legend_of(draw_axes(plot_given_against_predicted, values, values, flags)) == expected
    assert set(expected) < set(legend_of(draw_axes(plot_quality_cuts, values / 3, flags, CUTS)))


def test_rows_without_a_value_are_left_out() -> None:
    values, flags = np.array([1.0, 2.0, 3.0, np.nan]), np.zeros(4, dtype=bool)

    assert plot_residuals(values, values, flags) == plot_residuals(values[:3], values[:3], flags[:3])


def test_each_cut_is_a_line_on_a_logarithmic_axis_and_one_at_zero_has_none() -> None:
    scores, flags = np.linspace(0.01, 1, 100), np.zeros(100, dtype=bool)
    axes = draw_axes(plot_quality_cuts, scores, flags, CUTS)

    assert [(line.get_label(), points_of(line)) for line in axes.lines] == [
        ("calibrated cut (0.02)", [(0.02, 0), (0.02, 1)]),
        ("cut of cleanlab (0.05)", [(0.05, 0), (0.05, 1)]),
    ]
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == pytest.approx((1e-5, 1)), "three decades below the lowest cut"
    assert plot_quality_cuts(scores, flags, {"cut": 0.0}) == plot_quality_cuts(scores, flags, {})
    assert plot_quality_cuts(scores, flags, {"cut": float("nan")}) == plot_quality_cuts(scores, flags, {})


def test_scores_below_the_axis_are_counted_in_its_first_bin() -> None:
    flags = np.array([True, False])

    for score in (1e-30, 0.0):
        axes = draw_axes(plot_quality_cuts, np.array([score, 0.5]), flags, CUTS)
        others, flagged = counts_of(axes, np.logspace(-5, 0, 41))
        assert list(flagged) == pytest.approx([1e-5])
        assert list(flagged.values()) == [1]
        assert list(others.values()) == [1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_residuals(np.zeros(2), np.zeros(3), np.zeros(3, bool)), r"got \(2,\), \(3,\) and \(3,\)"),
        (lambda: plot_residuals(np.full(2, np.nan), np.zeros(2), np.zeros(2, bool)), "no row of 2 has two finite"),
        (lambda: plot_quality_cuts(np.array([np.nan]), np.array([True]), CUTS), "no finite score among 1"),
        (lambda: plot_quality_cuts(np.zeros(2), np.zeros(3, bool), CUTS), r"got \(2,\) and \(3,\)"),
    ],
)
def test_a_plot_refuses_input_that_it_cannot_draw(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
