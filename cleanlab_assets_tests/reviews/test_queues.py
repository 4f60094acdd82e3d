"""The order of the random queues: the same for all, and unrelated to anything that a key tells."""

from __future__ import annotations

import numpy as np

from cleanlab_assets.reviews.queues import order_randomly


def test_the_order_is_of_the_keys_alone() -> None:
    keys = [f"tickets-{number}" for number in range(200)]
    ordered = order_randomly(keys)
    assert sorted(ordered) == sorted(keys)
    assert order_randomly([*reversed(keys), *keys]) == ordered  # each key once
    gone = set(keys[::3])
    assert order_randomly(key for key in keys if key not in gone) == [key for key in ordered if key not in gone]


def test_the_first_rows_are_a_random_sample_of_all() -> None:
    """Of 2,000 numbered rows of which a tenth is wrong, samples of 100 estimate the tenth without bias."""
    shares = []
    for dataset in range(40):
        keys = [f"{dataset}:{number}" for number in range(2_000)]
        wrong = set(keys[:200])
        shares.append(np.mean([key in wrong for key in order_randomly(keys)[:100]]))
    assert abs(np.mean(shares) - 0.1) < 0.015  # three standard errors
