"""Columns that cannot be told apart, or that an audit writes itself, are refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS, HeaderError, check_header
from cleanlab_assets.families.raw_dataset import raw_dataset
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.orchestration.datasets import datasets_of, get_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.family import TaskFamily


def test_a_header_of_distinct_names_is_fine() -> None:
    check_header(["a", "A", "a ", "b"], "t.csv", taken={"c"})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["a", "b", "a"], "t.csv, line 1, column 3: column 1 is named 'a' too: rename one of them"),
        (["a", ""], "t.csv, line 1, column 2: the column has no name: name it, or delete it"),
        (["a", "rank"], "t.csv, line 1, column 2: a column of the audit itself is named 'rank': rename yours"),
        (["x" * 10_000] * 2, f"t.csv, line 1, column 2: column 1 is named '{'x' * 77}…' too: rename one of them"),
    ],
)
def test_a_column_that_cannot_be_told_apart_is_named_with_its_place(header: list[str], message: str) -> None:
    with pytest.raises(HeaderError) as caught:
        check_header(header, "t.csv", taken=AUDIT_COLUMNS)
    assert str(caught.value) == message


def test_columns_that_are_not_read_may_have_any_name() -> None:
    check_header(["", "row_id", "label", "row_id", ""], "t.csv", needed=("label",), taken={"row_id"})
    with pytest.raises(HeaderError, match="column 2: column 1 is named 'label' too"):
        check_header(["label", "label"], "t.csv", needed=("label",))


def _context(family: TaskFamily, dataset: Dataset, data_dir: Path) -> StepContext:
    return StepContext(
        family=family.name, dataset=dataset, data_dir=data_dir, reserved_columns=frozenset(family.columns)
    )


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_dataset_of_the_catalogue_has_a_column_that_its_audit_writes(family: TaskFamily) -> None:
    taken = AUDIT_COLUMNS | family.columns.keys()
    datasets = datasets_of(family.name).values()
    assert [(one.name, column.name) for one in datasets for column in one.columns if column.name in taken] == []


@pytest.mark.parametrize("name", ["row_id", "split", "residual"])
def test_a_column_that_the_audit_of_the_family_writes_is_named_before_anything_is_read(
    name: str, tmp_path: Path
) -> None:
    (family,) = (one for one in FAMILIES if one.name == "regression")
    diabetes = get_dataset("diabetes")
    dataset = replace(diabetes, columns=(*diabetes.columns, Column(name=name, kind="numeric")))
    with pytest.raises(HeaderError, match=rf"^diabetes: .*: a column of the audit itself is named '{name}': rename"):
        raw_dataset.run(_context(family, dataset, tmp_path))


def test_a_column_that_the_audit_of_another_family_writes_has_a_free_name(tmp_path: Path) -> None:
    (family,) = (one for one in FAMILIES if one.name == "classification")
    cancer = get_dataset("breast_cancer")
    first = cancer.columns[0].name
    renamed = replace(
        cancer,
        columns=(replace(cancer.columns[0], name="residual"), *cancer.columns[1:]),
        load=lambda files: cancer.load(files).rename(columns={first: "residual"}),
    )
    table = raw_dataset.run(_context(family, renamed, tmp_path)).value
    assert table["residual"].equals(raw_dataset.run(_context(family, cancer, tmp_path)).value[first])
