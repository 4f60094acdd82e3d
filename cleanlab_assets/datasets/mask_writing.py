"""Masks with corrected regions: the changed pixels get the value or colour of their class, all others keep theirs.

A changed mask is written in the form, the mode and with the palette of its file; one without a change stays byte for
byte.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import BACKGROUND_NAMES, without_background
from cleanlab_assets.datasets.images import BACKGROUND, AnnotationError, decode_mask
from cleanlab_assets.datasets.mask_files import Options, decode_values, find_key, pair_masks, scan_mask
from cleanlab_assets.datasets.picture_files import PictureIndex

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from PIL.Image import Image as PillowImage

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.mask_files import Key

_BYTE = 255
_TYPE_OF_MODE: Mapping[str, np.dtype[Any]] = {
    "I": np.dtype("=i4"),
    "I;16": np.dtype("<u2"),
    "I;16L": np.dtype("<u2"),
    "I;16B": np.dtype(">u2"),
}


def write_corrected_masks(description: OwnDataset, folder: Path, corrected: pd.DataFrame) -> dict[str, bytes]:
    """Return the content of each mask with the corrected regions; that of an excluded picture is left out.

    Args:
        description: of the dataset.
        folder: of the description.
        corrected: corrected dataset, see ``correct_images``.

    Returns:
        By the path of the file in the folder.

    Raises:
        AnnotationError: a mask is another one than was read, or holds no value for a decided class.
    """
    options = read_section(Options, description.options, "options", folder / DESCRIPTION_FILE)
    said = options.ids or options.colours
    names = description.class_names or tuple(name for name in said if name.lower() not in BACKGROUND_NAMES)
    class_names, place, faults = without_background(names), folder / description.files["masks"], Faults()
    masks = pair_masks(PictureIndex(folder / description.files["images"]), place, options, faults, [])
    scans = {row_id: scan_mask(path, place, has_colours=bool(options.colours)) for row_id, path in masks.items()}
    key = find_key(list(scans.values()), class_names, options, place.name, faults, [])
    faults.raise_any(AnnotationError)
    assert key is not None  # noqa: S101 - else there are faults
    present = frozenset[int]().union(*(np.asarray(one.values).tolist() for _, one in scans.items()))
    values_of, written = _Values(key, present, class_names), {}
    for row in corrected[~corrected["is_excluded"].astype(bool)].to_dict("records"):
        with faults.gather():
            if row["row_id"] not in masks:
                raise AnnotationError(f"{place.name}: found no mask of {quote(row['row_id'])}: run the audit anew")
            path = masks[row["row_id"]]
            content = path.read_bytes()
            if row["class_mask"] != row["corrected_class_mask"]:
                old, new = decode_mask(row["class_mask"]), decode_mask(row["corrected_class_mask"])
                content = _change(content, scans[row["row_id"]].place, old, new, values_of)
            written[f"{description.files['masks']}/{path.relative_to(place).as_posix()}"] = content
    faults.raise_any(AnnotationError)
    return written


def _change(content: bytes, place: str, old: np.ndarray, new: np.ndarray, values_of: _Values) -> bytes:
    """Return the content of a mask whose changed pixels have the value of their new class."""
    from PIL import Image

    key = values_of.key
    values, _ = decode_values(content, place, has_colours=key.has_colours)
    if not np.array_equal(key.apply(values), old):
        raise AnnotationError(f"{place}: it has other regions by now: run the audit anew")
    changed = old != new
    for code in np.unique(new[changed]).tolist():
        values[changed & (new == code)] = values_of.find(code, place)
    with Image.open(io.BytesIO(content)) as picture:
        stream = io.BytesIO()
        kept = {"compression": picture.info["compression"]} if picture.format == "TIFF" else {}
        put_values(picture, values, has_colours=key.has_colours).save(
            stream, format=picture.format, optimize=False, **kept
        )
    written = stream.getvalue()
    if not np.array_equal(decode_values(written, place, has_colours=key.has_colours)[0], values):
        raise AnnotationError(f"{place}: its form cannot hold the decided regions: save the masks as PNG first")
    return written


@dataclass(frozen=True)
class _Values:
    """Which value or colour stands for a class: of several, one that the masks have."""

    key: Key
    present: frozenset[int]
    class_names: tuple[str, ...]

    def find(self, code: int, place: str) -> int:
        found = [value for value, known in self.key.ids.items() if known == code]
        if not found:
            name = self.class_names[code - 1] if code else BACKGROUND
            raise AnnotationError(f"{place}: no value stands for {quote(name)}: state ids or colours under [options]")
        return next((value for value in found if value in self.present), found[0])


def put_values(picture: PillowImage, values: np.ndarray, *, has_colours: bool) -> PillowImage:
    """Return a mask with other values, or colours as numbers, in the mode and with the palette of the old one."""
    from PIL import Image

    if picture.mode in {"LA", "RGB", "RGBA", "RGBX"}:
        bands = [values >> shift & _BYTE for shift in (16, 8, 0)] if has_colours else [values] * 3
        colours = [Image.fromarray(band.astype(np.uint8)) for band in bands]
        if picture.mode == "LA":
            return Image.merge("LA", [colours[0], picture.getchannel("A")])
        return Image.merge(picture.mode, [*colours, *picture.split()[3:]])
    new = picture.copy()
    if picture.mode == "1":
        new.frombytes(np.packbits(values.astype(bool), axis=1).tobytes())
    else:
        new.frombytes(values.astype(_TYPE_OF_MODE.get(picture.mode, np.dtype(np.uint8))).tobytes())
    return new
