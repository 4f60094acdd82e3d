"""What the forms of the user's own annotated images share: their catalogue entry, class names, boxes, and the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.dataset import NotedTable, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDatasetError, read_section
from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.datasets.headers import find_repeated
from cleanlab_assets.datasets.images import (
    IGNORED_ID,
    IMAGE_COLUMNS,
    LABEL,
    SEPARATOR,
    AnnotatedImage,
    AnnotationError,
    to_image_table,
)
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.picture_files import PictureOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import CorrectedWriter, OwnDataset
    from cleanlab_assets.datasets.faults import Faults
    from cleanlab_assets.datasets.picture_files import Picture

BACKGROUND_NAMES = frozenset({"background", "_background_", "__background__"})
"""Names in small letters by which people list the background among the classes."""
Box = tuple[float, ...]
"""The four edges of a box in pixels: x1, y1, x2, y2, the last two just outside."""


class BoxOptions(PictureOptions):
    """What ``[options]`` says of boxes and pictures.

    Attributes:
        clip_boxes: whether boxes that pass the border of their picture are cut off there; refused if false.
        leave_out_empty_boxes: whether boxes without width or height are left out; refused if false.
    """

    clip_boxes: bool = False
    leave_out_empty_boxes: bool = False


def image_format(
    name: str,
    rules: str | None,
    families: tuple[str, ...],
    load: Callable[..., NotedTable],
    *,
    files: Mapping[str, str],
    folders: Collection[str],
    optional: Collection[str] = (),
    find_class_names: Callable[..., tuple[str, ...]] | None = None,
    options: type[BaseModel] = PictureOptions,
    write_corrected: CorrectedWriter | None = None,
) -> Format:
    """Return the form of a user's own annotated images.

    Its ``describe`` raises ``OwnDatasetError`` if a role is missing or unknown, no class is named, or an option is
    wrong.

    Args:
        name: name of the form.
        rules: what it reads and refuses.
        families: the task families that it can hold.
        load: reads the raw table from the paths by role, ``class_names`` as stated, the ``options``, the ``encoding``
            of text, and the ``family``.
        files: what the file of each role is; ``[files]`` must name all of them that are not optional.
        folders: the roles whose file is a folder.
        optional: the roles that may be absent.
        find_class_names: finds the names in the files where the description has none, from the paths by role, the
            ``options`` and the ``encoding``; the form's data name no classes if absent.
        options: what ``[options]`` may say.
        write_corrected: writes the annotations with corrected labels, see ``Format``.
    """

    def describe(description: OwnDataset, folder: Path) -> Dataset:
        path = folder / DESCRIPTION_FILE
        said, required = set(description.files), set(files) - set(optional)
        if not required <= said <= set(files):
            wanted = ", ".join(f"{role} (may be absent)" if role in optional else role for role in files)
            raise OwnDatasetError(f"{path}: files: found {', '.join(description.files)}, expected {wanted}")
        chosen = read_section(options, description.options, "options", path)
        stated = description.class_names
        notes: list[str] = []
        if not stated and find_class_names is not None:
            paths = {role: folder / file for role, file in description.files.items()}
            stated = find_class_names(paths, options=chosen, encoding=description.encoding)
            if stated:
                notes.append(f"classes, since class_names states none: {', '.join(map(quote, stated))}")
        try:
            class_names = check_class_names(stated)
        except ValueError as error:
            raise OwnDatasetError(f"{path}: class_names: {error}") from error
        if len(class_names) < len(stated):
            notes.append(f"{quote(stated[0])} stands first among the class names: it is no class but what is no object")

        def load_with_notes(paths: Mapping[str, Path]) -> NotedTable:
            loaded = load(
                {role: paths[file] for role, file in description.files.items()},
                class_names=stated,
                options=chosen,
                encoding=description.encoding,
                family=description.family,
            )
            return NotedTable(loaded.table, (*notes, *loaded.notes))

        return description.to_dataset(
            files=tuple(
                SourceFile(name=description.files[role], sha256=(), is_folder=role in folders)
                for role in files
                if role in said
            ),
            load=lambda paths: load_with_notes(paths).table,
            load_with_notes=load_with_notes,
            label=LABEL,
            label_separator=SEPARATOR,
            class_names=class_names,
            columns=IMAGE_COLUMNS,
        )

    return Format(
        name=name,
        families=families,
        describe=describe,
        rules=rules,
        files=files,
        options=options,
        write_corrected=write_corrected,
    )


def without_background(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return class names without the background, which people may list first."""
    return names[1:] if names and names[0].strip().lower() in BACKGROUND_NAMES else names


