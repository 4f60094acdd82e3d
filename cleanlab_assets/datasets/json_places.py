"""Where in a JSON text its parts stand, so that some of them can be replaced and every other character stays."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.text_places import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def find_members(text: str, start: int = 0) -> dict[str, Place]:
    """Return the place of each value of the object that begins at a place of a text that is JSON.

    White space may stand before it; of equal keys the last one counts, as it does for whoever reads JSON.
    """
    members: dict[str, Place] = {}
    place = _skip(text, _skip(text, start) + 1)
    while text[place] != "}":
        key, end = _DECODER.raw_decode(text, place)
        begin = _skip(text, _skip(text, end) + 1)
        members[key] = Place(begin, _DECODER.raw_decode(text, begin)[1])
        place = _skip(text, members[key].end)
        place = _skip(text, place + 1) if text[place] == "," else place
    return members


def find_items(text: str, start: int = 0) -> list[Place]:
    """Return the place of each item of the list that begins at a place of a text that is JSON."""
    items: list[Place] = []
    place = _skip(text, _skip(text, start) + 1)
    while text[place] != "]":
        items.append(Place(place, _DECODER.raw_decode(text, place)[1]))
        place = _skip(text, items[-1].end)
        place = _skip(text, place + 1) if text[place] == "," else place
    return items


def rewrite_list(text: str, items: Sequence[Place], new: Mapping[int, str | None], added: Sequence[str] = ()) -> str:
    """Return the text of a list with other items; what stands between two that stay is as it was.

    Args:
        text: of the list, bracket to bracket.
        items: the places of its items in it, see ``find_items``.
        new: text of an item by its number from 0; None of one that is left out.
        added: texts of items that come behind the others.
    """
    before = [text[1 : items[0].start]] if items else [""]
    before += [text[one.end : two.start] for one, two in pairwise(items)]
    between = before[1] if len(before) > 1 else f",{before[0] or ' '}"
    kept = [(number, new.get(number, text[place.start : place.end])) for number, place in enumerate(items)]
    parts = [(before[number], content) for number, content in kept if content is not None]
    parts += [(between, content) for content in added]
    if parts:
        parts[0] = (before[0], parts[0][1])
    tail = text[items[-1].end : -1] if items else text[1:-1]
    return "".join(["[", *(gap + content for gap, content in parts), tail, "]"])


def write_like(value: Any, example: str = "") -> str:
    """Write a value as JSON with the indentation and the spaces of an example, the text of an object in the file."""
    if "\n" in example:
        outer = len(example) - len(example.rstrip("} \t")) - 1
        inner = re.match(r"\{\s*?\n([ \t]*)", example)
        width = max(len(inner[1]) - outer, 1) if inner else 2
        indent = "\t" * width if inner and "\t" in inner[1] else width
        return json.dumps(value, indent=indent, ensure_ascii=False).replace(
            "\n", f"\n{inner[1][:outer] if inner else ''}"
        )
    separators = (", " if ', "' in example or not example else ",", ": " if '": ' in example or not example else ":")
    return json.dumps(value, separators=separators, ensure_ascii=False)


def _skip(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place
