"""COCO files with corrected boxes or regions: an annotation changes where it must, and every other byte stays.

Of a box that was renamed the ``category_id`` changes, of one that was moved the ``bbox``, and its ``area`` where no
``segmentation`` says it. Regions are painted over each other, so a changed pixel is taken out of every annotation that
holds it, and what is to be seen there comes as annotations of its own behind all others, as run lengths; where a whole
annotation became another class, its ``category_id`` alone changes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.coco_file import (
    EDGES,
    Tally,
    name_pictures,
    paint,
    place_boxes,
    read_categories,
    read_marks,
    read_region,
    read_sections,
)
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import BoxOptions, BoxPlacer, ClassFinder, without_background
from cleanlab_assets.datasets.images import AnnotationError, decode_mask
from cleanlab_assets.datasets.json_places import find_items, find_members, rewrite_list, write_like
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.outlines import box_of_region, find_runs, pack_runs, split_connected
from cleanlab_assets.datasets.picture_files import Picture, PictureIndex
from cleanlab_assets.datasets.text_files import decode_exactly, encode_exactly, pack_as, read_content
from cleanlab_assets.datasets.text_places import Place, replace_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.coco_file import Mark
    from cleanlab_assets.datasets.descriptions import OwnDataset

_DIGITS = 6
_NUMBER = r"-?[0-9.]+(?:[eE][-+]?[0-9]+)?"


@dataclass
class _Changes:
    """What becomes of the annotations of a file: the new fields of some by their number, none of one that goes."""

    fields: dict[int, dict[str, Any] | None]
    added: list[dict[str, Any]]


def write_corrected_coco(description: OwnDataset, folder: Path, corrected: pd.DataFrame) -> dict[str, bytes]:
    """Return the content of the annotations with the corrected boxes or regions, and without excluded images.

    Args:
        description: of the dataset.
        folder: of the description.
        corrected: corrected dataset, see ``correct_images``.

    Returns:
        By the name of the file.

    Raises:
        AnnotationError: the file has no category of a decided class, or is another one than was read.
        TextFileError: the file cannot be read.
    """
    file = description.files["annotations"]
    path, faults = folder / file, Faults()
    options = read_section(BoxOptions, description.options, "options", folder / DESCRIPTION_FILE)
    content = read_sections(path, description.encoding)
    categories = read_categories(content["categories"], path.name, faults)
    names = without_background(description.class_names or tuple(dict.fromkeys(categories.values())))
    classes = ClassFinder(names)
    named = name_pictures(content["images"], PictureIndex(folder / description.files["images"]), path.name, faults, [])
    marks = read_marks(content["annotations"], named, categories, classes, path.name, faults)
    faults.raise_any(AnnotationError)
    ids = {to_nfc(name): category_id for category_id, name in reversed(categories.items())}
    image_ids = {one.row_id: image_id for image_id, one in named.items() if one is not None}
    writer = _Writer(path.name, ids, names, BoxPlacer(options=options, edges=EDGES))
    changes, gone = _Changes({}, []), set()
    for row in corrected.to_dict("records"):
        if row["row_id"] not in image_ids:
            raise AnnotationError(f"{path.name}: found no image {quote(row['row_id'])}: run the audit anew")
        image_id = image_ids[row["row_id"]]
        if row["is_excluded"]:
            gone.add(image_id)
            changes.fields |= dict.fromkeys((mark.number for mark in marks[image_id]), None)
        elif description.family == "segmentation":
            writer.change_regions(row, image_id, marks[image_id], changes)
        else:
            writer.change_boxes(row, image_id, marks[image_id], changes)
    return {file: _rewrite(path, description.encoding, content, changes, gone)}


@dataclass(frozen=True)
class _Writer:
    """Finds what changes in the annotations of an image."""

    file: str
    ids: Mapping[str, Any]
    class_names: tuple[str, ...]
    placer: BoxPlacer

    def change_boxes(self, row: Mapping[Any, Any], image_id: Any, marks: Sequence[Mark], changes: _Changes) -> None:
        if row["boxes"] == row["corrected_boxes"] and row["box_labels"] == row["corrected_box_labels"]:
            return
        faults = Faults()
        given = place_boxes(marks, _size_of(row), self.placer, Tally(), faults)
        faults.raise_any(AnnotationError)
        if [list(one.box) for one in given] != json.loads(row["boxes"]):
            raise AnnotationError(
                f"{self.file}: image {quote(row['row_id'])} has other boxes by now: run the audit anew"
            )
        found = (json.loads(row[f"corrected_{name}"]) for name in ("boxes", "box_labels", "box_origins"))
        kept = set()
        for corners, label, origin in zip(*found, strict=True):
            x1, y1, x2, y2 = corners
            bbox = [_to_number(edge) for edge in (x1, y1, x2 - x1, y2 - y1)]
            if origin < 0:
                area = _to_number(bbox[2] * bbox[3])
                changes.added.append(
                    {"image_id": image_id, "category_id": self._find_id(label), "bbox": bbox, "area": area}
                )
                continue
            kept.add(origin)
            fields: dict[str, Any] = {}
            if label != given[origin].label:
                fields["category_id"] = self._find_id(label)
            if corners != list(given[origin].box):
                fields["bbox"] = bbox
                if not given[origin].mark.content.get("segmentation"):
                    fields["area"] = _to_number(bbox[2] * bbox[3])
            if fields:
                changes.fields[given[origin].mark.number] = fields
        changes.fields |= {one.mark.number: None for place, one in enumerate(given) if place not in kept}

    def change_regions(self, row: Mapping[Any, Any], image_id: Any, marks: Sequence[Mark], changes: _Changes) -> None:
        if row["class_mask"] == row["corrected_class_mask"]:
            return
        faults, picture = Faults(), _size_of(row)
        old, new = decode_mask(row["class_mask"]), decode_mask(row["corrected_class_mask"])
        if not np.array_equal(paint(marks, picture, self.class_names, Tally(), faults), old) or len(faults):
            raise AnnotationError(
                f"{self.file}: image {quote(row['row_id'])} has other regions by now: run the audit anew"
            )
        changed, shown = old != new, np.zeros_like(old)
        for mark in marks:
            region = read_region(mark, picture)
            touched = region & changed
            code = 0 if mark.is_ignored else self.class_names.index(mark.label) + 1
            became = np.unique(new[region]).tolist() if touched.any() and (touched == region).all() else []
            if len(became) == 1 and became[0] and not mark.is_ignored:
                changes.fields[mark.number] = {"category_id": self._find_id(self.class_names[became[0] - 1])}
                code = became[0]
            elif touched.any():
                region &= ~changed
                changes.fields[mark.number] = _describe_region(region) if region.any() else None
            if not mark.is_ignored:
                shown[region] = code
        for code in np.unique(new[changed & (shown != new)]).tolist():
            if code:
                for region in split_connected((new == code) & changed & (shown != new)):
                    fields = {"image_id": image_id, "category_id": self._find_id(self.class_names[code - 1])}
                    changes.added.append({**fields, **_describe_region(region)})

    def _find_id(self, class_name: str) -> Any:
        found = self.ids.get(to_nfc(class_name))
        if found is None:
            raise AnnotationError(f"{self.file}: categories hold no {quote(class_name)}: add it with an id of its own")
        return found


def _rewrite(
    path: Path, encoding: str | None, content: Mapping[str, list[Any]], changes: _Changes, gone: set[Any]
) -> bytes:
    """Return the content of the file with its changes; the images of some ids go."""
    mark, codec, text = decode_exactly(read_content(path), path.name, encoding)
    sections = find_members(text)
    annotations, images = (text[sections[name].start : sections[name].end] for name in ("annotations", "images"))
    items = find_items(annotations)
    new = {
        number: None if fields is None else _change(annotations[items[number].start : items[number].end], fields)
        for number, fields in changes.fields.items()
    }
    first = annotations[items[0].start : items[0].end] if items else ""
    ids = [one["id"] for one in content["annotations"] if type(one.get("id")) is int]
    added = []
    for number, fields in enumerate(changes.added, start=max(ids, default=0) + 1):
        said = {"id": number, **fields, "iscrowd": 0}
        added.append(write_like({"segmentation": [], **said} if "segmentation" not in said else said, first))
    left_out = {number: None for number, image in enumerate(content["images"]) if image["id"] in gone}
    changed = replace_places(
        text,
        {
            sections["annotations"]: rewrite_list(annotations, items, new, added),
            sections["images"]: rewrite_list(images, find_items(images), left_out),
        },
    )
    return pack_as(path, encode_exactly(mark, codec, changed, path.name))


def _change(annotation: str, fields: Mapping[str, Any]) -> str:
    """Return the text of an annotation with other fields."""
    members = find_members(annotation)
    new: dict[Place, str] = {}
    for name, value in fields.items():
        place = members.get(name)
        if place is None and name == "bbox":  # it had that of its segmentation
            gap = annotation[1 : len(annotation) - len(annotation[1:].lstrip())]
            new[Place(1, 1)] = f'{gap}"{name}": {write_like(value)},'
        elif place is not None and name == "bbox" and annotation[place.start] == "[":
            old = find_items(annotation, place.start)
            texts = [annotation[one.start : one.end] for one in old] or [""] * len(value)
            numbers = [_write_number(number, text) for number, text in zip(value, texts, strict=True)]
            new |= dict(zip(old, numbers, strict=True)) if old else {place: f"[{', '.join(numbers)}]"}
        elif place is not None and name == "area":
            new[place] = _write_number(value, annotation[place.start : place.end])
        elif place is not None:
            new[place] = write_like(value)
    return replace_places(annotation, new)


def _to_number(value: float) -> float:
    """Return a number of pixels as it is written: a whole one as such."""
    rounded = round(float(value), _DIGITS)
    return int(rounded) if rounded.is_integer() else rounded


def _write_number(number: float, old: str) -> str:
    """Write a number as the old one was, which stays where it is equal."""
    if re.fullmatch(_NUMBER, old) and float(old) == number:
        return old
    return str(int(number)) if float(number).is_integer() and "." not in old else repr(float(number))


def _describe_region(region: np.ndarray) -> dict[str, Any]:
    height, width = region.shape
    x1, y1, x2, y2 = box_of_region(region) or (0.0, 0.0, 0.0, 0.0)
    return {
        "segmentation": {"size": [height, width], "counts": pack_runs(find_runs(region))},
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": int(region.sum()),
    }


def _size_of(row: Mapping[Any, Any]) -> Picture:
    return Picture(content=b"", width=int(row["width"]), height=int(row["height"]))
