from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.regression.plant import plant_errors_in_numeric_training_set
from cleanlab_assets.families.regression.predictions import predict_values_out_of_sample, to_value_predictions_table
from cleanlab_assets.families.regression.value_quality import ValueIssues, find_value_issues
from cleanlab_assets.families.regression.variants import clean_value_rows, compare_value_variants
from cleanlab_assets.families.tables.variants import AuditedTable, fit_chosen_variant
from cleanlab_assets.methods.variants import ComparisonSettings, Variant, VariantComparison, to_differences_table
from cleanlab_assets_tests.known_values import FEATURES, build_linear, value_rows

if TYPE_CHECKING:
    from collections.abc import Callable

DOMAIN = NumericLabel(minimum=0)
SETTINGS = ComparisonSettings(primary_metric="rmse", prune_fraction=0.2, n_resamples=200, seed=0)
FIND_ISSUES = partial(find_value_issues, domain=DOMAIN, flag_by="calibrated", calibrated_cut=0.01)


@dataclass(frozen=True)
class Audited:
    """Audited train rows with planted errors, and clean test rows."""

    train: pd.DataFrame
    test: pd.DataFrame
    issues: pd.DataFrame

    @property
    def table(self) -> AuditedTable:
        return AuditedTable(
            train=self.train, test=self.test, label_issues=self.issues, features=FEATURES, build=build_linear
        )

    def compare(
        self, find_issues: Callable[[pd.DataFrame, pd.DataFrame], ValueIssues] = FIND_ISSUES, **changed: Any
    ) -> VariantComparison:
        return compare_value_variants(
            self.table,
            find_issues=find_issues,
            settings=replace(SETTINGS, **changed),
        )


def audit(*, planted: float, seed: int = 0, n_rows: int = 600) -> Audited:
    rows = value_rows(2 * n_rows, seed=seed)
    train, test = rows[:n_rows], rows[n_rows:].reset_index(drop=True)
    train = plant_errors_in_numeric_training_set(train, DOMAIN, fraction=planted, kind="digit_slip", seed=seed)
    labels, folds = train["given_label"].to_numpy(), train["fold"].to_numpy()
    predicted = predict_values_out_of_sample(train[FEATURES], labels, folds, build=build_linear)
    issues = FIND_ISSUES(to_value_predictions_table(train, predicted), train[FEATURES])
    return Audited(train, test, issues.table)


@pytest.fixture(scope="module")
def noisy() -> Audited:
    return audit(planted=0.1)


@pytest.fixture(scope="module")
def noisy_comparison(noisy: Audited) -> VariantComparison:
    return noisy.compare()


def toy_issues() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row_id": [f"r{row}" for row in range(10)],
            "given_label": np.arange(10.0),
            "suggested_label": np.arange(10.0) + 0.5,
            "is_label_issue": [True, False, True, True, False, False, False, False, True, False],
            "rank": [4, 5, 1, 2, 6, 7, 8, 9, 3, 10],
        }
    )


def clean_toy(*, prune_fraction: float = 1.0, seed: int = 0) -> dict[str, Variant]:
    return clean_value_rows(toy_issues(), prune_fraction=prune_fraction, seed=seed)


@pytest.mark.parametrize(("prune_fraction", "worst"), [(1.0, [0, 2, 3, 8]), (0.2, [2, 3]), (0.0, [])])
def test_the_worst_flagged_rows_are_removed_or_get_the_suggested_value(prune_fraction: float, worst: list[int]) -> None:
    cleaned = clean_toy(prune_fraction=prune_fraction)

    assert np.flatnonzero(~cleaned["pruned"].keep).tolist() == worst
    assert cleaned["relabelled"].keep.all()
    change = cleaned["relabelled"].labels - np.arange(10.0)
    assert change.tolist() == [0.5 if row in worst else 0.0 for row in range(10)]
    assert (~cleaned["random_removal"].keep).sum() == len(worst)
    assert np.flatnonzero(~cleaned["cleanlearning"].keep).tolist() == [0, 2, 3, 8], "every flagged row"
    assert all(rows.weights is None for rows in cleaned.values())


def test_nothing_left_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="all 10 rows are flagged: nothing is left to train on"):
        clean_value_rows(toy_issues().assign(is_label_issue=True), prune_fraction=0.2, seed=0)


def test_cleaning_planted_errors_is_shown_to_improve(noisy: Audited, noisy_comparison: VariantComparison) -> None:
    baseline = noisy_comparison.result("baseline")

    assert (baseline.n_train, baseline.removed_rows, baseline.relabelled_rows) == (len(noisy.train), [], {})
    assert [result.variant for result in noisy_comparison.variants] == [
        *("baseline", "pruned", "relabelled", "cleanlearning", "random_removal")
    ]
    for variant in ("pruned", "relabelled", "cleanlearning"):
        result = noisy_comparison.result(variant)
        assert result.verdict == "improves", variant
        assert result.metrics["rmse"] < baseline.metrics["rmse"] - 0.5
        assert result.metrics["r2"] > baseline.metrics["r2"]
    assert noisy_comparison.result("random_removal").verdict != "improves"
    assert noisy_comparison.chosen in {"pruned", "relabelled", "cleanlearning"}
    assert noisy_comparison.verdict == "improves"
    planted = set(noisy.train.loc[noisy.train["planted_error"], "row_id"])
    assert planted <= set(noisy_comparison.result("cleanlearning").removed_rows)


