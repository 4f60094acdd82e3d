from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from cleanlab_assets.methods.calibration import calibrate_by_temperature, measure_reliability
from cleanlab_assets.methods.class_predictions import predict_out_of_sample
from cleanlab_assets.methods.folds import divide_rows
from cleanlab_assets.methods.label_issues import (
    CleanlabRule,
    CleanlabScore,
    FilterRule,
    LabelIssues,
    QualityMethod,
    count_flags_by_rule,
    find_error_probabilities,
    find_label_issues,
)
from cleanlab_assets.methods.planted_errors import PlantedErrors, plant_label_errors, uniform_confusion
from cleanlab_assets_tests.known_data import embedded, predictions_for
from cleanlab_assets_tests.noisy_classes import Noise, draw_noisy_classes


def easy_predictions(n_rows: int = 1000, *, n_classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return true codes and the probabilities of a model that is nearly always right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n_rows)
    logits = rng.normal(size=(n_rows, n_classes))
    logits[np.arange(n_rows), labels] += 5
    probabilities = np.exp(1.5 * logits)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def audit(given: np.ndarray, probabilities: np.ndarray, **settings: object) -> LabelIssues:
    features = pd.DataFrame({"x": np.arange(len(given), dtype=float)}, index=range(100, 100 + len(given)))
    return find_label_issues(predictions_for(given, probabilities), features, divide(len(given)), **settings)  # type: ignore[arg-type]


def divide(n_train: int, n_test: int = 0) -> np.ndarray:
    """Return five folds of the train rows, and none of the test rows."""
    return np.append(np.random.default_rng(0).integers(5, size=n_train), np.full(n_test, -1))


@pytest.fixture(scope="module")
def digits_audit() -> tuple[LabelIssues, PlantedErrors, np.ndarray]:
    data = embedded("digits", 600)
    planted = plant_label_errors(data.labels, fraction=0.1, confusion=uniform_confusion(10), seed=0)
    folds = divide_rows(planted.labels, np.arange(600), [0.2] * 5, seed=0)
    predicted = predict_out_of_sample(
        data.features, planted.labels, folds, n_classes=10, build=data.build("extra_trees")
    ).probabilities
    issues = find_label_issues(predictions_for(planted.labels, predicted, data.class_names), data.features, folds)
    return issues, planted, data.labels


@pytest.mark.parametrize("rule", get_args(FilterRule))
@pytest.mark.parametrize("seed", [0, 1])
def test_every_rule_flags_planted_errors_better_than_chance(rule: str, seed: int) -> None:
    labels, probabilities = easy_predictions(seed=seed)
    planted = plant_label_errors(labels, fraction=0.1, confusion=uniform_confusion(4), seed=seed)

    flagged = audit(planted.labels, probabilities, filter_by=rule).table["is_label_issue"].to_numpy()

    # Measured over six seeds and all rules: precision 0.98 to 1.0, recall 0.94 to 1.0, where chance is 0.1.
    assert planted.is_planted[flagged].mean() > 0.8
    assert flagged[planted.is_planted].mean() > 0.8


@pytest.mark.parametrize("rule", get_args(FilterRule))
@pytest.mark.parametrize("method", get_args(QualityMethod))
def test_labels_of_test_rows_change_nothing_of_what_is_found_of_train_rows(
    rule: FilterRule, method: QualityMethod
) -> None:
    labels, probabilities = easy_predictions(500)
    given = plant_label_errors(labels, fraction=0.1, confusion=uniform_confusion(4), seed=0).labels
    other, features = np.append(given[:400], 3 - given[400:]), pd.DataFrame(index=range(500))
    how = {"filter_by": rule, "quality_method": method}

    alone = find_label_issues(predictions_for(given[:400], probabilities[:400]), features.head(400), divide(400), **how)  # type: ignore[arg-type]
    beside, beside_other = (
        find_label_issues(predictions_for(codes, probabilities, n_test=100), features, divide(400, 100), **how)  # type: ignore[arg-type]
        for codes in (given, other)
    )

    for found in (beside, beside_other):
        pd.testing.assert_frame_equal(found.table.head(400).drop(columns="rank"), alone.table.drop(columns="rank"))
        assert (found.table["rank"].head(400).argsort() == alone.table["rank"].argsort()).all()
        assert (found.n_errors, found.calibration) == (alone.n_errors, alone.calibration)
        pd.testing.assert_frame_equal(found.noise_matrix, alone.noise_matrix)
    assert sorted(beside.table["rank"]) == list(range(1, 501))
    together = audit(given, probabilities, **how).table
    # What is calibrated takes the temperature of other rows here.
    calibrated = {"label_quality": method == "noise_posterior", "is_label_issue": rule == "odds"}
    judged = [column for column, is_calibrated in calibrated.items() if not is_calibrated]
    pd.testing.assert_frame_equal(beside.table.loc[400:, judged], together.loc[400:, judged])


