"""The plots of a comparison of models, in the style of ``plots``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reports.formatting import MISSING, format_column, format_share, name_metric
from cleanlab_assets.reports.plots import (
    BLUE,
    CHARACTER_WIDTH,
    FONT_SIZE,
    INK,
    LONGEST_TICK_LABEL,
    MUTED,
    RULE,
    VERMILION,
    WIDTH,
    add_legend,
    format_thousands,
    new_figure,
    to_png,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

DARK_CELL = 0.65
LARGEST_MATRIX = 5.0
SMALLEST_MATRIX = 1.7


def plot_cv_and_test(scores: pd.DataFrame, metric: str, *, lower_is_better: bool, selected: str | None) -> bytes:
    """Draw the cross-validated and the test metric of each model as two dots on a line, with their values.

    Args:
        scores: Columns ``cv`` and ``test``, one row per model, indexed by model; drawn from top to bottom. A missing
            value has no dot.
        metric: Name of the metric.
        lower_is_better: Direction of the metric.
        selected: Model whose name is set in bold; None for no model.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no model.
    """
    if scores.empty:
        raise ValueError("scores is empty: expected the cross-validated and the test metric of at least one model")
    values = scores[["cv", "test"]].to_numpy(dtype=np.float64, na_value=np.nan)
    positions = np.arange(len(scores))
    figure, axes = new_figure(WIDTH, 1.05 + 0.3 * len(scores))
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() < 0 < finite.max():
        axes.axvline(0, color=MUTED, linewidth=1)
    axes.hlines(positions, values.min(axis=1), values.max(axis=1), color=RULE, linewidth=3, zorder=1)
    axes.plot(values[:, 0], positions, "o", color=BLUE, markersize=6, label="cross-validation (decides)")
    axes.plot(values[:, 1], positions, "D", color=VERMILION, markerfacecolor="none", markersize=6, label="test rows")
    axes.margins(x=0.06)
    axes.set_ylim(len(scores) - 0.4, -0.6)
    axes.set_yticks(positions, [_wrap(str(model)) for model in scores.index])
    for label, model in zip(axes.get_yticklabels(), scores.index, strict=True):
        label.set_fontweight("bold" if model == selected else "normal")
    for name, title, offset, colour in (("cv", "CV", 48, BLUE), ("test", "test", 94, VERMILION)):
        for y, text in zip((-0.9, *positions), (title, *format_column(scores[name])), strict=True):
            axes.annotate(
                text,
                (1, y),
                xytext=(offset, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                annotation_clip=False,
                ha="right",
                va="center",
                fontsize=FONT_SIZE - 1,
                color=colour,
            )
    axes.set_xlabel(f"{name_metric(metric)} ({'lower' if lower_is_better else 'higher'} is better)")
    add_legend(axes)
    return to_png(figure)


def plot_agreement(matrix: pd.DataFrame) -> bytes:
    """Draw the agreement of each pair of models as a heat map from 0 to 1, with the numbers in the cells.

    Args:
        matrix: Jaccard index of the flags, shape (n_models, n_models), indexed and named by model. The diagonal is left
            blank; a missing value off the diagonal is drawn as a dash.

    Returns:
        A PNG.

    Raises:
        ValueError: the matrix is empty or not square.
    """
    values = matrix.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    if values.size == 0 or values.shape[0] != values.shape[1]:
        raise ValueError(f"matrix has shape {values.shape}: expected one row and one column for each model")
    np.fill_diagonal(values, np.nan)
    side = min(max(0.5 * len(values), SMALLEST_MATRIX), LARGEST_MATRIX)
    figure, axes = new_figure(side + 1.9, side + 0.9)
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.spines[["left", "bottom"]].set_visible(False)
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        if row != column:
            text = f"{value:.2f}" if np.isfinite(value) else MISSING
            colour = "white" if value > DARK_CELL else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=FONT_SIZE - 1, color=colour)
    names = [_wrap(str(model)) for model in matrix.index]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) * CHARACTER_WIDTH > side / len(names):
        for label in axes.get_xticklabels():
            label.set(rotation=40, rotation_mode="anchor", ha="right", va="top")
    return to_png(figure)


def plot_flag_counts(counts: Mapping[int, int]) -> bytes:
    """Draw how many rows are flagged by exactly 1, 2, ... models, with their share of all rows.

    Rows that no model flags get no bar, since theirs would dwarf the others; the axis says how many they are.

    Args:
        counts: Rows by the number of models that flag them, for every number from 0 to the number of models.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no number from 1.
    """
    numbers = [number for number in sorted(counts, reverse=True) if number > 0]
    if not numbers:
        raise ValueError(f"counts are of {sorted(counts)} models: expected those of at least one model")
    total, values = max(sum(counts.values()), 1), [counts[number] for number in numbers]
    figure, axes = new_figure(WIDTH, 0.75 + 0.27 * len(numbers))
    bars = axes.barh(range(len(numbers)), values, color=BLUE, height=0.68)
    texts = [f"{value:,} ({format_share(value / total)})" for value in values]
    axes.bar_label(bars, texts, padding=4, fontsize=FONT_SIZE - 1, color=INK)
    axes.set_yticks(range(len(numbers)), [f"{number} model{'s' if number > 1 else ''}" for number in numbers])
    axes.set_ylim(len(numbers) - 0.5, -0.5)
    axes.set_xlim(0, 1.42 * max(*values, 1))
    axes.set_xlabel(f"rows flagged by exactly that many models ({counts[0]:,} by none)")
    axes.xaxis.set_major_formatter(format_thousands)
    return to_png(figure)


def _wrap(name: str) -> str:
    return textwrap.fill(name, LONGEST_TICK_LABEL)
