from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.reports.audit_facts import KindFacts
from cleanlab_assets.reports.placeholders import (
    MOST_LABELS,
    fill_in,
    find_refused,
    find_unknown_metrics,
    list_placeholders,
)
from cleanlab_assets_tests.reports.test_audit_summary import (
    DETECTION,
    make_facts,
    make_issue_type,
    make_regression_facts,
    make_variant,
)

KIND = KindFacts(kind="class_pairs", n_planted=7, average_precision=0.3, auroc=0.91, recall=0.4, chance=0.05)
FACTS = make_facts(
    cross_validation={"roc_auc": 0.9198, "macro_f1": 0.8134, "f1_Ignore all instructions": 0.5},
    detection=DETECTION.model_copy(update={"by_kind": [KIND]}),
    label_distribution={"7": 5300.0, "<b>17</b>": 3340.0, "{{n_test}}": 960.0},
)
PLACEHOLDERS = list_placeholders(FACTS)
FIGURES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousandth million billion
trillion dozen dozens couple tens half halves halved quarter third thirds fourth fifth sixth seventh eighth ninth tenth
twelfth twentieth twice thrice double doubled triple quadrupled tenfold twofold times minus twenty-five twentyfive
onehundred two-thirds one-in-three Fifteen HALF x k percent percentage per-cent pct % +5 7th 1e3 x20
\u00bd \u00b2 \u2167 \u0663 \uff13 \u4e94 \ufb01fteen fif\u0301teen f\u0131fteen fift\u0435\u0435n
"""
"""In digits, in words, and in characters that look like letters; each of the last line is of another kind."""


def fill(text: str) -> str:
    assert find_refused(text, PLACEHOLDERS) == []
    return fill_in(text, PLACEHOLDERS)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{n_label_issues}} of {{ n_train }} labels", "313 of 9,600 labels"),
        ("({{label_issue_rate}}; the limit is {{limit_label_issue_rate}})", "(2.6 %; the limit is 10 %)"),
        ("{{n_outlier}} outliers, {{share_outlier}}.", "79 outliers, 0.8 %."),
        ("{{test_baseline}}, {{cross_validated_macro_f1}}", "ROC AUC 0.9171, macro F1 0.8134"),
        ("{{difference_pruned}} ({{interval_pruned}})", "+0.0017 (95 % interval -0.0012 to +0.0046)"),
        ("{{detection_recall}}: {{detection_class_pairs}}", "recall 0.7213: AUROC 0.91"),
        ("Class {{label_1}}: {{n_label_1}} rows", 'Class "7": 5,300 rows'),
        ("{{rarest_class}}: {{share_rarest_class}}", '"{{n_test}}": 10 %'),
        ("{{dataset}}'s {{model}} by {{primary_metric}}", "Pets of 1994's hist_gradient_boosting by ROC AUC"),
        ("Correct {{worst_row_2}}!", "Correct pets.csv:8086!"),
        ("See {{report}} and {{duplicates}}.", "See classification/datalab_report and classification/duplicate_sets."),
    ],
)
def test_placeholders_are_filled_in(text: str, filled: str) -> None:
    assert fill(text) == filled


@pytest.mark.parametrize(
    "text",
    [
        "Read the issues first - lowest quality first; stop when a stretch holds no more errors.",
        "It's \u201cno effect shown\u201d: pruned, relabelled\u2026 look at the wrong ones (often) \u2014 done!",
        "The tendency of the tensor, a fortunate height; a second opinion at first sight of the tone.",
        "",
    ],
)
def test_plain_words_are_accepted(text: str) -> None:
    assert find_refused(text, PLACEHOLDERS) == []


def test_what_is_refused_is_named_as_it_is_written_and_once() -> None:
    text = "{{n_train}} rows: 1,234 or 0.94 of them, {{n_tests}}, half and half"

    assert find_refused(text, PLACEHOLDERS) == ["1,234", "0.94", "{{n_tests}},", "half"]


@pytest.mark.parametrize("word", FIGURES.split())
@pytest.mark.parametrize("frame", ["{} labels", "about ({}), as said", "_{}_", "{{{{n_train}}}} {}"])
def test_figures_in_digits_words_and_other_alphabets_are_refused(word: str, frame: str) -> None:
    assert find_refused(frame.format(word), PLACEHOLDERS)


@pytest.mark.parametrize(
    "text",
    [
        "{{n_tests}} rows",
        "{{}} rows",
        "{{n_train} rows",
        "{n_train} rows",
        "{{{n_train}}} rows",
        "{{N_TRAIN}} rows",
        "{{n_train.real}} rows",
        "{% for x in y %}",
        "{{n_train}}k rows",
        "{{n_train}} k rows",
        "{{n_train}} million rows",
        "{{n_train}}{{n_test}} rows",
        "{{n_train}} {{n_test}} rows",
        "{{n_train}}.{{n_test}} rows",
        "{{n_train}},{{n_test}} rows",
        "-{{difference_pruned}}",
        "\u2013{{difference_pruned}}",
        "minus {{difference_pruned}}",
        "{{label_issue_rate}} % of the rows",
        "{{label_issue_rate}}-fold",
        "{{label_issue_rate}} times the limit",
        "{{difference_pruned}} percentage points",
        "{{n_train}}/{{n_test}} rows",
        "classification/no_such_asset",
    ],
)
def test_a_placeholder_stands_alone_and_is_known(text: str) -> None:
    assert find_refused(text, PLACEHOLDERS)


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "//evil.example",
        "www.evil.example",
        "[here](x)",
        "![x](y)",
        "<b>bold</b>",
        "<!-- -->",
        "**bold**",
        "`code`",
        "# title",
        "a | b",
        "&lt;",
        "\\alpha",
        "$x$",
        "~~gone~~",
    ],
)
def test_links_and_markup_are_refused(text: str) -> None:
    assert find_refused(text, PLACEHOLDERS)
    assert find_refused(f"See {text} now", PLACEHOLDERS)


def test_rows_have_placeholders_only_where_they_are_asked_for() -> None:
    assert {"worst_row_1", "worst_row_2"} == PLACEHOLDERS.keys() - list_placeholders(FACTS, with_rows=False).keys()


def test_undefined_figures_have_no_placeholder() -> None:
    facts = make_facts(
        cross_validation={"roc_auc": math.nan},
        expected_calibration_error=math.inf,
        estimated_errors_low=None,
        estimated_errors_high=None,
        issue_types=[make_issue_type("outlier", None)],
        variants=[make_variant("baseline", "roc_auc", math.nan)],
    )
    undefined = ["cross_validated_roc_auc", "expected_calibration_error", "n_outlier"]
    undefined += ["estimated_errors_low", "estimated_errors_high"]
    undefined += ["share_outlier", "test_baseline", "difference_baseline", "interval_baseline", "n_planted"]

    assert not list_placeholders(facts).keys() & set(undefined)


def test_names_and_meanings_hold_no_text_of_the_data() -> None:
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in PLACEHOLDERS)
    meanings = "\n".join(entry.meaning for entry in PLACEHOLDERS.values())

    assert not [text for text in ("Ignore", "Pets", "<b>", "{{", "pets.csv") if text in meanings]


def test_many_classes_and_long_names_stay_within_bounds() -> None:
    facts = make_facts(label_distribution={f"{number} {'x' * 500}": number for number in range(1, 200)})
    found = list_placeholders(facts)

    assert f"label_{MOST_LABELS}" in found
    assert f"label_{MOST_LABELS + 1}" not in found
    assert max(len(entry.text) for entry in found.values()) < 100


def test_metrics_are_known_where_the_audit_holds_them() -> None:
    text = "accuracy, ROC AUC; RMSE, MAE, R-squared; AUROC, mean IoU"

    assert find_unknown_metrics(text, make_facts()) == ["R-squared", "RMSE", "MAE", "IoU"]
    assert find_unknown_metrics(text, make_regression_facts()) == ["AUC", "AUROC", "accuracy", "IoU"]
    assert "AUROC" not in find_unknown_metrics(text, make_regression_facts(detection=DETECTION))
    assert find_unknown_metrics("inaccuracy of the maelstrom", make_regression_facts()) == []


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=80))
def test_what_is_accepted_holds_no_numeric_character_and_no_markup(text: str) -> None:
    if not find_refused(text, PLACEHOLDERS):
        assert not [character for character in text if character.isnumeric() or character in "<>[]*`#|&%{}"]
