"""`cleanlab-demo review`: how it starts and ends, and what it confirmed."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import requests

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import family_of
from cleanlab_assets.orchestration.history import latest_materialization
from cleanlab_assets.review_page import server
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets_tests.cli.conftest import BIN, FAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cleanlab_assets_tests.cli.conftest import Home

START_S = 120
SECRET = "a-token-that-nobody-can-guess"  # noqa: S105 - of the tests
AUDIT = ("-d", "breast_cancer", "-m", "logistic_regression")


@contextmanager
def serve(home: Home, *arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the page in a process of its own; yields the process and the address that it printed."""
    command = [
        str(BIN / "cleanlab-demo"),
        "review",
        *AUDIT,
        "--port",
        "0",
        "--no-open",
        "--reviewer",
        "ann",
        *arguments,
    ]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=home.path, env=home.environment(**settings), **pipes)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found is not None, line + process.stderr.read()
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def decide(address: str, row: str, number: int) -> int | None:
    """Decide as the page does; None where the answer never came."""
    said = {"row": row, "verdict": "unclear", "token": f"{number:032x}"}
    try:
        answer = requests.post(f"{address}api/decide", json=said, headers={"origin": address.rstrip("/")}, timeout=30)
    except requests.RequestException:
        return None
    assert answer.status_code == 200, answer.text
    return int(answer.json()["entry"])


@pytest.mark.slow
def test_a_server_that_is_killed_loses_nothing_that_it_confirmed(copied_home: Home) -> None:
    rows = [f"breast_cancer.csv:{line}" for line in range(2, 402)]
    with serve(copied_home) as (process, address), ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(decide, address, row, number) for number, row in enumerate(rows)]
        while sum(answer.done() for answer in answers) < 40:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        confirmed = {row: answer.result() for row, answer in zip(rows, answers, strict=True) if answer.result()}
    assert 40 <= len(confirmed) < len(rows), "it was killed in the midst"
    with open_ledger(f"sqlite:///{copied_home.path / 'data' / 'ledger.db'}") as ledger:
        entries = {entry.number: entry.decision for entry in ledger.read("breast_cancer")}
    assert set(confirmed.values()) <= entries.keys()
    assert all(entries[number].reviewer == "ann" for number in confirmed.values() if number)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_it_with_one_line(copied_home: Home, number: signal.Signals, code: int) -> None:
    with serve(copied_home) as (process, address), requests.Session() as kept:
        assert kept.get(f"{address}api/item", timeout=30).json()["item"]["row_id"]
        report = kept.get(f"{address}report", timeout=30)
        assert report.headers["content-security-policy"].startswith("sandbox")
        process.send_signal(number)
        printed, told = process.communicate(timeout=30)
        assert process.returncode == code
        assert printed == ""
        assert told.splitlines() == ["interrupted: run the same command to go on"]


@pytest.mark.slow
def test_a_token_that_is_set_is_asked_for_and_never_printed(copied_home: Home) -> None:
    with serve(copied_home, CLEANLAB_DEMO_REVIEW_TOKEN=SECRET) as (process, address):
        assert requests.get(f"{address}api/review", timeout=30).status_code == 401
        with requests.Session() as known:
            assert known.get(f"{address}?token={SECRET}", timeout=30).status_code == 200
            assert known.get(f"{address}api/review", timeout=30).json()["dataset"] == "breast_cancer"
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=30)
        assert SECRET not in address + printed + told