@pytest.mark.parametrize("rule", get_args(CleanlabRule))
def test_flags_equal_those_of_cleanlabs_filter(rule: str) -> None:
    from cleanlab.filter import find_label_issues as find_with_cleanlab

    labels, probabilities = easy_predictions(400)
    given = plant_label_errors(labels, fraction=0.2, confusion=uniform_confusion(4), seed=2).labels
    rounded = probabilities.astype(np.float32).astype(np.float64)

    flagged = audit(given, probabilities, filter_by=rule).table["is_label_issue"]

    expected = find_with_cleanlab(given, rounded / rounded.sum(axis=1, keepdims=True), filter_by=rule, n_jobs=1)
    assert np.array_equal(flagged, expected)


@pytest.mark.parametrize("odds", [1.0, 2.0, 5.0])
def test_a_row_is_flagged_where_another_class_is_likelier_by_the_odds_after_calibration(odds: float) -> None:
    labels, probabilities = easy_predictions(400)
    given = plant_label_errors(labels, fraction=0.2, confusion=uniform_confusion(4), seed=2).labels

    found = audit(given, probabilities, odds=odds)

    rounded = probabilities.astype(np.float32)
    calibrated = calibrate_by_temperature(given, rounded, divide(400)).probabilities
    others = np.where(np.arange(4) == given[:, None], 0, calibrated).max(axis=1)
    expected = others > odds * calibrated[np.arange(400), given]
    assert 40 < expected.sum() < 120
    assert np.array_equal(found.table["is_label_issue"], expected)


def test_odds_of_one_flag_what_the_model_would_label_otherwise() -> None:
    labels, probabilities = easy_predictions(400)
    given = plant_label_errors(labels, fraction=0.2, confusion=uniform_confusion(4), seed=2).labels

    table = audit(given, probabilities, odds=1.0).table

    assert table["is_label_issue"].tolist() == (table["suggested_label"] != table["given_label"]).tolist()


def test_odds_below_one_are_refused() -> None:
    labels, probabilities = easy_predictions(50)
    with pytest.raises(ValueError, match=r"odds are 0\.5, expected at least 1"):
        audit(labels, probabilities, odds=0.5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_odds_find_more_errors_near_the_border_than_cleanlabs_default_rule(seed: int) -> None:
    data = draw_noisy_classes("near the border", is_strong=True, rate=0.1, seed=seed)

    def score(rule: str) -> float:
        predictions, features = predictions_for(data.given, data.probabilities), pd.DataFrame(index=range(2000))
        table = find_label_issues(predictions, features, data.folds, filter_by=rule).table  # type: ignore[arg-type]
        return float(f1_score(data.is_wrong, table["is_label_issue"]))

    # Measured over two seeds: 0.10 to 0.14 more.
    assert score("odds") > score("prune_by_noise_rate") + 0.03


def test_each_rule_is_counted_with_the_rows_that_it_flags() -> None:
    labels, probabilities = easy_predictions(500)
    given = plant_label_errors(labels, fraction=0.1, confusion=uniform_confusion(4), seed=0).labels
    predictions, folds = predictions_for(given, probabilities, n_test=100), divide(400, 100)

    counts = count_flags_by_rule(predictions, folds, odds=3.0)

    features = pd.DataFrame(index=range(500))
    for rule in get_args(FilterRule):
        table = find_label_issues(predictions, features, folds, filter_by=rule, odds=3.0).table
        assert counts[rule] == table["is_label_issue"][:400].sum() > 0
    assert next(iter(counts)) == "odds"
    assert len(counts) == 8


@pytest.mark.parametrize("noise", ["uniform", "by class"])
@pytest.mark.parametrize("seed", [0, 1])
def test_error_probabilities_are_how_often_labels_are_wrong(noise: Noise, seed: int) -> None:
    data = draw_noisy_classes(noise, is_strong=True, rate=0.1, seed=seed)
    predictions, features = predictions_for(data.given, data.probabilities), pd.DataFrame(index=range(2000))

    table = find_label_issues(predictions, features, data.folds).table

    found = measure_reliability(table["error_probability"].to_numpy(), data.is_wrong)
    disagreement = 1 - data.probabilities[np.arange(2000), data.given]
    # Measured: errors of 0.01 to 0.04, and of 0.13 to 0.17 by one minus the probability of the given label.
    assert found.expected_calibration_error < 0.06
    assert measure_reliability(disagreement, data.is_wrong).expected_calibration_error > 0.1
    assert roc_auc_score(data.is_wrong, table["error_probability"]) > 0.9


def test_error_probabilities_of_a_hand_made_case() -> None:
    """One of ten labels is wrong: a row that is b for sure is given a with probability 0.1, and that is an error."""
    noise = np.array([[0.9, 0.1], [0.1, 0.9]])
    found = find_error_probabilities(np.array([0, 0, 0]), np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]]), noise)
    assert found == pytest.approx([0, 1, 0.1])


