"""How far people who label the same things agree beyond chance: Krippendorff's alpha, nominal and ordinal."""

from __future__ import annotations

from typing import Literal

import numpy as np

Scale = Literal["nominal", "ordinal"]


def krippendorff_alpha(counts: np.ndarray, *, scale: Scale = "nominal") -> float:
    """Return Krippendorff's alpha: 1 for full agreement, 0 for that of chance, below 0 for less.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011. What has a single label does not count.

    Args:
        counts: how many gave each label, shape (n_examples, n_classes).
        scale: ``nominal`` treats all disagreements alike; ``ordinal`` weighs them by the labels that lie between the
            two classes, whose codes must be in order.

    Returns:
        Alpha; NaN where nothing has two labels or all labels are of one class.
    """
    counts = counts[counts.sum(axis=1) > 1]
    totals = counts.sum(axis=0)
    # Labels between two classes: those of the classes in between, and half of their own. The middle label is at 0.
    places = np.cumsum(totals) - (totals + totals.sum()) / 2 if scale == "ordinal" else None
    observed = (_sum_distances(counts, places) / (counts.sum(axis=1) - 1)).sum()
    expected = _sum_distances(totals[None], places).sum() / max(totals.sum() - 1, 1)
    return float(1 - observed / expected) if expected > 0 else float("nan")


def _sum_distances(counts: np.ndarray, places: np.ndarray | None) -> np.ndarray:
    """Sum the distance over all ordered pairs of the labels of each row, without a table of pairs of classes.

    Args:
        counts: labels of each class, shape (n_rows, n_classes).
        places: where each class lies, whose squared differences are the distances, shape (n_classes,); None where two
            different classes have the distance 1.

    Returns:
        float64 array of shape (n_rows,).
    """
    sizes = counts.sum(axis=1).astype(np.float64)
    if places is None:
        return np.asarray(sizes**2 - (counts.astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(2 * (sizes * (counts @ places**2) - (counts @ places) ** 2))
