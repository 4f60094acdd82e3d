"""How well predicted boxes fit given ones: mean average precision of images, cheap on any resample of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.boxes import claim_boxes, codes_of, find_overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage

METRICS = ("map_50", "map_75")
_IOU = {"map_50": 0.5, "map_75": 0.75}
_RECALL_LEVELS = np.linspace(0, 1, 101)


class ScoredDetections:
    """Given and predicted boxes of images, matched once, so that a bootstrap resample of the images is cheap.

    ``compute`` gives the mean average precision at one IoU as COCO defines it: precision at 101 levels of recall, mean
    over the classes that have a given box.
    """

    lower_is_better: frozenset[str] = frozenset()

    def __init__(self, images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> None:
        """Match the predicted boxes of each image to its given ones, class by class, best score first."""
        self.n_rows = len(images)
        class_names = images[0].class_names
        codes = [codes_of(image) for image in images]
        self._given = np.array([np.bincount(found, minlength=len(class_names)) for found in codes])
        found = [_match(image, given, boxes) for image, given, boxes in zip(images, codes, predictions, strict=True)]
        owners = np.repeat(np.arange(self.n_rows), [len(one.scores) for one in found])
        code, scores = (np.concatenate([getattr(one, name) for one in found]) for name in ("codes", "scores"))
        ranking = np.lexsort((-scores, code))
        classes = np.split(ranking, np.cumsum(np.bincount(code, minlength=len(class_names)))[:-1])
        self._ranked: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for metric in _IOU:
            hits = np.concatenate([one.is_hit[metric] for one in found])
            self._ranked[metric] = [(owners[ranked], hits[ranked]) for ranked in classes]

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of ``METRICS``; NaN where no image of positive weight has a given box.

        Args:
            weights: how often each image counts, shape (n_images,); None counts all once.
        """
        weights = np.ones(self.n_rows) if weights is None else weights
        n_given = weights @ self._given
        result = {}
        for metric, by_class in self._ranked.items():
            precisions = [
                _average_precision(weights[owners], is_hit, n_given[code])
                for code, (owners, is_hit) in enumerate(by_class)
                if n_given[code] > 0
            ]
            result[metric] = float(np.mean(precisions)) if precisions else float("nan")
        return result


@dataclass(frozen=True)
class _MatchedBoxes:
    """Predicted boxes of an image, best score first, and by metric which of them fit a given box of their class."""

    codes: np.ndarray
    scores: np.ndarray
    is_hit: dict[str, np.ndarray]


def _match(image: AnnotatedImage, given_codes: np.ndarray, predicted: ScoredBoxes) -> _MatchedBoxes:
    order = np.argsort(-predicted.scores, kind="stable")
    codes = predicted.codes[order]
    overlaps = find_overlaps(predicted.boxes[order], image.boxes)
    overlaps = overlaps.take(codes[overlaps.first] == given_codes[overlaps.second])
    hits = {metric: claim_boxes(overlaps, least_iou=least_iou) for metric, least_iou in _IOU.items()}
    return _MatchedBoxes(codes, predicted.scores[order], hits)


def _average_precision(weights: np.ndarray, is_hit: np.ndarray, n_given: float) -> float:
    if len(weights) == 0 or weights.sum() == 0:
        return 0.0
    hits = np.cumsum(np.where(is_hit, weights, 0.0))
    precision = hits / np.maximum(np.cumsum(weights), np.finfo(float).tiny)
    # The precision at a recall is the best that is reached at that recall or beyond.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(hits / n_given, _RECALL_LEVELS - 1e-9)
    return float(np.where(positions < len(best), best[positions.clip(max=len(best) - 1)], 0.0).mean())
