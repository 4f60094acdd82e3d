from __future__ import annotations

from functools import partial
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, roc_auc_score

from cleanlab_assets.families.multilabel.error_probability import estimate_error_probabilities
from cleanlab_assets.families.multilabel.label_set_quality import (
    Aggregation,
    aggregate_quality,
    bracket_wrong_sets,
    choose_aggregation,
    count_flagged_sets_by_rule,
    find_class_issues,
    find_label_set_issues,
    summarize_classes,
)
from cleanlab_assets.families.multilabel.metrics import ScoredLabelSets
from cleanlab_assets.families.multilabel.plant import KINDS, plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import calibrate_out_of_fold
from cleanlab_assets.families.multilabel.variants import clean_label_sets
from cleanlab_assets.methods.calibration import measure_reliability
from cleanlab_assets.methods.label_issues import FilterRule
from cleanlab_assets.methods.label_set_folds import divide_label_sets, draw_label_set_sample
from cleanlab_assets.methods.label_sets import LabelSetError, decode_label_sets, encode_label_sets, to_label_lists
from cleanlab_assets_tests.known_data import name_splits

NAMES = ("a", "b", "c")
TOPICS = np.random.default_rng(1).random((600, 4)) < (0.5, 0.4, 0.3, 0.2)


def _encode(*labels: object) -> np.ndarray:
    return encode_label_sets(pd.Series(labels, dtype=object), NAMES, row_ids=[f"f:{n}" for n in range(len(labels))])


def test_labels_are_read_in_any_order_and_written_in_class_order() -> None:
    encoded = _encode("c|a", "", "b|b")
    assert encoded.tolist() == [[True, False, True], [False] * 3, [False, True, False]]
    assert decode_label_sets(encoded, NAMES).tolist() == ["a|c", "", "b"]
    assert to_label_lists(encoded) == [[0, 2], [], [1]]


@pytest.mark.parametrize(
    ("label", "message"), [("a|d", "row 'f:1' .* unknown class 'd'"), (None, "row 'f:1' has no label: found None")]
)
def test_a_wrong_label_is_named_with_its_row(label: object, message: str) -> None:
    with pytest.raises(LabelSetError, match=message):
        _encode("a", label)


def test_every_class_and_frequent_combination_is_spread_evenly_and_groups_stay_whole() -> None:
    groups = np.arange(len(TOPICS)) // 2
    part = divide_label_sets(TOPICS, np.arange(len(TOPICS)), [0.25] * 4, seed=3)
    combinations = pd.Series(decode_label_sets(TOPICS, ("a", "b", "c", "d")))
    counts = pd.crosstab(combinations, part)
    assert (counts.max(axis=1) - counts.min(axis=1))[counts.sum(axis=1) >= 4].max() <= 2
    by_class = np.array([TOPICS[part == number].sum(axis=0) for number in range(4)])
    assert (by_class.max(axis=0) - by_class.min(axis=0)).max() <= 4
    grouped = divide_label_sets(TOPICS, groups, [0.5, 0.5], seed=3)
    assert (grouped[::2] == grouped[1::2]).all()
    assert abs(grouped.mean() - 0.5) < 0.02


def test_a_rare_class_has_its_share_of_a_small_part() -> None:
    rare = np.arange(200) < 20
    indicators = np.column_stack([rare, ~rare, np.arange(200) % 2 == 0])
    for seed in range(3):
        part = divide_label_sets(indicators, np.arange(200), [0.2, 0.8], seed=seed)
        assert indicators[part == 0].sum(axis=0).tolist() == [4, 36, 20]


def test_a_sample_has_the_wanted_size_and_keeps_shares() -> None:
    sample = draw_label_set_sample(TOPICS, 200, seed=0)
    assert len(np.unique(sample)) == 200
    assert np.abs(TOPICS[sample].mean(axis=0) - TOPICS.mean(axis=0)).max() < 0.03


