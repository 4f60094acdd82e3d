"""A self-contained HTML report: typed parts in, one file out that opens offline and loads nothing.

Every value is escaped by the template, whatever the dataset holds. The page states a content security policy that lets
only its own style sheet and script run, by their hashes, and no address be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.reports.formatting import MISSING, format_column
from cleanlab_assets.reports.image_overlays import draw_thumbnail
from cleanlab_assets.reports.plots import DOTS_PER_INCH, as_data_uri

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jinja2 import Environment

CSS_PIXELS_PER_INCH = 96

Tone = Literal["neutral", "good", "warn"]
MARK_BEGIN, MARK_END = "\ue000", "\ue001"
"""What stands on either side of a part of a text that is to be set off, in the column that ``Table.marked`` names."""


@dataclass(frozen=True)
class Tile:
    """One figure of the summary: what it is, its value, and what to compare it with."""

    label: str
    value: str
    hint: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Table:
    """A table that sorts by click or key; encoded pictures in a column are shown small.

    Attributes:
        title: The heading above it.
        frame: The rows; the first column names the row.
        caption: One sentence on what the rows are and how they are ordered.
        highlight: A boolean column whose true rows are set off.
        max_rows: Rows beyond this are cut, and the report says so.
        total_rows: Rows of the whole table when ``frame`` is already an extract.
        full_table: Where the whole table lies, in words; shown when rows are cut.
        group: A column whose changes are ruled off, so that rows that belong together read as one.
        n_features: How many of the last columns are the row's own features; they stand apart from the findings.
        shares: Columns that hold shares from 0 to 1; they are written in per cent.
        marked: A text column with ``MARK_BEGIN`` and ``MARK_END`` around the part of each text that is set off.
    """

    title: str
    frame: pd.DataFrame
    caption: str = ""
    highlight: str | None = None
    max_rows: int = 50
    total_rows: int | None = None
    full_table: str = ""
    group: str | None = None
    n_features: int = 0
    shares: Collection[str] = ()
    marked: str | None = None


@dataclass(frozen=True)
class Figure:
    """A plot: its caption, its PNG at 130 dots per inch, and the text for readers who do not see it."""

    title: str
    png: bytes
    alt: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One chapter of the report.

    Attributes:
        key: Anchor, unique in the report.
        title: Heading.
        explanation: What the chapter is about, in plain words.
        advice: Short paragraphs by their lead, such as "What to do".
        badge: A few characters beside the entry in the contents, such as a count.
        facts: How it was computed: setting by name.
    """

    key: str
    title: str
    explanation: str
    advice: Mapping[str, str] = field(default_factory=dict)
    badge: str = ""
    tiles: Sequence[Tile] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report; ``facts`` say how it was made and make up its last section."""

    title: str
    subtitle: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    facts: Mapping[str, str]
    notes: Sequence[str] = ()


class _Cell(NamedTuple):
    text: str
    sort_value: str
    marked: str = ""
    rest: str = ""
    picture: bytes = b""


class _Row(NamedTuple):
    cells: list[_Cell]
    is_highlighted: bool
    group: str


class _TableView(NamedTuple):
    table: Table
    columns: list[tuple[str, bool]]
    rows: list[_Row]
    cut: str


def render_report(report: Report) -> str:
    """Return the report as one HTML page without any outside resource.

    Raises:
        ValueError: two sections have the same key, or a table names a column that it does not have.
    """
    keys = [section.key for section in report.sections]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise ValueError(f"section keys must be unique, got {repeated} more than once")
    environment = _make_environment()
    style = environment.get_template("report.css").render()
    script = environment.get_template("report.js").render()
    return environment.get_template("report.html.jinja").render(
        report=report,
        style=style,
        script=script,
        policy=(
            "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src {_hash_source(style)}; script-src {_hash_source(script)}"
        ),
    )


@cache
def _make_environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cleanlab_assets.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = as_data_uri
    environment.filters["png_size"] = _measure_png
    environment.filters["table_view"] = _view_table
    environment.globals["missing"] = MISSING
    return environment


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _measure_png(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width * CSS_PIXELS_PER_INCH // DOTS_PER_INCH, height * CSS_PIXELS_PER_INCH // DOTS_PER_INCH


def _view_table(table: Table) -> _TableView:
    for name in (table.highlight, table.group, table.marked):
        if name is not None and name not in table.frame.columns:
            raise ValueError(f"table {table.title!r} has no column {name!r}: it has {list(table.frame.columns)}")
    shown = table.frame.head(table.max_rows)
    total = len(table.frame) if table.total_rows is None else table.total_rows
    columns = [shown.iloc[:, position] for position in range(shown.shape[1])]
    cells = [_view_column(column, as_share=column.name in table.shares) for column in columns]
    cells = [
        [_split_marked(cell) for cell in column] if shown.columns[position] == table.marked else column
        for position, column in enumerate(cells)
    ]
    highlighted = shown[table.highlight].to_numpy(dtype=bool, na_value=False) if table.highlight else None
    groups = shown[table.group].astype(str).tolist() if table.group else None
    rows = [
        _Row(
            cells=[column[position] for column in cells],
            is_highlighted=highlighted is not None and bool(highlighted[position]),
            group=groups[position] if groups else "",
        )
        for position in range(len(shown))
    ]
    cut = f"First {len(shown):,} of {total:,} rows." if len(shown) < total else ""
    if cut and table.full_table:
        cut = f"{cut} The full table: {table.full_table}."
    return _TableView(table, [(str(column.name), _is_number(column)) for column in columns], rows, cut)


def _view_column(column: pd.Series, *, as_share: bool) -> list[_Cell]:
    if any(isinstance(value, bytes) for value in column):
        return [_Cell("", "", picture=draw_thumbnail(value)) for value in column]
    texts = format_column(column, as_share=as_share)
    if not _is_number(column):
        return [_Cell(text, "") for text in texts]
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return [_Cell(text, "" if np.isnan(value) else f"{value:.9g}") for text, value in zip(texts, values, strict=True)]


def _split_marked(cell: _Cell) -> _Cell:
    before, _, after = cell.text.partition(MARK_BEGIN)
    marked, _, rest = after.partition(MARK_END)
    return cell._replace(text=before, marked=marked, rest=rest)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
