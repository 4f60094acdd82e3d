"""The audit of boxes, first part: out-of-sample predictions, and how they are stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.families.contracts import GIVEN_LABEL, ROW_ID, SPLIT, TableContract, filled
from cleanlab_assets.families.images.predictions import OutOfSamplePredictions, predict_images_out_of_sample
from cleanlab_assets.families.object_detection.calibration import (
    calibrate_scores_out_of_fold,
    measure_score_calibration,
)
from cleanlab_assets.families.object_detection.metrics import ScoredDetections
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.families.predictions import store_predictions
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.step import StepContext, step
from cleanlab_assets.methods.facts import PredictionsFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import TableView, keep_finite
from cleanlab_assets.methods.training_set import audited_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.methods.shown import Shown


def predict_boxes_out_of_sample(
    images: Sequence[AnnotatedImage], folds: np.ndarray, **how: Any
) -> OutOfSamplePredictions[ScoredBoxes]:
    """Predict the boxes of every image by a model that never saw it, see ``predict_images_out_of_sample``."""
    return predict_images_out_of_sample(images, folds, pack=lambda _, boxes: boxes, **how)


def to_predictions_table(
    images: Sequence[AnnotatedImage], given_labels: Sequence[str], predictions: Sequence[ScoredBoxes]
) -> pd.DataFrame:
    """Put predicted boxes into one row for each image: boxes with two decimals, classes and probabilities as JSON."""
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


def cut_to_pictures(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]
) -> tuple[list[ScoredBoxes], int]:
    """Cut predicted boxes at the edges of their picture, and drop those that have no area left there.

    Detectors may predict boxes without width or height, beyond the edges, or with corners that are no numbers.

    Args:
        images: annotated images.
        predictions: what a detector predicts of each image.

    Returns:
        The boxes of each image that have an area in it, and how many boxes were dropped.
    """
    kept = [_cut_to_picture(image, found) for image, found in zip(images, predictions, strict=True)]
    n_dropped = sum(len(found.scores) for found in predictions) - sum(len(found.scores) for found in kept)
    return kept, n_dropped


def _cut_to_picture(image: AnnotatedImage, found: ScoredBoxes) -> ScoredBoxes:
    size = np.array([image.width, image.height])
    boxes = np.clip(found.boxes, 0, np.tile(size, 2))
    has_area = np.isfinite(found.boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return ScoredBoxes(boxes=boxes[has_area], codes=found.codes[has_area], scores=found.scores[has_area])


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


class BoxPredictionsFacts(PredictionsFacts):
    """How boxes were predicted; ``n_dropped_boxes`` had no area in their picture and are no predictions."""

    n_dropped_boxes: int


BoxPredictionsTable: TypeAlias = Result[pd.DataFrame, BoxPredictionsFacts]


@step(
    "torch",
    code_version="5",
    facts=BoxPredictionsFacts,
    contract=TableContract(
        "BoxPredictions",
        "Out-of-sample predicted boxes of each image with class and calibrated probability, as JSON.",
        (ROW_ID, SPLIT, GIVEN_LABEL, *filled("predicted_boxes", "predicted_classes", "probabilities")),
    ),
    settings=PredictionsSettings,
    is_heavy=True,
)
def predictions(
    context: StepContext, settings: PredictionsSettings, training_set: ImagesTrainingSetTable
) -> BoxPredictionsTable:
    """Out-of-sample predicted boxes: every image is predicted once, by a model that never saw it.

    A train image is predicted by a model of the other folds, a test image by one of all train images. Each fold is
    stored as soon as it is predicted, so that an interrupted run goes on with the images that are missing. Scores are
    calibrated out of fold, so that they are probabilities. Boxes are cut at the edges of their picture; those without
    an area there are dropped and counted.
    """
    names, seed = context.dataset.class_names, training_set.facts.seed
    rows = audited_rows(training_set.value)
    images, folds, given_labels = read_boxed_images(rows, names), rows["fold"].to_numpy(), rows["given_label"].tolist()
    parts = context.parts.read()
    at_hand = {} if parts is None else dict(zip(parts["row_id"], read_predictions_table(parts, names), strict=True))
    predicted = predict_boxes_out_of_sample(
        images,
        folds,
        build=context.pipeline_factory(seed, settings.parameters),
        at_hand=at_hand,
        keep=lambda part, boxes: context.parts.add(to_predictions_table(part, [""] * len(part), boxes)),
    )
    # Rounded as those of a part that was stored: else a run that was interrupted would end in other scores.
    stored = to_predictions_table(images, given_labels, predicted.predictions)
    scored, n_dropped = cut_to_pictures(images, read_predictions_table(stored, names))
    calibrated = calibrate_scores_out_of_fold(images, scored, folds)
    table = to_predictions_table(images, given_labels, calibrated)
    table.insert(1, "split", rows["split"])
    n_train = len(train_rows(rows))
    facts = BoxPredictionsFacts(
        seed=seed,
        model_parameters=settings.parameters,
        cross_validation=keep_finite(ScoredDetections(images[:n_train], scored[:n_train]).compute()),
        reliability=measure_score_calibration(images[:n_train], calibrated[:n_train]),
        notes=[f"{n_dropped:,} predicted boxes had no area in their picture and were dropped"] if n_dropped else [],
        n_dropped_boxes=n_dropped,
    )

    def show() -> dict[str, Shown]:
        n_boxes = table["probabilities"].map(lambda text: len(json.loads(text)))
        return {
            "predicted_boxes": int(n_boxes.sum()),
            "dropped_boxes": n_dropped,
            "images_taken_up_from_an_interrupted_run": len(at_hand),
            "preview": TableView(table.assign(n_predicted=n_boxes), columns=["row_id", "given_label", "n_predicted"]),
        }

    return store_predictions(table, facts, fit_seconds=predicted.fit_seconds, show=show)
