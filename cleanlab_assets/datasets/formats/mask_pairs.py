"""Class masks: for each picture a mask of its name, whose grey or palette values, or colours, say the class of a pixel.

``dataset.toml`` beside the files::

    family = "segmentation"
    format = "mask_pairs"
    class_names = ["square", "disc"]   # without the background; those of ids or colours, if absent

    [files]
    images = "images"
    masks = "masks"

    [options]
    mask_suffix = "_mask"              # the mask of p1.jpg is p1_mask.png
    ids = { square = 100, disc = [200, 201] }
    ignore = [255]

Without ``ids`` the value 0 is background and c is the c-th class. Masks of 0 and 255 with one class are read as 0 and
1, and 255 beside the values of all classes as pixels that take no part; both is said. Where masks are in colours,
``colours`` says which is which; ``background`` may stand there, and in ``ids``, and is 0 or black else.

Pictures and masks lie in the folders or in those within, at the same place in both. One word that all names of masks
add to those of the pictures is found out, and said. Masks are PNG, TIFF, BMP or GIF files, since the compression of
JPEG changes values.

Refused are a picture without a mask, a mask of another size, a value or colour of no class, and masks that are all
background.

``cleanlab-demo export`` writes the masks with corrected regions into a folder, in the form, the mode and with the
palette of each; one without a change stays byte for byte. Where several values stand for a class, a changed pixel gets
the first of them that the masks have. The mask of an excluded picture is left out: take the picture away, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import (
    BACKGROUND_NAMES,
    build_row,
    finish_table,
    image_format,
    without_background,
)
from cleanlab_assets.datasets.mask_files import Options, Scan, find_key, pair_masks, read_values, scan_mask
from cleanlab_assets.datasets.mask_writing import write_corrected_masks
from cleanlab_assets.datasets.picture_files import NamedPicture, PictureIndex, read_all_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable


def load_mask_pairs(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: Options | None = None,
    encoding: str | None = None,  # noqa: ARG001 - every form takes it; here is no text
    family: str = "segmentation",  # noqa: ARG001 - every form takes it; this one has a single one
) -> NotedTable:
    """Read the raw table from a folder of pictures (role ``images``) and one of masks (role ``masks``).

    Raises:
        AnnotationError: pictures or masks cannot be; the message tells all faults.
    """
    options = options or Options()
    names, faults, notes = without_background(class_names), Faults(), list[str]()
    index, folder = PictureIndex(files["images"]), files["masks"]
    masks = pair_masks(index, folder, options, faults, notes)
    scans: dict[str, Scan] = {}
    for row_id, path in masks.items():
        with faults.gather():
            scans[row_id] = scan_mask(path, folder, has_colours=bool(options.colours))
    key = find_key(list(scans.values()), names, options, folder.name, faults, notes)
    named = [
        NamedPicture(
            row_id=row_id,
            path=index.paths[row_id],
            place=row_id,
            said_size=scans[row_id].size if row_id in scans else None,
            said_by=f"its mask {scans[row_id].place} has" if row_id in scans else "",
        )
        for row_id in masks
    ]
    pictures = read_all_pictures(named, options, faults, notes)
    rows = []
    if key is not None:
        for row_id, picture in pictures.items():
            if row_id in scans:
                values = read_values(scans[row_id].path, scans[row_id].place, has_colours=key.has_colours)[0]
                rows.append(build_row(row_id, picture, names, class_mask=key.apply(values)))
    return finish_table(rows, faults, notes, names, files=folder.name)


def find_class_names(
    files: Mapping[str, Path],  # noqa: ARG001 - pictures name no class
    *,
    options: Options,
    encoding: str | None,  # noqa: ARG001 - every form takes it
) -> tuple[str, ...]:
    """Return the names under ``ids`` or ``colours``; none where there is neither."""
    said = options.ids or options.colours
    return tuple(name for name in said if name.lower() not in BACKGROUND_NAMES)


FORMAT = image_format(
    "mask_pairs",
    __doc__,
    ("segmentation",),
    load_mask_pairs,
    files={"images": "the folder of pictures", "masks": "the folder of masks"},
    folders={"images", "masks"},
    find_class_names=find_class_names,
    options=Options,
    write_corrected=write_corrected_masks,
)
