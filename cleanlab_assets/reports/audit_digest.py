"""What an audit found, in a few lines of plain text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.methods.split_counts import say_by_split
from cleanlab_assets.reports.detection_text import find_warning
from cleanlab_assets.reports.formatting import describe_truth, in_words, name_metric

if TYPE_CHECKING:
    from cleanlab_assets.reports.audit_facts import AuditFacts

METRICS_SHOWN = 3


def digest_audit(facts: AuditFacts) -> list[str]:
    """Say in a few lines what an audit found."""
    metrics = [facts.primary_metric, *(name for name in facts.cross_validation if name != facts.primary_metric)]
    shown = [f"{name_metric(name)} {facts.cross_validation[name]:.3f}" for name in metrics[:METRICS_SHOWN]]
    estimate = (
        ""
        if facts.error_bracket is None
        else f"; errors among the train {facts.unit}s: {facts.error_bracket.describe()}"
    )
    warning = find_warning(facts.detection_verdict)
    lines = [f"warning: {warning}: {facts.detection_evidence}"] if warning else []
    lines += [f"warning: {facts.looks_in_sample}"] if facts.looks_in_sample else []
    lines += [
        f"{facts.n_audited:,} {facts.unit}s audited; cross-validated {', '.join(shown)}",
        f"likely label errors: {facts.n_label_issues:,} ({facts.label_issue_rate:.1%}): "
        f"{say_by_split(facts.by_split, facts.unit)}; by {facts.flag_rule}{estimate}",
        *_describe_cases(facts),
        _describe_worst(facts),
        *_describe_slices(facts),
        _describe_issue_types(facts),
        *_describe_variants(facts),
    ]
    if facts.by_truth is not None:
        lines.append(f"true labels: {describe_truth(facts.by_truth)}")
    if facts.detection is not None:
        found = facts.detection
        lines.append(
            f"planted errors: {found.n_planted:,}; average precision {found.average_precision:.3f} "
            f"(chance {found.planted_share:.3f}), precision {found.precision:.3f}, recall {found.recall:.3f}"
        )
        lines += [
            f"  {in_words(item.kind)}: {item.n_planted:,}; average precision {item.average_precision:.3f} "
            f"(chance {item.chance:.3f}), AUROC {item.auroc:.3f}, recall {item.recall:.3f}"
            for item in found.by_kind
        ]
    return lines


def _describe_cases(facts: AuditFacts) -> list[str]:
    """Count the flagged rows by what they are; nothing where none is flagged or kinds are not told apart."""
    if not facts.n_label_issues or not facts.kinds_of_case:
        return []
    return [f"of these: {', '.join(f'{kind} {count:,}' for kind, count in facts.kinds_of_case.items())}"]


def _describe_worst(facts: AuditFacts) -> str:
    worst = facts.worst_rows[0]
    place = f"the {worst.split} {facts.unit} {worst.row_id}"
    if not facts.n_label_issues:
        return f"nothing is flagged; the lowest label quality is {worst.label_quality:.2g}, of {place}"
    return (
        f"worst: {place} is labelled {worst.given_label} (label quality {worst.label_quality:.2g}); suggested: "
        f"{worst.suggested_label}"
    )


def _describe_slices(facts: AuditFacts) -> list[str]:
    """Name the part of the rows with the most flagged labels, by each column that parts them."""
    highest = {found.column: found for found in reversed(facts.slices)}
    return [
        f"most flagged by {column}: {found.part}, {found.n_flagged:,} of {found.n_rows:,} "
        f"({found.rate:.1%}, 95 % interval {found.low:.1%} to {found.high:.1%})"
        for column, found in reversed(highest.items())
    ]


def _describe_issue_types(facts: AuditFacts) -> str:
    counts = [
        f"{in_words(item.issue_type)} {item.n_issues:,}"
        for item in facts.issue_types
        if item.n_issues is not None and item.issue_type != "label"
    ]
    not_run = [in_words(item.issue_type) for item in facts.issue_types if item.status == "not run"]
    return (
        f"flagged train {facts.unit}s by issue type: {', '.join(counts) or 'none checked'}; near-duplicate sets: "
        f"{facts.n_duplicate_sets:,}" + (f"; not run: {', '.join(not_run)}" if not_run else "")
    )


def _describe_variants(facts: AuditFacts) -> list[str]:
    if facts.why_not_compared:
        return [f"does cleaning help? not compared: {facts.why_not_compared}"]
    baseline = facts.variant("baseline").metrics[facts.primary_metric]
    headline = (
        f"does cleaning help? {facts.verdict} on {facts.n_test:,} untouched test {facts.unit}s; "
        f"kept: {facts.chosen} (baseline {name_metric(facts.primary_metric)} {baseline:.4f})"
    )
    details = [
        f"  {item.variant}: {item.difference:+.4f} [{item.low:+.4f}, {item.high:+.4f}], {item.verdict}"
        for item in facts.variants
        if item.difference is not None
    ]
    return [headline, *details]
