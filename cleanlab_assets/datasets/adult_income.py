"""Adult (Census Income): does a person earn more than 50,000 dollars a year? Mixed columns with missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, SourceFile
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
        description="How many people the row stands for: a survey weight, not a property of the person.",
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
    ids: list[str] = []
    records: list[list[str | None]] = []
    for name in (TRAIN_FILE, TEST_FILE):
        for number, fields in _read_records(files[name]):
            if name == TEST_FILE:
                fields[-1] = fields[-1].removesuffix(".")
            ids.append(f"{name}:{number}")
            records.append([None if field == "?" else field for field in fields])
    text = pd.DataFrame(records, columns=[column.name for column in COLUMNS], dtype=object)
    table = pd.DataFrame({"row_id": ids})
    for column in COLUMNS:
        if column.name == LABEL:
            table[LABEL] = label_column(text[LABEL], CLASS_NAMES)
        elif column.kind == "numeric":
            table[column.name] = _to_integers(text[column.name], ids)
        else:
            table[column.name] = pd.Categorical(text[column.name])
    return table


def _read_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each record; blank lines and the comment line are only counted."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if not text or text.startswith("|"):
                continue
            fields = [field.strip() for field in text.split(",")]
            if len(fields) != len(COLUMNS):
                raise SourceFormatError(
                    f"{path.name}, line {number}: found {len(fields)} fields, expected {len(COLUMNS)}"
                )
            yield number, fields


def _to_integers(column: pd.Series, ids: list[str]) -> list[int]:
    integers = []
    for value, row_id in zip(column, ids, strict=True):
        try:
            integers.append(int(value))
        except (TypeError, ValueError) as error:
            raise SourceFormatError(
                f"{row_id}, column {column.name}: found {value!r}, expected a whole number"
            ) from error
    return integers


DATASET = Dataset(
    name="adult_income",
    families=("classification",),
    title="Adult (Census Income)",
    description="Tell whether a person earned more than 50,000 dollars in 1994, by answers to the US census survey.",
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
