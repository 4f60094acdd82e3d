"""The summary of an audit in words, and the rules that write it from the facts alone.

A language model may write the prose of a summary in place of the rules (`cleanlab_assets.reports.written_summary`),
with placeholders where figures stand. What must not depend on its prose is taken from here in either case: the verdict,
the caveats and the key figures.
"""

from __future__ import annotations

import math
import re
import textwrap
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cleanlab_assets.methods.detection_verdict import CANNOT_TELL
from cleanlab_assets.methods.split_counts import say_by_split
from cleanlab_assets.reports.detection_text import find_warning
from cleanlab_assets.reports.formatting import (
    describe_truth,
    format_difference,
    format_number,
    format_share,
    in_words,
    name_metric,
    start_sentence,
)
from cleanlab_assets.reports.issue_texts import get_issue_text
from cleanlab_assets.reports.placeholders import describe_interval, fill_in, find_refused, list_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.methods.detection_power import TruthDetection
    from cleanlab_assets.reports.audit_facts import AuditFacts, DetectionFacts, IssueTypeFacts, VariantFacts

LONGEST_HEADLINE = 120
LONGEST_TITLE = 80
LONGEST_TEXT = 400
LONGEST_NAME = 40
MOST_FINDINGS = 8
MOST_STEPS = 6
MOST_CAVEATS = 8
METRICS_SHOWN = 3
CRITICAL_FACTOR = 2
"""A rate of likely label errors above this many times its limit is critical, above its limit a warning."""
FEW_TEST_ROWS = 500
"""The 95 % interval of an accuracy on this many rows is up to nine percentage points wide."""

Severity = Literal["info", "warning", "critical"]
Health = Literal["healthy", "needs attention", "unhealthy"]
WORST_FIRST: tuple[Severity, ...] = ("critical", "warning", "info")

_GUESSING = {"roc_auc": 0.5, "r2": 0.0}
"""The metrics for which the level of a guess that ignores the features is known."""
_TOLD_ELSEWHERE = frozenset({"label", "class_imbalance", "data_valuation"})
"""Issue types without a finding of their own: labels and classes have theirs, the value of a row repeats them."""
_DEFECTS = frozenset({"null", "underperforming_group"})
"""Issue types without a limit, of which any is worth a warning."""
_ABOUT_MODEL = frozenset({"cleaning", "detection", "truth", "only_gross"})
"""Findings that say nothing about the health of the data."""
_STEPS = {
    "label": "Read the {unit}s in {family}/label_issues, lowest label quality first. Correct wrong labels in the "
    "source, and stop once many {unit}s in succession have correct labels.",
    "outlier": "Look through the outliers in {family}/{report_asset}: repair broken {unit}s in the source, and keep "
    "{unit}s that are rare but real.",
    "near_duplicate": "Go through {family}/{duplicates_asset}, sets with different labels first: drop copies, and keep "
    "all others on one side of the split.",
    "non_iid": "Find out what the order of the {unit}s stands for; split by time or by batch if it means either.",
    "class_imbalance": "Collect more {unit}s of the rarest class or weight them, and evaluate the model with metrics "
    "that weight the classes equally.",
    "underperforming_group": "Read some {unit}s of the group on which the predictions are poor: look for wrong labels, "
    "a missing feature, or too few examples.",
    "null": "Find out why values are missing before you impute them, and drop {unit}s without any value.",
    "untrusted": "Do not act on the flags of this model: audit with one that passes the check detection_power, or give "
    "it more data to learn from.",
    "only_gross": "Take flags as hints: this model overlooks errors that look like right labels. A better "
    "model, or better features, finds more.",
    "in_sample": "Predict each {unit} by a model that never saw it, by cross-validation, and audit these predictions.",
    "model": "Audit with another model before acting on the flags of this one.",
    "calibration": "Audit with a better calibrated model before you rely on the label quality scores.",
}
_NAMES_IN_STEPS = {"family", "unit", "report_asset", "duplicates_asset"}
_STEP_WITHOUT_TRAINING = (
    "Correct wrong labels by hand: the model learns nothing from them, so automatic cleaning cannot improve it."
)
_STEP_WITHOUT_COMPARISON = "Correct wrong labels by hand, train your model anew on them, then audit again."
_CLEANING_STEPS = {
    "improves": "Use {family}/retrained_model: it was trained on the cleaned {unit}s, which were shown to help.",
    "harms": "Train on the {unit}s as they are: cleaning them automatically does harm.",
    "not compared": "Materialize {family}/variant_comparison to learn whether training on cleaned {unit}s helps.",
    "no effect shown": "Expect no better model from automatic cleaning: correct labels by hand, then audit again.",
}


