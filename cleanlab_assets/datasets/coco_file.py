"""What a COCO file says: its pictures, categories and annotations, and the box or the pixels of each annotation.

``formats.coco`` says what is read and refused; ``coco_writing`` writes such a file with corrected annotations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.image_folders import require_room_for_ignored
from cleanlab_assets.datasets.images import IGNORED_ID, AnnotationError
from cleanlab_assets.datasets.outlines import (
    OutlineError,
    box_of_region,
    expand_runs,
    fill_polygon,
    read_packed_runs,
)
from cleanlab_assets.datasets.picture_files import NamedPicture, Picture, PictureIndex
from cleanlab_assets.datasets.text_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.faults import Faults
    from cleanlab_assets.datasets.image_folders import Box, BoxPlacer, ClassFinder

SECTIONS = ("images", "categories", "annotations")
EDGES = ("x", "y", "x + width", "y + height")
"""What the file calls the edges of a box."""
FEWEST_POINTS = 3
_DIGITS = 6
"""Decimals of a pixel that are kept: a sum of decimals may pass the border by less than anyone could draw."""


class Mark(NamedTuple):
    """An annotation of a known image: its number from 0, its place in words, its class, and whether it is ignored."""

    number: int
    place: str
    label: str
    is_ignored: bool
    content: Mapping[str, Any]


@dataclass
class Tally:
    """What is counted while annotations are read."""

    n_ignored: int = 0
    n_boxes_of_regions: int = 0
    n_without_pixel: int = 0


def read_sections(path: Path, encoding: str | None) -> Mapping[str, list[Any]]:
    """Return the content of a file, which has every one of ``SECTIONS``.

    Raises:
        TextFileError: the file is not JSON.
        AnnotationError: the file is not COCO's.
    """
    content = read_json(path, encoding)
    if not isinstance(content, dict):
        raise AnnotationError(
            f"{path.name}: found {_name_type(content)} at the top, expected an object with {', '.join(SECTIONS)}"
        )
    for section in SECTIONS:
        if not isinstance(content.get(section), list):
            found = _name_type(content[section]) if section in content else f"the keys {', '.join(content)}"
            raise AnnotationError(f"{path.name}: found {found}, expected a list under {section}")
    return content


def _name_type(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else quote(value)


def read_categories(found: list[Any], file: str, faults: Faults) -> dict[Any, str]:
    """Return the names of the categories by their id."""
    categories: dict[Any, str] = {}
    for number, category in enumerate(found, start=1):
        with faults.gather():
            place = f"{file}, category no. {number}"
            category_id = _take_id(category, "id", place)
            name = category.get("name")
            if not isinstance(name, str):
                raise AnnotationError(f"{place}: found the name {quote(name)}, expected a text")
            if category_id in categories:
                raise AnnotationError(
                    f"{file}, categories: the id {quote(category_id)} stands for {quote(categories[category_id])} and "
                    f"for {quote(name)}: give each its own"
                )
            categories[category_id] = name
    return categories


def _take_id(entry: Any, key: str, place: str) -> int | str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, int | str) or isinstance(value, bool):
        found = quote(value) if isinstance(entry, dict) else quote(entry)
        raise AnnotationError(f"{place}: found the {key} {found}, expected a whole number or a text")
    return value


def name_pictures(
    found: list[Any], index: PictureIndex, file: str, faults: Faults, notes: list[str]
) -> dict[Any, NamedPicture | None]:
    """Return the pictures by the id of their image; None for one whose entry or picture cannot be had."""
    named: dict[Any, NamedPicture | None] = {}
    file_names: dict[Any, Any] = {}
    id_of_row: dict[str, Any] = {}
    by_last_part = []
    for number, image in enumerate(found, start=1):
        with faults.gather():
            image_id = _take_id(image, "id", f"{file}, image no. {number}")
            name = image.get("file_name")
            if image_id in named:
                raise AnnotationError(
                    f"{file}, images: the id {quote(image_id)} stands for {quote(file_names[image_id])} and for "
                    f"{quote(name)}: give each its own, and mend image_id of their annotations"
                )
            named[image_id], file_names[image_id] = None, name
            place = f"{file}, image {image_id}"
            if not isinstance(name, str) or not name:
                raise AnnotationError(f"{place}: found the file_name {quote(name)}, expected a text")
            row_id = index.find(name)
            if row_id is None and (row_id := index.find_by_last_part(name)) is not None:
                by_last_part.append(name)
            if row_id is None:
                raise AnnotationError(f"{place}: {index.tell_absence(name)}")
            if row_id in id_of_row:
                raise AnnotationError(
                    f"{place}: found the picture {quote(row_id)}, which is that of image {id_of_row[row_id]}, too: "
                    "name each once"
                )
            id_of_row[row_id] = image_id
            named[image_id] = NamedPicture(
                row_id=row_id,
                path=index.paths[row_id],
                place=f"{place} ({row_id})",
                said_size=_take_size(image, f"{place} ({row_id})"),
            )
    if by_last_part:
        notes.append(f"pictures found by the last part of their file_name: {count_and_name(by_last_part)}")
    return named


def _take_size(image: Mapping[str, Any], place: str) -> tuple[int, int] | None:
    sides: list[Any] = [image.get(side) for side in ("width", "height")]
    if None in sides:
        return None
    if not all(_is_number(side) and side == int(side) and side > 0 for side in sides):
        raise AnnotationError(
            f"{place}: found the width {quote(sides[0])} and the height {quote(sides[1])}, expected pixels"
        )
    return int(sides[0]), int(sides[1])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(abs(value) < float("inf"))


def read_marks(  # noqa: PLR0917
    found: list[Any],
    named: Mapping[Any, NamedPicture | None],
    categories: Mapping[Any, str],
    classes: ClassFinder,
    file: str,
    faults: Faults,
) -> dict[Any, list[Mark]]:
    """Return the annotations of each image by its id, in their order."""
    marks: dict[Any, list[Mark]] = {image_id: [] for image_id in named}
    for number, annotation in enumerate(found, start=1):
        with faults.gather():
            place = f"{file}, annotation no. {number}"
            if not isinstance(annotation, dict):
                raise AnnotationError(f"{place}: found {quote(annotation)}, expected an object")
            if "id" in annotation:
                place = f"{file}, annotation {annotation['id']}"
            image_id = _take_id(annotation, "image_id", place)
            if image_id not in marks:
                raise AnnotationError(f"{place}: found the image_id {quote(image_id)}, which images does not hold")
            image = named[image_id]
            if image is not None:
                place = f"{place} ({image.row_id})"
            is_ignored = _is_marked(annotation, "iscrowd", place) or _is_marked(annotation, "ignore", place)
            category = _take_id(annotation, "category_id", place)
            if category not in categories:
                raise AnnotationError(f"{place}: found the category_id {quote(category)}, which categories do not hold")
            label = "" if is_ignored else classes.find(categories[category], place, "category")
            marks[image_id].append(Mark(number - 1, place, label, is_ignored, annotation))
    return marks


def _is_marked(annotation: Mapping[str, Any], key: str, place: str) -> bool:
    value = annotation.get(key)
    if value is not None and value not in (0, 1):
        raise AnnotationError(f"{place}: found {key} {quote(value)}, expected 0 or 1")
    return bool(value)


class PlacedBox(NamedTuple):
    """A box in its picture, its class, and the annotation that it is of."""

    box: Box
    label: str
    mark: Mark


def place_boxes(
    marks: Sequence[Mark], picture: Picture, placer: BoxPlacer, tally: Tally, faults: Faults
) -> list[PlacedBox]:
    """Return the boxes of the annotations of a picture, but for those to be ignored and those that are left out."""
    boxes = []
    for mark in marks:
        if mark.is_ignored:
            tally.n_ignored += 1
            continue
        with faults.gather():
            box = _find_box(mark, picture, tally)
            size, show = (picture.width, picture.height), partial(_show_box, mark, box)
            placed = placer.place(box, size=size, show=show, where=mark.place)
            if placed is not None:
                boxes.append(PlacedBox(placed, mark.label, mark))
    return boxes


def _show_box(mark: Mark, box: Box) -> str:
    """Say how the file has a box."""
    bbox = mark.content.get("bbox")
    return f"the bbox {quote(bbox)}" if bbox else f"the segmentation, whose box is {list(box)}"


def _find_box(mark: Mark, picture: Picture, tally: Tally) -> Box:
    """Return the box of an annotation in pixels."""
    bbox = mark.content.get("bbox")
    if bbox is None or bbox == []:
        if not mark.content.get("segmentation"):
            raise AnnotationError(f"{mark.place}: found neither bbox nor segmentation, expected one of them")
        box = _box_of_segmentation(mark, picture)
        tally.n_boxes_of_regions += 1
        return box
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):  # noqa: PLR2004 - x, y, w, h
        raise AnnotationError(f"{mark.place}: found the bbox {quote(bbox)}, expected x, y, width and height")
    x, y, width, height = map(float, bbox)
    return x, y, round(x + width, _DIGITS), round(y + height, _DIGITS)


def _box_of_segmentation(mark: Mark, picture: Picture) -> Box:
    segmentation = mark.content["segmentation"]
    if isinstance(segmentation, list):
        corners = np.concatenate(_read_polygons(mark, segmentation))
        return tuple(float(value) for value in (*corners.min(axis=0), *corners.max(axis=0)))
    box = box_of_region(read_region(mark, picture))
    if box is None:
        raise AnnotationError(f"{mark.place}: found a segmentation without any pixel, and no bbox")
    return tuple(box)


def _read_polygons(mark: Mark, found: list[Any]) -> list[np.ndarray]:
    if not found:
        raise AnnotationError(f"{mark.place}: found an empty segmentation, expected polygons")
    polygons = []
    for polygon in found:
        is_list = isinstance(polygon, list) and all(map(_is_number, polygon))
        if not is_list or len(polygon) % 2 or len(polygon) < 2 * FEWEST_POINTS:
            raise AnnotationError(
                f"{mark.place}: found the polygon {quote(polygon)} in segmentation, expected x and y of at least "
                f"{FEWEST_POINTS} points"
            )
        polygons.append(np.array(polygon, dtype=np.float64).reshape(-1, 2))
    return polygons


def read_region(mark: Mark, picture: Picture) -> np.ndarray:
    """Return the pixels of an annotation, bool of shape (height, width)."""
    found, size = mark.content.get("segmentation"), (picture.width, picture.height)
    if isinstance(found, list):
        region = np.zeros((picture.height, picture.width), dtype=bool)
        for polygon in _read_polygons(mark, found):
            region |= fill_polygon(polygon, *size)
        return region
    if not isinstance(found, dict):
        raise AnnotationError(
            f"{mark.place}: found the segmentation {quote(found)}, expected polygons, or run lengths as counts and size"
        )
    if found.get("size") != [picture.height, picture.width]:
        raise AnnotationError(
            f"{mark.place}: found run lengths of the size {quote(found.get('size'))}, expected height and width of the "
            f"picture, [{picture.height}, {picture.width}]"
        )
    try:
        return expand_runs(_read_counts(found.get("counts"), picture.width * picture.height), *size)
    except OutlineError as error:
        raise AnnotationError(f"{mark.place}: in segmentation, found {error}") from error


def _read_counts(counts: Any, most: int) -> np.ndarray:
    if isinstance(counts, str):
        return read_packed_runs(counts)
    if not isinstance(counts, list) or not all(type(count) is int and 0 <= count <= most for count in counts):
        raise OutlineError(f"the counts {quote(counts)}, expected whole numbers from 0 to {most}, or a text")
    return np.array(counts, dtype=np.int64)


def paint(
    marks: Sequence[Mark], picture: Picture, class_names: tuple[str, ...], tally: Tally, faults: Faults
) -> np.ndarray:
    """Return the class mask of a picture, int32 of shape (height, width)."""
    mask = np.zeros((picture.height, picture.width), dtype=np.int32)
    for mark in marks:
        with faults.gather():
            region = read_region(mark, picture)
            tally.n_without_pixel += not region.any()
            if mark.is_ignored:
                require_room_for_ignored(class_names)
                tally.n_ignored += 1
            mask[region] = IGNORED_ID if mark.is_ignored else class_names.index(mark.label) + 1
    return mask
