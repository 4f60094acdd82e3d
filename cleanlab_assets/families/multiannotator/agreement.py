"""How far annotators agree beyond chance: Krippendorff's alpha, nominal and ordinal."""

from __future__ import annotations

from typing import Literal

import numpy as np

Scale = Literal["nominal", "ordinal"]


def measure_agreement(labels: np.ndarray, *, n_classes: int, scale: Scale) -> float:
    """Return Krippendorff's alpha: 1 for full agreement, 0 for that of chance, below 0 for less.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011. Examples with a single label do not count.

    Args:
        labels: class codes, -1 where an annotator gave no label, shape (n_examples, n_annotators).
        n_classes: number of classes.
        scale: ``nominal`` treats all disagreements alike; ``ordinal`` weighs them by the labels that lie between the
            two classes, whose codes must be in order.

    Returns:
        Alpha; NaN where no example has two labels or all labels are of one class.
    """
    counts = (labels[:, :, None] == np.arange(n_classes)).sum(axis=1).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 1]
    weights = 1 / np.maximum(counts.sum(axis=1) - 1, 1)
    coincidences = np.einsum("ej,ek,e->jk", counts, counts, weights) - np.diag(counts.T @ weights)
    totals = coincidences.sum(axis=1)
    distance = 1 - np.eye(n_classes)
    if scale == "ordinal":
        # Labels between two classes: those of the classes in between, and half of their own.
        places = np.cumsum(totals) - totals / 2
        distance = (places[:, None] - places[None]) ** 2
    n_labels = totals.sum()
    expected = (np.outer(totals, totals) * distance).sum() / max(n_labels - 1, 1)
    return float(1 - (coincidences * distance).sum() / expected) if expected > 0 else float("nan")
