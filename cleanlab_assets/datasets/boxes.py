"""Boxes with scores, how much boxes overlap, and which predicted box belongs to which given one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cleanlab_assets.datasets.images import AnnotatedImage

SAME_OBJECT_IOU = 0.5
"""Boxes that overlap at least so much are of one object."""
FEW_PAIRS = 1000
"""So few pairs of boxes are all looked at."""


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
    """Return the intersection over union of each box of two sets, in [0, 1]; ``find_overlaps`` is for large ones.

    Args:
        first: shape (n, 4): x1, y1, x2, y2.
        second: shape (m, 4).

    Returns:
        Shape (n, m).
    """
    return _compute_iou(first[:, None], second[None])


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The pairs of boxes of two sets that overlap, in the order of the first box, then of the second.

    Attributes:
        first: position of the box in the first set, shape (n_pairs,).
        second: position of the box in the second set, shape (n_pairs,).
        iou: their intersection over union, above 0, shape (n_pairs,).
        sizes: how many boxes the two sets have.
    """

    first: np.ndarray
    second: np.ndarray
    iou: np.ndarray
    sizes: tuple[int, int]

    def take(self, chosen: np.ndarray) -> Overlaps:
        """Return some of the pairs, by a mask or by their positions."""
        return replace(self, first=self.first[chosen], second=self.second[chosen], iou=self.iou[chosen])


def find_overlaps(first: np.ndarray, second: np.ndarray) -> Overlaps:
    """Find the pairs of boxes of two sets that overlap, without a look at most of those that do not.

    Args:
        first: shape (n, 4): x1, y1, x2, y2.
        second: shape (m, 4).
    """
    n_pairs = len(first) * len(second)
    pairs = np.arange(n_pairs) if n_pairs <= FEW_PAIRS else _find_close_pairs(first, second)
    one, other = np.divmod(pairs, max(len(second), 1))
    iou = _compute_iou(first[one], second[other])
    return Overlaps(one, other, iou, (len(first), len(second))).take(iou > 0)


def _compute_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes, whose shapes (..., 4) are broadcast."""
    low, high = np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    areas = [np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1) for boxes in (first, second)]
    union = areas[0] + areas[1] - common
    overlap: np.ndarray = np.divide(common, union, out=np.zeros_like(common, dtype=np.float64), where=union > 0)
    return overlap


def _find_close_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the numbers, row by row of a table of all pairs, of those that share a cell of a grid, in order."""
    both = np.concatenate([first, second])
    sides = both[:, 2:] - both[:, :2]
    # With cells as large as a typical box, boxes lie in four cells on average, whatever their sizes and shapes.
    cell = max(np.sqrt(sides.prod(axis=1).mean()), sides.mean(), np.finfo(np.float64).tiny)
    low, high = (np.floor((corners - both[:, :2].min(axis=0)) / cell) for corners in (both[:, :2], both[:, 2:]))
    extents = np.maximum(high - low + 1, 0).astype(np.int64)
    n_cells = extents.prod(axis=1)
    owners = np.repeat(np.arange(len(both)), n_cells)
    numbers = np.arange(len(owners)) - np.repeat(np.cumsum(n_cells) - n_cells, n_cells)
    down, right = np.divmod(numbers, extents[owners, 0])
    places = low[owners].astype(np.int64) + np.stack([right, down], axis=1)
    cells = places[:, 0] + places[:, 1] * (places[:, 0].max(initial=0) + 1)
    is_first = owners < len(first)
    order = np.argsort(cells[~is_first], kind="stable")
    known, others = cells[~is_first][order], owners[~is_first][order] - len(first)
    start, end = (np.searchsorted(known, cells[is_first], side=side) for side in ("left", "right"))
    found = np.arange((end - start).sum()) + np.repeat(start - (np.cumsum(end - start) - (end - start)), end - start)
    return np.unique(np.repeat(owners[is_first], end - start) * len(second) + others[found])


