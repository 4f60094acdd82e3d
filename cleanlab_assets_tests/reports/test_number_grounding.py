from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cleanlab_assets.reports.number_grounding import (
    FactNumbers,
    collect_numbers,
    find_ungrounded_numbers,
    find_unknown_metrics,
)
from cleanlab_assets_tests.reports.test_audit_summary import (
    DETECTION,
    make_facts,
    make_issue_type,
    make_regression_facts,
)

MANY = settings(max_examples=100, deadline=None)
FACTS = make_facts(
    title="Pets of 1994, 2nd edition",
    notes=["class 'owl' has 3 rows in fold_2; drift within 14 % of the rows"],
    flag_rule="self-confidence below x10",
    detection=DETECTION,
)
NUMBERS = collect_numbers(FACTS)
SIZES = st.floats(1e-6, 1e7) | st.integers(1, 10**7).map(float)


def know(*values: float, names: frozenset[str] = frozenset(), classes: frozenset[str] = frozenset()) -> FactNumbers:
    return FactNumbers(frozenset(Decimal(repr(value)) for value in values), names, classes)


@pytest.mark.parametrize(
    "text",
    [
        "313 of 9,600 train labels are flagged, 3.3 %, about 3 % or 0.0326 of them",
        "9 600 rows, 9600 rows, 9.6k rows, 9.6 thousand rows, roughly 10,000 rows",
        "ROC AUC 0.9198 (0.92, about 92 %), accuracy 0.8712, macro F1 of 0.813, R\u00b2 and R2",
        "the difference is +0.0017, from \u22120.0012 to 0.0046",
        "between 3 and 3.3 %, or 3\u20133.3 percent",
        "1.23e-02, 1.23 \u00d7 10\u207b\u00b2, 1.23 x 10^-2 and .0123",
        "recall is 72 per cent, 0.5 would be chance",
        "12,000 rows in all, 9,287 of them not flagged, 96.7 % of the train rows",
        "one of the two variants, three classes, five issue types",
        "class owl has 10% of the rows; the limit is 5 percentage points",
        "Pets of 1994, 2nd edition: 14 % in fold_2, x10 in flag_rule",
        "the 95 % confidence interval includes zero and the 95% CI spans 0",
        "1. Read the top 20 rows\n2) Step 3: the worst 50 rows\n3rd look",
        "no numbers at all",
    ],
)
def test_facts_in_any_form_are_accepted(text: str) -> None:
    assert find_ungrounded_numbers(text, NUMBERS) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("1,234 labels are wrong", ["1,234"]),
        ("1 234 labels are wrong", ["1 234"]),
        ("accuracy rises to 0.95", []),
        ("accuracy rises to 0.94 and AUC to .931", ["0.94", ".931"]),
        ("roughly 8 % of the labels", ["8 %"]),
        ("0 outliers and 0 % duplicates", []),
        ("a difference of -0.0017", ["-0.0017"]),
        ("a difference of +0.0012", ["+0.0012"]),
        ("x20 more than gpt4", ["x20", "gpt4"]),
        ("seven classes and twelve variants", ["seven", "twelve"]),
        ("top 20 % of rows, top 21 rows", ["20 %", "21"]),
        ("99 % confidence interval", ["99 %"]),
        ("an interval above 0.5 includes 0.7 and 77", ["77"]),
        ("77 and 77 again", ["77"]),
        ("between 40 and 44 %", ["40", "44 %"]),
        ("\u0667\u0667 rows, \uff17\uff17 rows", ["\u0667\u0667", "77"]),
        ("7.7e3 rows, 7 \u00d7 10^4 rows", ["7.7e3", "7 x 10^4"]),
        ("1.5 million rows", ["1.5 million"]),
        ("0,87 accuracy", ["87"]),
        ("half, \u00bd or 6/7 of it", ["1", "6", "7"]),
    ],
)
def test_other_numbers_are_named(text: str, claims: list[str]) -> None:
    assert find_ungrounded_numbers(text, NUMBERS) == claims


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("0 rows", ["0"]),
        ("0 %", ["0 %"]),
        ("0.0 %", ["0.0 %"]),
        ("zero rows", ["zero"]),
        ("the interval includes zero", []),
        ("1 of them", ["1"]),
        ("100 %", ["100 %"]),
        ("99.97 % or 100.0 %", []),
    ],
)
def test_a_share_that_is_not_none_or_all_is_never_stated_as_none_or_all(text: str, claims: list[str]) -> None:
    assert find_ungrounded_numbers(text, know(0.0003, 0.9997)) == claims


