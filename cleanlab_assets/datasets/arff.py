"""ARFF, the text format of Weka and Mulan: a header that names the attributes, then a line of fields for each row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.source_tables import SourceFormatError, make_field_table
from cleanlab_assets.datasets.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

_ATTRIBUTE = re.compile(r"""@attribute\s+(?:'([^']*)'|"([^"]*)"|(\S+))\s+\S""", flags=re.IGNORECASE)
_INDICATORS = {"0": False, "1": True, "FALSE": False, "TRUE": True}


def read_arff(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Read a dense ARFF file as it is: every line of data is a row, every field stays text, without quotes around it.

    Args:
        path: the file; blank lines and comments (``%``) are passed over. Fields hold no comma.
        names: the attributes that the header must name, in order.

    Returns:
        Table with ``row_id`` (``<file>:<line>``) and the fields under their names, as text.

    Raises:
        SourceFormatError: the header names other attributes, there is no ``@data`` line, or a line of data does not
            have a field for each attribute.
    """
    found, records, in_data = [], [], False
    with open_text(path, "utf-8") as stream:
        for number, text in enumerate(stream, start=1):
            line = text.strip()
            if not line or line.startswith("%"):
                continue
            if in_data:
                records.append((number, [field.strip().strip("'\"") for field in line.split(",")]))
            elif attribute := _ATTRIBUTE.match(line):
                found.append(next(name for name in attribute.groups() if name is not None))
            elif line.lower() == "@data":
                in_data = True
                _require_attributes(path, number, found, names)
    if not in_data:
        raise SourceFormatError(f"{path.name}: found no line @data, expected one after the attributes")
    return make_field_table(path.name, records, names)


def _require_attributes(path: Path, line: int, found: Sequence[str], names: Sequence[str]) -> None:
    if len(found) != len(names):
        raise SourceFormatError(
            f"{path.name}, line {line}: the header names {len(found)} attributes, expected {len(names)}"
        )
    for position, (name, expected) in enumerate(zip(found, names, strict=True), start=1):
        if name != expected:
            raise SourceFormatError(f"{path.name}: attribute {position} is {name!r}, expected {expected!r}")


def parse_indicators(fields: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return text columns that say yes or no as bool of shape (n_rows, n_columns).

    A file writes either ``0`` and ``1``, or ``FALSE`` and ``TRUE``, in all of these columns.

    Raises:
        SourceFormatError: a field is something else, or the two ways of writing are mixed.
    """
    indicators = np.empty((len(fields), len(columns)), dtype=bool)
    writes_numbers = bool(len(fields)) and fields[columns[0]].iloc[0] in ("0", "1")
    allowed = ("0", "1") if writes_numbers else ("FALSE", "TRUE")
    for position, column in enumerate(columns):
        for row, text in enumerate(fields[column]):
            if text not in allowed:
                expected = "0 or 1, or FALSE or TRUE, the same way in the whole file"
                raise SourceFormatError(
                    f"{fields['row_id'].iloc[row]}, column {column}: found {text!r}, expected {expected}"
                )
            indicators[row, position] = _INDICATORS[text]
    return indicators
