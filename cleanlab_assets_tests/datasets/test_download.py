from __future__ import annotations

import hashlib
import io
import multiprocessing
import socket
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.datasets import download
from cleanlab_assets.datasets.dataset import Dataset, Location, SourceFile
from cleanlab_assets.datasets.download import (
    DataDirError,
    DownloadError,
    InsecureAddressError,
    PackagedFileError,
    SourceError,
    SourceHashError,
    resolve_source_files,
)
from cleanlab_assets_tests.datasets.source_server import Reply, SourceServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

CONTENT = b"1,2,3\n" * 50_000
WRONG = b"9,9,9\n" * 50_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def never_load(files: Mapping[str, Path]) -> pd.DataFrame:
    raise AssertionError(f"a download must not parse {files}")


def dataset_of(*files: SourceFile) -> Dataset:
    return Dataset(
        name="sample",
        families=("classification",),
        title="Sample",
        description="A dataset of the tests.",
        homepage="https://example.org",
        licence="none",
        citation="none",
        files=files,
        load=never_load,
        label="label",
        class_names=("a", "b"),
        columns=(),
        expected_rows=0,
    )


def file_at(*urls: str, name: str = "table.csv", content: bytes = CONTENT) -> SourceFile:
    return SourceFile(name=name, sha256=(sha256(content),), locations=tuple(Location(url=url) for url in urls))


def resolve(files: SourceFile | tuple[SourceFile, ...], data_dir: Path, **settings: Any) -> dict[str, Path]:
    quick: dict[str, Any] = {"timeout_s": 30, "backoff_s": 0.01, "show_progress": False}
    files = files if isinstance(files, tuple) else (files,)
    return resolve_source_files(dataset_of(*files), data_dir, **(quick | settings))


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def zip_of(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return buffer.getvalue()


def test_an_absent_file_is_downloaded_whole_and_nothing_else_is_left(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/table.csv", Reply(body=CONTENT))

    paths = resolve(file_at(url), tmp_path)

    assert paths == {"table.csv": tmp_path / "sample" / "table.csv"}
    assert paths["table.csv"].read_bytes() == CONTENT
    assert files_below(tmp_path) == ["sample", "sample/table.csv"]


def test_a_file_at_hand_that_verifies_is_used_without_contact_or_write(server: SourceServer, tmp_path: Path) -> None:
    directory = tmp_path / "sample"
    directory.mkdir()
    (directory / "table.csv").write_bytes(CONTENT)
    directory.chmod(0o555)
    tmp_path.chmod(0o555)
    before = (directory.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns)
    try:
        paths = resolve(file_at(server.base_url + "/table.csv"), tmp_path)
    finally:
        tmp_path.chmod(0o755)
        directory.chmod(0o755)

    assert paths == {"table.csv": directory / "table.csv"}
    assert server.requests == []
    assert (directory.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns) == before


def test_a_file_at_hand_that_does_not_verify_is_an_error_and_is_left_as_it_is(
    server: SourceServer, tmp_path: Path
) -> None:
    path = tmp_path / "sample" / "table.csv"
    path.parent.mkdir()
    path.write_bytes(WRONG)
    url = server.serve("/table.csv", Reply(body=CONTENT))

    with pytest.raises(SourceHashError) as caught:
        resolve(file_at(url), tmp_path)

    message = str(caught.value)
    assert f"delete {path} so that it is downloaded again" in message
    assert sha256(WRONG) in message
    assert sha256(CONTENT) in message
    assert path.read_bytes() == WRONG
    assert server.requests == []


def test_any_of_several_accepted_hashes_will_do(tmp_path: Path) -> None:
    path = tmp_path / "sample" / "table.csv"
    path.parent.mkdir()
    path.write_bytes(CONTENT)

    paths = resolve(SourceFile(name="table.csv", sha256=(sha256(WRONG), sha256(CONTENT))), tmp_path)

    assert paths == {"table.csv": path}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Reply(status=500), "HTTP 500 Internal Server Error"),
        (Reply(status=503), "HTTP 503 Service Unavailable"),
        (Reply(status=429), "HTTP 429 Too Many Requests"),
        (Reply(body=CONTENT[:1000], declared_length=len(CONTENT)), "closed before the end"),
        (Reply(body=CONTENT[:1000], declared_length=len(CONTENT), stalls=True), "no answer within"),
    ],
    ids=["server error", "unavailable", "too many requests", "truncated", "stalled"],
)
def test_a_passing_failure_is_tried_again_until_it_passes_or_the_retries_are_used_up(
    server: SourceServer, tmp_path: Path, failure: Reply, reason: str
) -> None:
    good_in_the_end = server.serve("/table.csv", failure, failure, Reply(body=CONTENT))
    never_good = server.serve("/other.csv", failure)

    timeout_s = 0.3 if failure.stalls else 30

    paths = resolve(file_at(good_in_the_end), tmp_path, retries=2, timeout_s=timeout_s)
    with pytest.raises(DownloadError, match=reason) as caught:
        resolve(file_at(never_good, name="other.csv"), tmp_path, retries=1, timeout_s=timeout_s)

    assert paths["table.csv"].read_bytes() == CONTENT
    assert "(tried 2 times)" in str(caught.value)
    assert server.requests == ["/table.csv"] * 3 + ["/other.csv"] * 2
    assert files_below(tmp_path) == ["sample", "sample/table.csv"]


