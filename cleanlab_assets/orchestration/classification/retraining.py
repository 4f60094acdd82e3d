"""The end of the classification chain: does cleaning help, and the final model."""

from functools import partial

import dagster as dg
import pandas as pd

from cleanlab_assets.families.classification.variants import compare_variants, fit_variant
from cleanlab_assets.methods.class_metrics import METRICS
from cleanlab_assets.methods.class_predictions import to_probabilities
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.orchestration.classification.config import VariantComparisonConfig
from cleanlab_assets.orchestration.classification.dataset_level import FAMILY
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.partitions import MODEL
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.tabular.retraining import describe_comparison, describe_model


@family_asset(FAMILY, level=MODEL, storage="json", code_version="2", kinds={"scikitlearn", "json"}, heavy=True)
def variant_comparison(
    context: dg.AssetExecutionContext,
    config: VariantComparisonConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Does cleaning help? Models trained on cleaned rows against the baseline, on untouched test rows.

    Variants: baseline, pruned, relabelled, CleanLearning, and the random removal of as many rows as were pruned.
    Differences have paired bootstrap intervals; "no effect shown" is a normal verdict.
    """
    seed = training_set.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    require_same_rows(label_issues, rows, what="label_issues")
    comparison = compare_variants(
        label_issues,
        rows,
        test_rows(training_set),
        to_probabilities(predictions),
        features=build.features,
        build=build,
        prune_fraction=config.prune_fraction,
        correct_rates=label_issues.attrs["correct_rates"],
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=seed,
        find_issues=partial(
            find_label_issues,
            filter_by=label_issues.attrs["filter_by"],
            quality_method=label_issues.attrs["quality_method"],
        ),
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
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle."""
    build = pipeline_factory(FAMILY, context, training_set.attrs["seed"], predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(label_issues, rows, what="label_issues")
    pipeline = fit_variant(
        variant_comparison,
        label_issues,
        rows,
        features=build.features,
        build=build,
        correct_rates=label_issues.attrs["correct_rates"],
    )
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
