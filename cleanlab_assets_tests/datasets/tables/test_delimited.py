from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.tables.delimited import Dialect, TableError, find_dialect, read_records


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", Dialect()),
        ("a;b\n1,5;2,5\n3,5;4,5\n", Dialect(delimiter=";")),
        ("a\tb\nx, y\tz\n", Dialect(delimiter="\t")),
        ("a|b|c\n1|2|3\n", Dialect(delimiter="|")),
        ('a;b\n"x;y";1\n', Dialect(delimiter=";")),
        ("'a','b'\n'x,y','1'\n'z','2'\n", Dialect(quote="'")),
        ('a,b\n"say \\"hi\\", now",1\n"x",2\n', Dialect(escape="\\")),
        ("name\nann\nbob\n", Dialect()),
        ("", Dialect()),
        ("a,b\n1,2\n3,4\n5", Dialect()),
        ("note,label\nfirst; second,x\nthird; fourth,y\n", Dialect()),
        ('example;n,;"n;,"\nn0;cat;cat\nn9;cat;cat\nn00;cat;cat\n', Dialect(delimiter=";")),
        ("sep=;\na;b\n1;2\n", Dialect(delimiter=";")),
        ('"sep=|"\r\na,b|c\r\n1,2|3\r\n', Dialect(delimiter="|")),
        ("sep=,b\n1,2\n3,4\n", Dialect()),
    ],
)
def test_the_dialect_is_that_by_which_records_fit_the_header(text: str, expected: Dialect) -> None:
    assert find_dialect(text) == expected


def test_every_record_knows_the_line_that_it_begins_in() -> None:
    text = 'a,b\n1,"two\nlines"\n\n2,x\n,\n3,"three\n\nlines"\n4,y\n'

    records = read_records(text, "t.csv", Dialect())

    assert records.header == ["a", "b"]
    assert records.fields.to_pydict() == {"0": list("1234"), "1": ["two\nlines", "x", "three\n\nlines", "y"]}
    assert records.lines.tolist() == [2, 5, 7, 10]
    assert records.blank_lines == [4, 6]


def test_lines_above_the_header_count() -> None:
    assert read_records("\n\na,b\n1,2\n", "t.csv", Dialect()).lines.tolist() == [4]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_first_line_that_tells_excel_the_delimiter_is_no_record(end: str) -> None:
    text = end.join(["sep=;", "a;b", "1;2,5", ""])
    records = read_records(text, "t.csv", find_dialect(text))
    assert records.header == ["a", "b"]
    assert records.fields.to_pydict() == {"0": ["1"], "1": ["2,5"]}
    assert records.lines.tolist() == [3]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_of_any_system_are_read(end: str) -> None:
    records = read_records(end.join(["a,b", "1,2", "3,4", ""]), "t.csv", Dialect())
    assert records.fields.to_pydict() == {"0": ["1", "3"], "1": ["2", "4"]}
    assert records.lines.tolist() == [2, 3]


def test_all_lines_of_another_length_are_told_at_once() -> None:
    text = 'a,b\n1,"x\ny"\n3\n4,5\n6,7,8\n9,"z\nz"\n1,2,3,4\n'

    with pytest.raises(TableError) as caught:
        read_records(text, "t.csv", Dialect())

    assert str(caught.value).splitlines() == [
        "t.csv, line 4: found 1 fields, expected 2, as many as the header has",
        "t.csv, line 6: found 3 fields, expected 2, as many as the header has",
        "t.csv, line 9: found 4 fields, expected 2, as many as the header has",
    ]


def test_of_many_lines_of_another_length_the_first_are_told_and_the_others_counted() -> None:
    with pytest.raises(TableError) as caught:
        read_records("a,b\n" + "1\n" * 50, "t.csv", Dialect())
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("and 30 more")


def test_a_quote_that_is_never_closed_is_named_with_its_line() -> None:
    with pytest.raises(TableError, match=r"t\.csv, line 3: a quote is opened and never closed"):
        read_records('a,b\n1,x\n2,"y\n3,z\n4,z\n', "t.csv", Dialect())


@pytest.mark.parametrize("text", ["", "\n\n", " \n", ",,\n"])
def test_a_text_without_header_is_refused(text: str) -> None:
    with pytest.raises(TableError, match="found no header"):
        read_records(text, "t.csv", Dialect())


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
@settings(deadline=None, max_examples=100)
def test_what_a_csv_writer_writes_is_read_as_it_was(rows: list[list[str]], delimiter: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b", "c"], *rows])

    records = read_records(stream.getvalue(), "t.csv", Dialect(delimiter=delimiter))

    kept = [row for row in rows if any(field.strip() for field in row)]
    found = list(zip(*records.fields.to_pydict().values(), strict=True))
    assert found == [tuple(row) for row in kept]
    lines = np.cumsum([2, *(1 + sum(field.count("\n") for field in row) for row in rows)])[:-1]
    expected = [line for row, line in zip(rows, lines.tolist(), strict=True) if any(field.strip() for field in row)]
    assert records.lines.tolist() == expected
