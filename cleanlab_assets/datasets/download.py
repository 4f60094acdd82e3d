"""The source files of a dataset: found and verified, or else downloaded.

A file counts only when its SHA-256 is one that the catalogue accepts, wherever it came from. Downloads go to a
scratch directory beside the final place and are renamed when they are complete and verified, so that a file under
its final name is always a whole one, also when several processes fetch it at once.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from cleanlab_assets.datasets.archives import ArchiveError, extract_member, read_whole_archive
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.scratch import scratch_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests

    from cleanlab_assets.datasets.dataset import Dataset, Location, SourceFile

MAX_FILE_BYTES = 2 * 1024**3
OBJECT_STORES = frozenset({"s3", "gs", "gcs", "az", "abfs", "abfss"})
"""Schemes of addresses that fsspec reads, once the package of the store is installed, such as s3fs."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

SLOWEST_BYTES_PER_S = 20_000
"""A transfer that is slower on the whole is given up."""
SECONDS_OF_GRACE = 60.0
"""How long a transfer may take beside what the slowest allowed line would need for what came."""
SECONDS_OF_FAILURE = 120.0
"""How long the failed transfers of a dataset may take together before nothing is tried a second time."""
SECONDS_UNTIL_TOLD = 5.0
"""Who waits this long for an answer is told for what."""

_CHUNK_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 10.0
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz")
_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<script")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FIRST_SERVER_ERROR = 500
_TRANSIENT_CLIENT_ERRORS = frozenset({408, 429})  # request timeout, too many requests
_HEADERS = {
    "User-Agent": "cleanlab-assets (dataset download)",
    # A transfer coding would hide the length of a file, and turn a .gz file into its content.
    "Accept-Encoding": "identity",
}

_logger = logging.getLogger(__name__)


class SourceError(RuntimeError):
    """A source file of a dataset cannot be had; the subclasses say why, the message says what to do."""


class SourceHashError(SourceError, UnreadableInputError):
    """The bytes of a file are not those that the catalogue pins."""


class WrongContentError(SourceError, UnreadableInputError):
    """A file that nobody pinned is not of the kind that its name says."""


class OwnFileError(SourceError, UnreadableInputError):
    """A file or folder of the user's own is absent, or a file in place of a folder or the other way round."""


class DownloadError(SourceError):
    """No address gave the file."""


class InsecureAddressError(DownloadError):
    """An address that is not HTTPS, or that redirects to one that is not."""


class PackagedFileError(SourceError):
    """The package that ships a file is not installed, or does not hold the file."""


class DataDirError(SourceError):
    """The data directory cannot hold the file: not writable, full, or something else has its name."""


def resolve_source_files(dataset: Dataset, data_dir: Path, **transfer: Any) -> dict[str, Path]:
    """Return the verified source files of a dataset by name, see ``resolve_files``."""
    return resolve_files(dataset.name, dataset.files, data_dir, **transfer)


