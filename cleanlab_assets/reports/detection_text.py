"""What an audit can find, in words: said before any number where it is not every kind of error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.methods.detection_verdict import CAN_FIND, CANNOT_TELL, MINIMUM_LIFT, NEARLY_ALL, ONLY_GROSS
from cleanlab_assets.reports.formatting import format_share, in_words, start_sentence
from cleanlab_assets.reports.html import Section, Table

if TYPE_CHECKING:
    from cleanlab_assets.methods.detection_verdict import DetectionReport, DetectionVerdict

UNTRUSTED = "the model cannot be trusted to find errors here"
GROSS_ALONE = "the model finds only gross errors here"
_TITLE = "What this audit can find"
_BADGES = {CAN_FIND: "all kinds", ONLY_GROSS: "gross only", CANNOT_TELL: "unknown"}
_WARNINGS = {CANNOT_TELL: UNTRUSTED, ONLY_GROSS: GROSS_ALONE}


def find_warning(verdict: DetectionVerdict | None) -> str:
    """Return what must be said before any number; empty where all kinds of errors are found, or none was looked for."""
    return _WARNINGS.get(verdict, "") if verdict else ""


def say_first(found: DetectionReport) -> str:
    """Return the warning of ``find_warning`` with the weakest kind of error; empty where there is none."""
    warning = find_warning(found.verdict)
    if not warning:
        return ""
    weakest = found.weakest
    return (
        f"{start_sentence(warning)}: planted errors of the kind {in_words(weakest.kind)} rank by an average "
        f"precision of {weakest.average_precision:.2f}, where {weakest.floor:.2f} takes no model. See {_TITLE.lower()}."
    )


def describe_detection(found: DetectionReport) -> Section:
    """Describe in a section of a report what the audit can find, kind by kind."""
    if found.verdict is None:
        return Section(
            key="detection_power", title=_TITLE, explanation=f"Not measured: {found.why_not}.", badge="not measured"
        )
    missed = ", ".join(in_words(kind.kind) for kind in found.kinds if not kind.is_found)
    meaning = {
        CAN_FIND: "Planted errors of every kind rank far worse than without the model.",
        ONLY_GROSS: "Planted errors rank far worse than by chance, but not all kinds by the model's doing: "
        f"{missed}. Where labels hold such errors, many are missed, and many flags are right labels.",
        CANNOT_TELL: "Not even gross errors rank far worse than without the model: flags and ranking mean nothing.",
    }[found.verdict]
    agreement = (
        ""
        if found.agreement is None
        else f" Of the flagged rows, an audit of the copy ranks {format_share(found.agreement)} worst as well: the "
        "rest depends on which rows and labels the model saw, so they may be only hard."
    )
    table = Table(
        "Kinds of planted errors",
        found.to_table(),
        f"Errors planted in a copy, among {found.among}. A kind is found where the odds of its average precision are "
        f"at least {MINIMUM_LIFT:g} times those of the best ranking without a model, or where it is {NEARLY_ALL:g} or "
        "more.",
        shares={"recall"},
    )
    return Section(
        key="detection_power",
        title=_TITLE,
        explanation=f"Verdict: {found.verdict}. {meaning}{agreement} {found.excuse}".rstrip(),
        badge=_BADGES[found.verdict],
        tables=[table],
    )
