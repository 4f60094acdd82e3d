"""Class masks as PNG: for each picture a mask of the same stem, whose grey or palette values are class ids."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.image_folders import PICTURE_SUFFIXES, describe_images, list_files, read_picture
from cleanlab_assets.datasets.images import AnnotatedImage, decode_mask, make_image_table
from cleanlab_assets.datasets.own_datasets import Format

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.catalogue import Dataset
    from cleanlab_assets.datasets.own_datasets import OwnDataset


def _describe(said: OwnDataset, folder: Path) -> Dataset:
    load = partial(load_mask_pairs, class_names=said.class_names)
    return describe_images(said, folder, roles={"images": True, "masks": True}, load=load)


def load_mask_pairs(files: Mapping[str, Path], *, class_names: tuple[str, ...]) -> pd.DataFrame:
    """Read the raw table from a folder of pictures (role ``images``) and one of PNG masks (role ``masks``).

    Raises:
        AnnotationError: a picture has no mask, or a mask does not fit its picture or the classes.
    """
    return make_image_table(
        AnnotatedImage(
            row_id=picture.name,
            image=picture.read_bytes(),
            class_names=class_names,
            boxes=np.zeros((0, 4)),
            box_labels=(),
            class_mask=decode_mask(read_picture(files["masks"], f"{picture.stem}.png", named_in=picture.name)),
        )
        for picture in list_files(files["images"], PICTURE_SUFFIXES)
    )


FORMAT = Format(name="mask_pairs", families=("segmentation",), describe=_describe)
