"""Unfinished files and directories: beside their final place, under names that say which process works on them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from cleanlab_assets.processes import was_running

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_UNTIL_LEFT_OVER = 3600
_SUFFIX = ".part"
_PACKAGE = "cleanlab_assets"
_NAME = re.compile(r"\..+\.(?P<pid>\d+)-[0-9a-z_]+\.part")
_NAME_OF_EARLIER_VERSIONS = re.compile(r"\.(download|unpack|record)-[0-9a-z_]+|\..+\.[0-9a-f]{8}\.part")


def scratch_path(target: Path) -> Path:
    """Return a name for the unfinished content of a file or directory, beside it and as yet unused."""
    return target.with_name(f".{target.name[:100]}.{os.getpid()}-{uuid4().hex[:8]}{_SUFFIX}")


@contextmanager
def scratch_directory(parent: Path, purpose: str) -> Iterator[Path]:
    """Make a directory for unfinished files inside another, and remove it afterwards.

    Args:
        parent: the directory in which files will be finished, so that they can be renamed into their place.
        purpose: a word for its name.
    """
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{purpose}.{os.getpid()}-", suffix=_SUFFIX) as made:
        yield Path(made)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Make a directory in the system's own place for temporary files, and remove it afterwards."""
    with scratch_directory(Path(tempfile.gettempdir()), _PACKAGE) as made:
        yield made


def remove_temporary_left_overs() -> list[Path]:
    """Remove what killed processes left of ``temporary_directory``, see ``remove_left_overs``."""
    return remove_left_overs(Path(tempfile.gettempdir()), depth=0, names=f".{_PACKAGE}.*")


def remove_left_overs(root: Path, *, depth: int, names: str = ".*") -> list[Path]:
    """Remove what killed processes left behind below a directory.

    Left over is what has a name of this module, has not been written to for an hour, and is of no living process of
    this machine.

    Args:
        root: the directory, which need not exist.
        depth: how deep to look: 0 looks at what lies in the directory itself.
        names: pattern that the names must match.

    Returns:
        What was removed.
    """
    removed = []
    for parent, folders, files in os.walk(root):
        found = [Path(parent, name) for name in (*folders, *files) if fnmatch(name, names) and _is_unfinished(name)]
        for path in filter(_is_left_over, found):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)  # another process may remove it at the same moment
            else:
                path.unlink(missing_ok=True)
            removed.append(path)
        is_deepest = len(Path(parent).relative_to(root).parts) >= depth
        folders[:] = [] if is_deepest else [name for name in folders if not _is_unfinished(name)]
    return removed


def _is_unfinished(name: str) -> bool:
    return bool(_NAME.fullmatch(name) or _NAME_OF_EARLIER_VERSIONS.fullmatch(name))


def _is_left_over(path: Path) -> bool:
    try:
        parts = [path, *path.rglob("*")] if path.is_dir() else [path]
        last_written = max(part.stat().st_mtime for part in parts)
    except FileNotFoundError:  # another process is at it
        return False
    if time.time() - last_written < SECONDS_UNTIL_LEFT_OVER:
        return False
    named = _NAME.fullmatch(path.name)
    return named is None or not was_running(int(named["pid"]), last_written)
