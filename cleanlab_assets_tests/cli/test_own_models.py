"""Models of the user's own on the command line: named once, they stand in the description."""

from __future__ import annotations

import sys
import tomllib
from textwrap import dedent
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets_tests.cli.conftest import LEAN
from cleanlab_assets_tests.cli.test_audit import write_tickets

if TYPE_CHECKING:
    from cleanlab_assets_tests.cli.conftest import Home

SOURCE = """
    from sklearn.linear_model import LogisticRegression

    class Shrunk(LogisticRegression):
        "A type that nobody trusts."

    class Broken(LogisticRegression):
        def fit(self, features, labels, sample_weight=None):
            raise ValueError("out of order")

    def shrunk():
        return Shrunk(C=0.1)

    def broken():
        return Broken()

    def mapping():
        return {}
"""


@pytest.fixture
def tickets(home: Home) -> Home:
    """A directory with tickets and a module, where nothing was run."""
    write_tickets(home.path / "tickets.csv")
    (home.path / "my_models.py").write_text(dedent(SOURCE), encoding="utf-8")
    return home


def read_description(home: Home) -> dict[str, object]:
    return tomllib.loads((home.path / "data/tickets/dataset.toml").read_text(encoding="utf-8"))


def describe(home: Home) -> None:
    assert home.run("audit", str(home.path / "tickets.csv"), "-l", "category", "--describe-only").exit_code == 0


@pytest.mark.slow
def test_a_model_is_entered_in_the_description_once_and_audited(tickets: Home) -> None:
    arguments = ("-l", "category", "--model", "my_models:shrunk", *LEAN, "-o", "out.json")

    audited = tickets.run_process("cleanlab-demo", "audit", "tickets.csv", *arguments)

    assert audited.returncode == ExitCode.FINE, audited.stderr
    assert "models: my_models:shrunk (new)" in audited.stdout
    assert read_description(tickets)["models"] == ["my_models:shrunk"]
    result = tickets.read_result("out.json")
    assert result.model == "my_models.shrunk"
    assert len(pd.read_parquet(result.assets["label_issues"].path)) == 240
    assert 'write trusted_types = ["my_models.Shrunk"] at the top' in result.assets["retrained_model"].not_stored
    assert "retrained model: not stored: it holds types that are not trusted" in audited.stdout


@pytest.mark.slow
def test_what_changes_is_made_anew_and_said(tickets: Home) -> None:
    """The trusted types change the file of the final model alone, the source of the module every result."""
    run = ("run", "-d", "tickets", "-m", "my_models:shrunk", *LEAN, "-o", "out.json")
    audit = ("audit", "tickets.csv", "-l", "category", "-m", "my_models:shrunk", *LEAN)
    assert tickets.run_process("cleanlab-demo", *audit).returncode == ExitCode.FINE

    description = tickets.path / "data/tickets/dataset.toml"
    text = description.read_text(encoding="utf-8")
    description.write_text(f'trusted_types = ["my_models.Shrunk"]\n{text}', encoding="utf-8")
    trusting = tickets.run_process("cleanlab-demo", *run)
    made = [line for line in trusting.stdout.splitlines() if line.startswith("tickets|")]
    assert made == ["tickets|my_models.shrunk: retrained_model (trusted types none -> my_models.Shrunk)"]
    assert not tickets.read_result("out.json").assets["retrained_model"].not_stored

    module = tickets.path / "my_models.py"
    module.write_text(module.read_text(encoding="utf-8").replace("0.1", "0.2"), encoding="utf-8")
    changed = tickets.run_process("cleanlab-demo", *run)
    assert "tickets|my_models.shrunk: predictions (my_models source " in changed.stdout


