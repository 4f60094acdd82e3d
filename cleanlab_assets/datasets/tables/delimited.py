"""Delimited text: how its fields are separated and quoted, and its records with the lines that they stand in."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.text_files import LONGEST_CSV_FIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
"""What may stand between two fields, and its name."""
RECORDS_LOOKED_AT = 200
LEAST_SHARE = 0.8
"""Share of the records that must have as many fields as the header for a delimiter to be believed."""
MOST_BLOCK_BYTES = 2**31 - 1
_STATED_DELIMITER = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
"""The first line by which Excel is told what stands between fields."""


class TableError(UnreadableInputError):
    """A file that holds no table, or columns that are not what they should be; one line for each error."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How fields are separated.

    Attributes:
        delimiter: one character between two fields.
        quote: one character around a field that holds a delimiter, a quote or a line end.
        escape: what stands before a quote within quotes; None where it is doubled.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None


@dataclass(frozen=True)
class Records:
    """The records of a text below its header.

    Attributes:
        header: names as the first record has them.
        fields: the fields as texts, one column for each name, by position.
        lines: line in which each record begins, counted from 1, int64 of shape (n_records,).
        blank_lines: lines without any value, which are no records.
    """

    header: list[str]
    fields: pa.Table
    lines: np.ndarray
    blank_lines: list[int]


def find_dialect(text: str) -> Dialect:
    """Find out how the fields of a text are separated: as many records as possible have as many fields as the header.

    Args:
        text: the beginning of the text; its last line may be cut.

    Returns:
        The dialect with the largest share of records that fit the header, then with the most fields, then with the most
        records, then the most usual one. A text that no delimiter divides alike has one column. A first line such as
        ``sep=;`` says the delimiter; it is no record.
    """
    if (stated := _STATED_DELIMITER.match(text)) is not None:
        return Dialect(delimiter=stated[1])
    quotes = ['"', "'"] if text.lstrip().startswith("'") else ['"']
    escapes = [None, "\\"] if '\\"' in text or "\\'" in text else [None]
    best, best_score = Dialect(), (0.0, 1, 0)
    for delimiter, mark, escape in product(DELIMITERS, quotes, escapes):
        dialect = Dialect(delimiter=delimiter, quote=mark, escape=escape)
        lengths = _count_fields(text, dialect)
        share = float(np.mean([length == lengths[0] for length in lengths])) if lengths else 0.0
        # A quote that only another delimiter makes one of an opened field swallows all records behind it.
        score = (share, lengths[0], len(lengths)) if lengths else best_score
        if lengths and lengths[0] > 1 and share >= LEAST_SHARE and score > best_score:
            best, best_score = dialect, score
    return best


def read_header(text: str, dialect: Dialect) -> list[str]:
    """Return the names of the columns of a text, of which the beginning is enough; empty where it has none."""
    return _split_header(text, dialect)[0]


def read_records(text: str, name: str, dialect: Dialect) -> Records:
    """Read the records of a text.

    Args:
        text: the whole text.
        name: of the file, for messages.
        dialect: how its fields are separated.

    Raises:
        TableError: there is no header, or records have more or fewer fields than the header, each named by its line.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    header, n_header_lines, below = _split_header(text, dialect)
    if not any(field.strip() for field in header):
        raise TableError(f"{name}: found no header, expected the names of the columns in the first line")
    content = below.encode("utf-8")
    wrong: list[tuple[int, int]] = []
    names = [str(number) for number in range(len(header))]

    def note_wrong(row: arrow_csv.InvalidRow) -> str:
        wrong.append((row.number, row.actual_columns))
        return "skip"

    fields = pa.table({number: pa.array([], pa.string()) for number in names})
    if content.strip():
        fields = arrow_csv.read_csv(
            pa.BufferReader(content),
            arrow_csv.ReadOptions(
                # One thread, so that rows have numbers; one block, since no record may be larger than one.
                use_threads=False,
                column_names=names,
                block_size=min(len(content), MOST_BLOCK_BYTES),
            ),
            arrow_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote,
                double_quote=dialect.escape is None,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=note_wrong,
            ),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    n_inner_lines = np.zeros(len(fields), dtype=np.int64)
    is_blank = np.ones(len(fields), dtype=bool)
    for column in fields.columns:
        n_inner_lines += pc.count_substring(column, "\n").to_numpy()
        is_blank &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False)
    if n_inner_lines.any() and text.count(dialect.quote) % 2 and dialect.escape is None:
        line = n_header_lines + 1 + int(n_inner_lines[: n_inner_lines.argmax()].sum()) + int(n_inner_lines.argmax())
        raise TableError(
            f"{name}, line {line}: a quote is opened and never closed: close it, or double the quotes within fields"
        )
    lines = n_header_lines + 1 + np.arange(len(fields)) + np.cumsum(n_inner_lines) - n_inner_lines
    if wrong:
        _refuse_ragged(wrong, n_inner_lines, name, n_header_lines, len(header))
    return Records(header, fields.filter(pa.array(~is_blank)), lines[~is_blank], lines[is_blank].tolist())


def _count_fields(text: str, dialect: Dialect) -> list[int]:
    reader = _make_reader(text, dialect)
    try:
        records = list(islice(reader, RECORDS_LOOKED_AT + 1))
    except csv.Error:
        return []
    if reader.line_num >= text.count("\n"):  # the last line may be cut
        records = records[:-1] or records
    return [len(record) for record in records if record]


def _make_reader(text: str, dialect: Dialect) -> Any:
    csv.field_size_limit(LONGEST_CSV_FIELD)
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        doublequote=dialect.escape is None,
    )


def _split_header(text: str, dialect: Dialect) -> tuple[list[str], int, str]:
    """Return the fields of the header, how many lines it takes with those before it, and the text below."""
    stated = _STATED_DELIMITER.match(text)
    n_before = 0 if stated is None else 1
    text = text if stated is None else text[stated.end() :]
    reader = _make_reader(text, dialect)
    header: list[str] = next((record for record in reader if any(field.strip() for field in record)), [])
    stream = io.StringIO(text, newline="")
    for _ in range(reader.line_num):
        stream.readline()
    return header, n_before + reader.line_num, stream.read()


def _refuse_ragged(
    wrong: Sequence[tuple[int, int]], n_inner_lines: np.ndarray, name: str, n_header_lines: int, n_columns: int
) -> None:
    """Refuse records of another length, each by its line; ``wrong`` has their numbers, from 1, and lengths."""
    numbers = np.array([number for number, _ in wrong])
    kept = np.delete(np.arange(1, len(n_inner_lines) + len(numbers) + 1), numbers - 1)
    before = np.concatenate([[0], np.cumsum(n_inner_lines)])[np.searchsorted(kept, numbers)]
    faults = Faults()
    for (number, length), n_inner in zip(wrong, before.tolist(), strict=True):
        line = n_header_lines + number + n_inner
        faults.add(f"{name}, line {line}: found {length} fields, expected {n_columns}, as many as the header has")
    faults.raise_any(TableError)


def name_delimiter(delimiter: str) -> str:
    """Return the name of a delimiter in words."""
    return DELIMITERS.get(delimiter, quote(delimiter))
