"""The final model of families on images, and what they share about models that learn nothing from the images."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import AnnotatedImage
from cleanlab_assets.methods.variants import VariantComparison
from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, get_model
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult
from cleanlab_assets.orchestration.metadata import as_numbers
from cleanlab_assets.orchestration.partitions import dataset_of, model_of
from cleanlab_assets.orchestration.provenance import PROVENANCE, hash_content
from cleanlab_assets.orchestration.tabular.model_level import pipeline_factory


def is_used_as_published(build: Callable[[], Any], class_names: Sequence[str]) -> bool:
    """Say whether the weights of a pretrained model know all classes, so that ``fit`` trains nothing.

    Such a model is the same for every variant of the train images: cleaned variants are not compared then.
    """
    knows = getattr(build().named_steps[ESTIMATOR_STEP], "knows", None)
    return knows is not None and knows(class_names)


def train_final_network(
    family: str,
    context: dg.AssetExecutionContext,
    training_set: pd.DataFrame,
    predictions: pd.DataFrame,
    comparison: VariantComparison,
    images: Sequence[AnnotatedImage],
) -> StepResult:
    """Train the partition's model on the images of the chosen variant; make its weights, with a model card, the result.

    Args:
        family: task family.
        context: of the step.
        training_set: the images under audit, with their seed and provenance.
        predictions: out-of-sample predictions, with the model's parameters and its cross-validated metrics.
        comparison: the comparison of the variants.
        images: what the chosen variant trains on.
    """
    dataset, seed = get_dataset(dataset_of(context)), training_set.attrs["seed"]
    build = pipeline_factory(family, context, seed, predictions.attrs["model_parameters"])
    estimator = build().fit(images).named_steps[ESTIMATOR_STEP]
    chosen = comparison.result(comparison.chosen)
    card = {
        "dataset": dataset.name,
        "model": model_of(context),
        "description": get_model(family, model_of(context)).description,
        "licence_of_the_data": dataset.licence,
        "classes": list(dataset.class_names),
        "variant": chosen.variant,
        "verdict": comparison.verdict,
        "notes": comparison.notes,
        "n_train": len(images),
        "n_test": comparison.n_test,
        "test_metrics": as_numbers(chosen.metrics),
        "cross_validation": as_numbers(predictions.attrs["cross_validation"]),
        "parameters": estimator.get_params(),
        "seed": seed,
        "training_set_config": training_set.attrs[PROVENANCE]["config"],
        "training_set_hash": training_set.attrs[PROVENANCE]["data_hash"],
        "changed_rows_hash": hash_content(json.dumps([chosen.removed_rows, chosen.relabelled_rows]), {}),
    }
    return StepResult(
        TrainedNetwork(weights=estimator.weights_, card=card),
        {
            "variant": chosen.variant,
            "verdict": comparison.verdict,
            "n_weights": int(sum(np.size(values) for values in estimator.weights_.values())),
            "model_card": dg.MetadataValue.json(card),
            **as_numbers(chosen.metrics),
        },
    )
