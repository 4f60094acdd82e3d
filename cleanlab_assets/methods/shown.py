"""What people see beside a result: plain values that the orchestration turns into the web UI's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

PREVIEW_ROWS = 10
WORST_ROWS = 20


@dataclass(frozen=True)
class TableView:
    """The first rows of a table; ``columns`` names those that are shown, the first few if absent."""

    table: pd.DataFrame
    n_rows: int = PREVIEW_ROWS
    columns: Sequence[str] | None = None

    @classmethod
    def whole(cls, table: pd.DataFrame) -> TableView:
        """Show every row and column of a small table."""
        return cls(table, len(table), list(map(str, table.columns)))

    @classmethod
    def worst(cls, table: pd.DataFrame, columns: Sequence[str]) -> TableView:
        """Show the rows of the worst ranks."""
        return cls(table.sort_values("rank"), WORST_ROWS, columns)


@dataclass(frozen=True)
class Plots:
    """PNG images by title."""

    images: Mapping[str, bytes]


@dataclass(frozen=True)
class Notes:
    """Short texts, one below the other."""

    notes: Sequence[str]


@dataclass(frozen=True)
class Markdown:
    """A text with headings and lists."""

    text: str


@dataclass(frozen=True)
class Json:
    """Nested values, folded away until somebody looks."""

    content: Any


@dataclass(frozen=True)
class Link:
    """A web address."""

    url: str


Shown: TypeAlias = "bool | int | float | str | TableView | Plots | Notes | Markdown | Json | Link"


def keep_finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Leave out figures that are undefined, such as the ROC AUC of a single class."""
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
