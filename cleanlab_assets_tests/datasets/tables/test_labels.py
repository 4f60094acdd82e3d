from __future__ import annotations

import tomllib

import pandas as pd
import pyarrow as pa
import pytest

from cleanlab_assets.datasets.tables.columns import MISSING
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.labels import (
    find_spellings,
    join_label_sets,
    merge_classes,
    name_classes_of_columns,
    read_indicators,
    read_label_sets,
    sort_classes,
    tell_spellings,
)


def test_label_sets_of_texts_and_lists_are_read_alike() -> None:
    expected = [("a", "b"), ("a",), (), ("b", "c")]
    texts = pa.chunked_array([["a;b", " a ; a", None, "b;;c"]])
    lists = pa.chunked_array([[["a", "b"], [" a ", "a"], None, ["b", "", "c"]]])
    assert read_label_sets(texts, ";", MISSING) == expected
    assert read_label_sets(lists, None, MISSING) == expected
    assert join_label_sets(expected) == ["a|b", "a", "", "b|c"]


def test_columns_of_zero_and_one_make_label_sets() -> None:
    columns = {"t_a": pa.chunked_array([["1", "0", "1"]]), "t_b": pa.chunked_array([[True, False, True]])}
    assert read_indicators(columns, ["a", "b"], ["1", "2", "3"], MISSING) == ["a|b", "", "a|b"]


def test_each_column_with_another_value_is_told() -> None:
    columns = {
        "a": pa.chunked_array([["1", "2"]]),
        "b": pa.chunked_array([["", "0"]]),
        "c": pa.chunked_array([["0", "1"]]),
    }
    with pytest.raises(TableError) as caught:
        read_indicators(columns, ["a", "b", "c"], ["t:2", "t:3"], MISSING)
    assert str(caught.value).splitlines() == [
        "t:3, column 'a': found '2', expected 0 or 1",
        "t:2, column 'b': found '', expected 0 or 1",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["tag_a", "tag_b"], ["a", "b"]),
        (["is sad", "is glad"], ["sad", "glad"]),
        (["sad", "same"], ["sad", "same"]),
        (["a_b_x", "a_b_y", "a_c"], ["b_x", "b_y", "c"]),
    ],
)
def test_classes_are_named_after_what_their_columns_do_not_share(names: list[str], expected: list[str]) -> None:
    assert name_classes_of_columns(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [({"b", "a", "B"}, ["B", "a", "b"]), ({"10", "9", "1"}, ["1", "9", "10"]), ({"1", "1.0", "x"}, ["1", "1.0", "x"])],
)
def test_classes_stand_in_order(names: set[str], expected: list[str]) -> None:
    assert sort_classes(names) == expected


def test_spellings_of_a_class_are_found() -> None:
    counts = {"cat": 9, "Cat": 2, " cat": 1, "dog": 5, "1": 3, "1.0": 4, "01": 1, "True": 1, "cats": 1, "big cat": 1}
    assert find_spellings(counts) == [{"cat": 9, "Cat": 2, " cat": 1}, {"1.0": 4, "1": 3, "01": 1}]


def test_one_line_of_toml_merges_all_spellings_and_keeps_what_was_merged_before() -> None:
    (note,) = tell_spellings({"cat": 9, "Cat": 2, 'a "b"': 3, 'A "b"': 1, "dog": 5}, {"hound": "dog"})
    line = note.rpartition("write under [options]: ")[2]
    assert tomllib.loads(line) == {"merge": {"hound": "dog", "Cat": "cat", 'A "b"': 'a "b"'}}
    assert tell_spellings({"cat": 9, "dog": 5}, {"hound": "dog"}) == []


def test_spellings_are_merged_only_as_said() -> None:
    labels = pd.Series(["cat", "Cat", None, "dog"], dtype=object)
    merged, notes = merge_classes(labels, {"Cat": "cat"})
    assert merged.tolist() == ["cat", "cat", None, "dog"]
    assert notes == ["1 labels 'Cat' are read as 'cat', as the description says"]
    assert merge_classes(labels, {})[0].equals(labels)
