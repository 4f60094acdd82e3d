"""Diabetes progression: the embedded default of regression, small enough to audit in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import Column, Dataset, NumericLabel, SourceFile
from cleanlab_assets.datasets.source_tables import SourceFormatError, parse_codes, parse_numbers, read_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

DATA_FILE = "diabetes_data_raw.csv.gz"
TARGET_FILE = "diabetes_target.csv.gz"
LABEL = "progression"

COLUMNS = (
    Column(name="age", kind="numeric", minimum=0, maximum=120, description="Years."),
    Column(name="sex", kind="categorical", description="1 or 2; the source does not say which is which."),
    Column(name="bmi", kind="numeric", minimum=10, maximum=100, description="Body mass index, kg per square metre."),
    Column(name="bp", kind="numeric", minimum=0, maximum=300, description="Average blood pressure, mm Hg."),
    Column(name="s1", kind="numeric", minimum=0, description="Total serum cholesterol."),
    Column(name="s2", kind="numeric", minimum=0, description="Low-density lipoproteins."),
    Column(name="s3", kind="numeric", minimum=0, description="High-density lipoproteins."),
    Column(name="s4", kind="numeric", minimum=1, description="Total cholesterol / HDL."),
    Column(name="s5", kind="numeric", minimum=0, description="Possibly the logarithm of serum triglycerides."),
    Column(name="s6", kind="numeric", minimum=0, description="Blood sugar level."),
    Column(name=LABEL, kind="numeric", is_feature=False, description="Disease progression one year after baseline."),
)


def load_diabetes(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the two files that ship with scikit-learn: measurements as they were taken, and labels.

    The values are those of ``sklearn.datasets.load_diabetes(scaled=False)``; row ids name the file of measurements.

    Raises:
        SourceFormatError: a line has another number of fields or holds something that is no number, or the files have
            different numbers of lines.
    """
    measurements = read_fields(files[DATA_FILE], [column.name for column in COLUMNS[:-1]], separator=" ")
    target = read_fields(files[TARGET_FILE], [LABEL])
    if len(target) != len(measurements):
        raise SourceFormatError(
            f"{TARGET_FILE}: found {len(target)} lines, expected {len(measurements)}, one for each of {DATA_FILE}"
        )
    table = measurements[["row_id"]].copy()
    for column in COLUMNS:
        fields = target if column.name == LABEL else measurements
        is_code = column.kind == "categorical"
        table[column.name] = parse_codes(fields, column.name) if is_code else parse_numbers(fields, column.name)
    return table


DATASET = Dataset(
    name="diabetes",
    families=("regression",),
    title="Diabetes progression",
    description="Predict how far diabetes progresses within a year, from age, sex, body and blood measurements.",
    homepage="https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
    licence="none stated; ships with scikit-learn (BSD 3-Clause)",
    citation=(
        "Efron, B., Hastie, T., Johnstone, I. & Tibshirani, R. (2004). Least Angle Regression. "
        "Annals of Statistics 32(2), 407-499. https://doi.org/10.1214/009053604000000067"
    ),
    files=(
        SourceFile(
            name=DATA_FILE,
            package="sklearn.datasets.data",
            sha256=("7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",),
        ),
        SourceFile(
            name=TARGET_FILE,
            package="sklearn.datasets.data",
            sha256=("8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",),
        ),
    ),
    load=load_diabetes,
    label=LABEL,
    numeric_label=NumericLabel(minimum=0, is_integer=True),
    columns=COLUMNS,
    expected_rows=442,
)
