from __future__ import annotations

import numpy as np
import pytest

from cleanlab_assets.families.multiannotator import dawid_skene
from cleanlab_assets.families.multiannotator.annotations import count_votes
from cleanlab_assets.families.multiannotator.dawid_skene import (
    ACCURACY_STRENGTH,
    CLASS_SMOOTHING,
    PRIOR_STRENGTH,
    UNIFORM_SHARE,
    estimate_dawid_skene,
)


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


def _estimate_label_by_label(
    labels: np.ndarray, *, n_classes: int, n_rounds: int, model: np.ndarray | None = None, temperature: float = 1
) -> np.ndarray:
    """Estimate by the formulas of the paper, with a whole table of confusions and its prior for each annotator."""
    n_examples, n_annotators = labels.shape
    given = [(e, a, labels[e, a]) for e in range(n_examples) for a in range(n_annotators) if labels[e, a] >= 0]
    truth = np.zeros((n_examples, n_classes))
    for example, _, label in given:
        truth[example, label] += 1
    labelled = truth.sum(axis=1) > 0
    truth = np.where(labelled[:, None], truth, 1)
    truth /= truth.sum(axis=1, keepdims=True)
    is_diagonal = np.eye(n_classes, dtype=bool)
    for _ in range(n_rounds):
        frequencies = truth[labelled].mean(axis=0) + CLASS_SMOOTHING / n_classes
        counts = np.zeros((n_annotators, n_classes, n_classes))  # true class, given class
        for example, annotator, label in given:
            counts[annotator, :, label] += truth[example]
        mistakes = np.where(is_diagonal, 0, counts.sum(axis=0) + 1 / (n_classes - 1))
        mistakes /= mistakes.sum(axis=1, keepdims=True)
        right = counts[:, is_diagonal].sum(axis=1)
        mean = (right.sum() + 1) / (len(given) + 2)
        accuracy = (right + ACCURACY_STRENGTH * mean) / (counts.sum(axis=(1, 2)) + ACCURACY_STRENGTH)
        prior = np.array([np.where(is_diagonal, share, (1 - share) * mistakes) for share in accuracy])
        confusions = counts + PRIOR_STRENGTH * prior
        confusions /= confusions.sum(axis=2, keepdims=True)
        if model is None:
            likelihood = np.tile(frequencies / frequencies.sum(), (n_examples, 1))
        else:
            likelihood = ((1 - UNIFORM_SHARE) * model + UNIFORM_SHARE / n_classes) ** (1 / temperature)
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
    expected = _estimate_label_by_label(labels, n_classes=9, n_rounds=n_rounds)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-12)
    assert (found.n_rounds, found.has_converged, found.temperature) == (n_rounds, False, None)


def _draw_model(truth: np.ndarray, n_classes: int, *, accuracy: float, confidence: float, seed: int) -> np.ndarray:
    """Probabilities of a model that is as often right as it says in the one case, and surer in the other."""
    rng = np.random.default_rng(seed)
    other = (truth + rng.integers(1, n_classes, len(truth))) % n_classes
    named = np.where(rng.random(len(truth)) < accuracy, truth, other)
    probabilities = np.full((len(truth), n_classes), (1 - confidence) / (n_classes - 1))
    probabilities[np.arange(len(truth)), named] = confidence
    return probabilities


def test_a_model_takes_the_place_of_the_class_frequencies_by_its_temperature() -> None:
    labels, truth = _draw_panel(80, 6, 4, n_labels=3, accuracy=0.7, seed=5)
    model = _draw_model(truth, 4, accuracy=0.7, confidence=0.9, seed=6)
    found = estimate_dawid_skene(labels, n_classes=4, model=model, max_iterations=1)
    assert found.temperature is not None
    expected = _estimate_label_by_label(labels, n_classes=4, n_rounds=1, model=model, temperature=found.temperature)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-12)


@pytest.mark.parametrize(("confidence", "is_above"), [(0.97, True), (0.5, False)])
def test_the_temperature_says_whether_a_model_is_too_sure(confidence: float, *, is_above: bool) -> None:
    labels, truth = _draw_panel(1500, 10, 4, n_labels=5, accuracy=0.8, seed=7)
    model = _draw_model(truth, 4, accuracy=0.75, confidence=confidence, seed=8)
    found = estimate_dawid_skene(labels, n_classes=4, model=model)
    assert found.temperature is not None
    assert found.temperature > 1.3 if is_above else found.temperature < 0.8


def test_a_useless_model_does_no_harm_and_a_good_one_helps() -> None:
    labels, truth = _draw_panel(800, 10, 5, n_labels=3, accuracy=0.6, seed=9)
    alone = (estimate_dawid_skene(labels, n_classes=5).consensus == truth).mean()
    guessing = np.random.default_rng(10).dirichlet(np.full(5, 0.1), size=len(truth))
    useless = estimate_dawid_skene(labels, n_classes=5, model=guessing)
    assert useless.temperature is not None
    assert useless.temperature > 5
    assert (useless.consensus == truth).mean() > alone - 0.01
    good = _draw_model(truth, 5, accuracy=0.8, confidence=0.8, seed=11)
    assert (estimate_dawid_skene(labels, n_classes=5, model=good).consensus == truth).mean() > alone + 0.05


def test_zero_probabilities_of_a_model_make_no_class_impossible() -> None:
    labels, truth = _draw_panel(400, 8, 3, n_labels=6, accuracy=0.9, seed=12)
    wrong = np.eye(3)[(truth + (np.arange(400) % 4 == 0)) % 3]
    found = estimate_dawid_skene(labels, n_classes=3, model=wrong)
    assert np.isfinite(found.probabilities).all()
    assert (found.consensus == truth).mean() > 0.97


