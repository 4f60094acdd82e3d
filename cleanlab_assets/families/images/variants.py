"""Does cleaning help a model on images? Models trained on differently cleaned images, on untouched test images."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.methods.bootstrap import Difference, ScoredRows, Verdict, compare_to_baseline
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.variants import (
    VariantComparison,
    VariantName,
    VariantResult,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage

CANDIDATES: tuple[VariantName, ...] = ("pruned", "relabelled")
"""Cleaned variants that may become the final model; the control may not."""


@dataclass(frozen=True)
class CleanedImages:
    """What a variant trains on, the row ids it leaves out, and its suggested labels by row id."""

    images: list[AnnotatedImage]
    removed: list[str] = field(default_factory=list)
    corrected: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageVariantTask:
    """What differs between task families on images in a comparison of variants.

    ``metrics``: names of the metrics; ``build``: returns a new model that is not trained; ``score``: scores a trained
    model on images; ``audit_and_clean``: the variants of some images after an audit of their own on their folds.
    """

    metrics: tuple[str, ...]
    build: Callable[[], Any]
    score: Callable[[Any, Sequence[AnnotatedImage]], ScoredRows]
    audit_and_clean: Callable[[Sequence[AnnotatedImage], np.ndarray], Mapping[VariantName, CleanedImages]]


def clean_images(
    images: Sequence[AnnotatedImage],
    label_issues: pd.DataFrame,
    *,
    correct: Callable[[int], AnnotatedImage],
    prune_fraction: float,
    seed: int,
) -> dict[VariantName, CleanedImages]:
    """Decide for every variant which images it trains on, with which annotations.

    ``pruned`` leaves out the worst flagged images, at most ``prune_fraction`` of all; ``relabelled`` corrects the same
    images as suggested; ``random_removal`` leaves out as many random images.

    Args:
        images: train images.
        label_issues: their label issues, in the same order.
        correct: returns the image at a position with its annotation corrected as suggested.
        prune_fraction: largest share of images to leave out or correct, from 0 to 1.
        seed: seed of the random removal.
    """
    worst, keep, random_keep = remove_worst_and_random(
        label_issues["is_label_issue"].to_numpy(dtype=bool),
        label_issues["rank"].to_numpy(),
        prune_fraction=prune_fraction,
        seed=seed,
    )
    corrected = list(images)
    for position in worst:
        corrected[position] = correct(int(position))
    suggested = label_issues["suggested_label"].to_numpy()
    return {
        "baseline": CleanedImages(list(images)),
        "pruned": _keep_images(images, keep),
        "relabelled": CleanedImages(
            corrected, corrected={images[position].row_id: str(suggested[position]) for position in worst}
        ),
        "random_removal": _keep_images(images, random_keep),
    }


def compare_image_variants(
    task: ImageVariantTask,
    cleaned: Mapping[VariantName, CleanedImages],
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    test: Sequence[AnnotatedImage],
    *,
    score_out_of_sample: Callable[[np.ndarray], ScoredRows],
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool,
) -> VariantComparison:
    """Train a model on every variant of the train images and compare it with the baseline on the test images.

    The variant to keep is chosen on the first fold: the other folds are audited anew among themselves, cleaned and
    trained on, so that no suggestion was made by a model that saw an annotation of the fold that judges.

    Args:
        task: what differs by task family.
        cleaned: what each variant trains on, see ``clean_images``.
        images: train images.
        folds: fold of each, shape (n_images,).
        test: untouched test images.
        score_out_of_sample: scores the stored out-of-sample predictions of the images at some positions: those of the
            first fold are by a model trained on the others, which is the baseline there.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples of the test images.
        seed: seed of the bootstrap and of new folds.
        compare_cleaning: whether any cleaned variant is trained; if not, the baseline is chosen.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test images, or ``primary_metric`` is unknown.
    """
    if primary_metric not in task.metrics:
        raise ValueError(f"primary_metric is {primary_metric!r}, expected one of {', '.join(task.metrics)}")
    if not test:
        raise ValueError("there are no test images to compare variants on")
    validation: dict[VariantName, float] = {}
    chosen: VariantName = "baseline"
    if compare_cleaning:
        validation, chosen = _choose_on_first_fold(
            task, images, folds, score_out_of_sample, metric=primary_metric, n_resamples=n_resamples, seed=seed
        )
    else:
        cleaned = {"baseline": cleaned["baseline"]}
    seconds: dict[VariantName, float] = {}
    scored: dict[VariantName, ScoredRows] = {}
    for name, variant in cleaned.items():
        started = perf_counter()
        model = task.build().fit(variant.images)
        seconds[name] = perf_counter() - started
        scored[name] = task.score(model, test)
    differences = _compare(scored, n_resamples=n_resamples, seed=seed)
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
        lower_is_better=primary_metric in scored["baseline"].lower_is_better,
        n_test=len(test),
        n_resamples=n_resamples,
        seed=seed,
        chosen=chosen,
        verdict=_verdict(differences.get(chosen), primary_metric) or without_cleaning,
        variants=results,
    )


def apply_variant(
    comparison: VariantComparison, images: Sequence[AnnotatedImage], *, correct: Callable[[int], AnnotatedImage]
) -> list[AnnotatedImage]:
    """Return what the chosen variant of a comparison trains on; ``correct`` is that of ``clean_images``."""
    chosen = comparison.result(comparison.chosen)
    removed = set(chosen.removed_rows)
    return [
        correct(position) if image.row_id in chosen.relabelled_rows else image
        for position, image in enumerate(images)
        if image.row_id not in removed
    ]


def _choose_on_first_fold(
    task: ImageVariantTask,
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    score_out_of_sample: Callable[[np.ndarray], ScoredRows],
    *,
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
    cleaned = task.audit_and_clean(others, inner)
    scored: dict[VariantName, ScoredRows] = {"baseline": score_out_of_sample(np.flatnonzero(is_judge))}
    for name in CANDIDATES:
        scored[name] = task.score(task.build().fit(cleaned[name].images), judges)
    differences = _compare(scored, n_resamples=n_resamples, seed=seed)
    scores = {name: model.compute()[metric] for name, model in scored.items()}
    improved = [name for name in scores if _verdict(differences.get(name), metric) == "improves"]
    sign = -1 if metric in scored["baseline"].lower_is_better else 1
    return scores, max(improved, key=lambda name: sign * scores[name], default="baseline")


def _keep_images(images: Sequence[AnnotatedImage], keep: np.ndarray) -> CleanedImages:
    return CleanedImages(
        [image for image, is_kept in zip(images, keep, strict=True) if is_kept],
        removed=[image.row_id for image, is_kept in zip(images, keep, strict=True) if not is_kept],
    )


def _compare(
    scored: Mapping[VariantName, ScoredRows], *, n_resamples: int, seed: int
) -> Mapping[str, list[Difference]]:
    others: dict[str, ScoredRows] = {name: model for name, model in scored.items() if name != "baseline"}
    return compare_to_baseline(scored["baseline"], others, n_resamples=n_resamples, seed=seed)


def _verdict(differences: list[Difference] | None, metric: str) -> Verdict | None:
    return next((difference.verdict for difference in differences or [] if difference.metric == metric), None)
