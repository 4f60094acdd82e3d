"""Names as people and systems write them: one letter may be one character or two, and systems leave files of their own.

A system may store ``ü`` as one character (NFC) or as ``u`` and a mark (NFD), which look the same: names of classes,
columns, ids and files compare in NFC.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini", "__macosx"})


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
    """Whether a file or folder of that name was left by an operating system, as ._*, .DS_Store and Thumbs.db are."""
    return name.startswith("._") or name.casefold() in _SYSTEM_FILES
