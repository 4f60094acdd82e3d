"""Columns of a source table as values of a kind, and what had to be left out to make them so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from cleanlab_assets.datasets.dataset import ColumnKind

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "NaT", "?", "-")
"""Texts that stand for a missing value, unless a description says others."""
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"(?i)^[+-]?inf(inity)?$"
"""What programs write for a number beyond all bounds: a measurement has no such value."""
NUMBER_MARKS = ("$", "€", "£", "¥", "%")
"""What may stand before or behind each number of a column of texts."""
GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
DECIMAL_COMMA = r"^[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+$|^[+-]?\d+$"


def to_texts(column: pa.ChunkedArray, missing: Collection[str] = MISSING) -> pa.ChunkedArray:
    """Return a column as texts without white space around them, null where a value is missing.

    Whole numbers of a column with gaps, which other programs store as fractions, come without a fraction.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if holds_pictures(column):
        sizes = pc.binary_length(_take_contents(column))
        return pc.binary_join_element_wise(pc.cast(sizes, pa.string()), pa.scalar("bytes"), " ")
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        finite = pc.fill_null(column, 0)
        if (
            pc.all(pc.and_(pc.is_finite(finite), pc.equal(pc.floor(finite), finite))).as_py()
            and pc.max(pc.abs(finite)).as_py() < 2**53
        ):
            column = pc.cast(column, pa.int64())
    if pa.types.is_boolean(kind):
        column = pc.if_else(column, "True", "False")
    if pa.types.is_nested(kind):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(
        pc.is_in(texts, value_set=pa.array(list(missing), pa.string())), pa.scalar(None, pa.string()), texts
    )


def has_numbers(column: pa.ChunkedArray) -> bool:
    """Whether the file itself says that a column holds numbers."""
    import pyarrow as pa

    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def has_times(column: pa.ChunkedArray) -> bool:
    """Whether the file itself says that a column holds dates or times."""
    import pyarrow as pa

    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def strip_mark(texts: pa.ChunkedArray, mark: str) -> pa.ChunkedArray:
    """Return texts without a mark before or behind their numbers: 5 of $5, +$5 and 5 $."""
    import pyarrow.compute as pc

    escaped = re.escape(mark)
    texts = pc.replace_substring_regex(texts, rf"^([+-]?)\s*{escaped}\s*", r"\1")
    return pc.replace_substring_regex(texts, rf"\s*{escaped}$", "")


def find_numbers(texts: pa.ChunkedArray, decimal: str, mark: str = "") -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return texts with a point before the fraction of a number, and which of them are numbers, bool.

    Args:
        texts: of any content, null where a value is missing.
        decimal: what stands before a fraction: a point, or a comma with points between thousands.
        mark: what stands before or behind the numbers, such as $ or %; there may be commas between thousands then.
    """
    import pyarrow.compute as pc

    if mark:
        texts = strip_mark(texts, mark)
    if decimal == ",":
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
    elif mark:
        is_grouped = pc.match_substring_regex(texts, GROUPED)
        texts = pc.if_else(is_grouped, pc.replace_substring(texts, ",", ""), texts)
    return texts, pc.match_substring_regex(texts, NUMBER)


def parse_numbers(
    column: pa.ChunkedArray,
    name: str,
    row_ids: Sequence[str],
    *,
    decimal: str = ".",
    mark: str = "",
    missing: Collection[str] = MISSING,
) -> tuple[pd.Series, str]:
    """Read a column of numbers; what is no number, and what is infinite, counts as missing.

    Args:
        column: the column as its file has it.
        name: its name, for the note.
        row_ids: of its rows, for the note.
        decimal: what stands before a fraction: a point, or a comma with points between thousands.
        mark: what stands before or behind the numbers of a column of texts, such as $ or %.
        missing: texts that stand for a missing value.

    Returns:
        The values, and a note of what is unreadable with the first of its lines; empty where all is well.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if has_numbers(column) or pa.types.is_boolean(column.type):
        numbers = pc.cast(column, pa.float64()).to_numpy().astype(np.float64)
        is_wrong = np.isinf(numbers)
        texts = column
    else:
        texts = to_texts(column, missing)
        plain, is_number = find_numbers(texts, decimal, mark)
        read = pc.if_else(is_number, plain, pa.scalar(None, pa.string()))
        numbers = pc.cast(read, pa.float64()).to_numpy().astype(np.float64)
        is_wrong = pc.fill_null(pc.invert(is_number), fill_value=False).to_numpy() | np.isinf(numbers)
    numbers = np.where(is_wrong, np.nan, numbers)
    note = _tell_unreadable(texts, is_wrong, name, row_ids, "no finite number")
    return pd.Series(numbers, name=name), note


