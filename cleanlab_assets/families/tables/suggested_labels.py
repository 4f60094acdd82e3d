"""Rows of the source that have no label: each gets the one that the model suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.contracts import ROW_ID, TableContract
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - a step tells its inputs by their types
from cleanlab_assets.families.step import PlainTable, PredictionsTable, StepContext, TrainingSetTable, step
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.methods.fitting import fit_pipeline
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.methods.training_set import OWN_ID, read_features, row_weights, train_rows, unlabelled_rows

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.datasets.dataset import Dataset


@step(
    "scikitlearn",
    code_version="1",
    contract=TableContract("SuggestedLabels", "Rows of the source without a label, and what it may be.", (ROW_ID,)),
    is_heavy=True,
    sees_vectors=True,
)
def suggested_labels(
    context: StepContext,
    raw_dataset: RawDatasetTable,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
) -> PlainTable:
    """The rows of the source that have no label, with the one that a model of all train rows suggests, surest first.

    For a class there is the probability that it is right; a value has none. Empty where every row has a label.
    """
    rows = unlabelled_rows(raw_dataset.value, context.dataset)
    table = rows[["row_id", *([OWN_ID] if OWN_ID in rows else [])]]
    if len(rows) and not context.is_fitted:
        table = _suggest(table, context.own_predictions(rows), context.dataset)
    elif len(rows):
        train = train_rows(training_set.value)
        build = context.pipeline_factory(training_set.facts.seed, predictions.facts.model_parameters)
        targets = _encode(train["given_label"], context.dataset)
        model = fit_pipeline(build, train[build.features], targets, row_weights(train))
        features = read_features(rows, context.dataset, reserved=frozenset())
        features = pd.concat([features, rows[list(context.vectors)]], axis=1)
        table = _suggest(table, _predict(model, features[build.features], context.dataset), context.dataset)
    return Result(
        value=table, facts=NoFacts(), show=lambda: {"n_unlabelled_rows": len(table), "preview": TableView(table)}
    )


def _encode(labels: pd.Series, dataset: Dataset) -> np.ndarray:
    return labels.to_numpy(dtype=np.float64) if dataset.numeric_label else encode_labels(labels)


def _predict(model: Pipeline, features: pd.DataFrame, dataset: Dataset) -> np.ndarray:
    """Return predicted values, shape (n_rows, 1), or the probabilities of all classes."""
    if dataset.numeric_label is not None:
        return np.asarray(model.predict(features))[:, None]
    return predict_all_classes(model, features, n_classes=len(dataset.class_names))


def _suggest(table: pd.DataFrame, predicted: np.ndarray, dataset: Dataset) -> pd.DataFrame:
    """Put the suggested label beside each row, and the rows in order; see ``_predict``."""
    if dataset.numeric_label is not None:
        return table.assign(suggested_label=dataset.numeric_label.to_allowed(predicted[:, 0]))
    suggested = table.assign(
        suggested_label=np.array(dataset.class_names, dtype=object)[predicted.argmax(axis=1)],
        suggested_label_probability=predicted.max(axis=1),
    )
    return suggested.sort_values("suggested_label_probability", ascending=False, kind="stable", ignore_index=True)
