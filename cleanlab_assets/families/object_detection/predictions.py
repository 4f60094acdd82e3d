"""The audit of boxes, first part: out-of-sample predictions, and how they are stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.boxes import ScoredBoxes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage


class Detector(Protocol):
    """What finds objects: trained on images with given boxes, it predicts boxes."""

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Any:
        """Train on images and their given boxes."""

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Return the predicted boxes of each image."""


@dataclass(frozen=True)
class OutOfSampleBoxes:
    """Predicted boxes of each image by a model that never saw it, and fit seconds by fold."""

    predictions: list[ScoredBoxes]
    fit_seconds: tuple[float, ...]


def predict_boxes_out_of_sample(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    *,
    build: Callable[[], Detector],
    at_hand: Mapping[str, ScoredBoxes] | None = None,
    keep: Callable[[Sequence[AnnotatedImage], Sequence[ScoredBoxes]], None] | None = None,
) -> OutOfSampleBoxes:
    """Predict the boxes of every image by a model that never saw it.

    Args:
        images: annotated images.
        folds: fold of each image, shape (n_images,).
        build: returns a new detector that is not trained.
        at_hand: predictions of an interrupted run by row id; a fold that is complete among them is not trained again.
        keep: called with the images and predictions of each fold as soon as it is predicted, to store them.

    Returns:
        The predictions, their scores as the detector gave them, and the seconds of each fit (0 for a fold at hand).

    Raises:
        ValueError: there are fewer than two folds.
    """
    names = np.unique(folds)
    if len(names) < 2:  # noqa: PLR2004 - one fold leaves no training images
        raise ValueError(f"cross-validation needs at least two folds, got {len(names)}")
    found: dict[str, ScoredBoxes] = dict(at_hand or {})
    seconds = []
    for fold in names:
        held_out = [image for image, number in zip(images, folds, strict=True) if number == fold]
        others = [image for image, number in zip(images, folds, strict=True) if number != fold]
        if all(image.row_id in found for image in held_out):
            seconds.append(0.0)
            continue
        started = perf_counter()
        model = build().fit(others)
        seconds.append(perf_counter() - started)
        predicted = model.predict(held_out)
        found |= {image.row_id: boxes for image, boxes in zip(held_out, predicted, strict=True)}
        if keep is not None:
            keep(held_out, predicted)
    return OutOfSampleBoxes([found[image.row_id] for image in images], tuple(seconds))


def to_predictions_table(
    images: Sequence[AnnotatedImage], given_labels: Sequence[str], predictions: Sequence[ScoredBoxes]
) -> pd.DataFrame:
    """Put predicted boxes into one row for each image: boxes, classes and probabilities as JSON text."""
    return pd.DataFrame(
        {
            "row_id": [image.row_id for image in images],
            "given_label": list(given_labels),
            "predicted_boxes": [json.dumps(np.round(found.boxes, 2).tolist()) for found in predictions],
            "predicted_classes": [
                json.dumps([image.class_names[code] for code in found.codes])
                for image, found in zip(images, predictions, strict=True)
            ],
            "probabilities": [json.dumps(np.round(found.scores, 5).tolist()) for found in predictions],
        }
    )


def read_predictions_table(table: pd.DataFrame, class_names: Sequence[str]) -> list[ScoredBoxes]:
    """Read back what ``to_predictions_table`` wrote."""
    codes = {name: code for code, name in enumerate(class_names)}
    return [
        ScoredBoxes(
            boxes=np.array(json.loads(row["predicted_boxes"]), dtype=np.float64).reshape(-1, 4),
            codes=np.array([codes[name] for name in json.loads(row["predicted_classes"])], dtype=np.int64),
            scores=np.array(json.loads(row["probabilities"]), dtype=np.float64),
        )
        for row in table.to_dict("records")
    ]
