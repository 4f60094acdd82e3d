"""What every function on rows refuses: numbers that are none, arrays of other rows, and classes that there are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    import pandas as pd


def require_finite(what: str, values: np.ndarray, row_ids: Sequence[str] | None = None) -> None:
    """Refuse numbers that are missing or infinite: they would pass for rows without an issue.

    Args:
        what: what the numbers are, such as ``predicted probabilities``.
        values: shape (n_rows,) or (n_rows, n_columns).
        row_ids: name of each row; its number from 1 if absent.

    Raises:
        ValueError: a number is not finite; the first row of such is named.
    """
    is_wrong = ~np.isfinite(values)
    if is_wrong.any():
        rows = is_wrong.reshape(len(values), -1).any(axis=1)
        first = int(rows.argmax())
        raise ValueError(
            f"{what} of row {first + 1 if row_ids is None else repr(row_ids[first])}: found {values[first]}, expected "
            f"finite numbers; {rows.sum():,} of {len(values):,} rows have others"
        )


def require_rows(n_rows: int, **given: Sized | None) -> None:
    """Refuse what is of another number of rows.

    Args:
        n_rows: the number expected.
        given: by its name what has a value for each row; None is left out.

    Raises:
        ValueError: one is longer or shorter.
    """
    for name, values in given.items():
        if values is not None and len(values) != n_rows:
            raise ValueError(f"found {name} of {len(values):,} rows, expected those of the {n_rows:,} rows judged")


def require_features_of(features: pd.DataFrame, n_rows: int) -> None:
    """Refuse features of another number of rows than those that are judged, see ``require_rows``."""
    require_rows(n_rows, features=features)


def require_codes(codes: np.ndarray, n_classes: int) -> None:
    """Refuse codes of classes that there are not: a negative one would be taken for one of the last classes.

    Args:
        codes: shape (n_rows,).
        n_classes: number of classes.

    Raises:
        ValueError: a code is not from 0 to ``n_classes - 1``; the first such row is named.
    """
    is_wrong = (codes < 0) | (codes >= n_classes)
    if is_wrong.any():
        first = int(is_wrong.argmax())
        raise ValueError(
            f"row {first + 1} has the class code {codes[first]}, expected one from 0 to {n_classes - 1}; "
            f"{is_wrong.sum():,} of {len(codes):,} rows have others"
        )


def require_weights(n_rows: int, weights: np.ndarray | None) -> None:
    """Refuse weights that are of other rows, not finite, or negative; None weighs all rows alike.

    Raises:
        ValueError: one is so.
    """
    if weights is None:
        return
    require_rows(n_rows, weights=weights)
    require_finite("weight", weights)
    if (weights < 0).any():
        first = int((weights < 0).argmax())
        raise ValueError(f"weight of row {first + 1}: found {weights[first]}, expected a number of at least 0")
