"""What is said of input that cannot be read: its error, and how values of any length are told in one line."""

from __future__ import annotations

LONGEST_ECHO = 80
"""Most characters of a value that a message repeats."""


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
