"""The end of the regression chain: does cleaning help, and the final model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.regression.metrics import VALUE_METRICS
from cleanlab_assets.families.regression.variants import compare_value_variants
from cleanlab_assets.methods.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.methods.variants import VariantComparison, fit_chosen_variant
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of
from cleanlab_assets.orchestration.regression.config import VariantComparisonConfig
from cleanlab_assets.orchestration.regression.dataset_level import FAMILY
from cleanlab_assets.orchestration.regression.model_level import same_audit
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

    Variants: baseline, pruned, relabelled with the suggested values, all flagged rows removed (CleanLearning), and the
    random removal of as many rows as were pruned. Differences have paired bootstrap intervals.
    """
    seed = training_set.attrs["seed"]
    build = pipeline_factory(FAMILY, context, seed, predictions.attrs["model_parameters"])
    rows = train_rows(training_set)
    require_same_rows(predictions, rows, what="predictions")
    require_same_rows(label_issues, rows, what="label_issues")
    comparison = compare_value_variants(
        label_issues,
        rows,
        test_rows(training_set),
        features=build.features,
        build=build,
        find_issues=same_audit(label_issues, get_dataset(dataset_of(context)).label_domain),
        prune_fraction=config.prune_fraction,
        primary_metric=config.primary_metric,
        n_resamples=config.resamples,
        seed=seed,
        compare_cleaning=config.compare_cleaning,
    )
    return StepResult(comparison, describe_comparison(comparison, VALUE_METRICS))


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
