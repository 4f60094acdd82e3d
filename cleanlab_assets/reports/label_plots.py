"""The plot of a numeric label, in the style of ``plots``: of a dataset before any model has seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reports.plots import BLUE, N_BINS, PALE_BLUE, WIDTH, format_thousands, new_figure, to_png

if TYPE_CHECKING:
    import numpy.typing as npt

TAIL = 0.005


def plot_label_distribution(values: npt.NDArray[np.float64], unit: str = "") -> bytes:
    """Draw the histogram of a numeric label; a spike at the end of its range stands out.

    Args:
        values: Label of each row, shape (n_rows,), in ``unit``. A label of few whole numbers gets a bar for each.
        unit: Unit of the label, in words.

    Returns:
        A PNG.

    Raises:
        ValueError: no value is finite.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError(f"no finite value among {values.size:,}: expected at least one")
    low, high = choose_range(finite)
    inside = finite[(finite >= low) & (finite <= high)]
    is_whole = bool((inside % 1 == 0).all()) and np.ptp(inside) < N_BINS
    edges = np.arange(inside.min() - 0.5, inside.max() + 1) if is_whole else np.linspace(low, high, N_BINS + 1)
    figure, axes = new_figure(WIDTH, 2.7)
    axes.hist(inside, edges.tolist(), histtype="stepfilled", facecolor=PALE_BLUE, edgecolor=BLUE)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_formatter(format_thousands)
    axes.set_ylabel("rows per value" if is_whole else "rows per bin")
    n_beyond = finite.size - inside.size
    beyond = f"\nbeyond the axis and left out: {n_beyond:,}" if n_beyond else ""
    axes.set_xlabel(f"{name_axis('given value', unit)}{beyond}")
    return to_png(figure)


def choose_range(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of the values, or that of all but the outermost 1 % and half as much again on either side."""
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    margin = 0.5 * (high - low)
    low, high = max(float(values.min()), low - margin), min(float(values.max()), high + margin)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def name_axis(name: str, unit: str) -> str:
    """Return the label of an axis, with the unit in brackets if there is one."""
    return f"{name} ({unit})" if unit else name
