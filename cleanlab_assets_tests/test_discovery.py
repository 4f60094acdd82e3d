from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.discovery import find_entries

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Entry:
    name: str


def _write_package(directory: Path, name: str, modules: dict[str, str]) -> None:
    package = directory / name
    package.mkdir()
    (package / "__init__.py").touch()
    for module, line in modules.items():
        (package / f"{module}.py").write_text(f"from {__name__} import Entry\n{line}\n")


def _find(monkeypatch: pytest.MonkeyPatch, directory: Path, name: str, modules: dict[str, str]) -> dict[str, Entry]:
    _write_package(directory, name, modules)
    monkeypatch.syspath_prepend(str(directory))
    try:
        return find_entries(importlib.import_module(name), "ENTRY", Entry)
    finally:
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            del sys.modules[module]


def test_adding_an_entry_is_adding_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    modules = {"second": "ENTRY = Entry('b')", "first": "ENTRY = Entry('a')", "other": "SOMETHING = 1"}
    assert list(_find(monkeypatch, tmp_path, "three_modules", modules)) == ["a", "b"]


def test_two_entries_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    modules = {"first": "ENTRY = Entry('a')", "second": "ENTRY = Entry('a')"}
    with pytest.raises(ValueError, match=r"'a' is defined twice; the second time in twice\.second"):
        _find(monkeypatch, tmp_path, "twice", modules)


def test_an_entry_of_another_type_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"strange\.first\.ENTRY is int, expected Entry"):
        _find(monkeypatch, tmp_path, "strange", {"first": "ENTRY = 1"})
