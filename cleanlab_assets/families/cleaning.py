"""The end of every chain: does cleaning help, and the final model. Families say how, this module tells it."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.step import MODEL, Comparison, Step, StepContext, inputs_of
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import Json, Notes, Plots, TableView, keep_finite
from cleanlab_assets.methods.training_set import TEST, is_train_row
from cleanlab_assets.methods.variants import VariantComparison, to_differences_table
from cleanlab_assets.models.catalogue import get_model
from cleanlab_assets.models.trained_model import NOT_STORED, TrainedModel, explain_why_not_stored
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.reports.plots import plot_variant_differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.families.family import FamilyVariants, FittedModel
    from cleanlab_assets.families.settings import VariantComparisonSettings
    from cleanlab_assets.methods.shown import Shown

VARIANT_COMPARISON = "variant_comparison"


def build_variant_comparison(variants: FamilyVariants) -> Step:
    """Make the step that compares a family's variants."""

    def run(context: StepContext, settings: VariantComparisonSettings, **inputs: Result[Any, Any]) -> Comparison:
        rows = inputs["training_set"]
        if why_not := _find_why_not(context, rows.value):
            chosen = settings.of(rows.facts.seed)
            comparison = VariantComparison.not_made(
                why_not,
                chosen,
                lower_is_better=chosen.primary_metric in variants.lower_is_better,
                n_train=int(is_train_row(rows.value).sum()),
            )
        else:
            comparison = variants.compare(context, settings, **inputs)
        return Result(value=comparison, facts=NoFacts(), show=lambda: _show_comparison(comparison, variants.metrics))

    return Step(
        name=VARIANT_COMPARISON,
        level=MODEL,
        run=run,
        inputs=inputs_of(variants.compare),
        description=inspect.getdoc(variants.compare) or "",
        settings=variants.settings,
        value=VariantComparison,
        storage="json",
        code_version=variants.comparison_version,
        kinds=frozenset({variants.kind, "json"}),
        is_heavy=True,
        sees_vectors=True,
    )


def build_retrained_model(variants: FamilyVariants) -> Step:
    """Make the step that fits a family's final model."""

    def run(context: StepContext, **inputs: Result[Any, Any]) -> Result[TrainedModel | TrainedNetwork, NoFacts]:
        fitted = variants.fit(context, **inputs)
        comparison: VariantComparison = inputs[VARIANT_COMPARISON].value
        card = _write_card(context, fitted, comparison, inputs)
        metrics = keep_finite(comparison.result(comparison.chosen).metrics)
        stored: TrainedModel | TrainedNetwork
        size: dict[str, Shown] = {}
        told: dict[str, Shown] = {"variant": comparison.chosen, "verdict": comparison.verdict}
        if variants.storage == "safetensors":
            stored = TrainedNetwork(weights=fitted.model, card=card)
            size["n_weights"] = int(sum(np.size(values) for values in fitted.model.values()))
        else:
            stored = _store(context, fitted, card)
            if stored.why_not_stored:
                told[NOT_STORED] = stored.why_not_stored
        return Result(value=stored, facts=NoFacts(), show=lambda: {**told, **size, "model_card": Json(card), **metrics})

    return Step(
        name="retrained_model",
        level=MODEL,
        run=run,
        inputs=inputs_of(variants.fit),
        description=inspect.getdoc(variants.fit) or "",
        value=TrainedNetwork if variants.storage == "safetensors" else TrainedModel,
        storage=variants.storage,
        code_version=variants.model_version,
        kinds=frozenset({variants.kind}),
        is_heavy=True,
        fits_model=True,
        sees_vectors=True,
    )


def _store(context: StepContext, fitted: FittedModel, card: dict[str, Any]) -> TrainedModel:
    """Put a pipeline into a file, or only its card where a model of the user's own holds types that are not trusted."""
    if not get_model(context.family, context.model).reference:
        return TrainedModel(pipeline=fitted.model, card=card)
    pipeline = fitted.model.to_plain()
    if why_not := explain_why_not_stored(pipeline, context.dataset.trusted_types):
        card[NOT_STORED] = why_not
    return TrainedModel(pipeline=pipeline, card=card, why_not_stored=why_not)


def _find_why_not(context: StepContext, training_set: pd.DataFrame) -> str:
    """Say why variants cannot be compared; empty where they can."""
    if not context.is_fitted:
        return "the predictions are your own, so that no model is fitted"
    return "" if (training_set["split"] == TEST).any() else f"no {TEST} rows are kept"


def _show_comparison(comparison: VariantComparison, metrics: Sequence[str]) -> dict[str, Shown]:
    """Show the verdict, the variants, and their differences to the baseline with a plot."""
    differences = to_differences_table(comparison)
    metric = comparison.primary_metric
    overview = pd.DataFrame.from_records(
        [
            {"variant": item.variant, "verdict": item.verdict, "n_train": item.n_train, **item.metrics}
            for item in comparison.variants
        ]
    )
    others = [name for name in metrics if name != metric]
    measured = [name for name in (metric, *others) if name in overview]
    n_blocks = comparison.n_blocks
    shown: dict[str, Shown] = {
        "verdict": comparison.verdict,
        "chosen": comparison.chosen,
        "primary_metric": metric,
        "resampled": "single rows" if n_blocks is None else f"{n_blocks:,} blocks of neighbouring rows",
        "notes": Notes(comparison.notes),
        "variants": TableView(overview, len(overview), ["variant", "verdict", *measured[:1], "n_train", *measured[1:]]),
        **{f"test_{name}": value for name, value in keep_finite(comparison.result(comparison.chosen).metrics).items()},
    }
    if len(differences):
        plotted = differences[differences["metric"].isin(list(metrics))]
        shown["plots"] = Plots({"Difference to the baseline": plot_variant_differences(plotted)})
        shown["differences"] = TableView(differences, len(differences))
    return shown


def _write_card(
    context: StepContext, fitted: FittedModel, comparison: VariantComparison, inputs: dict[str, Result[Any, Any]]
) -> dict[str, Any]:
    """Say of a final model what it is, what it was fitted on, and how well it does."""
    training_set, predictions = inputs["training_set"], inputs["predictions"]
    chosen = comparison.result(comparison.chosen)
    changes = json.dumps([chosen.removed_rows, chosen.relabelled_rows])
    return {
        "dataset": context.dataset.name,
        "model": context.model,
        "description": get_model(context.family, context.model).description,
        "licence_of_the_data": context.dataset.licence,
        "variant": chosen.variant,
        "verdict": comparison.verdict,
        "notes": [*predictions.facts.notes, *comparison.notes],
        "n_train": chosen.n_train,
        "n_test": comparison.n_test,
        "test_metrics": keep_finite(chosen.metrics),
        "cross_validation": keep_finite(predictions.facts.cross_validation),
        "parameters": predictions.facts.model_parameters,
        **context.describe_own_model(training_set.facts.seed, predictions.facts.model_parameters),
        "seed": training_set.facts.seed,
        "training_set_config": training_set.origin.config,
        **{f"{name}_hash": result.origin.data_hash for name, result in inputs.items()},
        "changed_rows_hash": hashlib.sha256(changes.encode()).hexdigest()[:16],
        **fitted.card,
    }