@pytest.mark.slow
def test_all_models_are_a_sweep_with_those_of_your_own_and_one_that_fails_stops_no_other(tickets: Home) -> None:
    named = ("-m", "my_models:shrunk", "-m", "my_models:broken", "--models", "all")

    swept = tickets.run_process("cleanlab-demo", "audit", "tickets.csv", "-l", "category", *named, *LEAN)

    assert swept.returncode == ExitCode.RUN_FAILED
    told = " ".join(swept.stderr.split())
    assert "tickets: model my_models:broken: fit on " in told
    assert "raised ValueError: out of order" in told
    assert "1 of 7 models failed" in told
    for model in ("knn", "hist_gradient_boosting", "my_models.shrunk"):
        assert (tickets.artifacts / f"classification/label_issues/tickets/{model}.parquet").is_file(), model
    compared = next(line for line in swept.stdout.splitlines() if "my_models.shrunk" in line and "kept" in line)
    assert "baseline" in compared


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-m", "my_models:mapping"), "tickets: model my_models:mapping: the function returned {}, expected an"),
        (("-m", "absent_module:build"), "tickets: model absent_module:build: there is no module absent_module in"),
        (("-m", "my models:shrunk"), "model 'my models:shrunk': expected a name without a colon, or package.module"),
        (
            ("-m", "my_models.shrunk"),
            "model 'my_models.shrunk' is no model of tickets: add 'my_models:shrunk' to",
        ),
        (("--models", "all", "-o", "out.json"), "--output holds the result of one model: leave it out with --models"),
    ],
)
def test_wrong_use_ends_with_its_code_and_enters_nothing(
    tickets: Home, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tickets.path)
    monkeypatch.syspath_prepend(str(tickets.path))
    monkeypatch.delitem(sys.modules, "my_models", raising=False)
    ended = tickets.run("audit", "tickets.csv", "-l", "category", *arguments)
    assert ended.exit_code == ExitCode.WRONG_USE, ended.output
    assert message in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.output
    assert "models" not in read_description(tickets)
    assert not tickets.artifacts.exists()


def test_a_dataset_of_the_package_has_no_description_that_could_name_one(tickets: Home) -> None:
    ended = tickets.run("run", "-d", "digits", "-m", "my_models:shrunk")
    assert ended.exit_code == ExitCode.WRONG_USE
    assert "digits has no dataset.toml that could name a model of your own" in " ".join(ended.stderr.split())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('models = ["my_models"]', "models: expected package.module:function, of at most 200 characters, found"),
        ('models = ["a:b", "a:b"]', "models: 'a:b' stands there twice"),
        ('model = "my models:shrunk"', "model: expected package.module:function"),
    ],
)
def test_a_description_that_names_none_is_refused_with_its_line(tickets: Home, line: str, message: str) -> None:
    describe(tickets)
    description = tickets.path / "data/tickets/dataset.toml"
    description.write_text(f"{line}\n{description.read_text(encoding='utf-8')}", encoding="utf-8")
    ended = tickets.run("run", "-d", "tickets")
    assert ended.exit_code == ExitCode.WRONG_USE
    assert f"{description}: {message}" in " ".join(ended.stderr.split())


def test_the_model_of_the_description_is_checked_before_anything_runs(tickets: Home) -> None:
    describe(tickets)
    description = tickets.path / "data/tickets/dataset.toml"
    text = description.read_text(encoding="utf-8")
    description.write_text(f'model = "absent_module:build"\n{text}', encoding="utf-8")
    ended = tickets.run("run", "-d", "tickets")
    assert ended.exit_code == ExitCode.WRONG_USE
    assert "tickets: model absent_module:build: there is no module absent_module" in " ".join(ended.stderr.split())
    assert not tickets.artifacts.exists()


def test_data_that_is_no_table_takes_none(home: Home) -> None:
    folder = home.path / "data/words"
    folder.mkdir(parents=True)
    lines = ['family = "token_classification"', 'format = "conllu"', 'class_names = ["NOUN", "VERB"]']
    lines += ['models = ["my_models:shrunk"]', "[files]", 'train = "train.conllu"']
    (folder / "dataset.toml").write_text("\n".join(lines), encoding="utf-8")
    ended = home.run("run", "-d", "words")
    assert ended.exit_code == ExitCode.WRONG_USE
    told = " ".join(ended.stderr.split())
    assert "found my_models:shrunk, but data of the form conllu takes no model of your own; tables" in told
