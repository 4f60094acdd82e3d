"""Labels that name several classes: as texts, as an indicator matrix, and as the lists that cleanlab takes.

A label is one text, the names of its classes in class order joined by ``|``; an empty text names no class, which is a
label like any other: the row may lack one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR, label_set_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

LIKELY = 0.5
"""Probability from which a class belongs to the predicted label."""


class LabelSetError(ValueError):
    """A label that is no text, or names a class that there is not; the message names the row and the class."""


def encode_label_sets(labels: pd.Series, class_names: Sequence[str], *, row_ids: Sequence[str]) -> np.ndarray:
    """Return which classes each label names: bool of shape (n_rows, n_classes).

    Order does not matter, and a name that occurs twice counts once.

    Args:
        labels: one text per row.
        class_names: the classes, in the order of the columns.
        row_ids: what an error calls the rows, shape (n_rows,).

    Raises:
        LabelSetError: a label is missing, or names an unknown class.
    """
    position = {name: column for column, name in enumerate(class_names)}
    indicators = np.zeros((len(labels), len(class_names)), dtype=bool)
    for row, label in enumerate(labels):
        if not isinstance(label, str):
            raise LabelSetError(
                f"row {row_ids[row]!r} has no label: found {label!r}, expected names joined by {LABEL_SEPARATOR!r}, "
                "or an empty text where no class applies"
            )
        for name in label.split(LABEL_SEPARATOR) if label else ():
            if name not in position:
                raise LabelSetError(
                    f"row {row_ids[row]!r} has label {label!r}, which names the unknown class {name!r}: "
                    f"expected any number of {', '.join(class_names)}"
                )
            indicators[row, position[name]] = True
    return indicators


def encode_given_labels(rows: pd.DataFrame, class_names: Sequence[str], *, column: str = "given_label") -> np.ndarray:
    """Return which classes the labels of a table with ``row_id`` name, see ``encode_label_sets``."""
    return encode_label_sets(rows[column], class_names, row_ids=rows["row_id"].tolist())


def decode_label_sets(indicators: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """Return the label text of each row of an indicator matrix, objects of shape (n_rows,)."""
    return np.array(label_set_column(indicators, class_names), dtype=object)


def to_label_lists(indicators: np.ndarray) -> list[list[int]]:
    """Return the codes of each row's classes, ascending: the form of cleanlab's ``multilabel_classification``."""
    return [np.flatnonzero(row).tolist() for row in indicators]


def number_label_sets(indicators: np.ndarray) -> np.ndarray:
    """Number the distinct label sets: rows that name the same classes get the same number, int64 of shape (n_rows,)."""
    return np.unique(indicators, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
