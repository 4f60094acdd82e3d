"""Out-of-sample predicted probabilities by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.cross_validation import fit_seconds_of, hold_out_each_fold
from cleanlab_assets.methods.fitting import fit_pipeline, take_weights
from cleanlab_assets.methods.requirements import require_codes, require_finite, require_rows
from cleanlab_assets.methods.training_set import name_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sklearn.pipeline import Pipeline

PROBABILITY_PREFIX = "probability_"


@dataclass(frozen=True)
class OutOfSamplePredictions:
    """Predicted probabilities, float32 of shape (n_rows, n_classes), and the fit seconds of each fold's model."""

    probabilities: np.ndarray
    fit_seconds: tuple[float, ...]


def predict_out_of_sample(
    features: pd.DataFrame,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    n_classes: int,
    build: Callable[[], Pipeline],
    weights: np.ndarray | None = None,
) -> OutOfSamplePredictions:
    """Predict every row by a model that never saw it.

    Args:
        features: feature columns, shape (n_rows, n_features).
        labels: integer class codes from 0, shape (n_rows,).
        folds: fold of each row, shape (n_rows,); each fold is predicted by a model fitted on all the others, rows of no
            fold (-1) by one fitted on all folds.
        n_classes: number of classes; a class that a fold's training rows lack gets probability 0 there.
        build: returns a new unfitted pipeline.
        weights: how much each row counts in a fit, shape (n_rows,), see ``fit_pipeline``; None weighs all alike.

    Returns:
        Probabilities whose rows sum to 1, and fit seconds.

    Raises:
        ValueError: there are fewer than two folds, the rows outside a fold hold a single class, a code is that of no
            class, or something is of other rows.
    """
    require_rows(len(features), labels=labels, folds=folds)
    require_codes(labels, n_classes)
    turns = hold_out_each_fold(folds, weights)
    probabilities = np.zeros((len(labels), n_classes), dtype=np.float32)
    for fold in turns:
        if len(np.unique(labels[fold.others])) < 2:  # noqa: PLR2004 - a classifier needs two classes
            raise ValueError(f"the rows outside fold {fold.name} hold a single class, so no classifier can be fitted")
        with fold.time_fit():
            known = take_weights(weights, fold.others)
            model = fit_pipeline(build, features[fold.others], labels[fold.others], known)
        probabilities[fold.held_out] = predict_all_classes(model, features[fold.held_out], n_classes=n_classes)
    return OutOfSamplePredictions(probabilities=probabilities, fit_seconds=fit_seconds_of(turns))


def predict_all_classes(model: Pipeline, features: pd.DataFrame, *, n_classes: int) -> np.ndarray:
    """Predict probabilities with a column for every class, 0 where the model never saw the class.

    Args:
        model: pipeline fitted on integer class codes.
        features: feature columns, shape (n_rows, n_features).
        n_classes: number of classes.

    Returns:
        float32 array of shape (n_rows, n_classes) whose rows sum to 1 within 1e-6.
    """
    predicted = model.predict_proba(features)
    probabilities = np.zeros((len(features), n_classes), dtype=np.float64)
    probabilities[:, model.classes_] = predicted
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32)


def to_predictions_table(rows: pd.DataFrame, probabilities: np.ndarray, class_names: Sequence[str]) -> pd.DataFrame:
    """Put ``probability_<class>`` of each class beside what names the rows, see ``name_rows``.

    Raises:
        ValueError: a probability is not finite, or they are of other rows.
    """
    require_rows(len(rows), probabilities=probabilities)
    require_finite("predicted probabilities", probabilities, rows["row_id"].tolist())
    columns = [f"{PROBABILITY_PREFIX}{name}" for name in class_names]
    named = name_rows(rows)
    return pd.concat([named, pd.DataFrame(probabilities, columns=columns, index=named.index)], axis=1)


def to_probabilities(predictions: pd.DataFrame) -> np.ndarray:
    """Return the probability columns of a predictions table, shape (n_rows, n_classes), in class order."""
    columns = [f"{PROBABILITY_PREFIX}{name}" for name in predictions["given_label"].cat.categories]
    return predictions[columns].to_numpy(dtype=np.float32)
