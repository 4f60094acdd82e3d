"""The engine on items of no family: numbers, and a model that predicts their mean."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.bootstrap import MINIMUM_BLOCKS
from cleanlab_assets.methods.variants import (
    MINIMUM_REVIEWED,
    ComparisonSettings,
    HeldOutFold,
    ReviewedItems,
    Variant,
    VariantComparison,
    VariantTask,
    compare_cleaned_variants,
    require_issues_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAIN = [0.0, 1.0, 2.0, 9.0] * 10
"""Numbers around 1, and a wrong 9 in every fourth place."""
TEST = [0.9, 1.0, 1.1] * 10
IS_WRONG = np.array(TRAIN) == 9
SETTINGS = ComparisonSettings(primary_metric="error", prune_fraction=0.5, n_resamples=50, seed=0)


class Errors:
    """Mean absolute difference of numbers and predictions."""

    lower_is_better = frozenset({"error"})

    def __init__(self, items: Sequence[float], predicted: np.ndarray) -> None:
        self.n_rows = len(items)
        self._errors = np.abs(np.array(items) - predicted)

    def compute(self, weights: np.ndarray | None = None) -> dict[str, float]:
        return {"error": float(np.average(self._errors, weights=weights))}


def clean(items: Sequence[float], *, is_control: bool = False) -> dict[str, Variant]:
    """``polished`` replaces the wrong number by 1; ``scrambled`` leaves out the right ones."""
    is_wrong = np.array(items) == 9
    return {
        "polished": Variant(
            keep=np.ones(len(items), dtype=bool), labels=np.where(is_wrong, 1.0, items), is_control=is_control
        ),
        "scrambled": Variant(keep=is_wrong, labels=np.array(items)),
    }


def make_task(variants: dict[str, Variant]) -> VariantTask[Sequence[float]]:
    return VariantTask(
        metrics=("error",),
        row_ids=[f"item {number}" for number in range(len(TRAIN))],
        clean=lambda: variants,
        relabelled=lambda variant: {
            int(position): float(variant.labels[position])
            for position in np.flatnonzero(variant.labels != np.array(TRAIN))
        },
        select=lambda items, mask: list(compress(items, mask)),
        labels=np.array,
        halve=lambda items, seed: (np.arange(len(items)) + seed) % 2,
        fit=lambda _, variant: float(variant.labels[variant.keep].mean()),
        predict=lambda model, items: np.full(len(items), model),
        score=Errors,
        blocks=lambda _: None,
    )


def compare(variants: dict[str, Variant], choose_on: Any) -> VariantComparison:
    return compare_cleaned_variants(make_task(variants), TRAIN, TEST, choose_on=choose_on, settings=SETTINGS)


def test_a_family_may_name_its_variants_as_it_likes() -> None:
    comparison = compare(clean(TRAIN), [1.0] * 20)

    assert [item.variant for item in comparison.variants] == ["baseline", "polished", "scrambled"]
    polished, scrambled = comparison.result("polished"), comparison.result("scrambled")
    assert (polished.verdict, scrambled.verdict) == ("improves", "harms")
    assert polished.relabelled_rows == {f"item {number}": 1.0 for number in np.flatnonzero(IS_WRONG)}
    assert scrambled.removed_rows == [f"item {number}" for number in np.flatnonzero(~IS_WRONG)]
    assert scrambled.n_train == 10
    assert (comparison.chosen, comparison.verdict) == ("polished", "improves")
    assert VariantComparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_a_control_is_listed_last_and_never_chosen_however_good_it_is() -> None:
    comparison = compare(clean(TRAIN, is_control=True), [1.0] * 20)

    assert [item.variant for item in comparison.variants] == ["baseline", "scrambled", "polished"]
    assert comparison.result("polished").verdict == "improves"
    assert comparison.result("polished").validation_score is None
    assert (comparison.chosen, comparison.verdict) == ("baseline", "no effect shown")


def test_a_control_is_not_chosen_on_a_fold_either() -> None:
    fold = HeldOutFold[Any](
        folds=np.repeat([0, 1], 20), number=0, audit_and_clean=lambda items, _: clean(items, is_control=True)
    )

    comparison = compare(clean(TRAIN, is_control=True), replace(fold, is_trusted=~IS_WRONG))

    assert comparison.chosen == "baseline"
    assert comparison.result("polished").validation_score is None


@pytest.mark.parametrize("names", [("half", "whole"), ("whole", "half")])
def test_of_variants_that_help_the_one_of_the_lowest_error_is_chosen(names: tuple[str, str]) -> None:
    variants = {
        name: Variant(
            keep=np.ones(len(TRAIN), dtype=bool), labels=np.where(IS_WRONG, {"half": 3.0, "whole": 1.0}[name], TRAIN)
        )
        for name in names
    }

    comparison = compare(variants, [1.0] * 20)

    assert [comparison.result(name).verdict for name in names] == ["improves", "improves"]
    assert comparison.chosen == "whole"


def test_a_variant_that_may_be_better_by_chance_is_not_chosen() -> None:
    comparison = compare(clean(TRAIN), [1.0] * 11 + [3.0] * 10)

    scores = {item.variant: item.validation_score for item in comparison.variants}
    assert scores["polished"] == pytest.approx(20 / 21), "the variant predicts 1"
    assert scores["baseline"] == pytest.approx(22 / 21), "the baseline predicts 3"
    assert comparison.chosen == "baseline"


@pytest.mark.parametrize(
    ("n_blocks", "told"),
    [(MINIMUM_BLOCKS - 1, ["fewer than 10 blocks of test rows are too few"]), (MINIMUM_BLOCKS, [])],
)
def test_too_few_blocks_are_said_to_be_too_few(n_blocks: int, told: list[str]) -> None:
    resampled, *others = compare(clean(TRAIN), None).model_copy(update={"n_blocks": n_blocks}).notes

    assert f"resample {n_blocks} blocks of consecutive test rows, not 30 single ones" in resampled
    assert [note.partition(" to show")[0] for note in others] == told


def test_nothing_to_choose_on_keeps_the_baseline() -> None:
    comparison = compare(clean(TRAIN), None)

    assert (comparison.chosen, comparison.verdict) == ("baseline", "no effect shown")
    assert {item.validation_score for item in comparison.variants} == {None}


def test_the_other_folds_are_audited_anew_and_trusted_items_of_the_held_out_fold_judge() -> None:
    folds = np.repeat([0, 1], 20)
    seen: list[tuple[list[float], list[int]]] = []

    def audit_and_clean(items: Sequence[float], inner: np.ndarray) -> dict[str, Variant]:
        seen.append((list(items), inner.tolist()))
        return clean(items)

    def choose(is_trusted: np.ndarray | None) -> VariantComparison:
        fold = HeldOutFold(folds=folds, number=0, audit_and_clean=audit_and_clean, is_trusted=is_trusted)
        return compare(clean(TRAIN), fold)

    by_all, by_right, by_none = choose(None), choose(~IS_WRONG), choose(np.zeros(len(TRAIN), dtype=bool))

    # The other fold is left alone, and halved for its own audit.
    assert seen == [(TRAIN[20:], [0, 1] * 10)] * 3
    # The model of the other fold predicts 3: off by 3, 2, 1 from the right numbers, and by 6 from the wrong one.
    assert by_all.result("baseline").validation_score == pytest.approx((3 + 2 + 1 + 6) / 4)
    assert by_right.result("baseline").validation_score == pytest.approx((3 + 2 + 1) / 3)
    assert by_none.result("baseline").validation_score == by_all.result("baseline").validation_score
    assert by_right.chosen == "polished"


def test_stored_predictions_stand_for_the_baseline_of_the_fold() -> None:
    predicted: list[int] = []

    def out_of_sample(mask: np.ndarray) -> np.ndarray:
        predicted.append(int(mask.sum()))
        return np.zeros(int(mask.sum()))

    fold = HeldOutFold[Any](
        folds=np.repeat([0, 1], 20),
        number=1,
        audit_and_clean=lambda items, _: clean(items),
        out_of_sample=out_of_sample,
    )

    assert compare(clean(TRAIN), fold).result("baseline").validation_score == pytest.approx((0 + 1 + 2 + 9) / 4)
    assert predicted == [20], "asked once, for the fold alone"


def test_a_variant_that_helps_trusted_items_and_harms_the_whole_fold_is_not_chosen() -> None:
    is_held_out = IS_WRONG | (np.arange(len(TRAIN)) < 4)
    fold = HeldOutFold[Any](
        folds=np.where(is_held_out, 0, 1),
        number=0,
        # The others hold no wrong number: the variant predicts 1, the baseline 4.
        audit_and_clean=lambda items, _: {"polished": clean(items)["polished"]},
        out_of_sample=lambda mask: np.full(int(mask.sum()), 4.0),
        is_trusted=~IS_WRONG,
    )

    comparison = compare({"polished": clean(TRAIN)["polished"]}, fold)

    scores = {item.variant: item.validation_score for item in comparison.variants}
    assert scores == {"baseline": pytest.approx((4 + 3 + 2) / 3), "polished": pytest.approx((1 + 0 + 1) / 3)}
    assert comparison.chosen == "baseline"


def test_label_issues_of_other_items_are_refused() -> None:
    issues = pd.DataFrame({"row_id": ["a", "b"]})
    require_issues_of(["a", "b"], issues)
    for row_ids in (["b", "a"], ["a"]):
        with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
            require_issues_of(row_ids, issues)


def test_the_baseline_is_not_trained_where_the_audit_has_its_predictions_of_the_test_items() -> None:
    fitted: list[Variant] = []
    fold = HeldOutFold[Any](
        folds=np.repeat([0, 1], 20),
        number=0,
        audit_and_clean=lambda items, _: clean(items),
        out_of_sample=lambda mask: np.full(mask.sum(), np.mean(TRAIN[20:])),
    )
    task = make_task(clean(TRAIN))

    def fit(items: Sequence[float], variant: Variant) -> float:
        fitted.append(variant)
        return float(task.fit(items, variant))

    def compare_with(**known: Any) -> VariantComparison:
        fitted.clear()
        return compare_cleaned_variants(replace(task, fit=fit), TRAIN, TEST, choose_on=fold, settings=SETTINGS, **known)

    trained, n_fits = compare_with(), len(fitted)
    taken = compare_with(baseline_on_test=np.full(len(TEST), np.mean(TRAIN)).__getitem__)

    assert len(fitted) == n_fits - 1
    assert taken.content_hash() == trained.content_hash()
    assert (taken.result("baseline").fit_seconds, trained.result("baseline").fit_seconds is None) == (None, False)


def compare_reviewed(
    test: Sequence[float], reviewed: ReviewedItems[Sequence[float]], settings: ComparisonSettings
) -> VariantComparison:
    return compare_cleaned_variants(make_task({}), TRAIN, test, choose_on=None, settings=settings, reviewed=reviewed)


@pytest.mark.parametrize("n_reviewed", [MINIMUM_REVIEWED - 1, MINIMUM_REVIEWED], ids=["too few", "enough"])
def test_what_reviewers_made_is_compared_on_the_test_items_that_they_saw_where_these_are_enough(
    n_reviewed: int,
) -> None:
    """Most given labels of the test items are wrong as those of the train items are: only reviewed ones can tell."""
    test, mended = [9.0, 9.0, 1.0] * 20, [1.0] * 60
    right = Variant(keep=~IS_WRONG, labels=np.array(TRAIN))
    reviewed: ReviewedItems[Sequence[float]] = ReviewedItems(
        variant=right, relabelled={2: 5.0}, test=mended, is_reviewed=np.arange(len(test)) < n_reviewed
    )

    comparison = compare_reviewed(test, reviewed, SETTINGS)

    found = comparison.result("reviewed")
    assert (comparison.chosen, comparison.n_reviewed_test) == ("baseline", n_reviewed)
    assert found.relabelled_rows == {"item 2": 5.0}
    assert len(found.removed_rows) == IS_WRONG.sum()
    if n_reviewed < MINIMUM_REVIEWED:
        assert found.verdict == "harms"
        assert found.differences[0].difference == pytest.approx(2 / 3 * 2 - 1 / 3 * 2)
        assert comparison.notes == [
            f"reviewed is compared on all test rows, by their given labels, right or wrong: {n_reviewed} of them were "
            f"reviewed, and {MINIMUM_REVIEWED} are needed to judge alone"
        ]
    else:
        assert found.verdict == "improves"
        assert found.differences[0].difference == pytest.approx(-2)
        assert "on the 50 test rows that were reviewed, by their corrected labels" in comparison.notes[0]


def test_what_reviewers_made_is_not_compared_where_no_cleaning_is() -> None:
    variant = Variant(keep=~IS_WRONG, labels=np.array(TRAIN))
    reviewed: ReviewedItems[Sequence[float]] = ReviewedItems(
        variant=variant, relabelled={}, test=TEST, is_reviewed=np.ones(len(TEST), dtype=bool)
    )
    settings = replace(SETTINGS, compare_cleaning=False)

    comparison = compare_reviewed(TEST, reviewed, settings)

    assert [found.variant for found in comparison.variants] == ["baseline"]
    assert (comparison.n_reviewed_test, comparison.notes) == (None, [])
