"""Text of source files and of the user's own: the one place that opens and decodes it.

A byte order mark says UTF-8, UTF-16 or UTF-32. Text without one is in the encoding that was stated, else in UTF-8.
Where text cannot be read the error says in one line in which file, in which line and at which byte, and what to do.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from cleanlab_assets.datasets.errors import UnreadableInputError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from xml.etree import ElementTree as ET

_ENCODING_OF_MARK = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # it begins with the mark of UTF-16, so it comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ENCODING_AFTER_MARK = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_XML_DECLARATION = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""", flags=re.ASCII)
_ENCODING_OF_XML_START = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_LINE_END = re.compile(r"\r\n?|\n")
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]')
DEEPEST_NESTING = 100
"""Lists and objects within each other beyond which a text is nested deeper than any data or settings are."""
LONGEST_CSV_FIELD = 2**31 - 1
LIKELY_ENCODINGS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "euc_kr", "big5")
"""Encodings that text without a byte order mark may have where it is not UTF-8, the most usual first."""
LINES_OF_A_GUESS = 1000
HOW_TO_STATE = 'state the encoding in dataset.toml, such as encoding = "{}"'


class TextFileError(UnreadableInputError):
    """A file whose text cannot be had: of another encoding, damaged, or no CSV, JSON or XML."""


def is_text_encoding(name: str) -> bool:
    """Whether Python knows an encoding of texts of that name."""
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return True


@contextmanager
def open_text(path: Path, encoding: str | None = None, *, newline: str | None = None) -> Iterator[TextIO]:
    """Open a text file; what goes wrong within the block because of the file becomes a ``TextFileError``.

    Args:
        path: the file; unpacked on the fly when its name ends in ``.gz``.
        encoding: that of a file without byte order mark; UTF-8 where none is stated.
        newline: how line ends are read, as ``open`` has it.

    Raises:
        TextFileError: the file cannot be opened, unpacked or decoded.
    """
    try:
        with _open_bytes(path) as stream:
            found = _find_encoding(path.name, stream.peek(io.DEFAULT_BUFFER_SIZE), encoding)
            with io.TextIOWrapper(stream, encoding=found, newline=newline) as text:
                yield text
    except UnicodeError as error:
        # A stream tells the place within its buffer: only the whole content tells the place in the file.
        with _open_bytes(path) as stream:
            decode_text(stream.read(), path.name, encoding)
        raise TextFileError(f"{path.name} cannot be decoded: {error}") from error


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the whole text of a file, every line end as a line feed; see ``open_text``."""
    with open_text(path, encoding) as stream:
        return stream.read()


def read_lines(path: Path, encoding: str | None = None) -> list[str]:
    """Return the lines of a file without their ends; only LF, CR LF and CR end a line. See ``open_text``."""
    lines = read_text(path, encoding).split("\n")  # as which each of the three is read
    return lines if lines[-1] else lines[:-1]


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends: unlike ``str.splitlines``, only LF, CR LF and CR end a line."""
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def decode_text(content: bytes, name: str, encoding: str | None = None) -> str:
    """Return the text of a file's content; ``name`` names the file in the error, see ``open_text``.

    Raises:
        TextFileError: the content is of another encoding.
    """
    found = _find_encoding(name, content, encoding)
    try:
        return content.decode(found)
    except UnicodeError as error:
        if not isinstance(error, UnicodeDecodeError):  # of a few encodings, that tell no place
            raise TextFileError(f"{name} cannot be decoded: {error}") from error
        start = error.start + len(content) - len(error.object)  # a decoder may have left out the mark
        line = len(_LINE_END.findall(content[:start].decode(found, errors="replace"))) + 1
        place = f"{name}, line {line}, byte offset {start}"
        wrong = f"found the byte {content[start]:#04x}, which is not {found.removesuffix('-sig').upper()}"
        is_stated = encoding is not None or found != "utf-8"
        raise TextFileError(
            f"{place}: {wrong}" + ("" if is_stated else f": {HOW_TO_STATE.format('latin-1')}")
        ) from error


def guess_encoding(content: bytes) -> str | None:
    """Return the likely encoding of a text that is neither UTF-8 nor has a byte order mark; None for any other one."""
    from charset_normalizer import from_bytes

    if b"\0" in content or content.startswith(tuple(_ENCODING_OF_MARK)):
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return None
    # The lines with bytes beyond ASCII tell most.
    telling = b"\n".join([line for line in content.split(b"\n") if not line.isascii()][:LINES_OF_A_GUESS])
    best = from_bytes(telling, cp_isolation=list(LIKELY_ENCODINGS)).best()
    if best is None:
        return None
    # Several may read the text alike: the most usual of them is the likeliest for the rest of it, too.
    alike = (name for name in LIKELY_ENCODINGS if telling.decode(name, errors="replace") == str(best))
    return next(alike, best.encoding)


