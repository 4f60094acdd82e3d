"""The end of the segmentation chain: does cleaning help, the final model, and what is told of the audit."""

import json
from functools import partial

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.audit.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.image_variants import apply_variant
from cleanlab_assets.evaluation.mask_variants import compare_mask_variants, correct_mask
from cleanlab_assets.evaluation.segmentation_metrics import METRICS
from cleanlab_assets.evaluation.variant_comparison import VariantComparison
from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, get_model
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.ai_summary import build_ai_summary
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_numbers
from cleanlab_assets.orchestration.model_comparison import build_comparison_assets
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE, hash_content
from cleanlab_assets.orchestration.segmentation.config import VariantComparisonConfig
from cleanlab_assets.orchestration.segmentation.dataset_level import FAMILY, read_masked_images
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.tabular.retraining import describe_comparison
from cleanlab_assets.orchestration.vision.audit_facts import build_audit_facts
from cleanlab_assets.orchestration.vision.retraining import is_used_as_published


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
    dataset = get_dataset(dataset_of(context))
    rows, seed = train_rows(training_set), training_set.attrs["seed"]
    parameters = predictions.attrs["model_parameters"]
    given = read_masked_images(rows, dataset.name)
    require_same_rows(pixel_issues, rows, what="pixel_issues")
    images = apply_variant(variant_comparison, given, correct=partial(correct_mask, given, pixel_issues))
    segmenter = pipeline_factory(FAMILY, context, seed, parameters)().fit(images).named_steps[ESTIMATOR_STEP]
    chosen = variant_comparison.result(variant_comparison.chosen)
    card = {
        "dataset": dataset.name,
        "model": model_of(context),
        "description": get_model(FAMILY, model_of(context)).description,
        "licence_of_the_data": dataset.licence,
        "classes": list(dataset.class_names),
        "variant": chosen.variant,
        "verdict": variant_comparison.verdict,
        "notes": variant_comparison.notes,
        "n_train": len(images),
        "n_test": variant_comparison.n_test,
        "test_metrics": as_numbers(chosen.metrics),
        "cross_validation": as_numbers(predictions.attrs["cross_validation"]),
        "parameters": {name: value for name, value in segmenter.get_params().items() if name != "progress"},
        "seed": seed,
        "training_set_config": training_set.attrs[PROVENANCE]["config"],
        "training_set_hash": training_set.attrs[PROVENANCE]["data_hash"],
        "changed_rows_hash": hash_content(json.dumps([chosen.removed_rows, chosen.relabelled_rows]), {}),
    }
    return StepResult(
        TrainedNetwork(weights=segmenter.weights_, card=card),
        {
            "variant": chosen.variant,
            "verdict": variant_comparison.verdict,
            "n_weights": int(sum(np.size(values) for values in segmenter.weights_.values())),
            "model_card": dg.MetadataValue.json(card),
            **as_numbers(chosen.metrics),
        },
    )


audit_facts = build_audit_facts(FAMILY)
ai_summary = build_ai_summary(FAMILY)
COMPARISON_ASSETS = build_comparison_assets(FAMILY)
