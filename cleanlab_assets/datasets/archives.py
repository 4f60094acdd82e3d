"""Unpacking of zip, tar and gzip archives that nobody has vouched for.

Only regular files and directories are ever written, only below the directory that the caller names, and never more
bytes than the caller allows, whatever sizes the archive declares.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, TYPE_CHECKING, Literal, TypeAlias, cast

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.scratch import scratch_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK_BYTES = 1024 * 1024
GZIP_MEMBER = "content"
"""Name under which the only member of a gzip file is asked for: the name that it may carry inside is not kept."""
_GZIP_MAGIC = b"\x1f\x8b"

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,  # a compression method that zipfile does not know
    UnicodeDecodeError,
    struct.error,
)


class ArchiveError(UnreadableInputError):
    """An archive that cannot be unpacked: damaged, of an unknown kind, or without the wanted member."""


class UnsafeArchiveError(ArchiveError):
    """An archive with a member that leads outside its directory, cannot lie in it or is no regular file."""


class ArchiveTooLargeError(ArchiveError):
    """An archive that unpacks to more bytes than allowed."""


_Kind: TypeAlias = Literal["file", "directory", "other"]


@dataclass(frozen=True)
class _Member:
    """One entry of an archive, the same for zip and tar."""

    name: str
    kind: _Kind
    open: Callable[[], IO[bytes]]


def extract_member(archive: Path, member: str, target: Path, *, max_bytes: int) -> None:
    """Write one member of an archive to ``target``, all of it or nothing.

    Args:
        archive: a zip file, or a tar file with or without compression; told apart by content, not by name.
        member: the full name of the member inside the archive.
        target: the file to write; its directory must exist, and a file of that name is replaced.
        max_bytes: the most bytes that the unpacked member may have.

    Raises:
        ArchiveError: the file is not an archive, is damaged, or has no member of that name.
        UnsafeArchiveError: the member has an absolute path or ``..`` in its name, or is a link, a device or encrypted.
        ArchiveTooLargeError: the member is larger than ``max_bytes``.
    """
    with (
        _open_archive(archive) as members,
        scratch_directory(target.parent, "unpack") as scratch,
    ):
        found = next((candidate for candidate in members if candidate.name == member), None)
        if found is None:
            raise ArchiveError(f"{archive.name} has no member {quote(member)}")
        _relative_path(archive, found)
        if found.kind != "file":
            raise UnsafeArchiveError(f"{archive.name}: member {quote(member)} is not a regular file")
        unpacked = scratch / "member"
        _write(archive, found, unpacked, max_bytes)
        unpacked.replace(target)


def extract_archive(archive: Path, directory: Path, *, max_bytes: int) -> None:
    """Unpack a whole archive into a new directory, all of it or nothing.

    Args:
        archive: a zip file, or a tar file with or without compression; told apart by content, not by name.
        directory: the directory to create; its parent must exist.
        max_bytes: the most bytes that all unpacked members together may have.

    Raises:
        FileExistsError: the directory exists.
        ArchiveError: the file is not an archive or is damaged.
        UnsafeArchiveError: a member has an absolute path or ``..`` in its name or one that is too long, comes twice, as
            a file and as a folder, or is a link, a device or encrypted.
        ArchiveTooLargeError: the members are larger than ``max_bytes`` together.
    """
    if directory.exists():
        raise FileExistsError(f"{directory} already exists: delete it to unpack {archive.name} again")
    with (
        _open_archive(archive) as members,
        scratch_directory(directory.parent, "unpack") as scratch,
    ):
        unpacked = scratch / "members"
        unpacked.mkdir()
        written = 0
        for member in members:
            path = unpacked / _relative_path(archive, member)
            with _naming_what_has_no_place(archive, member):
                if member.kind == "directory":
                    path.mkdir(parents=True, exist_ok=True)
                elif member.kind == "file":
                    if path.is_file():
                        raise UnsafeArchiveError(f"{archive.name}: member {quote(member.name)} occurs twice")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    written = _write(archive, member, path, max_bytes, written)
                else:
                    raise UnsafeArchiveError(
                        f"{archive.name}: member {quote(member.name)} is no regular file or directory"
                    )
        try:
            unpacked.rename(directory)
        except OSError as error:
            if directory.exists():
                raise FileExistsError(f"{directory} was created by another process in the meantime") from error
            raise


@contextmanager
def _naming_what_has_no_place(archive: Path, member: _Member) -> Iterator[None]:
    """Name the member that cannot be written because of its name or of another member."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            reason = f"has a name of {len(member.name)} characters, more than a file can have"
        elif error.errno in {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}:
            reason = "is in the place of another, which is a file where this needs a folder or the other way round"
        else:
            raise
        raise UnsafeArchiveError(f"{archive.name}: member {quote(member.name)} {reason}") from error


