"""``cleanlab-demo`` and Dagster's own command as a user starts them: as processes, with their exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
import pytest
from typer.testing import CliRunner

from cleanlab_assets import __version__, cli
from cleanlab_assets.cli import ExitCode, app

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
FAST_CONFIG = """
ops:
  classification__training_set: {config: {folds: 2}}
  classification__variant_comparison: {config: {resamples: 100}}
"""


def _environment(home: Path, **settings: str) -> dict[str, str]:
    (home / "dagster").mkdir(parents=True, exist_ok=True)
    (home / "dagster" / "dagster.yaml").write_text((PROJECT / "data/dagster_home/dagster.yaml").read_text())
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("CLEANLAB_DEMO_", "DAGSTER_"))
    }
    return {
        **inherited,
        "DAGSTER_HOME": str(home / "dagster"),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(home / "artifacts"),
        "CLEANLAB_DEMO_DATA_DIR": str(home / "data"),
        **settings,
    }


def _run(home: Path, command: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command), *arguments],
        env=_environment(home, **settings),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def audited_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory where `cleanlab-demo run` audited breast_cancer with logistic_regression."""
    home = tmp_path_factory.mktemp("home")
    (home / "config.yaml").write_text(FAST_CONFIG)
    result = _run(home, "cleanlab-demo", "run", "--config", "config.yaml")
    assert result.returncode == ExitCode.FINE, result.stderr
    assert "456 rows audited" in result.stdout
    assert "datalab_report/breast_cancer/logistic_regression.html" in result.stdout
    assert "DEBUG" not in result.stdout + result.stderr, "the event log is not for the terminal"
    return home


def test_the_report_lies_where_the_summary_says(audited_home: Path) -> None:
    report = audited_home / "artifacts/classification/datalab_report/breast_cancer/logistic_regression.html"
    assert report.read_text().startswith("<!DOCTYPE html>")


def test_a_second_identical_run_finds_everything_up_to_date(audited_home: Path) -> None:
    result = _run(audited_home, "cleanlab-demo", "run", "--config", "config.yaml")
    assert result.returncode == ExitCode.FINE, result.stderr
    assert result.stdout.count("is up to date") == 2
    assert "456 rows audited" in result.stdout


