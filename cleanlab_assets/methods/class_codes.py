"""Labels as integer class codes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from cleanlab_assets.methods.requirements import require_codes

if TYPE_CHECKING:
    from collections.abc import Sequence


def encode_labels(labels: pd.Series[str]) -> np.ndarray:
    """Return the code of each label, its position among the categories: int64 of shape (n_rows,).

    Raises:
        ValueError: a label is missing: its code would be taken for the last class.
    """
    codes: np.ndarray = labels.cat.codes.to_numpy(dtype=np.int64)
    if (is_missing := codes < 0).any():
        raise ValueError(
            f"{is_missing.sum():,} of {len(codes):,} labels are missing, the first in row "
            f"{int(is_missing.argmax()) + 1}: expected one of the classes in every row"
        )
    return codes


def decode_labels(codes: np.ndarray, like: pd.Series[str]) -> pd.Categorical:
    """Return labels for codes from 0, shape (n_rows,), with the categories of the labels ``like``.

    Raises:
        ValueError: a code is that of no class.
    """
    require_codes(codes, len(like.cat.categories))
    dtype = cast("pd.CategoricalDtype", like.dtype)
    return pd.Categorical.from_codes(cast("Sequence[int]", codes), dtype=dtype)
