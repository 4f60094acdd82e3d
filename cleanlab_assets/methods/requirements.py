"""What every function that judges rows refuses: numbers that are none, and features of other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def require_finite(what: str, values: np.ndarray, row_ids: Sequence[str]) -> None:
    """Refuse numbers that are missing or infinite: they would pass for rows without an issue.

    Args:
        what: what the numbers are, such as ``predicted probabilities``.
        values: shape (n_rows,) or (n_rows, n_columns).
        row_ids: name of each row.

    Raises:
        ValueError: a number is not finite; the first row of such is named.
    """
    is_wrong = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if is_wrong.any():
        first = int(is_wrong.argmax())
        raise ValueError(
            f"{what} of row {row_ids[first]!r}: found {values[first]}, expected finite numbers; {is_wrong.sum():,} of "
            f"{len(values):,} rows have others"
        )


def require_features_of(features: pd.DataFrame, n_rows: int) -> None:
    """Refuse features of another number of rows than those that are judged.

    Raises:
        ValueError: there are more or fewer.
    """
    if len(features) != n_rows:
        raise ValueError(f"found features of {len(features):,} rows, expected those of the {n_rows:,} rows judged")
