"""What is said of input that cannot be read: its error, and how values of any length are told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_ECHO = 80
"""Most characters of a value that a message repeats."""
MOST_NAMED = 5
"""Most files or names that a note repeats; of more it says how many."""


class UnreadableInputError(ValueError):
    """A description of data or a source file that cannot be read; the message names file and place in one line."""


def cut(text: str, longest: int = LONGEST_ECHO) -> str:
    """Return a text, cut where it is longer than a message should repeat."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quote(value: object, longest: int = LONGEST_ECHO) -> str:
    """Return a value as Python writes it, cut within its quotes where it is longer than a message should repeat."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} that is nested too deep"
    return text if len(text) <= longest else f"{text[: longest - 2]}…{text[-1]}"


def count_and_name(names: Sequence[str]) -> str:
    """Count files or other things, and name the first ones: ``7 (a, b, c, d, e and 2 more)``."""
    named = ", ".join(map(cut, names[:MOST_NAMED]))
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{len(names):,} ({named}{more})"
