"""Files of the user's own at addresses: named, downloaded once, verified from then on."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from upath import UPath

from cleanlab_assets.datasets import download
from cleanlab_assets.datasets.addresses import AddressError, is_address, locate, name_of_address, to_source_file
from cleanlab_assets.datasets.download import DownloadError, SourceHashError, resolve_files
from cleanlab_assets_tests.datasets.source_server import Reply, run_source_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets_tests.datasets.source_server import SourceServer

CONTENT = b"x,y\n1,a\n2,b\n"
SHA256 = "0" * 64


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with run_source_server() as server:
        yield server


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://example.org/a/b.csv?raw=1#top", "b.csv"),
        ("s3://bucket/folder/my%20data.parquet", "my data.parquet"),
        ("https://example.org/data.csv.gz", "data.csv.gz"),
    ],
)
def test_a_file_has_the_name_at_the_end_of_its_address(address: str, expected: str) -> None:
    assert is_address(address)
    assert name_of_address(address) == expected


@pytest.mark.parametrize(
    "address",
    ["https://example.org", "https://example.org/", "https://example.org/dataset.toml", "s3://bucket/.hidden"],
)
def test_an_address_that_names_no_data_is_refused(address: str) -> None:
    with pytest.raises(AddressError, match="names no data: expected an address such as"):
        name_of_address(address)


def test_a_path_stays_where_it_is(tmp_path: Path) -> None:
    file = locate("data.csv", tmp_path)
    assert (file.path_in(Path("elsewhere")), file.is_own) == (tmp_path / "data.csv", True)
    assert locate(str(tmp_path / "a.csv"), Path("elsewhere")).directory == tmp_path


def test_a_file_is_downloaded_once_and_a_change_of_it_is_noticed(server: SourceServer, tmp_path: Path) -> None:
    file = to_source_file(server.serve("/data.csv", Reply(body=CONTENT)))
    for _ in range(2):
        paths = resolve_files("mine", (file,), tmp_path)
    assert server.requests == ["/data.csv"]
    assert paths["data.csv"].read_bytes() == CONTENT

    paths["data.csv"].write_bytes(CONTENT + b"3,c\n")
    with pytest.raises(SourceHashError, match="has changed since its first use"):
        resolve_files("mine", (file,), tmp_path)


def test_a_stated_sha256_must_be_that_of_the_content(server: SourceServer, tmp_path: Path) -> None:
    address = server.serve("/data.csv", Reply(body=CONTENT))
    with pytest.raises(SourceHashError, match=f"expected {SHA256}"):
        resolve_files("mine", (to_source_file(address, SHA256),), tmp_path)
    assert not list(tmp_path.rglob("data.csv"))


def test_an_object_store_is_read_by_its_own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "OBJECT_STORES", frozenset({"memory"}))
    UPath("memory://bucket/data.csv").write_bytes(CONTENT)
    paths = resolve_files("mine", (to_source_file("memory://bucket/data.csv"),), tmp_path)
    assert paths["data.csv"].read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="FileNotFoundError"):
        resolve_files("mine", (to_source_file("memory://bucket/absent.csv"),), tmp_path)


def test_a_store_without_its_library_says_which_package_is_missing(tmp_path: Path) -> None:
    if find_spec("s3fs") is not None:
        pytest.skip("s3fs is installed here")
    with pytest.raises(DownloadError, match=r"takes a package that is not installed: .*s3fs"):
        resolve_files("mine", (to_source_file("s3://bucket/data.csv"),), tmp_path)
