from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cleanlab_assets.reports import plots
from cleanlab_assets.reports.formatting import MISSING
from cleanlab_assets.reports.plots import (
    BLUE,
    as_data_uri,
    plot_class_balance,
    plot_label_quality,
    plot_noise_matrix,
    plot_reliability,
    plot_score_distribution,
    plot_variant_differences,
)
from cleanlab_assets_tests.drawn import (
    counts_of,
    draw,
    draw_axes,
    heights_of,
    legend_of,
    line_of,
    points_of,
    texts_of,
    ticks_of,
    widths_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_BYTES = 25_000


def draw_class_balance(rng: np.random.Generator) -> bytes:
    return plot_class_balance(pd.Series(rng.integers(1, 9000, 7), index=[f"class {i}" for i in range(7)]))


def draw_label_quality(rng: np.random.Generator) -> bytes:
    scores = rng.beta(5, 1, 5000)
    return plot_label_quality(scores, scores < 0.4)


def draw_score_distribution(rng: np.random.Generator) -> bytes:
    scores = rng.uniform(0, 1, 5000)
    return plot_score_distribution(scores, scores < 0.1, "outlier score")


def draw_reliability(rng: np.random.Generator) -> bytes:
    predicted = np.linspace(0.3, 1, 10)
    return plot_reliability(predicted, predicted - rng.uniform(0, 0.1, 10), rng.integers(1, 500, 10))


def draw_variant_differences(rng: np.random.Generator) -> bytes:
    pairs = [(variant, metric) for variant in ("pruned", "relabelled", "control") for metric in ("accuracy", "f1")]
    table = pd.DataFrame(pairs, columns=["variant", "metric"])
    table["difference"] = rng.normal(0, 0.01, len(table))
    return plot_variant_differences(table.assign(low=table["difference"] - 0.01, high=table["difference"] + 0.01))


def draw_noise_matrix(rng: np.random.Generator) -> bytes:
    names = [f"class {i}" for i in range(12)]
    return plot_noise_matrix(pd.DataFrame(rng.integers(0, 99, (12, 12)), index=names, columns=names))


DRAWINGS = [
    draw_class_balance,
    draw_label_quality,
    draw_score_distribution,
    draw_reliability,
    draw_variant_differences,
    draw_noise_matrix,
]
each_plot = pytest.mark.parametrize("draw", DRAWINGS)


@each_plot
def test_a_plot_is_a_small_png(draw: Callable[[np.random.Generator], bytes]) -> None:
    png = draw(np.random.default_rng(0))

    assert len(png) < LARGEST_BYTES
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert min(image.size) > 200


@pytest.mark.slow
@each_plot
def test_a_plot_changes_with_the_data_and_only_with_the_data(draw: Callable[[np.random.Generator], bytes]) -> None:
    assert draw(np.random.default_rng(0)) == draw(np.random.default_rng(0))
    assert draw(np.random.default_rng(0)) != draw(np.random.default_rng(1))


def test_the_bars_of_classes_are_as_long_as_their_rows_and_say_how_many() -> None:
    axes = draw_axes(plot_class_balance, pd.Series({"cat": 30, "dog": 9, "a name too long for any axis": 1}))

    assert widths_of(axes) == [30, 9, 1]
    assert texts_of(axes) == ["30 (75.0 %)", "9 (22.5 %)", "1 (2.5 %)"]
    assert ticks_of(axes) == ["cat", "dog", "a name too long for any…"]
    assert axes.get_ylim() == (2.5, -0.5), "the first class is at the top"
    assert axes.get_xlim() == pytest.approx((0, 42.6))
    assert axes.get_xlabel() == "rows"


def test_rows_of_small_classes_are_added_up() -> None:
    axes = draw_axes(plot_class_balance, pd.Series(range(1, 31), index=[f"class {i}" for i in range(1, 31)]))

    assert widths_of(axes) == [*range(30, 11, -1), sum(range(1, 12))]
    assert ticks_of(axes)[0] == "class 30"
    assert ticks_of(axes)[-1] == "11 other classes"


def test_label_quality_is_counted_in_bins_apart_for_flagged_rows() -> None:
    axes = draw_axes(plot_label_quality, np.array([0.01, 0.02, 0.505, 0.51, 0.52, 1.0]), np.arange(6) < 2)

    assert counts_of(axes, np.arange(41) / 40) == [{0.5: 3, 0.975: 1}, {0.0: 2}]
    assert legend_of(axes) == ["not flagged (4)", "flagged (2)"]
    assert axes.patches[1].get_hatch() == "////"
    assert axes.get_yscale() == "log"
    assert axes.get_xlim() == (0, 1)
    assert axes.get_ylim() == (0.7, 4.5)


@pytest.mark.parametrize("n_flagged", [0, 3])
def test_scores_plot_when_no_row_or_every_row_is_flagged(n_flagged: int) -> None:
    axes = draw_axes(plot_label_quality, np.array([0.1, 0.1, 0.1]), np.arange(3) < n_flagged)

    assert counts_of(axes, np.arange(41) / 40) == [{0.1: 3}, {}][:: 1 if n_flagged == 0 else -1]


def test_the_score_of_an_issue_has_its_title_and_the_whole_range() -> None:
    axes = draw_axes(plot_score_distribution, np.array([0.1, 0.6, 0.61]), np.arange(3) < 1, "outlier score")

    assert counts_of(axes, np.arange(41) / 40) == [{0.6: 2}, {0.1: 1}]
    assert axes.get_xlim() == (0, 1)
    assert axes.get_xlabel() == "outlier score (0 = worst, 1 = unremarkable)"


def test_the_curve_of_reliability_joins_the_bins_over_bars_of_their_rows() -> None:
    confidence, observed = np.array([0.35, np.nan, 0.75, 0.95]), np.array([0.3, np.nan, 0.8, 0.9])
    curve, bars = draw(plot_reliability, confidence, observed, np.array([20, 0, 50, 400])).axes

    assert points_of(line_of(curve, "model")) == [(0.35, 0.3), (0.75, 0.8), (0.95, 0.9)]
    assert points_of(line_of(curve, "perfectly calibrated")) == [(0, 0), (1, 1)]
    assert heights_of(bars) == [20, 50, 400]
    assert bars.get_yscale() == "log"
    assert bars.get_ylim() == (0.7, 800)


def test_a_variant_whose_interval_leaves_out_zero_has_a_filled_marker() -> None:
    rows = [
        ("pruned", "accuracy", 0.02, 0.01, 0.03),
        ("relabelled", "accuracy", 0.0, -0.01, 0.02),
        ("relabelled", "log_loss", -0.3, -0.4, -0.2),
    ]
    table = pd.DataFrame(rows, columns=["variant", "metric", "difference", "low", "high"])
    panels = draw(plot_variant_differences, table).axes

    assert [axes.get_title(loc="left") for axes in panels] == ["accuracy", "log_loss"]
    assert ticks_of(panels[0]) == ["pruned", "relabelled"]
    drawn = [
        [(points_of(interval), points_of(marker), marker.get_markerfacecolor()) for interval, marker in pairs]
        for pairs in (zip(axes.lines[1::2], axes.lines[2::2], strict=True) for axes in panels)
    ]
    assert drawn == [
        [([(0.01, 0), (0.03, 0)], [(0.02, 0)], BLUE), ([(-0.01, 1), (0.02, 1)], [(0.0, 1)], "white")],
        [([(-0.4, 1), (-0.2, 1)], [(-0.3, 1)], BLUE)],
    ]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([[1200, 3], [0, 40]], ["1,200", "3", "0", "40"]),
        ([[0.995, 0.005], [0.25, 0.75]], ["99.5 %", "0.5 %", "25 %", "75 %"]),
    ],
)
def test_the_cells_of_a_noise_matrix_hold_its_numbers_given_labels_down(
    values: list[list[float]], texts: list[str]
) -> None:
    axes = draw_axes(plot_noise_matrix, pd.DataFrame(values, index=["cat", "dog"], columns=["cat", "dog"]))

    np.testing.assert_array_equal(axes.images[0].get_array(), values)
    assert texts_of(axes) == texts
    assert [text.get_position() for text in axes.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert ticks_of(axes) == ["cat", "dog"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("given label", "true label")


def test_missing_scores_are_left_out() -> None:
    flags = np.array([True, False, False])

    with_missing = plot_label_quality(np.array([0.1, 0.9, np.nan]), flags)

    assert with_missing == plot_label_quality(np.array([0.1, 0.9]), flags[:2])


def test_empty_bins_are_left_out_of_the_reliability_curve() -> None:
    with_empty = plot_reliability(np.array([np.nan, 0.5]), np.array([np.nan, 0.4]), np.array([0, 9]))

    assert with_empty == plot_reliability(np.array([0.5]), np.array([0.4]), np.array([9]))


def test_many_classes_make_no_tall_plot() -> None:
    png = plot_class_balance(pd.Series(range(1, 301), index=[f"class {i}" for i in range(300)]))

    with Image.open(io.BytesIO(png)) as image:
        assert image.height < 1000


def test_six_metrics_make_a_compact_grid() -> None:
    metrics = ["accuracy", "macro_f1", "weighted_f1", "weighted_precision", "log_loss", "roc_auc"]
    variants = ["pruned", "relabelled", "cleanlearning", "random removal"]
    table = pd.DataFrame([(v, m) for v in variants for m in metrics], columns=["variant", "metric"])

    png = plot_variant_differences(table.assign(difference=0.001, low=-0.002, high=0.003))

    with Image.open(io.BytesIO(png)) as image:
        assert image.width <= 700
        assert image.height <= 500


def test_the_axis_is_zoomed_to_scores_that_lie_close_together() -> None:
    ticks = plots._choose_ticks(np.array([0.499966, 0.5, 0.500018]))

    assert (ticks[0], ticks[-1]) == pytest.approx((0.49996, 0.50002), abs=1e-9)
    assert np.abs(ticks - 0.5).min() < 1e-9
    assert len(plots._choose_ticks(np.array([0.1, 0.9]))) == 0


def test_scores_that_would_share_a_bin_can_be_told_apart() -> None:
    axes = draw_axes(plot_score_distribution, np.array([0.501, 0.502, 0.509]), np.arange(3) < 1, "value")

    assert axes.get_xlim() == pytest.approx((0.5, 0.51))
    others, flagged = counts_of(axes, np.linspace(0.5, 0.51, 41))
    assert list(others.values()) == [1, 1]
    assert list(flagged.values()) == [1]
    assert axes.get_xlabel().endswith("\naxis zoomed to the data")


def test_a_noise_matrix_with_numbers_in_its_cells_has_no_colour_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    with monkeypatch.context() as patch:
        patch.setattr(Figure, "colorbar", Mock(side_effect=AssertionError("a colour bar was drawn")))
        plot_noise_matrix(pd.DataFrame(np.eye(12)))
        with pytest.raises(AssertionError, match="a colour bar was drawn"):
            plot_noise_matrix(pd.DataFrame(np.eye(13)))

    assert plot_noise_matrix(pd.DataFrame(np.eye(13))).startswith(b"\x89PNG")


def test_missing_cells_of_a_nullable_matrix_are_drawn() -> None:
    matrix = pd.DataFrame({"a": pd.array([1, pd.NA], dtype="Int64"), "b": pd.array([pd.NA, pd.NA], dtype="Int64")})

    assert texts_of(draw_axes(plot_noise_matrix, matrix)) == ["1", MISSING, MISSING, MISSING]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_class_balance(pd.Series(dtype="int64")), "counts is empty"),
        (lambda: plot_label_quality(np.array([np.nan]), np.array([True])), "no finite score among 1"),
        (lambda: plot_label_quality(np.zeros(2), np.zeros(3, bool)), r"got \(2,\) and \(3,\)"),
        (lambda: plot_reliability(np.zeros(1), np.zeros(2), np.zeros(2, int)), "must have one shape"),
        (lambda: plot_reliability(np.zeros(1), np.zeros(1), np.zeros(1, int)), "every bin is empty"),
        (lambda: plot_variant_differences(pd.DataFrame({"variant": []})), "lacks"),
        (lambda: plot_noise_matrix(pd.DataFrame()), "matrix is empty"),
    ],
)
def test_a_plot_refuses_input_that_it_cannot_draw(call: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_data_uri_holds_the_bytes() -> None:
    uri = as_data_uri(b"\x89PNG rest")

    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == b"\x89PNG rest"
