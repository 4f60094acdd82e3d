from __future__ import annotations

import gzip
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.tables.columns import to_texts
from cleanlab_assets.datasets.tables.delimited import Dialect, TableError
from cleanlab_assets.datasets.tables.files import Form, guess_encoding_of, read_source_table
from cleanlab_assets.datasets.text_files import TextFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLE = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, None, 2.5], "word": ["a", None, "ü"]})
CSV = TABLE.to_csv(index=False)
JSON_LINES = TABLE.to_json(orient="records", lines=True, force_ascii=False)


def write_excel(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(TABLE.columns))
    for row in pa.Table.from_pandas(TABLE).to_pylist():
        sheet.append(list(row.values()))
    book.create_sheet("other")
    book.save(path)


def write_stream(path: Path) -> None:
    table = pa.Table.from_pandas(TABLE)
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", CSV)


def write_zst(path: Path) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(CSV.encode())


WRITERS: dict[str, Callable[[Path], Any]] = {
    "t.csv": lambda path: path.write_text(CSV, encoding="utf-8"),
    "t.TSV": lambda path: path.write_text(CSV.replace(",", "\t"), encoding="utf-8"),
    "t.txt": lambda path: path.write_text(CSV.replace(",", ";"), encoding="utf-16"),
    "t.csv.gz": lambda path: path.write_bytes(gzip.compress(CSV.encode("utf-8-sig"))),
    "t.csv.zip": write_zip,
    "t.csv.zst": write_zst,
    "t.parquet": TABLE.to_parquet,
    "polars.parquet": lambda path: pl.from_pandas(TABLE).write_parquet(path),
    "t.jsonl": lambda path: path.write_text(JSON_LINES, encoding="utf-8"),
    "t.ndjson.gz": lambda path: path.write_bytes(gzip.compress(JSON_LINES.encode())),
    "t.feather": lambda path: feather.write_feather(TABLE, str(path)),
    "t.arrow": write_stream,
    "t.xlsx": write_excel,
}
FIRST_ROW = dict.fromkeys(("t.parquet", "polars.parquet", "t.jsonl", "t.ndjson.gz", "t.feather", "t.arrow"), 1)


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_holds_the_same_table(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)

    found = read_source_table(tmp_path / name)

    assert found.columns.column_names == ["n", "x", "word"]
    assert to_texts(found.columns["n"]).to_pylist() == ["1", "2", "3"]
    assert to_texts(found.columns["x"]).to_pylist() == ["0.5", None, "2.5"]
    assert to_texts(found.columns["word"]).to_pylist() == ["a", None, "ü"]
    first = FIRST_ROW.get(name, 2)
    assert found.row_ids == [f"{name}:{first + place}" for place in range(3)]


def test_the_form_of_a_text_is_found_and_can_be_stated(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n1,5;x\n", encoding="utf-8")
    assert read_source_table(tmp_path / "t.csv").form == Form(dialect=Dialect(delimiter=";"))
    with pytest.raises(TableError, match="line 2: found 2 fields, expected 1"):
        read_source_table(tmp_path / "t.csv", Form(dialect=Dialect(delimiter=",")))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (",a,b", ["column_1", "a", "b"]),
        ("a,a,a", ["a", "a_2", "a_3"]),
        ("a,a,a_2", ["a", "a_3", "a_2"]),
        (" a ,b , ", ["a", "b", "column_3"]),
        ("split,rank,x", ["split_", "rank_", "x"]),
        ('"a,b","c ""d""",e', ["a,b", 'c "d"', "e"]),
    ],
)
def test_columns_get_names_that_tell_them_apart(tmp_path: Path, header: str, expected: list[str]) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n1,2,3\n", encoding="utf-8")
    found = read_source_table(tmp_path / "t.csv", taken=frozenset({"split", "rank"}))
    assert found.columns.column_names == expected
    renamed = [note for note in found.notes if "the audit has a column of that name" in note]
    assert len(renamed) == sum(name.endswith("_") for name in expected)


