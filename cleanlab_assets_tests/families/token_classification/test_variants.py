"""The comparison of cleaned tags, with words that have one right tag each and a model that learns it word by word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from cleanlab_assets.families.tables.variants import AuditedTable, clean_worst_rows
from cleanlab_assets.families.token_classification.variants import compare_token_variants
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison

TAG = pd.CategoricalDtype(["NOUN", "VERB"])
WORDS = [f"word {number:02d}" for number in range(40)]
"""Words at even places are nouns, the others verbs."""
WORDS_IN_SENTENCE = 10
SETTINGS = ComparisonSettings(primary_metric="accuracy", prune_fraction=0.5, n_resamples=200, seed=0)


def build() -> Pipeline:
    return Pipeline([("encoding", OneHotEncoder(handle_unknown="ignore")), ("estimator", MultinomialNB(alpha=0.1))])


def draw_sentences(n_sentences: int, part: str, *, seed: int) -> pd.DataFrame:
    """Sentences of random words with their right tags."""
    rng = np.random.default_rng(seed)
    n_words = n_sentences * WORDS_IN_SENTENCE
    codes = rng.integers(len(WORDS), size=n_words)
    return pd.DataFrame(
        {
            "row_id": [f"{part}:{number}" for number in range(n_words)],
            "sentence_id": [f"{part} {number // WORDS_IN_SENTENCE}" for number in range(n_words)],
            "token": [WORDS[code] for code in codes],
            "given_label": pd.Categorical.from_codes((codes % 2).tolist(), dtype=TAG),
        }
    )


TRUE_TRAIN = draw_sentences(40, "train", seed=0)
VALIDATION = draw_sentences(30, "validation", seed=1)
TEST = draw_sentences(30, "test", seed=2)
IS_WRONG = TRUE_TRAIN["token"].isin(WORDS[:8]).to_numpy() & (np.arange(len(TRUE_TRAIN)) % 5 < 4)
"""The tags of eight words are wrong four times out of five, so that a model learns the wrong one."""


def with_other_tags(rows: pd.DataFrame, is_other: np.ndarray) -> pd.DataFrame:
    codes = np.where(is_other, 1 - encode_labels(rows["given_label"]), encode_labels(rows["given_label"]))
    return rows.assign(given_label=pd.Categorical.from_codes(codes.tolist(), dtype=TAG))


TRAIN = with_other_tags(TRUE_TRAIN, IS_WRONG)
ISSUES = TRAIN.assign(
    suggested_label=TRUE_TRAIN["given_label"],
    is_label_issue=IS_WRONG,
    rank=np.argsort(np.argsort(~IS_WRONG, kind="stable"), kind="stable") + 1,
)
"""Label issues as an oracle would find them."""


def compare(
    issues: pd.DataFrame = ISSUES,
    validation: pd.DataFrame = VALIDATION,
    test: pd.DataFrame = TEST,
    **changed: Any,
) -> VariantComparison:
    table = AuditedTable(train=TRAIN, test=test, label_issues=issues, features=["token"], build=build)
    return compare_token_variants(table, validation, settings=replace(SETTINGS, **changed))


@pytest.fixture(scope="module")
def comparison() -> VariantComparison:
    return compare()


def test_the_worst_flagged_tokens_are_left_out_or_get_the_suggested_tag() -> None:
    n_worst = 10

    variants = clean_worst_rows(ISSUES, encode_labels, prune_fraction=n_worst / len(ISSUES), seed=0)

    worst = np.flatnonzero(IS_WRONG)[:n_worst]
    assert np.flatnonzero(~variants["pruned"].keep).tolist() == worst.tolist()
    relabelled = variants["relabelled"]
    assert relabelled.keep.all()
    assert np.flatnonzero(relabelled.labels != encode_labels(TRAIN["given_label"])).tolist() == worst.tolist()
    assert (~variants["random_removal"].keep).sum() == n_worst
    assert [name for name, variant in variants.items() if variant.is_control] == ["random_removal"]


def test_true_suggestions_are_shown_to_help_and_random_removal_is_not(comparison: VariantComparison) -> None:
    baseline, relabelled, pruned = (comparison.result(name) for name in ("baseline", "relabelled", "pruned"))
    is_misread = TEST["token"].isin(WORDS[:8]).to_numpy()

    assert baseline.metrics["accuracy"] == pytest.approx(1 - is_misread.mean())
    assert relabelled.metrics["accuracy"] == relabelled.metrics["f1_NOUN"] == 1
    assert relabelled.verdict == pruned.verdict == "improves"
    assert comparison.result("random_removal").verdict != "improves"
    assert comparison.chosen in {"relabelled", "pruned"}
    assert comparison.verdict == "improves"
    wrong_ids = TRAIN.loc[IS_WRONG, "row_id"]
    assert relabelled.relabelled_rows == dict(zip(wrong_ids, ISSUES.loc[IS_WRONG, "suggested_label"], strict=True))
    assert pruned.removed_rows == wrong_ids.tolist()


def test_wrong_suggestions_are_shown_to_harm() -> None:
    issues = ISSUES.assign(
        is_label_issue=~IS_WRONG,
        rank=np.argsort(np.argsort(IS_WRONG, kind="stable"), kind="stable") + 1,
        suggested_label=with_other_tags(TRAIN, ~IS_WRONG)["given_label"],
    )

    comparison = compare(issues, prune_fraction=1.0)

    assert comparison.result("relabelled").verdict == "harms"
    assert (comparison.chosen, comparison.verdict) == ("baseline", "no effect shown")


def test_the_variant_is_chosen_on_the_validation_tokens_only(comparison: VariantComparison) -> None:
    is_misread = VALIDATION["token"].isin(WORDS[:8]).to_numpy()
    assert comparison.result("baseline").validation_score == pytest.approx(1 - is_misread.mean())
    assert comparison.result("random_removal").validation_score is None

    all_wrong = with_other_tags(TEST, np.ones(len(TEST), dtype=bool))
    assert compare(test=all_wrong).chosen == comparison.chosen
    as_wrong = with_other_tags(VALIDATION, is_misread)
    assert compare(validation=as_wrong).chosen == "baseline", "the baseline repeats the errors of these tags"


def test_whole_sentences_are_resampled(comparison: VariantComparison) -> None:
    assert comparison.n_blocks == TEST["sentence_id"].nunique() == 30
    few = compare(test=TEST[: 5 * WORDS_IN_SENTENCE])
    assert few.n_blocks == 5
    assert {item.verdict for item in few.variants} == {None, "no effect shown"}, "five sentences show nothing"


def test_without_a_comparison_only_the_baseline_is_fitted(comparison: VariantComparison) -> None:
    alone = compare(compare_cleaning=False)

    assert [item.variant for item in alone.variants] == ["baseline"]
    assert (alone.chosen, alone.verdict) == ("baseline", "not compared")
    assert alone.result("baseline").validation_score == comparison.result("baseline").validation_score


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"primary_metric is 'f1_ADJ', expected one of accuracy, .*f1_NOUN, f1_VERB"):
        compare(primary_metric="f1_ADJ")
    with pytest.raises(ValueError, match="no test items to compare variants on"):
        compare(test=TEST[:0])
    with pytest.raises(ValueError, match="are different rows: materialize both from the same training set"):
        compare(ISSUES[::-1])
