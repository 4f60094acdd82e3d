"""A Dagster web server of its own for a test: temporary home and artifacts, a free port, and a GraphQL client."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).resolve().parent.parent
LOCATION = "cleanlab_assets"
START_SECONDS = 120.0
STOP_SECONDS = 30.0
RUN_SECONDS = 180.0

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}
"""
RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) { ... on Run { status } }
}
"""
RUN_FAILURES = """
query Failures($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events {
        __typename
        ... on MessageEvent { message }
        ... on RunFailureEvent { error { ...Cause } }
        ... on ExecutionStepFailureEvent { error { ...Cause } }
      }
    }
  }
}
fragment Cause on PythonError { message errorChain { error { message } } }
"""


class LaunchError(Exception):
    """The web server refused to launch a run; the message is what it shows to the user."""


@dataclass(frozen=True)
class WebServer:
    """A running web server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def query(self, document: str, **variables: Any) -> dict[str, Any]:
        """Ask the GraphQL API; every error in the answer fails the test."""
        answer = requests.post(f"{self.url}/graphql", json={"query": document, "variables": variables}, timeout=60)
        content: dict[str, Any] = answer.json()
        assert "errors" not in content, json.dumps(content["errors"], indent=1)[:4000]
        data: dict[str, Any] = content["data"]
        return data

    def launch(self, job: str, partition: str, config: Mapping[str, Any] | None = None) -> str:
        """Launch a job for a partition, as the launchpad does, and return the run's id.

        Raises:
            LaunchError: the server refuses.
        """
        tags = {"dagster/partition": partition}
        if "|" in partition:
            dataset, model = partition.split("|")
            tags |= {"dagster/partition/dataset": dataset, "dagster/partition/model": model}
        params = {
            "mode": "default",
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
                "pipelineName": job,
            },
            "runConfigData": json.dumps(config or {}),
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        launched = self.query(LAUNCH, params=params)["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            messages = [error["message"] for error in launched.get("errors", [])] or [launched["message"]]
            raise LaunchError("\n".join(messages))
        run_id: str = launched["run"]["runId"]
        return run_id

    def wait_for_run(self, run_id: str) -> str:
        """Wait until a run has ended and return its status."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            status: str = self.query(RUN, id=run_id)["runOrError"]["status"]
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            time.sleep(0.5)
        raise TimeoutError(f"run {run_id} has not ended after {RUN_SECONDS:.0f} s: {status}")

    def read_failures(self, run_id: str) -> list[str]:
        """Read the errors that a run recorded, causes included."""
        events = self.query(RUN_FAILURES, id=run_id)["logsForRun"]["events"]
        messages = []
        for event in events:
            if event["__typename"] in ("RunFailureEvent", "ExecutionStepFailureEvent"):
                error = event.get("error")
                messages.append(event["message"])
                if error is not None:
                    messages += [error["message"], *(link["error"]["message"] for link in error["errorChain"])]
        return messages


@contextlib.contextmanager
def run_web_server(directory: Path) -> Iterator[WebServer]:
    """Start a web server with home, artifacts and log below a directory; stop it and all that it started at the end."""
    home = directory / "dagster_home"
    home.mkdir()
    shutil.copy(PROJECT / "data" / "dagster_home" / "dagster.yaml", home)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLEANLAB_DEMO_")}
    environment |= {
        "DAGSTER_HOME": str(home),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(directory / "artifacts"),
        "CLEANLAB_DEMO_DATA_DIR": str(directory / "data"),
    }
    log = directory / "web_server.log"
    port = _find_free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = WebServer(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait_until_up(server)
        yield server
    finally:
        stop(server)


def stop(server: WebServer) -> list[int]:
    """Stop a web server and all that it started.

    Returns:
        Processes that had not ended by themselves and were killed; empty after a clean stop.
    """
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while (server.process.poll() is None or find_survivors(server)) and time.monotonic() < deadline:
        time.sleep(0.1)
    survivors = find_survivors(server)
    for pid in survivors:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
    return survivors


def find_survivors(server: WebServer) -> list[int]:
    """List the processes of a web server's session that still run: itself, its code servers and its runs."""
    survivors = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, _group, session = status.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == server.process.pid and state != "Z":
            survivors.append(int(status.parent.name))
    return survivors


def _wait_until_up(server: WebServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            requests.get(f"{server.url}/server_info", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the web server did not start:\n{server.log.read_text()[-4000:]}")


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
