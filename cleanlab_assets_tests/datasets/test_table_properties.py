"""Random files of labels and tables are read back equal; small damage ends in equal data, a note or one clear error."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.own_datasets import find_own_datasets

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.datasets.dataset import NotedTable

EXAMPLES = settings(max_examples=200, deadline=None)
CLASSES = ["cat", "dog", "wild cow"]
_WORD = st.text("abcXYZ09 éü;,\t|'\"-_.", min_size=1, max_size=6).map(lambda text: f"n{text.strip()}")
_NUMBER = st.floats(-1e6, 1e6, width=32).map(lambda number: f"{number:.4f}")
FORMS = ("long", "wide", "csv", "jsonl")


def _write_csv(rows: list[list[str]], delimiter: str) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


@st.composite
def _files(draw: Any, form: str) -> tuple[bytes, list[list[Any]]]:
    """Draw a file of a form, and what it holds: examples, annotators and labels, or names, numbers and labels."""
    names = draw(st.lists(_WORD, min_size=3, max_size=8, unique=True))
    delimiter = draw(st.sampled_from(",;\t|"))
    if form in ("long", "wide"):
        annotators = draw(st.lists(_WORD, min_size=2, max_size=4, unique=True))
        given_by = {
            (example, annotator): draw(st.sampled_from([*CLASSES, ""])) for annotator in annotators for example in names
        }
        expected = [[*key, label] for key, label in given_by.items() if label]
        if form == "long":
            return _write_csv([["example", "annotator", "label"], *expected], delimiter), expected
        rows = [[example, *(given_by[example, annotator] for annotator in annotators)] for example in names]
        return _write_csv([["example", *annotators], *rows], delimiter), expected
    rows = [[name, draw(_NUMBER), draw(st.sampled_from(CLASSES))] for name in names]
    expected = [[name, float(number), label] for name, number, label in rows]
    if form == "csv":
        return _write_csv([["what", "size", "label"], *rows], delimiter), expected
    lines = [json.dumps({"what": name, "size": size, "label": label}) for name, size, label in expected]
    return ("\n".join(lines) + "\n").encode(), expected


def _read(form: str, content: bytes) -> NotedTable:
    """Read a file as its description says, which the form and the separator of its header decide."""
    with tempfile.TemporaryDirectory() as data_dir:
        folder = Path(data_dir) / "mine"
        folder.mkdir()
        is_panel, file = form in ("long", "wide"), f"rows.{'jsonl' if form == 'jsonl' else 'csv'}"
        (folder / file).write_bytes(content)
        said = [f"class_names = {json.dumps(CLASSES)}"]
        if is_panel:
            said += ['family = "multiannotator"', 'format = "annotations"', f'files.labels = "{file}"']
        else:
            found = re.search(rb"[,;\t|]", content.split(b"\n")[0])
            delimiter = json.dumps(found[0].decode() if found and form == "csv" else ",")
            said += ['family = "classification"', 'format = "table"', f'files.table = "{file}"']
            said += ["[columns]", 'label = "label"', 'kinds = { what = "name", size = "numeric" }']
            said += ["[options]", f"delimiter = {delimiter}"]
        (folder / "dataset.toml").write_text("\n".join(said))
        (dataset,) = find_own_datasets(Path(data_dir)).values()
        if isinstance(dataset, UnreadableInputError):
            raise dataset
        return dataset.read({file: folder / file})


def _content_of(form: str, table: pd.DataFrame) -> list[list[Any]]:
    columns = ["example", "annotator", "label"] if form in ("long", "wide") else ["what", "size", "label"]
    return [list(row) for row in table[columns].astype(object).itertuples(index=False)]


@pytest.mark.parametrize("form", FORMS)
@EXAMPLES
@given(data=st.data())
def test_a_valid_file_is_read_back_equal(form: str, data: st.DataObject) -> None:
    content, expected = data.draw(_files(form))
    table, _ = _read(form, content)
    assert _content_of(form, table) == expected
    assert table["row_id"].is_unique


def _damage(data: st.DataObject, content: bytes) -> bytes:
    """Take a byte away, exchange or double one, or do so with a line."""
    kind = data.draw(st.sampled_from(["cut byte", "other byte", "more bytes", "cut line", "double line", "cut end"]))
    place = data.draw(st.integers(0, len(content) - 1))
    lines = content.splitlines(keepends=True)
    line = data.draw(st.integers(0, len(lines) - 1))
    if kind == "cut line":
        return b"".join([*lines[:line], *lines[line + 1 :]])
    if kind == "double line":
        return b"".join([*lines[: line + 1], *lines[line:]])
    if kind == "cut end":
        return content[:place]
    new = b"" if kind == "cut byte" else bytes([data.draw(st.integers(0, 255))])
    return content[:place] + new + content[place + (kind != "more bytes") :]


@pytest.mark.parametrize("form", FORMS)
@EXAMPLES
@given(data=st.data())
def test_small_damage_is_read_told_or_refused_with_the_file(form: str, data: st.DataObject) -> None:
    """What damage leaves readable is at most one line, one row or one column away; nothing else changes unsaid."""
    content, expected = data.draw(_files(form))
    damaged = _damage(data, content)
    try:
        table, notes = _read(form, damaged)
    except UnreadableInputError as error:
        message = str(error)
        assert "rows." in message or "dataset.toml" in message
        assert "Traceback" not in message
        assert not re.search(r"\b[A-Z]\w+Error\b|pyarrow|pandas", message), message
        return
    assert table["row_id"].is_unique
    found = [tuple(map(str, row)) for row in _content_of(form, table)]
    same = len({*found} & {tuple(map(str, row)) for row in expected})
    touched = 1 if form != "wide" else len(damaged.splitlines()) + 4
    assert notes or same >= min(len(expected), len({*found})) - touched - 1
