"""Does cleaning help a detector? Detectors trained on differently cleaned images, compared on untouched test images."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.audit.boxes import box_iou
from cleanlab_assets.audit.folds import divide_rows
from cleanlab_assets.audit.object_detection import (
    calibrate_scores_out_of_fold,
    correct_boxes,
    find_box_issues,
    predict_boxes_out_of_sample,
)
from cleanlab_assets.evaluation.bootstrap import Difference, Verdict, compare_to_baseline
from cleanlab_assets.evaluation.variant_comparison import (
    VariantComparison,
    VariantName,
    VariantResult,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.audit.boxes import ScoredBoxes
    from cleanlab_assets.audit.object_detection import BoxIssues, Detector
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
        codes = [np.array([class_names.index(name) for name in image.box_labels], dtype=int) for image in images]
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
                    hits.append(_claim(image.boxes[codes[number] == code], predicted, least_iou))
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


def _claim(given: np.ndarray, predicted: np.ndarray, least_iou: float) -> np.ndarray:
    """Return which predicted boxes, best first, claim a given box that none before them has claimed."""
    overlap = box_iou(predicted, given)
    is_hit, is_free = np.zeros(len(predicted), dtype=bool), np.ones(len(given), dtype=bool)
    for position in range(len(predicted)):
        candidates = np.where(is_free, overlap[position], 0.0)
        if len(candidates) and candidates.max() >= least_iou:
            is_hit[position] = True
            is_free[candidates.argmax()] = False
    return is_hit


def _average_precision(weights: np.ndarray, is_hit: np.ndarray, n_given: float) -> float:
    if len(weights) == 0 or weights.sum() == 0:
        return 0.0
    hits = np.cumsum(np.where(is_hit, weights, 0.0))
    precision = hits / np.maximum(np.cumsum(weights), np.finfo(float).tiny)
    # The precision at a recall is the best that is reached at that recall or beyond.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(hits / n_given, _RECALL_LEVELS - 1e-9)
    return float(np.where(positions < len(best), best[positions.clip(max=len(best) - 1)], 0.0).mean())


@dataclass(frozen=True)
class CleanedImages:
    """What a variant trains on: images with their boxes, and which rows were removed or corrected."""

    images: list[AnnotatedImage]
    removed: list[str]
    corrected: dict[str, str | float]


def clean_images(
    images: Sequence[AnnotatedImage], issues: BoxIssues, *, prune_fraction: float, seed: int
) -> dict[VariantName, CleanedImages]:
    """Decide for every variant which images it trains on, with which boxes.

    ``pruned`` leaves out the worst flagged images, at most ``prune_fraction`` of all; ``relabelled`` corrects the
    flagged boxes of the same images as suggested; ``random_removal`` leaves out as many random images.
    """
    table = issues.table
    worst, keep, random_keep = remove_worst_and_random(
        table["is_label_issue"].to_numpy(), table["rank"].to_numpy(), prune_fraction=prune_fraction, seed=seed
    )
    by_image = dict(tuple(issues.boxes.groupby("row_id")))
    corrected = {
        images[position].row_id: correct_boxes(images[position], by_image[images[position].row_id])
        for position in worst
    }
    suggested = dict(zip(table["row_id"], table["suggested_label"], strict=True))
    return {
        "baseline": CleanedImages(list(images), [], {}),
        "pruned": _keep_images(images, keep),
        "relabelled": CleanedImages(
            [corrected.get(image.row_id, image) for image in images], [], {name: suggested[name] for name in corrected}
        ),
        "random_removal": _keep_images(images, random_keep),
    }


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

    The variant to keep is chosen on the first fold: the other folds are audited anew among themselves, cleaned and
    trained on, so that no suggestion was made by a model that saw a box of the fold that judges.

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
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test images, or ``primary_metric`` is unknown.
    """
    if primary_metric not in METRICS:
        raise ValueError(f"primary_metric is {primary_metric!r}, expected one of {', '.join(METRICS)}")
    if not test:
        raise ValueError("there are no test images to compare variants on")
    cleaned: Mapping[VariantName, CleanedImages] = {"baseline": CleanedImages(list(images), [], {})}
    validation: dict[VariantName, float] = {}
    chosen: VariantName = "baseline"
    if compare_cleaning:
        cleaned = clean_images(images, issues, prune_fraction=prune_fraction, seed=seed)
        validation, chosen = _choose_on_first_fold(
            images,
            folds,
            out_of_sample,
            build=build,
            prune_fraction=prune_fraction,
            metric=primary_metric,
            n_resamples=n_resamples,
            seed=seed,
        )
    seconds, scored = {}, {}
    for name, variant in cleaned.items():
        started = perf_counter()
        model = build().fit(variant.images)
        seconds[name] = perf_counter() - started
        scored[name] = ScoredDetections(test, model.predict(test))
    others = {str(name): scored[name] for name in cleaned if name != "baseline"}
    differences = compare_to_baseline(scored["baseline"], others, n_resamples=n_resamples, seed=seed)
    results = [
        VariantResult(
            variant=name,
            n_train=len(variant.images),
            removed_rows=variant.removed,
            relabelled_rows=variant.corrected,
            metrics=scored[name].compute(),
            differences=differences.get(name, []),
            verdict=_verdict(differences.get(name), primary_metric),
            validation_score=validation.get(name),
            fit_seconds=seconds[name],
        )
        for name, variant in cleaned.items()
    ]
    without_cleaning: Verdict = "no effect shown" if compare_cleaning else "not compared"
    return VariantComparison(
        primary_metric=primary_metric,
        lower_is_better=False,
        n_test=len(test),
        n_resamples=n_resamples,
        seed=seed,
        chosen=chosen,
        verdict=_verdict(differences.get(chosen), primary_metric) or without_cleaning,
        variants=results,
    )


