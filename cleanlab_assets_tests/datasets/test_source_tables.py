from __future__ import annotations

import pandas as pd

from cleanlab_assets.datasets.source_tables import label_column, row_ids


def test_row_ids_name_file_and_line() -> None:
    assert row_ids("table.csv", range(2, 4)) == ["table.csv:2", "table.csv:3"]


def test_known_labels_become_a_categorical_with_the_class_names_in_their_order() -> None:
    column = label_column(["b", "a", "b"], ["b", "a", "c"])

    assert column.tolist() == ["b", "a", "b"]
    assert column.dtype == pd.CategoricalDtype(["b", "a", "c"])


def test_unknown_and_missing_labels_are_kept_as_they_came() -> None:
    column = label_column(["a", "A ", None, "nan"], ["a", "b"])

    assert column.tolist() == ["a", "A ", None, "nan"]
    assert column.dtype == object
