"""Text of every encoding is read, or the place is told where it cannot be."""

from __future__ import annotations

import codecs
import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.datasets.text_files import (
    TextFileError,
    is_text_encoding,
    open_csv,
    open_text,
    read_json,
    read_text,
    read_xml,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = "größe,名\n1,ß\n"
MARKED = {
    "utf-8": TEXT.encode(),
    "utf-8 with mark": TEXT.encode("utf-8-sig"),
    "utf-16-le with mark": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16-be with mark": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-32-le with mark": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
    "utf-32-be with mark": codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
}


def write(folder: Path, content: bytes, name: str = "t.txt") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["t.txt", "t.txt.gz"])
@pytest.mark.parametrize("content", MARKED.values(), ids=MARKED)
def test_the_mark_at_the_beginning_says_the_encoding_whatever_is_stated(
    tmp_path: Path, content: bytes, name: str
) -> None:
    path = write(tmp_path, content, name)
    assert read_text(path) == TEXT
    with open_csv(path) as reader:
        assert list(reader) == [["größe", "名"], ["1", "ß"]]
    if content != MARKED["utf-8"]:
        assert read_text(path, "latin-1") == TEXT


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "shift_jis", "koi8-r"])
def test_text_without_mark_is_of_the_encoding_that_is_stated(tmp_path: Path, encoding: str) -> None:
    text = {"shift_jis": "名前\n", "koi8-r": "имя\n"}.get(encoding, "größe\n")
    assert read_text(write(tmp_path, text.encode(encoding)), encoding) == text


def test_line_ends_of_all_systems_are_line_ends(tmp_path: Path) -> None:
    with pytest.raises(TextFileError, match="line 4, byte offset 8"):
        read_text(write(tmp_path, b"a\nb\r\nc\rd\x85e"))
    assert read_text(write(tmp_path, "a\nb\r\nc\rd\u2028e".encode())) == "a\nb\nc\nd\u2028e"


@pytest.mark.parametrize("n_lines", [3, 20_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_no_utf_8_is_told_with_line_byte_and_advice(tmp_path: Path, n_lines: int, end: str) -> None:
    good = f"größe{end}".encode() * n_lines
    path = write(tmp_path, good + "größe".encode("latin-1"))
    with pytest.raises(TextFileError) as caught, open_text(path) as stream:
        list(stream)
    assert str(caught.value) == (
        f"t.txt, line {n_lines + 1}, byte offset {len(good) + 2}: found the byte 0xf6, which is not UTF-8: "
        'state the encoding in dataset.toml, such as encoding = "latin-1"'
    )


@pytest.mark.parametrize(
    ("content", "stated", "message"),
    [
        (b"gr\xf6\xdfe", "utf-8", "t.txt, line 1, byte offset 2: found the byte 0xf6, which is not UTF-8"),
        (b"gr\xf6\xdfe", "ascii", "t.txt, line 1, byte offset 2: found the byte 0xf6, which is not ASCII"),
        (codecs.BOM_UTF8 + b"\xf6", None, "t.txt, line 1, byte offset 3: found the byte 0xf6, which is not UTF-8"),
        (codecs.BOM_UTF16_LE + b"a\0b", None, "t.txt, line 1, byte offset 4: found the byte 0x62, which is not UTF-16"),
        (b"xn--a.\xff", "idna", "^t.txt"),
        ("a\n".encode("utf-16-le"), None, 'byte offset 1: found the byte 0x00, .* encoding = "utf-16-le"$'),
        ("a\n".encode("utf-16-be"), None, 'byte offset 0: found the byte 0x00, .* encoding = "utf-16-be"$'),
    ],
)
def test_another_encoding_than_is_known_is_told(
    tmp_path: Path, content: bytes, stated: str | None, message: str
) -> None:
    with pytest.raises(TextFileError, match=message) as caught:
        read_text(write(tmp_path, content), stated)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "cannot be unpacked: Not a gzipped"),
        (gzip.compress(b"a" * 9999, mtime=0)[:-9], "cannot be unpacked"),
    ],
)
def test_a_damaged_gzip_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(content)
    with pytest.raises(TextFileError, match=rf"t\.csv\.gz {message}"):
        read_text(path)


def test_a_folder_or_an_absent_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.txt").mkdir()
    with pytest.raises(TextFileError, match=r"^t\.txt cannot be read: Is a directory$"):
        read_text(tmp_path / "t.txt")
    with pytest.raises(TextFileError, match=r"^absent\.txt cannot be read: No such file or directory$"):
        read_text(tmp_path / "absent.txt")


