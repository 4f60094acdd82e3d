"""Planted errors in single annotations, with known truth, and how well the quality of labels finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.audit.annotations import annotations_of, put_votes
from cleanlab_assets.audit.class_codes import decode_labels, encode_labels
from cleanlab_assets.audit.crowdlab import score_labels
from cleanlab_assets.audit.predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.evaluation.detection import DetectionMetrics, measure_detection
from cleanlab_assets.evaluation.planted_errors import plant_label_errors, uniform_confusion

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline


def plant_annotation_errors(
    annotations: pd.DataFrame, examples: pd.Series[str], *, fraction: float, seed: int
) -> pd.DataFrame:
    """Replace a share of the single labels of some examples by any other class.

    Args:
        annotations: ``row_id``, ``example``, ``annotator`` and ``given_label``.
        examples: the examples whose labels may change: the train rows.
        fraction: share of their labels that becomes wrong.
        seed: seed of the draw.

    Returns:
        A copy with ``planted_error`` and ``true_label``, the label that the annotator gave.

    Raises:
        ValueError: the share is less than one label.
    """
    n_classes = len(annotations["given_label"].cat.categories)
    codes, is_planted = encode_labels(annotations["given_label"]), np.zeros(len(annotations), dtype=bool)
    rows = annotations["example"].isin(examples).to_numpy()
    planted = plant_label_errors(codes[rows], fraction=fraction, confusion=uniform_confusion(n_classes), seed=seed)
    if fraction > 0 and not planted.is_planted.any():
        raise ValueError(f"a fraction of {fraction:g} of {rows.sum():,} labels is less than one planted error")
    codes[rows], is_planted[rows] = planted.labels, planted.is_planted
    return annotations.assign(
        given_label=decode_labels(codes, annotations["given_label"]),
        planted_error=is_planted,
        true_label=annotations["given_label"],
    )


def measure_label_detection(label_quality: pd.DataFrame) -> DetectionMetrics:
    """Measure how well the quality and the flags of single labels find the planted errors among them."""
    return measure_detection(
        label_quality["label_quality"].to_numpy(),
        label_quality["is_label_issue"].to_numpy(dtype=bool),
        label_quality["planted_error"].to_numpy(dtype=bool),
    )


def measure_annotation_detection_power(
    train: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    fraction: float = 0.1,
    seed: int,
) -> DetectionMetrics:
    """Plant errors in a copy of the annotations, audit the copy, and measure whether the planted errors rank worst.

    Errors that the annotators made by themselves count as right labels, so that precision is a lower bound.

    Args:
        train: train rows of the training set, with ``fold``.
        annotations: their annotations, without planted errors.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        fraction: share of the labels to corrupt.
        seed: seed of the errors.
    """
    planted = plant_annotation_errors(
        annotations_of(annotations, train["row_id"]), train["row_id"], fraction=fraction, seed=seed
    )
    rows = put_votes(train, planted)
    names = list(rows["given_label"].cat.categories)
    predicted = predict_out_of_sample(
        rows[features],
        encode_labels(rows["given_label"]),
        rows["fold"].to_numpy(),
        n_classes=len(names),
        build=build,
    )
    return measure_label_detection(score_labels(to_predictions_table(rows, predicted.probabilities, names), planted))
