"""What the loaders share: fields and row ids of text files, label and number columns, and the error for bad lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.text_files import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


LABEL_SEPARATOR = "|"
"""What stands between the class names of a label that names several."""


class SourceFormatError(UnreadableInputError):
    """A line of a source file is not in the file's format; the message names file, line, what came and what should."""


def row_ids(file: str, lines: Iterable[int]) -> list[str]:
    """Return ``<file>:<line>`` for each line number, counted from 1."""
    return [f"{file}:{line}" for line in lines]


def label_column(labels: Iterable[str | None], class_names: Sequence[str]) -> pd.Series:
    """Return labels as a column that keeps every value, so that a check of the label domain can name the wrong ones.

    Args:
        labels: one label per row; None where the source has none.
        class_names: the values that a label may take.

    Returns:
        A categorical column with exactly ``class_names`` as categories when every label is one of them, else an
        object column with the labels. Both compare in NFC.
    """
    given = list(labels)
    names = {label: label if label is None else to_nfc(label) for label in set(given)}
    column = pd.Series([names[label] for label in given], dtype=object)
    if column.isin(list(class_names)).all():
        return column.astype(pd.CategoricalDtype(list(class_names)))
    return column


def read_fields(
    path: Path,
    names: Sequence[str],
    *,
    separator: str = ",",
    has_header: bool = False,
    comment: str = "",
    encoding: str | None = "utf-8",
) -> pd.DataFrame:
    """Read a text file of separated fields as it is: every line is a row, every field stays text.

    Args:
        path: the file; unpacked on the fly when its name ends in ``.gz``. Line ends may be LF or CRLF.
        names: the name of each field, in order.
        separator: what stands between two fields; there is no quoting.
        has_header: whether the first line holds the names.
        comment: what a line begins with that is none of the table, as a blank line is none then; such lines are only
            counted, and white space around fields is taken off.
        encoding: that of a file without byte order mark, see ``read_lines``.

    Returns:
        Table with ``row_id`` (``<file>:<line>``) and the fields under their names, as text.

    Raises:
        SourceFormatError: a line does not have a field for each name, or the header has other names.
        TextFileError: the file is of another encoding.
    """
    lines = read_lines(path, encoding)
    header = separator.join(names)
    if has_header and lines[:1] != [header]:
        raise SourceFormatError(f"{path.name}, line 1: found {''.join(lines[:1])!r}, expected the header {header!r}")
    first = 2 if has_header else 1
    numbered = list(enumerate(lines, start=1))[first - 1 :]
    if comment:
        numbered = [(number, line) for number, line in numbered if line.strip() and not line.startswith(comment)]
    table = make_field_table(path.name, [(number, line.split(separator)) for number, line in numbered], names)
    if comment:
        table[list(names)] = table[list(names)].apply(lambda column: column.str.strip())
    return table


def make_field_table(file: str, records: Sequence[tuple[int, Sequence[str]]], names: Sequence[str]) -> pd.DataFrame:
    """Return the fields of numbered lines of a file as a table, see ``read_fields``.

    Raises:
        SourceFormatError: a line does not have a field for each name.
    """
    for number, record in records:
        if len(record) != len(names):
            raise SourceFormatError(f"{file}, line {number}: found {len(record)} fields, expected {len(names)}")
    table = pd.DataFrame([record for _, record in records], columns=list(names), dtype=object)
    table.insert(0, "row_id", row_ids(file, [number for number, _ in records]))
    return table


def parse_numbers(fields: pd.DataFrame, column: str, *, is_integer: bool = False) -> np.ndarray:
    """Return a text column of ``read_fields`` as float64, or as int64, of shape (n_rows,).

    Raises:
        SourceFormatError: a value is no finite number, or no whole number where one is expected.
    """
    if not is_integer:
        values = parse_number_columns(fields, [column])[:, 0]
        if (is_missing := np.isnan(values)).any():
            row_id = fields["row_id"][is_missing].iloc[0]
            raise SourceFormatError(f"{row_id}, column {column}: found None, expected a number")
        return values
    numbers = []
    for row_id, text in zip(fields["row_id"], fields[column], strict=True):
        try:
            numbers.append(int(text))
        except (TypeError, ValueError) as error:
            raise SourceFormatError(f"{row_id}, column {column}: found {text!r}, expected a whole number") from error
    return np.array(numbers, dtype=np.int64)


def parse_number_columns(fields: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return text columns as float64 of shape (n_rows, n_columns), NaN where a field is None.

    Raises:
        SourceFormatError: a value is no finite number.
    """
    texts = fields[list(columns)].to_numpy(dtype=object)
    numbers = _to_floats(texts)
    is_wrong = ~np.isfinite(numbers)
    is_wrong[is_wrong] = pd.notna(texts[is_wrong])
    if is_wrong.any():
        row, place = np.argwhere(is_wrong)[0]
        raise SourceFormatError(
            f"{fields['row_id'].iloc[row]}, column {columns[place]}: found {texts[row, place]!r}, expected a number"
        )
    return numbers


def _to_floats(texts: np.ndarray) -> np.ndarray:
    """Return texts as float64, NaN where one is None or no number."""
    import pyarrow as pa

    try:  # reads what people write, as exactly as Python and in half the time, but not all that Python's float reads
        numbers = pa.array(texts.ravel(), type=pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        numbers = np.array([_to_float(text) for text in texts.ravel()], dtype=np.float64)
    return np.asarray(numbers).reshape(texts.shape)


def _to_float(text: str | None) -> float:
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan


def parse_codes(fields: pd.DataFrame, column: str) -> pd.Categorical:
    """Return a text column of ``read_fields`` that holds whole numbers as categories named by them, in their order.

    Raises:
        SourceFormatError: a value is no whole number.
    """
    codes = parse_numbers(fields, column, is_integer=True)
    return pd.Categorical(codes.astype(str), categories=[str(code) for code in np.unique(codes)])


def label_set_column(indicators: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Return one text per row of the classes that it names, in class order; empty where it names none.

    Args:
        indicators: which classes each row names, shape (n_rows, n_classes).
        class_names: the classes, in the order of the columns.
    """
    return [
        LABEL_SEPARATOR.join(name for name, is_named in zip(class_names, row, strict=True) if is_named)
        for row in indicators.tolist()
    ]
