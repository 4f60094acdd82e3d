"""Boxes as Pascal VOC: one XML file per picture, pixels counted from 1 and both corners inside the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.dataset import NotedTable
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.image_folders import NO_OPTIONS, NoOptions, image_format, list_files, read_picture
from cleanlab_assets.datasets.images import AnnotatedImage, AnnotationError, make_image_table
from cleanlab_assets.datasets.text_files import read_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from xml.etree import ElementTree as ET


def load_voc(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: NoOptions = NO_OPTIONS,  # noqa: ARG001 - every form takes them; here are none
    encoding: str | None = None,
) -> NotedTable:
    """Read the raw table from a folder of XML files (role ``annotations``) and one of pictures (role ``images``).

    Raises:
        TextFileError: a file is not XML.
        AnnotationError: an annotation cannot be.
    """
    table = make_image_table(
        _read_image(file, files["images"], class_names, encoding) for file in list_files(files["annotations"], {".xml"})
    )
    return NotedTable(table, ())


def _read_image(file: Path, folder: Path, class_names: tuple[str, ...], encoding: str | None) -> AnnotatedImage:
    root = read_xml(file, encoding)
    name = root.findtext("filename", "")
    objects = root.findall("object")
    boxes = [
        [_number(one, field, file.name, number) for field in ("xmin", "ymin", "xmax", "ymax")]
        for number, one in enumerate(objects)
    ]
    return AnnotatedImage(
        row_id=name,
        image=read_picture(folder, name, named_in=file.name),
        class_names=class_names,
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4) - np.array([1, 1, 0, 0]),
        box_labels=tuple(one.findtext("name", "") for one in objects),
    )


def _number(element: ET.Element, field: str, file: str, number: int) -> float:
    text = element.findtext(f"bndbox/{field}", "")
    try:
        return float(text)
    except ValueError as error:
        raise AnnotationError(f"{file}, box {number}, field {field}: found {quote(text)}, expected a number") from error


FORMAT = image_format(
    "voc",
    __doc__,
    "object_detection",
    load_voc,
    files={"annotations": "the folder of XML files", "images": "the folder of pictures"},
    folders={"annotations", "images"},
)
