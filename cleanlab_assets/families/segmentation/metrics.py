"""How well predicted class masks fit given ones: confusion of pixels, mean IoU, pixel accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

METRICS = ("mean_iou", "pixel_accuracy")


def count_pixel_confusion(
    masks: Iterable[tuple[np.ndarray, np.ndarray]], n_classes: int, *, border: int = 0
) -> np.ndarray:
    """Count how often pixels of a given class are predicted as each class.

    Args:
        masks: given and predicted class mask of each image, ids from 0 (background) to ``n_classes``, shape
            (height, width) both.
        n_classes: number of classes, background not among them.
        border: pixels this near to a change of the given class are left out, since annotators differ there.

    Returns:
        int64 of shape (n_classes + 1, n_classes + 1): given class by predicted class.

    Raises:
        ValueError: two masks differ in shape, or hold an id that is no class.
    """
    n_ids = n_classes + 1
    confusion = np.zeros((n_ids, n_ids), dtype=np.int64)
    for given, predicted in masks:
        if given.shape != predicted.shape:
            raise ValueError(f"found a predicted mask of shape {predicted.shape}, expected {given.shape}")
        for name, mask in (("given", given), ("predicted", predicted)):
            if mask.size and (mask.min() < 0 or mask.max() > n_classes):
                raise ValueError(
                    f"found ids from {mask.min()} to {mask.max()} in the {name} mask, expected 0 to {n_classes}"
                )
        counted = ~_near_border(given, border)
        pairs = given[counted].astype(np.int64) * n_ids + predicted[counted]
        confusion += np.bincount(pairs, minlength=n_ids**2).reshape(n_ids, n_ids)
    return confusion


def _near_border(mask: np.ndarray, border: int) -> np.ndarray:
    if border == 0:
        return np.zeros(mask.shape, dtype=bool)
    from scipy.ndimage import maximum_filter, minimum_filter

    side = 2 * border + 1
    # "nearest" repeats the outer pixels: the edge of the picture is no change of class.
    near: np.ndarray = maximum_filter(mask, side, mode="nearest") != minimum_filter(mask, side, mode="nearest")
    return near


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each class, background first; nan where a class does not occur.

    Args:
        confusion: see ``count_pixel_confusion``.

    Returns:
        float64 of shape (n_classes + 1,).
    """
    return _divide_by_union(np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def measure_masks(confusion: np.ndarray) -> Mapping[str, float]:
    """Return ``mean_iou`` (over the classes that occur, background included) and ``pixel_accuracy``, in [0, 1].

    Both are not a number when no pixel was counted.
    """
    return _measure_counts(np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0))


def _measure_counts(common: np.ndarray, given: np.ndarray, predicted: np.ndarray) -> Mapping[str, float]:
    """Measure by the pixels of each class: given and predicted, given, and predicted."""
    if given.sum() == 0:
        return {"mean_iou": float("nan"), "pixel_accuracy": float("nan")}
    return {
        "mean_iou": float(np.nanmean(_divide_by_union(common, given, predicted))),
        "pixel_accuracy": float(common.sum() / given.sum()),
    }


def _divide_by_union(common: np.ndarray, given: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    union = given + predicted - common
    shares: np.ndarray = np.divide(common, union, out=np.full(len(common), np.nan), where=union > 0)
    return shares


class ScoredMasks:
    """Given and predicted class masks of images, counted once, so that a bootstrap resample of the images is cheap.

    ``compute`` gives ``measure_masks`` of the pixels of all images that count. ``confusion`` has the pixels of all, by
    given and by predicted class.
    """

    lower_is_better: frozenset[str] = frozenset()

    def __init__(self, masks: Iterable[tuple[np.ndarray, np.ndarray]], n_classes: int) -> None:
        """Count the pixel confusion of each image, see ``count_pixel_confusion``."""
        self.confusion = np.zeros((n_classes + 1, n_classes + 1), dtype=np.int64)
        counts = []
        for pair in masks:
            confusion = count_pixel_confusion([pair], n_classes)
            self.confusion += confusion
            counts.append([np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)])
        self._counts = np.array(counts)  # of each image: common, given and predicted pixels of each class
        self.n_rows = len(self._counts)

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        """Return every metric of ``METRICS``.

        Args:
            weights: how often each image counts, shape (n_images,); None counts all once.
        """
        weights = np.ones(self.n_rows) if weights is None else weights
        return dict(_measure_counts(*np.tensordot(weights, self._counts, axes=1)))


def score_masks(images: Sequence[AnnotatedImage], probabilities: Iterable[np.ndarray]) -> ScoredMasks:
    """Score the likeliest class of each pixel against the given class masks; ignored pixels do not count.

    Raises:
        ValueError: an image has no class mask, or predictions of another size.
    """
    pairs = []
    for image, predicted in zip(images, probabilities, strict=True):
        if image.class_mask is None:
            raise ValueError(f"image {image.row_id} has no class mask to score predictions against")
        if predicted.shape[1:] != image.class_mask.shape:
            raise ValueError(
                f"found a predicted mask of shape {predicted.shape[1:]}, expected {image.class_mask.shape}"
            )
        is_judged = ~image.find_ignored_pixels()
        pairs.append((image.class_mask[is_judged], predicted.argmax(axis=0)[is_judged]))
    return ScoredMasks(pairs, len(images[0].class_names))
