from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cleanlab_assets.methods.detection_verdict import CAN_FIND, CANNOT_TELL, ONLY_GROSS, DetectionVerdict
from cleanlab_assets.methods.error_bracket import order_ends
from cleanlab_assets.reports.audit_digest import digest_audit
from cleanlab_assets.reports.audit_facts import AuditFacts, DetectionFacts, IssueTypeFacts, VariantFacts, WorstRow
from cleanlab_assets.reports.audit_summary import (
    LONGEST_HEADLINE,
    MOST_CAVEATS,
    MOST_FINDINGS,
    MOST_STEPS,
    AuditSummary,
    Finding,
    SummaryProse,
    find_ungrounded_claims,
    judge_health,
    summarize_by_rules,
    summarize_by_template,
    to_line,
    to_markdown,
)
from cleanlab_assets.reports.detection_text import GROSS_ALONE, UNTRUSTED

LIMITS = {
    "label_issue_rate": 0.1,
    "outlier_rate": 0.05,
    "near_duplicate_rate": 0.05,
    "near_duplicates_across_splits": 0.05,
    "non_iid_p_value": 0.05,
    "rarest_class_share": 0.05,
    "expected_calibration_error": 0.1,
}
WORST_ROWS = [
    WorstRow(row_id="pets.csv:4711", split="train", given_label="cat", suggested_label="owl", label_quality=0.00123),
    WorstRow(row_id="pets.csv:8086", split="test", given_label="dog", suggested_label="cat", label_quality=0.00456),
]
DETECTION = DetectionFacts(
    n_planted=480, planted_share=0.05, precision=0.6142, recall=0.7213, average_precision=0.6789, auroc=0.9513
)


def make_issue_type(name: str, n_issues: int | None, n_rows: int = 9600, reason: str = "") -> IssueTypeFacts:
    return IssueTypeFacts(
        issue_type=name,
        description=f"rows with {name}",
        n_issues=n_issues,
        share=None if n_issues is None else n_issues / n_rows,
        status="not run" if n_issues is None else "ran",
        reason=reason,
    )


def make_variant(name: str, metric: str, value: float, *interval: float, verdict: str | None = None) -> VariantFacts:
    low, difference, high = interval or (None, None, None)
    return VariantFacts(
        variant=name, n_train=9600, metrics={metric: value}, difference=difference, low=low, high=high, verdict=verdict
    )


def make_facts(**changes: Any) -> AuditFacts:
    """Facts of a sound classification dataset: nothing exceeds its limit."""
    values: dict[str, Any] = {
        "family": "classification",
        "unit": "row",
        "report_asset": "datalab_report",
        "duplicates_asset": "duplicate_sets",
        "dataset": "pets",
        "title": "Pets of 1994",
        "model": "hist_gradient_boosting",
        "n_train": 9600,
        "n_test": 2400,
        "n_features": 14,
        "primary_metric": "roc_auc",
        "lower_is_better": False,
        "cross_validation": {"accuracy": 0.8712, "macro_f1": 0.8134, "roc_auc": 0.9198},
        "expected_calibration_error": 0.0123,
        "n_label_issues": 313,
        "label_issue_rate": 313 / 12000,
        "by_split": {"train": {"n_audited": 9600, "n_flagged": 301}, "test": {"n_audited": 2400, "n_flagged": 12}},
        **order_ends((300, "confident joint"), (410, "expected disagreements")).to_facts(),
        "flag_rule": "cleanlab's rule prune_by_noise_rate",
        "label_distribution": {"cat": 5300.0, "dog": 3340.0, "owl": 960.0},
        "issue_types": [
            make_issue_type("label", 313),
            make_issue_type("outlier", 79),
            make_issue_type("near_duplicate", 120),
            make_issue_type("non_iid", 0),
            make_issue_type("null", 0),
        ],
        "n_duplicate_sets": 58,
        "n_duplicate_rows": 131,
        "variants": [
            make_variant("baseline", "roc_auc", 0.9171),
            make_variant("pruned", "roc_auc", 0.9188, -0.0012, 0.0017, 0.0046, verdict="no effect shown"),
        ],
        "chosen": "baseline",
        "verdict": "no effect shown",
        "detection": None,
        "limits": LIMITS,
        "notes": [],
        "worst_rows": WORST_ROWS,
    }
    return AuditFacts(**(values | changes))


