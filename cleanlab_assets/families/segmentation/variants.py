"""Does cleaning help a segmentation model? How masks are scored and corrected in the comparison of variants."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.images.variants import (
    CleanedImages,
    ImageVariantTask,
    clean_images,
    compare_image_variants,
)
from cleanlab_assets.families.segmentation.issues import (
    Segmenter,
    find_mask_issues,
    predict_masks_out_of_sample,
    unpack_probabilities,
    with_mask,
)
from cleanlab_assets.families.segmentation.metrics import METRICS, ScoredMasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.variants import VariantComparison, VariantName


def score_masks(images: Sequence[AnnotatedImage], probabilities: Iterable[np.ndarray]) -> ScoredMasks:
    """Score the likeliest class of each pixel against the given class masks.

    Raises:
        ValueError: an image has no class mask, or predictions of another size.
    """
    pairs = []
    for image, predicted in zip(images, probabilities, strict=True):
        if image.class_mask is None:
            raise ValueError(f"image {image.row_id} has no class mask to score predictions against")
        pairs.append((image.class_mask, predicted.argmax(axis=0)))
    return ScoredMasks(pairs, len(images[0].class_names))


def correct_mask(images: Sequence[AnnotatedImage], pixels: pd.DataFrame, position: int) -> AnnotatedImage:
    """Return the image at a position with its suggested mask.

    Args:
        images: train images.
        pixels: their pixel issues, in the same order, with ``suggested_mask``.
        position: position of the image.
    """
    return with_mask(images[position], decode_mask(pixels["suggested_mask"].iloc[position]))


def compare_mask_variants(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    issues: pd.DataFrame,
    out_of_sample: Sequence[bytes],
    test: Sequence[AnnotatedImage],
    *,
    build: Callable[[], Segmenter],
    prune_fraction: float,
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Train a model on every variant of the train images and compare it with the baseline on the test images.

    Args:
        images: train images.
        folds: fold of each, shape (n_images,).
        issues: their label issues with ``suggested_mask``, in the same order.
        out_of_sample: their packed predictions by models that never saw them.
        test: untouched test images.
        build: returns a new model that is not trained.
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

    def clean(rows: Sequence[AnnotatedImage], found: pd.DataFrame) -> dict[VariantName, CleanedImages]:
        correct = partial(correct_mask, rows, found)
        return clean_images(rows, found, correct=correct, prune_fraction=prune_fraction, seed=seed)

    def audit_and_clean(rows: Sequence[AnnotatedImage], inner: np.ndarray) -> dict[VariantName, CleanedImages]:
        predicted = predict_masks_out_of_sample(rows, inner, build=build)
        found = find_mask_issues(rows, predicted.probabilities)
        return clean(rows, found.table.assign(suggested_mask=found.pixels["suggested_mask"]))

    def score_out_of_sample(positions: np.ndarray) -> ScoredMasks:
        chosen = [int(position) for position in positions]
        return score_masks(
            [images[position] for position in chosen],
            (unpack_probabilities(out_of_sample[position]) for position in chosen),
        )

    task = ImageVariantTask(
        metrics=METRICS,
        build=build,
        score=lambda model, rows: score_masks(rows, model.predict(rows)),
        audit_and_clean=audit_and_clean,
    )
    return compare_image_variants(
        task,
        clean(images, issues),
        images,
        folds,
        test,
        score_out_of_sample=score_out_of_sample,
        primary_metric=primary_metric,
        n_resamples=n_resamples,
        seed=seed,
        compare_cleaning=compare_cleaning,
    )
