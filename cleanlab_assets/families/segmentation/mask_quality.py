"""The audit of class masks: out-of-sample probabilities of every pixel, pixel issues, and the quality of each mask.

Images are handled one by one, of any size, so that no padding enters a score and memory holds one image's
probabilities at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.compat import softmin
from cleanlab_assets.datasets.images import BACKGROUND, IGNORED_ID, SEPARATOR, encode_png
from cleanlab_assets.families.images.score_choice import rank_by_score
from cleanlab_assets.families.segmentation.predictions import read_pair
from cleanlab_assets.families.segmentation.regions import (
    FLAG_BELOW,
    Region,
    find_regions,
    find_sure_regions,
    largest_region,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cleanlab_assets.datasets.images import AnnotatedImage

SOFTMIN_TEMPERATURE = 0.1
"""Temperature of cleanlab's score of an image, its default."""
OBJECT_RATIO, CLASS_RATIO = 5.0, 20.0
"""A model contradicts what is given where it says so many times more probably otherwise: whether there is an object at
all, and which class it is. Chosen by planted errors on digit scenes, as ``OBJECT_WEIGHT`` is."""
OBJECT_WEIGHT = 2.0
"""How much more it counts whether there is an object than of which class it is."""
CONTRADICTION, SOFTMIN, OBJECT = "contradiction", "softmin", "object"
MASK_SCORES = (CONTRADICTION, SOFTMIN, OBJECT)
"""The scores of a mask, each in the column ``<name>_quality``; the first one ranks unless another is chosen."""
_LEAST_PROBABILITY = 1e-3
"""Smaller probabilities are stored as 0, whose logarithm is infinite."""


def with_mask(image: AnnotatedImage, class_mask: np.ndarray) -> AnnotatedImage:
    """Return an image with another class mask; boxes and instance mask, which would not fit it, are left out."""
    return replace(image, boxes=np.zeros((0, 4)), box_labels=(), instance_mask=None, class_mask=class_mask)


@dataclass(frozen=True)
class MaskIssues:
    """What an audit of masks found.

    ``table`` and ``pixels`` have one row for each image, in source order; ``classes`` one for each class, background
    first; ``confusions`` one for each pair of given and suggested class among the pixel issues, most frequent first.
    """

    table: pd.DataFrame
    pixels: pd.DataFrame
    classes: pd.DataFrame
    confusions: pd.DataFrame


def find_mask_issues(
    images: Sequence[AnnotatedImage], predictions: Sequence[bytes], *, is_train: np.ndarray | None = None
) -> MaskIssues:
    """Judge every pixel, object and mask by out-of-sample probabilities.

    Pixel issues are those of ``cleanlab.segmentation.filter.find_label_issues``: as many pixels of lowest probability
    of the given class as confident learning estimates to be wrong, and predicted to be of another class; here for
    images of different sizes, one at a time. The label quality of an image is that of ``score_contradiction``; all
    scores of ``score_mask`` stand beside it, and ``rank_by_score`` ranks by another one.

    Args:
        images: images with given class masks.
        predictions: their packed probabilities, by models that never saw them.
        is_train: train images, bool of shape (n_images,), from which the number of pixel issues is estimated, and with
            it the probability up to which a pixel is one; all if absent.

    Returns:
        The issues; an image is flagged where the model is sure of another class over a whole region, see
        ``find_sure_regions``. An object has an issue where its quality is below ``FLAG_BELOW`` and it
        holds such a region.

    Raises:
        ValueError: an image has no class mask, or predictions of another shape.
    """
    chosen = np.ones(len(images), dtype=bool) if is_train is None else is_train
    cut = _count_and_cut_pixels(list(compress(images, chosen)), list(compress(predictions, chosen)))
    n_ids = len(images[0].class_names) + 1
    class_names = (BACKGROUND, *images[0].class_names)
    sums = _ClassSums(n_ids)
    records, pixel_records = [], []
    for image, content in zip(images, predictions, strict=True):
        given, probabilities = read_pair(image, content)
        given_probability = np.take_along_axis(probabilities, given[None], axis=0)[0]
        predicted = probabilities.argmax(axis=0)
        is_issue = (given_probability <= cut) & (predicted != given)
        regions = find_regions(given, probabilities)
        worst = _find_worst(regions)
        is_sure = find_sure_regions(given, probabilities)
        flagged = [region for region in regions if region.quality < FLAG_BELOW and is_sure[region.place].any()]
        suggested = np.where(is_sure, predicted, _suggest_mask(given, predicted, flagged))
        sums.add(given, predicted, given_probability, is_issue, has_object_issue=bool(flagged))
        records.append(
            {
                "row_id": image.row_id,
                "given_label": _name_classes(given, class_names),
                "suggested_label": _name_classes(suggested, class_names),
                "is_label_issue": bool(is_sure.any()),
                **{f"{name}_quality": quality for name, quality in _score(given, probabilities, worst).items()},
                "n_objects": len(regions),
                "n_object_issues": len(flagged),
                "issue_share": float(is_issue.mean()),
                "worst_given_class": class_names[worst.given] if worst else "",
                "worst_suggested_class": class_names[worst.suggested] if worst else "",
            }
        )
        kept = np.where(image.find_ignored_pixels(), IGNORED_ID, suggested)
        described = _describe_pixels(is_issue, given, predicted, kept, class_names)
        pixel_records.append({"row_id": image.row_id, **described})
    table = rank_by_score(pd.DataFrame.from_records(records), CONTRADICTION)
    return MaskIssues(
        table=table,
        pixels=pd.DataFrame.from_records(pixel_records),
        classes=sums.sum_up_classes(class_names),
        confusions=sums.list_confusions(class_names),
    )


