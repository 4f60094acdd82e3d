"""Names compare in NFC, and files of operating systems are no data."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal

import pytest

from cleanlab_assets.datasets.download import file_sha256
from cleanlab_assets.datasets.folders import find_path, list_entries
from cleanlab_assets.datasets.image_folders import list_files
from cleanlab_assets.datasets.names import is_system_file, to_nfc

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_FILES = ("._bild.png", ".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "._a.xml")


@pytest.mark.parametrize("name", ["Käse", "Öl", "naïve", "plain", "한국어", "ﬁ"])
def test_a_name_is_the_same_in_one_character_or_two(name: str) -> None:
    assert to_nfc(unicodedata.normalize("NFD", name)) == to_nfc(name) == unicodedata.normalize("NFC", name)


def test_names_that_only_look_alike_stay_apart() -> None:
    assert to_nfc("ﬁ") != to_nfc("fi")
    assert to_nfc("Å") != to_nfc("A")


@pytest.mark.parametrize("name", SYSTEM_FILES)
def test_files_of_operating_systems_are_no_data(tmp_path: Path, name: str) -> None:
    (tmp_path / "bild.png").touch()
    before = file_sha256(tmp_path)
    (tmp_path / name).touch()
    assert is_system_file(name)
    assert [path.name for path in list_entries(tmp_path)] == ["bild.png"]
    assert [path.name for path in list_files(tmp_path, {".png", ".xml"})] == ["bild.png"]
    assert file_sha256(tmp_path) == before


@pytest.mark.parametrize("name", ["a_.png", "_a.png", "thumbs.png", ".hidden", "ini"])
def test_other_files_are_data(name: str) -> None:
    assert not is_system_file(name)


@pytest.mark.parametrize(("said", "stored"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC")])
def test_a_file_is_found_by_its_name_however_it_is_written(
    tmp_path: Path, said: Literal["NFC", "NFD"], stored: Literal["NFC", "NFD"]
) -> None:
    folder = tmp_path / unicodedata.normalize(stored, "Größe")
    folder.mkdir()
    path = folder / unicodedata.normalize(stored, "bild_ü.png")
    path.touch()
    name = "/".join(unicodedata.normalize(said, part) for part in ("Größe", "bild_ü.png"))
    assert find_path(tmp_path, name) == path
    absent = unicodedata.normalize(said, "Größe/ö.png")
    assert find_path(tmp_path, absent) == tmp_path / absent
