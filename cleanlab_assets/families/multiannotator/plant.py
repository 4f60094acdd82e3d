"""Planted errors in single annotations, with known truth, and how well the quality of labels finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import annotations_of, put_votes
from cleanlab_assets.families.multiannotator.consensus import score_labels
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table, to_probabilities
from cleanlab_assets.methods.detection_power import DetectionPower, score_detection_power
from cleanlab_assets.methods.detection_verdict import DetectionReport, count_of_each_kind, score_kinds
from cleanlab_assets.methods.planted_errors import (
    CLASS_ERROR_KINDS,
    GROSS_CLASS_ERRORS,
    plant_class_errors_of_all_kinds,
    plant_label_errors,
    put_planted_errors,
    uniform_confusion,
)
from cleanlab_assets.reviews.corrected_labels import DECIDED_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline


def plant_annotation_errors(
    annotations: pd.DataFrame, reference: pd.Series, *, fraction: float, seed: int
) -> pd.DataFrame:
    """Replace a share of the right labels of some examples by any other class.

    Args:
        annotations: ``row_id``, ``example``, ``annotator`` and ``given_label``.
        reference: the class of each example whose labels may change, indexed by example: the truth where it is known,
            else the majority vote. Labels of another class are wrong by themselves and stay as they are.
        fraction: share of the right labels that becomes wrong.
        seed: seed of the draw.

    Returns:
        See ``put_planted_errors``; ``true_label`` is the label that the annotator gave.

    Raises:
        ValueError: the share is less than one label.
    """
    n_classes = len(annotations["given_label"].cat.categories)
    rows = is_right(annotations["given_label"], annotations["example"], reference)
    codes = encode_labels(annotations["given_label"])[rows]
    planted = plant_label_errors(codes, fraction=fraction, confusion=uniform_confusion(n_classes), seed=seed)
    labels = decode_labels(planted.labels, annotations["given_label"])
    return put_planted_errors(annotations, planted, labels, fraction=fraction, among=rows, items="right labels")


def is_right(labels: pd.Series, examples: pd.Series, reference: pd.Series) -> np.ndarray:
    """Return which labels are the class that the reference has for their example, bool of shape (n_labels,)."""
    known = examples.map(reference.astype(str)).astype(object)
    return np.asarray(labels.astype(str).astype(object).to_numpy() == known.to_numpy(), dtype=bool)


def to_reference(train: pd.DataFrame) -> pd.Series:
    """Return the class of each train example by its name: the truth where it is known, else the majority vote."""
    column = "true_label" if "true_label" in train else "given_label"
    return pd.Series(train[column].astype(str).to_numpy(), index=train["row_id"].to_numpy())


def score_annotation_detection_power(label_quality: pd.DataFrame, reference: pd.Series) -> DetectionPower:
    """Measure how well the quality and the flags of single labels tell planted errors from right labels.

    Args:
        label_quality: quality of every single label, with ``planted_error`` and ``true_label``.
        reference: see ``plant_annotation_errors``; labels that were wrong before are not looked at.
    """
    compared = label_quality[is_right(label_quality["true_label"], label_quality["example"], reference)]
    return score_detection_power(
        compared["label_quality"].to_numpy(),
        compared["is_label_issue"].to_numpy(dtype=bool),
        compared["planted_error"].to_numpy(dtype=bool),
    )


def plant_and_audit_annotations(
    train: pd.DataFrame,
    annotations: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    has_model: bool,
    fraction: float = 0.1,
    seed: int,
) -> DetectionReport:
    """Plant errors of every kind in a copy of the annotations, audit the copy, and measure how they rank.

    Errors are planted in right labels, and told from right labels: those that are the truth where it is known, else the
    majority vote. The ranking without a model is by the frequency of the given class: a rare one is suspicious.

    Args:
        train: train rows of the training set, with ``fold``.
        annotations: their annotations, without planted errors.
        predictions: out-of-sample predictions of these rows, in their order.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        has_model: whether it looks at features, see ``choose_leading_method``.
        fraction: share of the labels to corrupt.
        seed: seed of the errors.

    Returns:
        How well each kind was found, see ``plant_class_errors_of_all_kinds``.

    Raises:
        ValueError: there are fewer right labels than errors.
    """
    reference = to_reference(train)
    planted = _plant_annotation_errors_of_all_kinds(
        annotations_of(annotations, train["row_id"]), reference, predictions, fraction=fraction, seed=seed
    )
    rows = put_votes(train.drop(columns=DECIDED_LABEL, errors="ignore"), planted)
    names = list(rows["given_label"].cat.categories)
    predicted = predict_out_of_sample(
        rows[features],
        encode_labels(rows["given_label"]),
        rows["fold"].to_numpy(),
        n_classes=len(names),
        build=build,
    )
    quality = score_labels(
        to_predictions_table(rows, predicted.probabilities, names), planted, has_model=has_model
    ).table
    compared = quality[is_right(quality["true_label"], quality["example"], reference)]
    given = encode_labels(compared["given_label"])
    frequency = np.bincount(given, minlength=len(names)) / len(given)
    return DetectionReport(
        kinds=score_kinds(
            compared["label_quality"].to_numpy(dtype=np.float64),
            compared["is_label_issue"].to_numpy(dtype=bool),
            compared["planted_kind"].reset_index(drop=True),
            gross=GROSS_CLASS_ERRORS,
            without_model={"class frequency": frequency[given]},
        ),
        among=f"{len(compared):,} right labels",
    )


def _plant_annotation_errors_of_all_kinds(
    annotations: pd.DataFrame, reference: pd.Series, predictions: pd.DataFrame, *, fraction: float, seed: int
) -> pd.DataFrame:
    """Plant errors in right labels; annotators tell by their votes which class they take for which."""
    right = is_right(annotations["given_label"], annotations["example"], reference)
    codes, probabilities = encode_labels(annotations["given_label"]), to_probabilities(predictions)
    n_classes = probabilities.shape[1]
    places = pd.Index(predictions["row_id"]).get_indexer(annotations["example"])
    true = pd.Categorical(
        annotations["example"].map(reference.astype(str)),
        categories=annotations["given_label"].cat.categories.astype(str),
    ).codes
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (codes[true >= 0], true[true >= 0]), 1.0)
    noise_matrix = counts / np.maximum(counts.sum(axis=0), 1.0)
    planted = plant_class_errors_of_all_kinds(
        codes[right],
        probabilities[places[right]],
        noise_matrix,
        n_of_each=count_of_each_kind(int(right.sum()), len(CLASS_ERROR_KINDS), fraction=fraction),
        seed=seed,
    )
    labels = decode_labels(planted.labels, annotations["given_label"])
    return put_planted_errors(annotations, planted, labels, fraction=fraction, among=right, items="right labels")
