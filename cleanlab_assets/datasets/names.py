"""Names as people and systems write them: one letter may be one character or two, and systems leave files of their own.

A system may store ``ü`` as one character (NFC) or as ``u`` and a mark (NFD), which look the same: names of classes,
columns, ids and files compare in NFC.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


def to_nfc(name: str) -> str:
    """Return a name as it compares with others: every letter with its marks as one character, where there is one."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def names_to_nfc(said: Any) -> Any:
    """Return what a description says with every name in NFC, those of its tables and lists too."""
    if isinstance(said, dict):
        return {names_to_nfc(name): names_to_nfc(value) for name, value in said.items()}
    if isinstance(said, list):
        return [names_to_nfc(one) for one in said]
    return to_nfc(said) if isinstance(said, str) else said


def is_system_file(name: str) -> bool:
    """Whether a file of that name was left by an operating system: ``._*``, .DS_Store, Thumbs.db or desktop.ini."""
    return name.startswith("._") or name.casefold() in _SYSTEM_FILES


def list_entries(folder: Path) -> list[Path]:
    """Return the files and folders in a folder by name, without the files of operating systems."""
    return sorted(path for path in folder.iterdir() if not is_system_file(path.name))


def find_path(folder: Path, name: str) -> Path:
    """Return the path of a file below a folder, also where the system writes the letters of its name in another way."""
    path = folder / name
    if name.isascii() or path.exists():
        return path
    found = folder
    for part in path.relative_to(folder).parts if path.is_relative_to(folder) else ():
        alike = list_entries(found) if found.is_dir() else []
        found = next((entry for entry in alike if to_nfc(entry.name) == to_nfc(part)), found / part)
    return found if found.exists() else path
