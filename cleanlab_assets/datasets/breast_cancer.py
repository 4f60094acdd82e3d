"""Breast Cancer Wisconsin (Diagnostic): the embedded default, small enough to audit in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import Column, Dataset, SourceFile
from cleanlab_assets.datasets.source_tables import label_column, row_ids
from cleanlab_assets.datasets.text_files import open_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "breast_cancer.csv"
CLASS_NAMES = ("malignant", "benign")  # the file says 0 and 1
LABEL = "diagnosis"

_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
FEATURES = (
    *(f"mean_{measure}" for measure in _MEASURES),
    *(f"{measure}_error" for measure in _MEASURES),
    *(f"worst_{measure}" for measure in _MEASURES),
)


def load_breast_cancer(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the CSV file that ships with scikit-learn; its first line is a header of counts."""
    with open_text(files[FILE], "ascii") as stream:
        table = pd.read_csv(stream, header=None, skiprows=1, names=[*FEATURES, LABEL], float_precision="round_trip")
    names = {str(code): name for code, name in enumerate(CLASS_NAMES)}
    codes = table[LABEL].astype(str)
    table[LABEL] = label_column((names.get(code, code) for code in codes), CLASS_NAMES)
    table[list(FEATURES)] = table[list(FEATURES)].astype("float64")
    table.insert(0, "row_id", row_ids(FILE, range(2, len(table) + 2)))
    return table


DATASET = Dataset(
    name="breast_cancer",
    families=("classification",),
    title="Breast Cancer Wisconsin (Diagnostic)",
    description="Classify breast masses as malignant or benign by 30 measurements of cell nuclei in an image.",
    homepage="https://archive.ics.uci.edu/dataset/17/breast+cancer+wisconsin+diagnostic",
    licence="CC BY 4.0",
    citation=(
        "Wolberg, W., Mangasarian, O., Street, N. & Street, W. (1993). Breast Cancer Wisconsin (Diagnostic). "
        "UCI Machine Learning Repository. https://doi.org/10.24432/C5DW2B"
    ),
    files=(
        SourceFile(
            name=FILE,
            package="sklearn.datasets.data",
            sha256=(
                "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
                # the same lines with CRLF line ends, as scikit-learn's packages for Windows have them
                "ff5fc1f247213db5fd49539610bcd5a98033bbd0307524fde3127251752aa073",
            ),
        ),
    ),
    load=load_breast_cancer,
    label=LABEL,
    class_names=CLASS_NAMES,
    columns=(
        *(Column(name=name, kind="numeric", minimum=0) for name in FEATURES),
        Column(name=LABEL, kind="categorical", is_feature=False, description="Diagnosis of the mass."),
    ),
    expected_rows=569,
)
