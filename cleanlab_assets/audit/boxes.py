"""Boxes with scores, how much boxes overlap, and which predicted box belongs to which given one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredBoxes:
    """Predicted boxes of one image.

    Attributes:
        boxes: float64 of shape (n, 4): x1, y1, x2, y2 in pixels.
        codes: class code of each box, position in the class names, shape (n,).
        scores: confidence of each box in [0, 1], shape (n,).

    Raises:
        ValueError: the three differ in length, or a score is not in [0, 1].
    """

    boxes: np.ndarray
    codes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4) or self.codes.shape != self.scores.shape:
            raise ValueError(
                f"found boxes of shape {self.boxes.shape}, codes of {self.codes.shape} and scores of "
                f"{self.scores.shape}, expected (n, 4), (n,) and (n,)"
            )
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("found a score outside [0, 1]")


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each box of two sets, in [0, 1].

    Args:
        first: shape (n, 4): x1, y1, x2, y2.
        second: shape (m, 4).

    Returns:
        Shape (n, m).
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - common
    overlap: np.ndarray = np.divide(common, union, out=np.zeros_like(common, dtype=np.float64), where=union > 0)
    return overlap


def match_boxes(given: np.ndarray, predicted: np.ndarray, *, least_iou: float = 0.5) -> np.ndarray:
    """Match given to predicted boxes one to one so that their overlap is largest in sum, whatever their classes.

    Args:
        given: shape (n, 4).
        predicted: shape (m, 4).
        least_iou: pairs that overlap less are not matched.

    Returns:
        For each given box the position of its predicted box, or -1; int64 of shape (n,).
    """
    from scipy.optimize import linear_sum_assignment

    overlap = box_iou(given, predicted)
    rows, columns = linear_sum_assignment(np.where(overlap >= least_iou, overlap, 0.0), maximize=True)
    matched = np.full(len(given), -1, dtype=np.int64)
    is_enough = overlap[rows, columns] >= least_iou
    matched[rows[is_enough]] = columns[is_enough]
    return matched
