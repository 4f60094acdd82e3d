"""The noise matrix by expectation-maximisation, and what it says of a row, on labels of known truth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cleanlab_assets.methods.calibration import calibrate_by_temperature
from cleanlab_assets.methods.noise_posterior import (
    believe_true,
    draw_labels_like_these,
    estimate_noise_by_em,
    score_by_noise,
)
from cleanlab_assets_tests.noisy_classes import N_CLASSES, Noise, draw_noisy_classes


def calibrated_of(noise: Noise, *, rate: float, seed: int = 0, is_strong: bool = True) -> tuple[np.ndarray, ...]:
    data = draw_noisy_classes(noise, is_strong=is_strong, rate=rate, seed=seed)
    calibrated = calibrate_by_temperature(data.given, data.probabilities, data.folds).probabilities
    return data.given, calibrated, data.is_wrong


@pytest.mark.parametrize("seed", range(3))
def test_the_class_that_hides_the_others_is_found(seed: int) -> None:
    """A fifth of the labels of three classes became the first one."""
    given, calibrated, _ = calibrated_of("left out", rate=0.15, seed=seed)

    noise = estimate_noise_by_em(given, calibrated)

    assert noise.sum(axis=0) == pytest.approx(1.0)
    hidden = noise[0, 1:]
    others = noise[~np.eye(N_CLASSES, dtype=bool)].sum() - hidden.sum()
    # Measured: 0.13 to 0.15 in sum, against 0.03 for all nine others: the predictions have learned a part of it.
    assert hidden.min() > 0.02
    assert hidden.sum() > 3 * others


def test_where_all_errors_are_alike_rows_rank_as_by_self_confidence() -> None:
    noise = np.full((3, 3), 0.05) + 0.85 * np.eye(3)
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.ones(3), size=200), rng.integers(3, size=200)

    quality = score_by_noise(labels, probabilities, noise)

    assert np.array_equal(np.argsort(quality), np.argsort(probabilities[np.arange(200), labels]))


def test_posteriors_of_a_hand_made_case() -> None:
    """A true b is given a once in ten times, a true a is never given b."""
    noise = np.array([[1.0, 0.1], [0.0, 0.9]])

    quality = score_by_noise(np.array([0, 0, 1]), np.array([[0.5, 0.5], [0.0, 1.0], [0.2, 0.8]]), noise)

    assert quality == pytest.approx([0.5 / 0.55, 0.0, 1.0])


@pytest.mark.parametrize(("noise", "rate"), [("left out", 0.15), ("by class", 0.15)])
@pytest.mark.parametrize("is_strong", [True, False])
def test_errors_of_some_classes_rank_far_worse_than_by_self_confidence(
    noise: Noise, rate: float, *, is_strong: bool
) -> None:
    given, calibrated, is_wrong = calibrated_of(noise, rate=rate, is_strong=is_strong)

    posterior = score_by_noise(given, calibrated, estimate_noise_by_em(given, calibrated))

    reached = average_precision_score(is_wrong, -posterior)
    usual = average_precision_score(is_wrong, -calibrated[np.arange(len(given)), given])
    assert reached > usual + 0.04


def test_errors_near_the_border_rank_nearly_as_by_self_confidence() -> None:
    """Without a prior the matrix takes two near classes for each other everywhere, and loses 0.2 to 0.3."""
    given, calibrated, is_wrong = calibrated_of("near the border", rate=0.05)

    posterior = score_by_noise(given, calibrated, estimate_noise_by_em(given, calibrated))

    usual = average_precision_score(is_wrong, -calibrated[np.arange(len(given)), given])
    assert average_precision_score(is_wrong, -posterior) > usual - 0.08


def test_drawn_labels_are_wrong_as_often_as_the_matrix_says() -> None:
    rng = np.random.default_rng(0)
    noise = np.array([[0.95, 0.0, 0.3], [0.05, 1.0, 0.0], [0.0, 0.0, 0.7]])
    truth = rng.integers(3, size=6000)
    given = np.array([rng.choice(3, p=noise[:, code]) for code in truth])
    of_given = np.clip(noise.T[truth], 1e-9, None)  # the model knows the truth, and the noise

    drawn = draw_labels_like_these(given, of_given, noise, seed=0)

    assert drawn.is_planted.mean() == pytest.approx((0.05 + 0.3) / 3, abs=0.015)
    wrong_now = drawn.labels[drawn.is_planted]
    assert not (wrong_now == 2).any(), "nothing is taken for the third class"
    assert (wrong_now == 0).mean() == pytest.approx(0.3 / 0.35, abs=0.05)


def test_beliefs_invert_the_noise() -> None:
    noise = np.array([[0.9, 0.2], [0.1, 0.8]])
    true = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert believe_true(true @ noise.T, noise) == pytest.approx(true)


def test_a_single_class_has_no_noise() -> None:
    labels, probabilities = np.zeros(5, dtype=int), np.ones((5, 1))
    assert estimate_noise_by_em(labels, probabilities) == pytest.approx(np.ones((1, 1)))
    assert score_by_noise(labels, probabilities, np.ones((1, 1))) == pytest.approx(1.0)


def test_a_class_that_nobody_gives_or_is_expected_to_be_has_the_usual_errors() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=100)
    probabilities = np.column_stack([np.where(labels == 0, 0.9, 0.1), np.where(labels == 0, 0.1, 0.9), np.zeros(100)])

    noise = estimate_noise_by_em(labels, probabilities)

    assert np.isfinite(noise).all()
    assert noise.sum(axis=0) == pytest.approx(1.0)
