from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.methods.class_metrics import (
    LOWER_IS_BETTER,
    METRICS,
    ScoredPredictions,
    calibrated_log_loss,
    measure_calibration,
)


def with_scikit_learn(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, roc_auc_score

    classes = range(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    scores = probabilities.astype(np.float64)
    one_class_each = [
        roc_auc_score(labels == code, scores[:, code], sample_weight=weights)
        for code in classes
        if 0 < np.average(labels == code, weights=weights) < 1
    ]
    binary = len(classes) == 2
    clipped = np.clip(scores, 1e-7, 1)
    return {
        "accuracy": accuracy_score(labels, predicted, sample_weight=weights),
        "macro_f1": f1_score(labels, predicted, average="macro", sample_weight=weights, zero_division=0),
        "weighted_f1": f1_score(labels, predicted, average="weighted", sample_weight=weights, zero_division=0),
        "weighted_precision": precision_score(
            labels, predicted, average="weighted", sample_weight=weights, zero_division=0
        ),
        "log_loss": log_loss(
            labels, clipped / clipped.sum(axis=1, keepdims=True), labels=classes, sample_weight=weights
        ),
        "roc_auc": one_class_each[-1] if binary else np.mean(one_class_each),
    }


def random_predictions(
    n_rows: int, n_classes: int, *, seed: int, ties: bool = False, missing_class: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes - missing_class, size=n_rows)
    probabilities = rng.dirichlet(np.ones(n_classes), size=n_rows)
    probabilities[np.arange(n_rows), labels] += 0.3
    if ties:
        probabilities = np.round(probabilities * 3) + 1
    return labels, (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_metrics_equal_scikit_learns(n_classes: int, ties: bool, seed: int) -> None:  # noqa: FBT001 - a parameter
    labels, probabilities = random_predictions(80, n_classes, seed=seed, ties=ties)

    metrics = ScoredPredictions(labels, probabilities).compute()

    assert tuple(metrics) == METRICS
    assert metrics == pytest.approx(with_scikit_learn(labels, probabilities), abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_class_that_occurs_neither_as_label_nor_prediction_does_not_count(seed: int) -> None:
    labels, probabilities = random_predictions(60, 4, seed=seed, missing_class=True)
    probabilities[:, 3] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)

    metrics = ScoredPredictions(labels, probabilities).compute()

    assert metrics == pytest.approx(with_scikit_learn(labels, probabilities), abs=1e-6)


def test_a_class_that_is_only_predicted_counts() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.eye(3)[[0, 2, 1, 1]] * 0.9 + 1 / 30

    metrics = ScoredPredictions(labels, probabilities).compute()

    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics == pytest.approx(with_scikit_learn(labels, probabilities), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(n_rows=st.integers(6, 60), n_classes=st.integers(2, 4), seed=st.integers(0, 10_000))
def test_integer_weights_equal_repeated_rows(n_rows: int, n_classes: int, seed: int) -> None:
    labels, probabilities = random_predictions(n_rows, n_classes, seed=seed, ties=seed % 2 == 0)
    weights = np.random.default_rng(seed).integers(1, 4, size=n_rows)
    repeated = np.repeat(np.arange(n_rows), weights)

    weighted = ScoredPredictions(labels, probabilities).compute(weights.astype(float))
    rows = ScoredPredictions(labels[repeated], probabilities[repeated]).compute()

    assert weighted == pytest.approx(rows, abs=1e-9, nan_ok=True)


def test_rows_of_weight_zero_do_not_exist() -> None:
    labels, probabilities = random_predictions(50, 3, seed=0)
    kept = np.arange(50) % 3 > 0

    weighted = ScoredPredictions(labels, probabilities).compute(kept.astype(float))

    assert weighted == pytest.approx(ScoredPredictions(labels[kept], probabilities[kept]).compute(), abs=1e-9)


def test_fractional_weights_equal_scikit_learns() -> None:
    labels, probabilities = random_predictions(90, 3, seed=4, ties=True)
    weights = np.random.default_rng(4).random(90) + 0.1

    metrics = ScoredPredictions(labels, probabilities).compute(weights)

    assert metrics == pytest.approx(with_scikit_learn(labels, probabilities, weights), abs=1e-6)


def test_certain_and_wrong_costs_a_finite_log_loss() -> None:
    metrics = ScoredPredictions(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])).compute()

    assert metrics["log_loss"] == pytest.approx(-np.log(1e-7) / 2)
    assert metrics["accuracy"] == 0.5


def test_calibrated_log_loss_is_that_of_the_best_temperature() -> None:
    labels, probabilities = random_predictions(200, 3, seed=1, ties=False)
    logits = np.log(probabilities)
    losses = [
        ScoredPredictions(labels, sharpened / sharpened.sum(axis=1, keepdims=True)).compute()["log_loss"]
        for sharpened in (np.exp(logits / temperature) for temperature in np.geomspace(0.05, 150, 2000))
    ]
    assert calibrated_log_loss(labels, probabilities) == pytest.approx(min(losses), abs=1e-4)


def test_after_calibration_a_bold_model_that_is_right_more_often_beats_a_timid_one() -> None:
    """Of ten labels one is wrong, for which a bold model pays more than a timid one for all of its doubts."""
    truth = np.arange(1000) % 2
    given = np.where(np.arange(1000) % 10 == 0, 1 - truth, truth)
    bold = np.where(truth[:, None] == [0, 1], 1 - 1e-7, 1e-7)
    timid = np.where((np.arange(1000) % 4 > 0)[:, None] == (truth[:, None] == [0, 1]), 0.7, 0.3)
    losses = [ScoredPredictions(given, predicted).compute()["log_loss"] for predicted in (bold, timid)]
    assert losses[0] > losses[1]
    assert calibrated_log_loss(given, bold) < calibrated_log_loss(given, timid)


def test_a_single_class_has_no_roc_area() -> None:
    metrics = ScoredPredictions(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]])).compute()

    assert np.isnan(metrics["roc_auc"])
    assert metrics["accuracy"] == 0.5


def test_only_log_loss_is_better_when_lower() -> None:
    assert {"log_loss"} == LOWER_IS_BETTER


def test_calibration_of_a_hand_made_case() -> None:
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.65, 0.35], [1.0, 0.0]])
    labels = np.array([0, 1, 1, 1, 0])

    curve = measure_calibration(labels, probabilities)

    assert curve.counts == [2, 3]
    assert curve.accuracy == pytest.approx([0.5, 2 / 3])
    assert curve.mean_confidence == pytest.approx([0.65, (0.95 + 0.95 + 1) / 3])
    assert curve.expected_calibration_error == pytest.approx(0.4 * 0.15 + 0.6 * (2.9 / 3 - 2 / 3))


def test_a_model_that_is_right_as_often_as_it_says_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, size=20_000)
    labels = (rng.random(20_000) > confidence).astype(int)

    honest = measure_calibration(labels, np.column_stack([confidence, 1 - confidence]))
    boastful = measure_calibration(labels, np.tile([0.99, 0.01], (20_000, 1)))

    assert honest.expected_calibration_error < 0.02
    assert boastful.expected_calibration_error == pytest.approx(0.24, abs=0.02)
    assert sum(honest.counts) == 20_000
