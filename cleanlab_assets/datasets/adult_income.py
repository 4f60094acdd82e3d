"""Adult (Census Income): does a person earn more than 50,000 dollars a year? Mixed columns with missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, SourceFile
from cleanlab_assets.datasets.source_tables import label_column, parse_numbers, read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRAIN_FILE = "adult.data"
TEST_FILE = "adult.test"
CLASS_NAMES = ("<=50K", ">50K")
LABEL = "income"

COLUMNS = (
    Column(name="age", kind="numeric", minimum=0, maximum=120, description="Years."),
    Column(name="workclass", kind="categorical", nullable=True, description="Kind of employer."),
    Column(
        name="fnlwgt",
        kind="numeric",
        is_feature=False,
        minimum=0,
        description="Number of people that the row represents: a survey weight, not a property of the person.",
    ),
    Column(name="education", kind="categorical", is_feature=False, description="The same as education_num, in words."),
    Column(name="education_num", kind="numeric", minimum=1, maximum=16, description="Level of education reached."),
    Column(name="marital_status", kind="categorical"),
    Column(name="occupation", kind="categorical", nullable=True),
    Column(name="relationship", kind="categorical", description="Role in the family."),
    Column(name="race", kind="categorical"),
    Column(name="sex", kind="categorical"),
    Column(name="capital_gain", kind="numeric", minimum=0, description="Dollars in the year; 99999 is a cap."),
    Column(name="capital_loss", kind="numeric", minimum=0, description="Dollars in the year."),
    Column(name="hours_per_week", kind="numeric", minimum=1, maximum=168),
    Column(name="native_country", kind="categorical", nullable=True),
    Column(name=LABEL, kind="categorical", is_feature=False, description="Income in the year, in dollars."),
)

_UCI_ZIP = "https://archive.ics.uci.edu/static/public/2/adult.zip"
_UCI_ZIP_SHA256 = "7537312dd56c2b98035880805ce99e68183a30ee468aa5329d6df0fbb3cc21bb"
_UCI_FOLDER = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult"


def load_adult_income(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table: the rows of ``adult.data``, then those of ``adult.test``.

    ``?`` becomes a missing value, and the full stop after each label of ``adult.test`` is taken off. Categorical
    columns have the values found, sorted, as categories.

    Raises:
        SourceFormatError: a line does not have 15 fields, or a number column holds something else.
    """
    names = [column.name for column in COLUMNS]
    train, test = (read_fields(files[name], names, comment="|") for name in (TRAIN_FILE, TEST_FILE))
    test[LABEL] = test[LABEL].str.removesuffix(".")
    fields = pd.concat([train, test], ignore_index=True)
    fields = fields.replace({"?": None})
    table = fields[["row_id"]].copy()
    for column in COLUMNS:
        if column.name == LABEL:
            table[LABEL] = label_column(fields[LABEL], CLASS_NAMES)
        elif column.kind == "numeric":
            table[column.name] = parse_numbers(fields, column.name, is_integer=True)
        else:
            table[column.name] = pd.Categorical(fields[column.name])
    return table


DATASET = Dataset(
    name="adult_income",
    families=("classification",),
    title="Adult (Census Income)",
    description="Predict whether a person earned more than 50,000 dollars in 1994, from the US census survey.",
    homepage="https://archive.ics.uci.edu/dataset/2/adult",
    licence="CC BY 4.0",
    citation=(
        "Becker, B. & Kohavi, R. (1996). Adult. UCI Machine Learning Repository. https://doi.org/10.24432/C5XW20"
    ),
    files=tuple(
        SourceFile(
            name=name,
            sha256=(sha256,),
            locations=(
                Location(url=_UCI_ZIP, member=name, archive_sha256=_UCI_ZIP_SHA256),
                Location(url=f"{_UCI_FOLDER}/{name}"),
            ),
        )
        for name, sha256 in (
            (TRAIN_FILE, "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"),
            (TEST_FILE, "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"),
        )
    ),
    load=load_adult_income,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=COLUMNS,
    expected_rows=48_842,
    # Without the survey weight, 23 % of the rows are exact copies of another one: few answers, many people.
    gates=Gates(near_duplicate_rate=0.35),
)
