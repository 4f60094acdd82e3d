from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.orchestration.datasets import UnknownDatasetError, all_datasets, datasets_of, get_dataset
from cleanlab_assets_tests.datasets.table_checks import assert_fits_declared_columns

if TYPE_CHECKING:
    from pathlib import Path

NAMES = list(all_datasets())
EMBEDDED = [name for name in NAMES if get_dataset(name).is_embedded]
TABULAR = [*datasets_of("classification"), *datasets_of("regression")]

GENERATED = {"grammar_sentences", "synthetic_messages", "synthetic_topics"}


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("classification", ["adult_income", "breast_cancer", "covtype", "digits"]),
        ("regression", ["bike_sharing", "california_housing", "diabetes"]),
    ],
)
def test_the_datasets_of_a_family_are_found_in_alphabetical_order(family: str, names: list[str]) -> None:
    assert [name for name in datasets_of(family) if name in names] == names
    assert sorted(NAMES) == NAMES


def test_each_family_has_a_dataset_that_needs_no_download() -> None:
    assert {"breast_cancer", "diabetes", "digits"} <= set(EMBEDDED)


def test_an_unknown_dataset_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UnknownDatasetError, match=r"unknown dataset 'adult': .*adult_income, .*breast_cancer"):
        get_dataset("adult")


def test_finding_the_datasets_imports_no_heavy_library() -> None:
    script = (
        "import sys; from pathlib import Path; "
        "from cleanlab_assets.datasets.catalogue import find_datasets; find_datasets(Path('nowhere')); "
        "print(*{'sklearn', 'torch', 'dagster', 'cleanlab', 'requests', 'pooch'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_where_its_data_comes_from_and_under_what_terms(name: str) -> None:
    dataset = get_dataset(name)

    assert dataset.families
    assert all((dataset.title, dataset.description, dataset.licence, dataset.citation))
    assert urlsplit(dataset.homepage).scheme == "https"
    assert dataset.files or dataset.name in GENERATED
    for file in dataset.files:
        assert bool(file.sha256) != file.is_pinned_on_first_use
        assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in file.sha256)
        assert (bool(file.locations), file.package is not None).count(True) == 1
        assert all(urlsplit(location.url).scheme == "https" for location in file.locations)


@pytest.mark.parametrize("name", TABULAR)
def test_the_columns_of_an_entry_are_consistent(name: str) -> None:
    dataset = get_dataset(name)
    names = [column.name for column in dataset.columns]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", column) for column in names)
    assert dataset.label in names
    assert dataset.label not in {column.name for column in dataset.features}
    assert dataset.time_column is None or dataset.time_column in set(names) - {c.name for c in dataset.features}
    assert (dataset.time_block > 1) == (dataset.time_column is not None)


@pytest.mark.parametrize("name", TABULAR)
def test_the_label_of_an_entry_is_a_class_or_a_number(name: str) -> None:
    dataset = get_dataset(name)
    label = next(column for column in dataset.columns if column.name == dataset.label)

    if dataset.numeric_label is None:
        assert label.kind == "categorical"
        assert len(set(dataset.class_names)) == len(dataset.class_names) > 1
    else:
        assert label.kind == "numeric"
        assert dataset.class_names == ()


def test_values_outside_the_bounds_fractions_of_whole_numbers_and_missing_values_are_no_labels() -> None:
    values = np.array([-1.0, 0.0, 2.5, 3.0, 9.0, np.nan, np.inf])

    assert NumericLabel(minimum=0, maximum=5).find_allowed(values).tolist() == [False, True, True, True, *[False] * 3]
    assert NumericLabel(is_integer=True).find_allowed(values).tolist() == [True, True, False, True, True, False, False]


def test_the_nearest_label_of_a_number_is_a_label() -> None:
    values = np.array([-1.0, 2.4, 9.0])

    assert NumericLabel(minimum=0, maximum=5.5).to_allowed(values).tolist() == [0, 2.4, 5.5]
    assert NumericLabel(minimum=0, is_integer=True).to_allowed(values).tolist() == [0, 2, 9]


def test_a_numeric_label_says_what_it_allows() -> None:
    assert str(NumericLabel(minimum=0, is_integer=True)) == "whole numbers of at least 0"
    assert str(NumericLabel(minimum=0, maximum=5.00001)) == "numbers from 0 to 5.00001"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if get_dataset(name).is_embedded else pytest.mark.slow) for name in TABULAR]
)
def test_the_whole_source_fits_its_entry(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    dataset = get_dataset(name)
    data_dir = tmp_path if dataset.is_embedded else request.getfixturevalue("real_data_dir")
    absent = [
        file.name for file in dataset.files if file.package is None and not (data_dir / name / file.name).is_file()
    ]
    if absent:
        pytest.skip(f"{', '.join(absent)} of {name} not at hand in {data_dir}")

    files = resolve_source_files(dataset, data_dir)
    table = dataset.load(files)

    assert_fits_declared_columns(table, dataset)
    assert len(table) == dataset.expected_rows
    pd.testing.assert_frame_equal(table, dataset.load(files))


def test_a_label_that_names_several_classes_is_allowed_when_all_of_them_are_known() -> None:
    digits = dataclasses.replace(get_dataset("digits"), label_separator="|")

    found = digits.find_allowed_labels(pd.Series(["0|3", "", "7", "0|ten", None, "0||3"], dtype="object"))

    assert found.tolist() == [True, True, True, False, False, False]
    assert digits.split_label("0|3") == ["0", "3"]
    assert digits.allowed_labels.startswith("any number of 0, 1, 2")
