"""What a gate tells programs, whatever the data hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from rich.markdown import Markdown

from cleanlab_assets.cli.gate_formats import (
    GateReport,
    escape_markdown,
    to_annotations,
    to_json,
    to_junit,
    to_markdown,
)
from cleanlab_assets.orchestration.issue_changes import NewIssue
from cleanlab_assets.orchestration.runs import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = (
    "a | b",
    "`code`",
    "<script>alert(1)</script>",
    "one\ntwo\r\nthree",
    "::error::injected",
    "a\n::error title=x::y",
    "[link](https://evil.example) ![p](x.png) https://evil.example www.evil.example",
    "**bold** _it_ ~~no~~ # head &lt; &#124; \\| \\",
    "| --- | --- |",
    "@everyone #12 :smile: $x$",
    "100 %, a:b,c",
    "\x00\x1b[31m\u2028 bell \x07",
    "ü 漢 🙂",
    "x" * 5_000,
)


def fail_check(
    description: str = "too many", *, severity: str = "ERROR", name: str = "label_issue_rate"
) -> CheckOutcome:
    return CheckOutcome(asset="toy/label_issues", check=name, passed=False, severity=severity, description=description)


def find_issue(label: str) -> NewIssue:
    return NewIssue(
        row_id=label,
        row_key="k",
        given_label=label,
        suggested_label=label,
        label_quality=0.0123,
        change="new",
    )


def report(text: str = "too many", **said: Any) -> GateReport:
    """A gate with a check that fails, one that warns and one that passes, and a new label issue, all with one text."""
    passing = CheckOutcome(asset="toy/raw", check="schema", passed=True, severity="ERROR", description=text)
    known = {
        "family": "toy",
        "dataset": "tickets",
        "model": "knn",
        "passed": False,
        "checks": (fail_check(text), fail_check(text, severity="WARN", name="calibration"), passing),
        "failing": ("toy/label_issues label_issue_rate",),
        "n_new": 30,
        "worst_new": (find_issue(text),),
    }
    return GateReport(**{**known, **said})


def read_cells(markdown: str) -> list[list[list[str]]]:
    """Return the cells of the tables of a page as a reader sees them; anything but text in them ends the test."""
    page = Markdown(markdown).parsed
    tables: list[list[list[str]]] = []
    for place, token in enumerate(page):
        assert token.type not in {"html_block", "fence", "code_block"}, token.content
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline":
            children = token.children or []
            assert {child.type for child in children} <= {"text", "text_special"}, [child.type for child in children]
            if page[place - 1].type in {"td_open", "th_open"}:
                tables[-1][-1].append("".join(child.content for child in children))
    return tables


def in_one_line(text: str) -> str:
    """A text as a cell may show it: control characters are gaps, and what is very long is cut."""
    cut = text if len(text) <= 300 else f"{text[:299]}…"
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", cut).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_the_summary_of_github_shows_any_text_as_it_is(text: str) -> None:
    checks, issues = read_cells(to_markdown(report(text)))
    shown = in_one_line(text)
    assert checks[1:] == [
        ["fails", "toy/label_issues label_issue_rate", shown],
        ["warns", "toy/label_issues calibration", shown],
    ]
    assert issues[0] == ["row", "given label", "suggested", "label quality", "since then"]
    assert issues[1:] == [[shown, shown, shown, "0.0123", "new"]]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_starts_a_link_a_mention_or_an_element_in_markdown(text: str) -> None:
    assert not re.search(r"[<>@|`*_\[\]()!~:.\\\n]", escape_markdown(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_annotations_are_one_command_each(text: str) -> None:
    lines = to_annotations(report(text, problems=(text,)))
    commands = [re.fullmatch(r"::(error|warning) title=([^:,\r\n]*)::([^\r\n]*)", line) for line in lines]
    assert [command and command[1] for command in commands] == ["error", "error", "warning"]
    for command in commands:
        assert command is not None
        told = command[3].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        assert told == text
    assert commands[1] is not None
    assert commands[1][2] == "tickets / knn%3A toy/label_issues label_issue_rate"


@pytest.mark.parametrize("text", HOSTILE)
def test_junit_is_read_back(text: str) -> None:
    suites = ET.fromstring(to_junit(report(text, problems=(text,))))  # noqa: S314 - made here
    (suite,) = suites
    assert (suites.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "tickets / knn")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "2", "0")
    cases = list(suite)
    assert [case.get("name") for case in cases] == ["stored results", "label_issue_rate", "calibration", "schema"]
    assert [[child.tag for child in case] for case in cases] == [["failure"], ["failure"], ["system-out"], []]
    shown = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "?", text)
    assert cases[1][0].get("message") == shown
    assert (cases[2][0].text or "").replace("\r\n", "\n") == f"warning: {shown}".replace("\r\n", "\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_read_back(text: str) -> None:
    made = report(text)
    assert GateReport.model_validate_json(to_json(made)) == made


def name_kinds(lines: Sequence[str]) -> list[str]:
    return [line.split(" ")[0] for line in lines]


def test_a_gate_that_is_open_says_so() -> None:
    fine = report(passed=True, failing=(), checks=(), worst_new=(), n_new=0)
    assert to_markdown(fine).startswith("## tickets &#47; knn: gate passed")
    assert "|" not in to_markdown(fine)
    assert to_annotations(fine) == []
    # Under --strict a warning closes the gate, too.
    strict = report(failing=("toy/label_issues label_issue_rate", "toy/label_issues calibration"))
    assert name_kinds(to_annotations(strict)) == ["::error", "::error"]
    assert "30 new label issues, the worst 1" in to_markdown(strict)
