"""What killed processes left behind is removed; what is new, of a living one or the user's own stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets import scratch
from cleanlab_assets.scratch import remove_left_overs, scratch_directory, scratch_path, temporary_directory

if TYPE_CHECKING:
    from pathlib import Path

TWO_HOURS = 7200


@pytest.fixture(scope="module")
def dead() -> int:
    """Id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def make_old(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - TWO_HOURS, time.time() - TWO_HOURS))


def make_files(directory: Path, *names: str) -> list[Path]:
    paths = [directory / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        make_old(path)
    for folder in {path.parent for path in paths} - {directory}:
        make_old(folder)
    return paths


def test_old_files_of_dead_processes_are_removed_and_nothing_else(tmp_path: Path, dead: int) -> None:
    left = make_files(
        tmp_path,
        f".predictions.parquet.{dead}-0123abcd.part",
        f".download.{dead}-x_y8z.part/file",
        f"family/asset/.report.html.{dead}-0123abcd.part",
        ".report.html.0123abcd.part",
        ".download-abc_1234/file",
    )
    kept = make_files(
        tmp_path,
        "predictions.parquet",
        f"predictions.parquet.{dead}-0123abcd.part",
        ".hidden",
        ".movie.mkv.part",
        ".partial_ridge_0123456789abcdef/part_0000.parquet",
    )

    removed = remove_left_overs(tmp_path, depth=2)

    assert sorted(removed) == sorted(path.parent if path.name == "file" else path for path in left)
    assert all(path.is_file() for path in kept)
    assert not any(path.exists() for path in (*left, *removed))


def test_what_was_written_to_within_the_hour_stays(tmp_path: Path, dead: int) -> None:
    (path,) = make_files(tmp_path, f".download.{dead}-abcdefgh.part/archive")
    path.touch()
    assert remove_left_overs(tmp_path, depth=0) == []
    assert path.is_file()


def test_what_belongs_to_a_living_process_stays_however_old(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (path,) = make_files(tmp_path, f".model.skops.{process.pid}-0123abcd.part")
        in_future = time.time() + TWO_HOURS
        os.utime(path, (in_future, in_future))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda: in_future + TWO_HOURS)
            assert remove_left_overs(tmp_path, depth=0) == []
            process.communicate(timeout=30)
            assert remove_left_overs(tmp_path, depth=0) == [path]


def test_a_process_that_began_after_the_file_was_written_does_not_keep_it(tmp_path: Path) -> None:
    """Ids are given again: in a container this one has that of the killed one."""
    (path,) = make_files(tmp_path, f".model.skops.{os.getpid()}-0123abcd.part")
    assert remove_left_overs(tmp_path, depth=0) == [path]


def test_only_directories_to_a_depth_are_looked_at(tmp_path: Path, dead: int) -> None:
    name = f".a.{dead}-0123abcd.part"
    top, below, deep = make_files(tmp_path, name, f"a/{name}", f"a/b/{name}")
    assert remove_left_overs(tmp_path, depth=1) == [top, below]
    assert deep.is_file()
    assert remove_left_overs(tmp_path / "absent", depth=3) == []


def test_the_names_that_processes_use_are_those_that_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: int
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: dead)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    file = scratch_path(tmp_path / f"{'long' * 60}.parquet")
    file.write_bytes(b"half")
    with scratch_directory(tmp_path, "download") as inside, temporary_directory() as elsewhere:
        assert (inside.parent, elsewhere.parent) == (tmp_path, tmp_path / "tmp")
        make_old(file, inside, elsewhere)
        assert sorted(remove_left_overs(tmp_path, depth=0)) == sorted([file, inside])
        assert scratch.remove_temporary_left_overs() == [elsewhere]
        for path in (inside, elsewhere):
            path.mkdir()  # for the end of the block, which removes it
    assert scratch_path(file) != scratch_path(file)


def test_others_temporary_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: int) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (path,) = make_files(tmp_path, f".another_program.{dead}-0123abcd.part")
    assert scratch.remove_temporary_left_overs() == []
    assert path.is_file()
