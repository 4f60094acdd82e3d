"""What holds for all commands."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cleanlab_assets import __version__, cli
from cleanlab_assets.cli import app, instance
from cleanlab_assets.cli.instance import RunProgress
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.orchestration.families import all_families

if TYPE_CHECKING:
    from cleanlab_assets_tests.cli.conftest import Home

COMMANDS = (
    *("audit", "run", "sweep", "gate", "accept", "list", "describe", "download-data", "ai-report"),
    *("review", "decide", "decide-all", "undo", "decisions", "import-decisions", "export-tasks", "export", "end-run"),
)


def test_every_command_is_known_here() -> None:
    assert {command.name or command.callback.__name__ for command in app.registered_commands if command.callback} == {
        *COMMANDS
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_an_example(command: str, home: Home) -> None:
    printed = home.run(command, "--help")
    assert printed.exit_code == ExitCode.FINE
    assert f"Example: cleanlab-demo {command}" in printed.stdout


def test_the_help_shows_examples_and_exit_codes(home: Home) -> None:
    printed = home.run("--help")
    assert printed.exit_code == ExitCode.FINE
    assert "cleanlab-demo run -d adult_income -m random_forest" in printed.stdout
    assert "0 fine, 1 a gate or a blocking check failed" in printed.stdout


def test_the_version_is_printed(home: Home) -> None:
    printed = home.run("--version")
    assert printed.exit_code == ExitCode.FINE
    assert printed.stdout.strip() == f"cleanlab-demo {__version__}"


@pytest.mark.parametrize("arguments", [["audit"], ["run", "--rows", "3"], ["run", "--folds", "two"], ["sweep"]])
def test_what_no_command_takes_is_wrong_use(arguments: list[str], home: Home) -> None:
    assert home.run(*arguments).exit_code == ExitCode.WRONG_USE


def test_the_commands_name_no_task_family() -> None:
    modules = Path(str(cli.__file__)).parent.glob("*.py")
    found = [
        (path.name, family.name) for path in modules for family in all_families() if family.name in path.read_text()
    ]
    assert found == []


@pytest.mark.parametrize(
    "arguments", [["run", "-d", "digits"], ["gate", "-d", "digits"], ["sweep", "digits"], ["ai-report", "-d", "digits"]]
)
def test_a_family_that_the_dataset_does_not_belong_to_is_wrong_use(arguments: list[str], home: Home) -> None:
    printed = home.run(*arguments, "--family", "regression")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert "--family 'regression': digits belongs to classification" in " ".join(printed.stderr.split())


LONG = "x" * 10_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-d", LONG],
        ["run", "-m", LONG],
        ["run", "--family", LONG],
        ["run", "--set", LONG],
        ["run", "--set", f"{LONG}.folds=3"],
        ["run", "--set", f"training_set.{LONG}=3"],
        ["run", "--set", f"training_set.folds={LONG}"],
        ["run", "--set", f"predictions.parameters.{LONG}=3"],
        ["run", "--set", f"predictions.parameters.{LONG}=.nan"],
        ["run", "--set", f"training_set.folds.{LONG}=3", "--set", f"training_set.folds.{LONG}.a=3"],
        ["run", "--config", LONG],
        ["run", "-o", LONG],
        ["run", "-o", f"{LONG}/a.json"],
        ["run", f"--{LONG}"],
        ["run", LONG],
        ["audit", LONG],
        ["audit", __file__, "--name", LONG],
        ["audit", __file__, "--task", LONG],
        ["audit", __file__, "--kind", LONG],
        ["audit", __file__, "--test", LONG],
        ["sweep", LONG],
        ["sweep", "digits", "-m", LONG],
        ["sweep", "digits", "--save-csv", LONG],
        ["gate", "-d", LONG],
        ["gate", "-m", LONG],
        ["gate", "--format", LONG],
        ["accept", "-d", LONG],
        ["describe", LONG],
        ["download-data", LONG],
        ["ai-report", LONG],
        ["ai-report", "-d", LONG],
        ["ai-report", "-m", LONG],
        ["list", LONG],
        ["end-run", LONG],
        ["decide", "-d", LONG, "1", "unclear"],
        ["decide-all", "-d", LONG, "--merge", "a", "b"],
        ["decisions", "-d", LONG],
        ["import-decisions", LONG],
        ["import-decisions", __file__, "-d", LONG],
        ["export-tasks", "-d", LONG, "-o", "a.json"],
        ["export", LONG, "-o", "a.csv"],
        [LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG").replace(__file__, "FILE"),
)
def test_a_long_name_is_wrong_use_and_is_cut_where_it_is_told(arguments: list[str], home: Home) -> None:
    printed = home.run(*arguments)
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output[:2000]
    assert "x" * 20 in printed.stderr
    assert "…" in printed.stderr
    assert len(re.sub(r"\s", "", printed.stderr)) < 2000


def test_a_terminal_shows_the_step_at_work_and_how_many_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(instance, "console", Console(file=screen, force_terminal=True, width=120))
    with RunProgress("diabetes / ridge") as progress:
        progress.expect(14)
        progress.start_step("regression__label_issues")
        progress.end_step()
    assert "diabetes / ridge: label issues" in screen.getvalue()
    assert "1/14" in screen.getvalue()


def test_a_file_gets_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(instance, "console", Console(file=file))
    with RunProgress("diabetes / ridge") as progress:
        progress.expect(1)
        progress.end_step()
    assert file.getvalue() == ""


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