def make_regression_facts(**changes: Any) -> AuditFacts:
    """Facts of a sound regression dataset."""
    values: dict[str, Any] = {
        "family": "regression",
        "primary_metric": "rmse",
        "lower_is_better": True,
        "cross_validation": {"r2": 0.8077, "mae": 27.37, "rmse": 44.11},
        "estimated_errors_low": None,
        "estimated_errors_high": None,
        "label_distribution": {"minimum": 1.0, "lower quartile": 40.0, "median": 142.0, "maximum": 977.0},
        "variants": [
            make_variant("baseline", "rmse", 44.11),
            make_variant("pruned", "rmse", 45.3, 0.82, 1.19, 1.63, verdict="harms"),
        ],
    }
    return make_facts(**(values | changes))


def find(summary: AuditSummary, word: str) -> Finding:
    found = [finding for finding in summary.findings if word in finding.title.lower()]
    assert found, f"no finding about {word!r} among {[finding.title for finding in summary.findings]}"
    return found[0]


def test_a_sound_dataset_is_healthy_and_its_figures_are_told() -> None:
    summary = summarize_by_rules(make_facts())

    assert summary.verdict == "healthy"
    assert summary.headline == "Pets of 1994: 313 of 12,000 labels look wrong (2.6 %)"
    assert summary.written_by == "rules"
    assert summary.model is None
    assert summary.fallback_reason is None
    assert "313 of 12,000" in find(summary, "label errors").evidence
    assert "301 of 9,600 train rows, 12 of 2,400 test rows" in find(summary, "label errors").evidence
    assert {finding.severity for finding in summary.findings} == {"info"}


@pytest.mark.parametrize(
    ("n_issues", "severity", "verdict"),
    [
        (960, "info", "healthy"),
        (961, "warning", "needs attention"),
        (1920, "warning", "needs attention"),
        (1921, "critical", "unhealthy"),
    ],
)
def test_the_rate_of_label_errors_is_judged_by_its_limit(n_issues: int, severity: str, verdict: str) -> None:
    summary = summarize_by_rules(make_facts(n_label_issues=n_issues, label_issue_rate=n_issues / 9600))

    assert find(summary, "label errors").severity == severity
    assert summary.verdict == verdict


@pytest.mark.parametrize(("name", "word"), [("outlier", "outliers"), ("near_duplicate", "near duplicates")])
def test_an_issue_type_above_its_limit_is_a_warning_with_a_step(name: str, word: str) -> None:
    within = summarize_by_rules(make_facts(issue_types=[make_issue_type(name, 480)]))
    above = summarize_by_rules(make_facts(issue_types=[make_issue_type(name, 481)]))

    assert find(within, word).severity == "info"
    assert find(above, word).severity == "warning"
    assert above.verdict == "needs attention"
    assert word in above.verdict_reason
    assert len(above.next_steps) == len(within.next_steps) + 1


def test_rows_in_an_order_are_a_warning_unless_the_order_is_known() -> None:
    ordered = [make_issue_type("non_iid", 1)]

    assert find(summarize_by_rules(make_facts(issue_types=ordered)), "order").severity == "warning"
    known = make_facts(issue_types=ordered, limits=LIMITS | {"non_iid_p_value": 0.0})
    assert find(summarize_by_rules(known), "order").severity == "info"


@pytest.mark.parametrize(("n_issues", "words"), [(0, "no label looks"), (1, "labels looks"), (2, "labels look ")])
def test_the_headline_counts_the_labels(n_issues: int, words: str) -> None:
    facts = make_facts(n_label_issues=n_issues, label_issue_rate=n_issues / 9600)

    assert words in summarize_by_rules(facts).headline


def test_a_rare_class_is_a_warning() -> None:
    facts = make_facts(label_distribution={"cat": 9000.0, "dog": 400.0, "7": 200.0})

    finding = find(summarize_by_rules(facts), "class balance")

    assert finding.severity == "warning"
    assert finding.evidence == 'The rarest class "7" has 200 of 9,600 rows (2.1 %); the limit is 5 %.'
    assert find_ungrounded_claims(summarize_by_rules(facts), facts) == []


