"""What the forms of the user's own image datasets share: their catalogue entry, and files of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDatasetError, read_section
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.images import IMAGE_COLUMNS, LABEL, SEPARATOR, AnnotationError
from cleanlab_assets.datasets.names import find_path, list_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset, NotedTable
    from cleanlab_assets.datasets.descriptions import OwnDataset

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


class NoOptions(BaseModel):
    """What ``[options]`` may say of a form that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


NO_OPTIONS = NoOptions()


def image_format(
    name: str,
    rules: str | None,
    family: str,
    load: Callable[..., NotedTable],
    *,
    files: Mapping[str, str],
    folders: Collection[str],
    options: type[BaseModel] = NoOptions,
) -> Format:
    """Return the form of a user's own annotated images.

    Its ``describe`` raises ``OwnDatasetError`` if a role is missing or unknown, no class is named, or an option is
    wrong.

    Args:
        name: name of the form.
        rules: what it reads and refuses.
        family: the task family that it can hold.
        load: reads the raw table from the paths by role, ``class_names``, the ``options`` and the ``encoding`` of text.
        files: what the file of each role is; ``[files]`` must name all of them.
        folders: the roles whose file is a folder.
        options: what ``[options]`` may say.
    """

    def describe(description: OwnDataset, folder: Path) -> Dataset:
        path = folder / DESCRIPTION_FILE
        if set(description.files) != set(files):
            raise OwnDatasetError(f"{path}: files: found {', '.join(description.files)}, expected {', '.join(files)}")
        if not description.class_names:
            raise OwnDatasetError(f"{path}: class_names: found none, expected the classes without the background")
        said = read_section(options, description.options, "options", path)

        def load_with_notes(paths: Mapping[str, Path]) -> NotedTable:
            return load(
                {role: paths[file] for role, file in description.files.items()},
                class_names=description.class_names,
                options=said,
                encoding=description.encoding,
            )

        return description.to_dataset(
            files=tuple(
                SourceFile(name=description.files[role], sha256=(), is_folder=role in folders) for role in files
            ),
            load=lambda paths: load_with_notes(paths).table,
            load_with_notes=load_with_notes,
            label=LABEL,
            label_separator=SEPARATOR,
            class_names=description.class_names,
            columns=IMAGE_COLUMNS,
        )

    return Format(name=name, families=(family,), describe=describe, rules=rules, files=files, options=options)


def read_picture(folder: Path, name: str, *, named_in: str) -> bytes:
    """Return the bytes of a picture of a folder.

    Raises:
        AnnotationError: the folder has no such picture, or the name leads outside.
    """
    path = find_path(folder, name)
    try:
        if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
            return path.read_bytes()
    except OSError as error:  # a name that is too long, or a file that may not be read
        raise AnnotationError(f"{named_in}: cannot read the image {quote(name)}: {error.strerror}") from error
    raise AnnotationError(f"{named_in}: found the image {quote(name)}, expected a file of {folder.name}")


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files of a folder with these suffixes, by name; those of operating systems are none.

    Raises:
        AnnotationError: there is none.
    """
    found = [path for path in list_entries(folder) if path.suffix.lower() in suffixes]
    if not found:
        raise AnnotationError(f"{folder.name}: found no file, expected some with {', '.join(sorted(suffixes))}")
    return found
