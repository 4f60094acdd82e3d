"""Commands that work on one partition at once: together with equal settings, one after the other with unequal ones."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.orchestration import claims as claims_module
from cleanlab_assets.orchestration.claims import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOLD_UNTIL_INPUT_ENDS = """
import sys
from pathlib import Path
from cleanlab_assets.orchestration.claims import Claims

with Claims(Path(sys.argv[1]), "classification", print).hold({"iris": {"seed": 0}, "iris|knn": {}}):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_module, "SECONDS_UNTIL_TOLD", 0.3)
    monkeypatch.setattr(claims_module, "SECONDS_BETWEEN_LOOKS", 0.02)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds ``iris`` with the seed 0."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_UNTIL_INPUT_ENDS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@contextmanager
def _in_background(wait_for: Callable[[threading.Event], Any]) -> Iterator[threading.Event]:
    """Run what sets an event once it got what it waits for."""
    got = threading.Event()
    thread = threading.Thread(target=wait_for, args=(got,), daemon=True)
    thread.start()
    yield got
    thread.join(10)
    assert not thread.is_alive()


def _hold(directory: Path, settings: dict[str, Any], told: list[str]) -> Callable[[threading.Event], None]:
    def wait_for(got: threading.Event) -> None:
        with Claims(directory, "classification", told.append).hold(settings):
            got.set()

    return wait_for


@pytest.mark.parametrize(
    "settings",
    [{"iris": {"seed": 0}}, {"iris": {"seed": 0}, "iris|forest": {"trees": 9}}, {"wine": {"seed": 1}}],
    ids=["equal settings", "another model", "another dataset"],
)
def test_who_disturbs_nobody_does_not_wait(
    tmp_path: Path, holder: subprocess.Popen[str], settings: dict[str, Any]
) -> None:
    told: list[str] = []
    with _in_background(_hold(tmp_path, settings, told)) as got:
        assert got.wait(5)
    assert not told
    assert holder.poll() is None


@pytest.mark.parametrize("settings", [{"iris": {"seed": 1}}, {"iris": {"seed": 0}, "iris|knn": {"neighbours": 3}}])
@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_other_settings_wait_until_the_holder_ends_and_it_is_said(
    tmp_path: Path, holder: subprocess.Popen[str], settings: dict[str, Any], how: str
) -> None:
    told: list[str] = []
    with _in_background(_hold(tmp_path, settings, told)) as got:
        assert not got.wait(1)
        assert len(told) == 1
        assert told[0].startswith(f"process {holder.pid} works on iris")
        assert "with other settings" in told[0]
        if how == "is killed":
            holder.kill()
        else:
            holder.communicate("")
        assert got.wait(5)


def test_holders_take_turns(tmp_path: Path) -> None:
    told: list[str] = []
    ours = Claims(tmp_path, "classification", told.append)

    def wait_for(got: threading.Event) -> None:
        with ours.take_turn("iris|knn"):
            got.set()

    with ours.take_turn("iris|knn"):
        background = _in_background(wait_for)
        got = background.__enter__()
        assert not got.wait(1)
        assert told == ["another command works on iris / knn: this command goes on when that is done"]
    background.__exit__(None, None, None)
    assert got.is_set()
