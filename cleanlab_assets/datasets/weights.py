"""Pretrained weights: fetched once and verified; never replaced by untrained ones."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Published weights: their address and what is known of their SHA-256.

    Attributes:
        url: the address; its last part is the name of the file.
        sha256: the hex digits that are known, from the first on: all 64, or the 8 of torchvision's file names, such as
            ``resnet18-f37072fd.pth``. With fewer than 64, the whole is recorded beside the file on first use.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return PurePosixPath(urlsplit(self.url).path).name


def fetch_weights(weights: Weights, directory: Path) -> Path:
    """Return the verified weights at ``<directory>/<name>``, downloaded if absent.

    Raises:
        WeightsError: the file cannot be downloaded or stored, or has another SHA-256.
    """
    path = directory / weights.name
    try:
        if not path.is_file():
            fetch_file(weights.url, path, sha256_prefix=weights.sha256)
        found = file_sha256(path)
        if not found.startswith(weights.sha256):
            raise SourceHashError(f"its SHA-256 is {found}, expected one that starts with {weights.sha256}")
        verify_first_use(path)
    except SourceError as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines())
        raise WeightsError(f"weights {path} from {weights.url} are not available: {reason}") from error
    return path
