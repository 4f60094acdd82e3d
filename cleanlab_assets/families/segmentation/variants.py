"""Does cleaning help a segmentation model? Models trained on differently cleaned images, compared on test images."""

from __future__ import annotations

from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.family import FamilyVariants, FittedModel
from cleanlab_assets.families.images import settings as images_shared
from cleanlab_assets.families.images.score_choice import rank_by_score
from cleanlab_assets.families.images.variants import (
    AuditedImages,
    Corrections,
    compare_if_it_learns,
    compare_image_variants,
    train_final_network,
)
from cleanlab_assets.families.segmentation.mask_quality import CONTRADICTION, find_mask_issues, with_mask
from cleanlab_assets.families.segmentation.metrics import METRICS, score_masks
from cleanlab_assets.families.segmentation.predictions import (
    predict_masks_out_of_sample,
    unpack_probabilities,
)
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.methods.training_set import test_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.segmentation.issues import PixelIssuesTable
    from cleanlab_assets.families.step import Comparison, PredictionsTable, StepContext
    from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison


def suggest_masks(images: Sequence[AnnotatedImage], issues: pd.DataFrame) -> Corrections:
    """Put label issues with ``suggested_mask`` beside images that get these masks."""
    return Corrections(
        issues, lambda position: with_mask(images[position], decode_mask(issues["suggested_mask"].iloc[position]))
    )


def compare_mask_variants(
    audited: AuditedImages,
    settings: ComparisonSettings,
    *,
    out_of_sample: Sequence[bytes],
    score: str = CONTRADICTION,
    baseline_on_test: Sequence[bytes] | None = None,
) -> VariantComparison:
    """Compare the variants, see ``compare_image_variants``.

    Args:
        audited: the audited images.
        settings: how variants are compared.
        out_of_sample: packed predictions of the train images.
        score: the one that ranks masks.
        baseline_on_test: packed predictions of the test images, see ``compare_cleaned_variants``.
    """

    def audit(others: Sequence[AnnotatedImage], inner: np.ndarray) -> Corrections:
        predicted = predict_masks_out_of_sample(others, inner, build=audited.build)
        found = find_mask_issues(others, predicted.predictions)
        ranked = rank_by_score(found.table, score)
        return suggest_masks(others, ranked.assign(suggested_mask=found.pixels["suggested_mask"]))

    return compare_image_variants(
        audited,
        settings,
        metrics=METRICS,
        score=score_masks,
        out_of_sample=partial(_unpack, out_of_sample),
        audit=audit,
        baseline_on_test=None if baseline_on_test is None else partial(_unpack, baseline_on_test),
    )


def _unpack(packed: Sequence[bytes], mask: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the predictions that a mask keeps, one by one: all at once would take much memory."""
    return map(unpack_probabilities, compress(packed, mask))


class VariantComparisonSettings(images_shared.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["mean_iou", "pixel_accuracy"] = Field(
        "mean_iou", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Models trained on cleaned images against the baseline, on untouched test images.

    Variants: baseline, pruned (flagged images left out), relabelled (their masks corrected as suggested), and the
    random removal of as many images. Differences have paired bootstrap intervals over the images.
    """
    audited = _read_audit(context, training_set, predictions, pixel_issues)
    of_train, of_test = (rows(predictions.value)["probabilities"].tolist() for rows in (train_rows, test_rows))
    compare_variants = partial(
        compare_mask_variants,
        out_of_sample=of_train,
        score=pixel_issues.facts.ranked_by.chosen,
        baseline_on_test=of_test,
    )
    return compare_if_it_learns(context, settings, training_set.facts.seed, audited, compare_variants)


def fit(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final model: the chosen variant trained on all train images, with its model card, as safetensors."""
    audited = _read_audit(context, training_set, predictions, pixel_issues)
    return train_final_network(context, variant_comparison.value, audited)


def _read_audit(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
) -> AuditedImages:
    suggest = partial(suggest_masks, issues=train_rows(pixel_issues.value))
    return AuditedImages.of(context, training_set, predictions, read=read_masked_images, correct=suggest)


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=METRICS,
    compare=compare,
    fit=fit,
    storage="safetensors",
    kind="torch",
    comparison_version="4",
    model_version="2",
)
