"""How figures look in the web UI: tables, plots and numbers as Dagster metadata."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.methods.shown import Json, Link, Markdown, Notes, Plots, TableView
from cleanlab_assets.reports.plots import as_data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.methods.shown import Shown

PREVIEW_COLUMNS = 6


def to_metadata(shown: Mapping[str, Shown]) -> dict[str, Any]:
    """Turn figures into metadata entries; numbers are rounded to four significant digits, undefined ones left out."""
    return {
        name: _to_entry(value)
        for name, value in shown.items()
        if not (isinstance(value, float) and not math.isfinite(value))
    }


def _to_entry(value: Shown) -> Any:  # noqa: PLR0911 - one answer for each kind
    match value:
        case float():
            return _round(value)
        case TableView():
            return _to_table(value)
        case Plots():
            # One entry for all plots: the UI opens each Markdown entry by a click of its own.
            parts = (f"### {title}\n![{title}]({as_data_uri(png)})" for title, png in value.images.items())
            return dg.MetadataValue.md("\n\n".join(parts))
        case Notes():
            return dg.MetadataValue.md("\n".join(f"- {note}" for note in value.notes) or "none")
        case Markdown():
            return dg.MetadataValue.md(value.text)
        case Json():
            return dg.MetadataValue.json(value.content)
        case Link():
            return dg.MetadataValue.url(value.url)
    return value


def _to_table(view: TableView) -> dg.TableMetadataValue:
    """Show the first rows; of a wide table whose columns nobody chose the first few, since more are unreadable."""
    rows = view.table.iloc[: view.n_rows]
    shown = rows.iloc[:, :PREVIEW_COLUMNS] if view.columns is None else rows[list(view.columns)]
    records = [
        dg.TableRecord({str(name): _to_cell(cell) for name, cell in row.items()})
        for row in shown.to_dict(orient="records")
    ]
    schema = dg.TableSchema([dg.TableColumn(str(name), _column_type(shown[name])) for name in shown.columns])
    return dg.MetadataValue.table(records, schema)


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _to_cell(value: Any) -> str | int | float | bool | None:
    """Turn numpy and pandas scalars into the plain values that table records take."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, float):
        return None if math.isnan(value) else _round(value)
    return None if value is None or pd.isna(value) else str(value)


def _column_type(column: pd.Series[Any]) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"
