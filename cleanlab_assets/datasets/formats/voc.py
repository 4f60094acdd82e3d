"""Boxes as Pascal VOC: one XML file for each picture, with an ``object`` for each box, and a folder of pictures.

``dataset.toml`` beside the files::

    family = "object_detection"
    format = "voc"
    class_names = ["cat", "dog"]       # the names that the files have, in alphabetical order, if absent

    [files]
    annotations = "Annotations"
    images = "JPEGImages"

A ``bndbox`` names the first and the last pixel of a box, counted from 1, so that ``xmin`` 1 and ``xmax`` 20 are a box
of 20 pixels at the left border. Many tools count from 0: a 0 in ``xmin`` or ``ymin`` of any file says so for all, and
where an ``xmax`` or ``ymax`` is then the width or height of its picture, it lies just outside of the box. Both is said.

The picture is that of ``filename``, with or without the folders before the name; where there is none, it is the one
with the name of the XML file. If both are there and differ, ``picture_by`` must say which it is. Pictures without an
XML file are left out. Files lie in the folders or in those within.

Refused are boxes without area or outside of their picture, a ``size`` that the picture does not have (0 tells nothing),
and two files on one picture. Where the class names are those of the files, these are read whenever a command starts, so
there may be 5,000 of them at most.

``cleanlab-demo export`` writes the XML files with corrected boxes into a folder; all else in them stays, byte for byte.
That of an excluded picture is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import count_and_name
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import (
    BoxPlacer,
    ClassFinder,
    build_row,
    finish_table,
    image_format,
    list_files,
    without_background,
)
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.picture_files import PictureIndex, read_all_pictures
from cleanlab_assets.datasets.text_files import read_xml
from cleanlab_assets.datasets.voc_file import EDGES, Options, find_shifts, name_pictures, place_boxes, read_pages
from cleanlab_assets.datasets.voc_writing import write_corrected_voc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable

MOST_FILES_FOR_NAMES = 5000


def load_voc(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: Options | None = None,
    encoding: str | None = None,
    family: str = "object_detection",  # noqa: ARG001 - every form takes it; this one has a single one
) -> NotedTable:
    """Read the raw table from a folder of XML files (role ``annotations``) and one of pictures (role ``images``).

    Raises:
        AnnotationError: files are not XML, or annotations or pictures cannot be; the message tells all faults.
    """
    options = options or Options()
    names = without_background(class_names)
    faults, notes, folder = Faults(), list[str](), files["annotations"]
    pages = read_pages(folder, encoding, ClassFinder(names), faults)
    index = PictureIndex(files["images"])
    named = name_pictures(pages, index, options, faults, notes)
    pictures = read_all_pictures(list(named.values()), options, faults, notes)
    sizes = {
        page: (pictures[one.row_id].width, pictures[one.row_id].height)
        for page, one in named.items()
        if one.row_id in pictures
    }
    shifts = find_shifts([(page, sizes.get(number)) for number, page in enumerate(pages)], options, notes)
    placer = BoxPlacer(options=options, edges=EDGES)
    rows = []
    for number, size in sizes.items():
        row_id, placed = named[number].row_id, place_boxes(pages[number], size, shifts, placer, faults)
        boxes = [(box, one.label) for box, one in placed]
        rows.append(build_row(row_id, pictures[row_id], names, boxes=boxes))
    notes += placer.tell()
    if others := index.list_others(one.row_id for one in named.values()):
        notes.append(f"pictures without an XML file, left out: {count_and_name(others)}")
    return finish_table(rows, faults, notes, names, files=folder.name)


def find_class_names(
    files: Mapping[str, Path],
    *,
    options: Options,  # noqa: ARG001 - every form takes them
    encoding: str | None,
) -> tuple[str, ...]:
    """Return the names that objects have, in alphabetical order.

    Raises:
        TextFileError: a file is not XML.
        AnnotationError: there is none, or too many to be read at each start.
    """
    folder = files["annotations"]
    if not folder.is_dir():
        raise AnnotationError(f"{folder.name}: found no such folder, expected that of the XML files")
    pages = list_files(folder, {".xml"})
    if len(pages) > MOST_FILES_FOR_NAMES:
        raise AnnotationError(
            f"{folder.name}: found {len(pages):,} files, which are too many to be read for their classes whenever a "
            "command starts: state class_names in dataset.toml"
        )
    found = {one.findtext("name", "").strip() for path in pages for one in read_xml(path, encoding).iter("object")}
    return tuple(sorted(found - {""}))


FORMAT = image_format(
    "voc",
    __doc__,
    ("object_detection",),
    load_voc,
    files={"annotations": "the folder of XML files", "images": "the folder of pictures"},
    folders={"annotations", "images"},
    find_class_names=find_class_names,
    options=Options,
    write_corrected=write_corrected_voc,
)
