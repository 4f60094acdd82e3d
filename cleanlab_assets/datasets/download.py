"""The source files of a dataset: found and verified, or else downloaded.

A file counts only when its SHA-256 is one that the catalogue accepts, wherever it came from. Downloads go to a
scratch directory beside the final place and are renamed when they are complete and verified, so that a file under
its final name is always a whole one, also when several processes fetch it at once.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from cleanlab_assets.datasets.archives import ArchiveError, extract_member

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from cleanlab_assets.datasets.dataset import Dataset, Location, SourceFile

MAX_FILE_BYTES = 2 * 1024**3
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

_CHUNK_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 10.0
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


class SourceHashError(SourceError):
    """The bytes of a file are not those that the catalogue pins."""


class DownloadError(SourceError):
    """No address gave the file."""


class InsecureAddressError(DownloadError):
    """An address that is not HTTPS, or that redirects to one that is not."""


class PackagedFileError(SourceError):
    """The package that ships a file is not installed, or does not hold the file."""


class DataDirError(SourceError):
    """The data directory cannot hold the file: not writable, full, or something else has its name."""


def resolve_source_files(
    dataset: Dataset,
    data_dir: Path,
    *,
    retries: int = 3,
    timeout_s: float = 30,
    backoff_s: float = 1.0,
    max_bytes: int = MAX_FILE_BYTES,
    show_progress: bool = True,
) -> dict[str, Path]:
    """Return the verified source files of a dataset by name, downloading those that are absent.

    A file that ships with an installed package is read from there. A file in ``<data_dir>/<dataset>/`` that verifies
    is used, whatever put it there, and nothing is written then. A file there that does not verify is an error and is
    left as it is. A user's own file, which nobody pinned, is used as it is.

    Args:
        dataset: the catalogue entry.
        data_dir: the data directory; created when a download needs it.
        retries: how often a transfer that broke off, timed out or met a server error is tried again, per address.
        timeout_s: the longest silence of a server.
        backoff_s: the wait before the first retry; doubled before each later one.
        max_bytes: the most bytes that a download, or a file unpacked from one, may have.
        show_progress: whether to draw a progress bar while downloading, where stderr is a terminal.

    Returns:
        The path of each file of ``dataset.files`` by its name, in that order.

    Raises:
        SourceHashError: a file at hand, or what every address gave, has another SHA-256 than expected.
        DownloadError: no address gave the file; the message has the reason for each, and where to put the file by
            hand. ``InsecureAddressError`` when all were refused for not being HTTPS.
        PackagedFileError: the package that ships the file is not installed or lacks it.
        DataDirError: the data directory cannot be written to, or something that is no file has the file's name.
    """
    directory = data_dir / dataset.name
    paths: dict[str, Path] = {}
    absent: list[SourceFile] = []
    for file in dataset.files:
        path = directory / file.name
        if file.package is not None:
            paths[file.name] = _find_packaged_file(file, file.package)
        elif path.is_file() and not file.is_folder:
            if file.is_pinned_on_first_use:
                verify_first_use(path)
            elif file.sha256:
                _verify_file_at_hand(path, file, remedy=f"delete {path} so that it is downloaded again")
            paths[file.name] = path
        elif path.is_dir() and file.is_folder:
            paths[file.name] = path
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
        paths |= _download_files(dataset.name, absent, directory, transfer)
    return {file.name: paths[file.name] for file in dataset.files}


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
            f"{path} is not the expected file: {remedy}\n"
            f"  found SHA-256:    {found}\n"
            f"  expected SHA-256: {_any_of(file.sha256)}"
        )


def verify_first_use(path: Path) -> None:
    """Verify a file against the SHA-256 recorded beside it as ``<name>.sha256``, which the first use records.

    Raises:
        SourceHashError: the file is not the one whose SHA-256 was recorded.
        DataDirError: the record cannot be written.
    """
    record = path.with_name(f"{path.name}.sha256")
    found = file_sha256(path)
    if not record.is_file():
        try:
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".record-") as scratch:
                written = Path(scratch) / record.name
                written.write_text(f"{found}\n", encoding="ascii")
                written.replace(record)
        except OSError as error:
            raise DataDirError(f"cannot record the SHA-256 of {path} in {record}: {error}") from error
        return
    expected = record.read_text(encoding="ascii").strip()
    if found != expected:
        raise SourceHashError(
            f"{path} has changed since its first use: delete it and {record} to start over\n"
            f"  found SHA-256:    {found}\n"
            f"  recorded SHA-256: {expected}"
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
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as scratch:
            fetched = Path(scratch) / "file"
            _fetch(url, fetched, path.name, transfer)
            found = file_sha256(fetched)
            if not found.startswith(sha256_prefix):
                raise SourceHashError(f"its SHA-256 is {found}, expected one that starts with {sha256_prefix}")
            fetched.replace(path)
    except OSError as error:
        raise DataDirError(f"cannot store {path}: {error}") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hex digits; that of a folder is over the names and SHA-256 of its files."""
    if path.is_dir():
        parts = [f"{file.relative_to(path)} {file_sha256(file)}" for file in sorted(path.rglob("*")) if file.is_file()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _any_of(hashes: Sequence[str]) -> str:
    return " or ".join(hashes) or "recorded on first use"


@dataclass(frozen=True, kw_only=True)
class _TransferSettings:
    retries: int
    timeout_s: float
    backoff_s: float
    max_bytes: int
    show_progress: bool


def _download_files(
    dataset: str, files: Sequence[SourceFile], directory: Path, transfer: _TransferSettings
) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".download-") as scratch:
            downloads = _Downloads(Path(scratch), transfer)
            for file in files:
                path = directory / file.name
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
        if not file.is_pinned_on_first_use:
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
            f"expected {_any_of(expected)}"
        )


