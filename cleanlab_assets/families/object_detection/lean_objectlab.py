"""ObjectLab's label quality of an image without a look at most pairs of its boxes; tests compare it with cleanlab's.

cleanlab compares every given box with every predicted one, twice, in Python: more than a second for an image of 200.
The similarity of boxes some hundred pixels apart, which it rounds to a few multiples of 1e-17, is kept here as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.compat import softmin
from cleanlab_assets.datasets.boxes import Overlaps, box_iou, codes_of, find_overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage

# The values of cleanlab.internal.constants.
ALPHA = 0.9
"""How much the overlap of two boxes weighs in their similarity; the rest is that of their distance."""
DISTANCE_FACTOR = 0.1
LIKELY = 0.5
SURE = 0.95
SAME_PLACE_IOU = 0.95
"""Given boxes of different classes that overlap so much contradict each other."""
TEMPERATURE = 0.1
_TINY = 1e-100
_FEW_POINTS = 16


def score_with_objectlab(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> np.ndarray:
    """Score the label quality of each image: whether objects were overlooked, badly located or swapped.

    Source: ``cleanlab.object_detection.rank.get_label_quality_scores`` (Tkachenko, Thyagarajan and Mueller, ObjectLab,
    2023).

    Args:
        images: annotated images.
        predictions: out-of-sample predictions of each image.

    Returns:
        float64 in [0, 1] of shape (n_images,); lower is worse.
    """
    compared = [_Compared.of(image, predicted) for image, predicted in zip(images, predictions, strict=True)]
    least = min((one.find_least_similarity() for one in compared), default=1.0)
    kinds = [[one.score_overlooked(least), one.score_badly_located(), one.score_swapped(least)] for one in compared]
    pooled = np.array([[_pool(scores) for scores in scores_of_kinds] for scores_of_kinds in kinds]).reshape(-1, 3)
    return np.asarray(np.exp(np.log(_TINY + pooled).mean(axis=1)).clip(0, 1))


@dataclass(frozen=True)
class _Compared:
    """Given and predicted boxes of an image, and the pairs of them that overlap, with their similarity."""

    given: np.ndarray
    given_codes: np.ndarray
    predicted: np.ndarray
    codes: np.ndarray
    scores: np.ndarray
    overlaps: Overlaps
    similarity: np.ndarray

    @classmethod
    def of(cls, image: AnnotatedImage, found: ScoredBoxes) -> _Compared:
        # In single precision, as cleanlab is given them.
        predicted, scores = (values.astype(np.float32).astype(np.float64) for values in (found.boxes, found.scores))
        overlaps = find_overlaps(image.boxes, predicted)
        distances = np.linalg.norm(_centres(image.boxes)[overlaps.first] - _centres(predicted)[overlaps.second], axis=1)
        similarity = ALPHA * overlaps.iou + _similarity_of(distances)
        return cls(image.boxes, codes_of(image), predicted, found.codes, scores, overlaps, similarity)

    def find_least_similarity(self) -> float:
        """Return the similarity of the given and the predicted box that are least alike; 1 where one is absent."""
        if len(self.given) == 0 or len(self.predicted) == 0:
            return 1.0
        one, other = _centres(self.given), _centres(self.predicted)
        outer, other_outer = _find_outer(one), _find_outer(other)
        distances = np.linalg.norm(one[outer][:, None] - other[other_outer][None], axis=2)
        row, column = np.unravel_index(distances.argmax(), distances.shape)
        place = outer[row], other_outer[column]
        if not ((self.overlaps.first == place[0]) & (self.overlaps.second == place[1])).any():
            return float(_similarity_of(distances.max()))
        # Even the two that are farthest apart overlap: so do most others.
        distances = np.linalg.norm(one[:, None] - other[None], axis=2)
        return float((ALPHA * box_iou(self.given, self.predicted) + _similarity_of(distances)).min())

    def score_overlooked(self, least: float) -> np.ndarray:
        """Score the sure predicted boxes that overlap no given one by the nearest given one of their class."""
        is_alone = self.scores >= SURE
        is_alone[self.overlaps.second] = False
        scores = least * (1 - self.scores)
        for code in np.unique(self.codes[is_alone]):
            lonely, given = is_alone & (self.codes == code), self.given_codes == code
            if given.any():
                scores[lonely] = _similarity_of(_find_nearest(self.predicted[lonely], self.given[given]))
        return scores[is_alone]

    def score_badly_located(self) -> np.ndarray:
        """Score each given box by the most similar likely predicted box of its class that overlaps it."""
        first, second = self.overlaps.first, self.overlaps.second
        counts = (self.given_codes[first] == self.codes[second]) & (self.scores[second] > LIKELY)
        best = np.full(len(self.given), -np.inf)
        np.maximum.at(best, first[counts], self.similarity[counts])
        return np.where(np.isfinite(best), best, 1.0)

    def score_swapped(self, least: float) -> np.ndarray:
        """Score each given box by how unlike it is to the most similar sure predicted box of another class."""
        first, second = self.overlaps.first, self.overlaps.second
        is_sure = self.scores > SURE
        best = np.full(len(self.given), -np.inf)
        counts = (self.given_codes[first] != self.codes[second]) & is_sure[second]
        np.maximum.at(best, first[counts], self.similarity[counts])
        for code in np.unique(self.given_codes):
            given, others = self.given_codes == code, is_sure & (self.codes != code)
            if others.any():
                nearest = _similarity_of(_find_nearest(self.given[given], self.predicted[others]))
                best[given] = np.maximum(best[given], nearest)
        scores = np.where(np.isfinite(best), np.maximum(1 - best, least), 1.0)
        scores[self._find_contradicted()] = least
        return scores

    def _find_contradicted(self) -> np.ndarray:
        """Return which given boxes lie on one of another class."""
        pairs = find_overlaps(self.given, self.given)
        is_other = self.given_codes[pairs.first] != self.given_codes[pairs.second]
        contradicted = np.zeros(len(self.given), dtype=bool)
        contradicted[pairs.first[is_other & (pairs.iou >= SAME_PLACE_IOU)]] = True
        return contradicted


def _pool(scores: np.ndarray) -> float:
    return float(softmin(scores[None], temperature=TEMPERATURE)[0]) if len(scores) else 1.0


def _centres(boxes: np.ndarray) -> np.ndarray:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2)


def _similarity_of(distances: np.ndarray) -> np.ndarray:
    return np.asarray((1 - ALPHA) * np.exp(-DISTANCE_FACTOR * distances))


def _find_nearest(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of the centre of each box from the nearest of others."""
    from scipy.spatial import KDTree

    return np.asarray(KDTree(_centres(others)).query(_centres(boxes))[0])


def _find_outer(points: np.ndarray) -> np.ndarray:
    """Return the positions of the points on the convex hull, which the farthest ones are; of few points all."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) <= _FEW_POINTS:
        return np.arange(len(points))
    try:
        return np.asarray(ConvexHull(points).vertices)
    except QhullError:  # all on one line
        return np.arange(len(points))
