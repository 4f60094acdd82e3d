"""The hard contracts of tables: which columns a step's table has, of what kind and within what bounds.

A violated contract is a bug or a broken source, so the step fails and names the column and the rows. What may happen
with good code and a good source is a finding, and belongs to the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnKind = Literal["any", "text", "float", "integer", "flag", "category"]


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """What a column must fulfil; ``any`` only asks for the column to be there."""

    name: str
    kind: ColumnKind = "any"
    nullable: bool = False
    unique: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TableContract:
    """The columns that a table must have; it may have more."""

    name: str
    description: str
    columns: tuple[ColumnRule, ...]


def filled(*names: str) -> tuple[ColumnRule, ...]:
    """Columns of any kind without missing values."""
    return tuple(ColumnRule(name=name) for name in names)


def text(name: str, *, unique: bool = False) -> ColumnRule:
    """A column of texts."""
    return ColumnRule(name=name, kind="text", unique=unique)


def number(name: str, *, minimum: float | None = None) -> ColumnRule:
    """A column of floating-point numbers."""
    return ColumnRule(name=name, kind="float", minimum=minimum)


def share(name: str) -> ColumnRule:
    """A column of numbers from 0 to 1."""
    return ColumnRule(name=name, kind="float", minimum=0.0, maximum=1.0)


def count(name: str, minimum: int = 0) -> ColumnRule:
    """A column of whole numbers from a minimum on."""
    return ColumnRule(name=name, kind="integer", minimum=minimum)


def flag(name: str) -> ColumnRule:
    """A column of yes or no."""
    return ColumnRule(name=name, kind="flag")


def category(name: str, *categories: str) -> ColumnRule:
    """A column of a few known texts."""
    return ColumnRule(name=name, kind="category", categories=frozenset(categories))


ROW_ID = text("row_id", unique=True)
GIVEN_LABEL = ColumnRule(name="given_label")
SPLIT = category("split", "train", "validation", "test")
"""Only sentences have validation rows."""
FOLD = count("fold", -1)
RANK = ColumnRule(name="rank", kind="integer", minimum=1, unique=True)
LABEL_QUALITY = share("label_quality")
IS_LABEL_ISSUE = flag("is_label_issue")
