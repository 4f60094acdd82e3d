from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets_tests.cli.conftest import FAST
from cleanlab_assets_tests.reports.chat_server import ChatServer, Reply, run_chat_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from cleanlab_assets_tests.cli.conftest import AuditedHome, Home

KEY = "sk-proj-Q7xZ9kLm2VbN4tRw8sYc"
PROSE = {
    "headline": "A few labels look wrong",
    "verdict_reason": "Most rates are within their limits.",
    "findings": [{"title": "Likely label errors", "evidence": "Few labels are flagged.", "severity": "info"}],
    "next_steps": ["Read the worst rows first."],
}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with run_chat_server() as chat:
        yield chat


def _ask(home: Home, server: ChatServer, *arguments: str) -> Result:
    return home.run(
        "ai-report", *arguments, CLEANLAB_DEMO_OPENAI_BASE_URL=server.base_url, CLEANLAB_DEMO_OPENAI_API_KEY=KEY
    )


def _assert_key_is_nowhere(printed: Result, home: Home) -> None:
    assert KEY not in printed.output
    files = [path for path in home.path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


@pytest.mark.slow
def test_a_stored_audit_is_told_by_rules_on_demand(copied_home: Home, server: ChatServer) -> None:
    printed = _ask(copied_home, server, "--no-ai")
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "of 569 labels" in printed.stdout
    assert "written by rules (switched off (use_ai: false))" in printed.stdout
    assert server.requests == []


@pytest.mark.slow
def test_a_language_model_tells_a_stored_audit_and_its_key_is_stored_nowhere(
    copied_home: Home, server: ChatServer
) -> None:
    server.answer(Reply(prose=PROSE))
    printed = _ask(copied_home, server, "-d", "breast_cancer", "-m", "logistic_regression")
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "A few labels look wrong" in printed.stdout
    assert "written by gpt-4o-mini" in printed.stdout
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    stored = next(copied_home.artifacts.glob("*/ai_summary/breast_cancer/logistic_regression.json")).read_text()
    assert json.loads(stored)["result"]["headline"] == PROSE["headline"]
    _assert_key_is_nowhere(printed, copied_home)


@pytest.mark.slow
def test_a_new_summary_keeps_the_settings_of_the_last_one(copied_home: Home, server: ChatServer) -> None:
    own_model = ("--set", "ai_summary.model=openai:own-model", "--set", "ai_summary.use_ai=false")
    assert copied_home.run("run", *FAST, *own_model).exit_code == ExitCode.FINE
    server.answer(Reply(prose=PROSE))
    printed = _ask(copied_home, server)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "written by openai:own-model" in printed.stdout or "written by own-model" in printed.stdout


@pytest.mark.slow
def test_a_server_that_repeats_the_key_in_an_error_does_not_get_it_stored(
    copied_home: Home, server: ChatServer
) -> None:
    server.answer(Reply(status=401, body=json.dumps({"error": {"message": f"wrong key {KEY}"}}).encode()))
    printed = _ask(copied_home, server)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert "written by rules (the server of the language model answered with status 401" in printed.stdout
    _assert_key_is_nowhere(printed, copied_home)


def test_a_summary_not_written_as_asked_fails_a_gate_that_is_an_error(copied_home: Home, server: ChatServer) -> None:
    server.answer(Reply(status=500))
    settings = {"CLEANLAB_DEMO_OPENAI_BASE_URL": server.base_url, "CLEANLAB_DEMO_GATE_SEVERITY": "error"}
    printed = copied_home.run("ai-report", **settings)
    assert printed.exit_code == ExitCode.GATE_FAILED, printed.output
    assert "FAIL  classification/ai_summary written_as_asked" in printed.stdout


def test_a_result_file_is_told_where_nothing_is_materialized(
    audited_home: AuditedHome, home: Home, server: ChatServer
) -> None:
    result = str(audited_home.path / "result.json")
    by_rules = home.run("ai-report", result, "--no-ai")
    assert by_rules.exit_code == ExitCode.FINE, by_rules.output
    assert "of 569 labels" in by_rules.stdout
    assert "written by rules" in by_rules.stdout
    server.answer(Reply(prose=PROSE))
    written = _ask(home, server, result)
    assert written.exit_code == ExitCode.FINE, written.output
    assert "A few labels look wrong" in written.stdout
    assert KEY not in written.output
    assert not home.artifacts.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"\xff\x00 no JSON", "is not a result of `cleanlab-demo run -o`: Invalid JSON"),
        (b"[]", "is not a result of `cleanlab-demo run -o`"),
        (b'{"family": 3}', "is not a result of `cleanlab-demo run -o`: family: Input should be a valid string"),
    ],
)
def test_a_file_that_is_no_result_is_wrong_use_in_one_line(content: bytes | None, message: str, home: Home) -> None:
    path = home.path / "result.json"
    if content is not None:
        path.write_bytes(content)
    printed = home.run("ai-report", str(path))
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert message in printed.stderr
    assert len(printed.stderr.strip().splitlines()) == 1


def test_a_result_without_issues_cannot_be_told(audited_home: AuditedHome, home: Home) -> None:
    result = audited_home.read_result().model_copy(update={"facts": None, "summary": None})
    (home.path / "result.json").write_text(result.model_dump_json())
    printed = home.run("ai-report", str(home.path / "result.json"))
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert "was created with --no-cleanlab" in printed.stderr


def test_a_file_and_a_dataset_contradict_each_other(home: Home) -> None:
    printed = home.run("ai-report", "result.json", "-d", "digits")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert "give either a result file or --dataset and --model" in printed.stderr


def test_without_an_audit_the_command_that_makes_it_is_named(home: Home) -> None:
    printed = home.run("ai-report", "-d", "diabetes")
    assert printed.exit_code == ExitCode.WRONG_USE, printed.output
    assert "there is no audit yet: cleanlab-demo run -d diabetes -m ridge" in printed.stderr
