"""Where in an XML text its elements stand, so that some of them can be replaced and every other byte stays."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG = re.compile(rb"""<(?:"[^"]*"|'[^']*'|[^>"'])*>""")


@dataclass
class PlacedElement:
    """An element of a text: its name, its first and last byte, those of what it holds, and the elements in it."""

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


def find_elements(content: bytes) -> PlacedElement:
    """Return the root of an XML text.

    Args:
        content: text that is XML, as UTF-8 whatever it declares.
    """
    parser = expat.ParserCreate("utf-8")
    root, opened = PlacedElement("", 0), list[PlacedElement]()

    def begin(tag: str, _: Mapping[str, str]) -> None:
        element = PlacedElement(tag, parser.CurrentByteIndex)
        (opened[-1] if opened else root).children.append(element)
        opened.append(element)

    def end(_: str) -> None:
        element, close = opened.pop(), parser.CurrentByteIndex
        tag = _TAG.match(content, element.start)
        behind = tag.end() if tag else element.start
        is_empty = content[behind - 2 : behind] == b"/>"
        element.inner = (behind, behind) if is_empty else (behind, close)
        element.end = behind if is_empty else content.index(b">", close) + 1

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(content, True)  # noqa: FBT003 - it takes no name
    return root.children[0]


def replace_bytes(content: bytes, new: Mapping[tuple[int, int], bytes]) -> bytes:
    """Return bytes with others in some places, by their first and their end, none of which lies within another."""
    parts, done = [], 0
    for start, end in sorted(new):
        parts += [content[done:start], new[start, end]]
        done = end
    return b"".join([*parts, content[done:]])
