"""A drafted description as the text of a ``dataset.toml``: new, or an older one brought up to date line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomlkit

from cleanlab_assets.datasets.errors import cut, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cleanlab_assets.datasets.tables.drafting.drafts import Entry

LONGEST_COMMENT = 300
_HEADER = (
    "Written by `cleanlab-demo audit`. Every line may be edited: the next run takes it up.",
    "Behind each line stands why it says what it says.",
)
_MANAGED = (("files",), ("sha256",), ("columns",), ("options",), ("predictions",), ("features",), ("class_names",))
"""Sections and lines that go where a new draft has them no more."""
_NESTED = (("columns", "kinds"), ("options", "number_marks"), ("options", "date_format"))
"""Sections within sections, each with a line for each column."""


def write_description(entries: Sequence[Entry]) -> str:
    """Return the text of a new description."""
    document = tomlkit.document()
    for line in _HEADER:
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    # Lines of the top stand before every section, else they would belong to one.
    for entry in sorted(entries, key=lambda entry: len(entry.place) > 1):
        _set(document, entry)
    return tomlkit.dumps(document)


def set_line(text: str, entry: Entry) -> str:
    """Return the text of a description with one line new, or as it should be."""
    document = tomlkit.parse(text)
    _set(document, entry)
    return tomlkit.dumps(document)


def update_description(text: str, entries: Sequence[Entry]) -> tuple[str, list[str]]:
    """Bring the text of a description up to date; comments and lines that nothing concerns stay as they are.

    Returns:
        The text, and what changed, a sentence for each line.
    """
    document = tomlkit.parse(text)
    before = _flatten(document.unwrap())
    wanted = {entry.place: entry for entry in entries}
    changes = []
    for place, entry in wanted.items():
        if place not in before:
            changes.append(f"{'.'.join(place)}: {_show(entry.value)} (new)")
            _set(document, entry)
        elif before[place] != entry.value:
            changes.append(f"{'.'.join(place)}: {_show(entry.value)} (was {_show(before[place])})")
            _set(document, entry)
    for place, value in before.items():
        if place not in wanted and any(place[: len(section)] == section for section in _MANAGED):
            changes.append(f"{'.'.join(place)}: taken out (was {_show(value)})")
            _remove(document, place)
    return tomlkit.dumps(document), changes


def _flatten(content: dict[str, Any], place: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return the values of nested sections by their place."""
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in content.items():
        here = (*place, key)
        if isinstance(value, dict) and here in (*_MANAGED, *_NESTED):
            flat |= _flatten(value, here)
        else:
            flat[here] = value
    return flat


def _set(document: tomlkit.TOMLDocument, entry: Entry) -> None:
    section: Any = document
    for name in entry.place[:-1]:
        if name not in section:
            section.add(name, tomlkit.table())
        section = section[name]
    item = tomlkit.item(entry.value)
    if entry.reason:
        item.comment(cut(" ".join(entry.reason.split()), LONGEST_COMMENT))
    section[entry.place[-1]] = item


def _remove(document: tomlkit.TOMLDocument, place: Iterable[str]) -> None:
    *sections, key = place
    section: Any = document
    for name in sections:
        section = section[name]
    section.remove(key)


def _show(value: Any) -> str:
    return quote(value, 120)
