"""The end of the classification chain: does cleaning help, and the final model."""

import json
from functools import partial

import dagster as dg
import pandas as pd

from cleanlab_assets.audit.label_issues import find_label_issues
from cleanlab_assets.audit.predictions import to_probabilities
from cleanlab_assets.audit.training_set import require_same_rows, test_rows, train_rows
from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.evaluation.metrics import METRICS
from cleanlab_assets.evaluation.variants import VariantComparison, compare_variants, fit_variant, to_differences_table
from cleanlab_assets.models.catalogue import get_model
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.orchestration.classification.config import VariantComparisonConfig
from cleanlab_assets.orchestration.classification.dataset_level import FAMILY
from cleanlab_assets.orchestration.classification.model_level import pipeline_factory
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partitions import MODEL, dataset_of, model_of
from cleanlab_assets.orchestration.provenance import hash_content
from cleanlab_assets.orchestration.storage import PROVENANCE
from cleanlab_assets.reports.plots import plot_variant_differences


@family_asset(FAMILY, level=MODEL, storage="json", code_version="1", kinds={"scikitlearn", "json"}, heavy=True)
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
    build = pipeline_factory(context, training_set, predictions.attrs["model_parameters"])
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
        seed=training_set.attrs["seed"],
        find_issues=partial(
            find_label_issues,
            filter_by=label_issues.attrs["filter_by"],
            quality_method=label_issues.attrs["quality_method"],
        ),
    )
    differences = to_differences_table(comparison)
    metric = comparison.primary_metric
    leading = ["variant", "verdict", metric, "n_train"]
    others = [name for name in METRICS if name != metric]
    overview = pd.DataFrame.from_records(
        [
            {"variant": item.variant, "verdict": item.verdict, "n_train": item.n_train, **item.metrics}
            for item in comparison.variants
        ]
    )
    return StepResult(
        comparison,
        {
            "verdict": comparison.verdict,
            "chosen": comparison.chosen,
            "primary_metric": metric,
            "variants": as_table(overview, len(overview), columns=[*leading, *others]),
            "plots": as_plots({"Difference to the baseline": plot_variant_differences(differences)}),
            "differences": as_table(differences, len(differences)),
            **as_numbers(
                {f"test_{name}": value for name, value in comparison.result(comparison.chosen).metrics.items()}
            ),
        },
    )


@family_asset(FAMILY, level=MODEL, storage="skops", code_version="1", kinds={"scikitlearn"}, heavy=True)
def retrained_model(
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    variant_comparison: VariantComparison,
) -> StepResult:
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle."""
    dataset = get_dataset(dataset_of(context))
    parameters = predictions.attrs["model_parameters"]
    build = pipeline_factory(context, training_set, parameters)
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
    chosen = variant_comparison.result(variant_comparison.chosen)
    card = {
        "dataset": dataset.name,
        "model": model_of(context),
        "description": get_model(FAMILY, model_of(context)).description,
        "licence_of_the_data": dataset.licence,
        "features": build.features,
        "class_names": list(dataset.class_names),
        "variant": chosen.variant,
        "verdict": variant_comparison.verdict,
        "n_train": chosen.n_train,
        "n_test": variant_comparison.n_test,
        "test_metrics": as_numbers(chosen.metrics),
        "cross_validation": as_numbers(predictions.attrs["cross_validation"]),
        "parameters": parameters,
        "seed": training_set.attrs["seed"],
        "training_set_config": training_set.attrs[PROVENANCE]["config"],
        "label_issues_hash": label_issues.attrs[PROVENANCE]["data_hash"],
        "changed_rows_hash": hash_content(json.dumps([chosen.removed_rows, chosen.relabelled_rows]), {}),
        "training_set_hash": training_set.attrs[PROVENANCE]["data_hash"],
    }
    metadata = {
        "variant": chosen.variant,
        "verdict": variant_comparison.verdict,
        "model_card": dg.MetadataValue.json(card),
        **as_numbers(chosen.metrics),
    }
    return StepResult(TrainedModel(pipeline=pipeline, card=card), metadata)
