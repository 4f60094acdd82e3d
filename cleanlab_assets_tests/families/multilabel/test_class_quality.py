"""The score of a class of a row: by hand, and chosen where it finds more errors of known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import cross_val_predict

from cleanlab_assets.compat import softmin
from cleanlab_assets.families.multilabel.class_quality import (
    CHOSEN_AMONG,
    SOFTMIN_TEMPERATURE,
    ClassNoise,
    choose_class_quality,
    score_classes,
)
from cleanlab_assets.families.multilabel.label_set_quality import (
    count_flagged_sets_by_rule,
    find_class_issues,
    find_label_set_issues,
)
from cleanlab_assets.methods.label_sets import decode_label_sets
from cleanlab_assets_tests.known_data import name_splits

if TYPE_CHECKING:
    from cleanlab_assets.methods.label_issues import QualityMethod

NAMES = ("a", "b", "c")
N_ROWS = 1500


def draw_sets(noise: Literal["left out", "anywhere"], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw labels of which one in ten rows has an error, which rows have one, and probabilities out of sample.

    The class ``a`` is left out of four in ten of its labels, or any class of a row is turned round.
    """
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N_ROWS, 8))
    scores = features @ rng.normal(size=(8, 3)) / 2 + rng.normal(size=(N_ROWS, 3)) * 0.3
    truth = scores > np.quantile(scores, 0.7, axis=0)
    given = truth.copy()
    if noise == "left out":
        given[:, 0] &= rng.random(N_ROWS) > 0.4
    else:
        hit = np.flatnonzero(rng.random(N_ROWS) < 0.1)
        given[hit, rng.integers(3, size=len(hit))] ^= True
    model = LogisticRegression()
    probabilities = np.column_stack(
        [cross_val_predict(model, features, given[:, code], method="predict_proba")[:, 1] for code in range(3)]
    )
    return given, (given != truth).any(axis=1), probabilities


def to_predictions(given: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    columns = {f"probability_{name}": probabilities[:, code] for code, name in enumerate(NAMES)}
    known = {"row_id": range(len(given)), "split": name_splits(len(given))}
    return pd.DataFrame(known | {"given_label": decode_label_sets(given, NAMES)} | columns)


def rank(given: np.ndarray, is_wrong: np.ndarray, probabilities: np.ndarray, method: str) -> float:
    """Return the average precision of the wrong rows."""
    quality = softmin(score_classes(given, probabilities, method), temperature=SOFTMIN_TEMPERATURE)  # type: ignore[arg-type]
    return float(average_precision_score(is_wrong, -quality))


def choose_and_compare(noise: Literal["left out", "anywhere"], seed: int) -> tuple[str, float]:
    """Return the chosen score, and by how much it ranks the wrong rows better than self-confidence."""
    given, is_wrong, probabilities = draw_sets(noise, seed)
    chosen = choose_class_quality(to_predictions(given, probabilities), seed=seed).chosen
    reached = [rank(given, is_wrong, probabilities, method) for method in (chosen, "self_confidence")]
    return chosen, reached[0] - reached[1]


def test_a_class_that_is_left_out_is_judged_by_the_posterior() -> None:
    """Measured: an average precision higher by 0.54 to 0.66 in five of six draws; nothing is shown in the sixth."""
    found = [choose_and_compare("left out", seed) for seed in range(4)]

    assert [chosen for chosen, _ in found].count("noise_posterior") >= 2
    assert max(gain for _, gain in found) > 0.3
    assert min(gain for _, gain in found) > -0.01


@pytest.mark.parametrize("seed", range(1, 4))
def test_flags_by_the_posterior_find_what_is_left_out(seed: int) -> None:
    """By the odds of the opposite the F1 of the flags is below 0.3: few of the errors are the less likely answer."""
    given, is_wrong, probabilities = draw_sets("left out", seed)

    by_noise, by_odds = (
        find_class_issues(given, probabilities, is_train=np.ones(N_ROWS, dtype=bool), quality_method=method)
        for method in ("noise_posterior", "self_confidence")
    )

    found = [f1_score(is_wrong, each.is_issue.any(axis=1)) for each in (by_noise, by_odds)]
    assert found[0] > 0.6
    assert found[0] > found[1] + 0.2
    is_flagged = by_noise.is_issue.any(axis=1)
    expected, true = by_noise.row_error_probability[is_flagged].mean(), is_wrong[is_flagged].mean()
    assert expected == pytest.approx(true, abs=0.35)
    # Measured: 0.75 to 0.9 of the flags say that the class is left out.
    assert (by_noise.is_issue & ~given)[:, 0].sum() > 0.6 * by_noise.is_issue.sum()


@pytest.mark.parametrize("method", CHOSEN_AMONG)
def test_the_count_of_a_rule_is_that_of_its_flags(method: QualityMethod) -> None:
    given, _, probabilities = draw_sets("left out", 2)
    predictions = to_predictions(given, probabilities)

    table = find_label_set_issues(predictions, pd.DataFrame(index=range(N_ROWS)), quality_method=method).table

    counted = count_flagged_sets_by_rule(predictions, quality_method=method)["odds"]
    assert counted == (table["is_label_issue"] & (table["split"] == "train")).sum() > 0


def test_planted_errors_lie_where_the_noise_makes_them() -> None:
    given, _, probabilities = draw_sets("left out", 1)

    labels, rows, wrong = ClassNoise(given, probabilities).plant(given, n_planted=2000, seed=0)

    changed = labels != given[rows]
    assert (changed.sum(axis=1) == 1).all()
    assert changed[np.arange(2000), wrong].all()
    left_out = (wrong == 0) & ~labels[:, 0]
    assert left_out.mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_where_errors_lie_anywhere_the_choice_costs_nothing(seed: int) -> None:
    assert choose_and_compare("anywhere", seed)[1] > -0.01


def test_a_class_that_all_labels_name_or_none_is_judged_too() -> None:
    given = np.array([[True, False, True], [True, False, False]] * 20)
    probabilities = np.where(given, 0.8, 0.1)

    quality = score_classes(given, probabilities, "noise_posterior")

    assert quality.shape == (40, 3)
    assert quality.min() > 0.5
