"""The pictures of annotated datasets: found by the names that annotations give them, and read as people see them.

A picture is turned as its EXIF data say where the annotations were drawn on the turned one: width and height that they
give tell it, else it is turned, as every viewer does. One of 16 bits becomes one of 8, by one scale for all. What is no
PNG or JPEG, is turned or scaled becomes a PNG, so that whoever reads the table sees the same pixels.
"""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cleanlab_assets.datasets.errors import count_and_name, cut, quote
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.datasets.images import (
    DAMAGED,
    AnnotationError,
    encode_png,
    has_sixteen_bits,
    read_size,
    require_checksums,
    to_eight_bits,
)
from cleanlab_assets.datasets.names import to_nfc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.faults import Faults

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_ORIENTATION = 0x0112
_NOT_TURNED = 1
_TURNED_BY_A_QUARTER = frozenset({5, 6, 7, 8})
_KEPT_AS_THEY_ARE = frozenset({"PNG", "JPEG", "MPO"})
_LIKELY_WHITES = (255, 1023, 4095, 16383, 65535)
"""The largest values of 8, 10, 12, 14 and 16 bits."""


class PictureOptions(BaseModel):
    """What ``[options]`` says of pictures.

    Attributes:
        turn_by_exif: whether pictures are turned as their EXIF data say; if absent, the width and height that the
            annotations give decide, and where they tell nothing the pictures are turned, as viewers do.
        white: the value of pictures of 16 bits that is shown as white; if absent, the largest of 8, 10, 12, 14 or 16
            bits that no picture exceeds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    turn_by_exif: bool | None = None
    white: int | None = Field(None, ge=1, le=65535)


@dataclass(frozen=True, kw_only=True)
class NamedPicture:
    """A picture that is to be read.

    Attributes:
        row_id: its path in its folder.
        path: its file.
        place: what speaks of it, for the faults.
        said_size: width and height that the annotations give it, if they do.
        said_by: how the faults begin to tell of them.
    """

    row_id: str
    path: Path
    place: str
    said_size: tuple[int, int] | None = None
    said_by: str = "the annotations give it"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A whole picture: its content as PNG or JPEG without a turn, and its size in pixels."""

    content: bytes
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A picture as its file has it.

    ``largest`` is the largest value of one of 16 bits, 0 of others; ``is_plain`` says that the file may stay as it is.
    """

    named: NamedPicture
    content: bytes
    raw_size: tuple[int, int]
    shown_size: tuple[int, int]
    is_turned: bool
    largest: int
    is_plain: bool


class PictureIndex:
    """The pictures of a folder and of those within, by their path in it; names compare in NFC."""

    def __init__(self, folder: Path) -> None:
        """List the files.

        Raises:
            AnnotationError: there is no picture.
        """
        self.folder = folder
        self.paths = {
            to_nfc(path.relative_to(folder).as_posix()): path
            for path in walk_files(folder)
            if path.suffix.lower() in PICTURE_SUFFIXES
        }
        if not self.paths:
            raise AnnotationError(
                f"{folder.name}: found no picture, expected files that end in {', '.join(sorted(PICTURE_SUFFIXES))}"
            )
        self._by_last_part = defaultdict(list)
        self._by_stem = defaultdict(list)
        self._by_small_letters = {}
        for name in self.paths:
            self._by_last_part[PurePosixPath(name).name].append(name)
            self._by_stem[_without_suffix(name)].append(name)
            self._by_small_letters[name.lower()] = name

    def find(self, name: str) -> str | None:
        """Return the path in the folder of a picture that is named by it; None where it is not there."""
        wanted = to_nfc(name.replace("\\", "/")).removeprefix("./")
        return wanted if wanted in self.paths else None

    def find_by_last_part(self, name: str) -> str | None:
        """Return the path in the folder of the one picture with the last part of a name; None for none or several."""
        found = self._by_last_part.get(PurePosixPath(to_nfc(name.replace("\\", "/"))).name, [])
        return found[0] if len(found) == 1 else None

    def find_by_stem(self, stem: str) -> list[str]:
        """Return the paths in the folder of the pictures with a path but for their suffix."""
        return self._by_stem.get(to_nfc(stem), [])

    def tell_absence(self, name: str) -> str:
        """Say that a picture is not there, and which one is meant where only the case of letters differs."""
        likely = self._by_small_letters.get(to_nfc(name.replace("\\", "/")).lower())
        hint = f"; there is {quote(likely)}" if likely is not None else ""
        return f"found the picture {quote(name)}, expected a file of {self.folder.name}{hint}"

    def list_others(self, known: Iterable[str]) -> list[str]:
        """Return the pictures that are none of the known ones, by name."""
        return sorted(set(self.paths) - set(known))


def _without_suffix(name: str) -> str:
    return name[: len(name) - len(PurePosixPath(name).suffix)]


def read_all_pictures(
    named: Sequence[NamedPicture], options: PictureOptions, faults: Faults, notes: list[str]
) -> dict[str, Picture]:
    """Read pictures as people see them, each by its path in the folder.

    Args:
        named: the pictures.
        options: what the description says of them.
        faults: gets those that cannot be read, are damaged, or have another size than the annotations say.
        notes: gets what was decided.
    """
    found = []
    for picture in named:
        with faults.gather():
            found.append(_look_at(picture))
    found = _require_said_sizes(found, options, faults)
    turns = _decide_turns(found, options, notes)
    white = _choose_white(found, options, notes)
    return {one.named.row_id: _read(one, white, is_turned=one.named.row_id in turns) for one in found}


def _look_at(named: NamedPicture) -> _Found:
    from PIL import Image

    try:
        content = named.path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{named.place}: cannot read the picture: {error.strerror or error}") from error
    width, height = read_size(content, named.place)
    try:
        require_checksums(content)
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            n_pages = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
            orientation = int(picture.getexif().get(_ORIENTATION, _NOT_TURNED))
            is_plain = to_eight_bits(picture) is picture and picture.format in _KEPT_AS_THEY_ARE
            largest = int(np.asarray(picture).max()) if has_sixteen_bits(picture) else 0
    except DAMAGED as error:
        raise _damaged(named, error) from error
    if n_pages != 1:
        raise AnnotationError(f"{named.place}: found {n_pages} pages in the picture, expected one: save each by itself")
    is_quarter = orientation in _TURNED_BY_A_QUARTER
    return _Found(
        named=named,
        content=content,
        raw_size=(width, height),
        shown_size=(height, width) if is_quarter else (width, height),
        is_turned=orientation in range(2, 9),
        largest=largest,
        is_plain=is_plain and orientation not in range(2, 9),
    )


def _require_said_sizes(found: Sequence[_Found], options: PictureOptions, faults: Faults) -> list[_Found]:
    """Return the pictures that have the size that the annotations give them, as stored or turned."""
    right = []
    for one in found:
        allowed = {one.raw_size, one.shown_size}
        if options.turn_by_exif is not None:
            allowed = {one.shown_size if options.turn_by_exif else one.raw_size}
        said = one.named.said_size
        if said is None or said in allowed:
            right.append(one)
            continue
        sizes = " or, turned by its EXIF data, ".join(f"{width} x {height}" for width, height in sorted(allowed))
        faults.add(
            f"{one.named.place}: {one.named.said_by} {said[0]} x {said[1]} pixels, but the picture has {sizes}: mend "
            "the size, or put in the picture that was annotated"
        )
    return right


def _decide_turns(found: Sequence[_Found], options: PictureOptions, notes: list[str]) -> frozenset[str]:
    """Return which pictures are to be turned; the others stay as they are stored."""
    if options.turn_by_exif is not None:
        turned = [one.named.row_id for one in found if one.is_turned] if options.turn_by_exif else []
        if turned:
            notes.append(f"pictures turned as their EXIF data say: {count_and_name(turned)}")
        return frozenset(turned)
    said_turned, said_stored, untold = list[str](), list[str](), list[str]()
    for one in found:
        if one.is_turned:
            said = one.named.said_size if one.raw_size != one.shown_size else None
            (untold if said is None else said_turned if said == one.shown_size else said_stored).append(
                one.named.row_id
            )
    if said_turned:
        notes.append(
            f"pictures turned as their EXIF data say, which gives the width and height of the annotations: "
            f"{count_and_name(said_turned)}"
        )
    if said_stored:
        notes.append(
            f"pictures that are not turned as their EXIF data say, since the annotations have their width and height "
            f"as stored: {count_and_name(said_stored)}"
        )
    if not untold:
        return frozenset(said_turned)
    is_as_stored = bool(said_stored) and not said_turned
    how = "are not turned, like the others" if is_as_stored else "are turned, as viewers show them"
    notes.append(
        f"pictures whose EXIF data say a turn that width and height do not tell, and which {how}: "
        f"{count_and_name(untold)}; turn_by_exif = {str(is_as_stored).lower()} under [options] says otherwise"
    )
    return frozenset(said_turned if is_as_stored else [*said_turned, *untold])


def _choose_white(found: Sequence[_Found], options: PictureOptions, notes: list[str]) -> int:
    largest = max((one.largest for one in found), default=0)
    deep = [one.named.row_id for one in found if one.largest]
    white = options.white or next((value for value in _LIKELY_WHITES if value >= largest), _LIKELY_WHITES[-1])
    if deep:
        why = "as stated" if options.white else f"since the largest value is {largest}"
        notes.append(
            f"pictures of 16 bits, in which {white} is shown as white, {why}: {count_and_name(deep)}; "
            "white under [options] says otherwise"
        )
    return white


def _read(found: _Found, white: int, *, is_turned: bool) -> Picture:
    from PIL import Image, ImageOps

    if found.is_plain:
        width, height = found.raw_size
        return Picture(content=found.content, width=width, height=height)
    with Image.open(io.BytesIO(found.content)) as picture:
        shown = ImageOps.exif_transpose(picture) if is_turned else picture
        pixels = np.asarray(to_eight_bits(shown, white).convert("RGB"))
    height, width = pixels.shape[:2]
    return Picture(content=encode_png(pixels), width=width, height=height)


def _damaged(named: NamedPicture, error: Exception) -> AnnotationError:
    return AnnotationError(
        f"{named.place}: found a damaged picture ({cut(str(error))}): copy it anew, or take it out of the dataset"
    )