def test_the_gate_warns_by_default_and_fails_on_demand(audited_home: Path) -> None:
    lenient = _run(audited_home, "cleanlab-demo", "gate")
    assert lenient.returncode == ExitCode.FINE, lenient.stdout + lenient.stderr
    assert "warn  classification/datalab_issues outlier_rate" in lenient.stdout
    strict = _run(audited_home, "cleanlab-demo", "gate", CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert strict.returncode == ExitCode.GATE_FAILED, strict.stdout + strict.stderr
    assert "FAIL  classification/datalab_issues outlier_rate" in strict.stdout


@pytest.mark.slow
def test_a_gate_without_an_audit_says_which_command_makes_it(audited_home: Path) -> None:
    result = _run(audited_home, "cleanlab-demo", "gate", "-m", "knn")
    assert result.returncode == ExitCode.RUN_FAILED
    assert "cleanlab-demo run -d breast_cancer -m knn" in result.stderr


@pytest.mark.slow
def test_the_list_shows_what_is_audited(audited_home: Path) -> None:
    result = _run(audited_home, "cleanlab-demo", "list")
    assert result.returncode == ExitCode.FINE
    line = next(line for line in result.stdout.splitlines() if "breast_cancer" in line)
    assert "logistic_regression" in line


BROKEN_LOCATION = """
import dataclasses
from cleanlab_assets.datasets import catalogue
from cleanlab_assets.orchestration import raw_dataset
changed = dataclasses.replace(catalogue.get_dataset("breast_cancer"), expected_rows=570)
raw_dataset.get_dataset = lambda name: changed
from cleanlab_assets.definitions import defs
"""


@pytest.mark.slow
def test_dagster_exits_with_1_when_a_blocking_check_fails_and_with_0_when_it_passes(tmp_path: Path) -> None:
    (tmp_path / "broken_location.py").write_text(BROKEN_LOCATION)
    arguments = ("asset", "materialize", "--select", "classification/raw_dataset", "--partition", "breast_cancer", "-m")
    passing = _run(tmp_path, "dagster", *arguments, "cleanlab_assets.definitions")
    assert passing.returncode == 0, passing.stderr
    failing = _run(tmp_path, "dagster", *arguments, "broken_location")
    assert failing.returncode == 1
    assert "569 rows found, 570 expected" in failing.stderr + failing.stdout


@pytest.mark.slow
def test_dagster_says_which_command_makes_a_missing_upstream_partition(tmp_path: Path) -> None:
    result = _run(
        tmp_path,
        "dagster",
        *("asset", "materialize", "-m", "cleanlab_assets.definitions"),
        *("--select", "classification/training_set", "--partition", "digits"),
    )
    assert result.returncode == 1
    wanted = "dagster asset materialize --select 'classification/raw_dataset' --partition 'digits'"
    assert wanted in result.stderr + result.stdout


@pytest.mark.slow
def test_an_unreachable_source_ends_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    proxy = "http://127.0.0.1:9"
    result = _run(tmp_path, "cleanlab-demo", "run", "-d", "adult_income", HTTPS_PROXY=proxy, https_proxy=proxy)
    assert result.returncode == ExitCode.RUN_FAILED
    line = next(line for line in result.stderr.splitlines() if "error:" in line)
    assert "adult.data" in line
    assert str(tmp_path / "data" / "adult_income") in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-d", "iris"], "unknown dataset 'iris': expected one of adult_income, breast_cancer, covtype, digits"),
        (["run", "-m", "svm"], "model 'svm' is unknown to classification: expected one of extra_trees"),
        (["gate", "-d", "iris"], "unknown dataset 'iris'"),
        (["run", "--config", "absent.yaml"], "cannot read the config absent.yaml"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_may_come(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, arguments, env=_environment(tmp_path))
    assert result.exit_code == ExitCode.WRONG_USE
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("ops: {classification__training_set: {config: {folds: 1}}}", "classification__training_set.folds is 1"),
        ("ops: {classification__training_set: {config: {fold: 3}}}", "has no setting fold"),
        ("ops: {training_set: {config: {folds: 3}}}", "ops has no step 'training_set'"),
        ("ops: {classification__label_issues: {config: {filter_by: best}}}", "'best'"),
        ("folds: 3", "the run config has folds"),
        ("- 1", "holds list"),
        ("ops: {", "neither YAML nor JSON"),
        ("ops: {classification__predictions: {config: {parameters: {depth: 3}}}}", "has no parameter 'depth'"),
        ("ops: {classification__training_set: 3}", "classification__training_set"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(config: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config)
    result = CliRunner().invoke(app, ["run", "--config", str(path)], env=_environment(tmp_path))
    assert result.exit_code == ExitCode.WRONG_USE, result.output
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_environment_variable_with_a_bad_value_is_named(tmp_path: Path) -> None:
    result = _run(tmp_path, "cleanlab-demo", "run", CLEANLAB_DEMO_EXECUTOR="cluster")
    assert result.returncode == ExitCode.WRONG_USE
    assert "CLEANLAB_DEMO_EXECUTOR is 'cluster'" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_error_that_nobody_foresaw_does_not_look_like_a_failed_gate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("something broke")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == ExitCode.RUN_FAILED
    assert "something broke" in capsys.readouterr().err


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == ExitCode.FINE
    assert result.stdout.strip() == f"cleanlab-demo {__version__}"


@pytest.mark.slow
def test_a_killed_run_neither_blocks_the_next_one_nor_stays_started(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    command = [str(BIN / "cleanlab-demo"), "run", "-d", "digits", "-m", "extra_trees"]
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
            # Kill it while a heavy step holds the only place of the pool.
            deadline = monotonic() + 120
            while not instance.event_log_storage.get_concurrency_info("heavy").claimed_slots:
                assert monotonic() < deadline
                assert process.poll() is None
                sleep(0.05)
            process.send_signal(signal.SIGKILL)
        killed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert len(killed) == 1
        result = _run(tmp_path, "cleanlab-demo", "run", "-d", "digits", "-m", "extra_trees")
        assert result.returncode == ExitCode.FINE, result.stderr
        assert killed[0].run_id in result.stderr
        run = instance.get_run_by_id(killed[0].run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.slow
def test_steps_can_run_in_processes_of_their_own(tmp_path: Path) -> None:
    result = _run(
        tmp_path,
        "dagster",
        *("asset", "materialize", "-m", "cleanlab_assets.definitions", "--partition", "breast_cancer"),
        *("--select", "classification/raw_dataset,classification/training_set"),
        CLEANLAB_DEMO_EXECUTOR="multiprocess",
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "artifacts/classification/training_set/breast_cancer.parquet").is_file()
