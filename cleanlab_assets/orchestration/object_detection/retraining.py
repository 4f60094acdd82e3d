"""The end of the object detection chain: does cleaning help, the final detector, and what is told of the audit."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.object_detection.issues import BoxIssues
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.object_detection.variants import METRICS, apply_variant, compare_detection_variants
from cleanlab_assets.methods.training_set import test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.ai_summary import build_ai_summary
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.model_comparison import build_comparison_assets
from cleanlab_assets.orchestration.object_detection.config import VariantComparisonConfig
from cleanlab_assets.orchestration.object_detection.dataset_level import FAMILY, read_boxed_images
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of
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
    box_issues: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Does cleaning help? Detectors trained on cleaned images against the baseline, on untouched test images.

    Variants: baseline, pruned (flagged images left out), relabelled (their boxes corrected as suggested), and the
    random removal of as many images. Differences have paired bootstrap intervals over the images.
    """
    dataset = get_dataset(dataset_of(context))
    rows, seed = train_rows(training_set), training_set.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, predictions.attrs["model_parameters"])
    as_published = is_used_as_published(build, dataset.class_names)
    comparison = compare_detection_variants(
        read_boxed_images(rows, dataset.name),
        rows["fold"].to_numpy(),
        BoxIssues(table=label_issues, boxes=box_issues),
        read_predictions_table(predictions, dataset.class_names),
        read_boxed_images(test_rows(training_set), dataset.name),
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
    box_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """The final detector: the chosen variant trained on all train images, with its model card, as safetensors."""
    given = read_boxed_images(train_rows(training_set), dataset_of(context))
    images = apply_variant(variant_comparison, given, box_issues)
    return train_final_network(FAMILY, context, training_set, predictions, variant_comparison, images)


audit_facts = build_audit_facts(FAMILY)
ai_summary = build_ai_summary(FAMILY)
COMPARISON_ASSETS = build_comparison_assets(FAMILY)
