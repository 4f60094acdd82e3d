"""What is in a plot: the figure behind a PNG, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PNG = b"\x89PNG"


def draw(plot: Callable[..., bytes], *arguments: Any, **settings: Any) -> Figure:
    """Call a plot function, and return the figure that it made its PNG of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    original: Any = FigureCanvasAgg.draw
    figures: list[Figure] = []

    def record(canvas: FigureCanvasAgg) -> None:
        figures.append(canvas.figure)
        original(canvas)

    with patch.object(FigureCanvasAgg, "draw", record):
        assert plot(*arguments, **settings).startswith(PNG)
    (figure,) = figures
    return figure


def draw_axes(plot: Callable[..., bytes], *arguments: Any, **settings: Any) -> Axes:
    """Call a plot function, and return the only axes of its figure."""
    (axes,) = draw(plot, *arguments, **settings).axes
    return axes


def line_of(axes: Axes, label: str) -> Line2D:
    """The line whose label begins so; one without points is that of a legend."""
    (line,) = (line for line in axes.lines if str(line.get_label()).startswith(label) and len(points_of(line)))
    return line


def points_of(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def counts_of(axes: Axes, edges: np.ndarray) -> list[dict[float, int]]:
    """The histograms of the axes in the order of drawing: the counts above 0 by the left edge of their bin."""
    found = []
    for histogram in axes.patches:
        corners: Any = histogram.get_path().vertices
        # The outline goes up and down at each edge: every second corner begins the top of a bin.
        tops = corners[1 : 2 * len(edges) - 1 : 2]
        np.testing.assert_allclose(tops[:, 0], edges[:-1])
        found.append({float(left): int(count) for left, count in tops if count >= 1})
    return found


def widths_of(axes: Axes) -> list[float]:
    """The lengths of horizontal bars, from the first to the last."""
    return [float(bar.get_width()) for bar in _bars_of(axes)]


def heights_of(axes: Axes) -> list[float]:
    """The heights of upright bars, from the first to the last."""
    return [float(bar.get_height()) for bar in _bars_of(axes)]


def _bars_of(axes: Axes) -> BarContainer:
    (bars,) = axes.containers
    return cast("BarContainer", bars)


def texts_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def ticks_of(axes: Axes) -> list[str]:
    """The names on the vertical axis, from the first to the last."""
    return [label.get_text() for label in axes.get_yticklabels()]


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]