def parse_times(
    column: pa.ChunkedArray,
    name: str,
    row_ids: Sequence[str],
    *,
    date_format: str | None = None,
    missing: Collection[str] = MISSING,
) -> tuple[pd.Series, str]:
    """Read a column of dates or times; see ``parse_numbers``.

    Times with a zone are taken to UTC. The format of texts is that which fits most of the values, if none is given.
    """
    if has_times(column):
        times = pd.Series(column.to_pandas(date_as_object=False), name=name)
        texts, is_wrong = column, np.zeros(len(column), dtype=bool)
    else:
        texts = to_texts(column, missing)
        as_text = pd.Series(texts.to_pandas(), name=name)
        if date_format is None:
            found = find_date_format(as_text)
            date_format = None if found is None else found.text
        times = pd.to_datetime(as_text, format=date_format, errors="coerce", utc=True)
        is_wrong = (times.isna() & as_text.notna()).to_numpy()
    if times.dt.tz is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    note = _tell_unreadable(texts, is_wrong, name, row_ids, "no date or time of the column's format")
    return times.astype("datetime64[us]"), note


class DateFormat(NamedTuple):
    """How a column of texts writes dates and times, such as ``%d/%m/%Y``.

    Attributes:
        text: the format.
        other: the same with day and month in the other order, where it reads the values just as well.
    """

    text: str
    other: str | None = None


def find_date_format(texts: pd.Series) -> DateFormat | None:
    """Return the format of a column's dates and times; None where there is none.

    Where day and month can be read in either order, month comes first (1/31/2024), but after a point (31.1.2024).
    """
    from skrub import ToDatetime
    from skrub.core import RejectColumn

    distinct = texts.dropna().drop_duplicates()
    try:
        found = str(ToDatetime().fit(distinct).format_)
    except RejectColumn:
        return None
    match = re.match(r"%(m|d)(\W)%(m|d)\W", found)
    if match is None:
        return DateFormat(found)
    first, mark, second = match.groups()
    other = f"%{second}{mark}%{first}{found[match.end() - 1 :]}"
    is_read, is_read_so = (pd.to_datetime(distinct, format=way, errors="coerce").notna() for way in (found, other))
    if is_read.sum() != is_read_so.sum():
        return DateFormat(found)
    return DateFormat(other, found) if mark == "." and first == "m" else DateFormat(found, other)


def holds_pictures(column: pa.ChunkedArray) -> bool:
    """Whether a column holds the content of files, as bytes or, as datasets of Hugging Face do, in a field of bytes."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_struct(kind):
        kind = kind.field("bytes").type if kind.get_field_index("bytes") >= 0 else None
    return kind is not None and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def read_contents(column: pa.ChunkedArray) -> list[bytes | None]:
    """Return the content of the files that a column holds, see ``holds_pictures``."""
    contents: list[bytes | None] = _take_contents(column).to_pylist()
    return contents


def _take_contents(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column


def parse_texts(column: pa.ChunkedArray, name: str, *, missing: Collection[str] = MISSING) -> pd.Series:
    """Read a column of names or texts, None where one is missing; see ``parse_numbers``."""
    return pd.Series(to_texts(column, missing).to_pylist(), name=name, dtype=object)


def parse_column(
    column: pa.ChunkedArray,
    name: str,
    kind: ColumnKind,
    row_ids: Sequence[str],
    *,
    decimal: str = ".",
    mark: str = "",
    date_format: str | None = None,
    missing: Collection[str] = MISSING,
) -> tuple[pd.Series, str]:
    """Read a column as values of a kind, see ``parse_numbers`` and ``parse_times``."""
    if kind in ("numeric", "binary"):
        return parse_numbers(column, name, row_ids, decimal=decimal, mark=mark, missing=missing)
    if kind == "date":
        return parse_times(column, name, row_ids, date_format=date_format, missing=missing)
    return parse_texts(column, name, missing=missing), ""


def _tell_unreadable(texts: pa.ChunkedArray, is_wrong: np.ndarray, name: str, row_ids: Sequence[str], what: str) -> str:
    if not is_wrong.any():
        return ""
    first = int(is_wrong.argmax())
    return (
        f"column {quote(name)}: {is_wrong.sum():,} of {len(is_wrong):,} values are {what} and count as missing; "
        f"the first is {quote(texts[first].as_py())} in {row_ids[first]}"
    )