def test_relabelled_rows_are_named_with_their_new_value(noisy: Audited, noisy_comparison: VariantComparison) -> None:
    suggested = noisy.issues.set_index("row_id")["suggested_label"]

    relabelled = noisy_comparison.result("relabelled")

    assert relabelled.removed_rows == []
    assert relabelled.relabelled_rows
    assert all(suggested[row] == value for row, value in relabelled.relabelled_rows.items())
    assert set(relabelled.relabelled_rows) == set(noisy_comparison.result("pruned").removed_rows)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_errors_no_improvement_is_claimed(seed: int) -> None:
    comparison = audit(planted=0, seed=seed).compare(seed=seed)

    assert comparison.chosen == "baseline"
    assert comparison.verdict == "no effect shown"


def test_the_variant_is_chosen_on_the_last_fold_which_takes_no_part_in_the_cleaning(noisy: Audited) -> None:
    audited_rows: list[str] = []

    def find_issues(predictions: pd.DataFrame, features: pd.DataFrame) -> ValueIssues:
        audited_rows.extend(predictions["row_id"])
        return FIND_ISSUES(predictions, features)

    comparison = noisy.compare(find_issues=find_issues, n_resamples=2)

    last = (noisy.train["fold"] == 4).to_numpy()
    assert audited_rows == noisy.train.loc[~last, "row_id"].tolist()
    assert comparison.result("random_removal").validation_score is None


def test_the_baseline_is_validated_by_a_model_of_all_other_folds_on_rows_that_are_not_flagged(noisy: Audited) -> None:
    last = (noisy.train["fold"] == 4).to_numpy()
    labels = noisy.train["given_label"].to_numpy()
    model = build_linear().fit(noisy.train.loc[~last, FEATURES], labels[~last])
    judges = last & ~noisy.issues["is_label_issue"].to_numpy()
    residual = labels[judges] - model.predict(noisy.train.loc[judges, FEATURES])

    found = noisy.compare(n_resamples=2).result("baseline").validation_score

    assert found == pytest.approx(np.sqrt((residual**2).mean()))
    assert judges.sum() < last.sum(), "some rows of the fold are flagged"


def test_a_cleaning_that_helps_is_chosen_although_the_validation_fold_holds_errors_too(
    noisy_comparison: VariantComparison,
) -> None:
    assert noisy_comparison.chosen != "baseline"
    assert noisy_comparison.verdict == "improves"


def test_the_choice_never_looks_at_the_test_rows(noisy: Audited, noisy_comparison: VariantComparison) -> None:
    shuffled = noisy.test.assign(given_label=noisy.test["given_label"].to_numpy()[::-1])

    comparison = replace(noisy, test=shuffled).compare()

    assert comparison.chosen == noisy_comparison.chosen
    assert comparison.result("baseline").metrics["r2"] < 0.3, "the test labels did change"


def test_two_folds_are_enough(noisy: Audited) -> None:
    train = noisy.train.assign(fold=noisy.train["fold"] % 2)

    comparison = replace(noisy, train=train).compare(n_resamples=2)

    assert comparison.result("pruned").validation_score is not None


def test_without_a_comparison_of_cleaning_only_the_baseline_is_fitted(
    noisy: Audited, noisy_comparison: VariantComparison
) -> None:
    def find_issues(predictions: pd.DataFrame, features: pd.DataFrame) -> ValueIssues:
        raise AssertionError((predictions, features))

    comparison = noisy.compare(compare_cleaning=False, find_issues=find_issues)

    assert [result.variant for result in comparison.variants] == ["baseline"]
    assert comparison.chosen == "baseline"
    assert comparison.verdict == "not compared"
    alone, compared = comparison.result("baseline"), noisy_comparison.result("baseline")
    assert alone.model_dump(exclude={"fit_seconds"}) == compared.model_dump(exclude={"fit_seconds"})
    assert to_differences_table(comparison).empty
    assert VariantComparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_the_comparison_survives_storage_and_lists_its_differences(noisy_comparison: VariantComparison) -> None:
    assert VariantComparison.model_validate_json(noisy_comparison.model_dump_json()) == noisy_comparison
    table = to_differences_table(noisy_comparison)
    assert len(table) == 4 * 3
    assert set(table["metric"]) == {"r2", "mae", "rmse"}


def test_the_chosen_variant_is_fitted_again(noisy: Audited, noisy_comparison: VariantComparison) -> None:
    for chosen in ("baseline", "pruned", "relabelled", "cleanlearning"):
        fitted = fit_chosen_variant(noisy_comparison.model_copy(update={"chosen": chosen}), noisy.table)

        residual = noisy.test["given_label"] - fitted.predict(noisy.test[FEATURES])
        assert np.abs(residual).mean() == pytest.approx(noisy_comparison.result(chosen).metrics["mae"]), chosen


def test_errors_say_what_is_wrong(noisy: Audited) -> None:
    with pytest.raises(ValueError, match="primary_metric is 'accuracy', expected one of r2, mae, rmse"):
        noisy.compare(primary_metric="accuracy")
    with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
        replace(noisy, train=noisy.train[::-1]).compare()