@pytest.mark.parametrize("name", ["latin-1", "CP1252", "utf-16", "utf_8_sig", "gb18030"])
def test_an_encoding_of_texts_is_known(name: str) -> None:
    assert is_text_encoding(name)


@pytest.mark.parametrize("name", ["", "latin-99", "hex", "rot13", "undefined", "zip", "a\0b", "x" * 10_000, "../utf_8"])
def test_what_is_no_encoding_of_texts_is_not(name: str) -> None:
    assert not is_text_encoding(name)


def test_a_field_of_csv_may_be_of_any_length(tmp_path: Path) -> None:
    with open_csv(write(tmp_path, b'a,"' + b"x" * 200_000 + b'"\n')) as reader:
        ((_, field),) = reader
    assert field == "x" * 200_000


def _nest(n_levels: int) -> str:
    return '{"a[": "\\"[",\n "b": ' + "[" * n_levels + "]" * n_levels + "}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b" 2}', "t.json, line 2, column 6: not JSON: Expecting ':' delimiter"),
        ("", "t.json, line 1, column 1: not JSON: Expecting value"),
        (_nest(200_000), "t.json, line 2, column 106: nested too deep"),
        ('{"a": ' + "9" * 5000 + "}", "t.json: not JSON: Exceeds the limit"),
    ],
    ids=["wrong", "empty", "deep", "long number"],
)
def test_what_is_no_json_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TextFileError, match=f"^{re.escape(message)}") as caught:
        read_json(write(tmp_path, text.encode(), "t.json"))
    assert len(str(caught.value)) < 200


def test_json_is_read_in_every_encoding(tmp_path: Path) -> None:
    content: Any = {"größe": [1, None]}
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        path = write(tmp_path, json.dumps(content, ensure_ascii=False).encode(encoding), "t.json")
        assert read_json(path) == content
    assert read_json(write(tmp_path, json.dumps(content, ensure_ascii=False).encode("cp1252"), "t.json"), "cp1252")


XML = '<?xml version="1.0"{}?>\n<a><b>{}</b></a>'
XML_WAYS: dict[str, tuple[Callable[[str], bytes], str | None]] = {
    "plain": (lambda name: XML.format("", name).encode(), None),
    "no declaration": (lambda name: f"<a><b>{name}</b></a>".encode(), None),
    "mark": (lambda name: XML.format("", name).encode("utf-8-sig"), None),
    "mark, another declared": (lambda name: XML.format(' encoding="gb2312"', name).encode("utf-8-sig"), None),
    "utf-16 with mark": (lambda name: XML.format("", name).encode("utf-16"), None),
    "utf-16 with mark, utf-8 declared": (lambda name: XML.format(' encoding="utf-8"', name).encode("utf-16"), None),
    "utf-16 without mark": (lambda name: XML.format(' encoding="utf-16"', name).encode("utf-16-be"), None),
    "gb2312 declared": (lambda name: XML.format(' encoding="gb2312"', name).encode("gb2312"), None),
    "declared before stated": (lambda name: XML.format(" encoding='gb2312'", name).encode("gb2312"), "latin-1"),
    "stated": (lambda name: XML.format("", name).encode("gb2312"), "gb2312"),
}


@pytest.mark.parametrize(("write_xml", "stated"), XML_WAYS.values(), ids=XML_WAYS)
def test_xml_is_read_by_mark_declaration_or_statement(
    tmp_path: Path, write_xml: Callable[[str], bytes], stated: str | None
) -> None:
    assert read_xml(write(tmp_path, write_xml("方"), "t.xml"), stated).findtext("b") == "方"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            XML.format("", "é").encode("latin-1"),
            "t.xml, line 2, byte offset 28: found the byte 0xe9, which is not UTF-8",
        ),
        (XML.format(' encoding="x-42"', "a").encode(), "t.xml, line 1: declares the encoding 'x-42', which is unknown"),
        (XML.format(' encoding="ascii"', "é").encode(), "t.xml, line 2, byte offset 45: .* which is not ASCII"),
        (b"<a><b></a>", "t.xml is not XML: mismatched tag: line 1, column 8"),
    ],
)
def test_what_is_no_xml_is_told_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(TextFileError, match=f"^{message}"):
        read_xml(write(tmp_path, content, "t.xml"))


def test_deep_xml_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, b"<a>" * 50_000 + b"</a>" * 50_000, "t.xml")
    assert read_xml(path).findall("object") == []