def to_line(text: str) -> str:
    """Put a text on one line and drop what does not print, such as the control sequences of a terminal."""
    # What does not print goes first: between two spaces it would leave both, and the line would change once more.
    return " ".join("".join(character for character in text if character.isprintable() or character.isspace()).split())


Headline = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_HEADLINE), AfterValidator(to_line)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TITLE), AfterValidator(to_line)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT), AfterValidator(to_line)]


class Finding(BaseModel):
    """One thing that the audit found, and the figures that show it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Title
    evidence: Text
    severity: Severity


class SummaryProse(BaseModel):
    """The summary of an audit in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    headline: Headline = Field(description="What the audit found, in one line.")
    verdict_reason: Text = Field(description="One sentence: what makes the health of the data what it is.")
    findings: list[Finding] = Field(min_length=1, max_length=MOST_FINDINGS, description="Most severe first.")
    next_steps: list[Text] = Field(min_length=1, max_length=MOST_STEPS, description="Most useful first.")

    def join_texts(self) -> str:
        """Return all texts, one a line."""
        evidence = [text for finding in self.findings for text in (finding.title, finding.evidence)]
        return "\n".join([self.headline, self.verdict_reason, *evidence, *self.next_steps])


class AuditSummary(SummaryProse):
    """What an audit means and what to do next.

    ``verdict`` is about the data: ``unhealthy`` if the rules find something critical, ``needs attention`` if they warn.
    ``fallback_reason`` says why the rules wrote it and no language model; ``model`` and ``template`` are None then.
    ``template`` is the prose of a language model before the placeholders were filled in.
    """

    verdict: Health
    caveats: list[Text] = Field(max_length=MOST_CAVEATS)
    key_figures: dict[str, float]
    written_by: Literal["rules", "language model"]
    model: str | None = None
    fallback_reason: str | None = None
    template: SummaryProse | None = None


def summarize_by_rules(facts: AuditFacts, *, fallback_reason: str | None = None) -> AuditSummary:
    """Write the summary from the facts by fixed rules; equal facts give equal summaries.

    Args:
        facts: what the audit found. Its ``worst_rows`` are not looked at: no summary holds rows of the data.
        fallback_reason: why no language model wrote it, if one could have.
    """
    findings = sorted(_list_findings(facts), key=lambda found: WORST_FIRST.index(found[1].severity))
    verdict, reason = judge_health(facts)
    return AuditSummary(
        headline=_write_headline(facts),
        verdict=verdict,
        verdict_reason=reason,
        findings=[finding for _, finding in findings[:MOST_FINDINGS]],
        next_steps=_list_next_steps(facts, [topic for topic, finding in findings if finding.severity != "info"]),
        caveats=list_caveats(facts),
        key_figures=list_key_figures(facts),
        written_by="rules",
        fallback_reason=fallback_reason,
    )


def summarize_by_template(facts: AuditFacts, template: SummaryProse, *, model: str | None) -> AuditSummary:
    """Fill in the placeholders of a language model's prose, in which nothing was refused.

    Args:
        facts: what the audit found.
        template: the prose with placeholders.
        model: name of the language model.

    Raises:
        pydantic.ValidationError: a text is too long once it is filled in.
    """
    placeholders = list_placeholders(facts)
    return AuditSummary(
        headline=_warn(facts, fill_in(template.headline, placeholders)),
        verdict=judge_health(facts)[0],
        verdict_reason=fill_in(template.verdict_reason, placeholders),
        findings=[
            Finding(
                title=fill_in(finding.title, placeholders),
                evidence=fill_in(finding.evidence, placeholders),
                severity=finding.severity,
            )
            for finding in template.findings
        ],
        next_steps=[fill_in(step, placeholders) for step in template.next_steps],
        caveats=list_caveats(facts),
        key_figures=list_key_figures(facts),
        written_by="language model",
        model=model,
        template=template,
    )


