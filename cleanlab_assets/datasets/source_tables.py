"""What the loaders share: row ids that point at lines, label columns, and the error for a line of another format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class SourceFormatError(ValueError):
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
        object column with the labels as they came.
    """
    column = pd.Series(list(labels), dtype=object)
    if column.isin(list(class_names)).all():
        return column.astype(pd.CategoricalDtype(list(class_names)))
    return column
