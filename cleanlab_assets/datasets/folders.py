"""What lies in a folder: its files and those of the folders within, also where links lead to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.names import is_system_file, to_nfc

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_no_data(name: str) -> bool:
    """Whether a file or folder is hidden, or one that an operating system puts beside the data by itself."""
    return name.startswith(".") or is_system_file(name)


def walk_files(root: Path) -> Iterator[Path]:
    """Yield the files of a folder and of those within, folder by folder, by name.

    What is hidden, or comes from an operating system, is left out.

    Links are followed, each folder once, so that a circle ends. A link that leads nowhere is yielded as a file, so that
    whoever reads it hears of it.
    """
    seen = set()
    for top, folders, files in os.walk(root, followlinks=True):
        status = Path(top).stat()
        if (place := (status.st_dev, status.st_ino)) in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not is_no_data(name))
        yield from (Path(top) / name for name in sorted(files) if not is_no_data(name))


def lies_within(name: str, root: Path) -> bool:
    """Whether a relative name stays in a folder as it is written, whatever links lie there."""
    inside = os.path.normpath(root / name)
    return Path(inside).is_relative_to(os.path.normpath(root))


def list_entries(folder: Path) -> list[Path]:
    """Return the files and folders in a folder by name, without what is hidden or comes from an operating system."""
    return sorted(path for path in folder.iterdir() if not is_no_data(path.name))


def find_path(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder, also where the system writes the letters of its name in another way."""
    path = folder / name
    if name.isascii() or path.exists():
        return path
    found = folder
    for part in path.relative_to(folder).parts if path.is_relative_to(folder) else ():
        alike = list_entries(found) if found.is_dir() else []
        found = next((entry for entry in alike if to_nfc(entry.name) == to_nfc(part)), found / part)
    return found if found.exists() else path
