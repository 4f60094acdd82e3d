from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.source_tables import (
    SourceFormatError,
    label_column,
    parse_codes,
    parse_number_columns,
    parse_numbers,
    read_fields,
    row_ids,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_row_ids_name_file_and_line() -> None:
    assert row_ids("table.csv", range(2, 4)) == ["table.csv:2", "table.csv:3"]


def test_known_labels_become_a_categorical_with_the_class_names_in_their_order() -> None:
    column = label_column(["b", "a", "b"], ["b", "a", "c"])

    assert column.tolist() == ["b", "a", "b"]
    assert column.dtype == pd.CategoricalDtype(["b", "a", "c"])


def test_unknown_and_missing_labels_are_kept_as_they_came() -> None:
    column = label_column(["a", "A ", None, "nan"], ["a", "b"])

    assert column.tolist() == ["a", "A ", None, "nan"]
    assert column.dtype == object


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_fields_are_text_with_the_line_that_they_came_from(tmp_path: Path, line_end: str, name: str) -> None:
    path = tmp_path / name
    content = "".join(f"{line}{line_end}" for line in ("a;b", "01;x", "2.50;")).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    with_header = read_fields(path, ["a", "b"], separator=";", has_header=True)
    without_header = read_fields(path, ["a", "b"], separator=";")

    assert with_header.to_numpy().tolist() == [[f"{name}:2", "01", "x"], [f"{name}:3", "2.50", ""]]
    assert without_header.to_numpy().tolist() == [[f"{name}:1", "a", "b"], *with_header.to_numpy().tolist()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n1\n", "table.csv, line 3: found 1 fields, expected 2"),
        ("a,b\n1,2,3\n", "table.csv, line 2: found 3 fields, expected 2"),
        ("a,b\n\n1,2\n", "table.csv, line 2: found 1 fields, expected 2"),
        ("a,c\n1,2\n", "table.csv, line 1: found 'a,c', expected the header 'a,b'"),
        ("", "table.csv, line 1: found '', expected the header 'a,b'"),
    ],
)
def test_a_malformed_line_or_header_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)

    with pytest.raises(SourceFormatError, match=message):
        read_fields(path, ["a", "b"], has_header=True)


def fields_of(*values: str) -> pd.DataFrame:
    return pd.DataFrame({"row_id": row_ids("table.csv", range(1, len(values) + 1)), "x": values})


def test_numbers_are_read_exactly() -> None:
    numbers = parse_numbers(fields_of("0.1", "1.51e+02", "-3"), "x")

    assert numbers.dtype == np.float64
    assert numbers.tolist() == [0.1, 151, -3]
    assert parse_numbers(fields_of("12", "-3"), "x", is_integer=True).dtype == np.int64


@pytest.mark.parametrize("bad", ["", "many", "nan", "inf"])
def test_what_is_no_finite_number_is_named(bad: str) -> None:
    with pytest.raises(SourceFormatError, match=f"table.csv:2, column x: found '{bad}', expected a number"):
        parse_numbers(fields_of("1", bad), "x")


@pytest.mark.parametrize("bad", ["2.5", "2.0", ""])
def test_what_is_no_whole_number_is_named_where_one_is_expected(bad: str) -> None:
    with pytest.raises(SourceFormatError, match=f"table.csv:2, column x: found '{bad}', expected a whole number"):
        parse_numbers(fields_of("1", bad), "x", is_integer=True)


def test_codes_become_categories_in_the_order_of_their_numbers() -> None:
    codes = parse_codes(fields_of("10", "2", "0", "10"), "x")

    assert list(codes) == ["10", "2", "0", "10"]
    assert list(codes.categories) == ["0", "2", "10"]


def test_columns_of_numbers_are_read_as_python_reads_them_and_none_is_missing() -> None:
    written = ["0.1", "-3", "+1e3", "1_000", " 7 ", ".5", "1e-320", "12345678901234567890", "0.30000000000000004"]
    fields = fields_of(*written).assign(y=pd.Series([None, *written[1:]], dtype=object))

    numbers = parse_number_columns(fields, ["y", "x"])

    assert numbers[:, 1].tolist() == [float(text) for text in written]
    assert np.isnan(numbers[0, 0])
    assert numbers[1:, 0].tolist() == [float(text) for text in written[1:]]


@pytest.mark.parametrize("bad", ["", "many", "nan", "inf", "1e999", "0x10", "1,5"])
@pytest.mark.parametrize("missing", [None, "1_000"])
def test_the_first_field_of_several_columns_that_is_no_number_is_named(bad: str, missing: str | None) -> None:
    fields = fields_of("1", "2", bad).assign(y=pd.Series([missing, "4", "x"], dtype=object))

    with pytest.raises(SourceFormatError, match=f"table.csv:3, column x: found '{bad}', expected a number"):
        parse_number_columns(fields, ["x", "y"])


@pytest.mark.parametrize(("is_integer", "expected"), [(False, "a number"), (True, "a whole number")])
def test_a_missing_value_is_no_number_where_one_is_needed(*, is_integer: bool, expected: str) -> None:
    fields = pd.DataFrame({"row_id": ["t.csv:1", "t.csv:2"], "x": ["1", None]})
    with pytest.raises(SourceFormatError, match=f"^t.csv:2, column x: found None, expected {expected}$"):
        parse_numbers(fields, "x", is_integer=is_integer)