def score_mask(image: AnnotatedImage, content: bytes) -> dict[str, float]:
    """Score a given mask by the packed probabilities of its pixels.

    Returns:
        For each of ``MASK_SCORES`` the quality in [0, 1], lower is worse: for ``contradiction`` see
        ``score_contradiction``, for ``softmin`` ``score_softmin``; ``object`` is that of the worst object, see
        ``find_regions``.
    """
    given, probabilities = read_pair(image, content)
    return _score(given, probabilities, _find_worst(find_regions(given, probabilities)))


def _find_worst(regions: Sequence[Region]) -> Region | None:
    return min(regions, key=lambda region: region.quality, default=None)


def _score(given: np.ndarray, probabilities: np.ndarray, worst: Region | None) -> dict[str, float]:
    scores = {
        CONTRADICTION: score_contradiction(given, probabilities),
        SOFTMIN: score_softmin(np.take_along_axis(probabilities, given[None], axis=0)),
        OBJECT: worst.quality if worst else 1.0,
    }
    return {name: min(1.0, max(0.0, score)) for name, score in scores.items()}


def score_contradiction(given: np.ndarray, probabilities: np.ndarray) -> float:
    """Score a mask by the pixels where the model clearly says otherwise.

    Along outlines a model is unsure, and of many objects it is unsure which class they are: neither speaks against a
    mask. Two questions are asked of each pixel, whether there is an object at all and which class there is. Each counts
    by the logarithm of how many times more probable the model's answer is than the given one, where that is above
    ``OBJECT_RATIO`` or ``CLASS_RATIO``: objects that are drawn too large or too small then stand out, whatever the
    model takes them for.

    Args:
        given: given class ids, 0 = background, shape (height, width).
        probabilities: shape (n_classes + 1, height, width).

    Returns:
        The quality in (0, 1]: the exponential of minus the mean over all pixels of the sum of both logarithms, the
        first one times ``OBJECT_WEIGHT``.
    """
    is_object = 1 - probabilities[0]
    there = _contradict(
        np.where(given > 0, is_object, 1 - is_object), np.maximum(is_object, 1 - is_object), OBJECT_RATIO
    )
    of_given = np.take_along_axis(probabilities, given[None], axis=0)[0]
    against = OBJECT_WEIGHT * there + _contradict(of_given, probabilities.max(axis=0), CLASS_RATIO)
    return float(np.exp(-against / given.size))


def _contradict(of_given: np.ndarray, of_answer: np.ndarray, least_ratio: float) -> float:
    """Sum the logarithms of how many times more probable the answer is than what is given, where it clearly is."""
    ratio = (of_answer + _LEAST_PROBABILITY) / (of_given + _LEAST_PROBABILITY)
    return float(np.log(ratio[ratio > least_ratio], dtype=np.float64).sum())


def score_softmin(given_probability: np.ndarray, temperature: float = SOFTMIN_TEMPERATURE) -> float:
    """Score an image as ``cleanlab.segmentation.rank.get_label_quality_scores`` does: a mean of its pixels' scores.

    Args:
        given_probability: predicted probability of the given class of each pixel of the image, no padding among them.
        temperature: the lower, the more the worst pixels weigh.
    """
    return float(softmin(given_probability.reshape(1, -1).astype(np.float64), temperature=temperature)[0])


def _count_and_cut_pixels(images: Sequence[AnnotatedImage], predictions: Sequence[bytes]) -> float:
    """Return the probability of the given class up to which pixels are issues; below 0 where none is."""
    from cleanlab.experimental.label_issues_batched import LabelInspector

    inspector = LabelInspector(num_class=len(images[0].class_names) + 1, store_results=False, verbose=False, n_jobs=1)
    for image, content in zip(images, predictions, strict=True):
        inspector.update_confident_thresholds(*_flatten(image, content))
    scores = [
        inspector.score_label_quality(*_flatten(image, content)).astype(np.float32)
        for image, content in zip(images, predictions, strict=True)
    ]
    n_issues = int(inspector.get_num_issues(silent=True))
    if n_issues == 0:
        return -1.0
    return float(np.partition(np.concatenate(scores), n_issues - 1)[n_issues - 1])


