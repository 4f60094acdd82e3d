"""The masks of a folder: which picture each of them belongs to, and which class each value or colour stands for.

``formats.mask_pairs`` says what is read and refused; ``mask_writing`` writes such masks with corrected regions.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, field_validator

from cleanlab_assets.datasets.errors import count_and_name, cut, quote
from cleanlab_assets.datasets.image_folders import BACKGROUND_NAMES, list_files, require_room_for_ignored
from cleanlab_assets.datasets.images import DAMAGED, IGNORED_ID, AnnotationError, read_size, require_checksums
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.picture_files import PictureIndex, PictureOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from PIL.Image import Image as PillowImage

    from cleanlab_assets.datasets.faults import Faults

MASK_SUFFIXES = frozenset({".bmp", ".gif", ".png", ".tif", ".tiff"})
_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
_BLACK = "#000000"
_VALUES_OF_A_MODE = frozenset({"1", "L", "LA", "P", "I"})
_COLOURS = frozenset({"RGB", "RGBA", "RGBX"})
_LARGEST_VALUE = 65535
_WHITE = 255


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class Options(PictureOptions):
    """What ``[options]`` says.

    Attributes:
        mask_suffix: what the name of a mask adds to that of its picture, such as ``_mask``; found out if absent.
        picture_suffix: what the names of pictures have at their end and those of masks have not.
        ids: the value of each class in the masks, or several values.
        colours: the colour of each class in the masks as ``#rrggbb``, or several colours.
        ignore: values, or colours, of pixels that take no part.
    """

    mask_suffix: str | None = None
    picture_suffix: str = ""
    ids: dict[str, Annotated[tuple[int, ...], BeforeValidator(_as_tuple)]] = Field(default_factory=dict)
    colours: dict[str, Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]] = Field(default_factory=dict)
    ignore: tuple[int | str, ...] = ()

    @field_validator("ids")
    @classmethod
    def _check_ids(cls, found: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        values = [value for of_class in found.values() for value in of_class]
        if len(set(values)) < len(values) or not all(0 <= value <= _LARGEST_VALUE for value in values):
            raise ValueError(f"expected each value once, from 0 to {_LARGEST_VALUE}")
        return found

    @field_validator("colours")
    @classmethod
    def _check_colours(cls, found: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        read = [_parse_colour(colour) for of_class in found.values() for colour in of_class]
        if len(set(read)) < len(read):
            raise ValueError("expected each colour once")
        return found

    @field_validator("ignore")
    @classmethod
    def _check_ignore(cls, found: tuple[int | str, ...]) -> tuple[int | str, ...]:
        for one in found:
            if isinstance(one, str):
                _parse_colour(one)
        return found


def _parse_colour(text: str) -> int:
    """Return a colour as a number, red first."""
    digits = text.removeprefix("#")
    if len(digits) != len(_BLACK) - 1 or set(digits.lower()) - set("0123456789abcdef"):
        raise ValueError(f"expected a colour such as #ff0000, found {quote(text)}")
    return int(digits, 16)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What a mask holds: its size in pixels, its values or colours, and whether it is one of colours."""

    path: Path
    place: str
    size: tuple[int, int]
    values: np.ndarray
    has_colours: bool


