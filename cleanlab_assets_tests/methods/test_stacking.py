"""Models that are weighed together: known optima, and rankings of planted errors at least as good as the best one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cleanlab_assets.methods import stacking
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.stacking import fit_stack, stack_probabilities

N_CLASSES = 4


def predict(truth: np.ndarray, *, strength: float, seed: int) -> np.ndarray:
    """Calibrated probabilities of a model that sees the truth through noise of its own."""
    generator = seed_generator(seed, "noise of a model")
    seen = strength * np.eye(N_CLASSES)[truth] + generator.normal(size=(len(truth), N_CLASSES))
    odds = np.exp(strength * seen)
    calibrated: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return calibrated


def measure_log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(labels)), labels]).mean())


def test_independent_calibrated_models_have_weight_one_and_a_model_that_guesses_none() -> None:
    truth = seed_generator(0, "truth").integers(N_CLASSES, size=20_000)
    models = {
        "good": predict(truth, strength=1.5, seed=1),
        "fair": predict(truth, strength=1.0, seed=2),
        "guesses": predict(np.roll(truth, 1), strength=1.0, seed=3),
    }

    weights = fit_stack(models, truth).weights

    assert_allclose([weights["good"], weights["fair"]], 1, atol=0.06)
    assert weights["guesses"] < 0.05
    stacked = stack_probabilities(models, weights)
    assert_allclose(stacked.sum(axis=1), 1)
    assert measure_log_loss(stacked, truth) < measure_log_loss(models["good"], truth) - 0.1


def test_the_weight_of_a_model_alone_is_an_inverse_temperature() -> None:
    truth = seed_generator(0, "truth").integers(N_CLASSES, size=20_000)
    overconfident = predict(truth, strength=1.5, seed=1) ** 2
    overconfident /= overconfident.sum(axis=1, keepdims=True)

    (weight,) = fit_stack({"overconfident": overconfident}, truth).weights.values()

    assert weight == pytest.approx(0.5, abs=0.06)


def test_the_optimum_is_that_of_a_search_and_does_not_depend_on_the_order_of_models() -> None:
    truth = seed_generator(0, "truth").integers(N_CLASSES, size=500)
    models = {
        name: predict(truth, strength=strength, seed=seed)
        for seed, (name, strength) in enumerate({"a": 1.2, "b": 0.7}.items())
    }
    weights = fit_stack(models, truth).weights
    grid = np.linspace(0, 2, 41)
    losses = {
        (a, b): measure_log_loss(stack_probabilities(models, {"a": a, "b": b}), truth) for a in grid for b in grid
    }
    best = min(losses, key=lambda pair: losses[pair])
    assert_allclose([weights["a"], weights["b"]], best, atol=0.06)
    turned = fit_stack(dict(reversed(models.items())), truth).weights
    assert_allclose([turned["a"], turned["b"]], [weights["a"], weights["b"]], atol=1e-4)


def test_many_rows_are_sampled_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = seed_generator(0, "truth").integers(N_CLASSES, size=4_000)
    models = {"a": predict(truth, strength=1.2, seed=1), "b": predict(truth, strength=0.7, seed=2)}
    of_all = fit_stack(models, truth).weights
    monkeypatch.setattr(stacking, "MOST_ROWS", 1_000)

    of_some = fit_stack(models, truth, seed=1).weights

    assert of_some == fit_stack(models, truth, seed=1).weights != of_all
    assert_allclose(list(of_some.values()), list(of_all.values()), atol=0.3)


@pytest.mark.parametrize("becomes", ["any other class", "the next class"])
def test_the_stack_ranks_planted_errors_at_least_as_well_as_the_best_model_in_nine_of_ten_seeds(becomes: str) -> None:
    from sklearn.metrics import average_precision_score

    n_wins, gains = 0, []
    for seed in range(10):
        generator = seed_generator(seed, "labels")
        truth = generator.integers(N_CLASSES, size=1_500)
        is_wrong = generator.random(len(truth)) < 0.08
        shift = 1 if becomes == "the next class" else generator.integers(1, N_CLASSES, size=len(truth))
        given = np.where(is_wrong, (truth + shift) % N_CLASSES, truth)
        models = {
            "good": predict(truth, strength=2.0, seed=10 * seed + 1),
            "fair": predict(truth, strength=1.6, seed=10 * seed + 2),
            "weak": predict(truth, strength=0.8, seed=10 * seed + 3),
        }
        stacked = stack_probabilities(models, fit_stack(models, given).weights)

        def rank(probabilities: np.ndarray, labels: np.ndarray = given, wrong: np.ndarray = is_wrong) -> float:
            return float(average_precision_score(wrong, -probabilities[np.arange(len(labels)), labels]))

        best = max(rank(probabilities) for probabilities in models.values())
        gains.append(rank(stacked) - best)
        n_wins += gains[-1] >= 0
    assert n_wins >= 9
    assert np.mean(gains) > 0.03


def test_what_cannot_be_stacked_is_refused() -> None:
    known = np.full((3, 2), 0.5)
    for models, labels, message in (
        ({}, [0, 1, 0], "found no model"),
        ({"a": known, "b": known[:2]}, [0, 1, 0], "b: found probabilities of shape"),
        ({"a": np.where(np.eye(3, 2) > 0, np.nan, known)}, [0, 1, 0], "of a of row 1"),
        ({"a": known}, [0, 1], "found labels of 2 rows"),
        ({"a": known}, [0, 1, 2], "class code 2"),
        ({"a": known[:0]}, [], "found no row"),
    ):
        with pytest.raises(ValueError, match=message):
            fit_stack(models, np.array(labels, dtype=np.int64))


def test_the_share_of_wrong_labels_is_found_and_a_model_that_is_sure_of_them_keeps_its_weight() -> None:
    generator = seed_generator(0, "labels")
    truth = generator.integers(N_CLASSES, size=10_000)
    is_wrong = generator.random(len(truth)) < 0.2
    given = np.where(is_wrong, generator.integers(N_CLASSES, size=len(truth)), truth)
    models = {"sure": predict(truth, strength=2.0, seed=1), "weak": predict(truth, strength=0.8, seed=2)}

    found = fit_stack(models, given)

    assert found.share_wrong == pytest.approx(0.2, abs=0.02)
    assert_allclose(list(found.weights.values()), 1, atol=0.15)
    assert found.log_loss < fit_stack({"sure": models["sure"]}, given).log_loss


def test_a_model_that_is_infinitely_sure_does_not_silence_the_others() -> None:
    models = {"sure": np.array([[0.0, 1.0]]), "other": np.array([[0.999, 0.001]])}

    stacked = stack_probabilities(models, {"sure": 1.0, "other": 1.0})

    assert_allclose(stacked, 0.5, atol=1e-3)
