"""Boxes as COCO JSON: ``images``, ``categories`` and ``annotations`` with ``bbox`` as x, y, width, height."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.image_folders import image_format, read_picture
from cleanlab_assets.datasets.images import AnnotatedImage, AnnotationError, make_image_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


def load_coco(files: Mapping[str, Path], *, class_names: tuple[str, ...]) -> pd.DataFrame:
    """Read the raw table from a COCO file (role ``annotations``) and its pictures (role ``images``).

    Raises:
        AnnotationError: the file is not COCO JSON, or an annotation cannot be.
    """
    file = files["annotations"].name
    try:
        content = json.loads(files["annotations"].read_text(encoding="utf-8"))
        names = {category["id"]: category["name"] for category in content["categories"]}
        found: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in content["images"]}
        for number, annotation in enumerate(content["annotations"]):
            if annotation["image_id"] not in found:
                raise AnnotationError(
                    f"{file}, annotation {number}, field image_id: found {annotation['image_id']!r}, expected an image"
                )
            found[annotation["image_id"]].append(annotation)
        return make_image_table(
            _read_image(image, found[image["id"]], names, files["images"], file, class_names)
            for image in content["images"]
        )
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{file} is not COCO JSON: {type(error).__name__}: {error}") from error


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
    except (TypeError, ValueError) as error:
        raise AnnotationError(f"{where}, field bbox: found {bbox!r}, expected 4 numbers") from error
    # A sum of decimals may pass the border of the picture by less than anyone could draw.
    return [x, y, round(x + width, 6), round(y + height, 6)]


FORMAT = image_format("coco", "object_detection", load_coco, roles={"annotations": False, "images": True})