def _flatten(image: AnnotatedImage, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the given class and the probabilities of each pixel that is not ignored."""
    given, probabilities = read_pair(image, content)
    is_judged = ~image.find_ignored_pixels()
    return given[is_judged], probabilities[:, is_judged].T


def _suggest_mask(given: np.ndarray, predicted: np.ndarray, flagged: Sequence[Region]) -> np.ndarray:
    """Return the given mask with the predicted classes in the place of the flagged objects."""
    suggested = given.copy()
    for region in flagged:
        suggested[region.place] = predicted[region.place]
    return suggested


def _describe_pixels(
    is_issue: np.ndarray, given: np.ndarray, predicted: np.ndarray, suggested: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    found = largest_region(is_issue, given, predicted)
    box = found.box if found else (0, 0, 0, 0)
    return {
        "n_pixels": is_issue.size,
        "n_issue_pixels": int(is_issue.sum()),
        "issue_share": float(is_issue.mean()),
        **dict(zip(("region_x1", "region_y1", "region_x2", "region_y2"), box, strict=True)),
        "region_pixels": found.n_pixels if found else 0,
        "region_given_class": class_names[found.given] if found else "",
        "region_suggested_class": class_names[found.suggested] if found else "",
        "issue_mask": encode_png(is_issue.astype(np.uint8)),
        "suggested_mask": encode_png(suggested),
    }


def _name_classes(mask: np.ndarray, class_names: Sequence[str]) -> str:
    return SEPARATOR.join(class_names[code] for code in np.unique(mask) if code > 0)


class _ClassSums:
    """Sums over the images of an audit, class by class."""

    def __init__(self, n_ids: int) -> None:
        self._n_ids = n_ids
        self._confusion, self._issues, self._images = (np.zeros((n_ids, n_ids), dtype=np.int64) for _ in range(3))
        self._probability = np.zeros(n_ids)
        self._n_images, self._n_flagged = (np.zeros(n_ids, dtype=np.int64) for _ in range(2))

    def add(
        self,
        given: np.ndarray,
        predicted: np.ndarray,
        given_probability: np.ndarray,
        is_issue: np.ndarray,
        *,
        has_object_issue: bool,
    ) -> None:
        n_ids = self._n_ids
        pairs = given.astype(np.int64) * n_ids + predicted
        self._confusion += np.bincount(pairs.ravel(), minlength=n_ids**2).reshape(n_ids, n_ids)
        issues = np.bincount(pairs[is_issue], minlength=n_ids**2).reshape(n_ids, n_ids)
        self._issues += issues
        self._images += issues > 0
        self._probability += np.bincount(given.ravel(), weights=given_probability.ravel(), minlength=n_ids)
        is_present = np.bincount(given.ravel(), minlength=n_ids) > 0
        self._n_images += is_present
        self._n_flagged += is_present & has_object_issue

    def sum_up_classes(self, class_names: Sequence[str]) -> pd.DataFrame:
        given, predicted = self._confusion.sum(axis=1), self._confusion.sum(axis=0)
        common = np.diagonal(self._confusion)
        by_given, by_suggested = self._issues.sum(axis=1), self._issues.sum(axis=0)
        return pd.DataFrame(
            {
                "class_name": list(class_names),
                "n_images": self._n_images,
                "n_images_with_object_issue": self._n_flagged,
                "given_pixels": given,
                "predicted_pixels": predicted,
                "iou": _divide(common, given + predicted - common),
                "mean_quality": _divide(self._probability, given),
                "issue_pixels": by_given,
                "issue_share": _divide(by_given, given),
                "suggested_pixels": by_suggested,
            }
        )

    def list_confusions(self, class_names: Sequence[str]) -> pd.DataFrame:
        rows, columns = np.nonzero(self._issues)
        counts = self._issues[rows, columns]
        names = np.array(class_names, dtype=object)
        table = pd.DataFrame(
            {
                "given_class": names[rows],
                "suggested_class": names[columns],
                "n_pixel_issues": counts,
                "share": _divide(counts, np.full(len(counts), max(counts.sum(), 1))),
                "n_images": self._images[rows, columns],
            }
        )
        return table.sort_values("n_pixel_issues", ascending=False, kind="stable", ignore_index=True)


def _divide(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Divide; NaN where the divisor is 0."""
    shares: np.ndarray = np.divide(values, by, out=np.full(len(by), np.nan), where=by > 0)
    return shares
