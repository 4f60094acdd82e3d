"""What must hold for the raw table of every dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS
from cleanlab_assets.methods.provenance import hash_result
from cleanlab_assets.methods.result import NoFacts, Result

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset


def hash_table(table: pd.DataFrame) -> str:
    """Return the data version that a table has without settings and facts."""
    return hash_result(Result(value=table, facts=NoFacts()), {})


def assert_fits_declared_columns(table: pd.DataFrame, dataset: Dataset) -> None:
    """Compare columns, kinds, bounds, missing values, row ids, labels and order in time with the catalogue."""
    assert list(table.columns) == ["row_id", *(column.name for column in dataset.columns)]
    assert table["row_id"].is_unique
    assert table["row_id"].str.fullmatch(r".+:[0-9]+").all()
    for column in dataset.columns:
        values = table[column.name]
        assert column.nullable or not values.isna().any(), column.name
        if column.kind == "categorical":
            assert not values.isin(["", "nan", "None", "?"]).any(), column.name
            continue
        if column.kind in EMBEDDED_KINDS:
            assert set(values.map(type)) == {bytes if column.kind == "picture" else str}, column.name
            continue
        assert pd.api.types.is_numeric_dtype(values), column.name
        assert column.minimum is None or values.min() >= column.minimum, column.name
        assert column.maximum is None or values.max() <= column.maximum, column.name
        assert column.kind != "binary" or set(values.unique()) <= {0, 1}, column.name
    if dataset.numeric_label is None:
        assert set(table[dataset.label].unique()) == set(dataset.class_names)
    else:
        assert dataset.numeric_label.find_allowed(table[dataset.label].to_numpy()).all()
    if dataset.time_column is not None:
        assert table[dataset.time_column].is_monotonic_increasing
