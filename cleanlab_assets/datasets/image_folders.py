"""What the user's own image datasets share: their catalogue entry, and files of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import Dataset, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, OwnDatasetError
from cleanlab_assets.datasets.images import IMAGE_COLUMNS, LABEL, SEPARATOR, AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.descriptions import OwnDataset

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def describe_images(
    description: OwnDataset,
    folder: Path,
    *,
    roles: Mapping[str, bool],
    load: Callable[[Mapping[str, Path]], pd.DataFrame],
) -> Dataset:
    """Make the catalogue entry of a user's own annotated images.

    Args:
        description: the description.
        folder: its folder.
        roles: the roles that ``files`` must have, and whether each is a folder.
        load: reads the raw table from the paths by role.

    Raises:
        OwnDatasetError: a role is missing or unknown, or no class is named.
    """
    path = folder / DESCRIPTION_FILE
    if set(description.files) != set(roles):
        raise OwnDatasetError(f"{path}: files: found {', '.join(description.files)}, expected {', '.join(roles)}")
    if not description.class_names:
        raise OwnDatasetError(f"{path}: class_names: found none, expected the classes without the background")
    return Dataset(
        name=description.name,
        families=(description.family,),
        title=description.title or description.name,
        description=description.description,
        homepage=description.homepage,
        licence=description.licence,
        citation=description.citation,
        files=tuple(
            SourceFile(name=description.files[role], sha256=(), is_folder=is_folder)
            for role, is_folder in roles.items()
        ),
        load=lambda files: load({role: files[name] for role, name in description.files.items()}),
        label=LABEL,
        label_separator=SEPARATOR,
        class_names=description.class_names,
        columns=IMAGE_COLUMNS,
        expected_rows=None,
    )


def read_picture(folder: Path, name: str, *, named_in: str) -> bytes:
    """Return the bytes of a picture of a folder.

    Raises:
        AnnotationError: the folder has no such picture, or the name leads outside.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise AnnotationError(f"{named_in}: found the image {name!r}, expected a file of {folder.name}")
    return path.read_bytes()


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder with these suffixes, by name.

    Raises:
        AnnotationError: there is none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise AnnotationError(f"{folder.name}: found no file, expected some with {', '.join(sorted(suffixes))}")
    return found