def judge_health(facts: AuditFacts) -> tuple[Health, str]:
    """Return the verdict on the data, and the sentence that gives the reason."""
    findings = [finding for topic, finding in _list_findings(facts) if topic not in _ABOUT_MODEL]
    reasons = [finding for severity in WORST_FIRST[:2] for finding in findings if finding.severity == severity]
    if not reasons:
        return "healthy", "Nothing that was checked exceeds its limit."
    named = ", ".join(f"{finding.title[0].lower()}{finding.title[1:]} ({finding.severity})" for finding in reasons)
    return "unhealthy" if reasons[0].severity == "critical" else "needs attention", _shorten(f"Found: {named}.")


def list_caveats(facts: AuditFacts) -> list[str]:
    """List what limits the findings: planted errors, few test rows, what did not run, and the notes of the audit."""
    caveats = []
    if facts.detection is not None:
        caveats.append(
            f"Errors were planted in {facts.detection.n_planted:,} train labels and in no other: counts, rates and "
            "cross-validated figures describe the corrupted labels, not the source."
        )
    if 0 < facts.n_test < FEW_TEST_ROWS:
        caveats.append(
            f"There are only {facts.n_test:,} test {facts.unit}s: a small effect of cleaning would not show."
        )
    for item in facts.issue_types:
        if item.status == "not run":
            reason = f": {item.reason}" if item.reason else ""
            caveats.append(f"{in_words(item.issue_type).capitalize()} was not checked{reason}.")
    caveats += [f"A flag is a suspicion. Labels are flagged by {facts.flag_rule}.", *facts.notes]
    if len(caveats) > MOST_CAVEATS:
        caveats = [*caveats[: MOST_CAVEATS - 1], "Further notes are among the facts of the audit."]
    return [_shorten(start_sentence(caveat)) for caveat in caveats]


def list_key_figures(facts: AuditFacts) -> dict[str, float]:
    """List the figures that a reader wants first, by name; undefined ones are left out."""
    figures: dict[str, float | None] = {
        "n_train": facts.n_train,
        "n_test": facts.n_test,
        "n_audited": facts.n_audited,
        "n_label_issues": facts.n_label_issues,
        **{f"n_flagged_{split}": found.n_flagged for split, found in facts.by_split.items()},
        "label_issue_rate": facts.label_issue_rate,
        "estimated_errors_low": facts.estimated_errors_low,
        "estimated_errors_high": facts.estimated_errors_high,
        **{f"cross_validated_{name}": value for name, value in facts.cross_validation.items()},
        "expected_calibration_error": facts.expected_calibration_error,
        **{f"n_{item.issue_type}": item.n_issues for item in facts.issue_types if item.issue_type != "label"},
        "n_duplicate_sets": facts.n_duplicate_sets,
        **{
            f"test_{facts.primary_metric}_{item.variant}": item.metrics.get(facts.primary_metric)
            for item in facts.variants
        },
    }
    chosen = _find_chosen(facts)
    if chosen is not None:
        figures |= {"difference": chosen.difference, "difference_low": chosen.low, "difference_high": chosen.high}
    if facts.detection is not None:
        found = facts.detection.model_dump()
        figures |= {f"detection_{name}": found[name] for name in ("precision", "recall", "average_precision", "auroc")}
        figures |= {"n_planted": facts.detection.n_planted, "planted_share": facts.detection.planted_share}
    if facts.by_truth is not None:
        figures |= {f"truth_{name}": value for name, value in facts.by_truth.model_dump().items()}
    return {name: float(value) for name, value in figures.items() if value is not None and math.isfinite(value)}


