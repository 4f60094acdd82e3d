from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from cleanlab_assets.cli import audits
from cleanlab_assets.cli.options import resolve_settings
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.datasets.archives import UnsafeArchiveError
from cleanlab_assets.datasets.download import DownloadError
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration import assets, families
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration.families import all_families, get_family
from cleanlab_assets.orchestration.storage import read_result
from cleanlab_assets_tests.cli.conftest import FAST, LEAN, break_model

if TYPE_CHECKING:
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.orchestration.audit_result import AuditResult
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets_tests.cli.conftest import AuditedHome, Home

FIRST_ASSETS = "breast_cancer: raw_dataset, corrections, corrected_dataset, training_set, embeddings, neighbor_graph"
PREDICTIONS_ONLY = {
    *("raw_dataset", "corrections", "corrected_dataset", "training_set", "embeddings"),
    *("neighbor_graph", "predictions"),
}


def _read_stored(result: AuditResult, asset: str) -> Result[Any, Any]:
    """Read the stored result of an asset that the result names."""
    return read_result(result.assets[asset].path, get_family(result.family).step(asset))


# -- what is told and written ----------------------------------------------------------------------------------------


def test_a_run_tells_what_was_found_and_where_it_lies_and_nothing_else(audited_home: AuditedHome) -> None:
    report = audited_home.artifacts / "classification/datalab_report/breast_cancer/logistic_regression.html"
    assert "569 rows audited" in audited_home.printed.stdout
    assert f"datalab report: {report}" in audited_home.printed.stdout
    assert report.read_text().startswith("<!DOCTYPE html>")
    assert FIRST_ASSETS + " (not materialized yet)" in audited_home.printed.stdout
    assert audited_home.printed.stderr == "", "logs are not for the terminal"


def test_the_figures_of_the_result_are_those_of_the_artifacts(audited_home: AuditedHome) -> None:
    result = audited_home.read_result()
    assert (result.family, result.dataset, result.model) == ("classification", "breast_cancer", "logistic_regression")
    assert result.facts is not None
    assert result.facts == _read_stored(result, "audit_facts").value
    issues = pd.read_parquet(result.assets["label_issues"].path)
    assert result.facts.n_label_issues == issues["is_label_issue"].sum()
    assert result.facts.n_audited == len(issues) == result.assets["label_issues"].figures["dagster/row_count"]
    comparison = _read_stored(result, "variant_comparison").value
    assert {variant.variant: variant.n_train for variant in result.facts.variants} == {
        variant.variant: variant.n_train for variant in comparison.variants
    }
    assert result.summary is not None
    assert result.summary.written_by == "rules"


def test_the_result_says_how_each_artifact_came_to_be(audited_home: AuditedHome) -> None:
    result = audited_home.read_result()
    family = get_family("classification")
    keys = [*family.asset_keys(DATASET), *family.asset_keys(MODEL)]
    assert list(result.assets) == [key.path[-1] for key in keys]
    assert result.assets["training_set"].provenance.config["folds"] == 2
    assert {"cleanlab_assets", "python", "cleanlab"} <= set(result.versions)
    assert result.assets["label_issues"].provenance == _read_stored(result, "label_issues").origin
    checks = {check.check for check in result.checks}
    assert {"source_hash", "detection_power", "outlier_rate", "summary_is_grounded"} <= checks


# -- what is materialized --------------------------------------------------------------------------------------------


def test_a_second_identical_run_says_so_and_starts_no_run(audited_home: AuditedHome) -> None:
    n_runs = audited_home.count_runs()
    second = audited_home.run("run", *FAST)
    assert second.exit_code == ExitCode.FINE, second.output
    assert second.stdout.count("is up to date") == 2
    assert "569 rows audited" in second.stdout
    assert audited_home.count_runs() == n_runs


def test_without_cleanlab_old_issues_are_not_in_the_result(audited_home: AuditedHome) -> None:
    printed = audited_home.run("run", *FAST, "--no-cleanlab", "-o", str(audited_home.path / "predictions.json"))
    assert printed.exit_code == ExitCode.FINE, printed.output
    result = audited_home.read_result("predictions.json")
    assert set(result.assets) == PREDICTIONS_ONLY
    assert result.facts is None
    assert result.summary is None
    assert {check.asset.partition("/")[2] for check in result.checks} <= PREDICTIONS_ONLY
    assert "cross-validated ROC AUC" in printed.stdout
    assert "label issues" not in printed.stdout