def test_a_server_that_says_nothing_at_all_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/table.csv"
        with pytest.raises(DownloadError, match=r"no answer within 0\.1 s \(tried 1 times\)"):
            resolve(file_at(url), tmp_path, retries=0, timeout_s=0.1)


def test_a_refused_connection_is_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/table.csv"

    with pytest.raises(DownloadError, match=r"ConnectionError: .*refused.*\(tried 3 times\)"):
        resolve(file_at(url), tmp_path, retries=2)


def test_the_wait_grows_from_retry_to_retry(
    server: SourceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("cleanlab_assets.datasets.download.time.sleep", waits.append)
    url = server.serve("/table.csv", Reply(status=500))

    with pytest.raises(DownloadError):
        resolve(file_at(url), tmp_path, retries=3, backoff_s=1)

    assert waits == [1, 2, 4]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_lasting_failure_is_not_tried_again(server: SourceServer, tmp_path: Path, status: int) -> None:
    url = server.serve("/table.csv", Reply(status=status))

    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        resolve(file_at(url), tmp_path)

    assert server.requests == ["/table.csv"]


def test_a_complete_transfer_with_a_wrong_hash_is_not_tried_again_and_not_kept(
    server: SourceServer, tmp_path: Path
) -> None:
    url = server.serve("/table.csv", Reply(body=WRONG))

    with pytest.raises(SourceHashError) as caught:
        resolve(file_at(url), tmp_path)

    assert sha256(WRONG) in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)
    assert server.requests == ["/table.csv"]
    assert files_below(tmp_path) == ["sample"]


def test_addresses_are_tried_in_order_until_one_gives_the_file(server: SourceServer, tmp_path: Path) -> None:
    urls = [
        server.serve("/gone", Reply(status=404)),
        server.serve("/corrupt", Reply(body=WRONG)),
        server.serve("/good", Reply(body=CONTENT)),
        server.serve("/never asked", Reply(body=CONTENT)),
    ]

    paths = resolve(file_at(*urls), tmp_path)

    assert paths["table.csv"].read_bytes() == CONTENT
    assert server.requests == ["/gone", "/corrupt", "/good"]


def test_the_final_error_names_file_addresses_reasons_hashes_and_where_to_put_the_file(
    server: SourceServer, tmp_path: Path
) -> None:
    gone = server.serve("/gone", Reply(status=404))
    corrupt = server.serve("/corrupt", Reply(body=WRONG))

    with pytest.raises(DownloadError) as caught:
        resolve(file_at(gone, corrupt), tmp_path)

    lines = str(caught.value).split("; ")
    by_hand = tmp_path / "sample" / "table.csv"
    assert lines[0] == f"cannot download table.csv of sample (instead, you can put it at {by_hand})"
    assert lines[1] == f"tried {gone}: HTTP 404 Not Found"
    assert lines[2].startswith(f"tried {corrupt}: ")
    assert sha256(WRONG) in lines[2]
    assert lines[3] == f"expected SHA-256: {sha256(CONTENT)}"


