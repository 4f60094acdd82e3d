"""Boxes and regions as COCO JSON: a file with ``images``, ``categories`` and ``annotations``, and a folder of pictures.

``dataset.toml`` beside the files::

    family = "object_detection"        # or "segmentation"
    format = "coco"
    class_names = ["cat", "dog"]       # the categories of the file, if absent

    [files]
    annotations = "instances.json"
    images = "images"

A ``bbox`` is x, y, width and height in pixels. An annotation without one has the box of its ``segmentation``: polygons,
or run lengths, packed or not. For segmentation these are painted in the order of the file, so that a later one lies on
top; a pixel belongs to a polygon that holds its centre.

Regions marked ``iscrowd`` or ``ignore`` are no objects: they are left out of the boxes, and in masks their pixels take
no part. A picture is found by its ``file_name``, else by the last part of it, if one picture of the folder has that.
Pictures of the folder that ``images`` does not name are left out. All of this is said with numbers.

Refused are ids that two images or two categories share, annotations of images or categories that are not there, boxes
without area or outside of their picture, and a ``width`` and ``height`` that the picture does not have. Where the class
names are those of the file, it is read whenever a command starts, so it may have 50 MB at most.

``cleanlab-demo export`` writes the file with corrected boxes or regions; all else in it stays, byte for byte. Of a box
that was moved the ``segmentation`` stays, too. A changed region is taken out of the annotations that hold it, and
written as run lengths behind all others. Excluded images go with their annotations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.coco_file import (
    EDGES,
    Tally,
    name_pictures,
    paint,
    place_boxes,
    read_categories,
    read_marks,
    read_sections,
)
from cleanlab_assets.datasets.coco_writing import write_corrected_coco
from cleanlab_assets.datasets.errors import count_and_name
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import (
    BoxOptions,
    BoxPlacer,
    ClassFinder,
    build_row,
    finish_table,
    image_format,
    without_background,
)
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.picture_files import PictureIndex, read_all_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable

MOST_BYTES_FOR_NAMES = 50_000_000


def load_coco(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: BoxOptions | None = None,
    encoding: str | None = None,
    family: str = "object_detection",
) -> NotedTable:
    """Read the raw table from a COCO file (role ``annotations``) and its pictures (role ``images``).

    Raises:
        TextFileError: the file is not JSON.
        AnnotationError: the file is not COCO's, or annotations or pictures cannot be; the message tells all faults.
    """
    options = options or BoxOptions()
    names = without_background(class_names)
    file, faults, notes = files["annotations"].name, Faults(), list[str]()
    content = read_sections(files["annotations"], encoding)
    categories = read_categories(content["categories"], file, faults)
    index = PictureIndex(files["images"])
    named = name_pictures(content["images"], index, file, faults, notes)
    marks = read_marks(content["annotations"], named, categories, ClassFinder(names), file, faults)
    known = [one for one in named.values() if one is not None]
    pictures = read_all_pictures(known, options, faults, notes)
    placer, tally = BoxPlacer(options=options, edges=EDGES), Tally()
    rows = []
    for image_id, one in named.items():
        picture = None if one is None else pictures.get(one.row_id)
        if one is None or picture is None:
            continue
        if family == "segmentation":
            mask = paint(marks[image_id], picture, names, tally, faults)
            rows.append(build_row(one.row_id, picture, names, class_mask=mask))
        else:
            placed = place_boxes(marks[image_id], picture, placer, tally, faults)
            boxes = [(one.box, one.label) for one in placed]
            rows.append(build_row(one.row_id, picture, names, boxes=boxes))
    notes += placer.tell()
    if tally.n_ignored:
        what = "their pixels take no part" if family == "segmentation" else "they are left out"
        notes.append(f"{tally.n_ignored:,} annotations are regions to be ignored (iscrowd or ignore): {what}")
    if tally.n_boxes_of_regions:
        notes.append(f"{tally.n_boxes_of_regions:,} annotations without bbox have the box of their segmentation")
    if tally.n_without_pixel:
        notes.append(f"{tally.n_without_pixel:,} regions hold the centre of no pixel, and leave no trace in the masks")
    if others := index.list_others(one.row_id for one in known):
        notes.append(f"pictures that {file} does not name, left out: {count_and_name(others)}")
    return finish_table(rows, faults, notes, names, files=file)


def find_class_names(
    files: Mapping[str, Path],
    *,
    options: BoxOptions,  # noqa: ARG001 - every form takes them
    encoding: str | None,
) -> tuple[str, ...]:
    """Return the names of the categories, in their order in the file.

    Raises:
        TextFileError: the file is not JSON.
        AnnotationError: the file is not COCO's, or too large to be read at each start.
    """
    path = files["annotations"]
    if path.is_file() and path.stat().st_size > MOST_BYTES_FOR_NAMES:
        raise AnnotationError(
            f"{path.name}: found {path.stat().st_size / 1e6:,.0f} MB, which is too much to be read for its categories "
            "whenever a command starts: state class_names in dataset.toml"
        )
    faults = Faults()
    categories = read_categories(read_sections(path, encoding)["categories"], path.name, faults)
    faults.raise_any(AnnotationError)
    return tuple(dict.fromkeys(categories.values()))


FORMAT = image_format(
    "coco",
    __doc__,
    ("object_detection", "segmentation"),
    load_coco,
    files={"annotations": "the COCO JSON file", "images": "the folder of pictures"},
    folders={"images"},
    find_class_names=find_class_names,
    options=BoxOptions,
    write_corrected=write_corrected_coco,
)
