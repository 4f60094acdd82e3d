"""The end of the chain of panels: does a better consensus help a model, and the final model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import annotations_of
from cleanlab_assets.families.multiannotator.variants import compare_consensus_variants
from cleanlab_assets.methods.class_metrics import METRICS
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison, fit_chosen_variant
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.multiannotator.config import VariantComparisonConfig
from cleanlab_assets.orchestration.multiannotator.dataset_level import FAMILY
from cleanlab_assets.orchestration.multiannotator.model_level import build_panel_model
from cleanlab_assets.orchestration.partitions import MODEL
from cleanlab_assets.orchestration.tabular.retraining import describe_comparison, describe_model


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"scikitlearn", "json"}, heavy=True)
def variant_comparison(
    context: dg.AssetExecutionContext,
    config: VariantComparisonConfig,
    training_set: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Does a better consensus help? Models trained on each consensus against majority votes, on untouched test rows.

    Variants: majority vote (baseline), CROWDLAB, Dawid-Skene, the worst votes pruned, and as many random rows removed.
    Test rows are judged by the truth where it is known, else by their majority vote.
    """
    seed = training_set.attrs["seed"]
    build = build_panel_model(context, seed, predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    require_same_rows(label_issues, rows, what="label_issues")
    comparison = compare_consensus_variants(
        label_issues,
        rows,
        test_rows(training_set),
        annotations_of(annotations, rows["row_id"]),
        to_probabilities(predictions),
        features=build.features,
        build=build,
        prune_fraction=config.prune_fraction,
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=seed,
        compare_cleaning=config.compare_cleaning,
    )
    return StepResult(comparison, describe_comparison(comparison, METRICS))


@family_asset(FAMILY, level=MODEL, storage="skops", code_version="1", kinds={"scikitlearn"}, heavy=True)
def retrained_model(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """The final model, fitted on the chosen labels of the train examples, with its model card; without pickle."""
    build = build_panel_model(context, training_set.attrs["seed"], predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(label_issues, rows, what="label_issues")
    pipeline = fit_chosen_variant(variant_comparison, rows, features=build.features, build=build)
    return describe_model(
        context,
        FAMILY,
        pipeline,
        features=build.features,
        training_set=training_set,
        predictions=predictions,
        label_issues=label_issues,
        comparison=variant_comparison,
    )
