"""Boxes or polygons as YOLO: for each picture a text file of its name, with a line for each object.

``dataset.toml`` beside the files::

    family = "object_detection"        # or "segmentation"
    format = "yolo"
    class_names = ["cat", "dog"]       # in the order of their numbers; those of the file of classes, if absent

    [files]
    images = "images"
    labels = "labels"
    classes = "data.yaml"              # may be absent; or a text with a name in each line, such as classes.txt

A line holds the number of a class, counted from 0, and a box: the middle in x and y, width and height, all as shares of
the picture from 0 to 1. A line with three points or more is a polygon: for boxes it is the box around it, said with a
number; for segmentation there must be polygons, which are painted in the order of the lines. Numbers are rounded, so an
edge may pass the border by a ten-thousandth of the picture; it is cut off there.

The text of ``train/a.jpg`` is ``train/a.txt``. A picture without a text, or with an empty one, has no object on it, as
YOLO trains with it; said with a number. A text without a picture is refused, and so are shares outside of 0 to 1, a
number of no class, six numbers (the last is the confidence of a prediction), and two pictures of one name.

``cleanlab-demo export`` writes the texts with corrected labels into a folder; all else in them stays, byte for byte. A
polygon whose box was moved becomes a box. For segmentation whole polygons can become another class or go; other regions
are refused, since polygons cannot hold them. The text of an excluded picture is left out: take the picture away, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
from cleanlab_assets.datasets.picture_files import NamedPicture, PictureIndex, read_all_pictures
from cleanlab_assets.datasets.yolo_file import EDGES, fill_line, find_texts, place_box, read_class_list, read_lines_of
from cleanlab_assets.datasets.yolo_writing import write_corrected_yolo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable

LIKELY_LISTS = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
"""Files beside the folders that may list the classes."""


def load_yolo(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: BoxOptions | None = None,
    encoding: str | None = None,
    family: str = "object_detection",
) -> NotedTable:
    """Read the raw table from a folder of pictures (role ``images``) and one of texts (role ``labels``).

    Raises:
        AnnotationError: texts or pictures cannot be; the message tells all faults.
    """
    options = options or BoxOptions()
    names, faults, notes = without_background(class_names), Faults(), list[str]()
    numbered = class_names if "classes" not in files else read_class_list(files["classes"], encoding)
    classes = ClassFinder(names)
    index = PictureIndex(files["images"])
    texts = find_texts(files["labels"], index, faults)
    lines = {
        row_id: read_lines_of(path, files["labels"], encoding, numbered, classes, faults)
        for row_id, path in texts.items()
    }
    named = [NamedPicture(row_id=row_id, path=path, place=row_id) for row_id, path in sorted(index.paths.items())]
    pictures = read_all_pictures(named, options, faults, notes)
    placer = BoxPlacer(options=options, edges=EDGES)
    rows, n_polygons = [], 0
    for row_id, picture in pictures.items():
        found = lines.get(row_id, [])
        if family == "segmentation":
            mask = np.zeros((picture.height, picture.width), dtype=np.int32)
            for line in found:
                with faults.gather():
                    mask[fill_line(line, (picture.width, picture.height))] = names.index(line.label) + 1
            rows.append(build_row(row_id, picture, names, class_mask=mask))
            continue
        boxes = []
        for line in found:
            n_polygons += line.is_polygon
            with faults.gather():
                box = place_box(line, (picture.width, picture.height), placer)
                if box is not None:
                    boxes.append((box, line.label))
        rows.append(build_row(row_id, picture, names, boxes=boxes))
    notes += placer.tell()
    if n_polygons:
        notes.append(f"{n_polygons:,} lines are polygons, of which the box around them is taken")
    if without := sorted(set(index.paths) - set(texts)):
        notes.append(f"pictures without a text, taken for pictures without an object: {count_and_name(without)}")
    return finish_table(rows, faults, notes, names, files=files["labels"].name)


def find_class_names(
    files: Mapping[str, Path],
    *,
    options: BoxOptions,  # noqa: ARG001 - every form takes them
    encoding: str | None,
) -> tuple[str, ...]:
    """Return the names that the file of classes lists; none where there is no such file.

    Raises:
        TextFileError: the file is not YAML, or cannot be read.
        AnnotationError: it lists no names.
    """
    if "classes" in files:
        return read_class_list(files["classes"], encoding)
    folder = files["images"].parent
    likely = [name for name in LIKELY_LISTS if (folder / name).is_file()]
    hint = f': there is {likely[0]}: state classes = "{likely[0]}" under [files]' if likely else ""
    raise AnnotationError(
        f"dataset.toml: found neither class_names nor a file of classes, such as data.yaml or classes.txt{hint}"
    )


FORMAT = image_format(
    "yolo",
    __doc__,
    ("object_detection", "segmentation"),
    load_yolo,
    files={
        "images": "the folder of pictures",
        "labels": "the folder of texts; it may be that of the pictures",
        "classes": "data.yaml, or a text with a name of a class in each line; may be absent",
    },
    folders={"images", "labels"},
    optional={"classes"},
    find_class_names=find_class_names,
    options=BoxOptions,
    write_corrected=write_corrected_yolo,
)