@dataclass(frozen=True, kw_only=True)
class Key:
    """Which value or colour stands for which id of a class mask, and whether masks are read as colours."""

    ids: Mapping[int, int]
    has_colours: bool

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the ids of values, all of which are known, in an array of the same shape."""
        known = np.array(sorted(self.ids))
        ids = np.array([self.ids[value] for value in known.tolist()], dtype=np.int32)
        return ids[np.searchsorted(known, values)]


def pair_masks(
    index: PictureIndex, folder: Path, options: Options, faults: Faults, notes: list[str]
) -> dict[str, Path]:
    """Return the mask of each picture that has one; pictures without are faults."""
    masks = _list_masks(index, folder, options)
    pictures = _list_pictures(index, {path for paths in masks.values() for path in paths}, options, notes)
    suffix = _guess_suffix(list(pictures), masks) if options.mask_suffix is None else options.mask_suffix
    if suffix and options.mask_suffix is None:
        notes.append(f"the names of masks add {suffix} to those of the pictures")
    pairs = {}
    for base, row_ids in pictures.items():
        found = masks.get(base + suffix, [])
        if len(row_ids) > 1:
            faults.add(
                f"{index.folder.name}: found {', '.join(row_ids)}, expected one picture of that name: rename one"
            )
        elif len(found) > 1:
            several = ", ".join(path.name for path in found)
            faults.add(f"{row_ids[0]}: found the masks {several} in {folder.name}, expected one: take the others away")
        elif found:
            pairs[row_ids[0]] = found[0]
        else:
            hint = f"; found masks such as {next(iter(masks))}: state mask_suffix under [options]" if masks else ""
            faults.add(f"no mask for {row_ids[0]}: expected {folder.name}/{base}{suffix}.png{hint}")
    if others := sorted(set(masks) - {base + suffix for base in pictures}):
        notes.append(f"masks without a picture, left out: {count_and_name(others)}")
    return pairs


def _list_masks(index: PictureIndex, folder: Path, options: Options) -> dict[str, list[Path]]:
    """Return the masks by their path in the folder without what tells their kind."""
    if options.mask_suffix is None and folder.resolve() == index.folder.resolve():
        raise AnnotationError(
            f"{folder.name}: found pictures and masks in one folder: state mask_suffix under [options], such as _mask"
        )
    masks: dict[str, list[Path]] = {}
    for path in list_files(folder, MASK_SUFFIXES | _JPEG_SUFFIXES):
        stem = _stem(path, folder)
        if stem.endswith(options.mask_suffix or ""):
            masks.setdefault(stem, []).append(path)
    return masks


def _list_pictures(index: PictureIndex, masks: set[Path], options: Options, notes: list[str]) -> dict[str, list[str]]:
    """Return the pictures by their path in the folder as masks have it, without ``picture_suffix``."""
    pictures: dict[str, list[str]] = {}
    others = []
    for row_id, path in sorted(index.paths.items()):
        stem = _stem(path, index.folder)
        if path in masks:
            continue
        if stem.endswith(options.picture_suffix):
            pictures.setdefault(stem.removesuffix(options.picture_suffix), []).append(row_id)
        else:
            others.append(row_id)
    if others:
        notes.append(f"pictures whose name has not the picture_suffix, left out: {count_and_name(others)}")
    return pictures


def _stem(path: Path, folder: Path) -> str:
    name = to_nfc(path.relative_to(folder).as_posix())
    return name.removesuffix(path.suffix)


def _guess_suffix(bases: Sequence[str], by_stem: Mapping[str, object]) -> str:
    """Return the one word that turns the name of every picture into that of a mask; empty where there is none."""
    lacking = next((base for base in bases if base not in by_stem), None)
    if lacking is None:
        return ""
    parent = PurePosixPath(lacking).parent
    words = {
        stem.removeprefix(lacking)
        for stem in by_stem
        if stem.startswith(lacking) and PurePosixPath(stem).parent == parent
    }
    fitting = [word for word in words if all(base + word in by_stem for base in bases)]
    return fitting[0] if len(fitting) == 1 else ""


def read_values(path: Path, place: str, *, has_colours: bool) -> tuple[np.ndarray, bool]:
    """Return the values of a mask, or its colours as numbers, of shape (height, width), and whether they are colours.

    Grey that is stored as colours gives its values.

    Args:
        path: the mask.
        place: its name.
        has_colours: whether it is to be read as one of colours, whatever it is.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"{place}: cannot read the mask: {error.strerror or error}") from error
    return decode_values(content, place, has_colours=has_colours)


def decode_values(content: bytes, place: str, *, has_colours: bool) -> tuple[np.ndarray, bool]:
    """Return the values of the content of a mask, see ``read_values``."""
    from PIL import Image

    read_size(content, place)
    try:
        require_checksums(content)
        with Image.open(io.BytesIO(content)) as picture:
            _require_mask(picture, place)
            if picture.mode not in _COLOURS and not has_colours:
                return np.asarray(picture.convert("L") if picture.mode == "LA" else picture).astype(np.int32), False
            colours = np.asarray(picture.convert("RGB")).astype(np.int32)
    except DAMAGED as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(f"{place}: found a damaged mask ({cut(str(error))}): copy it anew") from error
    if has_colours or (colours != colours[:, :, :1]).any():
        return colours @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32), True
    return colours[:, :, 0], False


def _require_mask(picture: PillowImage, place: str) -> None:
    """Refuse pictures that cannot be masks."""
    if picture.format == "JPEG":
        raise AnnotationError(f"{place}: found a JPEG, whose compression changes values: save masks as PNG")
    if (n_pages := getattr(picture, "n_frames", 1)) != 1:
        raise AnnotationError(f"{place}: found {n_pages} pages, expected one: save each mask by itself")
    is_whole = picture.mode in _VALUES_OF_A_MODE or picture.mode.startswith("I;16")
    if not is_whole and picture.mode not in _COLOURS:
        raise AnnotationError(
            f"{place}: found pixels of the kind {picture.mode}, expected whole numbers or colours: save it as PNG"
        )


def scan_mask(path: Path, folder: Path, *, has_colours: bool) -> Scan:
    """Return what a mask of a folder holds; ``has_colours`` as in ``read_values``."""
    place = f"{folder.name}/{path.relative_to(folder).as_posix()}"
    values, are_colours = read_values(path, place, has_colours=has_colours)
    size = (values.shape[1], values.shape[0])
    return Scan(path=path, place=place, size=size, values=np.unique(values), has_colours=are_colours)


