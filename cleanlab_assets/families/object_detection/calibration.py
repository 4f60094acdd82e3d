"""The audit of boxes, second part: scores of predicted boxes become probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.boxes import ScoredBoxes, claim_boxes, codes_of, find_overlaps
from cleanlab_assets.methods.calibration import measure_reliability
from cleanlab_assets.methods.cross_validation import hold_out_each_fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.calibration import ReliabilityCurve

_LEAST_PREDICTIONS = 20


def calibrate_scores_out_of_fold(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], folds: np.ndarray
) -> list[ScoredBoxes]:
    """Turn scores into the probability that a predicted box is right: its class is given at its place.

    The scores of one-stage detectors are products that hardly reach 0.9, where cleanlab reads them as probabilities. A
    monotone regression of "right" on the score is fitted on the other folds (for images of no fold on all), so that no
    image is calibrated with the help of its own boxes; with fewer than 20 predictions there the scores stay. Source:
    Zadrozny and Elkan, 2002 (``sklearn.isotonic.IsotonicRegression``).
    """
    from sklearn.isotonic import IsotonicRegression

    is_right = [_find_right_predictions(image, boxes) for image, boxes in zip(images, predictions, strict=True)]
    calibrated = list(predictions)
    for fold in hold_out_each_fold(folds):
        others = np.flatnonzero(fold.others).tolist()
        scores = np.concatenate([predictions[position].scores for position in others])
        if len(scores) < _LEAST_PREDICTIONS:
            continue
        right = np.concatenate([is_right[position] for position in others])
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right)
        for position in np.flatnonzero(fold.held_out).tolist():
            if len(predictions[position].scores):
                probabilities = curve.predict(predictions[position].scores)
                calibrated[position] = replace(predictions[position], scores=probabilities)
    return calibrated


def _find_right_predictions(image: AnnotatedImage, predicted: ScoredBoxes) -> np.ndarray:
    """Return which predicted boxes fit a given box of their class; each given box is claimed once, best score first."""
    order = np.argsort(-predicted.scores, kind="stable")
    overlaps = find_overlaps(predicted.boxes[order], image.boxes)
    is_same = predicted.codes[order][overlaps.first] == codes_of(image)[overlaps.second]
    is_right = np.zeros(len(order), dtype=bool)
    is_right[order] = claim_boxes(overlaps.take(is_same))
    return is_right


def measure_score_calibration(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> ReliabilityCurve:
    """Compare the scores of predicted boxes with the share of right ones; a curve without points where there are none.

    Args:
        images: annotated images.
        predictions: predicted boxes of each image.
    """
    is_right = [_find_right_predictions(image, found) for image, found in zip(images, predictions, strict=True)]
    return measure_reliability(np.concatenate([found.scores for found in predictions]), np.concatenate(is_right))