@pytest.mark.parametrize(("n_rows", "severity"), [(480.0, "info"), (479.0, "warning")])
def test_a_class_is_rare_below_its_limit_and_not_at_it(n_rows: float, severity: str) -> None:
    facts = make_facts(label_distribution={"cat": 9000.0, "owl": n_rows})

    assert find(summarize_by_rules(facts), "class balance").severity == severity


def test_calibration_is_bad_above_its_limit_and_not_at_it() -> None:
    at, above = (
        [finding.title for finding in summarize_by_rules(make_facts(expected_calibration_error=error)).findings]
        for error in (0.1, math.nextafter(0.1, 1))
    )

    assert set(above) - set(at) == {"Badly calibrated predictions"}


def test_bad_calibration_is_a_warning() -> None:
    summary = summarize_by_rules(make_facts(expected_calibration_error=0.17))

    assert "0.17" in find(summary, "calibrated").evidence
    assert any("calibrated model" in step for step in summary.next_steps)


@pytest.mark.parametrize("family", ["regression", "image", "tokens"])
def test_only_classification_speaks_of_classes_and_areas_under_curves(family: str) -> None:
    facts = make_regression_facts(family=family, cross_validation={"r2": -0.1, "rmse": 44.11})

    text = summarize_by_rules(facts).model_dump_json().lower()

    assert "auc" not in text
    assert "class" not in text
    assert "rmse 44.11" in text


def test_regression_figures_have_units() -> None:
    assert "units of the label" in find(summarize_by_rules(make_regression_facts()), "predictions").evidence
    assert "units of the label" not in find(summarize_by_rules(make_facts()), "predictions").evidence


@pytest.mark.parametrize(
    "facts",
    [
        make_facts(cross_validation={"roc_auc": 0.49, "accuracy": 0.55}),
        make_facts(cross_validation={"roc_auc": 0.5, "accuracy": 0.55}),
        make_regression_facts(cross_validation={"r2": 0.0, "rmse": 181.4}),
        make_regression_facts(cross_validation={"r2": -0.02, "rmse": 181.4}),
    ],
)
def test_a_model_that_only_guesses_puts_the_flags_in_doubt(facts: AuditFacts) -> None:
    summary = summarize_by_rules(facts)

    assert find(summary, "guess").severity == "warning"
    assert any("another model" in step for step in summary.next_steps)


@pytest.mark.parametrize(
    ("verdict", "chosen", "title", "step"),
    [
        ("no effect shown", "baseline", "No effect of cleaning shown", "by hand"),
        ("not compared", "baseline", "Cleaning was not compared", "variant_comparison"),
        ("improves", "pruned", "Cleaning helps", "retrained_model"),
        ("harms", "pruned", "Cleaning harms", "does harm"),
        ("no effect shown", "pruned", "No effect of cleaning shown", "by hand"),
    ],
)
def test_the_verdict_of_the_comparison_is_told_as_it_is(verdict: str, chosen: str, title: str, step: str) -> None:
    summary = summarize_by_rules(make_facts(verdict=verdict, chosen=chosen))

    finding = find(summary, "cleaning")
    assert finding.title == title
    assert step in summary.next_steps[-1]
    assert ("95 % interval -0.0012 to +0.0046" in finding.evidence) == (chosen == "pruned")
    assert "best" not in summary.model_dump_json()


def test_a_model_that_learns_nothing_is_said_to_gain_nothing_from_cleaning() -> None:
    summary = summarize_by_rules(make_facts(verdict="not compared", chosen="baseline", is_used_as_published=True))

    assert "used as published" in find(summary, "cleaning was not compared").evidence
    assert "by hand" in summary.next_steps[-1]
    assert not any("variant_comparison" in step for step in summary.next_steps)


def test_a_difference_without_an_interval_is_told_without_one() -> None:
    pruned = make_variant("pruned", "roc_auc", 0.9188, math.nan, 0.0017, math.nan, verdict="not compared")
    facts = make_facts(chosen="pruned", variants=[pruned])

    assert "interval" not in find(summarize_by_rules(facts), "cleaning").evidence


