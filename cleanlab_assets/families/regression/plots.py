"""The plots of a regression audit, in the style of ``plots``: flagged rows differ by colour and by shape.

Wrong values can lie far beyond all others, such as at a hundred times the true value. No axis is stretched to them:
rows beyond it are drawn at its edge or counted in words.
"""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reports.label_plots import choose_range, name_axis
from cleanlab_assets.reports.plots import (
    BLUE,
    COLOUR_STEPS,
    FONT_SIZE,
    INK,
    MUTED,
    N_BINS,
    VERMILION,
    WIDTH,
    add_legend,
    draw_histogram,
    format_thousands,
    new_figure,
    to_png,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALE_VERMILION = "#EAAE80"
MOST_POINTS = 5_000
MOST_FLAGGED_POINTS = 2_000
FEW_FLAGGED_POINTS = 300
CELLS_ACROSS = 45
USUAL_CUT = 1e-3
DECADES_BELOW_A_CUT = 3
CUT_STYLES = ((0, ()), (0, (4, 2)), (0, (1, 1.5)))


def plot_given_against_predicted(
    given: npt.NDArray[np.float64],
    predicted: npt.NDArray[np.float64],
    is_issue: npt.NDArray[np.bool_],
    unit: str = "",
) -> bytes:
    """Draw the given against the predicted value of each row, with the line on which both are equal.

    Args:
        given: Given label of each row, shape (n_rows,), in ``unit``.
        predicted: Out-of-sample prediction of each row, shape (n_rows,), in ``unit``.
        is_issue: Whether the row is flagged, shape (n_rows,). Flagged rows are crosses; the others are dots, or cells
            coloured by their number of rows above 5,000 rows. Of many flagged rows up to 2,000 are drawn.
        unit: Unit of the label, in words.

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or no row has both values.
    """
    given, predicted, is_issue = _keep_finite(given, predicted, is_issue)
    figure, axes = new_figure(WIDTH, 4.2)
    x, y = choose_range(predicted), choose_range(given)
    axes.axline((0, 0), slope=1, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    _draw_rows(figure, axes, (predicted, given), is_issue, (x, y))
    axes.set_xlabel(name_axis("predicted value", unit))
    axes.set_ylabel(name_axis("given value", unit))
    return to_png(figure, keep=(VERMILION, PALE_VERMILION))


def plot_residuals(
    predicted: npt.NDArray[np.float64],
    residual: npt.NDArray[np.float64],
    is_issue: npt.NDArray[np.bool_],
    unit: str = "",
) -> bytes:
    """Draw the residual of each row, given minus predicted value, against the predicted value.

    Args:
        predicted: Out-of-sample prediction of each row, shape (n_rows,), in ``unit``.
        residual: Given minus predicted value, shape (n_rows,), in ``unit``.
        is_issue: Whether the row is flagged, shape (n_rows,); drawn as in ``plot_given_against_predicted``.
        unit: Unit of the label, in words.

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or no row has both values.
    """
    predicted, residual, is_issue = _keep_finite(predicted, residual, is_issue)
    figure, axes = new_figure(WIDTH, 3.6)
    axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=3)
    ranges = choose_range(predicted), choose_range(residual)
    _draw_rows(figure, axes, (predicted, residual), is_issue, ranges)
    axes.set_xlabel(name_axis("predicted value", unit))
    axes.set_ylabel(name_axis("residual: given - predicted", unit))
    return to_png(figure, keep=(VERMILION, PALE_VERMILION))


def plot_quality_cuts(
    scores: npt.NDArray[np.float64], is_issue: npt.NDArray[np.bool_], cuts: Mapping[str, float]
) -> bytes:
    """Draw the histogram of label quality on a logarithmic axis, where the low scores are, with the cuts as lines.

    Args:
        scores: Label quality of each row, shape (n_rows,), from 0 (surely wrong) to 1. Scores below the axis are
            counted in its first bin.
        is_issue: Whether the row is flagged, shape (n_rows,).
        cuts: Label quality below which a rule flags rows, by the name of the rule; one that is not above 0 is left out.

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or no score is finite.
    """
    drawn = {name: cut for name, cut in cuts.items() if cut > 0}
    scores = np.asarray(scores, dtype=np.float64)
    decade = np.floor(np.log10(min(drawn.values(), default=USUAL_CUT)))
    edges = np.logspace(decade - DECADES_BELOW_A_CUT, 0, N_BINS + 1)
    figure, axes = new_figure(WIDTH, 2.9)
    draw_histogram(axes, np.clip(scores, edges[0], 1.0), is_issue, edges)
    axes.set_xscale("log")
    for (name, cut), style in zip(drawn.items(), cycle(CUT_STYLES), strict=False):
        axes.axvline(cut, color=INK, linewidth=1.6, linestyle=style, label=f"{name} ({cut:.3g})")
    add_legend(axes)
    axes.set_xlabel("label quality (log; low = surely wrong, 1 = surely right)")
    return to_png(figure)


def _draw_rows(
    figure: Figure,
    axes: Axes,
    points: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    is_issue: npt.NDArray[np.bool_],
    ranges: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    """Draw rows as dots or, above 5,000, as hexagonal cells, and flagged rows as crosses on top of them."""
    (left, right), (bottom, top) = ranges
    x, y = np.clip(points[0], left, right), np.clip(points[1], bottom, top)
    n_beyond = int(((x != points[0]) | (y != points[1])).sum())
    others, step = ~is_issue, -(-int(is_issue.sum()) // MOST_FLAGGED_POINTS) or 1
    # The marker of the legend is drawn for itself: in the plot, single dots are pale so that crowds show.
    label, is_crowd = f"not flagged ({others.sum():,})", others.sum() > MOST_POINTS
    axes.plot([], [], "h" if is_crowd else "o", color=BLUE, markersize=6, alpha=0.6, markeredgewidth=0, label=label)
    if is_crowd:
        _draw_cells(figure, axes, x[others], y[others], (left, right, bottom, top))
    else:
        size = 4 if others.sum() > MOST_POINTS // 5 else 6
        axes.plot(x[others], y[others], "o", color=BLUE, markersize=size, alpha=0.25, markeredgewidth=0)
    drawn = "" if step == 1 else f", 1 in {step} drawn"
    axes.plot(
        x[is_issue][::step],
        y[is_issue][::step],
        "x",
        color=VERMILION,
        markersize=5.5 if is_issue.sum() <= FEW_FLAGGED_POINTS else 4,
        markeredgewidth=1.3,
        clip_on=False,
        zorder=4,
        label=f"flagged ({is_issue.sum():,}{drawn})",
    )
    margins = 0.02 * (right - left), 0.02 * (top - bottom)
    axes.set_xlim(left - margins[0], right + margins[0])
    axes.set_ylim(bottom - margins[1], top + margins[1])
    axes.xaxis.set_major_formatter(_write_tick)
    axes.yaxis.set_major_formatter(_write_tick)
    add_legend(axes)
    if n_beyond:
        text = f"beyond the axes and drawn at the edge: {n_beyond:,}"
        axes.set_title(text, fontsize=FONT_SIZE - 2, color=MUTED, loc="right", pad=24)


def _draw_cells(
    figure: Figure,
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    extent: tuple[float, float, float, float],
) -> None:
    import matplotlib as mpl

    # Few steps survive the palette of the file; white would hide cells of a single row.
    colours = mpl.colors.ListedColormap(mpl.colormaps["Blues"](np.linspace(0.25, 1, COLOUR_STEPS)))
    cells = axes.hexbin(x, y, gridsize=CELLS_ACROSS, extent=extent, mincnt=1, bins="log", cmap=colours, linewidths=0)
    bar = figure.colorbar(cells, ax=axes, shrink=0.8, aspect=22, label="rows per cell (log)")
    bar.ax.tick_params(labelsize=FONT_SIZE - 2, length=2)
    bar.ax.yaxis.set_major_formatter(format_thousands)
    bar.outline.set_visible(False)


def _keep_finite(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], is_issue: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    is_issue = np.asarray(is_issue, dtype=bool)
    if not (first.shape == second.shape == is_issue.shape):
        shapes = f"{first.shape}, {second.shape} and {is_issue.shape}"
        raise ValueError(f"values, predictions and flags must have one shape, got {shapes}")
    kept = np.isfinite(first) & np.isfinite(second)
    if not kept.any():
        raise ValueError(f"no row of {first.size:,} has two finite values: expected at least one")
    return first[kept], second[kept], is_issue[kept]


def _write_tick(value: float, _position: float | None = None) -> str:
    return f"{value:,.6g}"
