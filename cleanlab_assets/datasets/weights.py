"""Pretrained weights: fetched once and verified; never replaced by untrained ones."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cleanlab_assets.datasets.download import SourceError, SourceHashError, fetch_file, file_sha256, verify_first_use

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS_FOLDER = "weights"
"""Folder of the data directory where weights are kept."""


class WeightsError(RuntimeError):
    """Weights that cannot be had; the message names file and address in one line."""


def fetch_weights(url: str, directory: Path, *, sha256: str) -> Path:
    """Return the verified weights of an address in a directory, under their own name; downloaded if absent.

    Args:
        url: the address; its last part is the name of the file.
        directory: where weights are kept.
        sha256: the hex digits that are known, from the first on: all 64, or the 8 of torchvision's file names, such as
            ``resnet18-f37072fd.pth``. The whole is recorded beside the file on first use.

    Raises:
        WeightsError: the file cannot be downloaded or stored, or has another SHA-256.
    """
    path = directory / PurePosixPath(urlsplit(url).path).name
    try:
        if not path.is_file():
            fetch_file(url, path, sha256_prefix=sha256)
        found = file_sha256(path)
        if not found.startswith(sha256):
            raise SourceHashError(f"its SHA-256 is {found}, expected one that starts with {sha256}")
        verify_first_use(path)
    except SourceError as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines())
        raise WeightsError(f"weights {path} from {url} are not available: {reason}") from error
    return path