def resolve_files(
    dataset: str,
    files: Sequence[SourceFile],
    data_dir: Path,
    *,
    retries: int = 3,
    timeout_s: float = 30,
    backoff_s: float = 1.0,
    max_bytes: int = MAX_FILE_BYTES,
    show_progress: bool = True,
) -> dict[str, Path]:
    """Return verified source files by name, downloading those that are absent.

    A file that ships with an installed package is read from there. A file in ``<data_dir>/<dataset>/`` that verifies
    is used, whatever put it there, and nothing is written then. A file there that does not verify is an error and is
    left as it is. A user's own file, which nobody pinned, is used as it is.

    Args:
        dataset: name of the dataset.
        files: its source files.
        data_dir: the data directory; created when a download needs it.
        retries: how often a transfer that broke off, timed out or met a server error is tried again, per address.
        timeout_s: the longest silence of a server.
        backoff_s: the wait before the first retry; doubled before each later one.
        max_bytes: the most bytes that a download, or a file unpacked from one, may have.
        show_progress: whether to draw a progress bar while downloading, where stderr is a terminal.

    Returns:
        The path of each file by its name, in their order.

    Raises:
        SourceHashError: a file at hand, or what every address gave, has another SHA-256 than expected.
        WrongContentError: a file that nobody pinned is not what its name says, such as the page of a network that asks
            for a login.
        OwnFileError: a file of the user's own is absent, or is a folder, or the other way round.
        DownloadError: no address gave the file; the message has the reason for each, and where to put the file by
            hand. ``InsecureAddressError`` when all were refused for not being HTTPS.
        PackagedFileError: the package that ships the file is not installed or lacks it.
        DataDirError: the data directory cannot be written to, or something that is no file has the file's name.
    """
    directory = data_dir / dataset
    paths: dict[str, Path] = {}
    absent: list[SourceFile] = []
    for file in files:
        path = file.path_in(directory)
        if file.package is not None:
            paths[file.name] = _find_packaged_file(file, file.package)
        elif path.is_file() and not file.is_folder:
            if file.is_pinned_on_first_use:
                _verify_content_at_hand(path, file, max_bytes)
                verify_first_use(path)
            elif file.sha256:
                _verify_file_at_hand(path, file, remedy=f"delete {path} so that it is downloaded again")
            paths[file.name] = path
        elif path.is_dir() and file.is_folder:
            paths[file.name] = path
        elif file.is_own:
            raise OwnFileError(_describe_absence(path, file))
        elif path.exists():
            raise DataDirError(f"{path} is not a regular file: move it away")
        else:
            absent.append(file)
    if absent:
        transfer = _TransferSettings(
            retries=retries,
            timeout_s=timeout_s,
            backoff_s=backoff_s,
            max_bytes=max_bytes,
            show_progress=show_progress,
        )
        paths |= _download_files(dataset, absent, directory, transfer)
    return {file.name: paths[file.name] for file in files}


def _describe_absence(path: Path, file: SourceFile) -> str:
    """Say what is wrong with the place of a file of the user's own."""
    expected, other = ("folder", "file") if file.is_folder else ("file", "folder")
    what = f"is a {other}, expected a {expected}" if path.exists() else "does not exist"
    return f"{path.absolute()} {what}: put the {expected} there, or correct {DESCRIPTION_FILE}"


def _find_packaged_file(file: SourceFile, package: str) -> Path:
    """Find a file of an installed package without importing the package, which may be heavy."""
    top_level, *folders = package.split(".")
    spec = find_spec(top_level)
    if spec is None or spec.submodule_search_locations is None:
        raise PackagedFileError(f"{file.name} ships with the package {top_level}, which is not installed: install it")
    candidates = [Path(root, *folders, file.name) for root in spec.submodule_search_locations]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise PackagedFileError(f"the installed package {top_level} lacks {candidates[0]}: reinstall it")
    _verify_file_at_hand(path, file, remedy=f"install a version of {top_level} that this project supports")
    return path


def _verify_file_at_hand(path: Path, file: SourceFile, *, remedy: str) -> None:
    found = file_sha256(path)
    if found not in file.sha256:
        raise SourceHashError(
            f"{path} is not the expected file: {remedy}; its SHA-256 is {found}, expected {_any_of(file.sha256)}"
        )


def _verify_content_at_hand(path: Path, file: SourceFile, max_bytes: int) -> None:
    """Check a file that nobody pinned: with every use what is quickly seen, on the first use the whole."""
    record = _record_of(path)
    is_recorded = record.is_file()
    try:
        _require_content(path, file, is_deep=not is_recorded, max_bytes=max_bytes)
    except WrongContentError as error:
        others = f" and {record}" if is_recorded else ""
        raise WrongContentError(f"{path} {error}: delete {path}{others} so that it is downloaded again") from error


def _require_content(path: Path, file: SourceFile, *, is_deep: bool, max_bytes: int) -> None:
    """Refuse a file that is not of the kind that the name of the source file says."""
    if _is_page(path):
        raise WrongContentError(f"is an HTML page in place of {file.name} (does the network ask for a login?)")
    if is_deep and file.name.endswith(_ARCHIVE_SUFFIXES):
        try:
            read_whole_archive(path, max_bytes=max_bytes)
        except ArchiveError as error:
            reason = str(error).removeprefix(path.name).strip(": ")
            raise WrongContentError(f"cannot be unpacked: it {reason}") from error


