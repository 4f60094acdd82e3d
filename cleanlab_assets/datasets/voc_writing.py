"""XML files of Pascal VOC with corrected boxes: the elements of a changed box change, and every other byte stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import BoxPlacer, ClassFinder
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.picture_files import PictureIndex
from cleanlab_assets.datasets.text_files import decode_exactly, find_xml_encoding
from cleanlab_assets.datasets.text_places import Place, replace_places
from cleanlab_assets.datasets.voc_file import EDGES, Options, find_shifts, name_pictures, place_boxes, read_pages
from cleanlab_assets.datasets.xml_places import find_elements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.image_folders import Box
    from cleanlab_assets.datasets.voc_file import Object
    from cleanlab_assets.datasets.xml_places import PlacedElement

_CUSTOMARY = (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0"))
"""What a new object says beside its class and box."""


def write_corrected_voc(description: OwnDataset, folder: Path, corrected: pd.DataFrame) -> dict[str, bytes]:
    """Return the content of each XML file with the corrected boxes; that of an excluded picture is left out.

    Args:
        description: of the dataset.
        folder: of the description.
        corrected: corrected dataset, see ``correct_images``.

    Returns:
        By the path of the file in the folder.

    Raises:
        AnnotationError: a file is another one than was read.
        TextFileError: a file cannot be read.
    """
    options = read_section(Options, description.options, "options", folder / DESCRIPTION_FILE)
    place, faults = folder / description.files["annotations"], Faults()
    known = {name for labels in corrected["box_labels"] for name in json.loads(labels)}
    pages = read_pages(place, description.encoding, ClassFinder(sorted(known)), faults)
    named = name_pictures(pages, PictureIndex(folder / description.files["images"]), options, faults, [])
    rows = {row["row_id"]: row for row in corrected.to_dict("records")}
    found = {number: rows[one.row_id] for number, one in named.items() if one.row_id in rows}
    sizes = {number: (int(row["width"]), int(row["height"])) for number, row in found.items()}
    shifts = find_shifts([(page, sizes.get(number)) for number, page in enumerate(pages)], options, [])
    placer, written = BoxPlacer(options=options, edges=EDGES), {}
    for number, row in found.items():
        page = pages[number]
        given = place_boxes(page, sizes[number], shifts, placer, faults)
        if [list(box) for box, _ in given] != json.loads(row["boxes"]):
            faults.add(f"{page.name}: it has other boxes by now: run the audit anew")
        elif not row["is_excluded"]:
            path = place / page.name
            changed = _change(path, description.encoding, given, row, shifts)
            written[f"{description.files['annotations']}/{page.name}"] = changed
    faults.raise_any(AnnotationError)
    return written


def _change(
    path: Path,
    encoding: str | None,
    given: Sequence[tuple[Box, Object]],
    row: Mapping[Any, Any],
    shifts: tuple[int, int],
) -> bytes:
    content = path.read_bytes()
    mark, codec, text = decode_exactly(content, path.name, find_xml_encoding(content, path.name) or encoding)
    root = find_elements(text)
    elements, new, kept, added = root.find_all("object"), dict[Place, str](), set[int](), list[str]()
    gap, inner = _find_indentation(text, elements, root)
    near, far = shifts
    found = (json.loads(row[f"corrected_{name}"]) for name in ("boxes", "box_labels", "box_origins"))
    for corners, label, origin in zip(*found, strict=True):
        values = (corners[0] + near, corners[1] + near, corners[2] - far, corners[3] - far)
        if origin < 0:
            added.append(_write_object(label, values, gap, inner))
            continue
        kept.add(origin)
        box, one = given[origin]
        element = elements[one.number]
        if label != one.label:
            new |= _replace_text(text, element, "name", escape(label))
        for field, value, old, corner in zip(EDGES, values, box, corners, strict=True):
            if corner != old:
                new |= _replace_text(text, element, f"bndbox/{field}", _write_number(value))
    for place, (_, one) in enumerate(given):
        if place not in kept:
            element = elements[one.number]
            new[Place(len(text[: element.start].rstrip()), element.end)] = ""
    if added:
        end = elements[-1].end if elements else len(text[: root.inner[1]].rstrip())
        new[Place(end, end)] = "".join(gap + one for one in added)
    return mark + replace_places(text, new).encode(codec, "xmlcharrefreplace")


def _replace_text(text: str, element: PlacedElement, path: str, new: str) -> dict[Place, str]:
    """Return the new text of the first element of a path; white space around it stays."""
    found = element.find(path)
    if found is None:
        raise AnnotationError(f"found no {quote(path)} in an object, which was there: run the audit anew")
    start, end = found.inner
    content = text[start:end]
    start += len(content) - len(content.lstrip())
    return {Place(start, max(start, end - len(content) + len(content.rstrip()))): new}


def _find_indentation(text: str, elements: Sequence[PlacedElement], root: PlacedElement) -> tuple[str, str]:
    """Return the white space before an object, and that before what it holds; none where the file has none."""
    first = elements[0] if elements else (root.children[0] if root.children else root)
    gap = _space_before(text, first)
    inner = _space_before(text, elements[0].children[0]) if elements and elements[0].children else ""
    return gap, inner or (f"{gap}{gap.rpartition(chr(10))[2] or '  '}" if gap else "")


def _space_before(text: str, element: PlacedElement) -> str:
    before = text[: element.start]
    return before[len(before.rstrip()) :]


def _write_object(label: str, values: Sequence[float], gap: str, inner: str) -> str:
    deeper = inner + inner.removeprefix(gap) if inner.startswith(gap) else inner
    fields = "".join(f"{inner}<{name}>{text}</{name}>" for name, text in (("name", escape(label)), *_CUSTOMARY))
    edges = "".join(
        f"{deeper}<{name}>{_write_number(value)}</{name}>" for name, value in zip(EDGES, values, strict=True)
    )
    return f"<object>{fields}{inner}<bndbox>{edges}{inner}</bndbox>{gap}</object>"


def _write_number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
