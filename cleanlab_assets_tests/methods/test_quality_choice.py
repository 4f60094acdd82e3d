"""The score that ranks is chosen by errors as the data's own, and helps where it is not the usual one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.quality_choice import CHOSEN_AMONG, choose_quality_method
from cleanlab_assets_tests.known_data import predictions_for
from cleanlab_assets_tests.noisy_classes import Noise, draw_noisy_classes


def choose_and_compare(noise: Noise, *, is_strong: bool, rate: float, seed: int) -> tuple[str, float]:
    """Return the chosen score, and by how much it ranks the wrong labels better than self-confidence."""
    data = draw_noisy_classes(noise, is_strong=is_strong, rate=rate, seed=seed)
    predictions, no_features = predictions_for(data.given, data.probabilities), pd.DataFrame(index=range(2000))
    chosen = choose_quality_method(predictions, data.folds, seed=seed).chosen
    reached = [
        average_precision_score(
            data.is_wrong,
            -find_label_issues(predictions, no_features, data.folds, quality_method=method).table["label_quality"],  # type: ignore[arg-type]
        )
        for method in (chosen, "self_confidence")
    ]
    return chosen, float(reached[0] - reached[1])


@pytest.mark.parametrize("noise", ["left out", "by class"])
@pytest.mark.parametrize("is_strong", [True, False])
def test_the_posterior_is_chosen_where_classes_are_wrong_unequally_often(noise: Noise, *, is_strong: bool) -> None:
    found = [choose_and_compare(noise, is_strong=is_strong, rate=0.15, seed=seed) for seed in range(4)]

    assert [chosen for chosen, _ in found].count("noise_posterior") >= 3
    assert np.mean([gain for _, gain in found]) > 0.04
    assert min(gain for _, gain in found) > -0.01


@pytest.mark.parametrize("noise", ["uniform", "near the border"])
@pytest.mark.parametrize("is_strong", [True, False])
def test_the_choice_costs_little_where_no_class_is_wrong_more_often(noise: Noise, *, is_strong: bool) -> None:
    """Measured over 24 draws of 400 to 5,000 rows: 0.004 less in the mean near the border, at worst 0.09."""
    gains = [choose_and_compare(noise, is_strong=is_strong, rate=0.05, seed=seed)[1] for seed in range(4)]

    assert np.mean(gains) > -0.03


def test_labels_without_errors_leave_the_usual_score() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    probabilities = np.full((600, 3), 0.01) + 0.97 * np.eye(3)[labels]

    choice = choose_quality_method(predictions_for(labels, probabilities), rng.integers(5, size=600), seed=0)

    assert (choice.chosen, choice.figures) == ("self_confidence", [])
    assert "too few" in choice.note


def test_test_rows_have_no_say() -> None:
    data = draw_noisy_classes("left out", is_strong=True, rate=0.15)
    alone = choose_quality_method(
        predictions_for(data.given[:1500], data.probabilities[:1500]), data.folds[:1500], seed=0
    )
    beside = choose_quality_method(
        predictions_for(data.given, data.probabilities, n_test=500),
        np.where(np.arange(2000) < 1500, data.folds, -1),
        seed=0,
    )

    assert alone == beside
    assert [figures.score for figures in alone.figures] == list(CHOSEN_AMONG)