def codes_of(image: AnnotatedImage) -> np.ndarray:
    """Return the class code of each given box of an image, int64 of shape (n,)."""
    codes = {name: code for code, name in enumerate(image.class_names)}
    return np.array([codes[label] for label in image.box_labels], dtype=np.int64)


def match_boxes(given: np.ndarray, predicted: np.ndarray, *, least_iou: float = SAME_OBJECT_IOU) -> np.ndarray:
    """Match given to predicted boxes one to one so that their overlap is largest in sum, whatever their classes.

    Args:
        given: shape (n, 4).
        predicted: shape (m, 4).
        least_iou: pairs that overlap less are not matched.

    Returns:
        For each given box the position of its predicted box, or -1; int64 of shape (n,).
    """
    overlaps = find_overlaps(given, predicted)
    overlaps = overlaps.take(overlaps.iou >= least_iou)
    pairs = match_pairs(overlaps, overlaps.iou)
    matched = np.full(len(given), -1, dtype=np.int64)
    matched[pairs >= 0] = overlaps.second[pairs[pairs >= 0]]
    return matched


def match_pairs(overlaps: Overlaps, weights: np.ndarray) -> np.ndarray:
    """Match the boxes of two sets one to one so that the sum of the weights of their pairs is largest.

    Args:
        overlaps: the pairs that may be matched.
        weights: at least 0, shape (n_pairs,); pairs of weight 0 are not matched.

    Returns:
        For each box of the first set the position of its pair, or -1; int64 of shape (n,).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    matched = np.full(overlaps.sizes[0], -1, dtype=np.int64)
    pairs = np.flatnonzero(weights > 0)
    first, second, n_boxes = overlaps.first[pairs], overlaps.second[pairs] + overlaps.sizes[0], sum(overlaps.sizes)
    links = coo_array((np.ones(len(pairs)), (first, second)), shape=(n_boxes, n_boxes))
    group = connected_components(links, directed=False)[1][first]
    is_alone = np.bincount(group, minlength=1)[group] == 1
    matched[first[is_alone]] = pairs[is_alone]
    left = np.flatnonzero(~is_alone)
    left = left[np.argsort(group[left], kind="stable")]
    for members in np.split(pairs[left], np.flatnonzero(np.diff(group[left])) + 1) if len(left) else ():
        best = _match_group(overlaps.first[members], overlaps.second[members], weights[members])
        matched[overlaps.first[members[best]]] = members[best]
    return matched


def _match_group(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the positions of the pairs that are matched, among few pairs of positive weight."""
    from scipy.optimize import linear_sum_assignment

    one, other = (np.unique(boxes, return_inverse=True)[1] for boxes in (first, second))
    table, numbers = np.zeros((one.max() + 1, other.max() + 1)), np.full((one.max() + 1, other.max() + 1), -1)
    table[one, other], numbers[one, other] = weights, np.arange(len(weights))
    chosen = numbers[linear_sum_assignment(table, maximize=True)]
    return np.asarray(chosen[chosen >= 0])


def claim_boxes(overlaps: Overlaps, *, least_iou: float = SAME_OBJECT_IOU) -> np.ndarray:
    """Return which predicted boxes, best first, claim a given box that none before them has claimed.

    Args:
        overlaps: of the predicted boxes, best first, with the given ones that each of them may claim.
        least_iou: a box that overlaps less is not claimed.

    Returns:
        bool of shape (n,).
    """
    near = overlaps.take(overlaps.iou >= least_iou)
    is_hit, is_free = np.zeros(near.sizes[0], dtype=bool), np.ones(near.sizes[1], dtype=bool)
    for pair in np.lexsort((near.second, -near.iou, near.first)).tolist():
        predicted, given = near.first[pair], near.second[pair]
        if not is_hit[predicted] and is_free[given]:
            is_hit[predicted], is_free[given] = True, False
    return is_hit
