"""Which sentence each token belongs to."""

from __future__ import annotations

import numpy as np
import pandas as pd


def sentence_numbers(rows: pd.DataFrame) -> np.ndarray:
    """Return the number of the sentence of each row, from 0 in order of appearance: int64 of shape (n_rows,)."""
    return pd.factorize(rows["sentence_id"])[0].astype(np.int64)
