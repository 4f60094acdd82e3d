from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

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
