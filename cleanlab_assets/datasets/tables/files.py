"""Files of tables, read as they are: delimited text, Parquet, JSON lines, Arrow and Excel, plain or compressed.

Nothing is taken for anything yet: text stays text, and columns of a file with types keep theirs. Every row knows the
line that it stands in, or its number where a file has no lines.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.headers import find_repeated
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.tables.delimited import (
    Dialect,
    TableError,
    find_dialect,
    read_records,
)
from cleanlab_assets.datasets.text_files import TextFileError, decode_text, guess_encoding
from cleanlab_assets.extras import explain_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zip": "zip"}
TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson")
LONGEST_REASON = 200
TEXT_BEGINNING = 1 << 20
"""Characters of a text that are looked at to find out how it is written."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a file is written, where its content leaves a choice; None is found out.

    Attributes:
        encoding: that of a text without byte order mark.
        dialect: how the fields of a delimited text are separated.
        sheet: name of the sheet of an Excel file; the first if None.
    """

    encoding: str | None = None
    dialect: Dialect | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class SourceTable:
    """A table as its file has it.

    Attributes:
        name: name of the file.
        columns: its columns by their names: texts of a text file, typed values of another one.
        numbers: line, or number of the row, of each row, from 1; int64 of shape (n_rows,).
        form: how the file is written.
        notes: what a reader must know of how it was read.
    """

    name: str
    columns: pa.Table
    numbers: np.ndarray
    form: Form
    notes: tuple[str, ...] = ()

    @cached_property
    def row_ids(self) -> list[str]:
        """``<file>:<line>`` of each row."""
        return [f"{self.name}:{number}" for number in self.numbers.tolist()]


def suffix_of(name: str) -> str:
    """Return the ending that says what a file holds, in small letters, that of a compression left out."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_source_table(path: Path, form: Form | None = None, *, taken: frozenset[str] = frozenset()) -> SourceTable:
    """Read a table.

    Args:
        path: the file; its ending says what it holds: ``.csv``, ``.tsv``, ``.txt``, ``.parquet``, ``.jsonl``,
            ``.feather``, ``.arrow`` or ``.xlsx``, each also ``.gz``, ``.zst`` or ``.zip`` with one file.
        form: how the file is written, as far as it is known.
        taken: names that no column may have; one that has gets an underscore behind its name.

    Raises:
        TableError: the file holds no table with a header and rows, or its rows differ in length.
        TextFileError: the file is not text in its encoding, or cannot be unpacked.
    """
    import pyarrow as pa

    suffix = suffix_of(path.name)
    if suffix not in _READERS:
        raise TableError(
            f"{path.name}: found the ending {quote(suffix)}, expected one of {', '.join(_READERS)}, "
            f"plain or with {', '.join(COMPRESSIONS)} behind it"
        )
    try:
        table = _READERS[suffix](_read_unpacked(path), path.name, form or Form())
    except pa.ArrowInvalid as error:
        raise TextFileError(f"{path.name} cannot be read: {cut(str(error), LONGEST_REASON)}") from error
    if len(table.numbers) == 0:
        raise TableError(f"{path.name}: found no rows below the header")
    return _name_columns(table, taken)


def take_source_table(table: pa.Table, name: str, *, taken: frozenset[str] = frozenset()) -> SourceTable:
    """Take a table that is in memory as if it was read from a file, with rows numbered from 1.

    Raises:
        TableError: the table has no rows or no columns.
    """
    if len(table) == 0 or not table.column_names:
        raise TableError(f"{name}: found {len(table)} rows and {len(table.column_names)} columns, expected a table")
    return _name_columns(_number_rows(table, name, Form()), taken)


def guess_encoding_of(path: Path) -> str | None:
    """Return the likely encoding of a text file, see ``guess_encoding``; None for a file of another kind.

    Raises:
        TextFileError: the file cannot be read or unpacked.
    """
    return guess_encoding(_read_unpacked(path)) if suffix_of(path.name) in TEXT_ENDINGS else None


def _read_unpacked(path: Path) -> bytes:
    """Return the content of a file, unpacked where it is compressed."""
    import pyarrow as pa

    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        if compression is None:
            return path.read_bytes()
        if compression == "zip":
            with zipfile.ZipFile(path) as archive:
                files = [member for member in archive.infolist() if not member.is_dir()]
                if len(files) != 1:
                    raise TableError(f"{path.name}: found {len(files)} files in the archive, expected one table")
                return archive.read(files[0])
        with pa.OSFile(str(path)) as packed, pa.CompressedInputStream(packed, compression) as stream:
            return bytes(stream.read())
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:  # or a password, a method
        raise TextFileError(f"{path.name} cannot be unpacked: {error}") from error
    except OSError as error:
        raise TextFileError(f"{path.name} cannot be read: {error.strerror or error}") from error


def _read_delimited(content: bytes, name: str, form: Form) -> SourceTable:
    text = decode_text(content, name, form.encoding)
    dialect = form.dialect or find_dialect(text[:TEXT_BEGINNING])
    records = read_records(text, name, dialect)
    notes: tuple[str, ...] = ()
    if records.blank_lines:
        lines = ", ".join(f"{line:,}" for line in records.blank_lines[:5])
        more = "" if len(records.blank_lines) <= 5 else " …"  # noqa: PLR2004 - as many as were told
        notes = (f"{name}: {len(records.blank_lines):,} lines without any value are left out: {lines}{more}",)
    columns = records.fields.rename_columns(_make_distinct(records.header))
    return SourceTable(name, columns, records.lines, replace(form, dialect=dialect), notes)