def test_a_new_name_that_another_column_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("split,split_\n1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match="two columns would be named 'split_'"):
        read_source_table(tmp_path / "t.csv", taken=frozenset({"split"}))


def test_blank_lines_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n\n3,4\n,\n", encoding="utf-8")
    found = read_source_table(tmp_path / "t.csv")
    assert found.row_ids == ["t.csv:2", "t.csv:4"]
    assert found.notes == ("t.csv: 2 lines without any value are left out: 3, 5",)


def test_all_lines_that_are_no_json_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": \n[1]\n\n{"a": 2}\n', encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_source_table(tmp_path / "t.jsonl")
    first, second = str(caught.value).splitlines()
    assert first.startswith("t.jsonl, line 2: not JSON")
    assert second == "t.jsonl, line 3: found [1], expected an object with a value for each column"


def test_mixed_values_of_json_become_text(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{"a": "x", "b": 2}\n{"a": [1]}\n', encoding="utf-8")
    found = read_source_table(tmp_path / "t.jsonl").columns.to_pydict()
    assert found == {"a": ["1", "x", "[1]"], "b": [None, 2, None]}


def test_the_sheet_of_an_excel_file_can_be_named(tmp_path: Path) -> None:
    write_excel(tmp_path / "t.xlsx")
    assert "there are also other" in read_source_table(tmp_path / "t.xlsx").notes[0]
    with pytest.raises(TableError, match="sheet 'other' is empty"):
        read_source_table(tmp_path / "t.xlsx", Form(sheet="other"))
    with pytest.raises(TableError, match="found no sheet 'none', expected one of Sheet, other"):
        read_source_table(tmp_path / "t.xlsx", Form(sheet="none"))


def test_without_its_library_an_excel_file_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_excel(tmp_path / "t.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        TableError, match=r"t\.xlsx needs openpyxl.*'cleanlab-assets\[excel\]', or save the sheet as CSV"
    ):
        read_source_table(tmp_path / "t.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", r"t\.csv: found no header"),
        ("t.csv", b"a,b\n", r"t\.csv: found no rows below the header"),
        ("t.jsonl", b"", r"t\.jsonl: found no rows"),
        ("t.csv", b"a,b\n1,\xe9\n", r"t\.csv, line 2, byte offset 6: found the byte 0xe9, which is not UTF-8"),
        ("t.csv", b"a\0b\n", r"t\.csv, byte offset 1: found the byte 0x00"),
        ("t.parquet", b"PAR1nothing", r"t\.parquet cannot be read"),
        ("t.feather", b"nothing", r"t\.feather cannot be read"),
        ("t.csv.gz", b"nothing", r"t\.csv\.gz cannot be read"),
        ("t.csv.zip", b"nothing", r"t\.csv\.zip cannot be unpacked"),
        ("t.csv.zst", b"nothing", r"t\.csv\.zst cannot be read"),
        ("t.xlsx", b"nothing", r"t\.xlsx cannot be read as an Excel file"),
        ("t.json", b"{}", r"t\.json: found the ending '\.json', expected one of \.csv, "),
        ("t", b"{}", r"t: found the ending '', expected one of \.csv, "),
    ],
)
def test_what_holds_no_table_is_told(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableInputError, match=message):
        read_source_table(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextFileError, match=r"t\.csv cannot be read: No such file or directory"):
        read_source_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "name,ort\nJörg,Köln\nBjörn,Düsseldorf\nÄnne,Nürnberg\n" * 5),
        ("cp1251", "имя,город\nЮлия,Новосибирск\nДмитрий,Липецк\n" * 5),  # noqa: RUF001 - Cyrillic
        ("shift_jis", "名前,都市\n太郎,東京\n花子,大阪\n" * 5),
    ],
)
def test_the_encoding_of_a_text_is_guessed(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    found = guess_encoding_of(tmp_path / "t.csv")
    assert found is not None
    assert text.encode(encoding).decode(found) == text


@pytest.mark.parametrize("content", ["a,b\nü,1\n".encode(), "a\nü".encode("utf-16"), b"a,b\n1,2\n", b"a\0\n"])
def test_nothing_is_guessed_of_text_that_says_its_encoding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert guess_encoding_of(tmp_path / "t.csv") is None
