"""The end of the segmentation chain: does cleaning help, the final model, and what is told of the audit."""

from functools import partial

import dagster as dg
import pandas as pd

from cleanlab_assets.families.images.variants import apply_variant
from cleanlab_assets.families.segmentation.metrics import METRICS
from cleanlab_assets.families.segmentation.variants import compare_mask_variants, correct_mask
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.ai_summary import build_ai_summary
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.model_comparison import build_comparison_assets
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of
from cleanlab_assets.orchestration.segmentation.config import VariantComparisonConfig
from cleanlab_assets.orchestration.segmentation.dataset_level import FAMILY, read_masked_images
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.tabular.retraining import describe_comparison
from cleanlab_assets.orchestration.vision.audit_facts import build_audit_facts
from cleanlab_assets.orchestration.vision.retraining import is_used_as_published, train_final_network


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"torch", "json"}, heavy=True)
def variant_comparison(
    context: dg.AssetExecutionContext,
    config: VariantComparisonConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    pixel_issues: pd.DataFrame,
) -> StepResult:
    """Does cleaning help? Models trained on cleaned images against the baseline, on untouched test images.

    Variants: baseline, pruned (flagged images left out), relabelled (their masks corrected as suggested), and the
    random removal of as many images. Differences have paired bootstrap intervals over the images.
    """
    dataset = get_dataset(dataset_of(context))
    rows, seed = train_rows(training_set), training_set.attrs["seed"]
    require_same_rows(predictions, rows, what="predictions")
    require_same_rows(pixel_issues, rows, what="pixel_issues")
    build = pipeline_factory(FAMILY, context, seed, predictions.attrs["model_parameters"])
    as_published = is_used_as_published(build, dataset.class_names)
    comparison = compare_mask_variants(
        read_masked_images(rows, dataset.name),
        rows["fold"].to_numpy(),
        pixel_issues,
        predictions["probabilities"].tolist(),
        read_masked_images(test_rows(training_set), dataset.name),
        build=build,
        prune_fraction=config.prune_fraction,
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=seed,
        compare_cleaning=config.compare_cleaning and not as_published,
    ).model_copy(update={"is_used_as_published": as_published})
    return StepResult(comparison, describe_comparison(comparison, METRICS))


@family_asset(FAMILY, level=MODEL, storage="safetensors", code_version="1", kinds={"torch"}, heavy=True)
def retrained_model(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    pixel_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """The final model: the chosen variant trained on all train images, with its model card, as safetensors."""
    rows = train_rows(training_set)
    require_same_rows(pixel_issues, rows, what="pixel_issues")
    given = read_masked_images(rows, dataset_of(context))
    images = apply_variant(variant_comparison, given, correct=partial(correct_mask, given, pixel_issues))
    return train_final_network(FAMILY, context, training_set, predictions, variant_comparison, images)


audit_facts = build_audit_facts(FAMILY)
ai_summary = build_ai_summary(FAMILY)
COMPARISON_ASSETS = build_comparison_assets(FAMILY)
