"""Finding rows by row id, key, own id, or what stands in their cells."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cleanlab_assets.reviews.rows import ReviewedRows

MOST_FOUND = 20
LONGEST_WHERE = 80
_BETWEEN = "\0"


class Search:
    """Looks for rows among those that the page can show; letter case does not matter."""

    def __init__(self, rows: ReviewedRows, places: np.ndarray, keys: pd.Series[str]) -> None:
        """Take the rows.

        Args:
            rows: of the dataset.
            places: places of those that can be shown in the raw table, int64 of shape (n_shown,).
            keys: their keys.
        """
        raw, columns = rows.raw.iloc[places], rows.dataset.columns
        self._names = [_to_small_letters(names) for names in (raw["row_id"], keys)]
        self._texts: dict[str, pd.Series[str]] = {}
        self._numbers: dict[str, np.ndarray] = {}
        for column in columns:
            values = raw[column.name]
            if pd.api.types.is_numeric_dtype(values):
                self._numbers[column.name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
            elif column.kind != "picture" and not _holds_bytes(values):
                self._texts[column.name] = _to_small_letters(values)
        # One text for each row, so that a search goes through the rows once.
        self._all = reduce(lambda one, other: one + _BETWEEN + other, self._texts.values(), self._names[0])

    def find(self, text: str) -> list[tuple[int, str]]:
        """Return the rows that a text names or stands in, at most 20, each with where it was found.

        Rows of this very name come first, then those whose name begins with it, then those with a cell that holds it.

        Returns:
            Numbers among the rows that can be shown, and the column in words.
        """
        wanted = text.strip().lower()
        if not wanted:
            return []
        found: dict[int, str] = {}
        for names in self._names:
            found |= dict.fromkeys(np.flatnonzero(names == wanted)[:MOST_FOUND].tolist(), "name")
        for names in self._names:
            for at in np.flatnonzero(names.str.startswith(wanted))[:MOST_FOUND].tolist():
                found.setdefault(at, "name")
        for name, at in self._find_number(wanted):
            found.setdefault(at, name)
        if len(found) < MOST_FOUND:
            for at in np.flatnonzero(self._all.str.contains(wanted, regex=False))[:MOST_FOUND].tolist():
                found.setdefault(at, self._say_where(at, wanted))
        return list(found.items())[:MOST_FOUND]

    def _say_where(self, at: int, wanted: str) -> str:
        holders = ((name, texts.iloc[at]) for name, texts in self._texts.items())
        return next((f"{name}: {_cut_around(text, wanted)}" for name, text in holders if wanted in text), "name")

    def _find_number(self, wanted: str) -> list[tuple[str, int]]:
        try:
            number = float(wanted)
        except ValueError:
            return []
        found = []
        for name, values in self._numbers.items():
            found += [(name, at) for at in np.flatnonzero(values == number)[:MOST_FOUND].tolist()]
        return found[:MOST_FOUND]


def _to_small_letters(values: pd.Series[Any]) -> pd.Series[str]:
    known = values.astype(object)
    return known.where(known.notna(), "").astype(str).str.lower().reset_index(drop=True)


def _holds_bytes(values: pd.Series[Any]) -> bool:
    known = values.dropna()
    return len(known) > 0 and isinstance(known.iloc[0], bytes)


def _cut_around(text: str, wanted: str) -> str:
    at = text.find(wanted)
    start = max(0, at - LONGEST_WHERE // 2)
    part = text[start : start + LONGEST_WHERE]
    return ("… " if start else "") + part + (" …" if start + LONGEST_WHERE < len(text) else "")
