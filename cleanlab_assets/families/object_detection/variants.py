"""Does cleaning help a detector? Detectors trained on differently cleaned images, compared on untouched test images."""

from __future__ import annotations

from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Literal

from pydantic import Field

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
from cleanlab_assets.families.object_detection.box_quality import WORST_BOX, correct_boxes, find_box_issues
from cleanlab_assets.families.object_detection.calibration import calibrate_scores_out_of_fold
from cleanlab_assets.families.object_detection.metrics import METRICS, ScoredDetections
from cleanlab_assets.families.object_detection.predictions import (
    cut_to_pictures,
    predict_boxes_out_of_sample,
    read_predictions_table,
)
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.families.object_detection.issues import BoxIssuesTable
    from cleanlab_assets.families.step import Comparison, LabelIssuesTable, PredictionsTable, StepContext
    from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison


def compare_detection_variants(
    audited: AuditedImages,
    settings: ComparisonSettings,
    *,
    out_of_sample: Sequence[ScoredBoxes],
    score: str = WORST_BOX,
) -> VariantComparison:
    """Compare the variants, see ``compare_image_variants``.

    Args:
        audited: the audited images.
        settings: how variants are compared.
        out_of_sample: predicted boxes of the train images.
        score: the one that ranks images.
    """

    def audit(others: Sequence[AnnotatedImage], inner: np.ndarray) -> Corrections:
        predicted = predict_boxes_out_of_sample(others, inner, build=audited.build).predictions
        predicted, _ = cut_to_pictures(others, predicted)
        found = find_box_issues(others, calibrate_scores_out_of_fold(others, predicted, inner))
        return suggest_boxes(others, rank_by_score(found.table, score), found.boxes)

    return compare_image_variants(
        audited,
        settings,
        metrics=METRICS,
        score=lambda items, predicted: ScoredDetections(items, cut_to_pictures(items, predicted)[0]),
        out_of_sample=lambda mask: list(compress(out_of_sample, mask)),
        audit=audit,
    )


def suggest_boxes(images: Sequence[AnnotatedImage], label_issues: pd.DataFrame, boxes: pd.DataFrame) -> Corrections:
    """Put label issues beside images whose flagged boxes are corrected as the box table suggests."""

    def correct(position: int) -> AnnotatedImage:
        image = images[position]
        return correct_boxes(image, boxes[boxes["row_id"] == image.row_id])

    return Corrections(label_issues, correct)


class VariantComparisonSettings(images_shared.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["map_50", "map_75"] = Field(
        "map_50", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    box_issues: BoxIssuesTable,
    label_issues: LabelIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Detectors trained on cleaned images against the baseline, on untouched test images.

    Variants: baseline, pruned (flagged images left out), relabelled (their boxes corrected as suggested), and the
    random removal of as many images. Differences have paired bootstrap intervals over the images.
    """
    audited = _read_audit(context, training_set, predictions, box_issues, label_issues)
    out_of_sample = read_predictions_table(train_rows(predictions.value), context.dataset.class_names)
    ranked_by = label_issues.facts.ranked_by
    compare_variants = partial(
        compare_detection_variants,
        out_of_sample=out_of_sample,
        score=ranked_by.chosen if ranked_by else WORST_BOX,
    )
    return compare_if_it_learns(context, settings, training_set.facts.seed, audited, compare_variants)


def fit(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    box_issues: BoxIssuesTable,
    label_issues: LabelIssuesTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final detector: the chosen variant trained on all train images, with its model card, as safetensors."""
    audited = _read_audit(context, training_set, predictions, box_issues, label_issues)
    return train_final_network(context, variant_comparison.value, audited)


def _read_audit(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    box_issues: BoxIssuesTable,
    label_issues: LabelIssuesTable,
) -> AuditedImages:
    correct = partial(suggest_boxes, label_issues=train_rows(label_issues.value), boxes=box_issues.value)
    return AuditedImages.of(context, training_set, predictions, read=read_boxed_images, correct=correct)


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=METRICS,
    compare=compare,
    fit=fit,
    storage="safetensors",
    kind="torch",
    comparison_version="3",
    model_version="2",
)
