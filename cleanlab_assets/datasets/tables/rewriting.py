"""Other labels in a text file of a table: the field of a record is replaced, and every other byte stays as it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.text_files import decode_exactly, encode_exactly

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cleanlab_assets.datasets.tables.delimited import Dialect

_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(frozen=True)
class _Field:
    """Where a field stands: its number in the record, the record's line, and what it and its separator take."""

    number: int
    line: int
    start: int
    end: int
    is_last: bool
    record_end: int


def replace_fields(
    content: bytes,
    name: str,
    dialect: Dialect,
    *,
    column: int,
    new: Mapping[int, str],
    left_out: Collection[int] = (),
    encoding: str | None = None,
) -> bytes:
    """Return a text file with other values in one column, and without some of its records.

    Args:
        content: of the file.
        name: of the file, for messages.
        dialect: how its fields are separated.
        column: number of the column, from 0.
        new: new value by the line that its record begins in, from 1.
        left_out: lines of the records that are left out.
        encoding: of a file without byte order mark; UTF-8 if absent.

    Raises:
        TableError: a line of ``new`` or ``left_out`` begins no record with such a field, or a value has a character
            that the encoding of the file cannot write.
        TextFileError: the file is of another encoding.
    """
    mark, codec, text = decode_exactly(content, name, encoding)
    parts, place, begin, found = list[str](), 0, 0, set[int]()
    for field in _find_fields(text, dialect):
        if field.number == column and field.line in new and field.line not in left_out:
            parts += [text[place : field.start], _quote(new[field.line], text[field.start : field.end], dialect)]
            place = field.end
            found.add(field.line)
        if field.is_last:
            if field.line in left_out:
                parts.append(text[place:begin])
                place = field.record_end
                found.add(field.line)
            begin = field.record_end
    if missing := sorted({*new, *left_out} - found):
        raise TableError(f"{name}, line {missing[0]}: found no record with {column + 1} fields that begins there")
    return encode_exactly(mark, codec, "".join([*parts, text[place:]]), name, error=TableError)


def _find_fields(text: str, dialect: Dialect) -> Iterator[_Field]:
    """Yield every field of a text in order; a blank line is a record of one empty field."""
    mark, delimiter = re.escape(dialect.quote), re.escape(dialect.delimiter)
    inner = rf"(?:[^{mark}]|{mark}{mark})*"
    if dialect.escape is not None:
        escape = re.escape(dialect.escape)
        inner = rf"(?:[^{mark}{escape}]|{escape}.)*"
    pattern = re.compile(rf"(?:{mark}{inner}{mark})?[^{delimiter}\r\n]*", re.DOTALL)
    place, line, record_line, number = 0, 1, 1, 0
    while place <= len(text):
        if number == 0:
            record_line = line
        match = pattern.match(text, place)
        assert match is not None  # noqa: S101 - the pattern also matches nothing
        end = match.end()
        line += match[0].count("\n")  # as the reader of records counts within a field
        is_last = not text.startswith(dialect.delimiter, end)
        after = end + len(dialect.delimiter)
        if is_last:
            line_end = _LINE_END.match(text, end)
            after = line_end.end() if line_end else end
            line += line_end is not None
        yield _Field(number, record_line, place, end, is_last, after)
        if is_last and after == end:
            return
        place, number = after, 0 if is_last else number + 1


def _quote(value: str, old: str, dialect: Dialect) -> str:
    """Write a value, in quotes where it must be or the old one was."""
    special = {dialect.delimiter, dialect.quote, "\n", "\r", *([dialect.escape] if dialect.escape else [])}
    if not old.startswith(dialect.quote) and not any(character in value for character in special):
        return value
    if dialect.escape is None:
        return f"{dialect.quote}{value.replace(dialect.quote, dialect.quote * 2)}{dialect.quote}"
    escaped = value.replace(dialect.escape, dialect.escape * 2).replace(dialect.quote, dialect.escape + dialect.quote)
    return f"{dialect.quote}{escaped}{dialect.quote}"
