"""Which decisions of boxes and regions hold for an image as it is now, and the image with the decided ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cleanlab_assets.datasets.boxes import SAME_OBJECT_IOU, box_iou
from cleanlab_assets.datasets.images import BACKGROUND, LABEL, SEPARATOR, decode_mask, encode_png
from cleanlab_assets.reviews.decisions import BoxLabel, DecisionError, NoBox, RegionLabel
from cleanlab_assets.reviews.elements import (
    encode_class,
    find_same_box,
    parse_element_label,
    read_given_boxes,
    read_pixels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.reviews.decisions import Decision, ElementLabel

CORRECTED_BOXES, CORRECTED_BOX_LABELS = "corrected_boxes", "corrected_box_labels"
BOX_ORIGINS = "corrected_box_origins"
CORRECTED_MASK = "corrected_class_mask"
Holding = Literal["in force", "outdated", "done"]
ADDED = -1
"""Origin of a box that is none of the given ones."""


def judge_element(dataset: Dataset, decision: Decision, row: Mapping[Any, Any]) -> Holding:
    """Say whether a decision of a box or region holds for its image as it is now.

    Args:
        dataset: catalogue entry.
        decision: of an element.
        row: of the raw table.

    Returns:
        ``in force``: the given box is there, or the object that nobody boxed has no box yet, or the pixels of the
        region have the given class. ``done``: they are as decided. ``outdated``: they are otherwise, or the dataset has
        not the decided class any more.
    """
    given, decided = decision.given_label, decision.label
    known = {BACKGROUND, *dataset.class_names}
    if any(isinstance(one, BoxLabel | RegionLabel) and one.class_name not in known for one in (given, decided)):
        return "outdated"
    if isinstance(given, RegionLabel):
        return _judge_region(given, decided, row, dataset.class_names)
    boxes = read_given_boxes(row)
    if decision.element in boxes:
        return "in force"
    if isinstance(decided, BoxLabel) and find_same_box(decided, boxes) is not None:
        return "done"
    if isinstance(given, BoxLabel):
        return "done" if isinstance(decided, NoBox) and not _has_box_of(given, boxes.values()) else "outdated"
    return "in force"


def correct_images(
    dataset: Dataset, raw: pd.DataFrame, keys: pd.Series[str], corrections: pd.DataFrame
) -> dict[str, list[Any]]:
    """Return the columns of the corrected boxes and masks of images.

    Args:
        dataset: catalogue entry.
        raw: raw table.
        keys: key of each row of it.
        corrections: of boxes and regions, those in force with another label, see ``list_corrections``; of two on one
            pixel the later one counts.

    Returns:
        By name, a value for each row: ``corrected_label``, ``corrected_boxes``, ``corrected_box_labels`` and
        ``corrected_class_mask`` in the form of the raw table, and ``corrected_box_origins``: JSON with the position of
        the given box that each corrected one was, ``ADDED`` where it was none.
    """
    by_row: dict[str, dict[str, ElementLabel]] = {}
    for found in corrections.sort_values("entry").to_dict("records"):
        label = parse_element_label(str(found["decided_label"]))
        by_row.setdefault(str(found["row_key"]), {})[str(found["element"])] = label
    records = raw[["boxes", "box_labels", "class_mask", LABEL]].to_dict("records")
    rows = [_correct(row, by_row.get(key, {}), dataset.class_names) for key, row in zip(keys, records, strict=True)]
    names = ("corrected_label", CORRECTED_BOXES, CORRECTED_BOX_LABELS, BOX_ORIGINS, CORRECTED_MASK)
    return {name: [row[name] for row in rows] for name in names}


def _correct(
    row: Mapping[Any, Any], decided: Mapping[str, ElementLabel], class_names: tuple[str, ...]
) -> dict[str, Any]:
    given = read_given_boxes(row)
    mask = row["class_mask"] if isinstance(row["class_mask"], bytes) else None
    if not decided:
        origins = json.dumps(list(range(len(given))))
        columns = (row[LABEL], row["boxes"], row["box_labels"], origins, mask)
    else:
        boxes = [(decided.get(name, box), place) for place, (name, box) in enumerate(given.items())]
        boxes += [(label, ADDED) for name, label in decided.items() if name not in given]
        kept = [(box, place) for box, place in boxes if isinstance(box, BoxLabel)]
        regions = [label for label in decided.values() if isinstance(label, RegionLabel)]
        pixels = None if mask is None else _paint(decode_mask(mask), regions, class_names)
        present = {box.class_name for box, _ in kept}
        if pixels is not None:
            present |= {name for code, name in enumerate(class_names, start=1) if (pixels == code).any()}
        columns = (
            SEPARATOR.join(name for name in class_names if name in present),
            json.dumps([list(box.corners) for box, _ in kept]),
            json.dumps([box.class_name for box, _ in kept]),
            json.dumps([place for _, place in kept]),
            mask if pixels is None or not regions else encode_png(pixels),
        )
    names = ("corrected_label", CORRECTED_BOXES, CORRECTED_BOX_LABELS, BOX_ORIGINS, CORRECTED_MASK)
    return dict(zip(names, columns, strict=True))


def _paint(mask: np.ndarray, regions: Iterable[RegionLabel], class_names: tuple[str, ...]) -> np.ndarray:
    for region in regions:
        mask[read_pixels(region)] = encode_class(region.class_name, class_names)
    return mask


def _judge_region(given: RegionLabel, decided: Any, row: Mapping[Any, Any], class_names: tuple[str, ...]) -> Holding:
    mask = decode_mask(row["class_mask"]) if isinstance(row["class_mask"], bytes) else None
    if mask is None or mask.shape != (given.height, given.width):
        return "outdated"
    try:
        codes = mask[read_pixels(given)]
    except DecisionError:  # an entry of another program, which says no pixels
        return "outdated"
    if (codes == encode_class(given.class_name, class_names)).all():
        return "in force"
    is_decided = isinstance(decided, RegionLabel) and (codes == encode_class(decided.class_name, class_names)).all()
    return "done" if is_decided else "outdated"


def _has_box_of(given: BoxLabel, boxes: Iterable[BoxLabel]) -> bool:
    """Whether a box of the class is in the place of a given one that is there no more."""
    places = [box.corners for box in boxes if box.class_name == given.class_name]
    return bool(places) and bool((box_iou(np.array([given.corners]), np.array(places)) >= SAME_OBJECT_IOU).any())
