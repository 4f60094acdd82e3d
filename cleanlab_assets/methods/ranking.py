"""One ranking for everything that is read worst first."""

from __future__ import annotations

import numpy as np


def rank_by_quality(quality: np.ndarray, *tie_breakers: np.ndarray) -> np.ndarray:
    """Rank by quality, 1 for the worst.

    Args:
        quality: lower is worse, shape (n,); NaN ranks last.
        tie_breakers: further keys that order equal qualities, the first one first; lower is worse, shape (n,) each.
            What is equal in all keys keeps its order.

    Returns:
        int64 array of shape (n,): each of 1 to n once.
    """
    ranks = np.empty(len(quality), dtype=np.int64)
    ranks[np.lexsort((*reversed(tie_breakers), quality))] = np.arange(1, len(quality) + 1)
    return ranks
