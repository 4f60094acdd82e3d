"""What of an image a decision is of: a box, or a region of its mask; how they are named, and found again.

A given box is named by its class and its corners, rounded to a tenth of a pixel: ``cat@10,20,30,40``. So its name says
what a person sees in the picture, and stays when boxes come, go or change their order; a box that was moved or renamed
is another one. Of equal boxes the second is ``cat@10,20,30,40#2``. An object that nobody boxed is named by its
predicted box, with a plus: ``+cat@10,20,30,40``. A region is named by its given class, the box around it, and a hash of
its pixels, since two regions may have one box around them: ``cat@10,20,30,40:1a2b3c``.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.boxes import box_iou
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.images import BACKGROUND, IGNORED_ID, decode_mask
from cleanlab_assets.datasets.outlines import (
    OutlineError,
    box_of_region,
    expand_runs,
    find_runs,
    pack_runs,
    read_packed_runs,
    split_connected,
)
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, NoBox, RegionLabel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.reviews.decisions import ElementLabel

MISSING = "+"
"""What the name of an object that nobody boxed begins with."""
SAME_BOX_IOU = 0.9
"""Boxes of a class that overlap so much are the same box, drawn twice."""
_DIGITS = 1
_DIGEST_BYTES = 3
_BOX = re.compile(r"(.+)@([^@]+)", re.DOTALL)
_TURN = re.compile(r"#[0-9]+\Z")
_REGION = re.compile(r"(.+) ([0-9]+)x([0-9]+) (\S+)", re.DOTALL)


def has_elements(dataset: Dataset) -> bool:
    """Whether the rows of a dataset are images, whose boxes and regions have labels of their own."""
    return {"boxes", "class_mask"} <= {column.name for column in dataset.columns}


def name_box(class_name: str, corners: Sequence[float]) -> str:
    """Return the name of a box, the first of its equals."""
    x1, y1, x2, y2 = (round(float(edge), _DIGITS) + 0.0 for edge in corners)
    return str(BoxLabel(class_name=class_name, corners=(x1, y1, x2, y2)))


def name_boxes(class_names: Sequence[str], boxes: np.ndarray) -> list[str]:
    """Return the name of each given box of an image.

    Args:
        class_names: the class of each box.
        boxes: shape (n_boxes, 4): x1, y1, x2, y2 in pixels.
    """
    counts: dict[str, int] = {}
    names = []
    for class_name, corners in zip(class_names, boxes.tolist(), strict=True):
        name = name_box(class_name, corners)
        counts[name] = counts.get(name, 0) + 1
        names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return names


def name_missing_box(class_name: str, corners: Sequence[float]) -> str:
    """Return the name of an object that nobody boxed, by its predicted box."""
    return f"{MISSING}{name_box(class_name, corners)}"


def name_region(class_name: str, is_inside: np.ndarray) -> str:
    """Return the name of a region by its given class and its pixels, bool of shape (height, width)."""
    corners = box_of_region(is_inside) or (0, 0, 0, 0)
    digest = hashlib.blake2b(np.packbits(is_inside).tobytes(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name_box(class_name, corners)}:{digest}"


def read_given_boxes(row: Mapping[Any, Any]) -> dict[str, BoxLabel]:
    """Return the given boxes of a row of a raw table of images by their names, in their order."""
    labels, boxes = json.loads(row["box_labels"]), json.loads(row["boxes"])
    names = name_boxes(labels, np.array(boxes, dtype=np.float64).reshape(-1, 4))
    return {
        name: BoxLabel(class_name=label, corners=box) for name, label, box in zip(names, labels, boxes, strict=True)
    }


def find_given_regions(row: Mapping[Any, Any], class_names: Sequence[str]) -> dict[str, RegionLabel]:
    """Return the connected regions of one class of the given mask by their names; none where there is no mask."""
    if not isinstance(row["class_mask"], bytes):
        return {}
    mask = decode_mask(row["class_mask"])
    found = split_regions(mask, mask, class_names)
    return {name_region(given, inside): label_region(given, inside) for given, _, inside in found}


def split_regions(
    given: np.ndarray, other: np.ndarray, class_names: Sequence[str]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield the connected regions of one given class and one other class; of background to background none.

    Args:
        given: class ids of a mask, 0 = background, shape (height, width).
        other: those of another mask of the picture; pixels that take no part in one of them belong to no region.
        class_names: the classes, without the background.

    Yields:
        The given class, the other one, and the pixels, bool of shape (height, width).
    """
    is_judged = ~(find_ignored(given, class_names) | find_ignored(other, class_names))
    names = (BACKGROUND, *class_names)
    pairs = np.unique(np.stack([given[is_judged], other[is_judged]]), axis=1).T.tolist()
    for first, second in pairs:
        if first == second == 0:
            continue
        for region in split_connected((given == first) & (other == second) & is_judged):
            yield names[first], names[second], region