def test_planted_errors_are_told_and_limit_what_the_counts_mean() -> None:
    summary = summarize_by_rules(make_facts(detection=DETECTION))

    assert "recall 0.7213" in find(summary, "planted").evidence
    assert "planted in 480 train labels" in summary.caveats[0]
    assert summary.key_figures["detection_recall"] == 0.7213
    assert "planted" not in summarize_by_rules(make_facts()).model_dump_json()


@pytest.mark.parametrize("average_precision", [0.04, DETECTION.planted_share])
def test_planted_errors_that_were_not_found_are_a_warning_and_no_fault_of_the_data(average_precision: float) -> None:
    found = DETECTION.model_copy(update={"average_precision": average_precision})
    summary = summarize_by_rules(make_facts(detection=found))

    assert find(summary, "planted").severity == "warning"
    assert summary.verdict == "healthy"


def test_caveats_name_few_test_rows_what_did_not_run_and_every_note() -> None:
    facts = make_facts(
        n_test=120,
        issue_types=[make_issue_type("outlier", None, reason="needs a graph of 200 rows")],
        notes=["class 'owl' has no test row"],
    )

    caveats = "\n".join(summarize_by_rules(facts).caveats)

    assert "only 120 test rows" in caveats
    assert "Outlier was not checked: needs a graph of 200 rows." in caveats
    assert "Class 'owl' has no test row" in caveats
    assert "prune_by_noise_rate" in caveats


def test_no_summary_holds_rows_of_the_data() -> None:
    text = summarize_by_rules(make_facts()).model_dump_json()

    assert "4711" not in text
    assert "0.00123" not in text


def test_key_figures_are_the_facts_and_undefined_ones_are_left_out() -> None:
    figures = summarize_by_rules(make_facts(expected_calibration_error=math.nan)).key_figures

    assert figures["label_issue_rate"] == 313 / 12000
    assert (figures["n_audited"], figures["n_flagged_train"], figures["n_flagged_test"]) == (12000, 301, 12)
    assert figures["cross_validated_roc_auc"] == 0.9198
    assert figures["test_roc_auc_pruned"] == 0.9188
    assert figures["n_outlier"] == 79
    assert "expected_calibration_error" not in figures
    assert "difference" not in figures, "the baseline was kept"


def test_equal_facts_give_equal_summaries() -> None:
    assert summarize_by_rules(make_facts()) == summarize_by_rules(make_facts())
    assert summarize_by_rules(make_facts(), fallback_reason="x").fallback_reason == "x"


def test_long_texts_and_many_findings_stay_within_bounds() -> None:
    many = [make_issue_type(f"type_{letter}", 9000) for letter in "abcdefghij"]
    facts = make_facts(
        title="word " * 100, model="m" * 500, flag_rule="x" * 900, notes=["note " * 200] * 20, issue_types=many
    )

    summary = summarize_by_rules(facts)

    assert len(summary.headline) <= LONGEST_HEADLINE
    assert "313 of 12,000" in summary.headline
    assert len(summary.findings) == MOST_FINDINGS
    assert len(summary.next_steps) <= MOST_STEPS
    assert len(summary.caveats) == MOST_CAVEATS
    assert "Further notes" in summary.caveats[-1]


def test_findings_are_listed_worst_first() -> None:
    facts = make_facts(
        n_label_issues=3000, label_issue_rate=3000 / 9600, issue_types=[make_issue_type("outlier", 3000)]
    )

    severities = [finding.severity for finding in summarize_by_rules(facts).findings]

    assert severities == sorted(severities, key=["critical", "warning", "info"].index)
    assert judge_health(facts) == ("unhealthy", "Found: likely label errors (critical), outliers (warning).")


def test_a_summary_refuses_what_it_does_not_know_and_cannot_be_changed() -> None:
    summary = summarize_by_rules(make_facts())

    with pytest.raises(ValidationError, match="frozen"):
        summary.headline = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra"):
        AuditSummary.model_validate(summary.model_dump() | {"score": 1})
    assert AuditSummary.model_validate_json(summary.model_dump_json()) == summary


