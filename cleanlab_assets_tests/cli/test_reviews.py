"""Decisions from the shell: made, taken back, moved between programs, and put into the user's own file."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets_tests.cli.conftest import LEAN

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets_tests.cli.conftest import Home

pytestmark = pytest.mark.slow
AS_BEFORE = ("-m", "logistic_regression", "--no-comparison", *LEAN)


@pytest.fixture
def tickets(home: Home) -> Path:
    """A CSV of the user's own with two classes that a number tells apart, and one label wrong."""
    rng = np.random.default_rng(0)
    team = np.repeat(["billing", "delivery"], 40)
    size = np.where(team == "billing", 0.0, 5.0) + rng.normal(scale=0.5, size=80)
    lines = [f'T{number};"{size[number]:.3f}";{name}' for number, name in enumerate(team)]
    lines[3] = lines[3].replace("billing", "delivery")
    path = home.path / "tickets.csv"
    path.write_bytes(b"ticket;size;team\r\n" + "\r\n".join([*lines, "", ""]).encode())
    # A process of its own: this one keeps the partitions that it knew first.
    audited = ("audit", str(path), "--label", "team", "--id", "ticket", *AS_BEFORE)
    printed = home.run_process("cleanlab-demo", *audited)
    assert printed.returncode == ExitCode.FINE, printed.stderr
    assert "note: tickets.csv: 1 lines without any value are left out: 82" in printed.stdout
    return path


def test_a_decision_goes_from_the_shell_to_the_users_own_file(home: Home, tickets: Path) -> None:
    def run(*arguments: str) -> str:
        printed = home.run(*arguments)
        assert printed.exit_code == ExitCode.FINE, printed.output
        return printed.stdout

    assert "entry 1: row T3 (given label 'delivery'): label is 'billing'" in run(
        *("decide", "-d", "tickets", "tickets.csv:5", "label is", "billing", "--reviewer", "ann")
    )
    run("decide", "-d", "tickets", "T7", "exclude the row", "--reviewer", "ann")
    run("decide", "-d", "tickets", "T9", "label is", "delivery", "--reviewer", "ann")
    assert "entry 4: entry 3 is taken back" in run("undo", "3", "--reviewer", "ann")
    listed = run("decisions", "-d", "tickets", "-o", str(home.path / "decisions.csv"))
    assert "2 decided findings, 3 entries" in listed
    assert "in force" in listed
    assert "2 rows are reviewed: 1 errors, 1 to be excluded" in listed

    # The ledger has news, so the next run makes the corrected dataset of them, and the audit stays as it is.
    again = home.run_process("cleanlab-demo", "run", "-d", "tickets", *AS_BEFORE)
    assert "corrections (the ledger has new decisions)" in again.stdout, again.stderr
    made = [line for line in again.stdout.splitlines() if line.startswith("tickets|logistic_regression: ")]
    assert made == [
        "tickets|logistic_regression: review_statistics, opinion_agreement (the ledger has new decisions)",
        "tickets|logistic_regression: review_report (classification/review_statistics is out of date)",
    ]
    assert "corrections_applied: 2 corrections are not in the source yet" in again.stdout

    source = tickets.read_bytes()
    assert "1 changed, 1 rows excluded" in run("export", "tickets", "-o", str(home.path / "fixed.csv"))
    lines = source.split(b"\r\n")
    lines[4] = lines[4].replace(b"delivery", b"billing")
    assert (home.path / "fixed.csv").read_bytes() == b"\r\n".join(lines[:8] + lines[9:])

    run("export", "tickets", "-o", str(home.path / "fixed.parquet"))
    table = pd.read_parquet(home.path / "fixed.parquet")
    changed = table[table["ticket"] == "T3"][["team", "corrected_label", "label_source"]]
    assert changed.to_numpy().tolist() == [["delivery", "billing", "reviewed"]]
    assert table.loc[table["is_excluded"], "ticket"].tolist() == ["T7"]

    # What one ledger wrote, another one reads; twice enters nothing twice.
    other = {"CLEANLAB_DEMO_LEDGER_URL": f"sqlite:///{home.path / 'other.db'}"}
    for expected in ("2 decisions entered, 0 were", "0 decisions entered, 2 were"):
        printed = home.run("import-decisions", str(home.path / "decisions.csv"), "-d", "tickets", **other)
        assert expected in printed.stdout, printed.output


