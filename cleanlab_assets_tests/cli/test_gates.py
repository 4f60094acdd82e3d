from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from cleanlab_assets.cli.gate_formats import GateReport, name_check
from cleanlab_assets.cli.gates import is_gate_closed
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets.orchestration.runs import CheckOutcome, RunOutcome
from cleanlab_assets_tests.cli.conftest import FAST, LEAN

if TYPE_CHECKING:
    from cleanlab_assets_tests.cli.conftest import AuditedHome, Home


def _fail_check(asset: str, check: str) -> RunOutcome:
    checks = [
        CheckOutcome(asset=f"classification/{asset}", check=check, passed=False, severity="ERROR", description=""),
        CheckOutcome(asset="classification/raw_dataset", check="schema", passed=True, severity="ERROR", description=""),
    ]
    return RunOutcome(MODEL, "breast_cancer|knn", {}, success=False, error="a step failed", checks=checks)


def test_only_a_blocking_check_closes_the_gate_of_a_run_that_failed() -> None:
    family = get_family("classification")
    assert is_gate_closed(family, _fail_check("raw_dataset", "row_count"))
    assert not is_gate_closed(family, _fail_check("predictions", "calibration"))
    assert not is_gate_closed(family, RunOutcome(DATASET, "digits", {}, success=False, error="broken"))


