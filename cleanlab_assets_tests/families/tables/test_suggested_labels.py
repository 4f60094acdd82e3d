"""Rows without a label: left out of the audit, listed, and given the label that a model suggests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column, NumericLabel
from cleanlab_assets.families.raw_dataset import RawDatasetFacts
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.families.tables.suggested_labels import suggested_labels
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.training_set import build_training_set
from cleanlab_assets_tests.known_data import make_dataset, make_value_dataset

COLUMNS = (Column(name="x", kind="numeric"), Column(name="z", kind="numeric"))
N_ROWS, N_OPEN = 200, 12


def make_raw(*, is_numeric: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Make rows whose features tell the label, some of which have none; and the labels of all."""
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=N_ROWS)
    truth: np.ndarray = codes * 10.0 if is_numeric else np.array(["a", "b", "c"], dtype=object)[codes]
    labels = pd.Series(truth.copy())
    labels[rng.choice(N_ROWS, N_OPEN, replace=False)] = None
    features = {"x": codes * 5 + rng.normal(size=N_ROWS), "z": rng.normal(size=N_ROWS)}
    ids = {"row_id": [f"t.csv:{row + 2}" for row in range(N_ROWS)], "ticket": [f"T{row}" for row in range(N_ROWS)]}
    return pd.DataFrame({**ids, **features, "label": labels}), truth


@pytest.mark.parametrize("is_numeric", [False, True])
def test_rows_without_a_label_are_left_out_and_get_the_one_that_fits(is_numeric: bool) -> None:  # noqa: FBT001
    raw, truth = make_raw(is_numeric=is_numeric)
    made = make_value_dataset(COLUMNS, NumericLabel()) if is_numeric else make_dataset(COLUMNS, ("a", "b", "c"))
    dataset = replace(made, label="label", may_lack_labels=True, id_column="ticket")
    built = build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0)
    is_open = raw["label"].isna().to_numpy()
    assert built.table["row_id"].tolist() == raw.loc[~is_open, "row_id"].tolist()
    assert f"{N_OPEN} rows have no label: they are left out here, and get one in suggested_labels" in built.notes

    family, model = ("regression", "ridge") if is_numeric else ("classification", "logistic_regression")
    context = StepContext(family=family, dataset=dataset, model=model, data_dir=Path())
    found = suggested_labels.run(
        context,
        Result(value=raw, facts=RawDatasetFacts(sources={})),
        Result(value=built.table, facts=TrainingSetFacts(seed=0, folds=5, notes=[])),
        SimpleNamespace(facts=SimpleNamespace(model_parameters={})),
    ).value

    rows = found["row_id"].str.rpartition(":")[2].astype(int).to_numpy() - 2
    assert sorted(rows) == np.flatnonzero(is_open).tolist()
    assert found["own_id"].tolist() == [f"T{row}" for row in rows]
    if is_numeric:
        np.testing.assert_allclose(found["suggested_label"].to_numpy(dtype=float), truth[rows].astype(float), atol=5)
    else:
        assert found["suggested_label"].tolist() == truth[rows].tolist()
        assert found["suggested_label_probability"].is_monotonic_decreasing


def test_where_every_row_has_a_label_nothing_is_fitted() -> None:
    raw, truth = make_raw(is_numeric=False)
    full = raw.assign(label=truth)
    dataset = replace(make_dataset(COLUMNS, ("a", "b", "c")), label="label", may_lack_labels=True)
    nothing: Any = None
    context = StepContext(family="classification", dataset=dataset, model="logistic_regression", data_dir=Path())
    found = suggested_labels.run(context, Result(value=full, facts=RawDatasetFacts(sources={})), nothing, nothing).value
    assert found.empty
    assert found.columns.tolist() == ["row_id"]


def test_a_dataset_that_may_lack_no_label_is_refused() -> None:
    raw, _ = make_raw(is_numeric=False)
    dataset = replace(make_dataset(COLUMNS, ("a", "b", "c")), label="label")
    assert dataset.find_allowed_labels(raw["label"]).sum() == N_ROWS - N_OPEN
    with pytest.raises(ValueError, match=r"expected one of a, b, c"):
        build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0)
