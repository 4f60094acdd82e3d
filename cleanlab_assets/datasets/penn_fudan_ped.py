"""Penn-Fudan pedestrians: 170 street pictures with a mask of every pedestrian."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.archives import extract_archive
from cleanlab_assets.datasets.dataset import Dataset, Location, SourceFile
from cleanlab_assets.datasets.images import (
    IMAGE_COLUMNS,
    LABEL,
    SEPARATOR,
    AnnotatedImage,
    AnnotationError,
    boxes_of_instances,
    make_image_table,
    read_mask,
)
from cleanlab_assets.scratch import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

FILE = "PennFudanPed.zip"
CLASS_NAMES = ("pedestrian",)
MAX_UNPACKED_BYTES = 500 * 1024**2


def load_penn_fudan_ped(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the archive: pictures in ``PNGImages``, masks of instance ids in ``PedMasks``.

    A box is the tight bound of its mask.

    Raises:
        ArchiveError: the archive is damaged or unsafe.
        AnnotationError: a picture has no mask or no text in ``Annotation``, or a mask does not fit its picture.
    """
    # The directory of the archive may not be written to.
    with temporary_directory() as scratch:
        folder = scratch / "unpacked"
        extract_archive(files[FILE], folder, max_bytes=MAX_UNPACKED_BYTES)
        top = folder / "PennFudanPed"
        pictures = sorted((top / "PNGImages").glob("*.png"))
        if not pictures:
            raise AnnotationError(f"{FILE}: found no PennFudanPed/PNGImages/*.png, expected images there")
        return make_image_table([_read_image(picture, top) for picture in pictures])


def _read_image(picture: Path, top: Path) -> AnnotatedImage:
    mask_file = top / "PedMasks" / f"{picture.stem}_mask.png"
    for part in (mask_file, top / "Annotation" / f"{picture.stem}.txt"):
        if not part.is_file():
            raise AnnotationError(f"{FILE}: {picture.name} has no {part.relative_to(top)}")
    stored = read_mask(mask_file.read_bytes(), f"{FILE}: {mask_file.relative_to(top)}")
    ids, flat = np.unique(stored, return_inverse=True)
    mask = flat.reshape(stored.shape).astype(np.int32)
    if ids[0] != 0:  # no background: every pixel belongs to a pedestrian
        mask += 1
    boxes = boxes_of_instances(mask)
    return AnnotatedImage(
        row_id=picture.name,
        image=picture.read_bytes(),
        class_names=CLASS_NAMES,
        boxes=boxes,
        box_labels=CLASS_NAMES * len(boxes),
        instance_mask=mask,
        class_mask=(mask > 0).astype(np.int32),
    )


DATASET = Dataset(
    name="penn_fudan_ped",
    families=("object_detection", "segmentation"),
    title="Penn-Fudan pedestrians",
    description="Find the pedestrians in 170 pictures taken around a campus and in streets.",
    homepage="https://www.cis.upenn.edu/~jshi/ped_html/",
    licence="not stated; free for research",
    citation=(
        "Wang, L., Shi, J., Song, G. & Shen, I. (2007). Object Detection Combining Recognition and Segmentation. "
        "Asian Conference on Computer Vision."
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=(),  # nobody published it
            is_pinned_on_first_use=True,
            locations=(
                Location(url="https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip"),
                Location(url="https://download.pytorch.org/tutorial/PennFudanPed.zip"),
            ),
        ),
    ),
    load=load_penn_fudan_ped,
    label=LABEL,
    label_separator=SEPARATOR,
    class_names=CLASS_NAMES,
    columns=IMAGE_COLUMNS,
    expected_rows=170,
)
