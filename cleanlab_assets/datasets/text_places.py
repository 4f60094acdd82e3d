"""Places in a text that get other values, so that all else in it stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Place(NamedTuple):
    """Where a value begins and ends in the text."""

    start: int
    end: int


def replace_places(text: str, new: Mapping[Place, str]) -> str:
    """Return a text with other values in some places, none of which lies within another."""
    parts, done = [], 0
    for place in sorted(new):
        parts += [text[done : place.start], new[place]]
        done = place.end
    return "".join([*parts, text[done:]])
