"""Plots as small PNG bytes, for reports and for asset metadata.

Every function draws on a figure of its own with Matplotlib's object interface, so nothing global changes and plots may
be drawn in several threads. Matplotlib is imported inside the functions because it is slow to load. Flagged rows differ
from the others by colour and by hatching; the colours are from the Okabe-Ito palette, which colour-blind readers can
tell apart.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.reports.formatting import MISSING, format_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#0072B2"
PALE_BLUE = "#BFDCEC"
VERMILION = "#D55E00"
INK = "#20282D"
MUTED = "#5B666D"
RULE = "#D5DADD"

DOTS_PER_INCH = 130
FONT_SIZE = 10
WIDTH = 5.2
N_BINS = 40
MOST_CLASS_BARS = 20
MOST_ANNOTATED_CLASSES = 12
MOST_TICK_LABELS = 30
LONGEST_TICK_LABEL = 24
CHARACTER_WIDTH = 0.1
COLOUR_STEPS = 8
PANELS_IN_A_ROW = 3
TALLEST = 3.8
SMALLEST_PART_OF_THE_AXIS = 0.25
STRIP = 12
PALETTE = 32


def plot_class_balance(counts: pd.Series[int]) -> bytes:
    """Draw the number of rows of each class as horizontal bars, in the order of ``counts``.

    Args:
        counts: Rows per class, shape (n_classes,), indexed by class name. Above 20 classes the 19 largest are drawn
            and the rest is added up in one bar.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no class.
    """
    if counts.empty:
        raise ValueError("counts is empty: expected the rows of at least one class")
    total = max(int(counts.sum()), 1)
    if len(counts) > MOST_CLASS_BARS:
        largest = counts.nlargest(MOST_CLASS_BARS - 1)
        names = [*map(str, largest.index), f"{len(counts) - len(largest):,} other classes"]
        values = [*map(int, largest), int(counts.sum() - largest.sum())]
    else:
        names, values = [str(name) for name in counts.index], [int(count) for count in counts]
    figure, axes = new_figure(WIDTH, 0.7 + 0.25 * len(values))
    bars = axes.barh(range(len(values)), values, color=BLUE, height=0.68)
    texts = [f"{value:,} ({100 * value / total:.1f} %)" for value in values]
    axes.bar_label(bars, texts, padding=4, fontsize=FONT_SIZE - 1, color=INK)
    axes.set_yticks(range(len(values)), [_shorten(name) for name in names])
    axes.set(ylim=(len(values) - 0.5, -0.5), xlim=(0, 1.42 * max(*values, 1)), xlabel="rows")
    axes.xaxis.set_major_formatter(format_thousands)
    return to_png(figure)


def plot_label_quality(scores: npt.NDArray[np.float64], is_issue: npt.NDArray[np.bool_]) -> bytes:
    """Draw the histogram of label quality, flagged rows against the others, with a logarithmic count axis.

    Args:
        scores: Label quality of each row, shape (n_rows,), from 0 (surely wrong) to 1.
        is_issue: Whether the row is flagged, shape (n_rows,).

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or no score is finite.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    draw_histogram(axes, scores, is_issue)
    axes.set_xlabel("label quality (0 = surely wrong, 1 = surely right)")
    return to_png(figure)