def find_ungrounded_claims(summary: AuditSummary, facts: AuditFacts) -> list[str]:
    """Return what a stored summary states that the facts of the audit do not.

    It is written again from the facts, by rules or from the template of the language model, and compared.

    Returns:
        The parts of the summary that differ, or what its template may not hold.
    """
    if summary.template is None:
        expected = summarize_by_rules(facts, fallback_reason=summary.fallback_reason)
    else:
        refused = find_refused(summary.template.join_texts(), list_placeholders(facts))
        if refused:
            return refused
        try:
            expected = summarize_by_template(facts, summary.template, model=summary.model)
        except ValidationError:  # filled in with these facts, a text is too long
            return ["template"]
    return [name for name in AuditSummary.model_fields if getattr(summary, name) != getattr(expected, name)]


def to_markdown(summary: AuditSummary) -> str:
    """Write the summary as Markdown; characters of the texts that mean something there are escaped."""
    author = f"language model {summary.model}" if summary.model else "rules"
    lines = [
        f"**{_escape(summary.headline)}**",
        f"Data: **{summary.verdict}**. {_escape(summary.verdict_reason)}",
        "\n".join(f"- {_escape(item.title)} ({item.severity}): {_escape(item.evidence)}" for item in summary.findings),
        "Next steps\n\n" + "\n".join(f"1. {_escape(step)}" for step in summary.next_steps),
        "Caveats\n\n" + "\n".join(f"- {_escape(caveat)}" for caveat in summary.caveats),
        f"Written by {_escape(author)}."
        + (f" No language model: {_escape(summary.fallback_reason)}." if summary.fallback_reason else ""),
    ]
    return "\n\n".join(line for line in lines if line)


def _list_findings(facts: AuditFacts) -> Iterator[tuple[str, Finding]]:
    """Yield the findings by topic: an issue type or what the model is like, such as untrusted."""
    warning = find_warning(facts.detection_verdict)
    if warning:
        title, evidence = start_sentence(warning), _shorten(f"Measured: {facts.detection_evidence}.")
        is_blind = facts.detection_verdict == CANNOT_TELL
        yield (
            "untrusted" if is_blind else "only_gross",
            Finding(title=title, evidence=evidence, severity="critical" if is_blind else "warning"),
        )
    if facts.looks_in_sample:
        evidence = _shorten(f"{start_sentence(facts.looks_in_sample)}.")
        yield "in_sample", Finding(title="Predictions look in-sample", evidence=evidence, severity="critical")
    yield "label", _judge_labels(facts)
    yield "model", _judge_model(facts)
    yield "cleaning", _judge_cleaning(facts)
    if facts.detection is not None:
        yield "detection", _judge_detection(facts.detection)
    if facts.by_truth is not None:
        yield "truth", _judge_by_truth(facts.by_truth)
    for item in facts.issue_types:
        if item.n_issues and item.issue_type not in _TOLD_ELSEWHERE:
            yield item.issue_type, _judge_issue_type(item, facts)
    if facts.family == "classification" and facts.label_distribution:
        yield "class_imbalance", _judge_class_balance(facts)
    error, limit = facts.expected_calibration_error, facts.limits.get("expected_calibration_error")
    if error is not None and limit is not None and error > limit:
        evidence = f"Expected calibration error {format_number(error)}; the limit is {format_number(limit)}."
        yield "calibration", Finding(title="Badly calibrated predictions", evidence=evidence, severity="warning")


def _judge_labels(facts: AuditFacts) -> Finding:
    rate, limit = facts.label_issue_rate, facts.limits.get("label_issue_rate")
    severity: Severity = "info"
    verb = "is" if facts.n_label_issues == 1 else "are"
    evidence = f"{facts.n_label_issues:,} of {facts.n_audited:,} labels {verb} flagged ({format_share(rate)})"
    if limit is not None:
        severity = "critical" if rate > CRITICAL_FACTOR * limit else "warning" if rate > limit else "info"
        evidence += f"; the limit is {format_share(limit)}"
    evidence += f". Flagged are {say_by_split(facts.by_split, facts.unit)}"
    if facts.error_bracket is not None:
        evidence += f". Number of errors in the train {facts.unit}s, a bracket: {facts.error_bracket.describe()}"
    title = "Likely label errors" if facts.n_label_issues else "No likely label errors"
    return Finding(title=title, evidence=f"{evidence}.", severity=severity)