@pytest.mark.parametrize("method", get_args(QualityMethod))
def test_ranks_are_a_permutation_in_order_of_quality(method: str) -> None:
    labels, probabilities = easy_predictions(300)
    given = plant_label_errors(labels, fraction=0.1, confusion=uniform_confusion(4), seed=3)

    table = audit(given.labels, probabilities, quality_method=method).table

    assert sorted(table["rank"]) == list(range(1, 301))
    assert table["label_quality"].between(0, 1).all()
    assert table.sort_values("rank")["label_quality"].is_monotonic_increasing
    assert given.is_planted[table["rank"].to_numpy() <= 15].mean() > 0.9


@pytest.mark.parametrize("method", get_args(CleanlabScore))
def test_the_quality_is_cleanlabs_score_of_that_name(method: str) -> None:
    from cleanlab.rank import get_label_quality_scores

    labels, probabilities = easy_predictions(200)
    given = plant_label_errors(labels, fraction=0.2, confusion=uniform_confusion(4), seed=3).labels

    quality = audit(given, probabilities, quality_method=method).table["label_quality"]

    np.testing.assert_allclose(quality, get_label_quality_scores(given, probabilities, method=method), atol=1e-5)


def test_equal_qualities_rank_in_source_order() -> None:
    labels = np.tile([0, 1], 50)
    probabilities = np.where(labels[:, None] == np.arange(2), 0.75, 0.25)

    assert audit(labels, probabilities).table["rank"].tolist() == list(range(1, 101))


def test_the_suggested_label_is_the_true_one_for_most_planted_errors(
    digits_audit: tuple[LabelIssues, PlantedErrors, np.ndarray],
) -> None:
    issues, planted, labels = digits_audit

    suggested = issues.table["suggested_label"].cat.codes.to_numpy()

    # Measured over four seeds: 0.93 to 0.98.
    assert (suggested == labels)[planted.is_planted].mean() > 0.85


def test_rows_are_all_there_in_source_order_with_their_features(
    digits_audit: tuple[LabelIssues, PlantedErrors, np.ndarray],
) -> None:
    table, data = digits_audit[0].table, embedded("digits", 600)

    assert table["row_id"].tolist() == [f"row:{number}" for number in range(600)]
    pd.testing.assert_frame_equal(table[data.kinds.names], data.features)
    assert table["given_label"].cat.codes.tolist() == digits_audit[1].labels.tolist()