def test_the_gate_fails_on_demand(copied_home: Home) -> None:
    printed = copied_home.run("gate", CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert "FAIL  classification/datalab_issues outlier_rate" in printed.stdout
    assert "pass  classification/raw_dataset row_count" in printed.stdout


@pytest.mark.slow
def test_a_run_after_a_gate_of_errors_judges_by_its_own_severity(copied_home: Home) -> None:
    assert copied_home.run("gate", CLEANLAB_DEMO_GATE_SEVERITY="error").exit_code == ExitCode.GATE_FAILED
    n_runs = copied_home.count_runs()
    printed = copied_home.run("run", *FAST)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert copied_home.count_runs() == n_runs + 2, "the gates of both levels were evaluated, nothing was materialized"
    assert copied_home.run("run", *FAST).exit_code == ExitCode.FINE
    assert copied_home.count_runs() == n_runs + 2


@pytest.mark.slow
def test_the_gate_warns_by_default_unless_it_is_strict(copied_home: Home) -> None:
    lenient = copied_home.run("gate")
    assert lenient.exit_code == ExitCode.FINE, lenient.output
    assert "warn  classification/datalab_issues outlier_rate" in lenient.stdout
    assert copied_home.run("gate", "--strict").exit_code == ExitCode.GATE_FAILED


@pytest.mark.slow
def test_a_gate_without_an_audit_says_which_command_makes_it(audited_home: AuditedHome) -> None:
    printed = audited_home.run("gate", "-m", "random_forest")
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert "breast_cancer / random_forest is not audited yet" in printed.stderr
    assert "cleanlab-demo run -d breast_cancer -m random_forest" in printed.stderr


def test_the_gate_of_an_unknown_dataset_is_wrong_use(home: Home) -> None:
    printed = home.run("gate", "-d", "iris")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert "unknown dataset 'iris'" in printed.stderr


@pytest.mark.slow
def test_a_gate_fails_on_a_stored_file_of_another_model_and_a_run_makes_it_anew(home: Home) -> None:
    arguments = ("-d", "breast_cancer", "-m")
    for model in ("knn", "logistic_regression"):
        done = home.run("run", *arguments, model, *LEAN, "--no-cleanlab")
        assert done.exit_code == ExitCode.FINE, done.output
    stored = home.artifacts / "classification/predictions/breast_cancer"
    shutil.copy(stored / "knn.parquet", stored / "logistic_regression.parquet")

    closed = home.run("gate", *arguments, "logistic_regression")
    assert closed.exit_code == ExitCode.GATE_FAILED
    first, last = closed.stderr.splitlines()
    assert first.startswith(f"FAIL  {stored / 'logistic_regression.parquet'} holds the result of another run")
    assert first.endswith("make it anew with: cleanlab-demo run -d breast_cancer -m logistic_regression")
    assert last == "error: 1 stored files are not what was recorded"

    mended = home.run("run", *arguments, "logistic_regression", *LEAN, "--no-cleanlab")
    assert "predictions (its file holds the result of another run" in mended.stdout
    assert "another run" not in home.run("gate", *arguments, "logistic_regression").stderr


def test_json_and_junit_stand_alone_on_standard_output(copied_home: Home) -> None:
    printed = copied_home.run("gate", "--format", "json", CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    report = GateReport.model_validate_json(printed.stdout)
    assert not report.passed
    assert "classification/datalab_issues outlier_rate" in report.failing
    assert {name_check(check) for check in report.checks} > set(report.failing)

    printed = copied_home.run("gate", "--format", "junit")
    assert printed.exit_code == ExitCode.FINE, printed.output
    suites = ET.fromstring(printed.stdout)  # noqa: S314 - made here
    assert (suites.get("tests"), suites.get("failures")) == (str(len(report.checks)), "0")


@pytest.mark.slow
def test_github_gets_annotations_and_a_summary_below_what_is_there(copied_home: Home) -> None:
    summary = copied_home.path / "summary.md"
    summary.write_text("# what was there\n")
    printed = copied_home.run("gate", "--format", "github", "--strict", GITHUB_STEP_SUMMARY=str(summary))
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    lines = printed.stdout.splitlines()
    assert lines
    assert all(line.startswith("::error title=breast_cancer / logistic_regression%3A ") for line in lines)
    text = summary.read_text()
    assert text.startswith("# what was there\n## breast&#95;cancer")
    assert text.count("| fails |") == len(lines)


@pytest.mark.parametrize(
    ("summary", "message"),
    [("", "GITHUB_STEP_SUMMARY is not set"), ("/", "is a directory"), ("/nowhere/a.md", "is not a writable directory")],
)
def test_github_without_the_file_of_its_summary_is_wrong_use(home: Home, summary: str, message: str) -> None:
    printed = home.run("gate", "--format", "github", GITHUB_STEP_SUMMARY=summary)
    assert printed.exit_code == ExitCode.WRONG_USE
    assert message in printed.stderr
    assert printed.stdout == ""


@pytest.mark.slow
def test_programs_are_told_of_a_gate_without_an_audit(audited_home: AuditedHome) -> None:
    printed = audited_home.run("gate", "-m", "random_forest", "--format", "json")
    assert printed.exit_code == ExitCode.GATE_FAILED
    report = GateReport.model_validate_json(printed.stdout)
    assert (report.passed, report.checks) == (False, ())
    assert "cleanlab-demo run -d breast_cancer -m random_forest" in report.problems[0]


def test_a_ledger_that_cannot_be_written_is_named_and_nothing_else_is_lost(copied_home: Home) -> None:
    url = "sqlite:////nowhere/ledger.db"
    printed = copied_home.run("accept", CLEANLAB_DEMO_LEDGER_URL=url)
    assert printed.exit_code == ExitCode.WRONG_USE
    assert printed.stderr == f"error: the ledger {url} cannot be used: unable to open database file\n"
    # In another ledger the audit is not known.
    other = f"sqlite:///{copied_home.path / 'other.db'}"
    printed = copied_home.run("accept", CLEANLAB_DEMO_LEDGER_URL=other)
    assert printed.exit_code == ExitCode.WRONG_USE
    assert "the ledger has no audit 1 of breast_cancer / logistic_regression" in printed.stderr


def test_an_audit_that_was_never_made_cannot_be_accepted(home: Home) -> None:
    printed = home.run("accept", "-d", "digits", "-m", "knn")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert "digits / knn was not audited yet: cleanlab-demo run -d digits -m knn" in printed.stderr
    assert not (home.path / "data" / "ledger.db").exists(), "nothing was entered"


@pytest.mark.slow
def test_new_label_issues_close_the_gate_until_their_audit_is_accepted(home: Home) -> None:
    """Ten more labels of a table go wrong; then the audit is accepted, and nothing is new any more."""
    rng = np.random.default_rng(0)
    team = np.repeat(["billing", "delivery"], 60)
    sizes = np.where(team == "billing", 0.0, 5.0) + rng.normal(scale=0.5, size=120)

    def audit(*arguments: str, wrong: int) -> str:
        labels = [name if number >= wrong else "delivery" for number, name in enumerate(team)]
        rows = [f"T{number},{size:.3f},{label}" for number, (size, label) in enumerate(zip(sizes, labels, strict=True))]
        path = home.path / "tickets.csv"
        path.write_text("\n".join(["ticket,size,team", *rows, ""]))
        command = ("run", "-d", "tickets") if (home.path / "data/tickets").exists() else ("audit", str(path))
        asked = (*command, *arguments, "-m", "logistic_regression", "--no-comparison", *LEAN)
        printed = home.run_process("cleanlab-demo", *asked)
        assert printed.returncode == ExitCode.FINE, printed.stderr
        return printed.stdout

    def judge(**settings: str) -> GateReport:
        asked = ("gate", "-d", "tickets", "-m", "logistic_regression", "--format", "json")
        return GateReport.model_validate_json(home.run_process("cleanlab-demo", *asked, **settings).stdout)

    assert "no_new_label_issues" not in audit("--label", "team", "--id", "ticket", wrong=2), "the first audit is quiet"
    assert "warn  classification/issue_changes no_new_label_issues" in audit(wrong=8)
    report = judge(CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert "classification/issue_changes no_new_label_issues" in report.failing
    assert {issue.row_key for issue in report.worst_new} >= {"T3", "T4", "T5"}
    assert {(issue.given_label, issue.suggested_label) for issue in report.worst_new} == {("delivery", "billing")}

    asked = ("accept", "-d", "tickets", "-m", "logistic_regression", "--reviewer", "ann")
    printed = home.run_process("cleanlab-demo", *asked)
    assert printed.returncode == ExitCode.FINE, printed.stderr
    assert "issue_changes (another audit was accepted)" in printed.stdout
    assert judge(CLEANLAB_DEMO_GATE_SEVERITY="error").n_new == 0
