"""Boxes with scores, how much boxes overlap, and which predicted box belongs to which given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cleanlab_assets.datasets.images import AnnotatedImage

SAME_OBJECT_IOU = 0.5
"""Boxes that overlap at least so much are of one object."""


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


def codes_of(image: AnnotatedImage) -> np.ndarray:
    """Return the class code of each given box of an image, int64 of shape (n,)."""
    return np.array([image.class_names.index(label) for label in image.box_labels], dtype=np.int64)


def match_boxes(given: np.ndarray, predicted: np.ndarray, *, least_iou: float = SAME_OBJECT_IOU) -> np.ndarray:
    """Match given to predicted boxes one to one so that their overlap is largest in sum, whatever their classes.

    Args:
        given: shape (n, 4).
        predicted: shape (m, 4).
        least_iou: pairs that overlap less are not matched.

    Returns:
        For each given box the position of its predicted box, or -1; int64 of shape (n,).
    """
    overlap = box_iou(given, predicted)
    return match_by_weight(np.where(overlap >= least_iou, overlap, 0.0))


def match_by_weight(weights: np.ndarray) -> np.ndarray:
    """Match rows to columns one to one so that the sum of their weights is largest.

    Args:
        weights: at least 0, shape (n, m); pairs of weight 0 are not matched.

    Returns:
        For each row its column, or -1; int64 of shape (n,).
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(weights, maximize=True)
    matched = np.full(len(weights), -1, dtype=np.int64)
    has_weight = weights[rows, columns] > 0
    matched[rows[has_weight]] = columns[has_weight]
    return matched


def claim_boxes(overlap: np.ndarray, *, least_iou: float = SAME_OBJECT_IOU) -> np.ndarray:
    """Return which predicted boxes, best first, claim a given box that none before them has claimed.

    Args:
        overlap: of each predicted box, best first, with each given one, shape (n, m).
        least_iou: a box that overlaps less is not claimed.

    Returns:
        bool of shape (n,).
    """
    is_hit, is_free = np.zeros(len(overlap), dtype=bool), np.ones(overlap.shape[1], dtype=bool)
    for position, overlaps in enumerate(overlap):
        candidates = np.where(is_free, overlaps, 0.0)
        if len(candidates) and candidates.max() >= least_iou:
            is_hit[position] = True
            is_free[candidates.argmax()] = False
    return is_hit
