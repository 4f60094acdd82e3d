from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.families.multiannotator import dawid_skene
from cleanlab_assets.families.multiannotator.annotations import count_votes
from cleanlab_assets.families.multiannotator.dawid_skene import SMOOTHING, estimate_dawid_skene


def _draw_panel(
    n_examples: int, n_annotators: int, n_classes: int, *, n_labels: int, accuracy: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of random annotators, as many for each example, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_examples)
    labels = np.full((n_examples, n_annotators), -1)
    for example, right in enumerate(truth):
        who = rng.choice(n_annotators, n_labels, replace=False)
        guesses = rng.integers(n_classes, size=n_labels)
        labels[example, who] = np.where(rng.random(n_labels) < accuracy, right, guesses)
    return labels, truth


def _estimate_label_by_label(labels: np.ndarray, *, n_classes: int, n_rounds: int) -> np.ndarray:
    """Estimate by the formulas of the paper, with a whole table of confusions for each annotator."""
    n_examples, n_annotators = labels.shape
    given = [(e, a, labels[e, a]) for e in range(n_examples) for a in range(n_annotators) if labels[e, a] >= 0]
    truth = np.zeros((n_examples, n_classes))
    for example, _, label in given:
        truth[example, label] += 1
    labelled = truth.sum(axis=1) > 0
    truth = np.where(labelled[:, None], truth, 1)
    truth /= truth.sum(axis=1, keepdims=True)
    for _ in range(n_rounds):
        frequencies = truth[labelled].mean(axis=0) + SMOOTHING / n_classes
        confusions = np.full((n_annotators, n_classes, n_classes), SMOOTHING)
        for example, annotator, label in given:
            confusions[annotator, :, label] += truth[example]
        confusions /= confusions.sum(axis=2, keepdims=True)
        likelihood = np.tile(frequencies / frequencies.sum(), (n_examples, 1))
        for example, annotator, label in given:
            likelihood[example] *= confusions[annotator, :, label]
        truth = likelihood / likelihood.sum(axis=1, keepdims=True)
    return truth


@pytest.mark.parametrize("block_size", [1, 30, 4_000_000])
@pytest.mark.parametrize("n_rounds", [1, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_estimate_is_that_of_the_papers_formulas(
    monkeypatch: pytest.MonkeyPatch, block_size: int, n_rounds: int, seed: int
) -> None:
    monkeypatch.setattr(dawid_skene, "BLOCK_SIZE", block_size)
    labels, _ = _draw_panel(60, 7, 9, n_labels=4, accuracy=0.6, seed=seed)
    labels[5] = -1
    found = estimate_dawid_skene(labels, n_classes=9, max_iterations=n_rounds, tolerance=0)
    np.testing.assert_allclose(found, _estimate_label_by_label(labels, n_classes=9, n_rounds=n_rounds), atol=1e-12)


def test_an_example_that_nobody_labelled_gets_the_class_frequencies() -> None:
    labels, _ = _draw_panel(200, 5, 3, n_labels=3, accuracy=0.9, seed=2)
    labels[labels == 2] = 0
    labels[0] = -1
    found = estimate_dawid_skene(labels, n_classes=3)
    np.testing.assert_allclose(found[0], found[1:].mean(axis=0), atol=0.005)


def test_votes_are_counted_by_example_and_class() -> None:
    labels = np.array([[0, 2, 2], [-1, -1, -1], [1, -1, 0]])
    assert count_votes(labels, n_classes=4).tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [1, 1, 0, 0]]


@pytest.mark.slow
def test_four_hundred_classes_and_three_hundred_annotators_are_estimated() -> None:
    labels, truth = _draw_panel(1500, 300, 400, n_labels=3, accuracy=0.75, seed=4)
    found = estimate_dawid_skene(labels, n_classes=400)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == truth).mean() > 0.85