def check_class_names(stated: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the classes, of which the background is none.

    Raises:
        ValueError: there is none, one is empty or stands twice, or the background is listed elsewhere than first.
    """
    names = without_background(stated)
    if not names:
        raise ValueError("found none, expected the classes without the background")
    if (repeated := find_repeated([to_nfc(name) for name in names])) is not None:
        raise ValueError(f"{quote(repeated)} stands there twice")
    for name in names:
        if not name.strip() or SEPARATOR in name:
            raise ValueError(f"found the name {quote(name)}, expected a text that is not empty and without {SEPARATOR}")
        if name.strip().lower() in BACKGROUND_NAMES:
            raise ValueError(
                f"found {quote(name)} in place {stated.index(name) + 1}, expected it in the first place or not at all: "
                "it is what is no object"
            )
    return names


class ClassFinder:
    """Finds the class that an annotation names; names compare in NFC."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._known = {to_nfc(name): name for name in class_names}

    def find(self, name: str, where: str, what: str = "class") -> str:
        """Return the name as ``class_names`` has it.

        Raises:
            AnnotationError: it is none of them.
        """
        known = self._known.get(to_nfc(name))
        if known is None:
            raise AnnotationError(
                f"{where}: found the {what} {quote(name)}, expected one of {', '.join(self._known.values())}: "
                f"mend it, or name it in class_names in {DESCRIPTION_FILE}"
            )
        return known


@dataclass(kw_only=True)
class BoxPlacer:
    """Takes boxes into their pictures, and counts what it does with those that do not fit.

    Attributes:
        options: what the description says of them.
        edges: what the file calls the left, upper, right and lower edge of a box.
        tolerance: pixels by which a box may pass the border because its numbers are rounded.
    """

    options: BoxOptions
    edges: tuple[str, str, str, str]
    tolerance: float = 1e-6
    n_clipped: int = field(default=0, init=False)
    n_empty: int = field(default=0, init=False)

    def place(self, box: Box, *, size: tuple[int, int], show: Callable[[], str], where: str) -> Box | None:
        """Return a box as x1, y1, x2, y2 in pixels; None where it is left out.

        Args:
            box: its edges in pixels of the picture.
            size: width and height of the picture.
            show: says how the file has the box.
            where: its place in the file.

        Raises:
            AnnotationError: it is not finite, has no area, or passes the border.
        """
        if 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]:
            return box
        shown, (left, upper, right, lower) = show(), self.edges
        if not np.isfinite(box).all():
            raise AnnotationError(f"{where}: found {shown}, expected finite numbers")
        for side, low, high in (("width", 0, 2), ("height", 1, 3)):
            if box[low] == box[high] and self.options.leave_out_empty_boxes:
                self.n_empty += 1
                return None
            if box[low] >= box[high]:
                first, second = ((left, right), (upper, lower))[low]
                if box[low] > box[high]:
                    raise AnnotationError(
                        f"{where}: found {shown}: {first} lies behind {second}: mend it, or take it out"
                    )
                raise AnnotationError(
                    f"{where}: found {shown}: the box has no {side}: mend it, take it out, or state "
                    "leave_out_empty_boxes = true under [options]"
                )
        limits = (*size, *size)
        inside = tuple(min(max(value, 0.0), float(limit)) for value, limit in zip(box, limits, strict=True))
        passed = [abs(value - kept) for value, kept in zip(box, inside, strict=True)]
        if max(passed) > self.tolerance:
            is_outside = inside[0] >= inside[2] or inside[1] >= inside[3]
            if not self.options.clip_boxes or is_outside:
                edge = self.edges[int(np.argmax(passed))]
                wholly = ", wholly" if is_outside else ""
                do = "mend it" if is_outside else "mend it, or state clip_boxes = true under [options]"
                raise AnnotationError(
                    f"{where}: found {shown}: {edge} lies outside the picture of {size[0]} x {size[1]} pixels{wholly}: "
                    f"{do}"
                )
            self.n_clipped += 1
        return inside

    def tell(self) -> list[str]:
        """Say what was done with boxes that do not fit."""
        notes = []
        if self.n_clipped:
            notes.append(f"{self.n_clipped:,} boxes pass the border of their picture and are cut off there")
        if self.n_empty:
            notes.append(f"{self.n_empty:,} boxes without width or height are left out")
        return notes