def apply_variant(
    comparison: VariantComparison, images: Sequence[AnnotatedImage], boxes: pd.DataFrame
) -> list[AnnotatedImage]:
    """Return what the chosen variant of a comparison trains on, from the train images and the box table."""
    chosen = comparison.result(comparison.chosen)
    by_image = dict(tuple(boxes.groupby("row_id")))
    return [
        correct_boxes(image, by_image[image.row_id]) if image.row_id in chosen.relabelled_rows else image
        for image in images
        if image.row_id not in chosen.removed_rows
    ]


def _choose_on_first_fold(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    out_of_sample: Sequence[ScoredBoxes],
    *,
    build: Callable[[], Detector],
    prune_fraction: float,
    metric: str,
    n_resamples: int,
    seed: int,
) -> tuple[dict[VariantName, float], VariantName]:
    """Return the score of each candidate on the first fold, and the best that is shown to improve there."""
    is_judge = folds == folds.min()
    judges = [image for image, judge in zip(images, is_judge, strict=True) if judge]
    others = [image for image, judge in zip(images, is_judge, strict=True) if not judge]
    inner = folds[~is_judge]
    if len(np.unique(inner)) < 2:  # noqa: PLR2004 - a single fold is halved
        inner = divide_rows(np.zeros(len(others), dtype=int), np.arange(len(others)), [0.5, 0.5], seed=seed)
    predicted = predict_boxes_out_of_sample(others, inner, build=build).predictions
    issues = find_box_issues(others, calibrate_scores_out_of_fold(others, predicted, inner))
    cleaned = clean_images(others, issues, prune_fraction=prune_fraction, seed=seed)
    baseline = [boxes for boxes, judge in zip(out_of_sample, is_judge, strict=True) if judge]
    scored: dict[VariantName, ScoredDetections] = {"baseline": ScoredDetections(judges, baseline)}
    for name in ("pruned", "relabelled"):
        scored[name] = ScoredDetections(judges, build().fit(cleaned[name].images).predict(judges))
    candidates = {str(name): model for name, model in scored.items() if name != "baseline"}
    differences = compare_to_baseline(scored["baseline"], candidates, n_resamples=n_resamples, seed=seed)
    scores: dict[VariantName, float] = {name: model.compute()[metric] for name, model in scored.items()}
    improved = [name for name in scores if _verdict(differences.get(name), metric) == "improves"]
    return scores, max(improved, key=lambda name: scores[name], default="baseline")


def _keep_images(images: Sequence[AnnotatedImage], keep: np.ndarray) -> CleanedImages:
    kept = [image for image, is_kept in zip(images, keep, strict=True) if is_kept]
    return CleanedImages(kept, [image.row_id for image, is_kept in zip(images, keep, strict=True) if not is_kept], {})


def _verdict(differences: list[Difference] | None, metric: str) -> Verdict | None:
    return next((difference.verdict for difference in differences or [] if difference.metric == metric), None)
