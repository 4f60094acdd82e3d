"""The plots of reviews and of audits over time, in the style of ``plots``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.reports.plots import (
    BLUE,
    MUTED,
    VERMILION,
    WIDTH,
    add_legend,
    format_thousands,
    new_figure,
    to_png,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def plot_budget_curve(rows_read: Sequence[int], errors_found: Sequence[int]) -> bytes:
    """Draw how many errors were found among the rows that were read, the worst first.

    Args:
        rows_read: number of rows, ascending, at least one.
        errors_found: errors among so many rows.

    Returns:
        A PNG.

    Raises:
        ValueError: nothing was read.
    """
    if not rows_read:
        raise ValueError("rows_read is empty: expected at least one row that was read")
    figure, axes = new_figure(WIDTH, 2.7)
    last = rows_read[-1]
    axes.plot([0, last], [0, last], color=MUTED, linewidth=1, linestyle="--", label="every row an error")
    axes.plot([0, *rows_read], [0, *errors_found], color=BLUE, linewidth=2, label="errors found")
    axes.set(xlabel="rows read, the worst first", ylabel="errors found", xlim=(0, last), ylim=(0, 1.05 * last))
    axes.xaxis.set_major_formatter(format_thousands)
    axes.yaxis.set_major_formatter(format_thousands)
    add_legend(axes)
    return to_png(figure)


def plot_flags_over_time(n_flagged: Sequence[int], n_new: Sequence[int]) -> bytes:
    """Draw the number of flagged rows of each audit, and of those that the audit before did not flag.

    Args:
        n_flagged: flagged rows of each audit, the oldest first, at least one.
        n_new: those of them that the audit before did not flag.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no audit.
    """
    if not n_flagged:
        raise ValueError("n_flagged is empty: expected the flags of at least one audit")
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(WIDTH, 2.7)
    places = range(1, len(n_flagged) + 1)
    axes.bar(places, n_flagged, color=BLUE, width=0.7, label="flagged")
    axes.plot(
        places, n_new, "D", color=VERMILION, markerfacecolor="white", markersize=6, label="new since the one before"
    )
    axes.set(xlabel="audit, the latest at the right", ylabel="rows", ylim=(0, 1.1 * max(*n_flagged, 1)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(format_thousands)
    add_legend(axes)
    return to_png(figure)
