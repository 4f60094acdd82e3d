from __future__ import annotations

import contextlib
import io
import re
import warnings

import numpy as np
import pytest

from cleanlab_assets.families.multiannotator.active_learning import score_examples_to_label
from cleanlab_assets.families.multiannotator.lean_crowdlab import _Labels, _vote, run_crowdlab, to_sums_of_one

PANELS = [
    # examples, annotators, classes, share of the labels that are given, mean accuracy of the annotators
    (40, 4, 2, 0.3, 0.8),
    (100, 10, 5, 0.6, 0.6),
    (200, 30, 20, 0.15, 0.4),
    (60, 40, 8, 0.6, 0.7),
    (300, 5, 40, 0.5, 0.9),
]


def _draw_panel(
    n_examples: int, n_annotators: int, n_classes: int, density: float, accuracy: float, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of annotators who are right more or less often, and the probabilities of a model that knows little."""
    rng = np.random.default_rng(seed)
    shape = (n_examples, n_annotators)
    truth = rng.integers(n_classes, size=n_examples)
    skills = rng.beta(5 * accuracy, 5 * (1 - accuracy), size=n_annotators)
    labels = np.where(rng.random(shape) < skills, truth[:, None], rng.integers(n_classes, size=shape))
    labels = np.where(rng.random(shape) < density, labels, -1)
    labels = labels[(labels >= 0).any(axis=1)]
    return labels[:, (labels >= 0).any(axis=0)], to_sums_of_one(rng.dirichlet(np.ones(n_classes), size=len(labels)))


def _for_cleanlab(labels: np.ndarray) -> np.ndarray:
    return np.where(labels < 0, np.nan, labels.astype(np.float64))


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_crowdlab_equals_cleanlabs_own(panel: tuple[int, int, int, float, float], seed: int) -> None:
    from cleanlab.multiannotator import get_label_quality_multiannotator

    labels, probabilities = _draw_panel(*panel, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        original = get_label_quality_multiannotator(
            _for_cleanlab(labels), probabilities, consensus_method="best_quality", return_weights=True, verbose=False
        )
    examples, annotators = original["label_quality"], original["annotator_stats"].sort_index()

    found = run_crowdlab(labels, probabilities)

    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_array_equal(found.consensus, examples["consensus_label"])
    np.testing.assert_allclose(found.consensus_quality, examples["consensus_quality_score"], **close)  # type: ignore[call-overload]
    np.testing.assert_allclose(found.label_quality, original["detailed_label_quality"], **close)  # type: ignore[call-overload]
    np.testing.assert_allclose(found.annotators["weight"], original["annotator_weight"], **close)  # type: ignore[call-overload]
    assert found.model_weight == pytest.approx(original["model_weight"], rel=1e-12)
    np.testing.assert_array_equal(found.annotators["worst_class"], annotators["worst_class"])
    for name in ("annotator_quality", "agreement_with_consensus"):
        known = annotators[name].notna().to_numpy()
        assert known.mean() > 0.7
        np.testing.assert_allclose(found.annotators[name][known], annotators[name][known], **close)  # type: ignore[call-overload]


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("n_unlabelled", [0, 7])
@pytest.mark.parametrize("has_one_label_each", [False, True])
def test_active_learning_scores_equal_cleanlabs_own(
    panel: tuple[int, int, int, float, float], n_unlabelled: int, *, has_one_label_each: bool
) -> None:
    from cleanlab.multiannotator import get_active_learning_scores

    labels, probabilities = _draw_panel(*panel, seed=4)
    if has_one_label_each:
        is_first = np.cumsum(labels >= 0, axis=1) == 1
        labels = np.where(is_first, labels, -1)
        labels = labels[:, (labels >= 0).any(axis=0)]
    others = np.random.default_rng(5).dirichlet(np.ones(panel[2]), size=n_unlabelled)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        labelled, unlabelled = get_active_learning_scores(
            _for_cleanlab(labels), probabilities, others if n_unlabelled else None
        )

    found, found_unlabelled = score_examples_to_label(labels, probabilities, others)

    np.testing.assert_allclose(found, labelled, rtol=1e-12)
    np.testing.assert_allclose(found_unlabelled, unlabelled, rtol=1e-12)


def test_an_annotator_who_shares_no_example_is_judged_by_the_average_agreement() -> None:
    labels = np.array([[0, 0, -1], [1, 1, -1], [0, 1, -1], [-1, -1, 1], [-1, -1, 0]])
    probabilities = np.where(np.eye(2)[[0, 1, 0, 1, 1]] > 0, 0.8, 0.2)
    found = run_crowdlab(labels, probabilities).annotators
    assert found["weight"][2] == pytest.approx(found["weight"][:2].mean())
    assert found["annotator_quality"].between(0, 1).all()


@pytest.mark.parametrize("panel", PANELS)
@pytest.mark.parametrize("seed", range(3))
def test_ties_of_votes_are_broken_as_by_cleanlab_and_by_the_first_class_where_it_draws_lots(
    panel: tuple[int, int, int, float, float], seed: int
) -> None:
    from cleanlab.multiannotator import get_majority_vote_label

    labels, drawn = _draw_panel(*panel, seed=seed)
    few = to_sums_of_one(1 + (drawn > np.median(drawn)))  # the same for many classes
    np.random.seed(seed)  # noqa: NPY002 - what cleanlab draws from
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        expected = get_majority_vote_label(_for_cleanlab(labels), few, verbose=False)

    found = _vote(_Labels.of(labels, n_classes=few.shape[1]), few)

    unlike = np.flatnonzero(found != expected)
    lots = re.findall(r"\d+", str(warned[0].message)) if warned else []
    assert set(unlike) <= {int(row) for row in lots}
    assert (found[unlike] < expected[unlike]).all()
    assert len(unlike) < len(labels) / 4


def test_labels_without_any_example_that_two_gave_are_refused() -> None:
    with pytest.raises(ValueError, match="no example has two labels"):
        run_crowdlab(np.array([[0, -1], [-1, 1]]), np.full((2, 2), 0.5))


@pytest.mark.slow
def test_thousands_of_annotators_and_classes_are_judged() -> None:
    rng = np.random.default_rng(0)
    n_examples, n_annotators, n_classes = 6000, 2000, 2000
    truth = rng.integers(n_classes, size=n_examples)
    skills = np.where(np.arange(n_annotators) < 200, 0.1, 0.9)
    labels = np.full((n_examples, n_annotators), -1)
    for example, right in enumerate(truth):
        who = rng.choice(n_annotators, 5, replace=False)
        labels[example, who] = np.where(rng.random(5) < skills[who], right, rng.integers(n_classes, size=5))
    labels = labels[:, (labels >= 0).any(axis=0)]
    found = run_crowdlab(labels, np.full((n_examples, n_classes), 1 / n_classes))
    assert (found.consensus == truth).mean() > 0.95
    quality = found.annotators["annotator_quality"]
    assert quality[:200].mean() < quality[200:].mean() - 0.3
