from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cleanlab_assets.reports.comparison_plots import plot_agreement, plot_cv_and_test, plot_flag_counts

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


def test_the_selected_model_stands_out() -> None:
    assert draw_scores(3, 0) != draw_scores(3, 0, selected=None)


def test_undefined_metrics_are_left_out() -> None:
    scores = pd.DataFrame({"cv": [np.nan, np.nan], "test": [0.5, np.nan]}, index=["a", "b"])

    for models in (["a", "b"], ["b"]):
        png = plot_cv_and_test(scores.loc[models], "roc_auc", lower_is_better=False, selected=None)
        assert png.startswith(b"\x89PNG")


def test_the_diagonal_of_the_agreement_says_nothing_and_is_blank() -> None:
    matrix = pd.DataFrame([[1.0, 0.4], [0.4, 1.0]], index=["a", "b"], columns=["a", "b"])
    blank = matrix.mask(np.eye(2, dtype=bool))

    assert plot_agreement(matrix) == plot_agreement(blank)


def test_a_plot_refuses_input_that_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match="scores is empty"):
        plot_cv_and_test(pd.DataFrame({"cv": [], "test": []}), "r2", lower_is_better=False, selected=None)
    with pytest.raises(ValueError, match=r"counts are of \[0\] models"):
        plot_flag_counts({0: 7})
    with pytest.raises(ValueError, match=r"matrix has shape \(1, 2\)"):
        plot_agreement(pd.DataFrame([[1.0, 0.5]]))
