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
from cleanlab_assets.reports.plots import (
    as_data_uri,
    plot_class_balance,
    plot_label_quality,
    plot_noise_matrix,
    plot_reliability,
    plot_score_distribution,
    plot_variant_differences,
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


@each_plot
def test_a_plot_changes_with_the_data_and_only_with_the_data(draw: Callable[[np.random.Generator], bytes]) -> None:
    assert draw(np.random.default_rng(0)) == draw(np.random.default_rng(0))
    assert draw(np.random.default_rng(0)) != draw(np.random.default_rng(1))


def test_flags_change_the_plot_of_equal_scores() -> None:
    scores = np.linspace(0, 1, 100)

    assert plot_label_quality(scores, scores < 0.1) != plot_label_quality(scores, scores < 0.5)


@pytest.mark.parametrize("n_flagged", [0, 3])
def test_scores_plot_when_no_row_or_every_row_is_flagged(n_flagged: int) -> None:
    assert plot_label_quality(np.array([0.1, 0.2, 0.3]), np.arange(3) < n_flagged).startswith(b"\x89PNG")


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
    flags = np.array([True, False, False])

    low = plot_score_distribution(np.array([0.501, 0.502, 0.509]), flags, "value")
    high = plot_score_distribution(np.array([0.501, 0.508, 0.509]), flags, "value")

    assert low != high


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

    assert plot_noise_matrix(matrix).startswith(b"\x89PNG")


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