def test_tasks_go_to_label_studio_and_come_back(home: Home, tickets: Path) -> None:  # noqa: ARG001 - it was audited
    path = home.path / "tasks.json"
    printed = home.run("export-tasks", "-d", "tickets", "-m", "logistic_regression", "-o", str(path))
    assert printed.exit_code == ExitCode.FINE, printed.output
    tasks = json.loads(path.read_text(encoding="utf-8"))
    worst = next(task for task in tasks if task["data"]["row_key"] == "T3")
    assert worst["data"]["given_label"] == "delivery"
    annotation = {"id": 1, "completed_by": 2, "was_cancelled": False, "result": worst["predictions"][0]["result"]}
    path.write_text(json.dumps([{**worst, "id": 1, "annotations": [annotation]}]), encoding="utf-8")

    assert "1 decisions entered" in home.run("import-decisions", str(path), "-d", "tickets").stdout

    home.run("decisions", "-d", "tickets", "-o", str(home.path / "all.csv"))
    found = list(csv.DictReader(io.StringIO((home.path / "all.csv").read_text(encoding="utf-8"))))
    assert [(one["row"], one["decision"], one["label"]) for one in found] == [("T3", "label is", "billing")]


def test_what_cannot_be_done_ends_with_one_line(home: Home, tickets: Path) -> None:  # noqa: ARG001 - it was audited
    for arguments, message in (
        (["decide", "-d", "tickets", "T999", "unclear"], "tickets has no row 'T999'"),
        (["decide", "-d", "tickets", "T1", "label is", "zebra"], "'zebra' is none of the classes billing, delivery"),
        (["decide", "-d", "tickets", "T1", "wrong"], "expected one of given is right, label is"),
        (["undo", "99"], "the ledger has no entry 99"),
        (["export", "tickets", "-o", "fixed.xlsx"], "expected the ending .csv or .parquet"),
        (["decide", "-d", "digits", "1", "unclear"], "digits was not audited yet: cleanlab-demo run -d digits"),
    ):
        printed = home.run(*arguments)
        assert printed.exit_code == ExitCode.WRONG_USE, printed.output
        assert message in " ".join(printed.stderr.split())


def test_an_audit_of_corrected_labels_is_made_anew_by_a_run_and_before_it_is_accepted(
    home: Home,
    tickets: Path,  # noqa: ARG001 - it was audited
) -> None:
    def run(*arguments: str) -> str:
        printed = home.run_process("cleanlab-demo", *arguments)
        assert printed.returncode == ExitCode.FINE, printed.stderr
        return printed.stdout

    def find_flagged() -> set[str]:
        path = home.path / "result.json"
        run("run", "-d", "tickets", *AS_BEFORE, "-o", str(path))
        table = pd.read_parquet(json.loads(path.read_text())["assets"]["label_issues"]["path"])
        return set(table.loc[table["is_label_issue"], "row_id"])

    corrected = ("--set", "training_set.labels=corrected")
    assert "tickets.csv:5" in find_flagged()
    run("decide", "-d", "tickets", "T3", "label is", "billing", "--reviewer", "ann")
    assert "training_set (" not in run("run", "-d", "tickets", *AS_BEFORE)

    made = run("run", "-d", "tickets", *AS_BEFORE, *corrected)
    assert "training_set (labels 'given' -> 'corrected')" in made
    assert "1 of 80 rows have another label than the source, 0 are left out" in made
    run("decide", "-d", "tickets", "T9", "exclude the row", "--reviewer", "ann")
    made = run("accept", "-d", "tickets", "-m", "logistic_regression", "--reviewer", "ann")
    assert "training_set (classification/corrected_dataset is out of date)" in made
    assert "0 of 79 flagged" in made
    assert "training_set (" not in run("accept", "-d", "tickets", "-m", "logistic_regression"), "nothing is new"
