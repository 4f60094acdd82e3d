"""Planted errors in the boxes of images: a box dropped, moved, of a wrong class, or too many."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cleanlab_assets.datasets.boxes import box_iou
from cleanlab_assets.families.images.plant import plant_in_turn
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage

BoxErrorKind = Literal["dropped_box", "shifted_box", "wrong_class", "extra_box"]
BOX_ERROR_KINDS: tuple[BoxErrorKind, ...] = get_args(BoxErrorKind)
LARGEST_SHIFTED_IOU = 0.6
"""A shifted box overlaps its old place less than this."""
LEAST_SHIFTED_IOU = 0.2
LARGEST_EXTRA_IOU = 0.3
"""An extra box overlaps every other box less than this."""
TRUTH_COLUMNS = ("row_id", "planted_kind", "box", "given_box", "class_before", "class_after", "before", "after")
TRUE_COLUMNS = {"boxes": "true_boxes", "box_labels": "true_box_labels"}
"""Where the annotations are kept as they were."""
_TRIES = 200


def plant_box_errors(
    images: Sequence[AnnotatedImage],
    *,
    fraction: float,
    seed: int,
    kinds: Sequence[BoxErrorKind] = BOX_ERROR_KINDS,
) -> tuple[list[AnnotatedImage], pd.DataFrame]:
    """Plant one error in each of some images, the kinds in turn.

    An image where a kind cannot be planted (there is no box, no second class, no room) gets the next kind; one where
    none can is passed over for another image.

    Args:
        images: annotated images; they are not changed.
        fraction: share of the images that get an error; ``round(fraction * n)`` do.
        seed: seed of the draw.
        kinds: the kinds to plant.

    Returns:
        The images in their order; a changed one has no masks, since these would still show the truth. And the truth,
        one row per error: ``row_id``, ``planted_kind``, ``box`` (index before, -1 for an extra box), ``given_box``
        (index after, -1 for a dropped box), ``class_before`` and ``class_after`` (empty where there is no box), and
        ``before`` and ``after``: the box as JSON ``[x1, y1, x2, y2]``, ``null`` where there is none.

    Raises:
        PlantingError: fewer images than asked for can hold an error.
    """
    rng = seed_generator(seed, "planted box errors")
    return plant_in_turn(
        images,
        lambda image, kind: _plant(image, kind, rng),
        fraction=fraction,
        kinds=kinds,
        columns=TRUTH_COLUMNS,
        rng=rng,
    )


def _plant(
    image: AnnotatedImage, kind: BoxErrorKind, rng: np.random.Generator
) -> tuple[AnnotatedImage, dict[str, object]] | None:
    if kind == "extra_box":
        return _add_box(image, rng)
    return _change_box(image, kind, rng) if len(image.boxes) else None


def _add_box(image: AnnotatedImage, rng: np.random.Generator) -> tuple[AnnotatedImage, dict[str, object]] | None:
    extra = _draw_extra_box(image, rng)
    if extra is None:
        return None
    label = str(rng.choice(image.class_names))
    changed = _with_boxes(image, np.vstack([image.boxes, extra[None]]), [*image.box_labels, label])
    return changed, _record((-1, len(image.boxes)), ("", label), None, extra)


def _change_box(
    image: AnnotatedImage, kind: BoxErrorKind, rng: np.random.Generator
) -> tuple[AnnotatedImage, dict[str, object]] | None:
    boxes, labels = image.boxes.copy(), list(image.box_labels)
    number = int(rng.integers(len(boxes)))
    box, label = image.boxes[number], labels[number]
    if kind == "dropped_box":
        del labels[number]
        changed = _with_boxes(image, np.delete(boxes, number, axis=0), labels)
        return changed, _record((number, -1), (label, ""), box, None)
    if kind == "shifted_box":
        shifted = _draw_shifted_box(box, image, rng)
        if shifted is None:
            return None
        boxes[number] = shifted
        return _with_boxes(image, boxes, labels), _record((number, number), (label, label), box, shifted)
    others = [name for name in image.class_names if name != label]
    if not others:
        return None
    labels[number] = str(rng.choice(others))
    return _with_boxes(image, boxes, labels), _record((number, number), (label, labels[number]), box, box)


def _with_boxes(image: AnnotatedImage, boxes: np.ndarray, labels: Sequence[str]) -> AnnotatedImage:
    return replace(image, boxes=boxes, box_labels=tuple(labels), instance_mask=None, class_mask=None)


def _record(
    numbers: tuple[int, int], classes: tuple[str, str], before: np.ndarray | None, after: np.ndarray | None
) -> dict[str, object]:
    return {
        "box": numbers[0],
        "given_box": numbers[1],
        "class_before": classes[0],
        "class_after": classes[1],
        "before": json.dumps(None if before is None else before.tolist()),
        "after": json.dumps(None if after is None else after.tolist()),
    }


def _draw_shifted_box(box: np.ndarray, image: AnnotatedImage, rng: np.random.Generator) -> np.ndarray | None:
    """Move a box inside its image so that it overlaps its old place a little; None where there is no room."""
    sides = box[2:] - box[:2]
    for _ in range(_TRIES):
        offset = np.round(rng.uniform(-0.8, 0.8, 2) * sides)
        shifted: np.ndarray = box + np.tile(offset, 2)
        is_inside = (shifted[:2] >= 0).all() and shifted[2] <= image.width and shifted[3] <= image.height
        if is_inside and LEAST_SHIFTED_IOU <= box_iou(box[None], shifted[None])[0, 0] < LARGEST_SHIFTED_IOU:
            return shifted
    return None


def _draw_extra_box(image: AnnotatedImage, rng: np.random.Generator) -> np.ndarray | None:
    """Draw a box apart from the others, of the size of one of them; None where there is no room."""
    size = np.array([image.width, image.height])
    known = image.boxes[:, 2:] - image.boxes[:, :2] if len(image.boxes) else size[None] / 4
    for _ in range(_TRIES):
        sides = np.clip(np.round(known[rng.integers(len(known))] * rng.uniform(0.6, 1.2)), 1, size)
        corner = np.floor(rng.uniform(0, size - sides + 1))
        box = np.concatenate([corner, np.minimum(corner + sides, size)])
        if (box_iou(box[None], image.boxes) < LARGEST_EXTRA_IOU).all():
            return box
    return None