def _judge_model(facts: AuditFacts) -> Finding:
    found = facts.cross_validation
    names = [name for name in (facts.primary_metric, *found) if name in found]
    figures = [f"{name_metric(name)} {format_number(found[name])}" for name in dict.fromkeys(names)][:METRICS_SHOWN]
    evidence = f"Cross-validated on the train {facts.unit}s: {', '.join(figures) or 'no figures'}."
    if facts.family == "regression":
        evidence += " RMSE and MAE are in units of the label."
    if any(found.get(name, math.inf) <= level for name, level in _GUESSING.items()):
        evidence += " That is no better than a guess, so its flags are unreliable."
        return Finding(title="Model no better than a guess", evidence=evidence, severity="warning")
    return Finding(title=_shorten(f"Predictions of {facts.model}", LONGEST_TITLE), evidence=evidence, severity="info")


def _judge_cleaning(facts: AuditFacts) -> Finding:
    chosen, metric = _find_chosen(facts), name_metric(facts.primary_metric)
    if facts.is_used_as_published:
        evidence = "The model is used as published: cleaning train labels cannot change it, so it was not compared."
        return Finding(title="Cleaning was not compared", evidence=evidence, severity="info")
    if facts.why_not_compared:
        evidence = f"No variants were compared: {facts.why_not_compared}."
        return Finding(title="Cleaning was not compared", evidence=evidence, severity="info")
    if facts.verdict == "not compared":
        evidence = f"Whether a model trained on cleaned {facts.unit}s is better was not measured."
        return Finding(title="Cleaning was not compared", evidence=evidence, severity="info")
    if chosen is None or chosen.difference is None:
        evidence = f"On held-out train {facts.unit}s no cleaning was shown to help, so all were kept as they are."
        if chosen is not None and facts.primary_metric in chosen.metrics:
            value = format_number(chosen.metrics[facts.primary_metric])
            evidence += f" On {facts.n_test:,} untouched test {facts.unit}s the {metric} is {value}."
    else:
        better = "lower" if facts.lower_is_better else "higher"
        interval = describe_interval(chosen)
        evidence = (
            f"{in_words(chosen.variant).capitalize()}: {metric} differs by {format_difference(chosen.difference)}"
            f"{f', {interval},' if interval else ''} on {facts.n_test:,} untouched test {facts.unit}s; "
            f"{better} is better."
        )
    titles = {"improves": "Cleaning helps", "harms": "Cleaning harms"}
    severity: Severity = "warning" if facts.verdict == "harms" else "info"
    return Finding(title=titles.get(facts.verdict, "No effect of cleaning shown"), evidence=evidence, severity=severity)


def _judge_detection(found: DetectionFacts) -> Finding:
    evidence = (
        f"Of {found.n_planted:,} planted errors: recall {format_number(found.recall)}, precision "
        f"{format_number(found.precision)}; average precision {format_number(found.average_precision)}, "
        f"{format_number(found.planted_share)} by chance."
    )
    if len(found.by_kind) > 1:
        ranked = sorted(found.by_kind, key=lambda item: item.auroc)
        evidence += " AUROC by kind, the hardest first: "
        evidence += ", ".join(f"{in_words(item.kind)} {format_number(item.auroc)}" for item in ranked) + "."
    if found.average_precision <= found.planted_share:
        return Finding(title="Planted errors found no better than by chance", evidence=evidence, severity="warning")
    return Finding(title="Planted errors", evidence=evidence, severity="info")


def _judge_by_truth(found: TruthDetection) -> Finding:
    evidence = f"True labels are {describe_truth(found)}."
    if found.average_precision is not None and found.average_precision <= found.error_share:
        return Finding(title="Wrong labels found no better than by chance", evidence=evidence, severity="warning")
    return Finding(title="Measured by true labels", evidence=evidence, severity="info")


