"""Predictions of the user's own: whose class each column is, and whether the numbers are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.labels import name_classes_of_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.tables.matrices import Matrix

PREDICTION = "own_prediction"
"""Column of a predicted value; of a class's probability with its name behind it."""
LARGEST_DEVIATION = 1e-3
"""Probabilities of a row may miss 1 by so much; they are divided by their sum then."""
LONGEST_REASON = 200


def name_prediction_columns(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the raw table that hold the user's predictions; one column where labels are numbers."""
    return tuple(f"{PREDICTION}_{name}" for name in class_names) or (PREDICTION,)


def order_classes(predictions: Matrix, class_names: Sequence[str], *, place: str) -> tuple[str, ...]:
    """Return the class of each column of predicted probabilities.

    Columns are found by their names, with a beginning that all have or without it, such as ``p_`` of ``p_cat``; columns
    without names, or named by numbers from 0 or 1 where classes are not, come in the order of the classes.

    Args:
        predictions: as they were given.
        class_names: the classes in their order.
        place: where another order can be said, for messages.

    Raises:
        TableError: there are fewer or more columns than classes, or their names are those of other classes.
    """
    expected = f"expected one for each of the {len(class_names)} classes: {cut(', '.join(class_names), LONGEST_REASON)}"
    n_columns = predictions.numbers.shape[1]
    if n_columns != len(class_names):
        raise TableError(f"{predictions.name}: found {n_columns} columns of predictions, {expected}")
    if predictions.columns is None:
        return tuple(class_names)
    for names in (predictions.columns, name_classes_of_columns(predictions.columns)):
        if set(names) == set(class_names):
            return tuple(names)
    numbered = name_classes_of_columns(predictions.columns)
    if numbered in ([str(first + place) for place in range(n_columns)] for first in (0, 1)):
        return tuple(class_names)
    raise TableError(
        f"{predictions.name}: found the columns {cut(', '.join(predictions.columns), LONGEST_REASON)}, {expected}; "
        f"{place}"
    )


def to_probabilities(
    predictions: Matrix, order: Sequence[str], class_names: Sequence[str], *, sum_to_one: bool
) -> tuple[np.ndarray, str]:
    """Check probabilities, and put their columns into the order of the classes.

    Args:
        predictions: aligned with the rows.
        order: the class of each column.
        class_names: the classes in the order wanted.
        sum_to_one: whether those of a row must sum to 1 within ``LARGEST_DEVIATION``.

    Returns:
        Probabilities, float64 of shape (n_rows, n_classes), and a note where they were divided by their sum.

    Raises:
        TableError: one lies outside of 0 to 1, or those of a row sum to something else than 1.
    """
    values = predictions.numbers
    is_wrong = (values < -LARGEST_DEVIATION) | (values > 1 + LARGEST_DEVIATION)
    if is_wrong.any():
        row, column = map(int, np.argwhere(is_wrong)[0])
        raise TableError(
            f"{predictions.place_of(row)}, {predictions.name_column(column)}: found {values[row, column]:g}, expected "
            f"a probability from 0 to 1; so it is in {is_wrong.any(axis=1).sum():,} rows"
        )
    values = values.clip(0.0, 1.0)[:, [list(order).index(name) for name in class_names]]
    if not sum_to_one:
        return values, ""
    sums = values.sum(axis=1)
    is_off = np.abs(sums - 1) > LARGEST_DEVIATION
    if is_off.any():
        row = int(is_off.argmax())
        raise TableError(
            f"{predictions.place_of(row)}: the probabilities sum to {sums[row]:g}, expected 1; so it is in "
            f"{is_off.sum():,} rows"
        )
    n_divided = int((np.abs(sums - 1) > np.finfo(np.float32).eps).sum())
    note = f"{predictions.name}: the probabilities of {n_divided:,} rows were divided by their sum, which was nearly 1"
    return values / sums[:, None], note if n_divided else ""