def _summary(dataset: str, file: SourceFile, path: Path, failures: Sequence[tuple[str, SourceError]]) -> SourceError:
    """Join the failures of all addresses; the class is theirs when they all have the same."""
    causes = {type(error) for _, error in failures}
    error_class = causes.pop() if len(causes) == 1 else DownloadError
    last_reason = failures[-1][1] if failures else "the catalogue has no URL for it"
    lines = [
        f"cannot download {file.name} of {dataset} (instead, you can put it at {path.absolute()}): {last_reason}",
        *(f"  tried {url}: {error}" for url, error in failures),
        f"  expected SHA-256: {_any_of(file.sha256) or 'any'}",
    ]
    return error_class("\n".join(lines))


def _fetch(url: str, target: Path, label: str, transfer: _TransferSettings) -> None:
    """Transfer one address to a file, again after a passing failure."""
    import requests

    attempt = 0
    while True:
        try:
            _transfer_once(url, target, label, transfer)
        except requests.RequestException as error:
            reason = _describe(error, transfer.timeout_s)
            if not _may_pass(error):
                raise DownloadError(reason) from error
            if attempt >= transfer.retries:
                raise DownloadError(f"{reason} (tried {attempt + 1} times)") from error
            wait_s = transfer.backoff_s * 2**attempt
            _logger.warning("%s: %s; retrying in %g s", url, reason, wait_s)
            time.sleep(wait_s)
            attempt += 1
        else:
            return


def _transfer_once(url: str, target: Path, label: str, transfer: _TransferSettings) -> None:
    """Transfer one address to a file.

    A body shorter than its declared length raises ``requests.exceptions.ChunkedEncodingError``.
    """
    from pooch import HTTPDownloader
    from tqdm import tqdm

    responses: list[requests.Response] = []

    with (
        target.open("wb") as stream,
        tqdm(desc=label, unit="B", unit_scale=True, disable=None if transfer.show_progress else True) as progress,
    ):

        def inspect(response: requests.Response, **_: object) -> None:
            """Look at each response before a redirect is followed and before the body is read."""
            responses.append(response)
            if response.is_redirect:
                _require_secure_address(urljoin(response.url, response.headers["location"]))
            elif response.headers.get("content-length", "").isdecimal():
                progress.total = int(response.headers["content-length"])

        download = HTTPDownloader(
            chunk_size=_CHUNK_BYTES,
            timeout=(min(transfer.timeout_s, _CONNECT_TIMEOUT_S), transfer.timeout_s),
            headers=_HEADERS,
            hooks={"response": inspect},
        )
        _logger.info("downloading %s from %s", label, url)
        try:
            _require_secure_address(url)
            download(url, _MeteredFile(stream, progress, transfer.max_bytes), None)
        finally:
            for response in responses:
                response.close()


@dataclass
class _MeteredFile:
    """A file to write to that feeds a progress bar and refuses to grow past a limit."""

    stream: IO[bytes]
    progress: Any
    max_bytes: int
    size: int = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self.max_bytes:
            raise DownloadError(f"the transfer exceeds the limit of {self.max_bytes} bytes")
        self.stream.write(chunk)
        self.progress.update(len(chunk))

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed, not after every chunk."""


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
