"""What a column of a source table looks like: the figures from which its kind is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.picture_files import PICTURE_SUFFIXES
from cleanlab_assets.datasets.tables.columns import (
    DECIMAL_COMMA,
    INFINITE,
    MISSING,
    NUMBER,
    NUMBER_MARKS,
    DateFormat,
    find_date_format,
    find_numbers,
    has_numbers,
    has_times,
    holds_pictures,
    strip_mark,
    to_texts,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

MOST_SHARE = 0.95
"""Share of the values of a column that must be of a kind for the others to count as missing."""
LEAST_SHARE_OF_PICTURES = 0.5
"""Share of the values that must be names of pictures for the others to be faults."""
SAMPLE_OF_MARKS = 1000
"""Values of a column by which it is told whether a mark stands with its numbers."""
SAMPLE_OF_TIMES = 1000
"""Values of a column by which it is told whether they are dates."""
_NAME_OF_PICTURE = rf"(?i)\.({'|'.join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))})$"
_GROUPED_ALONE = r"^[+-]?\d{1,3}(,\d{3})*$"
"""A number whose commas may stand between thousands, as of $1,234."""
_LEADING_ZERO = r"^0\d"
_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_HINT_OF_TIME = rf"\d[-/.:]\d|\b{_MONTH}[., -]*\d|\d[., -]*{_MONTH}\b"
_DAY_NUMBER = r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """Figures of a column.

    Attributes:
        name: its name.
        n_rows: rows of the table.
        n_missing: rows without a value.
        n_distinct: different values.
        number_share: share of the values that are numbers, from 0 to 1.
        mark: what stands before or behind these numbers, such as $ or %; empty without one.
        is_whole: whether all of these are whole numbers.
        is_counter: whether the values are whole numbers that grow by one from row to row.
        is_flag: whether all values are 0 or 1, or true or false.
        has_leading_zeros: whether a number begins with a zero that a number would not have, as of a postal code.
        has_times: whether nearly all values are dates or times of one format.
        date_format: how they are written, where they are texts.
        is_nested: whether values are lists or records.
        has_pictures: whether most values are names of pictures, or the values are pictures.
        mean_words: words of a value.
        examples: the first different values.
    """

    name: str
    n_rows: int
    n_missing: int
    n_distinct: int
    number_share: float
    mark: str
    is_whole: bool
    is_counter: bool
    is_flag: bool
    has_leading_zeros: bool
    has_times: bool
    date_format: DateFormat | None
    is_nested: bool
    has_pictures: bool
    mean_words: float
    examples: tuple[str, ...]

    @property
    def n_values(self) -> int:
        """Rows with a value."""
        return self.n_rows - self.n_missing

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value, and no two have the same."""
        return self.n_missing == 0 and self.n_distinct == self.n_rows


def find_decimal(table: pa.Table, missing: Collection[str] = MISSING) -> str:
    """Return what stands before the fractions of the numbers of a text file: a point, or a comma."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in table.columns:
        if not pa.types.is_string(column.type):
            continue
        texts = to_texts(column, missing).drop_null()
        if len(texts) and pc.any(pc.match_substring(texts, ",")).as_py():
            if mark := _find_mark(texts):
                texts = strip_mark(texts, mark)
                if pc.all(pc.match_substring_regex(texts, _GROUPED_ALONE)).as_py():
                    continue
            if _share(pc.match_substring_regex(texts, DECIMAL_COMMA)) >= MOST_SHARE:
                return ","
    return "."


def profile_column(
    column: pa.ChunkedArray,
    name: str,
    *,
    decimal: str = ".",
    mark: str | None = None,
    missing: Collection[str] = MISSING,
) -> ColumnProfile:
    """Look at a column of a source table.

    Args:
        column: the column as its file has it.
        name: its name.
        decimal: what stands before a fraction in a text.
        mark: what stands before or behind the numbers of texts; it is found out if None.
        missing: texts that stand for a missing value.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = to_texts(column, missing).drop_null()
    n_values = len(texts)
    is_flag = pa.types.is_boolean(column.type)
    number_share, is_whole, numbers = float(has_numbers(column)), False, np.empty(0)
    if mark is None:
        mark = _find_mark(texts) if n_values else ""
    if n_values and not is_flag:
        plain, is_number = find_numbers(texts, decimal, mark)
        numbers = pc.cast(plain.filter(is_number), pa.float64()).to_numpy()
        is_infinite = pc.match_substring_regex(texts, INFINITE)
        number_share = (len(numbers) + pc.sum(is_infinite).as_py()) / n_values
        is_whole = bool(len(numbers) and (numbers == np.floor(numbers)).all())
        is_flag = number_share == 1 and is_whole and set(np.unique(numbers).tolist()) <= {0.0, 1.0}
    date_format = _find_date_format(texts) if n_values and not has_times(column) else None
    words = pc.count_substring_regex(texts, r"\S+")
    is_all_numbers = len(numbers) == len(column) > 1
    return ColumnProfile(
        name=name,
        n_rows=len(column),
        n_missing=len(column) - n_values,
        n_distinct=pc.count_distinct(texts).as_py(),
        number_share=number_share,
        mark=mark,
        is_whole=is_whole,
        is_counter=bool(is_all_numbers and is_whole and (np.diff(numbers) == 1).all()),
        is_flag=is_flag,
        has_leading_zeros=bool(n_values and pc.any(pc.match_substring_regex(texts, _LEADING_ZERO)).as_py()),
        has_times=has_times(column) or date_format is not None,
        date_format=date_format,
        has_pictures=holds_pictures(column)
        or bool(n_values and _share(pc.match_substring_regex(texts, _NAME_OF_PICTURE)) >= LEAST_SHARE_OF_PICTURES),
        is_nested=pa.types.is_nested(column.type),
        mean_words=pc.mean(words).as_py() or 0.0,
        examples=tuple(dict.fromkeys(texts.slice(0, SAMPLE_OF_TIMES).to_pylist()))[:3],
    )


def _find_mark(texts: pa.ChunkedArray) -> str:
    """Return the mark that nearly all values have, such as $ or %; empty where there is none."""
    import pyarrow.compute as pc

    sample = texts.slice(0, SAMPLE_OF_MARKS)
    for mark in NUMBER_MARKS:
        if _share(pc.not_equal(strip_mark(sample, mark), sample)) >= MOST_SHARE:
            return mark
    return ""


def _share(flags: pa.ChunkedArray) -> float:
    """Return the share of the true values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return float(pc.mean(pc.cast(flags, pa.float64())).as_py())


def _find_date_format(texts: pa.ChunkedArray) -> DateFormat | None:
    """Return the format of nearly all values, if they are dates or times; a sample tells whether to look at all."""
    import pyarrow.compute as pc

    sample = texts.slice(0, SAMPLE_OF_TIMES)
    if pc.all(pc.match_substring_regex(sample, _DAY_NUMBER)).as_py():
        return DateFormat("%Y%m%d")
    if _share(pc.match_substring_regex(sample, _HINT_OF_TIME)) < MOST_SHARE:
        return None
    if pc.all(pc.match_substring_regex(sample, NUMBER)).as_py():
        return None
    as_text = pd.Series(texts.to_pandas())
    found = find_date_format(as_text)
    if found is None:
        return None
    times = pd.to_datetime(as_text, format=found.text, errors="coerce", utc=True)
    return found if times.notna().mean() >= MOST_SHARE else None