@pytest.mark.parametrize("text", ["0 rows", "zero rows", "0 %", "100 %", "1"])
def test_none_and_all_are_stated_where_they_are_facts(text: str) -> None:
    assert find_ungrounded_numbers(text, know(0.0, 1.0)) == []


def test_a_class_that_is_named_by_a_number_is_one_only_where_the_text_says_so() -> None:
    numbers = collect_numbers(make_facts(label_distribution={"6": 5300.0, "17": 3340.0, ">50K": 960.0}))

    assert find_ungrounded_numbers('class 6, classes 6 and 17, label "17", "6"', numbers) == []
    assert find_ungrounded_numbers(">50K is rare", numbers) == []
    assert find_ungrounded_numbers("6 outliers and 17 duplicates", numbers) == ["6", "17"]


@pytest.mark.parametrize(
    "text",
    [
        "fifteen rows, a dozen classes, two hundred and thirteen labels, twenty-five outliers",
        "about a third of the rows, one in three rows, two thirds of them, one-third",
        "half of the labels, more than half the rows",
        "twenty percent, thirty-three per cent, two percent of the rows",
        "hundreds of rows, dozens of outliers",
        "twice the limit, double that, four times chance, fourfold",
        "five out of twelve issue types",
        "one of the classes, the two variants, three models, one row of each set, no one",
        "look at the worst ten rows, the top twenty, the first hundred",
        "two rows and three labels",
        "look twice, at second hand, a third model, five-fold cross-validation with five folds",
    ],
)
def test_facts_in_words_are_accepted(text: str) -> None:
    facts = know(15, 12, 213, 25, 0.34, 0.65, 0.49, 0.2, 0.33, 0.02, 300, 5, 2, 3, -1000)

    assert find_ungrounded_numbers(text, replace(facts, ratios=frozenset({Decimal("2.1"), Decimal(4)}))) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("fifteen rows, sixteen labels", ["fifteen", "sixteen"]),
        ("Twenty percent, ninety-nine per cent, five %", ["Twenty percent", "ninety-nine per cent", "five %"]),
        ("half of the rows, a quarter of the labels", ["half", "a quarter"]),
        ("one in three rows, four out of five labels", ["one in three", "four out of five"]),
        ("two thirds, three-quarters", ["two thirds", "three-quarters"]),
        ("a dozen rows, two dozen labels, dozens of outliers", ["a dozen", "two dozen", "dozens"]),
        ("twice as many, triple the rate, ten times worse, tenfold", ["twice", "triple", "ten times", "tenfold"]),
        ("hundreds of rows, thousands of labels", ["hundreds", "thousands"]),
        ("one hundred and five, a thousand", ["one hundred and five", "a thousand"]),
        ("two rows, three wrong labels, one row is wrong, one percent", ["two", "three", "one", "one percent"]),
    ],
)
def test_other_numbers_in_words_are_named(text: str, claims: list[str]) -> None:
    assert find_ungrounded_numbers(text, know(0.08, 7)) == claims


def test_a_multiple_is_that_of_a_rate_to_its_limit_or_of_the_detection_to_chance() -> None:
    facts = make_facts(label_issue_rate=0.2, limits={**FACTS.limits, "label_issue_rate": 0.1}, detection=DETECTION)
    numbers = collect_numbers(facts)
    lift = DETECTION.average_precision / DETECTION.planted_share

    for expected in (2.0, lift):
        assert any(float(ratio) == pytest.approx(expected) for ratio in numbers.ratios)
    assert find_ungrounded_numbers("twice the limit", numbers) == []
    assert find_ungrounded_numbers("three times the limit", numbers) == ["three times"]


def test_rows_of_the_data_are_no_facts() -> None:
    assert find_ungrounded_numbers("row 4711, quality 0.00123, pets.csv:8086", NUMBERS) == ["4711", "0.00123", "8086"]


