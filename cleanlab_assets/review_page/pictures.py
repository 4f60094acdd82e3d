"""The pictures of rows as PNG, found by the key of their row and the name of a column, never by a path."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.images import DAMAGED, draw_for_screen

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from cleanlab_assets.families.family import PictureFindings
    from cleanlab_assets.reviews.rows import ReviewedRows

LONGEST_SIDE = 1_200
SMALL_SIDE = 240
KEPT_PICTURES = 64
_NOT_TABLES = ("dataset", "row_id")


class NoPictureError(UnreadableInputError):
    """A picture that there is not, or that cannot be shown; the message says why."""


@dataclass(frozen=True)
class Pictures:
    """Draws the pictures of rows; the latest ones are kept.

    Attributes:
        rows: the rows of the dataset.
        find_table: the table of a step of the family by its name; None where there is none.
        findings: what the family finds within pictures; None where it does not.
    """

    rows: ReviewedRows
    find_table: Callable[[str], pd.DataFrame | None]
    findings: PictureFindings | None = None
    _draw_once: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_draw_once", lru_cache(maxsize=KEPT_PICTURES)(self._draw))

    def draw(self, row: str, source: str) -> bytes:
        """Return a picture of a row as PNG.

        Args:
            row: row key or row id.
            source: name of a column with pictures; the finding is drawn over the picture if empty.

        Raises:
            DecisionError: there is no such row.
            NoPictureError: the row has no such picture, or it cannot be read.
        """
        drawn: bytes = self._draw_once(self.rows.find(row), source)
        return drawn

    def describe_findings(self, row_id: str) -> list[str]:
        """Say what was found within the picture of a row, one line each."""
        if self.findings is None:
            return []
        tables = self._gather(self.findings.describe)
        return [] if tables is None else list(self.findings.describe(self.rows.dataset, row_id, **tables))

    def _draw(self, place: int, source: str) -> bytes:
        row_id = str(self.rows.raw["row_id"].iloc[place])
        if not source:
            tables = None if self.findings is None else self._gather(self.findings.draw)
            if self.findings is None or tables is None:
                raise NoPictureError(f"row {quote(row_id)}: nothing is found within pictures here")
            return self.findings.draw(self.rows.dataset, row_id, **tables)
        content = self.rows.raw[source].iloc[place] if source in self._columns else None
        if not isinstance(content, bytes):
            raise NoPictureError(f"row {quote(row_id)} has no picture {quote(source)}")
        try:
            return draw_for_screen(content, longest_side=LONGEST_SIDE, smallest_side=SMALL_SIDE)
        except DAMAGED as error:
            raise NoPictureError(f"row {quote(row_id)}: the picture cannot be read: {error}") from error

    @property
    def _columns(self) -> frozenset[str]:
        columns = self.rows.dataset.columns
        return frozenset(column.name for column in columns if column.kind == "picture" or column.name == "image")

    def _gather(self, function: Callable[..., object]) -> dict[str, pd.DataFrame] | None:
        """Return the tables that a function takes by the names of their steps; None where one was not made."""
        names = [name for name in inspect.signature(function).parameters if name not in _NOT_TABLES]
        found = {name: table for name in names if (table := self.find_table(name)) is not None}
        return found if len(found) == len(names) else None
