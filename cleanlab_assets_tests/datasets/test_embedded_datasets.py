from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.orchestration.datasets import get_dataset

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def load(name: str, data_dir: Path) -> pd.DataFrame:
    dataset = get_dataset(name)
    return dataset.load(resolve_source_files(dataset, data_dir))


def test_breast_cancer_equals_what_scikit_learn_loads(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    reference = load_breast_cancer()
    table = load("breast_cancer", tmp_path)

    features = [column.name for column in get_dataset("breast_cancer").features]
    assert features == [name.replace(" ", "_") for name in reference.feature_names]
    np.testing.assert_array_equal(table[features].to_numpy(), reference.data)
    assert table["diagnosis"].tolist() == reference.target_names[reference.target].tolist()
    assert [table["row_id"].iloc[0], table["row_id"].iloc[-1]] == ["breast_cancer.csv:2", "breast_cancer.csv:570"]


def test_digits_equal_what_scikit_learn_loads(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    reference = load_digits()
    table = load("digits", tmp_path)

    features = [column.name for column in get_dataset("digits").features]
    assert features == reference.feature_names
    np.testing.assert_array_equal(table[features].to_numpy(), reference.data)
    assert table["digit"].tolist() == [str(digit) for digit in reference.target]
    assert [table["row_id"].iloc[0], table["row_id"].iloc[-1]] == ["digits.csv.gz:1", "digits.csv.gz:1797"]


def test_diabetes_equals_what_scikit_learn_loads_unscaled(tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    reference = load_diabetes(scaled=False)
    table = load("diabetes", tmp_path)

    features = [column.name for column in get_dataset("diabetes").features]
    assert features == reference.feature_names
    np.testing.assert_array_equal(table[features].astype(np.float64), reference.data)
    np.testing.assert_array_equal(table["progression"], reference.target)
    assert list(table["sex"].cat.categories) == ["1", "2"]
    assert [table["row_id"].iloc[0], table["row_id"].iloc[-1]] == [
        "diabetes_data_raw.csv.gz:1",
        "diabetes_data_raw.csv.gz:442",
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_breast_cancer_row_ids_point_at_the_right_line_whatever_the_line_ends(tmp_path: Path, line_end: str) -> None:
    dataset = get_dataset("breast_cancer")
    [path] = resolve_source_files(dataset, tmp_path).values()
    lines = path.read_text().splitlines()[:4]
    copy = tmp_path / "breast_cancer.csv"
    copy.write_bytes("".join(line + line_end for line in lines).encode())

    table = dataset.load({"breast_cancer.csv": copy})

    for row_id, radius in zip(table["row_id"], table["mean_radius"], strict=True):
        assert lines[int(row_id.split(":")[1]) - 1].startswith(f"{radius},")


def test_an_unknown_code_of_a_label_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "breast_cancer.csv"
    path.write_text("2,30,malignant,benign\n" + ",".join(["1.5"] * 30 + ["0"]) + "\n" + ",".join(["1"] * 30 + ["7"]))

    table = get_dataset("breast_cancer").load({"breast_cancer.csv": path})

    assert table["diagnosis"].tolist() == ["malignant", "7"]


def test_diabetes_files_of_different_length_are_an_error(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")}
    files["diabetes_data_raw.csv.gz"].write_bytes(gzip.compress(b"59 2 32.1 101.0 157 93.2 38.0 4.0 4.8598 87\n"))
    files["diabetes_target.csv.gz"].write_bytes(gzip.compress(b"1.51e+02\n7.5e+01\n"))

    with pytest.raises(SourceFormatError, match=r"diabetes_target\.csv\.gz: found 2 lines, expected 1"):
        get_dataset("diabetes").load(files)
