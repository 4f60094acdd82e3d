"""Plots of panels as small PNG bytes: annotators side by side, and learning curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.reports.plots import (
    BLUE,
    FONT_SIZE,
    MUTED,
    RULE,
    VERMILION,
    WIDTH,
    add_legend,
    new_figure,
    to_png,
)

if TYPE_CHECKING:
    import pandas as pd

MOST_ANNOTATORS = 30
STRATEGY_STYLES = {
    "active_pairs": (BLUE, "-", "o", "active: example and annotator"),
    "active_examples": (VERMILION, "--", "s", "active: example only"),
    "random": (MUTED, ":", "D", "random"),
}
"""Colour, line, marker and name of each way to choose labels."""


def plot_annotators(annotators: pd.DataFrame) -> bytes:
    """Draw quality with its interval and agreement of each annotator on a line, worst first; the worst 30 of many.

    Args:
        annotators: ``annotator``, ``annotator_quality``, ``quality_low``, ``quality_high``,
            ``agreement_with_consensus``, and ``true_accuracy`` where it is known, worst first.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no annotator.
    """
    if annotators.empty:
        raise ValueError("annotators is empty: expected at least one row")
    shown = annotators.head(MOST_ANNOTATORS)
    positions = np.arange(len(shown))
    figure, axes = new_figure(WIDTH, 1.0 + 0.22 * len(shown))
    drawn = {
        "annotator_quality": ("o", BLUE, BLUE, "quality"),
        "agreement_with_consensus": ("D", VERMILION, "none", "agreement"),
        "true_accuracy": ("|", MUTED, MUTED, "true accuracy"),
    }
    axes.hlines(positions, 0, 1, color=RULE, linewidth=1, zorder=1)
    axes.hlines(positions, shown["quality_low"], shown["quality_high"], color=BLUE, linewidth=2, zorder=2)
    for column, (marker, colour, face, name) in drawn.items():
        if column in shown:
            axes.plot(shown[column], positions, marker, color=colour, markerfacecolor=face, markersize=6, label=name)
    axes.set_yticks(positions, [str(name) for name in shown["annotator"]])
    axes.set(xlim=(-0.02, 1.02), ylim=(len(shown) - 0.4, -0.6), xlabel="share, 0 to 1")
    axes.legend(
        frameon=False,
        fontsize=FONT_SIZE - 1,
        ncols=3,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.2,
    )
    return to_png(figure)


def plot_learning_curve(curves: pd.DataFrame, metric: str) -> bytes:
    """Draw the mean of a metric by number of labels for each strategy, with a 95 % interval of the mean over seeds.

    Args:
        curves: ``strategy``, ``seed``, ``round``, ``n_labels`` and the metric.
        metric: column to draw.

    Returns:
        A PNG.

    Raises:
        ValueError: there is no round.
    """
    if curves.empty:
        raise ValueError("curves is empty: expected at least one round")
    figure, axes = new_figure(WIDTH, 3.0)
    for strategy, (colour, line, marker, name) in STRATEGY_STYLES.items():
        part = curves[curves["strategy"] == strategy].groupby("round")
        if not len(part):
            continue
        labels, mean = part["n_labels"].mean(), part[metric].mean()
        margin: pd.Series = 1.96 * part[metric].std(ddof=1).fillna(0) / np.sqrt(part[metric].size())
        axes.fill_between(labels, mean - margin, mean + margin, color=colour, alpha=0.12, linewidth=0)
        axes.plot(labels, mean, line, marker=marker, color=colour, markersize=5, label=name)
    axes.set(xlabel="labels", ylabel=metric.replace("_", " "))
    add_legend(axes)
    return to_png(figure)
