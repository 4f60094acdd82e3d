from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.archives import (
    GZIP_MEMBER,
    ArchiveError,
    ArchiveTooLargeError,
    UnsafeArchiveError,
    extract_archive,
    extract_member,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMIT = 1_000_000
KINDS = ["zip", "tar", "tar.gz"]


def write_archive(path: Path, members: Mapping[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in members.items():
                bundle.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def write_special_tar(path: Path, kind: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("special")
        info.type = kind
        info.linkname = "/etc/passwd"
        tar.addfile(info)
    return path


def write_special_zip(path: Path, mode: int) -> Path:
    with zipfile.ZipFile(path, "w") as bundle:
        info = zipfile.ZipInfo("special")
        info.external_attr = mode << 16
        bundle.writestr(info, "/etc/passwd")
    return path


def content_below(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_is_written_to_the_target_and_nothing_else_is(tmp_path: Path, kind: str) -> None:
    archive = write_archive(tmp_path / f"a.{kind}", {"other": b"x", "folder/table.csv": b"1,2\n", "last": b"y"})
    target = tmp_path / "out" / "table.csv"
    target.parent.mkdir()

    extract_member(archive, "folder/table.csv", target, max_bytes=LIMIT)

    assert content_below(target.parent) == {"table.csv": b"1,2\n"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_archive_is_unpacked_into_a_new_directory(tmp_path: Path, kind: str) -> None:
    members = {"top.txt": b"1", "folder/a.txt": b"2", "folder/deeper/b.txt": b""}
    archive = write_archive(tmp_path / f"a.{kind}", members)

    extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert content_below(tmp_path / "out") == members


def test_directories_of_an_archive_are_made(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip", {"folder/": b"", "folder/a.txt": b"1", "empty/": b""})

    extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert content_below(tmp_path / "out") == {"folder/a.txt": b"1"}
    assert (tmp_path / "out" / "empty").is_dir()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["/absolute", "../outside", "a/../../outside", "a\\..\\outside", "C:/outside"])
def test_a_path_that_could_lead_outside_is_refused_and_nothing_is_written(tmp_path: Path, kind: str, name: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    archive = write_archive(work / f"a.{kind}", {"good": b"1", name: b"bad"})

    with pytest.raises(UnsafeArchiveError, match="path outside the target directory"):
        extract_archive(archive, work / "out", max_bytes=LIMIT)
    with pytest.raises(UnsafeArchiveError, match="path outside the target directory"):
        extract_member(archive, name, work / "member", max_bytes=LIMIT)

    assert list(work.iterdir()) == [archive]
    assert list(tmp_path.iterdir()) == [work]


@pytest.mark.parametrize(
    "special", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, special: bytes) -> None:
    archive = write_special_tar(tmp_path / "a.tar", special)

    with pytest.raises(UnsafeArchiveError, match="'special' is no"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)
    with pytest.raises(UnsafeArchiveError, match="'special' is no"):
        extract_member(archive, "special", tmp_path / "member", max_bytes=LIMIT)

    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_of_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    archive = write_special_zip(tmp_path / "a.zip", mode | 0o644)

    with pytest.raises(UnsafeArchiveError, match="'special' is no"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)
    with pytest.raises(UnsafeArchiveError, match="'special' is no"):
        extract_member(archive, "special", tmp_path / "member", max_bytes=LIMIT)

    assert list(tmp_path.iterdir()) == [archive]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip", {"secret": b"1"})
    content = bytearray(archive.read_bytes())
    for signature, flags_at in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        content[content.index(signature) + flags_at] |= 0x1
    archive.write_bytes(content)

    with pytest.raises(UnsafeArchiveError, match="'secret' is no"):
        extract_member(archive, "secret", tmp_path / "member", max_bytes=LIMIT)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_stopped_at_the_limit_and_nothing_is_left(tmp_path: Path, kind: str) -> None:
    archive = write_archive(tmp_path / f"a.{kind}", {"bomb": bytes(10 * LIMIT)})
    assert archive.stat().st_size < LIMIT

    with pytest.raises(ArchiveTooLargeError, match=f"limit of {LIMIT} bytes"):
        extract_member(archive, "bomb", tmp_path / "member", max_bytes=LIMIT)
    with pytest.raises(ArchiveTooLargeError, match=f"limit of {LIMIT} bytes"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert list(tmp_path.iterdir()) == [archive]


def test_the_limit_of_a_whole_archive_counts_all_members_together(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip", {"a": bytes(600), "b": bytes(400), "c": b""})

    extract_archive(archive, tmp_path / "fits", max_bytes=1000)
    with pytest.raises(ArchiveTooLargeError, match="limit of 999 bytes"):
        extract_archive(archive, tmp_path / "out", max_bytes=999)

    assert not (tmp_path / "out").exists()


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.tar", {"a": b"1", "./a": b"2"})

    with pytest.raises(UnsafeArchiveError, match="occurs twice"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a/"), ("a", "a/b/c")], ids=str)
def test_a_member_in_the_place_of_another_is_refused(tmp_path: Path, kind: str, names: tuple[str, str]) -> None:
    archive = write_archive(tmp_path / f"x.{kind}", {name: b"" if name.endswith("/") else b"1" for name in names})
    if kind != "zip" and names[1].endswith("/"):
        pytest.skip("a folder of a tar file has a type, and no slash at its end")

    with pytest.raises(UnsafeArchiveError, match=f"member '{names[1]}' is in the place of another"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["n" * 300, "folder/" + "n" * 300, "n" * 300 + "/file", "ü" * 130 + "/file"])
def test_a_name_that_is_too_long_is_refused_and_cut_in_the_message(tmp_path: Path, kind: str, name: str) -> None:
    archive = write_archive(tmp_path / f"x.{kind}", {name: b"1"})

    with pytest.raises(UnsafeArchiveError, match=f"has a name of {len(name)} characters, more than a file") as caught:
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert len(str(caught.value)) < 160 + 80
    assert "…" in str(caught.value)
    assert list(tmp_path.iterdir()) == [archive]


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip", {"a": b"1"})

    with pytest.raises(ArchiveError, match="has no member 'b'"):
        extract_member(archive, "b", tmp_path / "member", max_bytes=LIMIT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_is_an_error_and_leaves_the_old_target(tmp_path: Path, kind: str) -> None:
    content = bytes(range(256)) * 400
    archive = write_archive(tmp_path / f"a.{kind}", {"table": content})
    whole = archive.read_bytes()
    # A zip keeps its directory at the end, so it is hurt in the middle; the others are cut short.
    middle = len(whole) // 2
    archive.write_bytes(whole[:middle] + bytes(20) + whole[middle + 20 :] if kind == "zip" else whole[:middle])
    target = tmp_path / "table"
    target.write_bytes(b"old")

    with pytest.raises(ArchiveError, match="is damaged"):
        extract_member(archive, "table", target, max_bytes=LIMIT)

    assert target.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [archive, target]


def test_what_is_neither_zip_nor_tar_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_text("hello")

    with pytest.raises(ArchiveError, match="neither a zip, a tar nor a gzip archive"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)


def test_a_directory_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "a.zip", {"a": b"new"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"old")

    with pytest.raises(FileExistsError, match=r"delete it to unpack a\.zip again"):
        extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)

    assert content_below(tmp_path / "out") == {"a": b"old"}


def test_of_several_that_unpack_at_once_one_wins_and_the_directory_is_whole(tmp_path: Path) -> None:
    members = {f"{number}.txt": bytes(1000) for number in range(100)}
    archive = write_archive(tmp_path / "a.zip", members)

    def unpack(_: int) -> bool:
        try:
            extract_archive(archive, tmp_path / "out", max_bytes=LIMIT)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=4) as pool:
        outcomes = list(pool.map(unpack, range(4)))

    assert outcomes.count(True) == 1
    assert content_below(tmp_path / "out") == members
    assert sorted(tmp_path.iterdir()) == [archive, tmp_path / "out"]


def test_the_content_of_a_gzip_file_is_its_only_member(tmp_path: Path) -> None:
    archive = tmp_path / "table.arff.gz"
    archive.write_bytes(gzip.compress(b"@data\n1,2\n"))

    extract_member(archive, GZIP_MEMBER, tmp_path / "table.arff", max_bytes=LIMIT)

    assert (tmp_path / "table.arff").read_bytes() == b"@data\n1,2\n"
    with pytest.raises(ArchiveTooLargeError):
        extract_member(archive, GZIP_MEMBER, tmp_path / "other", max_bytes=5)
    archive.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(ArchiveError, match="damaged"):
        extract_member(archive, GZIP_MEMBER, tmp_path / "other", max_bytes=LIMIT)
    assert not (tmp_path / "other").exists()