def plot_score_distribution(
    scores: npt.NDArray[np.float64],
    is_issue: npt.NDArray[np.bool_],
    title: str,
    scale: str = "0 = worst, 1 = unremarkable",
) -> bytes:
    """Draw the histogram of an issue score, flagged rows against the others, with a logarithmic count axis.

    Scores that fill less than a quarter of the range from 0 to 1 get an axis that is zoomed to them.

    Args:
        scores: Score of each row, shape (n_rows,), from 0 (worst) to 1.
        is_issue: Whether the row is flagged, shape (n_rows,).
        title: What the score is about; written on the score axis.
        scale: What high and low mean; written behind the title.

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or no score is finite.
    """
    figure, axes = new_figure(WIDTH, 2.7)
    ticks = _choose_ticks(scores)
    if len(ticks):
        n_bins = (len(ticks) - 1) * (N_BINS // (len(ticks) - 1))
        draw_histogram(axes, scores, is_issue, np.linspace(ticks[0], ticks[-1], n_bins + 1))
        axes.set_xticks(ticks)
        axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    else:
        draw_histogram(axes, scores, is_issue)
    zoomed = "\naxis zoomed to the data" if len(ticks) else ""
    axes.set_xlabel(f"{title} ({scale}){zoomed}")
    return to_png(figure)


def plot_reliability(
    mean_predicted: npt.NDArray[np.float64], observed: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]
) -> bytes:
    """Draw how often the predicted label is the given one, against the confidence of the model, with rows per bin.

    Args:
        mean_predicted: Mean top-label probability of each bin, shape (n_bins,); NaN where a bin is empty.
        observed: Share of rows of the bin whose given label is the predicted one, shape (n_bins,).
        counts: Rows of each bin, shape (n_bins,); empty bins are left out.

    Returns:
        A PNG.

    Raises:
        ValueError: the shapes differ, or every bin is empty.
    """
    if not (np.shape(mean_predicted) == np.shape(observed) == np.shape(counts)):
        shapes = f"{np.shape(mean_predicted)}, {np.shape(observed)} and {np.shape(counts)}"
        raise ValueError(f"mean_predicted, observed and counts must have one shape, got {shapes}")
    filled = (np.asarray(counts) > 0) & np.isfinite(mean_predicted) & np.isfinite(observed)
    if not filled.any():
        raise ValueError("every bin is empty: expected at least one bin with rows")
    x, y, n = np.asarray(mean_predicted)[filled], np.asarray(observed)[filled], np.asarray(counts)[filled]
    figure, (curve, bars) = _new_panels(WIDTH, 4.6, 2, 1, sharex=True, height_ratios=[3, 1])
    curve.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    curve.plot(x, y, color=BLUE, marker="o", markersize=4.5, linewidth=1.6, label="model")
    curve.set(xlim=(0, 1.02), ylim=(0, 1.02), ylabel="share of rows\nwhere it is the given label")
    curve.legend(frameon=False, fontsize=FONT_SIZE - 1, loc="upper left")
    bars.bar(x, n, width=0.03, color=PALE_BLUE, edgecolor=BLUE, linewidth=0.8)
    bars.set(yscale="log", ylabel="rows (log)", xlabel="mean probability of the predicted label (0 to 1)")
    bars.set_ylim(0.7, 2 * float(n.max()))
    bars.yaxis.set_major_formatter(format_thousands)
    return to_png(figure)


