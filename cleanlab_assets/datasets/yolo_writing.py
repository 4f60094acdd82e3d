"""Texts of YOLO with corrected labels: the numbers of a changed object change, and every other byte stays.

A text holds polygons and no pixels, so a corrected mask can be written where whole polygons became another class, or
went.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import BoxOptions, BoxPlacer, ClassFinder, without_background
from cleanlab_assets.datasets.images import AnnotationError, decode_mask
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.picture_files import PictureIndex
from cleanlab_assets.datasets.text_files import decode_exactly, encode_exactly
from cleanlab_assets.datasets.yolo_file import (
    EDGES,
    Line,
    fill_line,
    find_texts,
    place_box,
    read_class_list,
    read_lines_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.descriptions import OwnDataset

_LINES = re.compile(r"([^\r\n]*)(\r\n?|\n|\Z)")
_FIELDS = re.compile(r"(\s*)(\S+)(\s+)(\S.*?)(\s*)")
_DIGITS = 10
"""Decimals of a share: in a picture of any size they tell a millionth of a pixel."""
WHOLE_POLYGONS = "a text of YOLO holds whole polygons alone: export the masks with -o FILE.parquet"


def write_corrected_yolo(description: OwnDataset, folder: Path, corrected: pd.DataFrame) -> dict[str, bytes]:
    """Return the content of each text with the corrected labels; that of an excluded picture is left out.

    Args:
        description: of the dataset.
        folder: of the description.
        corrected: corrected dataset, see ``correct_images``.

    Returns:
        By the path of the file in the folder; a picture that had no text gets one where it has an object now.

    Raises:
        AnnotationError: a text is another one than was read, or a corrected mask is none of whole polygons.
        TextFileError: a file cannot be read.
    """
    options = read_section(BoxOptions, description.options, "options", folder / DESCRIPTION_FILE)
    numbered, place, faults = description.class_names, folder / description.files["labels"], Faults()
    if "classes" in description.files:
        numbered = read_class_list(folder / description.files["classes"], description.encoding)
    texts = find_texts(place, PictureIndex(folder / description.files["images"]), faults)
    class_names = without_background(description.class_names or numbered)
    writer = _Writer(numbered, class_names, BoxPlacer(options=options, edges=EDGES))
    written = {}
    for row in corrected[~corrected["is_excluded"].astype(bool)].to_dict("records"):
        path, lines = texts.get(row["row_id"]), list[Line]()
        if path is not None:
            lines = read_lines_of(path, place, description.encoding, numbered, ClassFinder(class_names), faults)
        with faults.gather(row["row_id"]):
            change = writer.change_regions if description.family == "segmentation" else writer.change_boxes
            edits, added = change(row, lines)
            if path is not None or added:
                name = f"{row['row_id'].rpartition('.')[0]}.txt" if path is None else path.relative_to(place).as_posix()
                content = b"" if path is None else path.read_bytes()
                written[f"{description.files['labels']}/{name}"] = _rewrite(
                    content, name, description.encoding, edits, added
                )
    faults.raise_any(AnnotationError)
    return written


class _Edit(NamedTuple):
    """What changes in the line of an object: the number of its class, and its box as shares; None of what stays."""

    class_number: str | None = None
    shares: str | None = None


_Edits = dict[int, _Edit | None]
"""By the number of the line; None of one that goes."""


@dataclass(frozen=True)
class _Writer:
    """Finds what changes in the text of a picture, and the lines to be added."""

    numbered: Sequence[str]
    class_names: tuple[str, ...]
    placer: BoxPlacer

    def change_boxes(self, row: Mapping[Any, Any], lines: Sequence[Line]) -> tuple[_Edits, list[str]]:
        size = int(row["width"]), int(row["height"])
        placed = [(place_box(line, size, self.placer), line) for line in lines]
        given = [(box, line) for box, line in placed if box is not None]
        if [list(box) for box, _ in given] != json.loads(row["boxes"]):
            raise AnnotationError("its text has other boxes by now: run the audit anew")
        found = (json.loads(row[f"corrected_{name}"]) for name in ("boxes", "box_labels", "box_origins"))
        edits: _Edits = {line.number: None for _, line in given}
        added = []
        for corners, label, origin in zip(*found, strict=True):
            if origin < 0:
                added.append(f"{self._find_number(label)} {_write_shares(corners, size)}")
                continue
            box, line = given[origin]
            edits[line.number] = _Edit(
                None if label == line.label else self._find_number(label),
                None if corners == list(box) else _write_shares(corners, size),
            )
        return edits, added

    def change_regions(self, row: Mapping[Any, Any], lines: Sequence[Line]) -> tuple[_Edits, list[str]]:
        old, wanted = (decode_mask(row[name]) for name in ("class_mask", "corrected_class_mask"))
        edits, shown = _Edits(), np.zeros_like(old)
        for line in lines:
            region = fill_line(line, (int(row["width"]), int(row["height"])))
            code = self.class_names.index(line.label) + 1
            became = np.unique(wanted[region]).tolist() if region.any() and (old != wanted)[region].all() else []
            if len(became) == 1:
                code = became[0]
                edits[line.number] = _Edit(self._find_number(self.class_names[code - 1])) if code else None
            if code:
                shown[region] = code
        if not np.array_equal(shown, wanted):
            raise AnnotationError(f"the decided regions are no whole polygons: {WHOLE_POLYGONS}")
        return edits, []

    def _find_number(self, class_name: str) -> str:
        known = [to_nfc(name) for name in self.numbered]
        if to_nfc(class_name) not in known:
            raise AnnotationError(f"the file of classes holds no {quote(class_name)}: add it")
        return str(known.index(to_nfc(class_name)))


def _rewrite(content: bytes, name: str, encoding: str | None, edits: _Edits, added: Sequence[str]) -> bytes:
    mark, codec, text = decode_exactly(content, name, encoding)
    parts = []
    for number, (line, end) in enumerate(((found[1], found[2]) for found in _LINES.finditer(text)), start=1):
        edit = edits.get(number, _Edit())
        if edit is not None:
            parts.append(_change(line, edit) + end)
    changed = "".join(parts)
    if added:
        end = next((found[2] for found in _LINES.finditer(text) if found[2]), "\n")
        lacks_end = bool(changed) and not changed.endswith(("\n", "\r"))
        changed += (end if lacks_end else "") + "".join(line + end for line in added)
    return encode_exactly(mark, codec, changed, name)


def _change(line: str, edit: _Edit) -> str:
    found = _FIELDS.fullmatch(line)
    if found is None:
        return line
    before, number, gap, rest, after = found.groups()
    shares = rest if edit.shares is None else edit.shares
    return "".join([before, number if edit.class_number is None else edit.class_number, gap, shares, after])


def _write_shares(corners: Sequence[float], size: tuple[int, int]) -> str:
    """Return the middle, width and height of a box as shares of the picture."""
    x1, y1, x2, y2 = corners
    width, height = size
    shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return " ".join(f"{share:.{_DIGITS}f}".rstrip("0").rstrip(".") for share in shares)
