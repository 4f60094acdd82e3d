from __future__ import annotations

import numpy as np

from cleanlab_assets.methods.seeding import seed_generator


def test_the_same_seed_and_purpose_draw_the_same() -> None:
    first = seed_generator(7, "folds").random(5)

    assert np.array_equal(first, seed_generator(7, "folds").random(5))
    assert not np.array_equal(first, seed_generator(8, "folds").random(5))


def test_draws_of_two_purposes_with_one_seed_overlap_only_by_chance() -> None:
    drawn = [set(seed_generator(3, purpose).choice(20_000, size=1000, replace=False)) for purpose in ("a", "b")]

    assert len(drawn[0] & drawn[1]) < 100  # 50 expected; one unmixed seed gives 1,000
