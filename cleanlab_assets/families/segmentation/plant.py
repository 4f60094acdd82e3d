"""Planted errors in class masks: an object dropped, grown, shrunk, of a wrong class, or moved."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cleanlab_assets.families.images.plant import plant_in_turn
from cleanlab_assets.methods.seeding import seed_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage

MaskErrorKind = Literal["dropped_object", "dilated_object", "eroded_object", "swapped_class", "shifted_object"]
MASK_ERROR_KINDS: tuple[MaskErrorKind, ...] = get_args(MaskErrorKind)
SIZE_SHARE = 0.4
"""Share of its pixels that a dilated object wins or an eroded one loses, at least."""
LARGEST_SHIFTED_IOU = 0.6
LEAST_OBJECT_PIXELS = 20
"""Smaller objects are left alone: a changed speck is no error that anyone could see."""
TRUTH_COLUMNS = (
    "row_id",
    "planted_kind",
    "object",
    "class_before",
    "class_after",
    "n_pixels_before",
    "n_pixels_after",
    "n_pixels_changed",
)
TRUE_COLUMNS = {"class_mask": "true_mask"}
"""Where the annotations are kept as they were."""
_TRIES = 100


def plant_mask_errors(
    images: Sequence[AnnotatedImage],
    *,
    fraction: float,
    seed: int,
    kinds: Sequence[MaskErrorKind] = MASK_ERROR_KINDS,
    size_share: float = SIZE_SHARE,
) -> tuple[list[AnnotatedImage], pd.DataFrame]:
    """Plant one error in the class mask of each of some images, the kinds in turn.

    An object is an id of the instance mask or, where there is none, a connected region of one class. An image where a
    kind cannot be planted gets the next kind; one where none can is passed over for another image.

    Args:
        images: annotated images with class masks; they are not changed.
        fraction: share of the images that get an error; ``round(fraction * n)`` do.
        seed: seed of the draw.
        kinds: the kinds to plant.
        size_share: share of its pixels that a dilated object wins or an eroded one loses, at least.

    Returns:
        The images in their order; a changed one has no boxes and no instance mask, since these would still show the
        truth. And the truth, one row per error: ``row_id``, ``planted_kind``, ``object`` (its number from 1),
        ``class_before`` and ``class_after`` (empty where it was dropped), ``n_pixels_before`` and ``n_pixels_after``
        of the object, and ``n_pixels_changed`` of the class mask, at least 1.

    Raises:
        PlantingError: fewer images than asked for can hold an error.
    """
    rng = seed_generator(seed, "planted mask errors")
    return plant_in_turn(
        images,
        lambda image, kind: _plant(image, kind, size_share, rng),
        fraction=fraction,
        kinds=kinds,
        columns=TRUTH_COLUMNS,
        rng=rng,
    )


def find_objects_of(image: AnnotatedImage) -> np.ndarray:
    """Return the objects of an image as ids of shape (height, width), 0 = background.

    The instance mask where the image has one, else the connected regions of each class, numbered class by class.
    """
    from scipy.ndimage import label

    if image.instance_mask is not None:
        return image.instance_mask
    objects = np.zeros((image.height, image.width), dtype=np.int32)
    if image.class_mask is not None:
        for code in np.unique(image.class_mask[find_labelled_pixels(image)]):
            regions, _ = label(image.class_mask == code)
            objects = np.where(regions > 0, regions + objects.max(), objects)
    return objects


def find_labelled_pixels(image: AnnotatedImage) -> np.ndarray:
    """Return which pixels have a class, and are not background or ignored, bool of shape (height, width)."""
    if image.class_mask is None:
        return np.zeros((image.height, image.width), dtype=bool)
    return np.asarray((image.class_mask > 0) & ~image.find_ignored_pixels())


def _plant(
    image: AnnotatedImage, kind: MaskErrorKind, size_share: float, rng: np.random.Generator
) -> tuple[AnnotatedImage, dict[str, object]] | None:
    if image.class_mask is None:
        return None
    objects = np.where(find_labelled_pixels(image), find_objects_of(image), 0)
    sizes = np.bincount(objects.ravel())
    numbers = np.flatnonzero(sizes[1:] >= LEAST_OBJECT_PIXELS) + 1
    if len(numbers) == 0:
        return None
    number = int(rng.choice(numbers))
    region = objects == number
    code = int(image.class_mask[region][0])
    after_code = code
    if kind == "dropped_object":
        after, after_code = np.zeros_like(region), 0
    elif kind == "swapped_class":
        others = [other for other in range(1, len(image.class_names) + 1) if other != code]
        if not others:
            return None
        after, after_code = region, int(rng.choice(others))
    else:
        drawn = _draw_region(region, kind, size_share, image.class_mask == 0, rng)
        if drawn is None:
            return None
        after = drawn
    mask = image.class_mask.copy()
    mask[region] = 0
    mask[after] = after_code
    n_changed = int((mask != image.class_mask).sum())
    if n_changed == 0:
        return None
    changed = replace(image, boxes=np.zeros((0, 4)), box_labels=(), instance_mask=None, class_mask=mask)
    return changed, {
        "object": number,
        "class_before": image.class_names[code - 1],
        "class_after": image.class_names[after_code - 1] if after_code else "",
        "n_pixels_before": int(region.sum()),
        "n_pixels_after": int(after.sum()),
        "n_pixels_changed": n_changed,
    }


def _draw_region(
    region: np.ndarray, kind: MaskErrorKind, size_share: float, is_free: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """Return the pixels of the object after the error; it never covers another object. None where there is no room."""
    size = int(region.sum())
    if kind == "shifted_object":
        return _shift_region(region, is_free, rng)
    from scipy.ndimage import binary_dilation, binary_erosion

    def change(n_steps: int) -> np.ndarray:
        if kind == "dilated_object":
            return np.asarray(binary_dilation(region, iterations=n_steps, mask=is_free | region))
        return np.asarray(binary_erosion(region, iterations=n_steps))

    def is_enough(n_steps: int) -> bool:
        return abs(int(change(n_steps).sum()) - size) >= size_share * size

    n_steps = bisect_left(range(_TRIES), x=True, key=lambda n: is_enough(n + 1)) + 1
    after = change(n_steps)
    return after if n_steps <= _TRIES and after.any() else None


def _shift_region(region: np.ndarray, is_free: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    rows, columns = np.nonzero(region)
    extent = np.array([np.ptp(rows) + 1, np.ptp(columns) + 1])
    for _ in range(_TRIES):
        down, right = np.round(rng.uniform(-0.6, 0.6, 2) * extent).astype(int)
        new_rows, new_columns = rows + down, columns + right
        is_inside = (
            (new_rows >= 0) & (new_rows < region.shape[0]) & (new_columns >= 0) & (new_columns < region.shape[1])
        )
        shifted = np.zeros_like(region)
        shifted[new_rows[is_inside], new_columns[is_inside]] = True
        shifted &= is_free | region
        overlap = (shifted & region).sum() / (shifted | region).sum()
        if shifted.any() and overlap < LARGEST_SHIFTED_IOU and shifted.sum() >= region.sum() / 2:
            return shifted
    return None