def test_an_annotator_of_few_labels_is_taken_for_one_like_the_others() -> None:
    labels, truth = _draw_panel(600, 6, 4, n_labels=3, accuracy=0.9, seed=13)
    newcomer = np.full(len(truth), -1)
    newcomer[0] = (truth[0] + 1) % 4
    before = estimate_dawid_skene(labels, n_classes=4).probabilities
    after = estimate_dawid_skene(np.column_stack([labels, newcomer]), n_classes=4).probabilities
    assert after[0].argmax() == truth[0], "one label of a stranger does not outweigh three"
    np.testing.assert_allclose(after[1:], before[1:], atol=0.02)


@pytest.mark.parametrize("n_spammers", [0, 4])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_classes_do_not_change_places(n_classes: int, n_spammers: int) -> None:
    labels, truth = _draw_panel(500, 5, n_classes, n_labels=4, accuracy=0.7, seed=14)
    spam = np.random.default_rng(15).integers(n_classes, size=(500, n_spammers))
    found = estimate_dawid_skene(np.column_stack([labels, spam]), n_classes=n_classes)
    right = [(found.consensus == (truth + shift) % n_classes).mean() for shift in range(n_classes)]
    assert np.argmax(right) == 0
    assert right[0] > 0.75


def test_rounds_end_where_probabilities_stand_still_and_say_if_they_do_not() -> None:
    labels, _ = _draw_panel(300, 6, 3, n_labels=4, accuracy=0.7, seed=16)
    whole = estimate_dawid_skene(labels, n_classes=3)
    assert whole.has_converged
    short = estimate_dawid_skene(labels, n_classes=3, max_iterations=2)
    assert (short.n_rounds, short.has_converged) == (2, False)
    again = estimate_dawid_skene(labels, n_classes=3)
    np.testing.assert_array_equal(whole.probabilities, again.probabilities)


def test_annotators_who_always_agree_leave_no_probability_that_is_none() -> None:
    labels = np.tile(np.arange(3).repeat(4)[:, None], (1, 2))
    found = estimate_dawid_skene(labels, n_classes=3)
    assert np.isfinite(found.probabilities).all()
    assert found.consensus.tolist() == labels[:, 0].tolist()


def test_probabilities_of_other_examples_are_refused() -> None:
    labels, _ = _draw_panel(20, 4, 3, n_labels=2, accuracy=0.7, seed=17)
    with pytest.raises(ValueError, match=r"probabilities have the shape \(19, 3\), expected \(20, 3\)"):
        estimate_dawid_skene(labels, n_classes=3, model=np.full((19, 3), 1 / 3))


def test_an_example_that_nobody_labelled_gets_the_class_frequencies() -> None:
    labels, _ = _draw_panel(200, 5, 3, n_labels=3, accuracy=0.9, seed=2)
    labels[labels == 2] = 0
    labels[0] = -1
    found = estimate_dawid_skene(labels, n_classes=3).probabilities
    np.testing.assert_allclose(found[0], found[1:].mean(axis=0), atol=0.005)


def test_votes_are_counted_by_example_and_class() -> None:
    labels = np.array([[0, 2, 2], [-1, -1, -1], [1, -1, 0]])
    assert count_votes(labels, n_classes=4).tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [1, 1, 0, 0]]


@pytest.mark.slow
def test_four_hundred_classes_and_three_hundred_annotators_are_estimated() -> None:
    labels, truth = _draw_panel(1500, 300, 400, n_labels=3, accuracy=0.75, seed=4)
    found = estimate_dawid_skene(labels, n_classes=400)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert (found.consensus == truth).mean() > 0.85


@pytest.mark.parametrize("with_model", [False, True])
def test_decided_examples_have_the_decided_class_and_the_others_are_judged_better(with_model: bool) -> None:  # noqa: FBT001
    """A tenth is decided: of poor annotators who err alike it tells who errs how."""
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels, truth = _draw_panel(400, 12, 3, n_labels=4, accuracy=0.35, seed=seed)
        # Half of the annotators call the second class the third, as the votes do.
        labels[:, ::2] = np.where(labels[:, ::2] == 1, 2, labels[:, ::2])
        decided = np.where(rng.random(len(truth)) < 0.1, truth, -1)
        model = None
        if with_model:
            model = 0.4 * np.eye(3)[truth] + 0.6 * rng.dirichlet(np.ones(3), len(truth))
        alone = estimate_dawid_skene(labels, n_classes=3, model=model)
        told = estimate_dawid_skene(labels, n_classes=3, model=model, decided=decided)
        is_decided = decided >= 0
        assert (told.consensus[is_decided] == truth[is_decided]).all()
        assert (told.probabilities[is_decided].max(axis=1) == 1).all()
        right = [(found.consensus == truth)[~is_decided].mean() for found in (alone, told)]
        gains.append(right[1] - right[0])
    assert np.mean(gains) > (0 if with_model else 0.01), "alone 0.03 more are right, beside a model hardly any"


def test_nothing_decided_changes_nothing_and_other_examples_are_refused() -> None:
    labels, _ = _draw_panel(60, 5, 3, n_labels=3, accuracy=0.6, seed=0)
    nothing = estimate_dawid_skene(labels, n_classes=3, decided=np.full(60, -1))
    assert (nothing.probabilities == estimate_dawid_skene(labels, n_classes=3).probabilities).all()
    for decided in (np.full(59, -1), np.full(60, 3)):
        with pytest.raises(ValueError, match=r"decided classes have the shape .*, expected \(60,\) and codes to 2"):
            estimate_dawid_skene(labels, n_classes=3, decided=decided)
