"""Random generators that one seed feeds without making draws of different purposes alike."""

from __future__ import annotations

import zlib

import numpy as np


def seed_generator(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator for one purpose; generators of different purposes are independent.

    A run has one seed. Were it used as it is everywhere, the random-removal control would remove the very rows that
    were planted as errors, since both draw rows of the same table with the same seed.

    Args:
        seed: seed of the run, not negative.
        purpose: what is drawn, such as ``planted errors``.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
