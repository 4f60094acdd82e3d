"""Class masks as PNG: for each picture a mask of the same stem, whose grey or palette values are class ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.dataset import NotedTable
from cleanlab_assets.datasets.image_folders import (
    NO_OPTIONS,
    PICTURE_SUFFIXES,
    NoOptions,
    image_format,
    list_files,
    read_picture,
)
from cleanlab_assets.datasets.images import AnnotatedImage, make_image_table, read_mask

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load_mask_pairs(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: NoOptions = NO_OPTIONS,  # noqa: ARG001 - every form takes them; here are none
    encoding: str | None = None,  # noqa: ARG001 - every form takes it; here is no text
) -> NotedTable:
    """Read the raw table from a folder of pictures (role ``images``) and one of PNG masks (role ``masks``).

    Raises:
        AnnotationError: a picture has no mask, or a mask does not fit its picture or the classes.
    """
    table = make_image_table(
        _read_image(picture, files["masks"], class_names) for picture in list_files(files["images"], PICTURE_SUFFIXES)
    )
    return NotedTable(table, ())


def _read_image(picture: Path, masks: Path, class_names: tuple[str, ...]) -> AnnotatedImage:
    mask = f"{picture.stem}.png"
    return AnnotatedImage(
        row_id=picture.name,
        image=picture.read_bytes(),
        class_names=class_names,
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=read_mask(read_picture(masks, mask, named_in=picture.name), f"{masks.name}/{mask}"),
    )


FORMAT = image_format(
    "mask_pairs",
    __doc__,
    "segmentation",
    load_mask_pairs,
    files={"images": "the folder of pictures", "masks": "the folder of masks"},
    folders={"images", "masks"},
)
