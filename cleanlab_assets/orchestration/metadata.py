"""How values look in the web UI: tables, plots and numbers as Dagster metadata."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

from cleanlab_assets.reports.plots import as_data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREVIEW_ROWS = 10
PREVIEW_COLUMNS = 6


def as_table(
    frame: pd.DataFrame, n_rows: int = PREVIEW_ROWS, *, columns: Sequence[str] | None = None
) -> dg.TableMetadataValue:
    """Show the first rows as a readable table.

    Args:
        frame: any table.
        n_rows: rows to show.
        columns: columns to show; the first few of them if absent, since a wide table is unreadable in the UI.
    """
    shown = frame.iloc[:n_rows, :PREVIEW_COLUMNS] if columns is None else frame.iloc[:n_rows][list(columns)]
    records = [
        dg.TableRecord({str(name): _as_cell(cell) for name, cell in row.items()})
        for row in shown.to_dict(orient="records")
    ]
    schema = dg.TableSchema([dg.TableColumn(str(name), _column_type(shown[name])) for name in shown.columns])
    return dg.MetadataValue.table(records, schema)


def as_plots(plots: Mapping[str, bytes]) -> dg.MarkdownMetadataValue:
    """Embed small PNGs under their titles in one entry: the UI opens each Markdown entry by a click of its own."""
    return dg.MetadataValue.md(
        "\n\n".join(f"### {title}\n![{title}]({as_data_uri(png)})" for title, png in plots.items())
    )


def as_notes(notes: Sequence[str]) -> dg.MarkdownMetadataValue:
    """List notes; none is said in a word."""
    return dg.MetadataValue.md("\n".join(f"- {note}" for note in notes) or "none")


def as_numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Turn metrics into number entries, which the UI plots over time; undefined ones are left out."""
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def round_numbers(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Round the floats among metadata entries to four significant digits, as people read them."""
    return {name: _round(value) if isinstance(value, float) else value for name, value in metadata.items()}


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _as_cell(value: Any) -> str | int | float | bool | None:
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
