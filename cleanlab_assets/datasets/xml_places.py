"""Where in an XML text its elements stand, so that some of them can be replaced and all else stays as it was."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")


@dataclass
class PlacedElement:
    """An element of a text: its name, where it begins and ends, likewise what it holds, and the elements in it."""

    tag: str
    start: int
    end: int = 0
    inner: tuple[int, int] = (0, 0)
    children: list[PlacedElement] = field(default_factory=list)

    def find_all(self, tag: str) -> list[PlacedElement]:
        """Return the elements of a name that lie directly in it."""
        return [child for child in self.children if child.tag == tag]

    def find(self, path: str) -> PlacedElement | None:
        """Return the first element of a path of names, such as ``bndbox/xmin``."""
        first, _, rest = path.partition("/")
        for child in self.find_all(first):
            found = child.find(rest) if rest else child
            if found is not None:
                return found
        return None


def find_elements(text: str) -> PlacedElement:
    """Return the root of a text that is XML."""
    content = text.encode()  # the parser counts bytes
    ends = None if len(content) == len(text) else np.cumsum([len(character.encode()) for character in text])
    parser = expat.ParserCreate("utf-8")
    root, opened = PlacedElement("", 0), list[PlacedElement]()

    def place() -> int:
        index = parser.CurrentByteIndex
        return index if ends is None else int(np.searchsorted(ends, index, side="right"))

    def begin(tag: str, _: Mapping[str, str]) -> None:
        element = PlacedElement(tag, place())
        (opened[-1] if opened else root).children.append(element)
        opened.append(element)

    def end(_: str) -> None:
        element, close = opened.pop(), place()
        tag = _TAG.match(text, element.start)
        behind = tag.end() if tag else element.start
        is_empty = text[behind - 2 : behind] == "/>"
        element.inner = (behind, behind) if is_empty else (behind, close)
        element.end = behind if is_empty else text.index(">", close) + 1

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(content, True)  # noqa: FBT003 - it takes no name
    return root.children[0]
