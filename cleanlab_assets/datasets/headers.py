"""The names of columns: those that an audit gives itself, and what the header of a table may not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import UnreadableInputError, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

AUDIT_COLUMNS = frozenset(
    {
        *(
            "row_id",
            "own_id",
            "given_label",
            "split",
            "fold",
            "time_block",
            "row_weight",
            "planted_error",
            "planted_kind",
            "true_label",
        ),
        *("row_key", "corrected_label", "label_source", "is_excluded"),
        *("suggested_label", "label_quality", "is_label_issue", "rank", "reason"),
        *("given_label_probability", "suggested_label_probability", "error_probability"),
        *("normalized_margin", "noise_posterior"),
        *("kind_of_case", "kind_reason", "second_label", "neighbor_labels"),
    }
)
"""Columns that the audit of every family writes beside those of the source, which may have none of these names.

A family names its own in ``TaskFamily.columns``.
"""


class HeaderError(UnreadableInputError):
    """A header with a column that is named twice, not at all, or like one that an audit writes."""


def find_repeated(names: Iterable[str]) -> str | None:
    """Return the first name that stands a second time; None where all differ."""
    known: set[str] = set()
    for name in names:
        if name in known:
            return name
        known.add(name)
    return None


def check_header(
    header: Sequence[str], file: str, *, needed: Collection[str] | None = None, taken: Collection[str] = ()
) -> None:
    """Refuse a header by which columns cannot be told apart.

    Args:
        header: the names of the columns, which stand in the first line.
        file: name of the file.
        needed: the columns that are read; all if absent.
        taken: names that the columns may not have.

    Raises:
        HeaderError: a column that is read has no name, that of another column, or one that is taken.
    """
    first: dict[str, int] = {}
    read = set(header if needed is None else needed)
    for number, name in enumerate(header, start=1):
        if name not in read:
            continue
        place = f"{file}, line 1, column {number}"
        if not name.strip():
            raise HeaderError(f"{place}: the column has no name: name it, or delete it")
        if first.setdefault(name, number) < number:
            raise HeaderError(f"{place}: column {first[name]} is named {quote(name)} too: rename one of them")
        if name in taken:
            raise HeaderError(f"{place}: a column of the audit itself is named {quote(name)}: rename yours")