def test_texts_become_one_line_that_controls_no_terminal() -> None:
    finding = Finding(title="a\nb", evidence="red \x1b[31m text\u202e", severity="info")

    assert finding.title == "a b"
    assert finding.evidence == "red [31m text"


def test_markdown_holds_every_part_and_no_markup_of_the_data() -> None:
    facts = make_facts(title="<b>Pets</b> [x](http://a.b)", notes=["a *note*"])

    text = to_markdown(summarize_by_rules(facts, fallback_reason="switched off"))

    assert r"\<b\>Pets\</b\> \[x\](http://a.b): 313 of 12,000" in text
    assert r"A \*note\*" in text
    assert "Written by rules. No language model: switched off." in text


TEMPLATE = SummaryProse(
    headline="{{n_label_issues}} of {{n_train}} labels of {{dataset}} look wrong",
    verdict_reason="The {{cross_validated_roc_auc}} is fine.",
    findings=[Finding(title="Errors in {{label_1}}", evidence="{{n_label_1}} rows", severity="info")],
    next_steps=["Read the rows that {{flag_rule}} flags."],
)
CHANGES: dict[str, Any] = {
    "headline": "77 of 9,600 labels look wrong",
    "verdict": "unhealthy",
    "verdict_reason": "The accuracy 0.9198 is fine.",
    "findings": [Finding(title="Errors", evidence="1,234 rows", severity="info")],
    "next_steps": ["Read 88 rows."],
    "caveats": [],
    "key_figures": {"n_train": 1.0},
}


def test_a_template_is_filled_in_from_the_facts_and_kept() -> None:
    summary = summarize_by_template(make_facts(), TEMPLATE, model="local")

    assert summary.headline == "313 of 9,600 labels of Pets of 1994 look wrong"
    assert summary.verdict_reason == "The ROC AUC 0.9198 is fine."
    assert summary.findings == [Finding(title='Errors in "cat"', evidence="5,300 rows", severity="info")]
    assert summary.next_steps == ["Read the rows that cleanlab's rule prune_by_noise_rate flags."]
    assert (summary.written_by, summary.model, summary.template) == ("language model", "local", TEMPLATE)


def test_a_name_that_is_filled_in_is_no_markup_and_is_not_filled_in_again() -> None:
    facts = make_facts(title="{{n_test}}\n# [x](http://a.b)", label_distribution={"<script>": 9600.0})
    summary = summarize_by_template(facts, TEMPLATE, model="local")

    assert summary.headline == "313 of 9,600 labels of {{n_test}} # [x](http://a.b) look wrong"
    assert r"\{\{n\_test\}\} \# \[x\](http://a.b)" in to_markdown(summary)
    assert "<script>" not in to_markdown(summary)


@pytest.mark.parametrize(
    "stored",
    [
        summarize_by_rules(make_facts(), fallback_reason="switched off"),
        summarize_by_template(make_facts(), TEMPLATE, model="local"),
    ],
)
@pytest.mark.parametrize("changed", CHANGES)
def test_a_stored_summary_that_differs_from_the_facts_is_found(stored: AuditSummary, changed: str) -> None:
    summary = AuditSummary.model_validate_json(stored.model_dump_json())

    assert find_ungrounded_claims(summary, make_facts()) == []
    assert find_ungrounded_claims(summary.model_copy(update={changed: CHANGES[changed]}), make_facts()) == [changed]


def test_a_stored_summary_of_other_facts_is_found() -> None:
    for summary in (summarize_by_rules(make_facts()), summarize_by_template(make_facts(), TEMPLATE, model="local")):
        assert "headline" in find_ungrounded_claims(summary, make_facts(n_label_issues=312))


def test_a_stored_template_with_a_figure_is_found() -> None:
    facts, headline = make_facts(), "77 of {{n_tests}} labels look wrong"
    summary = summarize_by_template(facts, TEMPLATE, model="local")
    forged = summary.model_copy(update={"template": TEMPLATE.model_copy(update={"headline": headline})})

    assert find_ungrounded_claims(forged, facts) == ["77", "{{n_tests}}"]
    assert find_ungrounded_claims(summary.model_copy(update={"template": None}), facts)