def test_quantiles_of_a_numeric_label_are_facts_and_no_counts_of_classes() -> None:
    numbers = collect_numbers(make_regression_facts())

    assert find_ungrounded_numbers("the median is 142, the largest value 977", numbers) == []
    assert find_ungrounded_numbers("10.2 % of the rows", numbers) == ["10.2 %"]


def test_undefined_figures_are_no_facts() -> None:
    facts = make_facts(cross_validation={"roc_auc": math.nan}, issue_types=[make_issue_type("outlier", None)])

    assert all(value.is_finite() for value in collect_numbers(facts).values)


def test_metrics_are_known_where_the_audit_holds_them() -> None:
    text = "accuracy, ROC AUC and macro-F1; RMSE, MAE, R\u00b2; AUROC"

    assert find_unknown_metrics(text, make_facts()) == ["R2", "RMSE", "MAE"]
    assert find_unknown_metrics(text, make_regression_facts()) == ["AUC", "AUROC", "accuracy", "F1"]
    assert "AUROC" not in find_unknown_metrics(text, make_regression_facts(detection=DETECTION))
    assert find_unknown_metrics("inaccuracy of the maelstrom", make_regression_facts()) == []


@MANY
@given(fact=SIZES, digits=st.integers(1, 8), is_negative=st.booleans())
def test_a_fact_rounded_to_significant_digits_is_accepted(fact: float, digits: int, is_negative: bool) -> None:  # noqa: FBT001
    rounded = float(f"{fact:.{digits}g}")
    assume(rounded != 1 or fact >= 1)
    numbers = know(-fact if is_negative else fact)

    for text in (f"{fact:.{digits}g}", f"{rounded:,}".removesuffix(".0"), f"{rounded!r}".removesuffix(".0")):
        assert find_ungrounded_numbers(f"It is {text}.", numbers) == []
        assert find_ungrounded_numbers(f"It is {'-' if is_negative else '+'}{text}", numbers) == []


@MANY
@given(fact=SIZES, decimals=st.integers(1, 8))
def test_a_fact_rounded_to_decimals_is_accepted(fact: float, decimals: int) -> None:
    assume(decimals >= -math.floor(math.log10(fact)))
    for text in (f"{fact:.{decimals}f}", f"{fact:,.{decimals}f}", f"{fact:,.{decimals}f}".replace(",", "\u202f")):
        assert find_ungrounded_numbers(f"({text})", know(fact)) == []


@MANY
@given(
    share=st.floats(0.001, 0.99), decimals=st.integers(0, 5), sign=st.sampled_from(["%", " %", " percent", " per cent"])
)
@example(share=0.097, decimals=0, sign=" %")
def test_a_share_in_per_cent_is_accepted(share: float, decimals: int, sign: str) -> None:
    text = f"{100 * share:.{decimals}f}"
    assume(decimals >= -math.floor(math.log10(100 * share)))

    assert find_ungrounded_numbers(f"{text}{sign} of the rows", know(share)) == []


@MANY
@given(fact=SIZES, factor=st.floats(1.6, 1e3), digits=st.integers(1, 6), is_less=st.booleans())
def test_a_number_far_from_every_fact_is_refused(fact: float, factor: float, digits: int, is_less: bool) -> None:  # noqa: FBT001
    stated = float(f"{fact / factor if is_less else fact * factor:.{digits}g}")
    assume(not 0.6 < stated / fact < 1.6)
    text = f"{stated!r}"

    assert find_ungrounded_numbers(f"It is {text}", know(fact)) == [text]


@MANY
@given(share=st.floats(0.001, 0.5), factor=st.floats(1.6, 1.9), digits=st.integers(1, 4))
def test_a_share_far_from_every_fact_is_refused(share: float, factor: float, digits: int) -> None:
    text = f"{float(f'{100 * share * factor:.{digits + 1}g}')!r} %"

    assert find_ungrounded_numbers(f"{text} of the rows", know(share)) == [text]


@MANY
@given(text=st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    claims = find_ungrounded_numbers(text, know())

    assert len(set(claims)) == len(claims)
