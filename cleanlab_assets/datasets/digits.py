"""Optical Recognition of Handwritten Digits: ten classes of 8x8 grey images, shipped with scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, SourceFile
from cleanlab_assets.datasets.source_tables import label_column, row_ids
from cleanlab_assets.datasets.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "digits.csv.gz"
CLASS_NAMES = tuple(str(digit) for digit in range(10))
LABEL = "digit"
SIDE = 8
PIXELS = tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE))
PIXEL_COLUMNS = tuple(Column(name=name, kind="numeric", minimum=0, maximum=16) for name in PIXELS)


def load_digits(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the compressed CSV file that ships with scikit-learn; it has no header."""
    with open_text(files[FILE], "ascii") as stream:
        table = pd.read_csv(stream, header=None, names=[*PIXELS, LABEL])
    table[LABEL] = label_column(table[LABEL].astype(str), CLASS_NAMES)
    table.insert(0, "row_id", row_ids(FILE, range(1, len(table) + 1)))
    return table


DATASET = Dataset(
    name="digits",
    families=("classification",),
    title="Optical Recognition of Handwritten Digits",
    description="Read the digit in an 8x8 image of handwriting, where each pixel counts ink from 0 to 16.",
    homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    licence="CC BY 4.0",
    citation=(
        "Alpaydin, E. & Kaynak, C. (1998). Optical Recognition of Handwritten Digits. "
        "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49"
    ),
    files=(
        SourceFile(
            name=FILE,
            package="sklearn.datasets.data",
            sha256=("09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",),
        ),
    ),
    load=load_digits,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=(
        *PIXEL_COLUMNS,
        Column(name=LABEL, kind="categorical", is_feature=False, description="The digit that was written."),
    ),
    expected_rows=1797,
)
