"""What is usual in each column of a table, and how a value differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.reports.formatting import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Column

FAR = 3.0
"""Interquartile ranges from the median beyond which a number is unusual."""
RARE_SHARE = 0.01
"""A category of fewer rows is rare, if it is also less than half as frequent as categories are on average."""
RANKED_KINDS = frozenset({"numeric"})
COUNTED_KINDS = frozenset({"categorical", "binary"})


@dataclass(frozen=True)
class _Numbers:
    median: float
    spread: float

    def describe(self, value: Any) -> str:
        if pd.isna(value) or self.spread <= 0:
            return ""
        ranges = (float(value) - self.median) / self.spread
        if abs(ranges) <= FAR:
            return ""
        side = "above" if ranges > 0 else "below"
        return f"{format_number(abs(ranges))} IQR {side} the median {format_number(self.median)}"


@dataclass(frozen=True)
class _Categories:
    counts: Mapping[Any, int]
    n_rows: int

    def describe(self, value: Any) -> str:
        if pd.isna(value):
            return ""
        count = int(self.counts.get(value, 0))
        if count >= RARE_SHARE * self.n_rows or 2 * count * len(self.counts) >= self.n_rows:
            return ""
        return f"rare: {count:,} of {self.n_rows:,} rows"


def find_norms(rows: pd.DataFrame, columns: tuple[Column, ...]) -> dict[str, _Numbers | _Categories]:
    """Return what is usual in the numeric and the categorical columns, by name.

    Args:
        rows: the raw table, which has these columns.
        columns: of the catalogue entry.
    """
    norms: dict[str, _Numbers | _Categories] = {}
    for column in columns:
        if column.kind in RANKED_KINDS:
            values = pd.to_numeric(rows[column.name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            known = values[np.isfinite(values)]
            low, median, high = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else (0.0, 0.0, 0.0)
            norms[column.name] = _Numbers(float(median), float(high - low))
        elif column.kind in COUNTED_KINDS:
            norms[column.name] = _Categories(rows[column.name].value_counts().to_dict(), len(rows))
    return norms
