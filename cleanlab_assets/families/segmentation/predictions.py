"""Out-of-sample probabilities of every pixel, and how they are stored.

Images are handled one by one, of any size, so that no padding enters a score and memory holds one image's
probabilities at a time.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.contracts import GIVEN_LABEL, ROW_ID, SPLIT, TableContract, filled
from cleanlab_assets.families.images.predictions import OutOfSamplePredictions, predict_images_out_of_sample
from cleanlab_assets.families.predictions import store_predictions
from cleanlab_assets.families.segmentation.metrics import score_masks
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.families.settings import PredictionsSettings
from cleanlab_assets.families.step import PredictionsTable, StepContext, step
from cleanlab_assets.methods.calibration import ReliabilityBins
from cleanlab_assets.methods.facts import PredictionsFacts
from cleanlab_assets.methods.shown import keep_finite
from cleanlab_assets.methods.training_set import audited_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.methods.calibration import ReliabilityCurve

SUM_TOLERANCE = 1e-3
"""How far the probabilities of a pixel may be from 1 in sum."""
LEAST_PROBABILITY = 1e-3
"""Smaller probabilities are stored as 0: they tell nothing and hardly compress."""


def pack_probabilities(probabilities: np.ndarray) -> bytes:
    """Pack probabilities of shape (n_classes + 1, height, width): their shape, then float16 compressed by zlib.

    Probabilities below ``LEAST_PROBABILITY`` become 0.

    Raises:
        ValueError: a probability is negative or not finite, or those of a pixel do not sum to 1.
    """
    # A value that is not a number is no less than any limit.
    if not (probabilities >= 0).all() or not np.abs(probabilities.sum(axis=0) - 1).max() <= SUM_TOLERANCE:
        raise ValueError(
            f"found probabilities from {probabilities.min():g} to {probabilities.max():g} with sums from "
            f"{probabilities.sum(axis=0).min():g} to {probabilities.sum(axis=0).max():g}, expected none below 0 and "
            "sums of 1"
        )
    kept = np.where(probabilities < LEAST_PROBABILITY, 0, probabilities).astype("<f2")
    return np.array(kept.shape, dtype="<u4").tobytes() + zlib.compress(kept.tobytes(), level=1)


def unpack_probabilities(content: bytes) -> np.ndarray:
    """Return what ``pack_probabilities`` packed, as float32; the probabilities of each pixel sum to 1 again."""
    shape = np.frombuffer(content[:12], dtype="<u4")
    kept = np.frombuffer(zlib.decompress(content[12:]), dtype="<f2").reshape(shape).astype(np.float32)
    probabilities: np.ndarray = kept / kept.sum(axis=0, keepdims=True)
    return probabilities


def predict_masks_out_of_sample(
    images: Sequence[AnnotatedImage], folds: np.ndarray, *, keep_every: int = 64, **how: Any
) -> OutOfSamplePredictions[bytes]:
    """Predict the pixels of every image by a model that never saw it, see ``predict_images_out_of_sample``.

    What is stored are packed probabilities, see ``pack_probabilities``.
    """
    return predict_images_out_of_sample(images, folds, pack=_pack, keep_every=keep_every, **how)


def _pack(image: AnnotatedImage, probabilities: np.ndarray) -> bytes:
    try:
        return pack_probabilities(probabilities)
    except ValueError as error:
        raise ValueError(f"the model's prediction of image {image.row_id} is wrong: {error}") from error


def measure_pixel_calibration(images: Sequence[AnnotatedImage], predictions: Sequence[bytes]) -> ReliabilityCurve:
    """Compare the confidence in the likeliest class of each pixel with how often it is the given one.

    Args:
        images: images with given class masks.
        predictions: their packed probabilities.
    """
    bins = ReliabilityBins()
    for image, content in zip(images, predictions, strict=True):
        given, probabilities = read_pair(image, content)
        is_judged = ~image.find_ignored_pixels()
        bins.add(probabilities.max(axis=0)[is_judged], (probabilities.argmax(axis=0) == given)[is_judged])
    return bins.to_curve()


def read_pair(image: AnnotatedImage, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the given class of each pixel of an image, and its packed probabilities as an array.

    Ignored pixels count as background that the model is sure of, so that nobody finds anything there.

    Raises:
        ValueError: the image has no class mask, or the probabilities have another shape.
    """
    probabilities = unpack_probabilities(content)
    expected = (len(image.class_names) + 1, image.height, image.width)
    if image.class_mask is None:
        raise ValueError(f"image {image.row_id} has no class mask: there is nothing to audit")
    if probabilities.shape != expected:
        raise ValueError(f"image {image.row_id} has predictions of shape {probabilities.shape}, expected {expected}")
    is_ignored = image.find_ignored_pixels()
    if not is_ignored.any():
        return image.class_mask, probabilities
    sure = np.zeros_like(probabilities[:, 0, 0])
    sure[0] = 1
    return np.where(is_ignored, 0, image.class_mask), np.where(is_ignored, sure[:, None, None], probabilities)


@step(
    "torch",
    code_version="4",
    facts=PredictionsFacts,
    contract=TableContract(
        "MaskPredictions",
        "Out-of-sample predicted probabilities of the pixels of each image, background first, packed as float16.",
        (ROW_ID, SPLIT, GIVEN_LABEL, *filled("probabilities")),
    ),
    settings=PredictionsSettings,
    is_heavy=True,
)
def predictions(
    context: StepContext, settings: PredictionsSettings, training_set: ImagesTrainingSetTable
) -> PredictionsTable:
    """Out-of-sample probabilities of every pixel: every image is predicted once, by a model that never saw it.

    A train image is predicted by a model of the other folds, a test image by one of all train images. Images are stored
    part by part as soon as they are predicted, so that an interrupted run goes on with those that are missing.
    """
    rows, seed = audited_rows(training_set.value), training_set.facts.seed
    images, parts = read_masked_images(rows, context.dataset.class_names), context.parts.read()
    at_hand = {} if parts is None else dict(zip(parts["row_id"], parts["probabilities"], strict=True))
    predicted = predict_masks_out_of_sample(
        images,
        rows["fold"].to_numpy(),
        build=context.pipeline_factory(seed, settings.parameters),
        at_hand=at_hand,
        keep=lambda part, packed: context.parts.add(
            pd.DataFrame({"row_id": [image.row_id for image in part], "probabilities": packed})
        ),
    )
    packed, n_train = predicted.predictions, len(train_rows(rows))
    train, of_train = images[:n_train], packed[:n_train]
    facts = PredictionsFacts(
        seed=seed,
        model_parameters=settings.parameters,
        cross_validation=keep_finite(score_masks(train, map(unpack_probabilities, of_train)).compute()),
        reliability=measure_pixel_calibration(train, of_train),
    )
    table = rows[["row_id", "split", "given_label"]].assign(probabilities=packed)
    return store_predictions(
        table,
        facts,
        fit_seconds=predicted.fit_seconds,
        show=lambda: {
            "images_taken_up_from_an_interrupted_run": len(at_hand),
            "size_mb": sum(map(len, packed)) / 1e6,
        },
    )
