"""Does cleaning help a detector? Detectors trained on differently cleaned images, compared on untouched test images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.boxes import box_iou, claim_boxes, codes_of
from cleanlab_assets.families.images import variants as image_variants
from cleanlab_assets.families.images.variants import ImageVariantTask, compare_image_variants
from cleanlab_assets.families.object_detection.calibration import calibrate_scores_out_of_fold
from cleanlab_assets.families.object_detection.issues import correct_boxes, find_box_issues
from cleanlab_assets.families.object_detection.predictions import predict_boxes_out_of_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.variants import CleanedImages
    from cleanlab_assets.families.object_detection.issues import BoxIssues
    from cleanlab_assets.families.object_detection.predictions import Detector
    from cleanlab_assets.methods.variants import VariantComparison, VariantName

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


def clean_images(
    images: Sequence[AnnotatedImage], issues: BoxIssues, *, prune_fraction: float, seed: int
) -> dict[VariantName, CleanedImages]:
    """Decide for every variant which images it trains on; ``relabelled`` corrects flagged boxes as suggested.

    See ``image_variants.clean_images``.
    """
    correct = partial(_correct_image, images, issues.boxes)
    return image_variants.clean_images(images, issues.table, correct=correct, prune_fraction=prune_fraction, seed=seed)


def compare_detection_variants(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    issues: BoxIssues,
    out_of_sample: Sequence[ScoredBoxes],
    test: Sequence[AnnotatedImage],
    *,
    build: Callable[[], Detector],
    prune_fraction: float,
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Train a detector on every variant of the train images and compare it with the baseline on the test images.

    Args:
        images: train images.
        folds: fold of each, shape (n_images,).
        issues: their issues.
        out_of_sample: their predicted boxes by models that never saw them.
        test: untouched test images.
        build: returns a new detector that is not trained.
        prune_fraction: see ``clean_images``.
        primary_metric: metric of the verdict and of the choice, one of ``METRICS``.
        n_resamples: bootstrap resamples of the test images.
        seed: seed of the random removal, the bootstrap and new folds.
        compare_cleaning: whether any cleaned variant is trained; if not, the baseline is chosen.

    Returns:
        The comparison, with the chosen variant; see ``compare_image_variants``.

    Raises:
        ValueError: there are no test images, or ``primary_metric`` is unknown.
    """

    def audit_and_clean(rows: Sequence[AnnotatedImage], inner: np.ndarray) -> dict[VariantName, CleanedImages]:
        predicted = predict_boxes_out_of_sample(rows, inner, build=build).predictions
        found = find_box_issues(rows, calibrate_scores_out_of_fold(rows, predicted, inner))
        return clean_images(rows, found, prune_fraction=prune_fraction, seed=seed)

    def score_out_of_sample(positions: np.ndarray) -> ScoredDetections:
        chosen = positions.tolist()
        return ScoredDetections([images[i] for i in chosen], [out_of_sample[i] for i in chosen])

    task = ImageVariantTask(
        metrics=METRICS,
        build=build,
        score=lambda model, rows: ScoredDetections(rows, model.predict(rows)),
        audit_and_clean=audit_and_clean,
    )
    return compare_image_variants(
        task,
        clean_images(images, issues, prune_fraction=prune_fraction, seed=seed),
        images,
        folds,
        test,
        score_out_of_sample=score_out_of_sample,
        primary_metric=primary_metric,
        n_resamples=n_resamples,
        seed=seed,
        compare_cleaning=compare_cleaning,
    )


def apply_variant(
    comparison: VariantComparison, images: Sequence[AnnotatedImage], boxes: pd.DataFrame
) -> list[AnnotatedImage]:
    """Return what the chosen variant of a comparison trains on, from the train images and the box table."""
    return image_variants.apply_variant(comparison, images, correct=partial(_correct_image, images, boxes))


def _correct_image(images: Sequence[AnnotatedImage], boxes: pd.DataFrame, position: int) -> AnnotatedImage:
    """Return the image at a position with its flagged boxes corrected."""
    image = images[position]
    return correct_boxes(image, boxes[boxes["row_id"] == image.row_id])
