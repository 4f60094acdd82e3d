"""What lies in a folder: its files and those of the folders within, also where links lead to them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def is_system_name(name: str) -> bool:
    """Whether a file or folder is hidden, or one that an operating system puts beside the data by itself."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


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
        folders[:] = sorted(name for name in folders if not is_system_name(name))
        yield from (Path(top) / name for name in sorted(files) if not is_system_name(name))


def lies_within(name: str, root: Path) -> bool:
    """Whether a relative name stays in a folder as it is written, whatever links lie there."""
    inside = os.path.normpath(root / name)
    return Path(inside).is_relative_to(os.path.normpath(root))
