from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cleanlab_assets.reports.comparison_plots import plot_agreement, plot_cv_and_test, plot_flag_counts
from cleanlab_assets.reports.formatting import MISSING
from cleanlab_assets_tests.drawn import draw_axes, line_of, points_of, texts_of, ticks_of, widths_of

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_BYTES = 30_000
WIDEST_PIXELS = 900
LONG_NAME = "a_model_with_a_name_that_is_far_too_long_for_an_axis"
N_MODELS = [1, 2, 8]


def name_models(n_models: int) -> list[str]:
    return [LONG_NAME, *(f"model_{number}" for number in range(1, n_models))]


def draw_scores(n_models: int, seed: int, selected: str | None = LONG_NAME) -> bytes:
    """Draw scores of which the last is an r2 far below zero."""
    cv = np.where(np.arange(n_models) < n_models - 1, np.random.default_rng(seed).uniform(0.3, 0.6, n_models), -2.5)
    scores = pd.DataFrame({"cv": cv, "test": cv - 0.05 * (seed + 1)}, index=name_models(n_models))
    return plot_cv_and_test(scores, "r2", lower_is_better=False, selected=selected)


def draw_flag_counts(n_models: int, seed: int) -> bytes:
    return plot_flag_counts(dict(enumerate(np.random.default_rng(seed).integers(0, 10_000, n_models + 1).tolist())))


def draw_agreement(n_models: int, seed: int) -> bytes:
    names = name_models(n_models)
    values = np.random.default_rng(seed).uniform(0, 1, (n_models, n_models))
    return plot_agreement(pd.DataFrame(values, index=names, columns=names))


each_plot = pytest.mark.parametrize("draw", [draw_scores, draw_flag_counts, draw_agreement])


@each_plot
@pytest.mark.parametrize("n_models", N_MODELS)
def test_a_plot_is_a_small_png_whatever_the_number_and_names_of_the_models(
    draw: Callable[[int, int], bytes], n_models: int
) -> None:
    png = draw(n_models, 0)

    assert len(png) < LARGEST_BYTES
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert image.width < WIDEST_PIXELS


@pytest.mark.slow
@each_plot
def test_a_plot_changes_with_the_data_and_only_with_the_data(draw: Callable[[int, int], bytes]) -> None:
    assert draw(4, 0) == draw(4, 0)
    assert draw(4, 0) != draw(4, 1)


def test_nothing_is_cut_off_at_the_edges() -> None:
    for png in (draw_scores(8, 0), draw_agreement(8, 0), draw_flag_counts(8, 0)):
        with Image.open(io.BytesIO(png)) as image:
            pixels = np.asarray(image.convert("L"))
        edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert edges.min() > 250


def test_both_metrics_of_each_model_are_dots_on_a_line_with_their_values() -> None:
    scores = pd.DataFrame({"cv": [0.91, 0.8], "test": [0.88, 0.83]}, index=["forest", "linear"])
    axes = draw_axes(plot_cv_and_test, scores, "log_loss", lower_is_better=True, selected="linear")

    assert points_of(line_of(axes, "cross-validation")) == [(0.91, 0), (0.8, 1)]
    assert points_of(line_of(axes, "test rows")) == [(0.88, 0), (0.83, 1)]
    lines = [path.vertices for path in axes.collections[0].get_paths()]
    np.testing.assert_array_equal(lines, [[(0.88, 0), (0.91, 0)], [(0.8, 1), (0.83, 1)]])
    assert texts_of(axes) == ["CV", "0.9100", "0.8000", "test", "0.8800", "0.8300"]
    assert [(label.get_text(), label.get_fontweight()) for label in axes.get_yticklabels()] == [
        ("forest", "normal"),
        ("linear", "bold"),
    ]
    assert axes.get_ylim() == (1.6, -0.6), "the first model is at the top"
    assert axes.get_xlabel() == "log loss (lower is better)"


def test_undefined_metrics_are_left_out() -> None:
    scores = pd.DataFrame({"cv": [np.nan, np.nan], "test": [0.5, np.nan]}, index=["a", "b"])

    for models, drawn in ((["a", "b"], [0.5]), (["b"], [])):
        axes = draw_axes(plot_cv_and_test, scores.loc[models], "roc_auc", lower_is_better=False, selected=None)
        assert [x for line in axes.lines for x, _ in points_of(line) if np.isfinite(x)] == drawn
        assert texts_of(axes).count(MISSING) == 2 * len(models) - len(drawn)


def test_the_diagonal_of_the_agreement_says_nothing_and_is_blank() -> None:
    matrix = pd.DataFrame([[1.0, 0.4], [0.4, 1.0]], index=["a", "b"], columns=["a", "b"])
    blank = matrix.mask(np.eye(2, dtype=bool))

    assert plot_agreement(matrix) == plot_agreement(blank)


def test_each_pair_of_models_has_its_agreement_in_its_cell() -> None:
    names = ["forest", "linear", "neighbours"]
    matrix = pd.DataFrame([[1, 0.4, 0.25], [0.4, 1, np.nan], [0.25, np.nan, 1]], index=names, columns=names)
    axes = draw_axes(plot_agreement, matrix)

    cells = {text.get_position(): text.get_text() for text in axes.texts}
    pairs = {(1, 0): "0.40", (2, 0): "0.25", (2, 1): MISSING}
    assert cells == pairs | {(row, column): text for (column, row), text in pairs.items()}
    assert axes.images[0].get_clim() == (0, 1)
    assert ticks_of(axes) == names


def test_rows_are_counted_by_how_many_models_flag_them() -> None:
    axes = draw_axes(plot_flag_counts, {0: 900, 1: 70, 2: 30})

    assert widths_of(axes) == [30, 70]
    assert ticks_of(axes) == ["2 models", "1 model"]
    assert texts_of(axes) == ["30 (3 %)", "70 (7 %)"]
    assert axes.get_xlabel() == "rows flagged by exactly that many models (900 by none)"


def test_a_plot_refuses_input_that_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match="scores is empty"):
        plot_cv_and_test(pd.DataFrame({"cv": [], "test": []}), "r2", lower_is_better=False, selected=None)
    with pytest.raises(ValueError, match=r"counts are of \[0\] models"):
        plot_flag_counts({0: 7})
    with pytest.raises(ValueError, match=r"matrix has shape \(1, 2\)"):
        plot_agreement(pd.DataFrame([[1.0, 0.5]]))
