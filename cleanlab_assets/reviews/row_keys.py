"""Keys of rows that survive a refresh of the data: a decision about a row is found again wherever the row stands then.

A row id says file and line, so that a row put in at the top changes all of them. The key of a row is the user's own id
where there is one, else a hash of what a model sees of the row. The label is no part of it: a corrected label keeps the
key. Rows that are equal in all of this get an occurrence number behind their hash, in source order. Where a feature of
a row changes, or a feature column comes, goes or is renamed, the row gets another key: it is another row then.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import quote

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset

DIGEST_BYTES = 10
"""Bytes of a key's hash: of a million rows, two different ones share a key once in 2 million million datasets."""
_CELL_BYTES = 8


class RowKeys(NamedTuple):
    """The key of each row of a raw table, and what is to be told of how they were made."""

    keys: pd.Series[str]
    notes: tuple[str, ...]


def has_tokens(dataset: Dataset, raw: pd.DataFrame) -> bool:
    """Whether the rows of a raw table are the tokens of sentences."""
    return bool(dataset.parts) and {"sentence", "position"} <= set(raw.columns)


def name_row_keys(dataset: Dataset, raw: pd.DataFrame) -> RowKeys:
    """Return the key of each row of a raw table.

    - The rows of a panel have the key of their example: what is decided is decided of the example.
    - A token has the key of its sentence, a hash of its text, and its position.
    - An annotated image has a hash of its picture and its name.
    - Any other row has the user's own id, or a hash of its features.

    Args:
        dataset: catalogue entry of the table.
        raw: the raw table, in source order.

    Returns:
        Keys in the order of the table, unique but for the rows of one example.
    """
    if dataset.panel is not None:
        return RowKeys(raw[dataset.panel.example].astype(str).rename("row_key"), ())
    if has_tokens(dataset, raw):
        return RowKeys(_name_tokens(raw), ())
    if dataset.id_column is not None:
        own = raw[dataset.id_column].astype(object)
        wrong = own.isna() | own.duplicated(keep=False)
        if not wrong.any():
            return RowKeys(own.astype(str).rename("row_key"), ())
        first = raw.loc[wrong, "row_id"].iloc[0]
        found = quote(own[wrong].iloc[0])
        note = (
            f"{dataset.id_column} is no key: {int(wrong.sum()):,} of {len(raw):,} rows have an id that is empty or "
            f"stands twice, {first} first ({found}); rows are known by their features"
        )
        return RowKeys(_number(_hash_rows(dataset, raw)), (note,))
    return RowKeys(_number(_hash_rows(dataset, raw)), ())


def _name_tokens(raw: pd.DataFrame) -> pd.Series[str]:
    """Return the key of each token: that of its sentence, and the position."""
    first = raw["position"].to_numpy() == 1
    hashes = _hash_cells([_digest_texts(raw.loc[first, "sentence"])], ["sentence"])
    keys = _number(hashes).to_numpy()
    owners = np.cumsum(first) - 1
    return (pd.Series(keys[owners], index=raw.index) + ":" + raw["position"].astype(str)).rename("row_key")


def _hash_rows(dataset: Dataset, raw: pd.DataFrame) -> np.ndarray:
    """Return a hash of the features of each row, as text of shape (n_rows,)."""
    names = sorted(column.name for column in dataset.features)
    if "image" in names:  # an annotated image: it also has a name
        names.append("row_id")
    numeric = {column.name for column in dataset.features if column.kind in {"numeric", "binary"}}
    cells = [_digest_numbers(raw[name]) if name in numeric else _digest_texts(raw[name]) for name in names]
    return _hash_cells(cells, names)


def _digest_numbers(values: pd.Series[Any]) -> np.ndarray:
    """Return the bytes of numbers, uint8 of shape (n_rows, 8); all missing ones are alike, and both zeros."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype="<f8", na_value=np.nan) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.uint8).reshape(len(numbers), _CELL_BYTES)


def _digest_texts(values: pd.Series[Any]) -> np.ndarray:
    """Return a hash of each value as text, or of its bytes, uint8 of shape (n_rows, 8); all missing ones are alike."""
    codes, known = pd.factorize(values)
    digests = np.zeros((len(known) + 1, _CELL_BYTES), dtype=np.uint8)  # the last one is that of missing values
    for place, value in enumerate(known):
        content = value if isinstance(value, bytes) else str(value).encode()
        digests[place] = np.frombuffer(hashlib.blake2b(content, digest_size=_CELL_BYTES).digest(), dtype=np.uint8)
    return digests[codes]


def _hash_cells(cells: list[np.ndarray], names: list[str]) -> np.ndarray:
    """Return a hash of the cells of each row, which also depends on the names of the columns."""
    salt = hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()
    table = np.ascontiguousarray(np.concatenate(cells, axis=1))
    return np.array(
        [hashlib.blake2b(row, digest_size=DIGEST_BYTES, salt=salt).hexdigest() for row in table], dtype=object
    )


def _number(hashes: np.ndarray) -> pd.Series[str]:
    """Tell equal hashes apart by an occurrence number, from the second on."""
    found = pd.Series(hashes, dtype=object)
    turn = found.groupby(found).cumcount()
    return found.where(turn == 0, found + "-" + (turn + 1).astype(str)).rename("row_key")
