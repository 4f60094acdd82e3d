"""Boxes as COCO JSON: ``images``, ``categories`` and ``annotations`` with ``bbox`` as x, y, width, height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.dataset import NotedTable
from cleanlab_assets.datasets.errors import UnreadableInputError, cut, quote
from cleanlab_assets.datasets.image_folders import NO_OPTIONS, NoOptions, image_format, read_picture
from cleanlab_assets.datasets.images import AnnotatedImage, AnnotationError, make_image_table
from cleanlab_assets.datasets.text_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load_coco(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: NoOptions = NO_OPTIONS,  # noqa: ARG001 - every form takes them; here are none
    encoding: str | None = None,
) -> NotedTable:
    """Read the raw table from a COCO file (role ``annotations``) and its pictures (role ``images``).

    Raises:
        TextFileError: the file is not JSON.
        AnnotationError: the file is not COCO's, or an annotation cannot be.
    """
    file = files["annotations"].name
    content = read_json(files["annotations"], encoding)
    try:
        names = {category["id"]: category["name"] for category in content["categories"]}
        found: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
        for number, annotation in enumerate(content["annotations"]):
            if annotation["image_id"] not in found:
                wrong = quote(annotation["image_id"])
                raise AnnotationError(f"{file}, annotation {number}, field image_id: found {wrong}, expected an image")
            found[annotation["image_id"]].append(annotation)
        table = make_image_table(
            _read_image(image, found[image["id"]], names, files["images"], file, class_names)
            for image in content["images"]
        )
    except UnreadableInputError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise AnnotationError(f"{file} is not COCO JSON: {type(error).__name__}: {cut(str(error))}") from error
    return NotedTable(table, ())


def _read_image(  # noqa: PLR0917
    image: dict[str, Any],
    annotations: list[dict[str, Any]],
    names: Mapping[Any, str],
    folder: Path,
    file: str,
    class_names: tuple[str, ...],
) -> AnnotatedImage:
    boxes = [
        _read_box(one.get("bbox"), f"{image['file_name']}, box {number}") for number, one in enumerate(annotations)
    ]
    labels = [names.get(one.get("category_id"), str(one.get("category_id"))) for one in annotations]
    return AnnotatedImage(
        row_id=image["file_name"],
        image=read_picture(folder, image["file_name"], named_in=file),
        class_names=class_names,
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        box_labels=tuple(labels),
    )


def _read_box(bbox: Any, where: str) -> list[float]:
    try:
        x, y, width, height = (float(value) for value in bbox)
    except (TypeError, ValueError, OverflowError) as error:
        raise AnnotationError(f"{where}, field bbox: found {quote(bbox)}, expected 4 numbers") from error
    # A sum of decimals may pass the border of the picture by less than anyone could draw.
    return [x, y, round(x + width, 6), round(y + height, 6)]


FORMAT = image_format(
    "coco",
    __doc__,
    "object_detection",
    load_coco,
    files={"annotations": "the COCO JSON file", "images": "the folder of pictures"},
    folders={"images"},
)
