"""Files of the user's own that lie elsewhere: on a web server, or in an object store."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from cleanlab_assets.datasets.dataset import Location, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import UnreadableInputError, quote


class AddressError(UnreadableInputError):
    """An address that names no file."""


def is_address(file: str) -> bool:
    """Whether a file is named by an address such as ``https://example.org/data.csv`` and not by a path."""
    return "://" in file


def name_of_address(address: str) -> str:
    """Return the name of the file that an address ends with.

    Raises:
        AddressError: it ends with none, or with a name that is no user's file.
    """
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    if not name or name == DESCRIPTION_FILE or name.startswith("."):
        raise AddressError(f"{quote(address)} names no data: expected an address such as https://example.org/data.csv")
    return name


def to_source_file(address: str, sha256: str = "") -> SourceFile:
    """Describe a file at an address: it is downloaded once, and verified from then on.

    Args:
        address: ``https://``, or that of an object store such as ``s3://``.
        sha256: what its content must be; what it was at the first use if empty.

    Raises:
        AddressError: the address names no file.
    """
    return SourceFile(
        name=name_of_address(address),
        sha256=(sha256.lower(),) if sha256 else (),
        locations=(Location(url=address),),
        is_pinned_on_first_use=not sha256,
    )


def locate(file: str, folder: Path, sha256: str = "") -> SourceFile:
    """Describe a file that is named by an address, or by a path that may begin in a folder."""
    if is_address(file):
        return to_source_file(file, sha256)
    path = folder / Path(file).expanduser()
    return SourceFile(name=path.name, sha256=(sha256.lower(),) if sha256 else (), directory=path.parent)
