"""What an audit suggests for the parts of rows, read from the table of its element issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from cleanlab_assets.reviews.decisions import ElementLabel

if TYPE_CHECKING:
    import pandas as pd

_READ: TypeAdapter[ElementLabel] = TypeAdapter(ElementLabel)


def find_suggestion(element_issues: pd.DataFrame, row_id: str, element: str) -> ElementLabel | None:
    """Return the label that an audit suggests for an element; None where the audit does not know it.

    Args:
        element_issues: ``row_id``, ``element`` and ``suggestion`` of each element that the audit judged.
        row_id: of its row.
        element: its name.
    """
    is_meant = (element_issues["row_id"] == row_id) & (element_issues["element"] == element)
    found = element_issues.loc[is_meant, "suggestion"]
    return read_suggestion(str(found.iloc[0])) if len(found) else None


def find_flags(element_issues: pd.DataFrame) -> pd.Series[bool]:
    """Return which elements an audit flags, by the column ``is_<kind>_issue`` of its table."""
    name = next(name for name in element_issues if str(name).startswith("is_") and str(name).endswith("_issue"))
    return element_issues[name].astype(bool)


def read_suggestion(text: str) -> ElementLabel:
    """Read a suggested label, as JSON of the table."""
    return _READ.validate_json(text)
