"""How often labels are flagged in each part of the rows: by who labelled them, where they come from, or any column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_PARTS = 20
"""Most values of a column that are parts of their own; further ones are one part, numbers and times are quarters."""
N_RANGES = 4
MISSING = "(missing)"
RATE_COLUMNS = ("column", "part", "n_rows", "n_flagged", "rate", "low", "high")


def measure_issue_rates(rows: pd.DataFrame, label_issues: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Measure the share of flagged labels in each part of the audited rows, with 95 % intervals.

    Source of the intervals: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.

    Args:
        rows: ``row_id`` and the columns that part the rows.
        label_issues: ``row_id`` and ``is_label_issue`` of the audited rows.
        columns: names of the columns that part the rows, each in turn.

    Returns:
        One row for each part, the highest rate of each column first: ``column``, ``part``, ``n_rows``, ``n_flagged``,
        ``rate``, and the bounds ``low`` and ``high`` of its interval.
    """
    if not columns:
        return pd.DataFrame(columns=list(RATE_COLUMNS))
    values = rows.set_index("row_id").reindex(label_issues["row_id"])
    is_flagged = label_issues["is_label_issue"].to_numpy(dtype=bool)
    return pd.concat([_measure(values[name], is_flagged) for name in columns], ignore_index=True)


def _measure(values: pd.Series[Any], is_flagged: np.ndarray) -> pd.DataFrame:
    from scipy.stats import binomtest

    parts = name_parts(values)
    counts = pd.Series(is_flagged).groupby(parts, sort=False).agg(["size", "sum"])
    intervals = [
        binomtest(int(n_flagged), int(n_rows)).proportion_ci(method="wilson") for n_rows, n_flagged in counts.to_numpy()
    ]
    table = pd.DataFrame(
        {
            "column": str(values.name),
            "part": counts.index.astype(object),
            "n_rows": counts["size"].to_numpy(),
            "n_flagged": counts["sum"].to_numpy(),
            "rate": (counts["sum"] / counts["size"]).to_numpy(),
            "low": [interval.low for interval in intervals],
            "high": [interval.high for interval in intervals],
        }
    )
    return table.sort_values(["rate", "n_rows"], ascending=False, kind="stable", ignore_index=True)


def name_parts(values: pd.Series[Any]) -> np.ndarray:
    """Return the part that each row belongs to, as text of shape (n_rows,).

    Each value is a part. Of more than ``MOST_PARTS`` numbers or times each quarter of the rows is one; of more than
    ``MOST_PARTS`` other values the most frequent are parts of their own, and all others are one.
    """
    distinct = values.nunique()
    is_ordered = pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)
    if is_ordered and distinct > MOST_PARTS:
        return _name_ranges(values)
    names = values.astype(object).map(lambda value: MISSING if pd.isna(value) else _to_text(value)).to_numpy()
    if distinct > MOST_PARTS:
        kept = pd.Series(names).value_counts().index[: MOST_PARTS - 1]
        return np.where(np.isin(names, kept.to_numpy()), names, f"({distinct - len(kept):,} others)")
    return names


def _name_ranges(values: pd.Series[Any]) -> np.ndarray:
    quarters = pd.qcut(values, N_RANGES, duplicates="drop")
    bounds = values.groupby(quarters, observed=True).agg(["min", "max"])
    names = {place: f"{_to_text(low)} to {_to_text(high)}" for place, low, high in bounds.itertuples()}
    return quarters.astype(object).map(lambda place: MISSING if pd.isna(place) else names[place]).to_numpy()


def _to_text(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return f"{value:g}" if isinstance(value, float) else str(value)