def _judge_issue_type(item: IssueTypeFacts, facts: AuditFacts) -> Finding:
    title = get_issue_text(item.issue_type, item.description).title
    if item.issue_type == "non_iid":
        # A dataset whose rows are known to be in order has no limit for the test: its limit of the p-value is zero.
        is_expected = facts.limits.get("non_iid_p_value") == 0
        evidence = f"{facts.unit.capitalize()}s that are close together in the source are more similar than by chance."
        return Finding(title=title, evidence=evidence, severity="info" if is_expected else "warning")
    share, limit = item.share or 0.0, facts.limits.get(f"{item.issue_type}_rate")
    verb = "is" if item.n_issues == 1 else "are"
    evidence = f"{item.n_issues:,} of {facts.n_train:,} {facts.unit}s {verb} flagged ({format_share(share)})"
    if limit is not None:
        evidence += f"; the limit is {format_share(limit)}"
    if item.issue_type == "near_duplicate":
        evidence += (
            f". Sets of near duplicates: {facts.n_duplicate_sets:,}, with {facts.n_duplicate_rows:,} {facts.unit}s"
        )
    is_warning = item.issue_type in _DEFECTS if limit is None else share > limit
    severity: Severity = "warning" if is_warning else "info"
    return Finding(title=_shorten(title, LONGEST_TITLE), evidence=f"{evidence}.", severity=severity)


def _judge_class_balance(facts: AuditFacts) -> Finding:
    name, count = min(facts.label_distribution.items(), key=lambda entry: entry[1])
    share, limit = count / max(facts.n_train, 1), facts.limits.get("rarest_class_share", 0.0)
    evidence = (
        f'The rarest class "{_shorten(name, LONGEST_NAME)}" has {format_number(count)} of {facts.n_train:,} '
        f"{facts.unit}s ({format_share(share)}); the limit is {format_share(limit)}."
    )
    return Finding(title="Class balance", evidence=evidence, severity="warning" if share < limit else "info")


def _list_next_steps(facts: AuditFacts, topics: list[str]) -> list[str]:
    """List the steps for the topics, which come in order of severity; flagged labels are always worth a look."""
    if facts.n_label_issues and "label" not in topics:
        topics = [*topics, "label"]
    if facts.duplicates_asset is None:
        topics = [topic for topic in topics if topic != "near_duplicate"]
    steps = [_STEPS[topic] for topic in topics if topic in _STEPS]
    cleaning = _CLEANING_STEPS.get(facts.verdict, _CLEANING_STEPS["no effect shown"])
    if facts.is_used_as_published:
        cleaning = _STEP_WITHOUT_TRAINING
    elif facts.why_not_compared:
        cleaning = _STEP_WITHOUT_COMPARISON
    steps = [*steps[: MOST_STEPS - 1], cleaning]
    return [_shorten(step.format(**facts.model_dump(include=_NAMES_IN_STEPS))) for step in steps]


def _write_headline(facts: AuditFacts) -> str:
    verb, share = "looks" if facts.n_label_issues == 1 else "look", format_share(facts.label_issue_rate)
    found = f"{facts.n_label_issues:,} of {facts.n_audited:,} labels {verb} wrong ({share})"
    found = found if facts.n_label_issues else "no label looks wrong"
    warning = find_warning(facts.detection_verdict)
    found = f"{warning}; {found}" if warning else found
    return f"{_shorten(facts.title, LONGEST_HEADLINE - len(found) - 2)}: {found}"


def _warn(facts: AuditFacts, headline: str) -> str:
    """Return a headline of a language model, with what must be said first."""
    warning = find_warning(facts.detection_verdict)
    return _shorten(f"{start_sentence(warning)}: {headline}", LONGEST_HEADLINE) if warning else headline


def _find_chosen(facts: AuditFacts) -> VariantFacts | None:
    return next((item for item in facts.variants if item.variant == facts.chosen), None)


def _shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    return textwrap.shorten(text, longest, placeholder=" …")


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|!&])", r"\\\1", text)
