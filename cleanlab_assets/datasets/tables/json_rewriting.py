"""Other labels in a file of JSON lines: the value of a key is replaced, and every other byte stays as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.json_places import find_members
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.text_files import decode_exactly, encode_exactly
from cleanlab_assets.datasets.text_places import replace_places

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def replace_members(
    content: bytes,
    name: str,
    *,
    column: int,
    new: Mapping[int, str],
    left_out: Collection[int] = (),
    encoding: str | None = None,
) -> bytes:
    """Return a file of JSON lines with other values of one key, and without some of its lines.

    Args:
        content: of the file.
        name: of the file, for messages.
        column: number of the key, from 0, in the order in which the lines first name them.
        new: new value by the number of the line, from 1: a text, or the text of a number where a number stands.
        left_out: numbers of the lines that are left out.
        encoding: of a file without byte order mark; UTF-8 if absent.

    Raises:
        TableError: a line has no such key, or neither a text nor a number there; or a value has a character that the
            encoding of the file cannot write.
        TextFileError: the file is of another encoding.
    """
    mark, codec, text = decode_exactly(content, name, encoding)
    lines = text.split("\n")
    keys = list({key: None for line in lines if line.strip() for key in json.loads(line)})
    for number, value in new.items():
        if number not in left_out:
            lines[number - 1] = _replace(lines[number - 1], keys[column], value, f"{name}, line {number}")
    kept = [line for number, line in enumerate(lines, start=1) if number not in left_out]
    return encode_exactly(mark, codec, "\n".join(kept), name, error=TableError)


def _replace(line: str, key: str, value: str, where: str) -> str:
    place = find_members(line).get(key)
    old = None if place is None else json.loads(line[place.start : place.end])
    if place is None or isinstance(old, bool) or not isinstance(old, str | int | float):
        raise TableError(f"{where}: found {quote(old)} under {quote(key)}, expected a text or a number to be replaced")
    written = json.dumps(value, ensure_ascii=line.isascii()) if isinstance(old, str) else value
    return replace_places(line, {place: written})