@pytest.mark.slow
def test_without_cleanlab_only_predictions_are_made_with_the_parameters_that_were_set(
    audited_home: AuditedHome,
) -> None:
    output = audited_home.path / "knn.json"
    options = (*FAST, "-m", "knn", "--no-cleanlab", "--set", "predictions.parameters.n_neighbors=5")
    printed = audited_home.run("run", *options, "-o", str(output))
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "breast_cancer: dataset level is up to date" in printed.stdout
    assert audited_home.read_result("knn.json").assets["predictions"].provenance.config == {
        "parameters": {"n_neighbors": 5}
    }
    assert [path.parts[-3] for path in audited_home.artifacts.rglob("knn.*")] == ["predictions"]

    forced = audited_home.run("run", *options, "--force")
    assert forced.exit_code == ExitCode.FINE, forced.output
    assert FIRST_ASSETS + " (forced)" in forced.stdout
    assert "predictions (forced)" in forced.stdout


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_without_cleanlab_every_family_makes_its_predictions_and_nothing_from_them(family: Family) -> None:
    left = [key.path[-1] for key in family.asset_keys(MODEL) if key not in audits._find_steps_of_issues(family)]
    assert left == ["predictions"]


@pytest.mark.slow
def test_without_datalab_and_pruning_neither_is_looked_into(copied_home: Home) -> None:
    printed = copied_home.run("run", *LEAN, "-m", "knn", "-o", str(copied_home.path / "lean.json"))
    assert printed.exit_code == ExitCode.FINE, printed.output
    facts = copied_home.read_result("lean.json").facts
    assert facts is not None
    assert {item.status for item in facts.issue_types if item.issue_type != "label"} == {"not run"}
    assert [variant.variant for variant in facts.variants] == ["baseline"]


@pytest.mark.slow
def test_planted_errors_seed_and_rows_are_those_that_were_asked_for(home: Home) -> None:
    options = ("--max-rows", "300", "--seed", "7", "--planted-errors", "0.1", "--prune-fraction", "0.05")
    output = home.path / "result.json"
    printed = home.run("run", "-d", "diabetes", "-m", "knn", *FAST, *options, "--no-datalab", "-o", str(output))
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "planted errors: 24; average precision" in printed.stdout
    result = home.read_result()
    assert result.facts is not None
    assert result.facts.detection is not None
    assert result.facts.detection.n_planted == 24
    assert result.facts.n_train + result.facts.n_test == 300
    assert result.assets["variant_comparison"].provenance.config["prune_fraction"] == 0.05
    labels = pd.read_parquet(result.assets["label_issues"].path)
    assert result.facts.n_label_issues == labels["is_label_issue"].sum()


