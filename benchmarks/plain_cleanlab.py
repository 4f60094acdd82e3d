"""The audit of Adult Income as cleanlab's documentation shows it, with nothing of this package.

``classification_chain.py`` runs it for comparison. It reads the two source files, takes the given rows, predicts
them out of sample with ``cross_val_predict``, finds label issues, runs Datalab with its default issue types on the
encoded features, and writes both results to Parquet.

Run: ``python benchmarks/plain_cleanlab.py --train-rows positions.npy --output some_directory``
(positions of the train rows among all rows of adult.data, then adult.test)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from cleanlab import Datalab
from cleanlab.filter import find_label_issues
from measurements import require_data_dir
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMERIC = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
CATEGORICAL = ["workclass", "marital_status", "occupation", "relationship", "race", "sex", "native_country"]
COLUMNS = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
]


def read_adult(directory: Path) -> pd.DataFrame:
    """Read all rows in source order; the comment line and the full stops of ``adult.test`` are taken off."""
    skipped: Mapping[str, int] = {"adult.data": 0, "adult.test": 1}
    parts = [
        pd.read_csv(
            directory / name, names=COLUMNS, skiprows=lines, skipinitialspace=True, na_values="?", keep_default_na=False
        )
        for name, lines in skipped.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table["income"] = table["income"].str.rstrip(".")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-rows", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    train_rows: np.ndarray = np.load(arguments.train_rows)
    output: Path = arguments.output

    table = read_adult(require_data_dir() / "adult_income").iloc[train_rows].reset_index(drop=True)
    labels = (table["income"] == ">50K").to_numpy(dtype=np.int64)
    encoder = ColumnTransformer(
        [
            ("numeric", StandardScaler(), NUMERIC),
            ("categorical", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORICAL),
        ]
    )
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    probabilities = cross_val_predict(model, table[NUMERIC + CATEGORICAL], labels, cv=5, method="predict_proba")

    ranked = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence")
    lab = Datalab({"label": labels}, label_name="label")
    lab.find_issues(features=encoder.fit_transform(table[NUMERIC + CATEGORICAL]), pred_probs=probabilities)
    pd.DataFrame({"position": train_rows[ranked]}).to_parquet(output / "label_issues.parquet")
    lab.get_issues().to_parquet(output / "datalab_issues.parquet")


if __name__ == "__main__":
    main()
