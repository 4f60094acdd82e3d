"""Finding rows by row id, key, own id, or what stands in their cells."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cleanlab_assets.reviews.rows import ReviewedRows

MOST_FOUND = 20
LONGEST_WHERE = 80


class Search:
    """Looks for rows among those that the page can show; letter case does not matter."""

    def __init__(self, rows: ReviewedRows, places: np.ndarray, keys: pd.Series[str]) -> None:
        """Take the rows.

        Args:
            rows: of the dataset.
            places: places of those that can be shown in the raw table, int64 of shape (n_shown,).
            keys: their keys.
        """
        self._rows, self._places, self._keys = rows, places, keys

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
            found |= dict.fromkeys(np.flatnonzero(names == wanted).tolist(), "name")
        for names in self._names:
            for at in np.flatnonzero(names.str.startswith(wanted))[:MOST_FOUND].tolist():
                found.setdefault(at, "name")
        for name, texts in self._texts.items():
            if len(found) >= MOST_FOUND:
                break
            for at in np.flatnonzero(texts.str.contains(wanted, regex=False))[:MOST_FOUND].tolist():
                found.setdefault(at, f"{name}: {_cut_around(texts.iloc[at], wanted)}")
        for name, at in self._find_number(wanted):
            found.setdefault(at, name)
        return list(found.items())[:MOST_FOUND]

    def _find_number(self, wanted: str) -> list[tuple[str, int]]:
        try:
            number = float(wanted)
        except ValueError:
            return []
        found = []
        for name, values in self._numbers.items():
            found += [(name, at) for at in np.flatnonzero(values == number)[:MOST_FOUND].tolist()]
        return found[:MOST_FOUND]

    @cached_property
    def _names(self) -> list[pd.Series[str]]:
        raw = self._rows.raw["row_id"].iloc[self._places]
        return [names.astype(str).str.lower().reset_index(drop=True) for names in (raw, self._keys)]

    @cached_property
    def _texts(self) -> dict[str, pd.Series[str]]:
        """The columns that hold texts, in small letters."""
        raw, columns = self._rows.raw, self._rows.dataset.columns
        found = {}
        for column in columns:
            values = raw[column.name]
            if column.kind == "picture" or pd.api.types.is_numeric_dtype(values) or _holds_bytes(values):
                continue
            shown = values.iloc[self._places].astype(object)
            found[column.name] = shown.where(shown.notna(), "").astype(str).str.lower().reset_index(drop=True)
        return found

    @cached_property
    def _numbers(self) -> dict[str, np.ndarray]:
        raw = self._rows.raw
        names = [
            column.name for column in self._rows.dataset.columns if pd.api.types.is_numeric_dtype(raw[column.name])
        ]
        return {name: raw[name].iloc[self._places].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}


def _holds_bytes(values: pd.Series[object]) -> bool:
    known = values.dropna()
    return len(known) > 0 and isinstance(known.iloc[0], bytes)


def _cut_around(text: str, wanted: str) -> str:
    at = text.find(wanted)
    start = max(0, at - LONGEST_WHERE // 2)
    part = text[start : start + LONGEST_WHERE]
    return ("… " if start else "") + part + (" …" if start + LONGEST_WHERE < len(text) else "")
