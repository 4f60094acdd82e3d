"""The result of a gate for programs: JSON, JUnit's XML, and what GitHub Actions read. What the data hold stays text."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.orchestration.issue_changes import NewIssue
from cleanlab_assets.orchestration.runs import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_TEXT = 300
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PUNCTUATION = {ord(character): f"&#{ord(character)};" for character in string.punctuation}


class GateReport(BaseModel):
    """What a gate found.

    Attributes:
        family: task family.
        dataset: name of the dataset.
        model: name of the model.
        passed: whether the gate is open.
        problems: why nothing could be judged, a line each: files that are not what was recorded, or absent assets.
        checks: every check that was evaluated.
        failing: those of them, as ``asset check``, that close the gate.
        n_new: labels that are flagged now and not at the accepted audit, else the one before.
        worst_new: the worst of them.
    """

    model_config = ConfigDict(frozen=True)

    family: str
    dataset: str
    model: str
    passed: bool
    problems: tuple[str, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    failing: tuple[str, ...] = ()
    n_new: int = 0
    worst_new: tuple[NewIssue, ...] = ()

    @property
    def title(self) -> str:
        """What was judged."""
        return f"{self.dataset} / {self.model}"

    def is_failing(self, check: CheckOutcome) -> bool:
        """Whether a check closes the gate."""
        return name_check(check) in self.failing


def name_check(check: CheckOutcome) -> str:
    """Return asset and name of a check."""
    return f"{check.asset} {check.check}"


def to_json(report: GateReport) -> str:
    """Return the report as JSON."""
    return report.model_dump_json(indent=1)


def to_junit(report: GateReport) -> str:
    """Return the report as XML of JUnit: a test case for each check and problem; warnings are cases that passed.

    Characters that XML cannot hold become question marks.
    """
    from xml.etree import ElementTree as ET

    n_failed = len(report.problems) + len(report.failing)
    counts = {"tests": str(len(report.problems) + len(report.checks)), "failures": str(n_failed), "errors": "0"}
    suites = ET.Element("testsuites", {"name": "cleanlab-demo gate", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": _to_xml_text(report.title), **counts})
    for problem in report.problems:
        case = ET.SubElement(suite, "testcase", classname=report.family, name="stored results")
        ET.SubElement(case, "failure", message=_to_xml_text(problem), type="ERROR")
    for check in report.checks:
        case = ET.SubElement(suite, "testcase", classname=_to_xml_text(check.asset), name=_to_xml_text(check.check))
        told = _to_xml_text(check.description)
        if report.is_failing(check):
            ET.SubElement(case, "failure", message=told, type=check.severity)
        elif not check.passed:
            ET.SubElement(case, "system-out").text = f"warning: {told}"
    return ET.tostring(suites, encoding="unicode", xml_declaration=True)


def to_annotations(report: GateReport) -> list[str]:
    """Return a workflow command of GitHub Actions for each problem, failed check and warning, a line each.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    lines = [_annotate("error", report.title, problem) for problem in report.problems]
    for check in report.checks:
        if not check.passed:
            kind = "error" if report.is_failing(check) else "warning"
            lines.append(_annotate(kind, f"{report.title}: {name_check(check)}", check.description))
    return lines


def to_markdown(report: GateReport) -> str:
    """Return the report as a summary of a GitHub step: what failed or warns, and the worst new label issues."""
    n_passed = sum(check.passed for check in report.checks)
    verdict = "passed" if report.passed else "failed"
    parts = [f"## {escape_markdown(report.title)}: gate {verdict}", *map(escape_markdown, report.problems)]
    if report.checks:
        parts.append(f"{n_passed:,} of {len(report.checks):,} checks passed.")
    told = [check for check in report.checks if not check.passed]
    if told:
        rows = [
            ("fails" if report.is_failing(check) else "warns", name_check(check), check.description) for check in told
        ]
        parts.append(_to_markdown_table(("", "check", "found"), rows))
    if report.worst_new:
        shown = f", the worst {len(report.worst_new):,}" if len(report.worst_new) < report.n_new else ""
        issues = [
            (issue.row_id, issue.given_label, issue.suggested_label, f"{issue.label_quality:.3g}", issue.change)
            for issue in report.worst_new
        ]
        parts.append(f"### {report.n_new:,} new label issues{shown}")
        parts.append(_to_markdown_table(("row", "given label", "suggested", "label quality", "since then"), issues))
    return "\n\n".join(parts) + "\n\n"


def escape_markdown(text: str) -> str:
    """Return a text that Markdown of GitHub shows as it is, in one line: punctuation by number, as HTML names it."""
    return _CONTROL.sub(" ", cut(text, LONGEST_TEXT)).translate(_PUNCTUATION)


def _to_markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([escape_markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _annotate(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_escape_property(title)}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")


def _to_xml_text(text: str) -> str:
    return _NOT_IN_XML.sub("?", text)