def find_ignored(mask: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """Return which pixels of a mask take no part, bool of its shape."""
    return np.asarray((mask == IGNORED_ID) & (len(class_names) < IGNORED_ID))


def label_region(class_name: str, is_inside: np.ndarray) -> RegionLabel:
    """Return the label of a region, whose pixels are bool of shape (height, width)."""
    height, width = is_inside.shape
    return RegionLabel(class_name=class_name, width=width, height=height, runs=pack_runs(find_runs(is_inside)))


def read_pixels(label: RegionLabel) -> np.ndarray:
    """Return the pixels of a region, bool of shape (height, width).

    Raises:
        DecisionError: the text describes none.
    """
    try:
        return expand_runs(read_packed_runs(label.runs), label.width, label.height)
    except OutlineError as error:
        raise DecisionError(f"region of {quote(label.class_name)}: found {error}") from error


def encode_class(class_name: str, class_names: Sequence[str]) -> int:
    """Return the id of a class in a mask, 0 of the background."""
    return 0 if class_name == BACKGROUND else class_names.index(class_name) + 1


def parse_element_label(text: str) -> ElementLabel:
    """Read the label of an element as its ``str`` writes it.

    Raises:
        DecisionError: the text is none.
    """
    if text == str(NoBox()):
        return NoBox()
    if region := _REGION.fullmatch(text):
        width, height = int(region[2]), int(region[3])
        if width and height:
            label = RegionLabel(class_name=region[1], width=width, height=height, runs=region[4])
            read_pixels(label)
            return label
    if box := _BOX.fullmatch(text):
        return _read_box(box[1], box[2], text)
    raise DecisionError(f"label {quote(text)}, expected a box such as cat@10,20,30,40, or '{NoBox()}'")


def parse_missing_box(element: str) -> BoxLabel | None:
    """Return the box that the name of an object that nobody boxed says; None for another name."""
    found = _BOX.fullmatch(_TURN.sub("", element.removeprefix(MISSING)))
    return _read_box(found[1], found[2], element) if element.startswith(MISSING) and found else None


def find_same_box(box: BoxLabel, given: Mapping[str, BoxLabel]) -> str | None:
    """Return the name of the given box that is the same one; None where there is none."""
    same_class = {name: one for name, one in given.items() if one.class_name == box.class_name}
    if not same_class:
        return None
    overlaps = box_iou(np.array([box.corners]), np.array([one.corners for one in same_class.values()]))[0]
    return list(same_class)[int(overlaps.argmax())] if overlaps.max() >= SAME_BOX_IOU else None


def _read_box(class_name: str, numbers: str, text: str) -> BoxLabel:
    try:
        corners = tuple(float(number) for number in numbers.split(","))
        x1, y1, x2, y2 = corners
    except ValueError:
        raise DecisionError(
            f"box {quote(text)}: expected x1, y1, x2, y2 behind the @, such as cat@10,20,30,40"
        ) from None
    if not (np.isfinite(corners).all() and 0 <= x1 < x2 and 0 <= y1 < y2):
        raise DecisionError(f"box {quote(text)}: expected numbers from 0 on, x1 below x2 and y1 below y2")
    return BoxLabel(class_name=class_name, corners=(x1, y1, x2, y2))