def test_a_file_without_any_address_is_asked_for_by_path(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no URL for it") as caught:
        resolve(file_at(), tmp_path)

    assert str(tmp_path / "sample" / "table.csv") in str(caught.value)


def test_a_redirect_is_followed(server: SourceServer, tmp_path: Path) -> None:
    target = server.serve("/table.csv", Reply(body=CONTENT))
    relative = server.serve("/relative", Reply(status=302, location="/absolute"))
    server.serve("/absolute", Reply(status=301, location=target))

    paths = resolve(file_at(relative), tmp_path)

    assert paths["table.csv"].read_bytes() == CONTENT
    assert server.requests == ["/relative", "/absolute", "/table.csv"]


@pytest.mark.parametrize("first_hop", ["insecure", "redirect"])
def test_plain_http_to_another_host_is_refused_before_contact(
    server: SourceServer, tmp_path: Path, first_hop: str
) -> None:
    # Another name for this machine that is not one of the loopback names, so that a contact would be seen.
    insecure = server.serve("/table.csv", Reply(body=CONTENT)).replace("127.0.0.1", "127.1")
    server.serve("/second", Reply(status=302, location=insecure))
    redirect = server.serve("/first", Reply(status=302, location="/second"))

    with pytest.raises(InsecureAddressError, match=r"refused to contact http://127\.1:.*only https:// is allowed"):
        resolve(file_at(insecure if first_hop == "insecure" else redirect), tmp_path)

    assert "/table.csv" not in server.requests
    assert files_below(tmp_path) == ["sample"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/table.csv",
        "http://127.0.0.1.example.org/table.csv",
        "http://127.0.0.1@example.org/table.csv",
        "http://example.org#@127.0.0.1/table.csv",
        "http://example.org?@127.0.0.1/table.csv",
        "ftp://127.0.0.1/table.csv",
        "file:///etc/hosts",
    ],
)
def test_addresses_that_only_look_secure_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InsecureAddressError, match="only https:// is allowed"):
        resolve(file_at(url), tmp_path)


