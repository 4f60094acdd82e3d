"""A rewritten text file differs from its source in the asked fields alone."""

from __future__ import annotations

import codecs
import csv
import io
from itertools import product

import numpy as np
import pytest

from cleanlab_assets.datasets.tables.delimited import Dialect, TableError, find_dialect, read_records
from cleanlab_assets.datasets.tables.json_rewriting import replace_members
from cleanlab_assets.datasets.tables.rewriting import replace_fields

COMMA = Dialect()


class _QuoteAll(csv.excel):
    quoting = csv.QUOTE_ALL


AWKWARD = 'id,label,text\r\n1,"a","x, y"\r\n\r\n2,b,"two\nlines ""quoted"""\r\n3,a ,  z\r\n4,,w'


def test_only_the_asked_field_changes() -> None:
    changed = replace_fields(AWKWARD.encode(), "t.csv", COMMA, column=1, new={2: "b", 4: 'c, "d"', 6: "e", 7: "f"})

    assert changed.decode() == (
        'id,label,text\r\n1,"b","x, y"\r\n\r\n2,"c, ""d""","two\nlines ""quoted"""\r\n3,e,  z\r\n4,f,w'
    )


def test_without_changes_every_byte_stays() -> None:
    assert replace_fields(AWKWARD.encode(), "t.csv", COMMA, column=1, new={}) == AWKWARD.encode()


def test_records_are_left_out_whole() -> None:
    changed = replace_fields(AWKWARD.encode(), "t.csv", COMMA, column=1, new={2: "b"}, left_out=[4, 7])

    assert changed.decode() == 'id,label,text\r\n1,"b","x, y"\r\n\r\n3,a ,  z\r\n'


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b""])
def test_encoding_and_byte_order_mark_stay(mark: bytes) -> None:
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    content = mark + "id;label\n1;ü\n2;ö\n".encode(codec)

    changed = replace_fields(content, "t.csv", Dialect(delimiter=";"), column=1, new={3: "ß"})

    assert changed == mark + "id;label\n1;ü\n2;ß\n".encode(codec)


def test_what_cannot_be_done_is_told() -> None:
    with pytest.raises(TableError, match=r"t\.csv, line 5: found no record with 2 fields that begins there"):
        replace_fields(AWKWARD.encode(), "t.csv", COMMA, column=1, new={5: "b"})
    with pytest.raises(TableError, match="latin-1 cannot write '€'"):
        replace_fields(b"a,b\n1,2\n", "t.csv", COMMA, column=1, new={2: "€"}, encoding="latin-1")


def test_random_tables_are_read_back_with_the_new_labels_and_nothing_else_changed() -> None:
    rng = np.random.default_rng(0)
    values = ["a", "b,c", 'say "x"', "two\nlines", " padded ", "ü", "1;2", "it's"]
    for delimiter, line_end, dialect_of in product([",", ";", "\t"], ["\n", "\r\n"], [csv.excel, _QuoteAll]):
        for _ in range(10):
            records = [[str(rng.choice(values)) for _ in range(4)] for _ in range(12)]
            stream = io.StringIO()
            writer = csv.writer(stream, dialect_of, delimiter=delimiter, lineterminator=line_end)
            writer.writerows([["w", "x", "y", "z"], *records])
            text = stream.getvalue()
            dialect = Dialect(delimiter=delimiter)
            lines = read_records(text, "t.csv", dialect).lines.tolist()
            chosen = rng.choice(12, size=4, replace=False).tolist()
            new = {lines[place]: str(rng.choice(values)) for place in chosen}

            changed = replace_fields(text.encode(), "t.csv", dialect, column=2, new=new).decode()

            expected = [
                [*record[:2], new.get(line, record[2]), record[3]] for record, line in zip(records, lines, strict=True)
            ]
            found = list(csv.reader(io.StringIO(changed, newline=""), delimiter=delimiter))[1:]
            assert found == expected
            same = {line: record[2] for record, line in zip(records, lines, strict=True) if line in new}
            assert replace_fields(text.encode(), "t.csv", dialect, column=2, new=same).decode() == text


def test_a_character_that_json_lines_of_another_encoding_cannot_hold_is_named() -> None:
    lines = '{"id": 1, "label": "b\u00fc"}\n{"id": 2, "label": "\u00fc"}\n'.encode("latin-1")
    assert replace_members(lines, "t.jsonl", column=1, new={2: "\u00e4"}, encoding="latin-1").endswith(b'"\xe4"}\n')
    with pytest.raises(TableError, match=r"t\.jsonl: latin-1 cannot write '\u20ac': save the file as UTF-8 first"):
        replace_members(lines, "t.jsonl", column=1, new={2: "\u20ac"}, encoding="latin-1")


def test_a_first_line_that_tells_excel_the_delimiter_stays() -> None:
    text = "sep=;\r\nid;label\r\n1;a\r\n2;b\r\n"
    changed = replace_fields(text.encode(), "t.csv", find_dialect(text), column=1, new={4: "a"}).decode()
    assert changed == "sep=;\r\nid;label\r\n1;a\r\n2;a\r\n"


def test_an_escape_before_quotes_stays_one() -> None:
    text = 'id,label\n1,"say \\"x\\", y"\n2,b\n'
    dialect = find_dialect(text)
    assert dialect.escape == "\\"

    changed = replace_fields(text.encode(), "t.csv", dialect, column=1, new={3: 'a "c"'}).decode()

    assert changed == 'id,label\n1,"say \\"x\\", y"\n2,"a \\"c\\""\n'
