"""Pictures with one label each: their files, read as they are and known to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.folders import list_entries, walk_files
from cleanlab_assets.datasets.images import AnnotationError, require_whole
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.picture_files import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

V = TypeVar("V")
TRAIN_FOLDERS = ("train", "training")
TEST_FOLDERS = ("test", "testing")
VALIDATION_FOLDERS = ("val", "valid", "validation")
"""Top folders, in small letters, that say of which part the folders of classes in them are."""


class PictureError(UnreadableInputError):
    """Pictures that cannot be read; the message names them, a line each."""


def read_pictures(names: Sequence[str | None], folder: Path, places: Sequence[str]) -> list[bytes]:
    """Return the content of the pictures that a table names.

    Args:
        names: path of each picture; a relative one begins in the folder.
        folder: that of the table.
        places: where each name stands, for the errors.

    Raises:
        PictureError: a picture is not named, not there, or no whole picture; the first 20 are named.
    """
    return _take_all(names, places, lambda name: _read(name, folder))


def require_pictures(contents: Sequence[bytes | None], places: Sequence[str]) -> list[bytes]:
    """Return the content of the pictures that a table holds itself.

    Args:
        contents: of each picture.
        places: where each stands, for the errors.

    Raises:
        PictureError: a picture is missing, or no whole picture; the first 20 are named.
    """
    return _take_all(contents, places, _require_whole)


def _take_all(values: Sequence[V | None], places: Sequence[str], take: Callable[[V], bytes]) -> list[bytes]:
    contents, faults = [], Faults()
    for value, place in zip(values, places, strict=True):
        if value is None:
            faults.add(f"{place}: found no picture, expected one in every row")
            continue
        try:
            contents.append(take(value))
        except PictureError as error:
            faults.add(f"{place}: {error}")
    faults.raise_any(PictureError)
    return contents


def _read(name: str, folder: Path) -> bytes:
    path = folder / name
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PictureError(
            f"cannot read the picture {quote(name)}: {reason}; a relative path begins in {folder}"
        ) from error
    return _require_whole(content, quote(name))


def _require_whole(content: bytes, what: str = "picture") -> bytes:
    try:
        require_whole(content, what)
    except AnnotationError as error:
        raise PictureError(f"{error}: mend it, or take the row out") from error
    return content


class PictureFolder:
    """A folder of pictures with one folder for each class.

    Where each of its folders is called ``train``, ``test``, ``val`` or the like, the folders in these are the classes.

    Attributes:
        root: the folder.
        class_names: the classes by name, in alphabetical order, numbers by their value.
        has_parts: whether there are folders of train and test rows.
        empty_folders: folders without a picture: they are no classes.
        other_files: files that are no pictures by their name, and pictures beside the folders of the classes.
    """

    def __init__(self, root: Path) -> None:
        """Look at the names of folders and files; nothing is read.

        Raises:
            PictureError: there are fewer than two folders with pictures.
        """
        self.root = root
        self.has_parts = has_parts(root)
        tops = _list_folders(root) if self.has_parts else [root]
        self._classes = [(part, folder) for part in tops for folder in _list_folders(part)]
        self._files = [(part, folder, file) for part, folder in self._classes for file in walk_files(folder)]
        pictures = [found for found in self._files if found[2].suffix.lower() in PICTURE_SUFFIXES]
        names = {to_nfc(folder.name) for _, folder, _ in pictures}
        self.class_names = tuple(sorted(names, key=_as_number_or_name))
        self.empty_folders = sorted({to_nfc(folder.name) for _, folder in self._classes} - names)
        # By their names across the classes: sorted by class, the order itself would look like drift.
        self.pictures = sorted(pictures, key=lambda found: (found[2].relative_to(found[1]).as_posix(), found[1]))
        beside = [file for top in sorted({root, *tops}) for file in list_entries(top) if file.is_file()]
        others = [file for _, _, file in self._files if file.suffix.lower() not in PICTURE_SUFFIXES]
        self.other_files = [file.relative_to(root).as_posix() for file in (*beside, *others)]
        if len(self.class_names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
            found = ", ".join(quote(name) for name in self.class_names) or "none"
            raise PictureError(
                f"{root}: expected a folder with pictures ({', '.join(sorted(PICTURE_SUFFIXES))}) for each of at least "
                f"two classes, found {found}"
            )

    def read(self) -> Iterator[tuple[str, str, str, bytes | None]]:
        """Yield for each picture its path in the folder, its class, ``train`` or ``test``, and its content.

        The content is None where the file cannot be read, or is no whole picture.
        """
        for part, folder, file in self.pictures:
            place = file.relative_to(self.root).as_posix()
            split = "test" if self.has_parts and part.name.lower() in TEST_FOLDERS else "train"
            try:
                content = file.read_bytes()
                require_whole(content, place)
            except (OSError, AnnotationError):
                yield place, to_nfc(folder.name), split, None
            else:
                yield place, to_nfc(folder.name), split, content

    def validation_folders(self) -> list[str]:
        """Return the folders of validation rows, which count as train rows here."""
        return sorted({part.name for part, _ in self._classes if part.name.lower() in VALIDATION_FOLDERS})


def has_parts(root: Path) -> bool:
    """Whether the folders of a folder are those of train and test rows, and not of classes."""
    folders = _list_folders(root)
    parts = {*TRAIN_FOLDERS, *TEST_FOLDERS, *VALIDATION_FOLDERS}
    return bool(folders) and all(folder.name.lower() in parts for folder in folders)


def _list_folders(folder: Path) -> list[Path]:
    return [path for path in list_entries(folder) if path.is_dir()]


def _as_number_or_name(name: str) -> tuple[int, float, str]:
    """Return what puts numbers in the order of their values, before names."""
    return (0, float(name), name) if name.isascii() and name.isdigit() else (1, 0.0, name)
