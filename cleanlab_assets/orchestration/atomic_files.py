"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cleanlab_assets.scratch import scratch_path

if TYPE_CHECKING:
    from upath import UPath


def write_atomically(path: UPath, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    A local file is written beside its place and renamed; an object store replaces objects as a whole by itself.
    """
    if path.protocol not in ("", "file"):
        path.write_bytes(content)
        return
    target = Path(path.path)
    part = scratch_path(target)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        # A full disk is found out while writing, and Python names the file only when it opens one.
        error.filename = error.filename or str(target)
        raise
    finally:
        part.unlink(missing_ok=True)
