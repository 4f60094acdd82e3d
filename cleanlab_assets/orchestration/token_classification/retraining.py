"""The end of the token chain: does cleaning help, and the final model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.token_classification.metrics import TOKEN_METRICS
from cleanlab_assets.families.token_classification.training_set import validation_rows
from cleanlab_assets.families.token_classification.variants import compare_token_variants
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison, fit_chosen_variant
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.partitions import MODEL
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory
from cleanlab_assets.orchestration.tabular.retraining import describe_comparison, describe_model
from cleanlab_assets.orchestration.token_classification.config import VariantComparisonConfig
from cleanlab_assets.orchestration.token_classification.dataset_level import FAMILY


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"scikitlearn", "json"}, heavy=True)
def variant_comparison(
    context: dg.AssetExecutionContext,
    config: VariantComparisonConfig,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
) -> StepResult:
    """Does cleaning help? Models trained on cleaned tags against the baseline, on untouched test sentences.

    Variants: baseline, pruned tokens (left out of the loss, kept as context), relabelled tokens, and the random
    removal of as many tokens as were pruned. The variant is chosen on the validation rows. Differences have paired
    bootstrap intervals of whole sentences; "no effect shown" is a normal verdict.
    """
    seed = training_set.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(label_issues, rows, what="label_issues")
    comparison = compare_token_variants(
        label_issues,
        rows,
        validation_rows(training_set),
        test_rows(training_set),
        features=build.features,
        build=build,
        prune_fraction=config.prune_fraction,
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=seed,
        compare_cleaning=config.compare_cleaning,
    )
    return StepResult(comparison, describe_comparison(comparison, TOKEN_METRICS))


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
