from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.datasets.adult_income import CLASS_NAMES, DATASET, load_adult_income
from cleanlab_assets.datasets.source_tables import SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = """\
39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, Cuba, <=50K
54, ?, 180211, Some-college, 10, Married-civ-spouse, ?, Husband, Asian-Pac-Islander, Male, 0, 0, 60, ?, >50K

"""
TEST = """\
|1x3 Cross validator
25, Private, 226802, 11th, 7, Never-married, Machine-op-inspct, Own-child, Black, Male, 0, 0, 40, Peru, <=50K.
44, Private, 160323, Some-college, 10, Divorced, Sales, Unmarried, Black, Female, 7688, 0, 40, Peru, >50K.

"""


def write_files(directory: Path, train: str = TRAIN, test: str = TEST) -> dict[str, Path]:
    files = {"adult.data": directory / "adult.data", "adult.test": directory / "adult.test"}
    files["adult.data"].write_text(train)
    files["adult.test"].write_text(test)
    return files


def test_each_row_id_points_at_the_line_that_the_row_came_from(tmp_path: Path) -> None:
    files = write_files(tmp_path)

    table = load_adult_income(files)

    assert list(table["row_id"]) == ["adult.data:1", "adult.data:2", "adult.test:2", "adult.test:3"]
    for row_id, age in zip(table["row_id"], table["age"], strict=True):
        name, line = row_id.split(":")
        assert files[name].read_text().splitlines()[int(line) - 1].startswith(f"{age}, ")


def test_values_are_those_of_the_file_without_padding_and_full_stops(tmp_path: Path) -> None:
    table = load_adult_income(write_files(tmp_path))

    assert list(table.columns) == ["row_id", *(column.name for column in DATASET.columns)]
    assert table.iloc[0].tolist() == [
        "adult.data:1", 39, "State-gov", 77516, "Bachelors", 13, "Never-married", "Adm-clerical", "Not-in-family",
        "White", "Male", 2174, 0, 40, "Cuba", "<=50K",
    ]  # fmt: skip
    assert table["income"].tolist() == ["<=50K", ">50K", "<=50K", ">50K"]
    assert tuple(table["income"].cat.categories) == CLASS_NAMES


def test_a_question_mark_becomes_a_missing_value(tmp_path: Path) -> None:
    table = load_adult_income(write_files(tmp_path))

    missing = table.isna()
    assert missing.sum().sum() == 3
    assert list(missing.columns[missing.loc[1].to_numpy()]) == ["workclass", "occupation", "native_country"]
    assert "nan" not in table["workclass"].cat.categories


def test_a_label_outside_the_domain_is_kept(tmp_path: Path) -> None:
    table = load_adult_income(write_files(tmp_path, train=TRAIN.replace("<=50K", "<=50K.")))

    assert table["income"].tolist() == ["<=50K.", ">50K", "<=50K", ">50K"]
    assert not isinstance(table["income"].dtype, pd.CategoricalDtype)


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (", Sales", "", r"adult\.test, line 3: found 14 fields, expected 15"),
        ("7688", "many", r"adult\.test:3, column capital_gain: found 'many', expected a whole number"),
        ("7688", "?", r"adult\.test:3, column capital_gain: found None, expected a whole number"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, good: str, bad: str, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        load_adult_income(write_files(tmp_path, test=TEST.replace(good, bad)))


def test_the_survey_weight_and_the_doubled_education_are_not_shown_to_models() -> None:
    assert {column.name for column in DATASET.columns} - {column.name for column in DATASET.features} == {
        "fnlwgt",
        "education",
        "income",
    }