def test_a_template_that_no_longer_fits_its_facts_is_found() -> None:
    summary = summarize_by_template(make_facts(), TEMPLATE, model="local")

    assert find_ungrounded_claims(summary, make_facts(label_distribution={"x" * 100: 9600.0})) == ["template"]


SHARES = st.floats(0, 1, allow_subnormal=False)


@st.composite
def any_facts(draw: st.DrawFn) -> AuditFacts:
    counts = st.integers(1, 10**6).map(float)
    classes = draw(st.dictionaries(st.text(min_size=1, max_size=6), counts, min_size=1, max_size=4))
    n_train = int(sum(classes.values()))
    n_issues, n_outliers = int(draw(SHARES) * n_train), int(draw(SHARES) * n_train)
    figure, interval = (
        draw(st.floats(-999, 999, allow_subnormal=False)),
        draw(st.tuples(*[st.floats(-10, 10, allow_subnormal=False)] * 3)),
    )
    return make_facts(
        n_train=n_train,
        n_label_issues=n_issues,
        label_issue_rate=n_issues / n_train,
        cross_validation={"roc_auc": figure},
        issue_types=[make_issue_type("outlier", n_outliers, n_train)],
        variants=[make_variant("pruned", "roc_auc", figure, *interval)],
        chosen="pruned",
        limits=dict.fromkeys(LIMITS, draw(SHARES)),
        label_distribution=classes,
        detection=DETECTION,
    )


@pytest.mark.parametrize("text", [" \x1b\r", "a \x1b\n b", "\u200b x \u200b ", "a\tb"])
def test_a_line_stays_as_it_is_when_it_is_read_again(text: str) -> None:
    line = to_line(text)
    assert line == to_line(line) == " ".join(line.split())
    assert line.isprintable()


@settings(max_examples=60, deadline=None)
@given(facts=any_facts())
def test_a_stored_summary_of_any_facts_is_grounded_in_the_stored_facts(facts: AuditFacts) -> None:
    stored_facts = AuditFacts.model_validate_json(facts.model_dump_json())
    for summary in (summarize_by_rules(facts), summarize_by_template(facts, TEMPLATE, model="local")):
        stored = AuditSummary.model_validate_json(summary.model_dump_json())

        assert find_ungrounded_claims(stored, stored_facts) == []


@pytest.mark.parametrize(
    ("verdict", "warning", "first_step"),
    [
        (CANNOT_TELL, UNTRUSTED, "Do not act on the flags of this model"),
        (ONLY_GROSS, GROSS_ALONE, "Take flags as hints"),
    ],
)
def test_what_a_model_cannot_find_is_told_before_any_number(
    verdict: DetectionVerdict, warning: str, first_step: str
) -> None:
    power = "average precision of 30 planted errors among 300 rows: uniform 0.11 (chance 0.10)"
    facts = make_facts(detection_verdict=verdict, detection_evidence=power, title="A title of many words " * 8)
    summary = summarize_by_rules(facts)
    before, _, after = summary.headline.partition(warning)
    assert after.startswith("; ")
    assert not any(character.isdigit() for character in before)
    told = next(found for found in summary.findings if found.title == f"{warning[0].upper()}{warning[1:]}")
    assert power in told.evidence
    assert any(step.startswith(first_step) for step in summary.next_steps)
    assert digest_audit(facts)[0] == f"warning: {warning}: {power}"
    prose = SummaryProse(**summarize_by_rules(make_facts()).model_dump(include=set(SummaryProse.model_fields)))
    prose = prose.model_copy(update={"headline": "Many labels look wrong"})
    written = summarize_by_template(facts, prose, model="any")
    assert written.headline == f"{warning[0].upper()}{warning[1:]}: Many labels look wrong"
    assert summarize_by_template(make_facts(), prose, model="any").headline == "Many labels look wrong"


def test_an_audit_that_finds_all_kinds_of_errors_opens_with_no_warning() -> None:
    facts = make_facts(detection_verdict=CAN_FIND, detection_evidence="all found")
    assert "find" not in summarize_by_rules(facts).headline
    assert not digest_audit(facts)[0].startswith("warning")
