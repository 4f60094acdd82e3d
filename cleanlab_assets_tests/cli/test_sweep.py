from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets_tests.cli.conftest import FAST, FAST_VALUES, LEAN, Home, break_model

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from cleanlab_assets_tests.cli.conftest import AuditedHome

AUDITED = "logistic_regression"
BROKEN = "extra_trees"
SWEEP = ("sweep", "breast_cancer", *FAST)


@dataclass(frozen=True)
class SweptHome(Home):
    """A directory with a sweep, and what the command printed."""

    printed: Result


@pytest.fixture(scope="module")
def swept_home(audited_home: AuditedHome, tmp_path_factory: pytest.TempPathFactory) -> SweptHome:
    """A directory where breast_cancer was swept with two models, one of which failed. Not to be changed."""
    home = audited_home.copy(tmp_path_factory.mktemp("swept_home"))
    with pytest.MonkeyPatch.context() as patch:
        break_model(patch, "classification", BROKEN)
        models = ("-m", BROKEN, "-m", AUDITED)
        printed = home.run(*SWEEP, *models, "--save-csv", str(home.path / "models.csv"))
    return SweptHome(home.path, printed)


def _find_row(printed: Result, model: str) -> str:
    return next(line for line in printed.stdout.splitlines() if f"│ {model}" in line)


def test_a_model_that_fails_does_not_stop_the_others_and_the_exit_code_tells(swept_home: SweptHome) -> None:
    assert swept_home.printed.exit_code == ExitCode.RUN_FAILED, swept_home.printed.output
    assert f"{BROKEN}: failed" in _find_row(swept_home.printed, BROKEN)
    assert "no effect shown" in _find_row(swept_home.printed, AUDITED)
    assert "not materialized" in _find_row(swept_home.printed, "random_forest")
    assert f"selected: {AUDITED}" in swept_home.printed.stdout


def test_errors_are_one_line_for_each_model_and_nothing_else_is_logged(swept_home: SweptHome) -> None:
    lines = swept_home.printed.stderr.strip().splitlines()
    assert len(lines) == 2, lines
    assert lines[0].startswith(f"error: {BROKEN}: classification__predictions")
    assert f"{BROKEN} is out of order" in lines[0]
    assert lines[1] == "error: 1 of 2 models failed"


def test_the_comparison_is_saved_as_csv(swept_home: SweptHome) -> None:
    table = pd.read_csv(swept_home.path / "models.csv").set_index("model").astype({"status": str, "error": str})
    assert table.index[0] == AUDITED
    assert table["status"][AUDITED] == "compared"
    assert table["cv_roc_auc"][AUDITED] > 0.9
    assert table["status"][BROKEN] == "failed"
    assert f"{BROKEN} is out of order" in table["error"][BROKEN]


def test_a_sweep_of_unchanged_models_says_so_and_starts_no_run(swept_home: SweptHome) -> None:
    n_runs = swept_home.count_runs()
    printed = swept_home.run(*SWEEP, "-m", AUDITED)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert printed.stdout.count("is up to date") == 3
    assert swept_home.count_runs() == n_runs


@pytest.mark.slow
def test_a_gate_that_is_an_error_fails_a_sweep(swept_home: SweptHome) -> None:
    printed = swept_home.run(*SWEEP, "-m", AUDITED, CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert "FAIL  classification/datalab_issues outlier_rate" in printed.stdout
    assert "FAIL  classification/model_comparison every_model_compared" in printed.stdout


def test_a_parameter_that_no_model_has_is_wrong_use(home: Home) -> None:
    options = ("-m", "ridge", "-m", "knn", "--set", "predictions.parameters.depth=3")
    printed = home.run("sweep", "diabetes", *options)
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert "ridge has no parameter 'depth'" in printed.stderr
    assert not home.artifacts.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iris"], "unknown dataset 'iris'"),
        (["diabetes", "-m", "ridge", "-m", "svm"], "model 'svm' is unknown to regression"),
        (["diabetes", "--save-csv", "absent/models.csv"], "cannot write absent/models.csv"),
    ],
)
def test_wrong_use_of_a_sweep_is_one_line(arguments: list[str], message: str, home: Home) -> None:
    printed = home.run("sweep", *arguments)
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert message in printed.stderr
    assert len(printed.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_with_no_model_to_compare_each_failure_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    break_model(monkeypatch, "classification", "knn")
    printed = home.run("sweep", "breast_cancer", *LEAN, "-m", "knn")
    assert printed.exit_code == ExitCode.RUN_FAILED, printed.output
    assert "error: knn: classification__predictions" in printed.stderr
    assert "knn: failed" in _find_row(printed, "knn")


@pytest.mark.slow
def test_a_mended_model_joins_the_comparison(swept_home: SweptHome, tmp_path: Path) -> None:
    printed = swept_home.copy(tmp_path).run(*SWEEP, "-m", BROKEN, "-m", AUDITED)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert f"breast_cancer|{AUDITED}: model level is up to date" in printed.stdout
    assert "kept" in _find_row(printed, BROKEN)


@pytest.mark.slow
def test_a_second_sweep_finds_all_up_to_date_and_a_third_what_changed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = ("sweep", "diabetes", *LEAN, *FAST_VALUES, "-m", "knn", "-m", "ridge")
    first = home.run(*sweep)
    assert first.exit_code == ExitCode.FINE, first.output
    again = home.run(*sweep)
    assert again.exit_code == ExitCode.FINE, again.output
    assert again.stdout.count("is up to date") == 4
    assert _find_row(again, "knn") == _find_row(first, "knn")

    # Only one of the models has this parameter.
    changed = home.run(*sweep, "--set", "predictions.parameters.n_neighbors=5")
    assert changed.exit_code == ExitCode.WRONG_USE, changed.output
    assert "error: ridge: ridge has no parameter 'n_neighbors'" in changed.stderr
    assert "ridge: failed, older audit" in _find_row(changed, "ridge")
    assert "kept baseline" in _find_row(changed, "knn")
    assert _find_row(changed, "knn") != _find_row(first, "knn")

    # A model that was compared and then fails is compared no more.
    break_model(monkeypatch, "regression", "knn")
    broken = home.run(*sweep)
    assert broken.exit_code == ExitCode.RUN_FAILED, broken.output
    assert "knn: failed" in _find_row(broken, "knn")
    assert "kept baseline" not in _find_row(broken, "knn")
    assert "kept baseline" in _find_row(broken, "ridge")


@pytest.mark.slow
def test_tagged_sentences_are_swept_with_a_sample_of_them(home: Home) -> None:
    options = ("--max-rows", "150", "--planted-errors", "0.1", "--folds", "2", "--no-prune")
    printed = home.run("sweep", "grammar_sentences", *options)
    assert printed.exit_code == ExitCode.FINE, printed.output
    for model in ("bilstm", "crf", "logistic_regression"):
        assert "kept baseline" in _find_row(printed, model)
    issues = home.artifacts / "token_classification/consensus_issues/grammar_sentences.parquet"
    rows = pd.read_parquet(home.artifacts / "token_classification/training_set/grammar_sentences.parquet")
    train = rows[rows["split"] == "train"]
    assert train["sentence_id"].nunique() == 150
    worst = pd.read_parquet(issues).sort_values("rank").head(round(0.1 * len(train)))
    assert worst["row_id"].isin(train.loc[train["planted_error"], "row_id"]).mean() > 0.7
