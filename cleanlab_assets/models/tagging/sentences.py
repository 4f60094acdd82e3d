"""The sentences behind rows of words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def split_sentences(rows: pd.DataFrame) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
    """Return the words of each sentence, and for each row its sentence and place (from 0) in it.

    The n-th row of one place of one text belongs to its n-th copy: sentences of equal text stay apart.
    """
    sentences = rows["sentence"].astype("category").cat.remove_unused_categories()
    text = sentences.cat.codes.to_numpy(dtype=np.int64)
    place = rows["position"].to_numpy(dtype=np.int64) - 1
    copy = rows.groupby([text, place], sort=False).cumcount().to_numpy()
    pairs, owner = np.unique(np.stack([text, copy], axis=1), axis=0, return_inverse=True)
    words = [str(category).split(" ") for category in sentences.cat.categories]
    return [words[code] for code, _ in pairs], owner.reshape(-1), place
