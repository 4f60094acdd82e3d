"""Boxes or polygons as YOLO: for each picture a text file of its name, with a line for each object.

``dataset.toml`` beside the files::

    family = "object_detection"        # or "segmentation"
    format = "yolo"
    class_names = ["cat", "dog"]       # in the order of their numbers; those of the file of classes, if absent

    [files]
    images = "images"
    labels = "labels"
    classes = "data.yaml"              # may be absent; or a text with a name in each line, such as classes.txt

A line holds the number of a class, counted from 0, and a box: the middle in x and y, width and height, all as shares of
the picture from 0 to 1. A line with three points or more is a polygon: for boxes it is the box around it, said with a
number; for segmentation there must be polygons, which are painted in the order of the lines. Numbers are rounded, so an
edge may pass the border by a ten-thousandth of the picture; it is cut off there.

The text of ``train/a.jpg`` is ``train/a.txt``. A picture without a text, or with an empty one, has no object on it, as
YOLO trains with it; said with a number. A text without a picture is refused, and so are shares outside of 0 to 1, a
number of no class, six numbers (the last is the confidence of a prediction), and two pictures of one name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.image_folders import (
    BACKGROUND_NAMES,
    BoxOptions,
    BoxPlacer,
    ClassFinder,
    build_row,
    finish_table,
    image_format,
    list_files,
    without_background,
)
from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.outlines import fill_polygon
from cleanlab_assets.datasets.picture_files import NamedPicture, PictureIndex, read_all_pictures
from cleanlab_assets.datasets.text_files import TextFileError, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable
    from cleanlab_assets.datasets.image_folders import Box

LISTS_OF_CLASSES = frozenset({"classes.txt", "labels.txt", "obj.names", "predefined_classes.txt"})
"""Files beside the texts that list the classes, and are those of no picture."""
LIKELY_LISTS = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
"""Files beside the folders that may list the classes."""
SLACK = 1e-4
"""Share of the picture by which an edge may pass the border, since its numbers are rounded."""
_NUMBERS_OF_A_BOX = 4
_NUMBERS_WITH_CONFIDENCE = 5
_NUMBERS_OF_A_TRIANGLE = 6
_EDGES = ("the left edge", "the upper edge", "the right edge", "the lower edge")


@dataclass(frozen=True, kw_only=True)
class _Line:
    """An object: its place, its class, and its numbers, a box or the points of a polygon, as shares of the picture."""

    place: str
    label: str
    numbers: np.ndarray
    shown: str

    @property
    def is_polygon(self) -> bool:
        return len(self.numbers) > _NUMBERS_OF_A_BOX


def load_yolo(
    files: Mapping[str, Path],
    *,
    class_names: tuple[str, ...],
    options: BoxOptions | None = None,
    encoding: str | None = None,
    family: str = "object_detection",
) -> NotedTable:
    """Read the raw table from a folder of pictures (role ``images``) and one of texts (role ``labels``).

    Raises:
        AnnotationError: texts or pictures cannot be; the message tells all faults.
    """
    options = options or BoxOptions()
    names, faults, notes = without_background(class_names), Faults(), list[str]()
    numbered = class_names if "classes" not in files else read_class_list(files["classes"], encoding)
    classes = ClassFinder(names)
    index = PictureIndex(files["images"])
    texts = _find_texts(files["labels"], index, faults)
    lines = {
        row_id: _read_lines(path, files["labels"], encoding, numbered, classes, faults)
        for row_id, path in texts.items()
    }
    named = [NamedPicture(row_id=row_id, path=path, place=row_id) for row_id, path in sorted(index.paths.items())]
    pictures = read_all_pictures(named, options, faults, notes)
    placer = BoxPlacer(options=options, edges=_EDGES)
    rows, n_polygons = [], 0
    for row_id, picture in pictures.items():
        found = lines.get(row_id, [])
        if family == "segmentation":
            mask = np.zeros((picture.height, picture.width), dtype=np.int32)
            for line in found:
                with faults.gather():
                    points = _read_points(line) * (picture.width, picture.height)
                    mask[fill_polygon(points, picture.width, picture.height)] = names.index(line.label) + 1
            rows.append(build_row(row_id, picture, names, class_mask=mask))
            continue
        boxes = []
        for line in found:
            n_polygons += line.is_polygon
            with faults.gather():
                box = _place_box(line, (picture.width, picture.height), placer)
                if box is not None:
                    boxes.append((box, line.label))
        rows.append(build_row(row_id, picture, names, boxes=boxes))
    notes += placer.tell()
    if n_polygons:
        notes.append(f"{n_polygons:,} lines are polygons, of which the box around them is taken")
    if without := sorted(set(index.paths) - set(texts)):
        notes.append(f"pictures without a text, taken for pictures without an object: {count_and_name(without)}")
    return finish_table(rows, faults, notes, names, files=files["labels"].name)


def find_class_names(
    files: Mapping[str, Path],
    *,
    options: BoxOptions,  # noqa: ARG001 - every form takes them
    encoding: str | None,
) -> tuple[str, ...]:
    """Return the names that the file of classes lists; none where there is no such file.

    Raises:
        TextFileError: the file is not YAML, or cannot be read.
        AnnotationError: it lists no names.
    """
    if "classes" in files:
        return read_class_list(files["classes"], encoding)
    folder = files["images"].parent
    likely = [name for name in LIKELY_LISTS if (folder / name).is_file()]
    hint = f': there is {likely[0]}: state classes = "{likely[0]}" under [files]' if likely else ""
    raise AnnotationError(
        f"dataset.toml: found neither class_names nor a file of classes, such as data.yaml or classes.txt{hint}"
    )


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


def _find_texts(folder: Path, index: PictureIndex, faults: Faults) -> dict[str, Path]:
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


def _read_lines(  # noqa: PLR0917
    path: Path, folder: Path, encoding: str | None, numbered: Sequence[str], classes: ClassFinder, faults: Faults
) -> list[_Line]:
    name, lines = f"{folder.name}/{path.relative_to(folder).as_posix()}", list[_Line]()
    with faults.gather():
        for number, text in enumerate(read_text(path, encoding).split("\n"), start=1):
            if text.strip():
                with faults.gather():
                    lines.append(_read_line(text, f"{name}, line {number}", numbered, classes))
    return lines


def _read_line(text: str, place: str, numbered: Sequence[str], classes: ClassFinder) -> _Line:
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
    return _Line(place=place, label=label, numbers=numbers, shown=quote(text.strip()))


def _read_points(line: _Line) -> np.ndarray:
    """Return the points of a polygon as shares, shape (n, 2)."""
    if not line.is_polygon:
        raise AnnotationError(f"{line.place}: found {line.shown}, a box, expected x and y of at least 3 points")
    return line.numbers.reshape(-1, 2)


def _place_box(line: _Line, size: tuple[int, int], placer: BoxPlacer) -> Box | None:
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


FORMAT = image_format(
    "yolo",
    __doc__,
    ("object_detection", "segmentation"),
    load_yolo,
    files={
        "images": "the folder of pictures",
        "labels": "the folder of texts; it may be that of the pictures",
        "classes": "data.yaml, or a text with a name of a class in each line; may be absent",
    },
    folders={"images", "labels"},
    optional={"classes"},
    find_class_names=find_class_names,
    options=BoxOptions,
)
