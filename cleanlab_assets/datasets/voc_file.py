"""What the XML files of Pascal VOC say: the picture of each file, its size, and the boxes on it.

``formats.voc`` says what is read and refused; ``voc_writing`` writes such files with corrected boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.image_folders import BoxOptions, BoxPlacer, ClassFinder, list_files
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.picture_files import NamedPicture, PictureIndex
from cleanlab_assets.datasets.text_files import read_xml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from xml.etree import ElementTree as ET

    from cleanlab_assets.datasets.faults import Faults
    from cleanlab_assets.datasets.image_folders import Box

EDGES = ("xmin", "ymin", "xmax", "ymax")


class Options(BoxOptions):
    """What ``[options]`` says.

    Attributes:
        counts_from: the number of the first pixel, 1 or 0; if absent, 0 where an ``xmin`` or ``ymin`` is 0, else 1.
        far_edge: whether ``xmax`` and ``ymax`` are the last pixels of a box (``inside``) or those behind it
            (``outside``); if absent, ``outside`` where pixels are counted from 0 and one is the width or height of its
            picture.
        picture_by: what names the picture where both would do and differ: ``filename`` in the XML file, or the name of
            this file (``stem``).
    """

    counts_from: Literal[0, 1] | None = None
    far_edge: Literal["inside", "outside"] | None = None
    picture_by: Literal["filename", "stem"] | None = None


@dataclass(frozen=True, kw_only=True)
class Object:
    """A box as its file has it: its place, its number from 0, its class, and xmin, ymin, xmax, ymax."""

    place: str
    number: int
    label: str
    edges: Box
    shown: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """What an XML file says."""

    name: str
    stem: str
    filename: str
    size: tuple[int, int] | None
    objects: Sequence[Object]


def read_pages(folder: Path, encoding: str | None, classes: ClassFinder, faults: Faults) -> list[Page]:
    """Return what each XML file of a folder says."""
    pages = list[Page]()
    for path in list_files(folder, {".xml"}):
        with faults.gather():
            pages.append(_read_page(path, folder, encoding, classes, faults))
    return pages


def place_boxes(
    page: Page, size: tuple[int, int], shifts: tuple[int, int], placer: BoxPlacer, faults: Faults
) -> list[tuple[Box, Object]]:
    """Return the boxes of a file in its picture, but for those that are left out.

    Args:
        page: what the file says.
        size: width and height of the picture.
        shifts: see ``find_shifts``.
        placer: takes boxes into their pictures.
        faults: gets what cannot be.
    """
    near, far = shifts
    boxes = []
    for one in page.objects:
        with faults.gather():
            x1, y1, x2, y2 = one.edges
            box = placer.place(
                (x1 - near, y1 - near, x2 + far, y2 + far), size=size, show=partial(str, one.shown), where=one.place
            )
            if box is not None:
                boxes.append((box, one))
    return boxes


def _read_page(path: Path, folder: Path, encoding: str | None, classes: ClassFinder, faults: Faults) -> Page:
    root = read_xml(path, encoding)
    name = path.relative_to(folder).as_posix()
    if root.tag != "annotation":
        raise AnnotationError(f"{name}: found <{root.tag}> at the top, expected <annotation>")
    objects = []
    for number, element in enumerate(root.findall("object"), start=1):
        with faults.gather():
            objects.append(_read_object(element, number - 1, f"{name}, object {number}", classes))
    return Page(
        name=name,
        stem=name.removesuffix(path.suffix),
        filename=root.findtext("filename", "").strip(),
        size=_read_size(root, name),
        objects=objects,
    )


def _read_object(element: ET.Element, number: int, place: str, classes: ClassFinder) -> Object:
    found = element.findtext("name", "").strip()
    label = classes.find(found, place, "name")
    place = f"{place} ({label})"
    texts = {field: element.findtext(f"bndbox/{field}") for field in EDGES}
    if absent := [field for field, text in texts.items() if text is None]:
        raise AnnotationError(f"{place}: found no {', '.join(absent)} in bndbox, expected four numbers")
    shown = ", ".join(f"{field} {(text or '').strip()}" for field, text in texts.items())
    return Object(
        place=place,
        number=number,
        label=label,
        edges=tuple(_to_number(text or "", field, place) for field, text in texts.items()),
        shown=shown,
    )


def _to_number(text: str, field: str, place: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise AnnotationError(f"{place}: found the {field} {quote(text)}, expected a number") from error


def _read_size(root: ET.Element, place: str) -> tuple[int, int] | None:
    """Return width and height as the file has them; None where it has none, or 0."""
    texts = [root.findtext(f"size/{side}") for side in ("width", "height")]
    if None in texts:
        return None
    try:
        width, height = (int(float(text or "")) for text in texts)
    except (ValueError, OverflowError) as error:
        raise AnnotationError(f"{place}: found the size {' x '.join(map(str, texts))}, expected pixels") from error
    return (width, height) if width and height else None


def name_pictures(
    pages: Sequence[Page], index: PictureIndex, options: Options, faults: Faults, notes: list[str]
) -> dict[int, NamedPicture]:
    """Return the picture of each XML file by the number of the file; those that have none are faults."""
    named: dict[int, NamedPicture] = {}
    page_of: dict[str, str] = {}
    by_stem = []
    for number, page in enumerate(pages):
        with faults.gather():
            row_id, is_by_stem = _find_picture(page, index, options)
            if row_id in page_of:
                raise AnnotationError(
                    f"{page.name}: found the picture {quote(row_id)}, which is that of {page_of[row_id]}, too: "
                    "leave one of the files, or mend filename"
                )
            if is_by_stem:
                by_stem.append(page.name)
            page_of[row_id] = page.name
            named[number] = NamedPicture(
                row_id=row_id, path=index.paths[row_id], place=f"{page.name} ({row_id})", said_size=page.size
            )
    if by_stem:
        notes.append(
            f"XML files whose picture is the one of their own name, not of filename: {count_and_name(by_stem)}"
        )
    return named


def _find_picture(page: Page, index: PictureIndex, options: Options) -> tuple[str, bool]:
    """Return the path of the picture of an XML file, and whether the name of this file decided against ``filename``."""
    beside = str(PurePosixPath(page.stem).parent / page.filename)
    by_filename = index.find(beside) or index.find(page.filename) or index.find_by_last_part(page.filename)
    same_name = index.find_by_stem(page.stem)
    if len(same_name) > 1 and by_filename not in same_name:
        raise AnnotationError(f"{page.name}: found the pictures {', '.join(same_name)}, expected one of that name")
    by_stem = same_name[0] if same_name else None
    if by_filename in same_name:
        by_stem = by_filename
    if by_filename and by_stem and by_filename != by_stem and options.picture_by is None:
        raise AnnotationError(
            f"{page.name}: found the filename {quote(page.filename)}, while there is {by_stem}, too: mend it, or state "
            'picture_by = "stem", or "filename", under [options]'
        )
    first, second = (by_stem, by_filename) if options.picture_by == "stem" else (by_filename, by_stem)
    found = first or second
    if found is None:
        raise AnnotationError(f"{page.name}: {index.tell_absence(page.filename)}, or one named {page.stem}")
    return found, bool(page.filename) and found == by_stem != by_filename


def find_shifts(
    pages: Sequence[tuple[Page, tuple[int, int] | None]], options: Options, notes: list[str]
) -> tuple[int, int]:
    """Return by how much the near edges are too large, and the far edges too small, for pixels counted from 0."""
    edges = [(one.edges, size) for page, size in pages for one in page.objects]
    zeros = sum(0 in found[:2] for found, _ in edges)
    counts_from = options.counts_from
    if counts_from is None:
        counts_from = 0 if zeros else 1
        if zeros:
            notes.append(
                f"pixels are counted from 0, since {zeros:,} of {len(edges):,} boxes have an xmin or ymin of 0; "
                "counts_from under [options] says otherwise"
            )
    far_edge = options.far_edge
    if far_edge is None:
        reach = sum(size is not None and (found[2] == size[0] or found[3] == size[1]) for found, size in edges)
        far_edge = "outside" if counts_from == 0 and reach else "inside"
        if far_edge == "outside":
            notes.append(
                f"xmax and ymax lie just outside of a box, since those of {reach:,} of {len(edges):,} boxes are the "
                "width or height of the picture, which no pixel counted from 0 has; far_edge under [options] says "
                "otherwise"
            )
    return counts_from, (1 - counts_from if far_edge == "inside" else -counts_from)
