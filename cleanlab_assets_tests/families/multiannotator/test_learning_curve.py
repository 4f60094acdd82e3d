from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.multiannotator.learning_curve import (
    STRATEGIES,
    LabelPool,
    Strategy,
    compare_curves,
    simulate_rounds,
)

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

N_EXAMPLES, START, BATCH, ROUNDS = 60, 12, 10, 2


def draw_features(truth: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame({"x": 10.0 * truth + rng.normal(size=len(truth))})


def simulate(strategy: Strategy, *, seed: int = 0, share_right: float = 1.0) -> pd.DataFrame:
    """Two classes far apart, and four annotators who each labelled every example."""
    from sklearn.linear_model import LogisticRegression

    def build() -> LogisticRegression:
        return LogisticRegression()

    rng = np.random.default_rng(5)
    truth = np.arange(N_EXAMPLES) % 2
    labels = np.where(rng.random((N_EXAMPLES, 4)) < share_right, truth[:, None], 1 - truth[:, None])
    test_truth = np.arange(40) % 2
    return simulate_rounds(
        LabelPool(draw_features(truth, rng), labels, truth, n_classes=2),
        draw_features(test_truth, rng),
        test_truth,
        strategy=strategy,
        build=build,
        start=START,
        batch=BATCH,
        rounds=ROUNDS,
        seed=seed,
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_round_reveals_a_batch_of_labels_and_right_ones_make_a_right_model(strategy: Strategy) -> None:
    rounds = simulate(strategy)

    assert rounds["round"].tolist() == [0, 1, 2]
    assert rounds["n_labels"].tolist() == [START + START // 2 + number * BATCH for number in range(3)]
    assert rounds["n_labelled_examples"].iloc[0] == START
    assert rounds["n_labelled_examples"].is_monotonic_increasing
    assert (rounds[["test_accuracy", "pool_accuracy"]] == 1).all().all()


def test_all_strategies_of_a_seed_begin_alike_and_a_seed_decides_the_rounds() -> None:
    first = [simulate(strategy, share_right=0.9).iloc[0].drop("strategy").tolist() for strategy in STRATEGIES]

    assert first[0] == first[1] == first[2]
    pd.testing.assert_frame_equal(simulate("random", share_right=0.9), simulate("random", share_right=0.9))


def test_the_area_between_the_curves_is_that_of_the_rounds_after_the_beginning() -> None:
    records = [
        {"strategy": strategy, "seed": seed, "round": number, "test_accuracy": accuracy}
        for seed, gain in ((0, 0.1), (1, 0.3))
        for strategy, extra in (("random", 0.0), ("active_pairs", gain))
        # At the beginning the curves are far apart, which does not count.
        for number, accuracy in ((0, 0.0 if strategy == "random" else 0.9), (1, 0.5 + extra), (2, 0.6 + extra))
    ]

    found = compare_curves(pd.DataFrame(records), "test_accuracy")

    assert found["area"] == pytest.approx(0.2)
    assert [found["low"], found["high"]] == pytest.approx([0.1, 0.3])
    assert found["n_seeds"] == 2
