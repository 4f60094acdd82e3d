"""What families on tables tell of the comparison of variants and of the final model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from cleanlab_assets.methods.variants import VariantComparison, to_differences_table
from cleanlab_assets.models.catalogue import get_model
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult
from cleanlab_assets.orchestration.metadata import as_notes, as_numbers, as_plots, as_table
from cleanlab_assets.orchestration.partitions import dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE, hash_content
from cleanlab_assets.reports.plots import plot_variant_differences


def describe_comparison(comparison: VariantComparison, metrics: Sequence[str]) -> dict[str, Any]:
    """Return the metadata of a comparison of variants: verdict, variants, differences with their plot."""
    differences = to_differences_table(comparison)
    metric = comparison.primary_metric
    overview = pd.DataFrame.from_records(
        [
            {"variant": item.variant, "verdict": item.verdict, "n_train": item.n_train, **item.metrics}
            for item in comparison.variants
        ]
    )
    others = [name for name in metrics if name != metric]
    n_blocks = comparison.n_blocks
    metadata = {
        "verdict": comparison.verdict,
        "chosen": comparison.chosen,
        "primary_metric": metric,
        "resampled": "single rows" if n_blocks is None else f"{n_blocks:,} blocks of neighbouring rows",
        "notes": as_notes(comparison.notes),
        "variants": as_table(overview, len(overview), columns=["variant", "verdict", metric, "n_train", *others]),
        **as_numbers({f"test_{name}": value for name, value in comparison.result(comparison.chosen).metrics.items()}),
    }
    if len(differences):
        plotted = differences[differences["metric"].isin(list(metrics))]
        metadata["plots"] = as_plots({"Difference to the baseline": plot_variant_differences(plotted)})
        metadata["differences"] = as_table(differences, len(differences))
    return metadata


def describe_model(
    context: dg.AssetExecutionContext,
    family: str,
    pipeline: Any,
    *,
    features: Sequence[str],
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    label_issues: pd.DataFrame,
    comparison: VariantComparison,
) -> StepResult:
    """Put the fitted final model and its card together: what it is, what it was fitted on, and how well it does."""
    dataset = get_dataset(dataset_of(context))
    chosen = comparison.result(comparison.chosen)
    card: Mapping[str, Any] = {
        "dataset": dataset.name,
        "model": model_of(context),
        "description": get_model(family, model_of(context)).description,
        "licence_of_the_data": dataset.licence,
        "features": list(features),
        "label": dataset.allowed_labels,
        "variant": chosen.variant,
        "verdict": comparison.verdict,
        "n_train": chosen.n_train,
        "n_test": comparison.n_test,
        "test_metrics": as_numbers(chosen.metrics),
        "cross_validation": as_numbers(predictions.attrs["cross_validation"]),
        "parameters": predictions.attrs["model_parameters"],
        "seed": training_set.attrs["seed"],
        "training_set_config": training_set.attrs[PROVENANCE]["config"],
        "label_issues_hash": label_issues.attrs[PROVENANCE]["data_hash"],
        "changed_rows_hash": hash_content(json.dumps([chosen.removed_rows, chosen.relabelled_rows]), {}),
        "training_set_hash": training_set.attrs[PROVENANCE]["data_hash"],
    }
    metadata = {
        "variant": chosen.variant,
        "verdict": comparison.verdict,
        "model_card": dg.MetadataValue.json(dict(card)),
        **as_numbers(chosen.metrics),
    }
    return StepResult(TrainedModel(pipeline=pipeline, card=card), metadata)