def test_an_endless_redirect_ends(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/loop", Reply(status=302, location="/loop"))

    with pytest.raises(DownloadError, match="TooManyRedirects"):
        resolve(file_at(url), tmp_path)


def answer(*head: bytes, status: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join([status, *head, b"", body])


def redirect(location: bytes) -> bytes:
    return answer(b"Location: " + location, b"Content-Length: 0", status=b"HTTP/1.1 302 Found")


MALFORMED = {
    "nothing at all": b"",
    "no HTTP": b"220 mail.example.org ESMTP\r\n",
    "no number for a status": answer(status=b"HTTP/1.1 fine", body=CONTENT),
    "a status of thousands": answer(status=b"HTTP/1.1 99999 Odd", body=CONTENT),
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 1\r\n" * 500,
    "a field of 100,000 bytes": answer(b"X-Long: " + b"x" * 100_000, body=CONTENT),
    "a negative length": answer(b"Content-Length: -5", body=CONTENT[:100]),
    "two lengths": answer(b"Content-Length: 5", b"Content-Length: 7", body=CONTENT[:100]),
    "a length of 5,000 digits": answer(b"Content-Length: " + b"9" * 5000, body=CONTENT),
    "a length in words": answer(b"Content-Length: many", body=CONTENT[:100]),
    "chunks without size": answer(b"Transfer-Encoding: chunked", body=b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk that ends early": answer(b"Transfer-Encoding: chunked", body=b"ffff\r\nabc"),
    "an empty redirect": redirect(b""),
    "a redirect without address": answer(b"Content-Length: 0", status=b"HTTP/1.1 302 Found"),
    "a redirect to half an address": redirect(b"http://[::1"),
    "a redirect to a port of 99999999": redirect(b"https://127.0.0.1:99999999/"),
    "a redirect to a port in words": redirect(b"https://127.0.0.1:port/"),
    "a redirect to a name of 300 letters": redirect(b"https://" + b"a" * 300 + b"/"),
    "a redirect to a name of dots": redirect(b"https://../"),
    "a redirect to no name": redirect(b"https:///"),
    "a redirect in other letters": redirect("https://\u00e4\u2603.\u202e/".encode()),
    "a redirect with a zero byte": redirect(b"https://exam\x00ple.org/"),
    "a redirect to a script": redirect(b"javascript:alert(1)"),
    "a redirect to a file": redirect(b"file:///etc/hosts"),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_whatever_a_server_answers_the_next_address_is_tried(server: SourceServer, tmp_path: Path, raw: bytes) -> None:
    odd = server.serve("/odd", Reply(raw=raw))
    good = server.serve("/good", Reply(body=CONTENT))

    paths = resolve(file_at(odd, good), tmp_path, retries=0)

    assert paths["table.csv"].read_bytes() == CONTENT
    with pytest.raises(SourceError) as caught:
        resolve(file_at(odd, name="other.csv"), tmp_path, retries=0)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    server: SourceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SECONDS_OF_GRACE", 0.3)
    drops = server.serve("/drops", Reply(body=b"x" * 100, seconds_between=0.05))
    good = server.serve("/good", Reply(body=CONTENT))

    begun = monotonic()
    paths = resolve(file_at(drops, good), tmp_path)

    assert monotonic() - begun < 4, "100 bytes would take 5 s"
    assert paths["table.csv"].read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=r"too slow: \d+ bytes so far, expected 20000 each second"):
        resolve(file_at(drops, name="other.csv"), tmp_path)


def test_a_large_file_has_more_time(server: SourceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came buys time: 100 bytes in half a second are too slow where 20,000 bytes each second are asked for."""
    monkeypatch.setattr(download, "SECONDS_OF_GRACE", 0.1)
    content = b"x" * 10
    url = server.serve("/drops", Reply(body=content, seconds_between=0.03))
    with pytest.raises(DownloadError, match="too slow"):
        resolve(file_at(url, content=content), tmp_path)

    monkeypatch.setattr(download, "SLOWEST_BYTES_PER_S", 2)

    assert resolve(file_at(url, content=content), tmp_path)["table.csv"].read_bytes() == content


def test_who_waits_long_for_an_answer_is_told_for_what(
    server: SourceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(download, "SECONDS_UNTIL_TOLD", 0.05)
    late = server.serve("/late", Reply(body=CONTENT, seconds_before=0.5))
    soon = server.serve("/soon", Reply(body=CONTENT))

    resolve(file_at(soon, name="other.csv"), tmp_path)
    assert "waiting" not in caplog.text
    resolve(file_at(late), tmp_path)

    assert "waiting for an answer from 127.0.0.1, for 30 s at most" in caplog.text


def test_the_retries_of_all_addresses_and_files_end_after_a_time(
    server: SourceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address is asked once at least; what failed before counts against asking again."""
    monkeypatch.setattr(download, "SECONDS_OF_FAILURE", 2.5)
    monkeypatch.setattr("cleanlab_assets.datasets.download.time.sleep", lambda _: None)
    urls = [server.serve(f"/{number}", Reply(status=503)) for number in range(3)]

    with pytest.raises(DownloadError):
        resolve(file_at(*urls), tmp_path, retries=3, backoff_s=1)

    assert server.requests == ["/0", "/0", "/1", "/2"], "a wait of 1 s and one of 2 s, then nothing is asked again"


def test_a_transfer_larger_than_the_limit_is_cut_off(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/table.csv", Reply(body=CONTENT))

    with pytest.raises(DownloadError, match="exceeds the limit of 1000 bytes"):
        resolve(file_at(url), tmp_path, max_bytes=1000)

    assert files_below(tmp_path) == ["sample"]


def test_members_of_one_archive_are_unpacked_after_a_single_download(server: SourceServer, tmp_path: Path) -> None:
    archive = zip_of({"folder/a.csv": CONTENT, "b.csv": WRONG, "../outside": b"never unpacked"})
    url = server.serve("/both.zip", Reply(body=archive))
    files = tuple(
        SourceFile(
            name=name,
            sha256=(sha256(content),),
            locations=(Location(url=url, member=member, archive_sha256=sha256(archive)),),
        )
        for name, member, content in [("a.csv", "folder/a.csv", CONTENT), ("b.csv", "b.csv", WRONG)]
    )

    paths = resolve(files, tmp_path)

    assert [paths["a.csv"].read_bytes(), paths["b.csv"].read_bytes()] == [CONTENT, WRONG]
    assert server.requests == ["/both.zip"]
    assert files_below(tmp_path) == ["sample", "sample/a.csv", "sample/b.csv"]


def test_a_member_of_a_verified_archive_may_have_any_of_several_hashes(server: SourceServer, tmp_path: Path) -> None:
    archive = zip_of({"table.csv": CONTENT})
    url = server.serve("/a.zip", Reply(body=archive))
    location = Location(url=url, member="table.csv", archive_sha256=sha256(archive))
    other_line_ends = sha256(CONTENT.replace(b"\n", b"\r\n"))

    paths = resolve(replace(file_at(), sha256=(other_line_ends, sha256(CONTENT)), locations=(location,)), tmp_path)

    assert paths["table.csv"].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("location", "max_bytes", "reason"),
    [
        (
            Location(url="", member="a.csv", archive_sha256=sha256(b"another archive")),
            10**9,
            f"expected {sha256(b'another archive')}",
        ),
        (Location(url="", member="missing.csv"), 10**9, "has no member 'missing.csv'"),
        (Location(url="", member="other.csv"), 10**9, f"SHA-256 is {sha256(WRONG)}"),
        (Location(url="", member="a.csv"), 10_000, "exceeds the limit of 10000 bytes"),
    ],
    ids=["wrong archive", "missing member", "wrong member", "bomb"],
)
def test_an_archive_that_does_not_hold_the_expected_file_is_an_error(
    server: SourceServer, tmp_path: Path, location: Location, max_bytes: int, reason: str
) -> None:
    url = server.serve("/a.zip", Reply(body=zip_of({"a.csv": CONTENT, "other.csv": WRONG})))

    with pytest.raises(SourceError, match=reason):
        resolve(replace(file_at(), locations=(replace(location, url=url),)), tmp_path, max_bytes=max_bytes)

    assert files_below(tmp_path) == ["sample"]


def test_an_archive_address_that_failed_is_not_asked_again_for_the_next_file(
    server: SourceServer, tmp_path: Path
) -> None:
    archive = server.serve("/a.zip", Reply(status=404))
    files = tuple(
        SourceFile(
            name=name,
            sha256=(sha256(CONTENT),),
            locations=(Location(url=archive, member=name), Location(url=server.serve(f"/{name}", Reply(body=CONTENT)))),
        )
        for name in ("a.csv", "b.csv")
    )

    resolve(files, tmp_path)

    assert server.requests == ["/a.zip", "/a.csv", "/b.csv"]


def test_what_is_not_an_archive_is_an_error(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/a.zip", Reply(body=b"<html>sign in</html>"))

    with pytest.raises(DownloadError, match="neither a zip, a tar nor a gzip archive"):
        resolve(replace(file_at(), locations=(Location(url=url, member="a.csv"),)), tmp_path)


def test_a_data_directory_that_cannot_be_made_is_named(server: SourceServer, tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file")

    with pytest.raises(DataDirError, match="cannot store the files of sample"):
        resolve(file_at(server.serve("/table.csv", Reply(body=CONTENT))), in_the_way)

    assert server.requests == []


def test_a_directory_under_the_name_of_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sample" / "table.csv"
    path.mkdir(parents=True)

    with pytest.raises(DataDirError, match="is not a regular file"):
        resolve(file_at(), tmp_path)


def test_threads_that_download_soon_all_get_the_whole_file(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/table.csv", Reply(body=CONTENT, together=threading.Barrier(8)))

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(lambda _: resolve(file_at(url), tmp_path), range(8)))

    assert all(result["table.csv"].read_bytes() == CONTENT for result in results)
    assert files_below(tmp_path) == ["sample", "sample/table.csv"]


def resolve_in_process(url: str, data_dir: Path) -> bytes:
    return resolve(file_at(url), data_dir)["table.csv"].read_bytes()


def test_processes_that_download_soon_all_get_the_whole_file(server: SourceServer, tmp_path: Path) -> None:
    url = server.serve("/table.csv", Reply(body=CONTENT, together=threading.Barrier(2)))

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.starmap(resolve_in_process, [(url, tmp_path)] * 2, chunksize=1)
        pool.close()
        pool.join()

    assert results == [CONTENT, CONTENT]
    assert files_below(tmp_path) == ["sample", "sample/table.csv"]


def test_a_progress_bar_goes_to_stderr_when_asked_for_and_it_is_a_terminal(
    server: SourceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/table.csv", Reply(body=CONTENT))
    resolve(file_at(url), tmp_path / "log", show_progress=True)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    resolve(file_at(url), tmp_path / "quiet", show_progress=False)
    quiet = capsys.readouterr()
    resolve(file_at(url), tmp_path / "loud", show_progress=True)
    loud = capsys.readouterr()

    assert (quiet.out, quiet.err, loud.out) == ("", "", "")
    assert "sample/table.csv: 100%" in loud.err


def make_package(directory: Path, content: bytes) -> None:
    data = directory / "shipping_package" / "data"
    data.mkdir(parents=True)
    for folder in (data.parent, data):
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (data / "table.csv").write_bytes(content)


def test_a_packaged_file_is_verified_in_place_and_the_package_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(tmp_path, CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))

    paths = resolve(replace(file_at(), package="shipping_package.data"), tmp_path / "absent")

    assert paths == {"table.csv": tmp_path / "shipping_package" / "data" / "table.csv"}
    assert "shipping_package" not in sys.modules
    assert not (tmp_path / "absent").exists()


def test_a_packaged_file_with_another_hash_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package(tmp_path, WRONG)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(SourceHashError, match="install a version of shipping_package"):
        resolve(replace(file_at(), package="shipping_package.data"), tmp_path)


@pytest.mark.parametrize(
    ("package", "reason"),
    [("no_such_package.data", "not installed"), ("shipping_package.elsewhere", "lacks")],
)
def test_a_package_without_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, reason: str
) -> None:
    make_package(tmp_path, CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(PackagedFileError, match=reason):
        resolve(replace(file_at(), package=package), tmp_path)
