"""Tables of many classes, columns and rows: what small ones do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.datasets.tables.drafting.describe import draft_description
from cleanlab_assets.datasets.tables.drafting.drafts import Request
from cleanlab_assets.datasets.tables.writing import write_description

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_two_thousand_classes_are_audited_with_a_linear_model_and_reported() -> None:
    n_classes, n_rows, n_wrong = 2000, 6000, 60
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_classes, 12)) * 3
    truth = rng.permutation(np.arange(n_rows) % n_classes)
    wrong = rng.choice(n_rows, n_wrong, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % n_classes
    table = pd.DataFrame(centres[truth] + rng.normal(size=(n_rows, 12)) * 0.3, columns=[f"x{i}" for i in range(12)])
    table["label"] = [f"class {code:04}" for code in given]

    run = audit(table, label="label", name="many", settings={"training_set.folds": 2, "training_set.test_fraction": 0})

    assert run.model == "logistic_regression"
    assert len(run.dataset.class_names) == n_classes
    worst = run.label_issues.sort_values("rank")["row_id"].head(n_wrong)
    assert len(set(worst) & {f"many:{row + 1}" for row in wrong}) >= 0.8 * n_wrong
    page = run.report().content
    assert len(page) < 20_000_000
    assert "class 0000" in page


def test_three_hundred_columns_of_fifty_thousand_rows_are_described_and_read(tmp_path: Path) -> None:
    n_rows, n_numbers = 50_000, 290
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        rng.normal(size=(n_rows, n_numbers)).round(2), columns=[f"number_{i}" for i in range(n_numbers)]
    )
    for number in range(8):
        table[f"name_{number}"] = rng.choice(["red", "green", "blue"], n_rows)
    table["key"] = [f"K{row:06}" for row in rng.permutation(n_rows)]
    table["label"] = rng.choice(["a", "b"], n_rows)
    table.to_csv(tmp_path / "wide.csv", index=False)
    folder = tmp_path / "data" / "wide"
    folder.mkdir(parents=True)

    draft = draft_description(Request(file=tmp_path / "wide.csv", labels=("label",)), folder)
    (folder / "dataset.toml").write_text(write_description(draft.entries), encoding="utf-8")
    dataset = find_own_datasets(tmp_path / "data")["wide"]

    assert isinstance(dataset, Dataset)
    kinds = pd.Series({column.name: column.kind for column in dataset.features})
    assert kinds.value_counts().to_dict() == {"numeric": n_numbers, "categorical": 8}
    assert dataset.id_column == "key"
    loaded = dataset.read({"wide.csv": tmp_path / "wide.csv"}).table
    assert loaded.shape == (n_rows, 301)
    np.testing.assert_allclose(loaded["number_7"], table["number_7"])
    assert loaded["key"].tolist() == table["key"].tolist()