@pytest.mark.slow
def test_assets_link_to_the_page_and_their_data_versions_stay(copied_home: Home) -> None:
    def look(asset: str) -> tuple[str, dict[str, Any]]:
        with dg.DagsterInstance.from_config(str(copied_home.path / "dagster")) as instance:
            found = latest_materialization(instance, family.key(asset), "breast_cancer|logistic_regression")
        assert found is not None
        links = {name: found.metadata[name].value for name in ("review", "report") if name in found.metadata}
        return (found.tags or {})["dagster/data_version"], links

    family = family_of(get_dataset("breast_cancer"))
    before = look("label_issues")
    printed = copied_home.run("run", *FAST, "--force", CLEANLAB_DEMO_REPORT_URL="http://reviews.example/")
    assert printed.exit_code == ExitCode.FINE, printed.output
    about = "dataset=breast_cancer&model=logistic_regression"
    links = {
        "review": f"http://reviews.example/?{about}&queue=worst+first",
        "report": f"http://reviews.example/report?{about}",
    }
    assert (before[1], look("label_issues")) == ({}, (before[0], links))
    report = family.task.report_asset
    assert look(report)[1] == {"report": f"http://reviews.example/report/{report}?{about}"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What would be served, and where: nothing is, and only this machine is listened on."""
    calls: list[tuple[str, Any]] = []
    listen = server.listen

    def listen_here(host: str, port: int) -> socket.socket:
        calls.append((host, port))
        return listen("127.0.0.1", 0)

    def serve_nothing(app: Any, _listener: socket.socket, *, started: Callable[[], None]) -> None:
        calls.append(("app", app))
        started()

    monkeypatch.setattr(server, "listen", listen_here)
    monkeypatch.setattr(server, "serve", serve_nothing)
    return calls


def test_this_machine_alone_may_ask_unless_told_otherwise(audited_home: Home, started: list[tuple[str, Any]]) -> None:
    printed = audited_home.run("review", *AUDIT, "--no-open")
    assert printed.exit_code == ExitCode.FINE, printed.output
    (address, app) = started
    assert address == ("127.0.0.1", 8321)
    assert app[1].token == ""
    assert "?token=" not in printed.stdout


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::"])  # noqa: S104 - nothing is bound
def test_others_need_a_token_that_is_new_each_time(
    audited_home: Home, started: list[tuple[str, Any]], host: str
) -> None:
    tokens = []
    for _ in range(2):
        printed = audited_home.run("review", *AUDIT, "--no-open", "--host", host)
        assert printed.exit_code == ExitCode.FINE, printed.output
        tokens.append(started[-1][1].token)
        assert len(re.findall(rf"\?token={re.escape(tokens[-1])} ", printed.stdout)) == 1
    assert len({*tokens}) == 2
    assert all(len(token) >= 32 for token in tokens)
    own = {"CLEANLAB_DEMO_REVIEW_TOKEN": SECRET, "CLEANLAB_DEMO_REPORT_URL": "https://reviews.example.org/"}
    printed = audited_home.run("review", *AUDIT, "--no-open", "--host", host, **own)
    assert started[-1][1].token == SECRET
    assert "reviews.example.org" in started[-1][1].host_names
    assert SECRET not in printed.output


def test_what_cannot_be_served_ends_with_one_line(audited_home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, settings, message in (
            (["--port", port], {}, f"port {port} of 127.0.0.1 is in use: choose another one by --port, or 0 for any"),
            (["--host", "no.such.host.invalid"], {}, "expected an address of this machine"),
            (["--host", "192.0.2.7"], {}, "cannot listen on port 8321 of 192.0.2.7"),
            ([], {"CLEANLAB_DEMO_REVIEW_TOKEN": "short"}, "CLEANLAB_DEMO_REVIEW_TOKEN has 5 characters, expected"),
            ([], {"CLEANLAB_DEMO_REPORT_URL": "localhost"}, "CLEANLAB_DEMO_REPORT_URL is 'localhost': expected an"),
            (["--port", "0", "-m", "knn"], {}, "breast_cancer / knn was not audited yet: cleanlab-demo run -d"),
            (["-d", "nothing"], {}, "unknown dataset 'nothing'"),
        ):
            printed = audited_home.run("review", *AUDIT, "--no-open", *arguments, **settings)
            assert printed.exit_code == ExitCode.WRONG_USE, printed.output
            assert message in printed.stderr
            assert len(printed.stderr.splitlines()) == 1
            assert printed.stdout == ""
