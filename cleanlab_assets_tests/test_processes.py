"""A process is told from every other, also from one that has its id later, and from those of other machines."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from cleanlab_assets.processes import ProcessMark, is_alive, mark_process, this_process, was_running


@pytest.fixture(scope="module")
def dead() -> ProcessMark:
    """The mark of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return mark_process(process.pid)


def test_a_living_process_is_alive_and_one_that_ended_is_not(dead: ProcessMark) -> None:
    assert is_alive(this_process()) is True
    assert is_alive(dead) is False


def test_a_process_with_the_id_of_a_dead_one_is_not_taken_for_it() -> None:
    """As in a container, where each new process has a small id, and where this one has that of the dead one."""
    earlier = this_process().model_copy(update={"started": this_process().started - 60})
    assert is_alive(earlier) is False
    assert was_running(os.getpid(), time.time())
    assert not was_running(os.getpid(), this_process().started - 60)


def test_after_a_new_start_of_the_machine_nothing_of_before_is_alive() -> None:
    assert is_alive(this_process().model_copy(update={"boot": "before"})) is False


def test_of_a_process_on_another_machine_nothing_is_known(dead: ProcessMark) -> None:
    assert is_alive(dead.model_copy(update={"host": "elsewhere"})) is None


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = mark_process(process.pid)
    assert is_alive(mark) is True
    assert process.stdin is not None
    process.stdin.close()
    deadline = time.monotonic() + 30
    while is_alive(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_alive(mark) is False, "it has ended, though its parent has not asked how"
    process.wait()


def test_a_mark_survives_being_written_down() -> None:
    assert ProcessMark.model_validate_json(this_process().model_dump_json()) == this_process()