def _is_page(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(512)
    return start.removeprefix(_BYTE_ORDER_MARK).lstrip().lower().startswith(_PAGE_STARTS)


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def verify_first_use(path: Path) -> None:
    """Verify a file against the SHA-256 recorded beside it as ``<name>.sha256``, which the first use records.

    Raises:
        SourceHashError: the file is not the one whose SHA-256 was recorded.
        DataDirError: the record cannot be written.
    """
    record = _record_of(path)
    found = file_sha256(path)
    if not record.is_file():
        try:
            with scratch_directory(path.parent, "record") as scratch:
                written = scratch / record.name
                written.write_text(f"{found}\n", encoding="ascii")
                written.replace(record)
        except OSError as error:
            raise DataDirError(f"cannot record the SHA-256 of {path} in {record}: {error}") from error
        return
    expected = record.read_text(encoding="ascii", errors="replace").strip()
    if found != expected:
        raise SourceHashError(
            f"{path} has changed since its first use: delete it and {record} to start over; its SHA-256 is {found}, "
            f"recorded was {expected}"
        )


def fetch_file(url: str, path: Path, *, sha256_prefix: str, retries: int = 2, timeout_s: float = 30) -> None:
    """Download one file to its place, all of it or nothing, when its SHA-256 starts with the digits given.

    Raises:
        SourceHashError: the transfer gave another file.
        DownloadError: the address does not give the file.
        DataDirError: the place cannot be written to.
    """
    transfer = _TransferSettings(
        retries=retries, timeout_s=timeout_s, backoff_s=1.0, max_bytes=MAX_FILE_BYTES, show_progress=False
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_directory(path.parent, "download") as scratch:
            fetched = scratch / "file"
            _fetch(url, fetched, path.name, transfer)
            found = file_sha256(fetched)
            if not found.startswith(sha256_prefix):
                raise SourceHashError(f"its SHA-256 is {found}, expected one that starts with {sha256_prefix}")
            fetched.replace(path)
    except OSError as error:
        raise DataDirError(f"cannot store {path}: {error}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hex digits; that of a folder is over the names and SHA-256 of its files.

    Files that are hidden or come from an operating system are none of them.
    """
    if path.is_dir():
        files = sorted(file for file in walk_files(path) if file.is_file())
        parts = [f"{file.relative_to(path)} {file_sha256(file)}" for file in files]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _any_of(hashes: Sequence[str]) -> str:
    return " or ".join(hashes) or "recorded on first use"


@dataclass
class _TimeLost:
    """The time that failed transfers took beside what the slowest allowed line needs for what came."""

    seconds: float = 0.0

    def add(self, seconds: float, *, n_bytes: int) -> None:
        self.seconds += max(seconds - n_bytes / SLOWEST_BYTES_PER_S, 0.0)

    @property
    def is_enough(self) -> bool:
        """Whether nothing may be tried a second time."""
        return self.seconds > SECONDS_OF_FAILURE


@dataclass(frozen=True, kw_only=True)
class _TransferSettings:
    retries: int
    timeout_s: float
    backoff_s: float
    max_bytes: int
    show_progress: bool
    failure: _TimeLost = field(default_factory=_TimeLost)


def _download_files(
    dataset: str, files: Sequence[SourceFile], directory: Path, transfer: _TransferSettings
) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with scratch_directory(directory, "download") as scratch:
            downloads = _Downloads(scratch, transfer)
            for file in files:
                path = file.path_in(directory)
                path.parent.mkdir(parents=True, exist_ok=True)
                downloads.fetch(dataset, file, path).replace(path)
                if file.is_pinned_on_first_use:
                    verify_first_use(path)
                paths[file.name] = path
    except OSError as error:
        raise DataDirError(f"cannot store the files of {dataset} in {directory}: {error}") from error
    return paths


@dataclass
class _Downloads:
    """Downloads into a scratch directory; an archive that holds several files is fetched once."""

    scratch: Path
    transfer: _TransferSettings
    archives: dict[str, Path | SourceError] = field(default_factory=dict)

    def fetch(self, dataset: str, file: SourceFile, final_path: Path) -> Path:
        """Return a verified copy of the file in the scratch directory, from the first address that has it."""
        failures: list[tuple[str, SourceError]] = []
        for location in file.locations:
            try:
                return self._fetch_from(location, file, label=f"{dataset}/{file.name}")
            except SourceError as error:
                _logger.warning("%s of %s: %s: %s", file.name, dataset, location.url, error)
                failures.append((location.url, error))
        raise _summary(dataset, file, final_path, failures)

    def _fetch_from(self, location: Location, file: SourceFile, *, label: str) -> Path:
        path = self.scratch / "file"
        if location.member is None:
            _fetch(location.url, path, label, self.transfer)
        else:
            archive = self._fetch_archive(location, label=label)
            try:
                extract_member(archive, location.member, path, max_bytes=self.transfer.max_bytes)
            except ArchiveError as error:
                raise DownloadError(str(error)) from error
        if file.is_pinned_on_first_use:
            _require_content(path, file, is_deep=True, max_bytes=self.transfer.max_bytes)
        else:
            _verify_download(path, file.sha256)
        return path

    def _fetch_archive(self, location: Location, *, label: str) -> Path:
        if location.url not in self.archives:
            path = self.scratch / f"archive-{len(self.archives)}"
            try:
                _fetch(location.url, path, label, self.transfer)
                if location.archive_sha256 is not None:
                    _verify_download(path, (location.archive_sha256,))
                self.archives[location.url] = path
            except SourceError as error:
                self.archives[location.url] = error
        archive = self.archives[location.url]
        if isinstance(archive, SourceError):
            raise archive
        return archive


def _verify_download(path: Path, expected: Sequence[str]) -> None:
    found = file_sha256(path)
    if found not in expected:
        raise SourceHashError(
            f"the transfer was complete ({path.stat().st_size} bytes) but its SHA-256 is {found}, "
            f"expected {_any_of(expected)}{' (it is an HTML page)' if _is_page(path) else ''}"
        )


def _summary(dataset: str, file: SourceFile, path: Path, failures: Sequence[tuple[str, SourceError]]) -> SourceError:
    """Join the failures of all addresses; the class is theirs when they all have the same."""
    causes = {type(error) for _, error in failures}
    error_class = causes.pop() if len(causes) == 1 else DownloadError
    tried = [f"tried {url}: {error}" for url, error in failures] or ["the catalogue has no URL for it"]
    told = [
        f"cannot download {file.name} of {dataset} (instead, you can put it at {path.absolute()})",
        *tried,
        f"expected SHA-256: {_any_of(file.sha256) or 'any'}",
    ]
    return error_class("; ".join(told))


def _fetch(url: str, target: Path, label: str, transfer: _TransferSettings) -> None:
    """Transfer one address to a file, again after a passing failure.

    Raises:
        DownloadError: the address does not give the file, or what it answers cannot be understood.
    """
    from http.client import HTTPException

    import requests
    import urllib3

    if urlsplit(url).scheme in OBJECT_STORES:
        _copy_from_store(url, target, label, transfer)
        return
    attempt = 0
    while True:
        begun = time.monotonic()
        try:
            _transfer_once(url, target, label, transfer)
        except requests.RequestException as error:
            reason = _describe(error, transfer.timeout_s)
            wait_s = transfer.backoff_s * 2**attempt
            transfer.failure.add(time.monotonic() - begun + wait_s, n_bytes=target.stat().st_size)
            if not _may_pass(error):
                raise DownloadError(reason) from error
            if attempt >= transfer.retries or transfer.failure.is_enough:
                raise DownloadError(f"{reason} (tried {attempt + 1} times)") from error
            _logger.warning("%s: %s; retrying in %g s", url, reason, wait_s)
            time.sleep(wait_s)
            attempt += 1
        # A server can answer what the libraries below requests, and those of addresses and numbers, do not understand.
        except (urllib3.exceptions.HTTPError, HTTPException, ValueError) as error:
            raise DownloadError(f"its answer cannot be understood: {type(error).__name__}: {error}"[:300]) from error
        else:
            return


def _copy_from_store(url: str, target: Path, label: str, transfer: _TransferSettings) -> None:
    """Copy a file of an object store, which its own library reads with its own retries and credentials.

    Raises:
        DownloadError: the library is not installed, or does not give the file.
    """
    from tqdm import tqdm
    from upath import UPath

    _logger.info("copying %s from %s", label, url)
    try:
        with (
            UPath(url).open("rb") as source,
            target.open("wb") as stream,
            tqdm(desc=label, unit="B", unit_scale=True, disable=None if transfer.show_progress else True) as progress,
        ):
            metered = _MeteredFile(stream, progress, transfer.max_bytes, time.monotonic() + SECONDS_OF_GRACE)
            while chunk := source.read(_CHUNK_BYTES):
                metered.write(chunk)
    except ImportError as error:
        raise DownloadError(f"reading it takes a package that is not installed: {error}") from error
    except OSError as error:
        raise DownloadError(f"{type(error).__name__}: {error}"[:300]) from error


def _transfer_once(url: str, target: Path, label: str, transfer: _TransferSettings) -> None:
    """Transfer one address to a file.

    A body shorter than its declared length raises ``requests.exceptions.ChunkedEncodingError``.
    """
    import requests
    from tqdm import tqdm

    def inspect(response: requests.Response, **_: object) -> None:
        """Look at each response before a redirect is followed."""
        open_responses.enter_context(response)
        if response.is_redirect:
            _require_secure_address(urljoin(response.url, response.headers["location"]))

    _logger.info("downloading %s from %s", label, url)
    _require_secure_address(url)
    with (
        target.open("wb") as stream,
        tqdm(desc=label, unit="B", unit_scale=True, disable=None if transfer.show_progress else True) as progress,
        requests.Session() as session,
        ExitStack() as open_responses,
    ):
        session.hooks["response"].append(inspect)
        timeouts = (min(transfer.timeout_s, _CONNECT_TIMEOUT_S), transfer.timeout_s)
        with _telling_what_is_waited_for(url, transfer.timeout_s):
            response = session.get(url, stream=True, timeout=timeouts, headers=_HEADERS)
        response.raise_for_status()
        length = response.headers.get("content-length", "")
        progress.total = int(length) if length.isdecimal() else None
        metered = _MeteredFile(stream, progress, transfer.max_bytes, time.monotonic() + SECONDS_OF_GRACE)
        _read_body(response, metered)


def _read_body(response: requests.Response, metered: _MeteredFile) -> None:
    """Write a body as it comes: in whole chunks, a server that sends a byte now and then would never be found out.

    Raises:
        requests.RequestException: the transfer broke off, under the same names as everywhere in ``requests``.
    """
    import requests
    import urllib3

    try:
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            metered.write(chunk)
    except urllib3.exceptions.ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error) from error


@contextmanager
def _telling_what_is_waited_for(url: str, timeout_s: float) -> Iterator[None]:
    """Say which server is waited for, if it takes long to answer."""
    message = "waiting for an answer from %s, for %g s at most"
    timer = threading.Timer(SECONDS_UNTIL_TOLD, _logger.warning, (message, urlsplit(url).hostname, timeout_s))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@dataclass
class _MeteredFile:
    """A file to write to that feeds a progress bar, and refuses to grow past a limit or too slowly."""

    stream: IO[bytes]
    progress: Any
    max_bytes: int
    deadline: float
    """When it is too slow, in seconds of the monotonic clock; each byte puts it off."""
    size: int = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self.max_bytes:
            raise DownloadError(f"the transfer exceeds the limit of {self.max_bytes} bytes")
        self.deadline += len(chunk) / SLOWEST_BYTES_PER_S
        if time.monotonic() > self.deadline:
            raise DownloadError(
                f"the transfer is too slow: {self.size} bytes so far, expected {SLOWEST_BYTES_PER_S} each second"
            )
        self.stream.write(chunk)
        self.progress.update(len(chunk))


def _require_secure_address(url: str) -> None:
    """Refuse all but HTTPS, and HTTP to this very machine; the address is read as ``requests`` will read it."""
    import requests

    parts = urlsplit(requests.Request("GET", url).prepare().url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        raise InsecureAddressError(f"refused to contact {url}: only https:// is allowed")


def _may_pass(error: requests.RequestException) -> bool:
    """Tell whether the same request may succeed a little later."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return status >= _FIRST_SERVER_ERROR or status in _TRANSIENT_CLIENT_ERRORS
    if isinstance(error, requests.exceptions.SSLError):
        return False
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, passing)


def _describe(error: requests.RequestException, timeout_s: float) -> str:
    """Say in a few words why a transfer failed."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was closed before the end of the file"
    cause = error.args[0] if error.args else error
    return f"{type(error).__name__}: {getattr(cause, 'reason', cause)}"