@contextmanager
def open_csv(path: Path, encoding: str | None = None) -> Iterator[Any]:
    """Open a CSV file as a ``csv.reader``, whose fields may be of any length; see ``open_text``.

    Raises:
        TextFileError: the file cannot be read, or is no CSV.
    """
    csv.field_size_limit(LONGEST_CSV_FIELD)
    with open_text(path, encoding, newline="") as stream:
        reader = csv.reader(stream)
        try:
            yield reader
        except csv.Error as error:
            raise TextFileError(f"{path.name}, line {reader.line_num}: {error}") from error


def read_json(path: Path, encoding: str | None = None) -> Any:
    """Return the content of a JSON file; see ``open_text``.

    Raises:
        TextFileError: the file cannot be read, is no JSON, or is nested deeper than Python can read.
    """
    text = read_text(path, encoding)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TextFileError(f"{path.name}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except RecursionError:
        raise TextFileError(f"{path.name}, {find_deep_nesting(text)}: nested too deep") from None
    except ValueError as error:  # a number of thousands of digits
        raise TextFileError(f"{path.name}: not JSON: {error}") from error


def read_xml(path: Path, encoding: str | None = None) -> ET.Element:
    """Return the root of an XML file.

    Its text is in the encoding of its byte order mark, else in the one that it declares, else as ``open_text`` says.

    Raises:
        TextFileError: the file cannot be read, or is no XML.
    """
    from xml.etree import ElementTree as ET

    with _open_bytes(path) as stream:
        content = stream.read()
    text = decode_text(content, path.name, find_xml_encoding(content, path.name) or encoding)
    try:
        return ET.fromstring(text)  # noqa: S314 - expat guards against expanding entities
    except ET.ParseError as error:
        raise TextFileError(f"{path.name} is not XML: {error}") from error


def find_xml_encoding(content: bytes, name: str) -> str | None:
    """Return the encoding that an XML file declares; None where it declares none.

    Raises:
        TextFileError: it is unknown.
    """
    declaration = _XML_DECLARATION.match(content)
    declared = _ENCODING_OF_XML_START.get(content[:2]) or (declaration and declaration[1].decode("ascii"))
    if declared and not is_text_encoding(declared):
        raise TextFileError(f"{name}, line 1: declares the encoding {quote(declared)}, which is unknown")
    return declared or None


def find_deep_nesting(text: str) -> str | None:
    """Say at which line and column the brackets of a JSON or YAML text are nested too deep; None if they are not."""
    depth = 0
    for found in _NESTING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEEPEST_NESTING:
            before = text[: found.start()]
            return f"line {before.count(chr(10)) + 1}, column {found.start() - before.rfind(chr(10))}"
    return None


@contextmanager
def _open_bytes(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise TextFileError(f"{path.name} cannot be unpacked: {error}") from error
    except OSError as error:
        raise TextFileError(f"{path.name} cannot be read: {error.strerror or error}") from error


def read_content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where its name ends in ``.gz``; see ``open_text``."""
    with _open_bytes(path) as stream:
        return stream.read()


def pack_as(path: Path, content: bytes) -> bytes:
    """Return content as a file of that name holds it: packed where the name ends in ``.gz``."""
    return gzip.compress(content, mtime=0) if path.suffix == ".gz" else content


def decode_exactly(content: bytes, name: str, encoding: str | None = None) -> tuple[bytes, str, str]:
    """Take a text file apart so that it can be written again: byte order mark, encoding of what follows, and the text.

    Raises:
        TextFileError: the content is of another encoding.
    """
    decode_text(content, name, encoding)
    for mark, following in _ENCODING_AFTER_MARK.items():
        if content.startswith(mark):
            return mark, following, content[len(mark) :].decode(following)
    found = _find_encoding(name, content, encoding)
    return b"", found, content.decode(found)


def encode_exactly(
    mark: bytes, codec: str, text: str, name: str, *, error: type[UnreadableInputError] = TextFileError
) -> bytes:
    """Put a text file together again that ``decode_exactly`` took apart, with another text.

    Args:
        mark: its byte order mark.
        codec: encoding of what follows.
        text: the new text.
        name: of the file, for messages.
        error: type of the error.

    Raises:
        UnreadableInputError: of that type: the text has a character that the encoding cannot write.
    """
    try:
        return mark + text.encode(codec)
    except UnicodeEncodeError as wrong:
        character = wrong.object[wrong.start]
        raise error(f"{name}: {codec} cannot write {character!r}: save the file as UTF-8 first") from wrong


def _find_encoding(name: str, beginning: bytes, stated: str | None) -> str:
    """Return the encoding of a text by its beginning, and by what was stated."""
    for mark, encoding in _ENCODING_OF_MARK.items():
        if beginning.startswith(mark):
            return encoding
    if stated is None and (place := beginning.find(0)) >= 0:
        likely = "utf-16-le" if place % 2 else "utf-16-be"
        raise TextFileError(
            f"{name}, byte offset {place}: found the byte 0x00, which no text in UTF-8 has: "
            f"{HOW_TO_STATE.format(likely)}"
        )
    return stated or "utf-8"
