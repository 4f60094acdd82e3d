"""What the text files of YOLO say: the names of the classes, the text of each picture, and the objects in its lines.

``formats.yolo`` says what is read and refused; ``yolo_writing`` writes such texts with corrected labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.image_folders import BACKGROUND_NAMES, BoxPlacer, ClassFinder, list_files
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.outlines import fill_polygon
from cleanlab_assets.datasets.text_files import TextFileError, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.faults import Faults
    from cleanlab_assets.datasets.image_folders import Box
    from cleanlab_assets.datasets.picture_files import PictureIndex

LISTS_OF_CLASSES = frozenset({"classes.txt", "labels.txt", "obj.names", "predefined_classes.txt"})
"""Files beside the texts that list the classes, and are those of no picture."""
SLACK = 1e-4
"""Share of the picture by which an edge may pass the border, since its numbers are rounded."""
_NUMBERS_OF_A_BOX = 4
_NUMBERS_WITH_CONFIDENCE = 5
_NUMBERS_OF_A_TRIANGLE = 6
EDGES = ("the left edge", "the upper edge", "the right edge", "the lower edge")


@dataclass(frozen=True, kw_only=True)
class Line:
    """An object: its place, the number of its line, its class, and its numbers as shares of the picture.

    The numbers are a box, or the points of a polygon.
    """

    place: str
    number: int
    label: str
    numbers: np.ndarray
    shown: str

    @property
    def is_polygon(self) -> bool:
        """Whether the numbers are the points of a polygon."""
        return len(self.numbers) > _NUMBERS_OF_A_BOX


def read_class_list(path: Path, encoding: str | None) -> tuple[str, ...]:
    """Return the names of the classes by their number: ``names`` of a YAML file, or the lines of a text.

    Raises:
        TextFileError: the file is not YAML, or cannot be read.
        AnnotationError: it has no names, or not one for each number.
    """
    text = read_text(path, encoding)
    if path.suffix.lower() not in {".yaml", ".yml"}:
        names: Any = [line.strip() for line in text.rstrip().split("\n")]
        return _require_names(names, path.name)
    import yaml

    try:
        # Names such as "yes" and "1.0" stay as they are written.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts, lists and tables
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise TextFileError(f"{path.name}{place}: not YAML: {getattr(error, 'problem', None) or error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    numbers = list(map(str, range(len(names)))) if isinstance(names, dict) else []
    if isinstance(names, dict) and set(names) == set(numbers):
        names = [names[number] for number in numbers]
    found = _require_names(names, path.name)
    n_said = content.get("nc", len(found))
    if str(n_said) != str(len(found)):
        raise AnnotationError(f"{path.name}: found nc: {quote(n_said)} and {len(found)} names, expected as many")
    return found


def _require_names(names: Any, file: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise AnnotationError(
            f"{file}: found the names {quote(names)}, expected a list of the classes, or one by their numbers from 0"
        )
    return tuple(names)


def find_texts(folder: Path, index: PictureIndex, faults: Faults) -> dict[str, Path]:
    """Return the text of each picture that has one."""
    texts: dict[str, Path] = {}
    for path in list_files(folder, {".txt"}):
        if path.name.lower() in LISTS_OF_CLASSES:
            continue
        name = path.relative_to(folder).as_posix()
        with faults.gather():
            found = index.find_by_stem(to_nfc(name.removesuffix(path.suffix)))
            if len(found) != 1:
                pictures = ", ".join(found) or "none"
                raise AnnotationError(
                    f"{folder.name}/{name}: found the pictures {pictures} of its name in {index.folder.name}, expected "
                    "one"
                )
            texts[found[0]] = path
    return texts


def read_lines_of(  # noqa: PLR0917
    path: Path, folder: Path, encoding: str | None, numbered: Sequence[str], classes: ClassFinder, faults: Faults
) -> list[Line]:
    """Return the objects of a text of a folder, whose classes are numbered as ``numbered`` lists them."""
    name, lines = f"{folder.name}/{path.relative_to(folder).as_posix()}", list[Line]()
    with faults.gather():
        for number, text in enumerate(read_text(path, encoding).split("\n"), start=1):
            if text.strip():
                with faults.gather():
                    lines.append(_read_line(text, number, f"{name}, line {number}", numbered, classes))
    return lines


def _read_line(text: str, number: int, place: str, numbered: Sequence[str], classes: ClassFinder) -> Line:
    first, *others = text.split()
    if not (first.isascii() and first.isdigit()) or int(first) >= len(numbered):
        raise AnnotationError(
            f"{place}: found the class {quote(first)}, expected a whole number from 0 to {len(numbered) - 1}, since "
            f"there are {len(numbered)} classes: {count_and_name(numbered)}"
        )
    label = numbered[int(first)]
    if label.strip().lower() in BACKGROUND_NAMES:
        raise AnnotationError(f"{place}: found an object of {quote(label)}, which is what is no object: take it out")
    label = classes.find(label, place)
    if len(others) == _NUMBERS_WITH_CONFIDENCE:
        raise AnnotationError(
            f"{place}: found 6 numbers, expected a class and 4: the last one is the confidence of a prediction, which "
            "given labels do not have"
        )
    if len(others) != _NUMBERS_OF_A_BOX and (len(others) < _NUMBERS_OF_A_TRIANGLE or len(others) % 2):
        raise AnnotationError(
            f"{place}: found {len(others) + 1} numbers, expected a class and 4, or a class and x and y of at least 3 "
            "points"
        )
    try:
        numbers = np.array(others, dtype=np.float64)
    except ValueError as error:
        raise AnnotationError(f"{place}: found {quote(text.strip())}, expected numbers") from error
    if not ((numbers >= -SLACK) & (numbers <= 1 + SLACK)).all():
        raise AnnotationError(
            f"{place}: found {quote(text.strip())}, expected shares of the picture from 0 to 1: divide pixels by its "
            "width and height"
        )
    return Line(place=place, number=number, label=label, numbers=numbers, shown=quote(text.strip()))


def _read_points(line: Line) -> np.ndarray:
    """Return the points of a polygon as shares, shape (n, 2)."""
    if not line.is_polygon:
        raise AnnotationError(f"{line.place}: found {line.shown}, a box, expected x and y of at least 3 points")
    return line.numbers.reshape(-1, 2)


def fill_line(line: Line, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels of a polygon in a picture of some width and height, bool of shape (height, width).

    Raises:
        AnnotationError: the line is a box.
    """
    return fill_polygon(_read_points(line) * size, *size)


def place_box(line: Line, size: tuple[int, int], placer: BoxPlacer) -> Box | None:
    """Return the box of an object in a picture of some width and height; None where it is left out."""
    if line.is_polygon:
        points = _read_points(line)
        low, high = points.min(axis=0), points.max(axis=0)
    else:
        middle, extent = line.numbers[:2], line.numbers[2:]
        low, high = middle - extent / 2, middle + extent / 2
    # What numbers of few decimals pass the border by is no fault of anyone.
    edges = np.concatenate([low, high])
    edges = np.where((edges < 0) & (edges >= -SLACK), 0, np.where((edges > 1) & (edges <= 1 + SLACK), 1, edges))
    x1, y1, x2, y2 = (float(value) for value in np.round(edges * (*size, *size), 6))
    return placer.place((x1, y1, x2, y2), size=size, show=lambda: line.shown, where=line.place)