def _relative_path(archive: Path, member: _Member) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or PureWindowsPath(member.name).drive or ".." in path.parts or "\\" in member.name:
        raise UnsafeArchiveError(f"{archive.name}: member {quote(member.name)} has a path outside the target directory")
    if "\0" in member.name:
        raise UnsafeArchiveError(f"{archive.name}: member {quote(member.name)} has a name that no file can have")
    return path


def _write(archive: Path, member: _Member, target: Path, max_bytes: int, written: int = 0) -> int:
    """Write a member and return how many bytes were written so far; what counts is what comes, not what is declared."""
    with member.open() as source, target.open("xb") as sink:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if written > max_bytes:
                raise ArchiveTooLargeError(
                    f"{archive.name}: member {quote(member.name)} exceeds the limit of {max_bytes} bytes"
                )
            sink.write(chunk)
    return written


def read_whole_archive(archive: Path, *, max_bytes: int) -> None:
    """Read every member of an archive to its end, which finds damage wherever it is; nothing is written.

    Args:
        archive: a zip file, a tar file with or without compression, or a gzip file; told apart by content.
        max_bytes: the most bytes that all members together may have.

    Raises:
        ArchiveError: the file is not an archive or is damaged.
        ArchiveTooLargeError: the members are larger than ``max_bytes`` together.
    """
    n_bytes = 0
    with _open_archive(archive) as members:
        for member in members:
            if member.kind != "file":
                continue
            with member.open() as source:
                while chunk := source.read(CHUNK_BYTES):
                    n_bytes += len(chunk)
                    if n_bytes > max_bytes:
                        raise ArchiveTooLargeError(f"{archive.name} unpacks to more than {max_bytes} bytes")


@contextmanager
def _open_archive(archive: Path) -> Iterator[Iterator[_Member]]:
    """Open an archive and name its members one by one; damage found at any later read becomes an ``ArchiveError``."""
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                yield (_Member(info.name, _tar_kind(info), partial(_open_tar_member, tar, info)) for info in tar)
        elif zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as bundle:
                yield (
                    _Member(info.filename, _zip_kind(info), partial(bundle.open, info)) for info in bundle.infolist()
                )
        elif _is_gzip(archive):
            yield iter([_Member(GZIP_MEMBER, "file", cast("Callable[[], IO[bytes]]", partial(gzip.open, archive)))])
        else:
            raise ArchiveError(f"{archive.name} is neither a zip, a tar nor a gzip archive")
    except _DAMAGED as error:
        raise ArchiveError(f"{archive.name} is damaged: {error}") from error


def _is_gzip(archive: Path) -> bool:
    with archive.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def _open_tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    if stream is None:
        raise UnsafeArchiveError(f"member {quote(info.name)} holds no data")
    return stream


def _tar_kind(info: tarfile.TarInfo) -> _Kind:
    return "file" if info.isreg() else "directory" if info.isdir() else "other"


def _zip_kind(info: zipfile.ZipInfo) -> _Kind:
    """Tell the kind of a zip entry: a link is a file whose Unix mode says so, and an encrypted one has a flag."""
    unix_type = stat.S_IFMT(info.external_attr >> 16)
    encrypted = info.flag_bits & 0x1
    if encrypted or unix_type not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "other"
    return "directory" if info.is_dir() else "file"