def test_no_row_is_calibrated_by_its_own_label() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((60, 4)).astype(np.float32)
    named, folds = TOPICS[:60].copy(), np.arange(60) % 3
    before = calibrate_out_of_fold(probabilities, named, folds, method="platt")
    named[folds == 1] = ~named[folds == 1]
    after = calibrate_out_of_fold(probabilities, named, folds, method="platt")
    assert (before[folds == 1] == after[folds == 1]).all()
    assert (before[folds != 1] != after[folds != 1]).any()


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_overconfident_probabilities_are_mended(method: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((4000, 2))
    named = rng.random(truth.shape) < truth
    overconfident = np.clip(truth * 2 - 0.5, 0.001, 0.999)
    mended = calibrate_out_of_fold(overconfident, named, np.arange(4000) % 5, method=method)  # type: ignore[arg-type]
    assert np.abs(mended - truth).mean() < 0.6 * np.abs(overconfident - truth).mean()


def test_aggregations_have_their_hand_worked_values() -> None:
    quality = np.array([[0.9, 0.2, 0.8]])
    assert aggregate_quality(quality, "minimum") == pytest.approx([0.2])
    assert aggregate_quality(quality, "mean") == pytest.approx([1.9 / 3])
    assert aggregate_quality(quality, "exponential_moving_average") == pytest.approx(
        [0.2 * (0.2 * 0.9 + 0.16 * 4) + 0.16]
    )
    assert 0.2 < aggregate_quality(quality, "softmin")[0] < 0.21
    with pytest.raises(ValueError, match="expected one of softmin"):
        aggregate_quality(quality, "median")  # type: ignore[arg-type]


def test_the_summary_of_classes_is_that_of_cleanlab(monkeypatch: pytest.MonkeyPatch) -> None:
    from cleanlab.multilabel_classification import dataset
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    # cleanlab's pool of processes may hang when it is forked from a process with threads.
    one_process = partial(find_multilabel_issues_per_class, n_jobs=1)
    monkeypatch.setattr(dataset, "find_multilabel_issues_per_class", one_process)

    rng = np.random.default_rng(0)
    probabilities = np.clip(np.where(TOPICS, 0.75, 0.25) + rng.normal(0, 0.2, TOPICS.shape), 0.01, 0.99)
    is_train = np.ones(len(TOPICS), dtype=bool)
    found = find_class_issues(TOPICS, probabilities, is_train=is_train, filter_by="prune_by_noise_rate")
    summary = summarize_classes(found, ("a", "b", "c", "d"))
    theirs = dataset.common_multilabel_issues(to_label_lists(TOPICS), probabilities).set_index(
        ["Class Index", "In Given Label"]
    )["Num Examples"]
    assert summary["n_extra"].tolist() == [theirs[code, True] for code in range(4)]
    assert summary["n_missing"].tolist() == [theirs[code, False] for code in range(4)]
    assert summary["n_extra"].sum() > 0


def draw_wrong_sets(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels of which 4 % name or lack a class in error, where, and the true probability of each class."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(0.25, 0.4, size=(1500, 4))
    is_named = rng.random(truth.shape) < truth
    is_wrong = rng.random(truth.shape) < 0.04
    return is_named ^ is_wrong, is_wrong, 0.96 * truth + 0.04 * (1 - truth)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_as_many_rows_are_flagged_as_are_expected_to_be_right(seed: int) -> None:
    given, is_wrong, probabilities = draw_wrong_sets(seed)
    is_train = np.ones(len(given), dtype=bool)
    flags = {
        wanted: find_class_issues(given, probabilities, is_train=is_train, expected_precision=wanted, most_flagged=1.0)
        for wanted in (0.4, 0.6, 0.8)
    }

    for wanted in (0.4, 0.6):
        found = np.asarray(is_wrong.any(axis=1))[flags[wanted].is_issue.any(axis=1)].mean()
        assert wanted - 0.15 < found < wanted + 0.25
    few, some, many = (flags[wanted].is_issue for wanted in (0.8, 0.6, 0.4))
    assert few.sum() < some.sum() < many.sum()
    assert (few <= some).all()
    assert (some <= many).all()


def test_no_more_rows_are_flagged_than_a_person_is_asked_to_read(judged_predictions: pd.DataFrame) -> None:
    features = pd.DataFrame(index=range(len(judged_predictions)))
    free, bound = (
        find_label_set_issues(judged_predictions, features, expected_precision=0.1, most_flagged=most)
        for most in (1.0, 0.05)
    )

    assert bound.table["is_label_issue"].sum() == 15
    assert free.table["is_label_issue"].sum() > 45
    assert free.table.loc[bound.table["is_label_issue"], "is_label_issue"].all()
    (note,) = bound.notes
    assert f"{free.table['is_label_issue'].sum()} train rows are in doubt" in note
    assert "leaves the worst 15 of them" in note


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_error_probabilities_of_rows_are_how_often_they_are_wrong(seed: int) -> None:
    given, is_wrong, probabilities = draw_wrong_sets(seed)
    told = find_class_issues(given, probabilities, is_train=np.ones(len(given), dtype=bool)).row_error_probability
    wrong = np.asarray(is_wrong.any(axis=1))

    error = measure_reliability(told, wrong).expected_calibration_error
    # Measured: 0.04, and seven errors told for ten.
    assert error < 0.1
    assert 0.5 < told.sum() / wrong.sum() < 1.3


def test_an_error_is_certain_where_only_planted_ones_score_so_low_and_none_where_none_does() -> None:
    scores = np.r_[np.full(10, 0.1), np.full(90, 0.9)]

    assert estimate_error_probabilities(scores, np.full(50, 0.1)) == pytest.approx(np.repeat([1.0, 0.0], [10, 90]))
    assert estimate_error_probabilities(scores, np.empty(0)).tolist() == [0.0] * 100
    # Half of the errors score high, so that there are twice as many as score low.
    halves = estimate_error_probabilities(scores, np.repeat([0.1, 0.9], 25))
    assert halves == pytest.approx(np.r_[np.ones(10), np.full(90, 10 / 90)])


def test_the_way_to_aggregate_is_that_which_finds_planted_errors() -> None:
    """The mean hides one wrong class of twelve, which the worst class shows."""
    rng = np.random.default_rng(0)
    given, of_given = rng.random((400, 12)) < 0.3, rng.uniform(0.55, 1.0, (400, 12))
    names = tuple("abcdefghijkl")
    columns = {
        f"probability_{name}": np.where(given, of_given, 1 - of_given)[:, code] for code, name in enumerate(names)
    }
    known = {"row_id": range(400), "split": name_splits(400), "given_label": decode_label_sets(given, names)}
    choice = choose_aggregation(pd.DataFrame(known | columns), seed=0)

    found = {figures.score: figures.average_precision for figures in choice.figures}
    assert list(found) == list(get_args(Aggregation))
    assert choice.n_errors == 40
    assert found["mean"] < found[choice.chosen] - 0.1, found


def test_the_default_ranks_where_no_error_can_be_planted(judged_predictions: pd.DataFrame) -> None:
    choice = choose_aggregation(judged_predictions.assign(given_label=""), seed=0)

    assert choice.chosen == "softmin"
    assert "are wanted" in choice.note


def test_error_probabilities_of_classes_are_how_often_they_are_wrong() -> None:
    given, is_wrong, probabilities = draw_wrong_sets(0)
    found = find_class_issues(given, probabilities, is_train=np.ones(len(given), dtype=bool))

    disagreement = np.where(given, 1 - probabilities, probabilities)
    curves = [
        measure_reliability(told.reshape(-1), is_wrong.reshape(-1)).expected_calibration_error
        for told in (found.error_probability, disagreement)
    ]
    # Measured over five seeds: 0.004 to 0.009, and 0.19 by the probability of the opposite.
    assert curves[0] < 0.03
    assert curves[1] > 0.08


@pytest.mark.parametrize("seed", [0, 1])
def test_the_bracket_covers_the_rows_with_a_wrong_class(seed: int) -> None:
    given, is_wrong, probabilities = draw_wrong_sets(seed)

    bracket = bracket_wrong_sets(given, probabilities)

    assert bracket.low <= is_wrong.any(axis=1).sum() <= bracket.high
    assert bracket.low > 0


def test_each_rule_is_counted_with_the_rows_that_it_flags(judged_predictions: pd.DataFrame) -> None:
    counts = count_flagged_sets_by_rule(judged_predictions)

    features = pd.DataFrame(index=range(len(judged_predictions)))
    for rule in get_args(FilterRule):
        table = find_label_set_issues(judged_predictions, features, filter_by=rule).table
        assert counts[rule] == table["is_label_issue"].sum()
    assert len(set(counts.values())) > 2


@pytest.fixture(scope="module")
def judged_predictions() -> pd.DataFrame:
    given, _, probabilities = draw_wrong_sets(0)
    given, probabilities = given[:300], probabilities[:300]
    known = {
        "row_id": [f"f:{row}" for row in range(300)],
        "split": name_splits(300),
        "given_label": decode_label_sets(given, ("a", "b", "c", "d")),
    }
    columns = {
        f"{prefix}_{name}": probabilities[:, code]
        for prefix in ("probability", "uncalibrated")
        for code, name in enumerate("abcd")
    }
    return pd.DataFrame({**known, **columns})


def judged_sets() -> pd.DataFrame:
    """Thirty rows of two classes and their probabilities: row 0 lacks b, row 1 has a too many, row 2 both."""
    given = np.array(["a", "a|b", "a", *["a|b", "a", "b"] * 9], dtype=object)
    found = np.array(["a|b", "b", "b", *given[3:]], dtype=object)
    named = encode_label_sets(pd.Series(found), NAMES[:2], row_ids=[str(row) for row in range(30)])
    columns = {
        f"{prefix}_{name}": np.where(named[:, code], 0.95, 0.05)
        for prefix in ("probability", "uncalibrated")
        for code, name in enumerate("ab")
    }
    ids = [f"f:{row}" for row in range(30)]
    return pd.DataFrame({"row_id": ids, "split": name_splits(30), "given_label": given, **columns})


def test_rows_are_flagged_for_classes_that_are_missing_or_extra_and_say_which() -> None:
    found = find_label_set_issues(judged_sets(), pd.DataFrame({"x": range(30)}))

    table = found.table
    assert np.flatnonzero(table["is_label_issue"]).tolist() == [0, 1, 2]
    assert table["suggested_label"].tolist() == ["a|b", "b", "b", *table["given_label"][3:]]
    assert table["missing_labels"].tolist() == ["b", "", "b", *[""] * 27]
    assert table["extra_labels"].tolist() == ["", "a", "a", *[""] * 27]
    assert table["reason"].tolist() == [
        "labels are likely missing",
        "labels are likely extra",
        "some are likely missing, others extra",
        *["not flagged"] * 27,
    ]
    assert sorted(table["rank"][:3]) == [1, 2, 3]


def test_shares_of_missing_and_extra_are_of_the_rows_that_lack_a_class_or_have_it() -> None:
    by_class = find_label_set_issues(judged_sets(), pd.DataFrame({"x": range(30)})).by_class

    assert by_class["n_rows"].tolist() == [21, 19]
    assert by_class["missing_share"].tolist() == [0, 2 / 11]
    assert by_class["extra_share"].tolist() == [2 / 21, 0]


def test_a_probability_of_one_half_names_the_class() -> None:
    found = ScoredLabelSets(np.array([[True, False]]), np.array([[0.5, np.nextafter(0.5, 0)]])).compute()

    assert found["subset_accuracy"] == 1


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
def test_planted_errors_are_of_the_wanted_kind_and_number(kind: str) -> None:
    planted = plant_label_set_errors(TOPICS, fraction=0.1, kind=kind, seed=5)  # type: ignore[arg-type]
    changed = planted.labels != TOPICS
    assert (changed.any(axis=1) == planted.is_planted).all()
    assert planted.is_planted.sum() in (59, 60)
    added, removed = planted.labels & ~TOPICS, TOPICS & ~planted.labels
    expected = {"missing": (0, 1), "extra": (1, 0), "swapped": (1, 1)}
    for name, (n_added, n_removed) in expected.items():
        rows = planted.kinds == name
        assert (added[rows].sum(axis=1) == n_added).all()
        assert (removed[rows].sum(axis=1) == n_removed).all()
    assert (
        planted.labels[planted.kinds == "whole_set"].sum(axis=0) == TOPICS[planted.kinds == "whole_set"].sum(axis=0)
    ).all()


def test_planting_more_than_the_rows_can_take_is_refused() -> None:
    with pytest.raises(ValueError, match="'missing' are wanted, only 0 rows can take one"):
        plant_label_set_errors(np.zeros((50, 3), dtype=bool), fraction=0.1, kind="missing", seed=0)


def test_metrics_are_those_of_scikit_learn_also_on_weighted_rows() -> None:
    rng = np.random.default_rng(0)
    probabilities = np.clip(np.where(TOPICS, 0.6, 0.4) + rng.normal(0, 0.2, TOPICS.shape), 0, 1)
    weights = rng.integers(0, 3, len(TOPICS)).astype(float)
    predicted = probabilities >= 0.5
    found = ScoredLabelSets(TOPICS, probabilities).compute(weights)
    assert found["micro_f1"] == pytest.approx(f1_score(TOPICS, predicted, average="micro", sample_weight=weights))
    assert found["macro_f1"] == pytest.approx(f1_score(TOPICS, predicted, average="macro", sample_weight=weights))
    assert found["subset_accuracy"] == pytest.approx(accuracy_score(TOPICS, predicted, sample_weight=weights))
    assert found["hamming_loss"] == pytest.approx(hamming_loss(TOPICS, predicted, sample_weight=weights))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(TOPICS, probabilities, sample_weight=weights))


def test_cleaning_never_takes_a_whole_class_away() -> None:
    issues = pd.DataFrame(
        {
            "row_id": [f"f:{n}" for n in range(6)],
            "given_label": ["a", "a|b", "b", "", "c", "c"],
            "suggested_label": ["a", "a", "", "", "", ""],
            "is_label_issue": [False, True, True, False, True, True],
            "rank": [5, 3, 4, 6, 1, 2],
        }
    )
    variants = clean_label_sets(issues, NAMES, prune_fraction=0.7, seed=0)
    for cleaned in variants.values():
        kept = cleaned.labels[cleaned.keep]
        assert kept.any(axis=0).all()
        assert not kept.all(axis=0).any()
    assert variants["cleanlearning"].keep.tolist() == [True, False, True, True, False, True]


def test_cleaning_never_leaves_a_class_on_all_rows() -> None:
    issues = pd.DataFrame(
        {
            "row_id": [f"f:{n}" for n in range(4)],
            "given_label": ["a|b", "b|c", "a|b|c", "b"],
            "suggested_label": ["a|b", "a|b|c", "a|b|c", "a|b"],
            "is_label_issue": [False, True, False, True],
            "rank": [4, 1, 3, 2],
        }
    )
    variants = clean_label_sets(issues, NAMES, prune_fraction=1.0, seed=0)
    for name in ("pruned", "relabelled", "cleanlearning"):
        kept = variants[name].labels[variants[name].keep]
        assert not kept[:, 0].all(), name
        assert variants[name].keep[3], "the better one of the two rows without the class stays"