def _make_distinct(header: Iterable[str]) -> list[str]:
    """Give columns without a name the name ``column_<number>``, and repeated ones a number behind theirs."""
    stripped = [to_nfc(name.strip()) for name in header]
    known, names = set(stripped), dict[str, None]()
    for number, name in enumerate(stripped, start=1):
        wanted, count = name or f"column_{number}", 2
        distinct = wanted
        while distinct in names or (distinct != name and distinct in known):
            distinct, count = f"{wanted}_{count}", count + 1
        names[distinct] = None
    return list(names)


def _read_parquet(content: bytes, name: str, form: Form) -> SourceTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return _number_rows(pq.read_table(pa.BufferReader(content)), name, form)


def _read_arrow(content: bytes, name: str, form: Form) -> SourceTable:
    import pyarrow as pa
    from pyarrow import feather, ipc

    try:
        table = feather.read_table(pa.BufferReader(content))
    except pa.ArrowInvalid:  # the form of streams has no mark at its start
        with ipc.open_stream(pa.BufferReader(content)) as reader:
            table = reader.read_all()
    return _number_rows(table, name, form)


def _number_rows(table: pa.Table, name: str, form: Form) -> SourceTable:
    columns = table.rename_columns(_make_distinct(table.column_names))
    return SourceTable(name, columns, np.arange(1, len(table) + 1), form)


def _read_json_lines(content: bytes, name: str, form: Form) -> SourceTable:
    text = decode_text(content, name, form.encoding)
    rows: list[dict[str, Any]] = []
    numbers, faults = [], Faults()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            faults.add(f"{name}, line {number}: not JSON: {getattr(error, 'msg', error)}")
            continue
        if not isinstance(row, dict):
            faults.add(f"{name}, line {number}: found {quote(row)}, expected an object with a value for each column")
            continue
        rows.append(row)
        numbers.append(number)
    faults.raise_any(TableError)
    columns = {key: None for row in rows for key in row}
    table = _to_arrow({key: [row.get(key) for row in rows] for key in columns})
    distinct = table.rename_columns(_make_distinct(table.column_names))
    return SourceTable(name, distinct, np.array(numbers, dtype=np.int64), form)


def _read_excel(content: bytes, name: str, form: Form) -> SourceTable:
    if missing := explain_missing(f"the Excel file {name}", "openpyxl"):
        raise TableError(f"{missing}, or save the sheet as CSV")
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise TextFileError(f"{name} cannot be read as an Excel file: {cut(str(error), LONGEST_REASON)}") from error
    if form.sheet is not None and form.sheet not in book.sheetnames:
        raise TableError(f"{name}: found no sheet {quote(form.sheet)}, expected one of {', '.join(book.sheetnames)}")
    sheet = book[form.sheet] if form.sheet else book.worksheets[0]
    rows = [(number, row) for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)]
    book.close()
    rows = [(number, row) for number, row in rows if any(value not in (None, "") for value in row)]
    if not rows:
        raise TableError(f"{name}: sheet {quote(sheet.title)} is empty")
    header = ["" if value is None else str(value) for value in rows[0][1]]
    names = _make_distinct(header)
    numbers = np.array([number for number, _ in rows[1:]], dtype=np.int64)
    table = _to_arrow({key: [row[place] for _, row in rows[1:]] for place, key in enumerate(names)})
    others = [other for other in book.sheetnames if other != sheet.title]
    notes = (f"{name}: sheet {quote(sheet.title)} was read; there are also {', '.join(others)}",) if others else ()
    return SourceTable(name, table, numbers, replace(form, sheet=sheet.title), notes)


def _to_arrow(columns: Mapping[str, list[Any]]) -> pa.Table:
    """Make a table of Python values; a column of several types becomes text."""
    import pyarrow as pa

    arrays = []
    for values in columns.values():
        try:
            arrays.append(pa.array(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays.append(pa.array([None if value is None else _to_text(value) for value in values], pa.string()))
    return pa.table(arrays, names=list(columns))


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _name_columns(table: SourceTable, taken: frozenset[str]) -> SourceTable:
    """Give columns that are named like those of the audit another name."""
    names = [f"{name}_" if name in taken else name for name in table.columns.column_names]
    if (repeated := find_repeated(names)) is not None:
        raise TableError(f"{table.name}: two columns would be named {quote(repeated)}: rename one of them")
    notes = [
        f"{table.name}: column {quote(old)} is read as {quote(new)}: the audit has a column of that name"
        for old, new in zip(table.columns.column_names, names, strict=True)
        if old != new
    ]
    return replace(table, columns=table.columns.rename_columns(names), notes=(*table.notes, *notes))


_READERS: Mapping[str, Callable[[bytes, str, Form], SourceTable]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".tab": _read_delimited,
    ".txt": _read_delimited,
    ".parquet": _read_parquet,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".feather": _read_arrow,
    ".arrow": _read_arrow,
    ".xlsx": _read_excel,
}
