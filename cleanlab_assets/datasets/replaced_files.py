"""The files of a source with corrected ones in their place: what another program gave back is read as the source is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.scratch import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset


class ReplacedFileError(UnreadableInputError):
    """A file or folder that stands for none of a source."""


@contextmanager
def replace_source_files(dataset: Dataset, files: Mapping[str, Path], corrected: Path) -> Iterator[Mapping[str, Path]]:
    """Give the paths of a source with corrected files in place of its own.

    A corrected file stands for the one of its name, else for the only one that is no folder. A corrected folder holds
    files or folders of the names of the source's, or has the name of one of its folders; of such a folder it may hold a
    part of the files.

    Args:
        dataset: catalogue entry.
        files: paths of the source by name.
        corrected: the file or folder.

    Yields:
        The paths by name.

    Raises:
        ReplacedFileError: the file or folder stands for none of the source.
    """
    own = {file.name: file.is_folder for file in dataset.files if file.is_own}
    plain = [name for name, is_folder in own.items() if not is_folder]
    found: dict[str, Path] = {}
    if not corrected.is_dir():
        named = [name for name in plain if name.rpartition("/")[2] == corrected.name] or plain
        found = {named[0]: corrected} if len(named) == 1 else {}
    else:
        found = {name: corrected / name for name in own if (corrected / name).exists()}
        if not found:
            found = {
                name: corrected
                for name, is_folder in own.items()
                if is_folder and name.split("/")[-1] == corrected.name
            }
    if not found:
        raise ReplacedFileError(
            f"{quote(corrected.name)} stands for no file of {dataset.name}: expected one of the names {', '.join(own)}"
        )
    with temporary_directory() as scratch:
        laid = {
            name: _lay_over(scratch / str(number) / name, files[name], path) if own[name] else path
            for number, (name, path) in enumerate(found.items())
        }
        yield {**files, **laid}


def _lay_over(target: Path, source: Path, corrected: Path) -> Path:
    """Fill a folder with links to the files of two others, of equal names to that of the second."""
    target.mkdir(parents=True)
    by_name = {path.relative_to(folder): path for folder in (source, corrected) for path in walk_files(folder)}
    for name, path in by_name.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to(path.resolve())
    return target
