"""The boxes and regions of a picture as the page shows them: what each is, what is suggested, and what can be said."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cleanlab_assets.datasets.outlines import box_of_region
from cleanlab_assets.review_page.item import Element
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, BoxLabel, Finding, NoBox, RegionLabel, describe_answer
from cleanlab_assets.reviews.element_answers import find_given_elements, list_answers
from cleanlab_assets.reviews.elements import read_pixels
from cleanlab_assets.reviews.suggestions import find_flags, read_suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

    from cleanlab_assets.reviews.decisions import ElementLabel
    from cleanlab_assets.reviews.rows import ReviewedRows
    from cleanlab_assets.reviews.standings import Standings

MOST_ELEMENTS = 50
KEPT_ROWS = 16
NOT_THERE = "the source has no such box or region: the audit saw errors planted on purpose, or the source has changed"


class Judged(NamedTuple):
    """What an audit says of an element: the label that it suggests, and its quality, None where it has none."""

    suggestion: ElementLabel
    quality: float | None


class Elements:
    """Finds the elements of rows in the table of an audit."""

    def __init__(self, rows: ReviewedRows, table: pd.DataFrame | None) -> None:
        """Take the elements.

        Args:
            rows: the rows of the dataset.
            table: the elements of all rows, see ``TaskFamily.element_issues``; None where rows have none.
        """
        self._rows, self._table = rows, table
        self._describe_once = lru_cache(maxsize=KEPT_ROWS)(self._describe_row)

    @property
    def are_there(self) -> bool:
        """Whether boxes or regions are decided by themselves."""
        return self._table is not None

    def names_of(self, place: int) -> Sequence[str]:
        """Return the names of the elements of a row, flagged ones first, worst first.

        Args:
            place: of the row in the raw table.
        """
        return [] if self._table is None else self._table.iloc[self._places_of(place)]["element"].tolist()

    def list_elements(self, place: int, standings: Standings) -> list[Element]:
        """Return the elements of a row that are shown, flagged ones first, worst first, and how they stand.

        Args:
            place: of the row in the raw table.
            standings: how the findings of the dataset stand.
        """
        key, shown = str(self._rows.keys.iloc[place]), []
        for element in self._describe_once(place):
            finding = Finding(key, LABEL_ISSUE, element.name)
            standing, state = standings.by_finding.get(finding), standings.states.get(finding, "")
            entry = None if standing is None else standing.in_force
            said = "" if entry is None else describe_answer(entry.decision)
            shown.append(element.model_copy(update={"state": state, "said": said}))
        return shown

    def find(self, place: int, element: str) -> Judged | None:
        """Return what the audit says of an element; None where it does not know it.

        Args:
            place: of its row in the raw table.
            element: its name.
        """
        if self._table is None or element not in (names := self.names_of(place)):
            return None
        found = self._table.iloc[self._places_of(place)[names.index(element)]]
        quality = found.get("label_quality")
        return Judged(read_suggestion(str(found["suggestion"])), None if quality is None else float(quality))

    @cached_property
    def _places(self) -> Mapping[Any, np.ndarray]:
        """Places in the table by row id, flagged ones first, worst first."""
        assert self._table is not None  # noqa: S101 - asked where there is one
        order = (
            self._table[["row_id", "element", "rank"]].assign(is_flagged=find_flags(self._table)).reset_index(drop=True)
        )
        ranked = order.sort_values(["is_flagged", "rank"], ascending=[False, True], kind="stable")
        ranked = ranked.drop_duplicates(["row_id", "element"])  # objects that nobody boxed may have one name
        return {row_id: found.index.to_numpy() for row_id, found in ranked.groupby("row_id", sort=False)}

    def _places_of(self, place: int) -> list[int]:
        found = self._places.get(self._rows.raw["row_id"].iloc[place])
        return [] if found is None else found.tolist()

    def _describe_row(self, place: int) -> list[Element]:
        if self._table is None:
            return []
        table = self._table.iloc[self._places_of(place)[:MOST_ELEMENTS]]
        row = self._rows.raw.iloc[place].to_dict()
        suggestions = {
            str(name): read_suggestion(str(text))
            for name, text in zip(table["element"], table["suggestion"], strict=True)
        }
        given = find_given_elements(row, suggestions, self._rows.dataset.class_names)
        reasons = table["issue"].astype(str) if "issue" in table else [""] * len(table)
        elements = []
        for name, is_flagged, reason in zip(suggestions, find_flags(table), reasons, strict=True):
            suggestion = suggestions[name]
            told = {
                "name": name,
                "is_flagged": bool(is_flagged),
                "reason": reason.replace("_", " ") if is_flagged else "",
                "suggested": _describe_suggestion(suggestion, given.get(name)),
            }
            if name not in given:
                elements.append(Element(**told, shown=name, note=NOT_THERE))
                continue
            label = given[name]
            corners = _find_corners(label or suggestion)
            elements.append(
                Element(
                    **told,
                    shown=_describe_given(label, corners),
                    place=_find_shares(corners, row),
                    answers=list(list_answers(row, name, label, suggestion)),
                    may_be_background=isinstance(label, RegionLabel),
                )
            )
        return elements


def _describe_given(given: ElementLabel | None, corners: Sequence[float]) -> str:
    where = _describe_place(corners)
    if isinstance(given, RegionLabel):
        return f"region of {given.class_name}, {int(read_pixels(given).sum()):,} pixels, {where}"
    return f"box of {given.class_name}, {where}" if isinstance(given, BoxLabel) else f"no box is given, {where}"


def _describe_suggestion(suggestion: ElementLabel, given: ElementLabel | None) -> str:
    if isinstance(suggestion, NoBox):
        return "no box"
    if isinstance(suggestion, RegionLabel):
        return suggestion.class_name
    if suggestion == given:
        return "the same box"
    is_in_place = isinstance(given, BoxLabel) and suggestion.corners == given.corners
    return f"{suggestion.class_name}, {'in its place' if is_in_place else _describe_place(suggestion.corners)}"


def _describe_place(corners: Sequence[float]) -> str:
    x1, y1, x2, y2 = (f"{edge:.0f}" for edge in corners)
    return f"from {x1}, {y1} to {x2}, {y2}"


def _find_corners(label: ElementLabel) -> Sequence[float]:
    if isinstance(label, RegionLabel):
        return box_of_region(read_pixels(label)) or (0, 0, 0, 0)
    return label.corners if isinstance(label, BoxLabel) else (0, 0, 0, 0)


def _find_shares(corners: Sequence[float], row: Mapping[Any, Any]) -> list[float]:
    sizes = (row["width"], row["height"]) * 2
    return [min(max(float(edge / size), 0.0), 1.0) for edge, size in zip(corners, sizes, strict=True)]