def find_key(  # noqa: PLR0917
    scans: Sequence[Scan],
    class_names: tuple[str, ...],
    options: Options,
    folder: str,
    faults: Faults,
    notes: list[str],
) -> Key | None:
    """Return what the values of the masks stand for; None where something is wrong, which is a fault then."""
    found = len(faults)
    with faults.gather():
        ids = _read_stated(class_names, options)
        coloured = [scan.place for scan in scans if scan.has_colours]
        if coloured and not options.colours:
            first = next(scan for scan in scans if scan.has_colours)
            shown = ", ".join(map(_show_colour, first.values[:6].tolist()))
            raise AnnotationError(
                f"masks in colours: {count_and_name(coloured)}: found {shown} in {first.place}, expected values of "
                f'classes: state which is which under [options], such as colours = {{ "{class_names[0]}" = '
                f'"{_show_colour(int(first.values[-1]))}" }}'
            )
        present = set[int]().union(*(scan.values.tolist() for scan in scans))
        if not (options.ids or options.colours):
            ids |= _guess_ids(present, ids, class_names, notes)
        unknown = sorted(present - set(ids))
        if unknown:
            show = _show_colour if options.colours else str
            holders = [scan.place for scan in scans if set(scan.values.tolist()) & set(unknown)]
            raise AnnotationError(
                f"{folder}: found the {'colours' if options.colours else 'values'} "
                f"{', '.join(map(show, unknown[:6]))}{' and others' if len(unknown) > 6 else ''} "  # noqa: PLR2004
                f"in masks: {count_and_name(holders)}; expected {_tell_ids(ids, class_names, show)}: state "
                f"{'colours' if options.colours else 'ids'} under [options], or ignore for pixels that take no part"
            )
        if IGNORED_ID in ids.values():
            require_room_for_ignored(class_names)
        if any(value == IGNORED_ID for value in ids.values()) and options.ignore:
            notes.append(f"pixels that take no part: those of {', '.join(map(str, options.ignore))}")
        return Key(ids=ids, has_colours=bool(options.colours)) if len(faults) == found else None
    return None


def _read_stated(class_names: tuple[str, ...], options: Options) -> dict[int, int]:
    """Return the id of each value or colour that the description states; without any, those of the classes in order."""
    if options.ids and options.colours:
        raise AnnotationError("dataset.toml: options: found ids and colours, expected one of them")
    said: Mapping[str, tuple[int, ...]] = (
        {name: tuple(map(_parse_colour, colours)) for name, colours in options.colours.items()}
        if options.colours
        else options.ids
    )
    ids: dict[int, int] = {}
    for name, values in said.items():
        if name not in class_names and name.lower() not in BACKGROUND_NAMES:
            raise AnnotationError(
                f"dataset.toml: options: found {quote(name)} under {'colours' if options.colours else 'ids'}, expected "
                f"background or one of {', '.join(class_names)}"
            )
        ids |= dict.fromkeys(values, class_names.index(name) + 1 if name in class_names else 0)
    if absent := [name for name in class_names if said and name not in said]:
        raise AnnotationError(
            f"dataset.toml: options: found no {'colours' if options.colours else 'ids'} of {', '.join(absent)}"
        )
    if not said:
        ids = {value: value for value in range(len(class_names) + 1)}
    elif 0 not in ids.values():
        ids.setdefault(0, 0)  # else the value 0 is a class, and there is no background
    for one in options.ignore:
        if isinstance(one, str) != bool(options.colours):
            raise AnnotationError(
                f"dataset.toml: options.ignore: found {quote(one)}, expected a "
                f"{'colour such as #ff0000' if options.colours else 'value'}, as the masks have"
            )
        ids[_parse_colour(one) if isinstance(one, str) else one] = IGNORED_ID
    return ids


def _guess_ids(
    present: set[int], ids: Mapping[int, int], class_names: tuple[str, ...], notes: list[str]
) -> dict[int, int]:
    """Return what 255 stands for, where the other values leave no doubt, and say so."""
    if _WHITE in ids or _WHITE not in present:
        return {}
    if len(class_names) == 1 and present <= {0, _WHITE} | {v for v, code in ids.items() if code == IGNORED_ID}:
        notes.append(
            f"masks of 0 and {_WHITE}: {_WHITE} is {quote(class_names[0])}; ids under [options] says otherwise"
        )
        return {_WHITE: 1}
    if present - set(ids) == {_WHITE} and present >= set(range(1, len(class_names) + 1)):
        notes.append(
            f"pixels of the value {_WHITE} take no part, since the masks hold the values of all classes beside it; "
            "ids under [options] says otherwise"
        )
        return {_WHITE: IGNORED_ID}
    return {}


def _show_colour(colour: int) -> str:
    return f"#{colour:06x}"


def _tell_ids(ids: Mapping[int, int], class_names: tuple[str, ...], show: Any) -> str:
    names = ("background", *class_names)
    told = [
        f"{show(value)} ({'ignored' if code == IGNORED_ID else names[code]})" for value, code in sorted(ids.items())
    ]
    return ", ".join(told[:8]) + (" …" if len(told) > 8 else "")  # noqa: PLR2004
