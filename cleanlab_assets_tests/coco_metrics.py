"""Mean average precision as COCO's own tool computes it, to compare ours with."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage

_ALL_AREAS = 0
_THRESHOLDS = {"map_50": 0, "map_75": 5}
"""Place of each metric's IoU among COCO's, which are 0.50, 0.55 to 0.95."""


def measure_as_coco(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> dict[str, float]:
    """Return the metrics of ``ScoredDetections``, over the classes that the given boxes hold."""
    precision = _evaluate(images, predictions)
    return {name: float(at[at > -1].mean()) for name, at in ((name, precision[i]) for name, i in _THRESHOLDS.items())}


def _evaluate(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> np.ndarray:
    """Return the precision by IoU threshold, recall level and class; -1 where a class has no given box."""
    from pycocotools.cocoeval import COCOeval

    codes = {name: code for code, name in enumerate(images[0].class_names)}
    given = [
        _annotation(number, box, codes[label])
        for number, image in enumerate(images)
        for box, label in zip(image.boxes, image.box_labels, strict=True)
    ]
    predicted = [
        _annotation(number, box, int(code)) | {"score": float(score)}
        for number, found in enumerate(predictions)
        for box, code, score in zip(found.boxes, found.codes, found.scores, strict=True)
    ]
    # pycocotools reports its progress by print, and has no setting for it.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(
            _coco(given, len(images), len(codes)), _coco(predicted, len(images), len(codes)), iouType="bbox"
        )
        evaluation.evaluate()
        evaluation.accumulate()
    precision: np.ndarray = evaluation.eval["precision"][:, :, :, _ALL_AREAS, -1]
    return precision


def _annotation(image: int, box: np.ndarray, code: int) -> dict[str, Any]:
    x1, y1, x2, y2 = (float(value) for value in box)
    width, height = x2 - x1, y2 - y1
    return {
        "image_id": image,
        "category_id": code,
        "bbox": [x1, y1, width, height],
        "area": width * height,
        "iscrowd": 0,
    }


def _coco(annotations: Sequence[dict[str, Any]], n_images: int, n_classes: int) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    # Ids count from 1: pycocotools takes a match with id 0 for none.
    coco.dataset = {
        "images": [{"id": number} for number in range(n_images)],
        "categories": [{"id": code} for code in range(n_classes)],
        "annotations": [annotation | {"id": number} for number, annotation in enumerate(annotations, start=1)],
    }
    coco.createIndex()
    return coco
