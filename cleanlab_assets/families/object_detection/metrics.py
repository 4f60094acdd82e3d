"""How well predicted boxes fit given ones: mean average precision of images, cheap on any resample of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.boxes import box_iou, claim_boxes, codes_of

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
        self._ranked: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for metric, least_iou in _IOU.items():
            by_class = []
            for code in range(len(class_names)):
                scores, owners, hits = [], [], []
                for number, (image, found) in enumerate(zip(images, predictions, strict=True)):
                    is_class = found.codes == code
                    order = np.argsort(-found.scores[is_class], kind="stable")
                    predicted = found.boxes[is_class][order]
                    scores.append(found.scores[is_class][order])
                    owners.append(np.full(len(predicted), number))
                    hits.append(
                        claim_boxes(box_iou(predicted, image.boxes[codes[number] == code]), least_iou=least_iou)
                    )
                ranking = np.argsort(-np.concatenate(scores), kind="stable")
                by_class.append((np.concatenate(owners)[ranking], np.concatenate(hits)[ranking]))
            self._ranked[metric] = by_class

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


def _average_precision(weights: np.ndarray, is_hit: np.ndarray, n_given: float) -> float:
    if len(weights) == 0 or weights.sum() == 0:
        return 0.0
    hits = np.cumsum(np.where(is_hit, weights, 0.0))
    precision = hits / np.maximum(np.cumsum(weights), np.finfo(float).tiny)
    # The precision at a recall is the best that is reached at that recall or beyond.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(hits / n_given, _RECALL_LEVELS - 1e-9)
    return float(np.where(positions < len(best), best[positions.clip(max=len(best) - 1)], 0.0).mean())