def test_reasons_say_why_a_row_is_flagged() -> None:
    labels, probabilities = easy_predictions(400)
    given = plant_label_errors(labels, fraction=0.1, confusion=uniform_confusion(4), seed=1).labels

    table = audit(given, probabilities).table

    differs = table["suggested_label"] != table["given_label"]
    assert ((table["reason"] == "not flagged") == ~table["is_label_issue"]).all()
    assert ((table["reason"] == "another class is likelier") == (table["is_label_issue"] & differs)).all()
    np.testing.assert_allclose(table["given_label_probability"], probabilities[np.arange(400), given], rtol=1e-6)
    np.testing.assert_allclose(table["suggested_label_probability"], probabilities.max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_noise_matrix_and_number_of_errors_are_near_the_planted_ones(seed: int) -> None:
    labels, probabilities = easy_predictions(4000, n_classes=3, seed=seed)
    confusion = np.array([[0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    planted = plant_label_errors(labels, fraction=0.15, confusion=confusion, seed=seed)

    issues = audit(planted.labels, probabilities)

    truth = pd.crosstab(planted.labels, labels, normalize="columns").to_numpy()
    # Measured over five seeds: off by at most 0.003.
    np.testing.assert_allclose(issues.noise_matrix, truth, atol=0.02)
    np.testing.assert_allclose(issues.noise_matrix.sum(axis=0), 1, atol=1e-6)
    assert issues.noise_matrix.index.tolist() == issues.noise_matrix.columns.tolist() == ["k0", "k1", "k2"]
    assert 200 < issues.n_errors.low <= 600 <= issues.n_errors.high
    assert issues.n_errors.high_by == "expected disagreements"


def test_clean_easy_data_has_hardly_any_issue() -> None:
    labels, probabilities = easy_predictions()

    issues = audit(labels, probabilities)

    assert issues.n_errors.low <= 10
    assert issues.table["is_label_issue"].mean() <= 0.01


@pytest.mark.parametrize("rule", get_args(FilterRule))
def test_a_class_without_rows_is_noted_and_left_out_of_the_noise_matrix(rule: str) -> None:
    labels, probabilities = easy_predictions(300)
    labels = np.where(labels == 2, 1, labels)

    issues = audit(labels, probabilities, filter_by=rule)

    assert issues.notes == ("class 'k2' has no train row",)
    assert issues.noise_matrix.index.tolist() == ["k0", "k1", "k3"]
    assert issues.table["given_label"].cat.categories.tolist() == ["k0", "k1", "k2", "k3"]
    assert np.isfinite(issues.table["label_quality"]).all()


@pytest.mark.parametrize("method", get_args(QualityMethod))
def test_labels_are_judged_as_if_a_class_without_rows_did_not_exist(method: str) -> None:
    """Whatever a model gives to a class that is nobody's label goes to the others in their shares."""
    labels, probabilities = easy_predictions(300)
    given = np.where(labels == 3, np.arange(300) % 3, labels)
    others = probabilities[:, :3] / probabilities[:, :3].sum(axis=1, keepdims=True)

    found = audit(given, probabilities, quality_method=method).table
    without = audit(given, others, quality_method=method).table

    np.testing.assert_allclose(found["label_quality"], without["label_quality"], atol=1e-5)
    assert found["is_label_issue"].tolist() == without["is_label_issue"].tolist()


@pytest.mark.parametrize("n_rare", [1, 2, 3])
def test_a_class_of_a_few_rows_that_no_model_predicts_has_finite_estimates(n_rare: int) -> None:
    labels, probabilities = easy_predictions(300)
    probabilities[:, 3] = 0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.where(labels == 3, 0, labels)
    labels[:n_rare] = 3

    issues = audit(labels, probabilities, filter_by="prune_by_noise_rate")

    assert np.isfinite(issues.noise_matrix).all(axis=None)
    assert (issues.table["label_quality"][:n_rare] == 0).all()
    assert issues.notes == (
        ("class 'k3' has a single train row, which prune_by_noise_rate never flags",) if n_rare == 1 else ()
    )
    assert not (n_rare == 1 and issues.table["is_label_issue"][0])


@pytest.mark.parametrize("setting", ["filter_by", "quality_method"])
def test_an_unknown_choice_is_an_error_that_lists_the_allowed_ones(setting: str) -> None:
    labels, probabilities = easy_predictions(50)

    with pytest.raises(ValueError, match=rf"{setting} is 'gut_feeling', expected one of \w+, \w+"):
        audit(labels, probabilities, **{setting: "gut_feeling"})