def plot_variant_differences(differences: pd.DataFrame) -> bytes:
    """Draw the difference of each variant to the baseline with its 95 % interval, one panel per metric, in a grid.

    A filled marker means that the interval leaves out zero, an open one that it holds zero. The panels have scales of
    their own because metrics have units of their own.

    Args:
        differences: Columns ``variant``, ``metric``, ``difference``, ``low`` and ``high``, one row per variant and
            metric; variants and metrics are drawn in order of appearance.

    Returns:
        A PNG.

    Raises:
        ValueError: a column is missing or there is no row.
    """
    missing = {"variant", "metric", "difference", "low", "high"} - set(differences.columns)
    if missing:
        raise ValueError(f"differences lacks {sorted(missing)}: it has {list(differences.columns)}")
    if differences.empty:
        raise ValueError("differences is empty: expected one row per variant and metric")
    metrics, variants = list(dict.fromkeys(differences["metric"])), list(dict.fromkeys(differences["variant"]))
    n_columns = min(len(metrics), PANELS_IN_A_ROW)
    n_rows = -(-len(metrics) // n_columns)
    panel_height = min(0.55 + 0.19 * len(variants), max((TALLEST - 0.3) / n_rows, 1.0))
    figure, panels = _new_panels(WIDTH, max(0.3 + n_rows * panel_height, 1.6), n_rows, n_columns, sharey=True)
    for axes, metric in zip(panels, metrics, strict=False):
        part = differences[differences["metric"] == metric]
        _draw_differences(axes, part, [variants.index(variant) for variant in part["variant"]])
        axes.set_title(str(metric), fontsize=FONT_SIZE - 1, color=INK, loc="left")
    panels[0].set_yticks(range(len(variants)), [_shorten(str(variant)) for variant in variants])
    panels[0].set_ylim(len(variants) - 0.4, -0.6)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    figure.supxlabel("difference to the baseline, 95 % interval", fontsize=FONT_SIZE - 1, color=INK)
    return to_png(figure)


def _draw_differences(axes: Axes, part: pd.DataFrame, positions: Sequence[int]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.axvline(0, color=MUTED, linewidth=1)
    points = zip(positions, part["difference"], part["low"], part["high"], strict=True)
    for position, difference, low, high in points:
        clear = low > 0 or high < 0
        colour = BLUE if clear else MUTED
        axes.plot([low, high], [position, position], color=colour, linewidth=1.8, solid_capstyle="butt")
        face = colour if clear else "white"
        axes.plot(difference, position, marker="o", color=colour, markerfacecolor=face, markersize=5)
    axes.margins(x=0.1)
    axes.tick_params(labelsize=FONT_SIZE - 2)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3, min_n_ticks=2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:.4g}"))


def plot_noise_matrix(matrix: pd.DataFrame) -> bytes:
    """Draw a matrix of labels as a heat map: given label down, true label across.

    The axes are named after the index and the columns of ``matrix`` where those have names, so that other pairs of
    labels can be drawn too.

    Args:
        matrix: Counts or shares, shape (n_classes, n_classes): rows are given labels, columns are true labels. Up to
            12 classes the cells hold their numbers, shares in per cent; above, a colour bar says what a colour means.

    Returns:
        A PNG.

    Raises:
        ValueError: the matrix is empty.
    """
    if matrix.empty:
        raise ValueError("matrix is empty: expected at least one class")
    import matplotlib as mpl

    values = matrix.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = values[np.isfinite(values)]
    largest = float(finite.max(initial=0))
    is_share = largest <= 1 and bool((finite % 1 != 0).any())
    n_classes = max(values.shape)
    is_annotated = n_classes <= MOST_ANNOTATED_CLASSES
    side = min(max(0.45 * n_classes, 1.7), 5.0)
    figure, axes = new_figure(side + (1.1 if is_annotated else 1.5), side + 0.9)
    # The few steps survive the palette of the file; a smooth scale would show bands.
    colours = mpl.colormaps["Blues"] if is_annotated else mpl.colormaps["Blues"].resampled(COLOUR_STEPS)
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=max(largest, 1e-12), aspect="equal")
    axes.grid(visible=False)
    if is_annotated:
        for row, column in np.ndindex(values.shape):
            value = float(values[row, column])
            colour = "white" if value > 0.55 * largest else INK
            text = _write_cell(value, is_share=is_share)
            axes.text(column, row, text, ha="center", va="center", fontsize=FONT_SIZE - 2, color=colour)
    else:
        bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=18, label="share" if is_share else "rows")
        bar.ax.tick_params(labelsize=FONT_SIZE - 2, length=2)
        bar.ax.yaxis.set_major_formatter(lambda value, _position: _write_cell(value, is_share=is_share))
        bar.outline.set_visible(False)
    _label_classes(axes, [str(name) for name in matrix.index], [str(name) for name in matrix.columns], side / n_classes)
    axes.set_ylabel(str(matrix.index.name or "given label"))
    axes.set_xlabel(str(matrix.columns.name or "true label"))
    return to_png(figure)


def as_data_uri(png: bytes) -> str:
    """Return the PNG as a ``data:`` address, for an image inside HTML or Markdown."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of that size in inches, with one pair of axes in the style of the reports."""
    figure, (axes,) = _new_panels(width, height, 1, 1)
    return figure, axes


def _new_panels(width: float, height: float, n_rows: int, n_columns: int, **shared: Any) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False, **shared).ravel())
    for axes in panels:
        axes.set_facecolor("white")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(colors=INK, labelsize=FONT_SIZE - 1, length=3, color=MUTED)
        axes.xaxis.label.set(color=INK, fontsize=FONT_SIZE)
        axes.yaxis.label.set(color=INK, fontsize=FONT_SIZE)
    return figure, panels


