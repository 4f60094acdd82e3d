from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.catalogue import get_dataset
from cleanlab_assets.datasets.download import resolve_source_files

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
