"""The comparison of consensus labels, on digits whose truth is known and annotators of known accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.multiannotator.annotations import put_votes, to_label_matrix
from cleanlab_assets.families.multiannotator.consensus import build_consensus, find_consensus_issues, score_labels
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.variants import choose_training_labels, compare_consensus_variants
from cleanlab_assets.families.tables.variants import AuditedTable
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison
from cleanlab_assets_tests.known_data import embedded

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.pipeline import Pipeline

N_TRAIN = 400
ACCURACIES = (0.95, 0.95, 0.4, 0.4, 0.4, 0.4)
"""How often each annotator is right: two know the digits, the others often outvote them, with the same wrong digit."""
SETTINGS = ComparisonSettings(primary_metric="accuracy", prune_fraction=0.1, n_resamples=200, seed=0)


@dataclass(frozen=True)
class Audited:
    """Annotated train digits with their audit, and test digits with their true label."""

    train: pd.DataFrame
    truth: np.ndarray
    test: pd.DataFrame
    annotations: pd.DataFrame
    out_of_sample: np.ndarray
    issues: pd.DataFrame
    features: list[str]
    build: Callable[[], Pipeline]

    def compare(self, **changed: Any) -> VariantComparison:
        table = AuditedTable(
            train=self.train, test=self.test, label_issues=self.issues, features=self.features, build=self.build
        )
        return compare_consensus_variants(
            table, self.annotations, self.out_of_sample, has_model=True, settings=replace(SETTINGS, **changed)
        )


@pytest.fixture(scope="module")
def audited() -> Audited:
    data = embedded("digits", 700)
    names, features, build = list(data.class_names), data.kinds.names, data.build("logistic_regression")
    rows, truth = data.rows(), data.labels[:N_TRAIN]
    rng = np.random.default_rng(0)
    wrong = (truth + rng.integers(1, 10, N_TRAIN)) % 10
    labels = np.column_stack([np.where(rng.random(N_TRAIN) < accuracy, truth, wrong) for accuracy in ACCURACIES])
    annotations = pd.DataFrame(
        {
            "row_id": [f"label:{number}" for number in range(labels.size)],
            "example": np.repeat(rows["row_id"][:N_TRAIN].to_numpy(), len(ACCURACIES)),
            "annotator": pd.Categorical([f"annotator {column}" for column in range(len(ACCURACIES))] * N_TRAIN),
            "given_label": pd.Categorical([names[code] for code in labels.ravel()], categories=names),
        }
    )
    train = put_votes(rows[:N_TRAIN], annotations).assign(fold=np.arange(N_TRAIN) % 3)
    votes, folds = encode_labels(train["given_label"]), train["fold"].to_numpy()
    predicted = predict_out_of_sample(train[features], votes, folds, n_classes=len(names), build=build).probabilities
    predictions = to_predictions_table(train, predicted, names)
    quality = score_labels(predictions, annotations, has_model=True).table
    consensus = build_consensus(predictions, annotations, quality)
    issues = find_consensus_issues(predictions, quality, consensus, train[features])
    test = rows[N_TRAIN:].reset_index(drop=True)
    return Audited(train, truth, test, annotations, predicted, issues, features, build)


@pytest.fixture(scope="module")
def comparison(audited: Audited) -> VariantComparison:
    return audited.compare()


def test_variants_take_the_labels_of_each_method_or_leave_out_the_worst_votes() -> None:
    issues = pd.DataFrame(
        {
            "given_label": pd.Categorical(["a", "a", "b", "b"]),
            "suggested_label": pd.Categorical(["a", "b", "b", "b"]),
            "crowdlab_label": pd.Categorical(["b", "a", "b", "b"]),
            "rank": [3, 1, 4, 2],
        }
    )

    variants = choose_training_labels(issues, prune_fraction=0.5, seed=0)

    assert variants["leading_consensus"].labels.tolist() == [0, 1, 1, 1]
    assert variants["crowdlab"].labels.tolist() == [1, 0, 1, 1]
    assert variants["leading_consensus"].keep.all()
    assert variants["crowdlab"].keep.all()
    assert variants["pruned"].keep.tolist() == [True, False, True, False]
    assert variants["pruned"].labels.tolist() == variants["random_removal"].labels.tolist() == [0, 0, 1, 1]
    assert variants["random_removal"].keep.sum() == 2
    assert [name for name, variant in variants.items() if variant.is_control] == ["random_removal"]


def test_a_better_consensus_is_shown_to_help_and_random_removal_is_not(
    audited: Audited, comparison: VariantComparison
) -> None:
    right_votes = (encode_labels(audited.train["given_label"]) == audited.truth).mean()
    right_consensus = (encode_labels(audited.issues["suggested_label"]) == audited.truth).mean()
    assert right_consensus > right_votes + 0.1, "the data are as this test means them to be"

    baseline, leading = comparison.result("baseline"), comparison.result("leading_consensus")
    assert leading.verdict == "improves"
    assert leading.metrics["accuracy"] > baseline.metrics["accuracy"]
    assert comparison.result("random_removal").verdict != "improves"
    assert (baseline.verdict, baseline.n_train, baseline.relabelled_rows) == (None, N_TRAIN, {})


def test_changed_examples_are_named_with_the_label_of_the_method(
    audited: Audited, comparison: VariantComparison
) -> None:
    for name, column in (("leading_consensus", "suggested_label"), ("crowdlab", "crowdlab_label")):
        is_changed = audited.issues[column].astype(str) != audited.issues["given_label"].astype(str)
        changed = audited.issues[is_changed]
        assert comparison.result(name).relabelled_rows == dict(zip(changed["row_id"], changed[column], strict=True))
        assert comparison.result(name).removed_rows == []
    worst = audited.issues.sort_values("rank")["row_id"][: round(0.1 * N_TRAIN)]
    assert set(comparison.result("pruned").removed_rows) == set(worst)
    assert len(comparison.result("random_removal").removed_rows) == len(worst)


@pytest.mark.slow
def test_the_variant_is_chosen_by_the_annotators_on_the_first_fold_and_never_by_the_truth(
    audited: Audited, comparison: VariantComparison
) -> None:
    first = (audited.train["fold"] == 0).to_numpy()
    labels = to_label_matrix(audited.annotations, audited.train["row_id"])
    judges = estimate_dawid_skene(labels, n_classes=10).consensus
    right = audited.out_of_sample[first].argmax(axis=1) == judges[first]
    assert comparison.result("baseline").validation_score == pytest.approx(right.mean())
    assert comparison.result("random_removal").validation_score is None

    wrong_truth = audited.test.assign(given_label=audited.test["given_label"].to_numpy()[::-1])
    wrong_truth["given_label"] = wrong_truth["given_label"].astype(audited.test["given_label"].dtype)
    scrambled = replace(audited, test=wrong_truth).compare()

    assert scrambled.chosen == comparison.chosen
    assert [item.validation_score for item in scrambled.variants] == [
        item.validation_score for item in comparison.variants
    ]
    assert scrambled.result("baseline").metrics["accuracy"] < 0.3, "the test labels did change"


def test_without_a_comparison_only_the_votes_are_fitted(audited: Audited, comparison: VariantComparison) -> None:
    alone = audited.compare(compare_cleaning=False)

    assert [item.variant for item in alone.variants] == ["baseline"]
    assert (alone.chosen, alone.verdict) == ("baseline", "not compared")
    assert alone.result("baseline").metrics == comparison.result("baseline").metrics


def test_errors_say_what_is_wrong(audited: Audited) -> None:
    with pytest.raises(ValueError, match="primary_metric is 'rmse', expected one of accuracy"):
        audited.compare(primary_metric="rmse")
    with pytest.raises(ValueError, match="no test items to compare variants on"):
        replace(audited, test=audited.test[:0]).compare()
    with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
        replace(audited, issues=audited.issues[::-1]).compare()