def _choose_ticks(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return round ticks around the scores if they fill only a small part of the range from 0 to 1, else none."""
    from matplotlib.ticker import MaxNLocator

    values = np.asarray(scores, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if finite.size == 0 or not 0 < np.ptp(finite) < SMALLEST_PART_OF_THE_AXIS:
        return np.empty(0)
    locator = MaxNLocator(nbins=5, steps=[1, 2, 5, 10], min_n_ticks=3)
    return np.asarray(locator.tick_values(finite.min(), finite.max()), dtype=np.float64)


def draw_histogram(
    axes: Axes,
    scores: npt.NDArray[np.float64],
    is_issue: npt.NDArray[np.bool_],
    edges: npt.NDArray[np.float64] | None = None,
) -> None:
    """Draw scores as a histogram with a logarithmic count axis, flagged rows by colour and hatching over the others.

    Args:
        axes: Where to draw.
        scores: Score of each row, shape (n_rows,); what is not finite is left out.
        is_issue: Whether the row is flagged, shape (n_rows,).
        edges: Bin edges, ascending; by default 40 bins from 0 to 1.

    Raises:
        ValueError: the shapes differ, or no score is finite.
    """
    scores, is_issue = np.asarray(scores, dtype=np.float64), np.asarray(is_issue, dtype=bool)
    if scores.shape != is_issue.shape:
        raise ValueError(f"scores and is_issue must have one shape, got {scores.shape} and {is_issue.shape}")
    finite = np.isfinite(scores)
    if not finite.any():
        raise ValueError(f"no finite score among {scores.size:,}: expected at least one")
    flagged, others = scores[finite & is_issue], scores[finite & ~is_issue]
    bins = (np.arange(N_BINS + 1) / N_BINS if edges is None else edges).tolist()
    filled: dict[str, Any] = {"histtype": "stepfilled", "facecolor": PALE_BLUE, "edgecolor": BLUE}
    hatched: dict[str, Any] = {"histtype": "step", "edgecolor": VERMILION, "hatch": "////", "linewidth": 1.4}
    axes.hist(others, bins, label=f"not flagged ({others.size:,})", **filled)
    axes.hist(flagged, bins, label=f"flagged ({flagged.size:,})", **hatched)
    tallest = max(int(np.histogram(part, bins)[0].max()) for part in (flagged, others))
    axes.set(yscale="log", ylabel="rows per bin (log)", xlim=(bins[0], bins[-1]))
    axes.set_ylim(0.7, 1.5 * max(tallest, 1))
    axes.yaxis.set_major_formatter(format_thousands)
    add_legend(axes)


def add_legend(axes: Axes) -> None:
    """Write the legend above the axes, at the right, where it covers no data."""
    place: dict[str, Any] = {"ncols": 2, "loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
    axes.legend(frameon=False, fontsize=FONT_SIZE - 1, labelcolor=INK, **place)


def _label_classes(axes: Axes, row_names: Sequence[str], column_names: Sequence[str], cell: float) -> None:
    for set_ticks, names in ((axes.set_yticks, row_names), (axes.set_xticks, column_names)):
        step = -(-len(names) // MOST_TICK_LABELS)
        set_ticks(range(0, len(names), step), [_shorten(name) for name in names[::step]])
    if max(len(_shorten(name)) for name in column_names) * CHARACTER_WIDTH > cell:
        is_crowded = len(column_names) > MOST_ANNOTATED_CLASSES
        for label in axes.get_xticklabels():
            label.set(rotation=90 if is_crowded else 40, rotation_mode="anchor", ha="right")
            label.set_verticalalignment("center" if is_crowded else "top")


def _write_cell(value: float, *, is_share: bool) -> str:
    if not np.isfinite(value):
        return MISSING
    return format_share(value) if is_share else f"{value:,.0f}"


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_TICK_LABEL else f"{name[: LONGEST_TICK_LABEL - 1]}…"


def format_thousands(value: float, _position: float | None = None) -> str:
    """Write a tick as a whole number with thousands separators."""
    return f"{value:,.0f}"


def to_png(figure: Figure, keep: Sequence[str] = (), *, n_colours: int = PALETTE) -> bytes:
    """Draw the figure as a small PNG with a palette; colours to ``keep`` stay true however few pixels have them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    width, height = picture.size
    weighted = picture.crop((0, 0, width, height + STRIP * len(keep)))
    for number, colour in enumerate(keep):
        weighted.paste(colour, (0, height + STRIP * number, width, height + STRIP * (number + 1)))
    buffer = io.BytesIO()
    # A palette of 32 colours looks the same and takes a fifth of the bytes. It merges rare colours, but for those that
    # the strips below the picture, cut off again, give weight.
    weighted.quantize(colors=n_colours).crop((0, 0, width, height)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
