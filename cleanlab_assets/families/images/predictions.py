"""Out-of-sample predictions of images, in parts that an interrupted run goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cleanlab_assets.methods.cross_validation import fit_seconds_of, hold_out_each_fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from cleanlab_assets.datasets.images import AnnotatedImage

P = TypeVar("P")


@dataclass(frozen=True)
class OutOfSamplePredictions(Generic[P]):
    """The prediction of each image by a model that never saw it, as it is stored, and fit seconds by fold."""

    predictions: list[P]
    fit_seconds: tuple[float, ...]


def predict_images_out_of_sample(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    *,
    build: Callable[[], Any],
    pack: Callable[[AnnotatedImage, Any], P],
    at_hand: Mapping[str, P] | None = None,
    keep: Callable[[list[AnnotatedImage], list[P]], None] | None = None,
    keep_every: int | None = None,
) -> OutOfSamplePredictions[P]:
    """Predict every image by a model that never saw it.

    Args:
        images: annotated images.
        folds: fold of each image, shape (n_images,); images of no fold (-1) are predicted by a model of all folds.
        build: returns a new model that is not trained.
        pack: turns an image and what the model predicts of it into what is stored.
        at_hand: predictions of an interrupted run by row id; only images that are missing are predicted, and a fold
            that is complete is not trained again.
        keep: called with images and their predictions as soon as so many are predicted, to store them.
        keep_every: images in each of these parts, at most; None keeps whole folds.

    Returns:
        The predictions, and the seconds of each fit (0 for a fold at hand).

    Raises:
        ValueError: there are fewer than two folds, or what a model predicts cannot be stored.
    """
    turns = hold_out_each_fold(folds)
    found = dict(at_hand or {})
    for fold in turns:
        missing = [image for image in compress(images, fold.held_out) if image.row_id not in found]
        if not missing:
            continue
        with fold.time_fit():
            model = build().fit(list(compress(images, fold.others)))
        waiting: list[AnnotatedImage] = []
        for number, (image, predicted) in enumerate(zip(missing, model.predict(missing), strict=True), start=1):
            found[image.row_id] = pack(image, predicted)
            waiting.append(image)
            if len(waiting) == keep_every or number == len(missing):
                if keep is not None:
                    keep(waiting, [found[kept.row_id] for kept in waiting])
                waiting = []
    return OutOfSamplePredictions([found[image.row_id] for image in images], fit_seconds_of(turns))
