"""How values look in the web UI: tables, plots and numbers as Dagster metadata."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.reports.plots import as_data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

PREVIEW_ROWS = 10
PREVIEW_COLUMNS = 12


def describe_value(value: Any) -> dict[str, Any]:
    """Describe a step's value: the first rows of a table; nothing for other values."""
    if not isinstance(value, pd.DataFrame):
        return {}
    return {"columns": len(value.columns), "preview": as_table(value, PREVIEW_ROWS)}


def as_table(frame: pd.DataFrame, n_rows: int) -> dg.TableMetadataValue:
    """Show the first rows (and the first columns, of a wide table) as a readable table."""
    shown = frame.iloc[:n_rows, :PREVIEW_COLUMNS]
    records = [
        dg.TableRecord({str(name): _as_cell(cell) for name, cell in row.items()})
        for row in shown.to_dict(orient="records")
    ]
    schema = dg.TableSchema([dg.TableColumn(str(name), _column_type(shown[name])) for name in shown.columns])
    return dg.MetadataValue.table(records, schema)


def as_plot(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """Embed a small PNG: no request leaves the browser."""
    return dg.MetadataValue.md(f"![{title}]({as_data_uri(png)})")


def as_numbers(values: Mapping[str, float]) -> dict[str, dg.MetadataValue]:
    """Turn metrics into number entries, which the UI plots over time; undefined ones are left out."""
    return {name: dg.MetadataValue.float(float(value)) for name, value in values.items() if math.isfinite(value)}


def _as_cell(value: Any) -> str | int | float | bool | None:
    """Turn numpy and pandas scalars into the plain values that table records take."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.4g}")
    return None if value is None or pd.isna(value) else str(value)


def _column_type(column: pd.Series[Any]) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"
