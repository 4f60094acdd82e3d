from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.california_housing import DATASET, load_california_housing
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.source_tables import SourceFormatError

if TYPE_CHECKING:
    from pathlib import Path

LINES = (
    "-122.230000,37.880000,41.000000,880.000000,129.000000,322.000000,126.000000,8.325200,452600.000000",
    "-122.220000,37.860000,21.000000,7099.000000,1106.000000,2401.000000,1138.000000,8.301400,358500.000000",
    "-118.400000,34.070000,52.000000,2000.000000,300.000000,700.000000,290.000000,15.000100,500001.000000",
)
FEATURES = [column.name for column in DATASET.features]
LABEL = DATASET.label


def write_file(directory: Path, *lines: str, line_end: str = "\n") -> dict[str, Path]:
    path = directory / "cal_housing.data"
    path.write_bytes("".join(line + line_end for line in lines).encode())
    return {"cal_housing.data": path}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_values_equal_what_scikit_learn_computes_from_the_same_lines(tmp_path: Path, line_end: str) -> None:
    import joblib
    from sklearn.datasets import fetch_california_housing

    source = np.array([line.split(",") for line in LINES], dtype=np.float64)
    # scikit-learn computes its features from a stored copy of the source with the label in front.
    joblib.dump(source[:, [8, 7, 2, 3, 4, 5, 6, 1, 0]], tmp_path / "cal_housing_py3.pkz", compress=6)
    reference = fetch_california_housing(data_home=tmp_path, download_if_missing=False)

    table = load_california_housing(write_file(tmp_path, *LINES, line_end=line_end))

    assert table["row_id"].tolist() == [f"cal_housing.data:{number}" for number in (1, 2, 3)]
    np.testing.assert_array_equal(table[FEATURES], reference.data)
    np.testing.assert_array_equal(table[LABEL], reference.target)
    names = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude"]
    assert reference.feature_names == names
    assert [name.replace("_", "") for name in FEATURES] == [name.lower() for name in names]


def test_the_cap_is_an_allowed_label(tmp_path: Path) -> None:
    table = load_california_housing(write_file(tmp_path, *LINES))

    assert DATASET.numeric_label is not None
    assert table[LABEL].iloc[2] == DATASET.numeric_label.maximum


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (LINES[1].rpartition(",")[0], r"cal_housing\.data, line 2: found 8 fields, expected 9"),
        ("", r"cal_housing\.data, line 2: found 1 fields, expected 9"),
        (LINES[1].replace("8.301400", "rich"), r"cal_housing\.data:2, column med_inc: found 'rich', expected a number"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, bad: str, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        load_california_housing(write_file(tmp_path, LINES[0], bad, LINES[2]))


def test_the_real_file_has_the_values_that_are_known_of_it(real_data_dir: Path) -> None:
    if not (real_data_dir / "california_housing" / "cal_housing.data").is_file():
        pytest.skip(f"cal_housing.data of california_housing not at hand in {real_data_dir}")

    table = load_california_housing(resolve_source_files(DATASET, real_data_dir))

    assert table[LABEL].mean() == pytest.approx(2.068558, abs=5e-7)
    assert table["med_inc"].mean() == pytest.approx(3.870671, abs=5e-7)
    assert (table[LABEL] == 5.00001).sum() == 965
    assert table[[*FEATURES, LABEL]].iloc[0].tolist() == pytest.approx(
        [8.3252, 41, 6.984127, 1.023810, 322, 2.555556, 37.88, -122.23, 4.526], abs=5e-7
    )