@pytest.mark.slow
def test_a_failed_run_does_not_stand_in_the_way_of_the_settings_before_it(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_model(patch, "classification", "logistic_regression")
        broken = copied_home.run("run", *FAST, "--force")
        assert broken.exit_code == ExitCode.RUN_FAILED, broken.output
    mended = copied_home.run("run", *FAST)
    assert mended.exit_code == ExitCode.FINE, mended.output
    assert "569 rows audited" in mended.stdout


# -- exit codes ------------------------------------------------------------------------------------------------------


def test_a_gate_that_is_an_error_now_fails_the_run_even_if_nothing_is_made_anew(audited_home: AuditedHome) -> None:
    output = audited_home.path / "strict.json"
    printed = audited_home.run("run", *FAST, "-o", str(output), CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert printed.stdout.count("is up to date") == 2
    assert "FAIL  classification/datalab_issues outlier_rate: 27 of 456 rows" in printed.stdout
    assert json.loads(output.read_bytes())["dataset"] == "breast_cancer", "the result is written all the same"


def test_a_blocking_check_that_fails_is_a_failed_gate(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = replace(catalogue.get_dataset("breast_cancer"), expected_rows=570)
    monkeypatch.setattr(assets, "get_dataset", lambda _: changed)
    printed = home.run("run", *FAST)
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert "FAIL  classification/raw_dataset row_count: 569 rows found, 570 expected" in printed.stdout
    assert not (home.artifacts / "classification/training_set").exists()


@pytest.mark.slow
def test_a_step_that_breaks_is_a_failed_run_told_in_one_line(
    copied_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_model(monkeypatch, "classification", "extra_trees")
    printed = copied_home.run("run", *FAST, "-m", "extra_trees")
    assert printed.exit_code == ExitCode.RUN_FAILED, printed.output
    assert len(printed.stderr.strip().splitlines()) == 1
    assert "classification__predictions" in printed.stderr
    assert "extra_trees is out of order" in printed.stderr


SWEEP = ("sweep", "breast_cancer", "-m", "knn")
UNREADABLE = SourceFormatError("breast_cancer.csv, line 3: found 2 fields, expected 31")
NO_NETWORK = DownloadError("cannot download breast_cancer.csv")


@pytest.mark.parametrize(
    ("command", "error", "code"),
    [
        (("run",), UNREADABLE, ExitCode.WRONG_USE),
        (("run",), UnsafeArchiveError("a.zip: member 'a/b' is in the place of another"), ExitCode.WRONG_USE),
        (("run",), PermissionError(13, "Permission denied", "/data/mine/a.csv"), ExitCode.WRONG_USE),
        (("run",), NO_NETWORK, ExitCode.RUN_FAILED),
        (SWEEP, UNREADABLE, ExitCode.WRONG_USE),
        (SWEEP, NO_NETWORK, ExitCode.RUN_FAILED),
    ],
)
@pytest.mark.slow
def test_a_source_that_cannot_be_read_is_wrong_use_and_a_failed_download_is_not(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], error: Exception, code: ExitCode
) -> None:
    def load(_: object) -> pd.DataFrame:
        raise error

    changed = replace(catalogue.get_dataset("breast_cancer"), load=load)
    monkeypatch.setattr(assets, "get_dataset", lambda _: changed)
    printed = home.run(*command)
    assert printed.exit_code == code, printed.output
    (line,) = printed.stderr.strip().splitlines()
    told = f"{error.filename} cannot be read: {error.strerror}" if isinstance(error, PermissionError) else str(error)
    assert told in line
    if code == ExitCode.WRONG_USE:
        assert line == f"error: classification__raw_dataset: breast_cancer: {told}"


# -- wrong use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-d", "iris"], "unknown dataset 'iris': expected one of adult_income"),
        (["-m", "svm"], "model 'svm' is unknown to classification: expected one of extra_trees"),
        (["-m", "ridge"], "model 'ridge' is no model for classification"),
        (["--config", "absent.yaml"], "cannot read the config absent.yaml"),
        (["-o", "absent/result.json"], "cannot write absent/result.json: absent is not a writable directory"),
        (["-o", "."], "cannot write .: is a directory"),
        (["--max-rows", "100"], "classification__training_set.max_rows is 100"),
        (["--prune-fraction", "0.9"], "classification__variant_comparison.prune_fraction is 0.9"),
        (["--planted-errors", "nan"], "classification__training_set.planted_error_fraction is nan"),
        (["--set", "max_rows=300"], "--set 'max_rows=300': expected ASSET.KEY=VALUE"),
        (["--set", "training_set.max_rows"], "expected ASSET.KEY=VALUE"),
        (["--set", "splits.folds=3"], "classification has no asset 'splits' with settings: expected one of training_"),
        (["--set", "training_set.fold=3"], "training_set of classification has no setting 'fold': expected one of max"),
        (["--set", "label_issues.flag_by=cleanlab"], "label_issues of classification has no setting 'flag_by'"),
        (["--set", "training_set.folds=1"], "classification__training_set.folds is 1"),
        (["--set", "training_set.folds=[2"], "the value is not YAML"),
        (["--set", "training_set.folds.first=2"], "classification__training_set.folds is {'first': 2}"),
        (["--set", "training_set.folds=2", "--set", "training_set.folds.a=2"], "cannot be set: folds holds 2"),
        (["--set", "predictions.parameters.depth=3"], "logistic_regression has no parameter 'depth'"),
        (["--set", "predictions.parameters.n_jobs=3"], "parameter 'n_jobs' of logistic_regression cannot be set"),
        (
            ["--set", "predictions.parameters.C=.nan"],
            "classification__predictions.parameters is {'C': nan}: found nan for C, expected finite numbers",
        ),
        (["--set", "predictions.parameters.C=[1, {a: -.inf}]"], "found -inf for C.a, expected finite numbers"),
        (
            ["--set", "variant_comparison.prune_fraction=.nan"],
            "classification__variant_comparison.prune_fraction is nan",
        ),
        (["--set", "training_set.test_fraction=.inf"], "classification__training_set.test_fraction is inf"),
        (["--set", "training_set.folds=.inf"], "classification__training_set.folds is inf"),
        (["--set", "training_set.seed=2001-99-99"], "the value is not YAML: month must be in 1..12"),
        (["--set", "training_set.seed=" + "9" * 5000], "the value is not YAML: Exceeds the limit"),
        (["--set", "training_set.seed=" + "[" * 50_000], "the value is not YAML: nested too deep at line 1, column"),
        (["--set", "predictions.parameters.C=&a [*a]"], "classification__predictions holds a value within itself"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_may_come(arguments: list[str], message: str, home: Home) -> None:
    printed = home.run("run", *arguments)
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert message in printed.stderr
    assert len(printed.stderr.strip().splitlines()) == 1
    assert not home.artifacts.exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"ops: {classification__training_set: {config: {folds: 1}}}", "classification__training_set.folds is 1"),
        (b"ops: {classification__training_set: {config: {fold: 3}}}", "has no setting fold"),
        (b"ops: {training_set: {config: {folds: 3}}}", "ops has no step 'training_set'"),
        (b"ops: {classification__label_issues: {config: {filter_by: best}}}", "'best'"),
        (b"folds: 3", "the run config has folds"),
        (b"- 1", "holds list"),
        (b"ops: {", "neither YAML nor JSON"),
        (b"\xff\xfe\x00", "neither YAML nor JSON"),
        (b"ops: {}  # gr\xf6\xdfe", "neither YAML nor JSON: config.yaml, line 1, byte offset 13: found the byte 0xf6"),
        ("folds: 3".encode("utf-16"), "the run config has folds"),
        (b"ops: {classification__predictions: {config: {parameters: {depth: 3}}}}", "has no parameter 'depth'"),
        (b"ops: {classification__training_set: 3}", "classification__training_set"),
        (b"ops: {classification__predictions: {config: {parameters: {C: .inf}}}}", "found inf for C, expected finite"),
        (b"[" * 200_000, "nested too deep at line 1, column 101"),
        (b"".join(b" " * level + b"a:\n" for level in range(2000)), "nested too deep"),
        (b'{"ops": ' + b'{"a":' * 200_000, "nested too deep at line 1, column"),
        (b"ops: {classification__training_set: {config: {fold_" + b"x" * 900 + b": 1}}}", "has no setting fold_xx"),
        (b"ops: {training_set_" + b"x" * 900 + b": {}}", "ops has no step 'training_set_xx"),
        (b"x" * 900 + b": 1", "the run config has xxx"),
    ],
)
def test_a_bad_config_file_is_one_line_that_names_what_is_wrong(config: bytes, message: str, home: Home) -> None:
    path = home.path / "config.yaml"
    path.write_bytes(config)
    printed = home.run("run", "--config", str(path))
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert message in printed.stderr
    assert len(printed.stderr.strip().splitlines()) == 1
    assert len(printed.stderr) < 700


@pytest.mark.parametrize("option", [("--prune-fraction", "0.1"), ("--no-prune",)])
def test_an_option_for_which_the_family_has_no_setting_is_named(
    option: tuple[str, ...], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = get_family("classification")
    steps = {
        level: [replace(step, settings=None) if step.name == "variant_comparison" else step for step in steps]
        for level, steps in family.steps.items()
    }
    monkeypatch.setattr(families, "build_family", lambda _: replace(family, steps=steps))
    printed = home.run("run", *option)
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert f"{option[0]}: classification has no asset 'variant_comparison' with settings" in printed.stderr


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_every_family_takes_a_sample_by_the_same_option(family: Family) -> None:
    configs = resolve_settings(family, None, [], datalab=True, prune=True, max_rows=321)
    asset, setting = family.task.sample_setting.split(".")
    assert configs[dg.AssetKey([family.name, asset])][setting] == 321


def test_an_environment_variable_with_a_bad_value_is_named(home: Home) -> None:
    printed = home.run("run", CLEANLAB_DEMO_EXECUTOR="cluster")
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert "CLEANLAB_DEMO_EXECUTOR is 'cluster'" in printed.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ops: {classification__training_set: {config: {1: 2}}}", "classification__training_set has no setting 1"),
        ("{ops: {}, 3: {}}", "the run config has 3, expected only 'ops'"),
    ],
)
def test_a_config_whose_key_is_no_text_is_wrong_use(home: Home, content: str, message: str) -> None:
    path = home.path / "run.yaml"
    path.write_text(content)
    printed = home.run("run", "-c", str(path))
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert message in printed.stderr
