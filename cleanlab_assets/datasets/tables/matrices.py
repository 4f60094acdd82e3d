"""Numbers of the rows of a table that stand in a file of their own: predictions, or features such as embeddings."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.headers import find_repeated
from cleanlab_assets.datasets.tables.columns import parse_numbers, parse_texts
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.files import SourceTable, read_source_table, suffix_of
from cleanlab_assets.datasets.text_files import TextFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ARRAY_ENDINGS = (".npy", ".npz")
LONGEST_REASON = 200


@dataclass(frozen=True)
class Matrix:
    """Numbers of the rows of a table, as they were given: predictions, or features such as embeddings.

    Attributes:
        name: of the file, for messages.
        numbers: float64 of shape (n_rows, n_columns).
        columns: names of the columns, None where they have none.
        ids: the user's own name of each row, None where rows come in the order of the table.
        places: what a row is called in messages, by its position.
    """

    name: str
    numbers: np.ndarray
    columns: tuple[str, ...] | None
    ids: pd.Series | None
    places: Sequence[str] | None = None

    def place_of(self, row: int) -> str:
        """Return what a row is called in messages."""
        return f"{self.name}, row {row + 1}" if self.places is None else self.places[row]

    def name_column(self, column: int) -> str:
        """Return what a column is called in messages."""
        return f"column {column + 1 if self.columns is None else quote(self.columns[column])}"


def name_feature_columns(n_columns: int) -> tuple[str, ...]:
    """Return the columns of the raw table that hold features from a file of their own."""
    return tuple(f"feature_{number}" for number in range(1, n_columns + 1))


def read_matrix(path: Path, *, id_column: str | None = None) -> Matrix:
    """Read numbers of rows from an array of NumPy, or from a table whose columns are all numbers.

    Args:
        path: ``.npy``, ``.npz`` with one array, or any file of a table.
        id_column: column of a table that names the rows; None where they come in the order of the table that they
            belong to.

    Raises:
        TableError: the file holds no such array or table, or what is no finite number.
        TextFileError: the file cannot be read.
    """
    if suffix_of(path.name) not in ARRAY_ENDINGS:
        return take_table(read_source_table(path), id_column)
    if id_column is not None:
        raise TableError(f"{path.name}: an array has no column {quote(id_column)}: give a table, or leave the id out")
    return take_array(_read_array(path), path.name)


def take_array(values: np.ndarray, name: str, places: Sequence[str] | None = None) -> Matrix:
    """Take an array of shape (n_rows, n_columns), or (n_rows,) for one column, in the order of the rows.

    Args:
        values: the array.
        name: of the file.
        places: what each row is called in messages; its number if absent.

    Raises:
        TableError: the array has another shape, or holds what is no finite number.
    """
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiub" or 0 in values.shape:
        raise TableError(
            f"{name}: found an array of {values.dtype} of shape {values.shape}, expected numbers of shape "
            "(rows, columns)"
        )
    found = Matrix(name, values.reshape(len(values), -1).astype(np.float64), None, None, places)
    is_wrong = ~np.isfinite(found.numbers)
    if is_wrong.any():
        row, column = map(int, np.argwhere(is_wrong)[0])
        raise TableError(
            f"{found.place_of(row)}, {found.name_column(column)}: found {found.numbers[row, column]}, expected a "
            f"finite number; so it is in {is_wrong.any(axis=1).sum():,} rows"
        )
    return found


def take_table(source: SourceTable, id_column: str | None = None) -> Matrix:
    """Take a table; see ``read_matrix``."""
    names = source.columns.column_names
    if id_column is not None and id_column not in names:
        raise TableError(f"{source.name}: found no column {quote(id_column)}, the id: it has {', '.join(names[:20])}")
    columns = tuple(name for name in names if name != id_column)
    values, faults = [], Faults()
    for name in columns:
        numbers, _ = parse_numbers(source.columns[name], name, source.row_ids)
        values.append(numbers.to_numpy())
        is_wrong = ~np.isfinite(values[-1])
        if is_wrong.any():
            row = int(is_wrong.argmax())
            faults.add(
                f"{source.row_ids[row]}, column {quote(name)}: found {quote(source.columns[name][row].as_py())}, "
                f"expected a finite number; so it is in {is_wrong.sum():,} rows"
            )
    faults.raise_any(TableError)
    ids = None if id_column is None else parse_texts(source.columns[id_column], id_column)
    return Matrix(source.name, np.column_stack(values), columns, ids, source.row_ids)


def align(given: Matrix, ids: pd.Series | None, n_rows: int, table: str) -> tuple[Matrix, str]:
    """Put numbers into the order of the rows of a table.

    Args:
        given: with ``ids`` or in the order of the rows.
        ids: the user's own name of each row of the table, if it has some.
        n_rows: rows of the table.
        table: what the table is called in messages.

    Returns:
        The numbers, and a note of those that belong to no row.

    Raises:
        TableError: there are more or fewer than rows, an id stands twice, or a row is absent.
    """
    if given.ids is None:
        if len(given.numbers) != n_rows:
            raise TableError(
                f"{given.name}: found {len(given.numbers):,} rows, expected {n_rows:,}, as many as {table} "
                "has: give them in its order, or with a column that is its id"
            )
        return given, ""
    if ids is None:
        raise TableError(f"{given.name} has ids, but {table} has no column of the role id")
    faults = Faults()
    for found, name in ((given.ids, given.name), (ids, table)):
        if (repeated := find_repeated(found.dropna().tolist())) is not None:
            faults.add(f"{name}: the id {quote(repeated)} stands there twice")
    places = pd.Series(range(len(given.ids)), index=given.ids)
    if not faults:
        order = places.reindex(ids)
        absent = order.isna().to_numpy()
        if absent.any():
            first = quote(ids.iloc[int(absent.argmax())])
            faults.add(f"{given.name}: {absent.sum():,} rows of {table} are absent, the first is {first}")
    faults.raise_any(TableError)
    chosen = order.to_numpy(dtype=np.int64)
    n_surplus = len(places) - len(chosen)
    note = f"{given.name}: {n_surplus:,} rows belong to no row of {table}: left out" if n_surplus else ""
    named = None if given.places is None else [given.places[place] for place in chosen.tolist()]
    return Matrix(given.name, given.numbers[chosen], given.columns, ids, named), note


def _read_array(path: Path) -> np.ndarray:
    found = read_arrays(path)
    if len(found) != 1:
        raise TableError(f"{path.name}: found {len(found)} arrays, expected one: {', '.join(found)}")
    return next(iter(found.values()))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` by their names, in the order of the file, or the one of an ``.npy``.

    Raises:
        TextFileError: the file cannot be read, or holds something else than arrays of numbers.
    """
    try:
        with path.open("rb") as stream:
            found = np.load(stream, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {path.name: found}
            return {name: found[name] for name in found.files}
    except OSError as error:
        raise TextFileError(f"{path.name} cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:  # no array, one of objects, one that is cut
        raise TextFileError(f"{path.name} is no array of numbers: {cut(str(error), LONGEST_REASON)}") from error