def build_row(
    row_id: str,
    picture: Picture,
    class_names: tuple[str, ...],
    *,
    boxes: Sequence[tuple[Box, str]] = (),
    class_mask: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the row of a picture with its boxes and their classes, or with its class mask."""
    return AnnotatedImage(
        row_id=row_id,
        image=picture.content,
        class_names=class_names,
        boxes=np.array([box for box, _ in boxes], dtype=np.float64).reshape(-1, 4),
        box_labels=tuple(label for _, label in boxes),
        class_mask=class_mask,
    ).to_row()


def finish_table(
    rows: Sequence[Mapping[str, Any]], faults: Faults, notes: Sequence[str], class_names: tuple[str, ...], *, files: str
) -> NotedTable:
    """Return the raw table of a dataset whose files were read.

    Args:
        rows: those of the pictures that could be read.
        faults: what is wrong with the files.
        notes: what is to be told.
        class_names: the classes.
        files: the annotations, by their name.

    Raises:
        AnnotationError: there are faults, or nothing is annotated on any picture.
    """
    faults.raise_any(AnnotationError)
    counts = Counter(name for row in rows for name in row[LABEL].split(SEPARATOR) if name)
    if not counts:
        found = f"{files}: found no object on any of {len(rows):,} pictures"
        if any(row["class_mask"] is not None for row in rows):
            raise AnnotationError(
                f"{found}, every mask is all background or ignored: look whether these are the right masks, and "
                "whether ids under [options] must say which value is which class"
            )
        raise AnnotationError(f"{found}, expected boxes of some class: look whether these are the right annotations")
    told = list(notes)
    if absent := [name for name in class_names if name not in counts]:
        told.append(f"classes of which there is no object: {count_and_name(absent)}")
    if bare := [row["row_id"] for row in rows if not row[LABEL]]:
        told.append(f"pictures on which nothing is annotated: {count_and_name(bare)}")
    return NotedTable(to_image_table(rows), tuple(told))


def require_room_for_ignored(class_names: tuple[str, ...]) -> None:
    """Refuse ignored pixels beside so many classes that their id is that of a class.

    Raises:
        AnnotationError: there are 255 classes or more.
    """
    if len(class_names) >= IGNORED_ID:
        raise AnnotationError(
            f"found pixels to be ignored, and {len(class_names)} classes: expected fewer than {IGNORED_ID}"
        )


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder and of those within that have one of the suffixes.

    Raises:
        AnnotationError: there is none.
    """
    found = [path for path in walk_files(folder) if path.suffix.lower() in suffixes]
    if not found:
        raise AnnotationError(f"{folder.name}: found no file that ends in {', '.join(sorted(suffixes))}")
    return found
