"""Numbers of rows in files of their own: read, checked, aligned with a table, and taken for classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.tables.matrices import Matrix, align, read_matrix, take_array
from cleanlab_assets.datasets.tables.predictions import order_classes, to_probabilities

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
CLASSES = ["cat", "dog"]


def write_npy(path: Path) -> None:
    np.save(path, NUMBERS)


def write_npz(path: Path) -> None:
    np.savez(path, anything=NUMBERS)


def write_csv(path: Path) -> None:
    pd.DataFrame(NUMBERS, columns=CLASSES).to_csv(path, index=False)


def write_parquet(path: Path) -> None:
    pd.DataFrame(NUMBERS, columns=CLASSES).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [("p.npy", write_npy), ("p.npz", write_npz), ("p.csv", write_csv), ("p.parquet", write_parquet)],
)
def test_each_kind_of_file_gives_the_same_numbers(tmp_path: Path, name: str, write: Any) -> None:
    write(tmp_path / name)
    found = read_matrix(tmp_path / name)
    np.testing.assert_array_equal(found.numbers, NUMBERS)
    assert found.columns == (None if "np" in name else ("cat", "dog"))
    assert found.ids is None


def test_one_dimension_is_one_column() -> None:
    assert take_array(np.array([1, 2, 3]), "values").numbers.tolist() == [[1.0], [2.0], [3.0]]


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("p.npy", lambda path: np.save(path, [[1.0, np.nan]]), "p.npy, row 1, column 2: found nan, expected a finite"),
        ("p.npy", lambda path: np.save(path, np.array(["a"])), "found an array of <U1 of shape (1,), expected numbers"),
        ("p.npy", lambda path: np.save(path, np.zeros((2, 2, 2))), "of shape (2, 2, 2), expected numbers of shape"),
        ("p.npy", lambda path: np.save(path, np.zeros((0, 2))), "of shape (0, 2), expected numbers"),
        ("p.npy", lambda path: path.write_bytes(b"\x93NUMPY\x01"), "p.npy is no array of numbers"),
        ("p.npy", lambda path: path.write_text("0.1,0.9"), "p.npy is no array of numbers"),
        ("p.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True), "p.npy is no array of numbers"),
        ("p.npz", lambda path: np.savez(path, a=[1], b=[2]), "p.npz: found 2 arrays, expected one: a, b"),
        ("p.npz", lambda path: path.write_bytes(b"PK\x03\x04"), "p.npz is no array of numbers"),
        ("p.csv", lambda path: path.write_text("a,b\n1,2\n3,x\n"), "p.csv:3, column 'b': found 'x', expected a finite"),
        ("p.csv", lambda path: path.write_text("a,b\n1,\n3,4\n"), "p.csv:2, column 'b': found '', expected a finite"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_named(tmp_path: Path, name: str, write: Any, message: str) -> None:
    write(tmp_path / name)
    with pytest.raises(UnreadableInputError) as caught:
        read_matrix(tmp_path / name)
    assert message in str(caught.value)


def test_all_columns_with_a_fault_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("a,b\nx,1\n1,inf\n")
    with pytest.raises(UnreadableInputError) as caught:
        read_matrix(tmp_path / "p.csv")
    first, second = str(caught.value).splitlines()
    assert first.startswith("p.csv:2, column 'a': found 'x'")
    assert second.startswith("p.csv:3, column 'b': found 'inf'")


def test_rows_are_found_by_their_ids_whatever_their_order(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("key,value\nc,3\na,1\nx,9\nb,2\n")
    given = read_matrix(tmp_path / "p.csv", id_column="key")
    found, note = align(given, pd.Series(["a", "b", "c"]), 3, "t.csv")
    assert found.numbers.tolist() == [[1.0], [2.0], [3.0]]
    assert [found.place_of(row) for row in range(3)] == ["p.csv:3", "p.csv:5", "p.csv:2"]
    assert note == "p.csv: 1 rows belong to no row of t.csv: left out"


@pytest.mark.parametrize(
    ("given", "ids", "message"),
    [
        (["a", "a", "b"], ["a", "b", "c"], "p.csv: the id 'a' stands there twice"),
        (["a", "b", "c"], ["a", "b", "b"], "t.csv: the id 'b' stands there twice"),
        (["a", "b"], ["a", "b", "c"], "p.csv: 1 rows of t.csv are absent, the first is 'c'"),
        (["a", "b"], None, "p.csv has ids, but t.csv has no column of the role id"),
        (None, None, "p.csv: found 2 rows, expected 3, as many as t.csv has"),
    ],
)
def test_rows_that_do_not_fit_the_table_are_named(given: Any, ids: Any, message: str) -> None:
    n_rows = 2 if given is None else len(given)
    matrix = Matrix("p.csv", np.zeros((n_rows, 1)), None, None if given is None else pd.Series(given))
    with pytest.raises(UnreadableInputError) as caught:
        align(matrix, None if ids is None else pd.Series(ids), 3, "t.csv")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (None, ["cat", "dog"]),
        (("dog", "cat"), ["dog", "cat"]),
        (("p_dog", "p_cat"), ["dog", "cat"]),
        (("0", "1"), ["cat", "dog"]),
        (("prob_1", "prob_2"), ["cat", "dog"]),
    ],
)
def test_columns_are_taken_for_classes_by_name_or_in_order(columns: Any, expected: list[str]) -> None:
    assert list(order_classes(Matrix("p", NUMBERS, columns, None), CLASSES, place="")) == expected


@pytest.mark.parametrize(
    ("numbers", "columns", "message"),
    [
        (np.zeros((2, 3)), None, "p: found 3 columns of predictions, expected one for each of the 2 classes: cat, dog"),
        (np.zeros((2, 2)), ("cat", "bird"), "p: found the columns cat, bird, expected one for each of the 2 classes"),
        (np.zeros((2, 2)), ("1", "0"), "p: found the columns 1, 0, expected one for each"),
    ],
)
def test_columns_of_other_classes_are_refused(numbers: np.ndarray, columns: Any, message: str) -> None:
    with pytest.raises(UnreadableInputError) as caught:
        order_classes(Matrix("p", numbers, columns, None), CLASSES, place="say it there")
    assert message in str(caught.value)


def test_probabilities_come_in_the_order_of_the_classes_and_sum_to_one() -> None:
    nearly = NUMBERS * np.array([[1.0], [1.0005], [1.0]])
    found, note = to_probabilities(Matrix("p", nearly, None, None), ["dog", "cat"], CLASSES, sum_to_one=True)
    np.testing.assert_allclose(found, NUMBERS[:, ::-1], rtol=1e-12)
    assert note == "p: the probabilities of 1 rows were divided by their sum, which was nearly 1"
    assert to_probabilities(Matrix("p", NUMBERS, None, None), CLASSES, CLASSES, sum_to_one=True)[1] == ""


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([[0.5, 0.5], [0.6, 0.5]], "p, row 2: the probabilities sum to 1.1, expected 1; so it is in 1 rows"),
        ([[2.0, -1.0], [0.5, 0.5]], "p, row 1, column 1: found 2, expected a probability from 0 to 1"),
    ],
)
def test_what_is_no_probability_is_named(numbers: Any, message: str) -> None:
    with pytest.raises(UnreadableInputError) as caught:
        to_probabilities(Matrix("p", np.array(numbers), None, None), CLASSES, CLASSES, sum_to_one=True)
    assert message in str(caught.value)


def test_probabilities_of_several_classes_need_not_sum_to_one() -> None:
    numbers = np.array([[0.9, 0.8], [0.1, 0.0]])
    found, note = to_probabilities(Matrix("p", numbers, None, None), CLASSES, CLASSES, sum_to_one=False)
    np.testing.assert_array_equal(found, numbers)
    assert not note
