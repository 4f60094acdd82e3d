"""What the forms of the user's own image datasets share: their catalogue entry, and files of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDatasetError
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.images import IMAGE_COLUMNS, LABEL, SEPARATOR, AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def image_format(name: str, family: str, load: Callable[..., pd.DataFrame], *, roles: Mapping[str, bool]) -> Format:
    """Return the form of a user's own annotated images.

    Its ``describe`` raises ``OwnDatasetError`` if a role is missing or unknown, or no class is named.

    Args:
        name: name of the form.
        family: the task family that it can hold.
        load: reads the raw table from the paths by role, ``class_names`` and the ``encoding`` of text.
        roles: the roles that ``files`` must have, and whether each is a folder.
    """

    def describe(description: OwnDataset, folder: Path) -> Dataset:
        path = folder / DESCRIPTION_FILE
        if set(description.files) != set(roles):
            raise OwnDatasetError(f"{path}: files: found {', '.join(description.files)}, expected {', '.join(roles)}")
        if not description.class_names:
            raise OwnDatasetError(f"{path}: class_names: found none, expected the classes without the background")
        return description.to_dataset(
            files=tuple(SourceFile(name=description.files[role], sha256=(), is_folder=roles[role]) for role in roles),
            load=lambda files: load(
                {role: files[file] for role, file in description.files.items()},
                class_names=description.class_names,
                encoding=description.encoding,
            ),
            label=LABEL,
            label_separator=SEPARATOR,
            class_names=description.class_names,
            columns=IMAGE_COLUMNS,
        )

    return Format(name=name, families=(family,), describe=describe)


def read_picture(folder: Path, name: str, *, named_in: str) -> bytes:
    """Return the bytes of a picture of a folder.

    Raises:
        AnnotationError: the folder has no such picture, or the name leads outside.
    """
    path = folder / name
    try:
        if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
            return path.read_bytes()
    except OSError as error:  # a name that is too long, or a file that may not be read
        raise AnnotationError(f"{named_in}: cannot read the image {quote(name)}: {error.strerror}") from error
    raise AnnotationError(f"{named_in}: found the image {quote(name)}, expected a file of {folder.name}")


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder with these suffixes, by name.

    Raises:
        AnnotationError: there is none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise AnnotationError(f"{folder.name}: found no file, expected some with {', '.join(sorted(suffixes))}")
    return found
