"""Which process did something, and whether it still lives: also where its id belongs to another process by now."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK_TOLERANCE_S = 1.5
"""By how much the start of a process may seem to move: the system derives it from a clock that is set now and then."""


class ProcessMark(BaseModel):
    """What tells a process from every other: its machine, the machine's start, its id and its own start.

    A container is a machine of its own: its processes are not seen from others. ``started`` is in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    boot: str
    pid: int
    started: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@cache
def this_process() -> ProcessMark:
    """Return the mark of this process; a forked child has to ask ``mark_process`` itself."""
    return mark_process(os.getpid())


def mark_process(pid: int) -> ProcessMark:
    """Return the mark of a living process of this machine.

    Raises:
        psutil.NoSuchProcess: there is none of that id.
    """
    import psutil

    return ProcessMark(host=socket.gethostname(), boot=_boot_id(), pid=pid, started=psutil.Process(pid).create_time())


def is_alive(mark: ProcessMark) -> bool | None:
    """Tell whether a process still lives; None where it ran on another machine, which cannot be looked at."""
    import psutil

    if mark.host != socket.gethostname():
        return None
    if mark.boot != _boot_id():
        return False
    try:
        process = psutil.Process(mark.pid)
        is_same = abs(process.create_time() - mark.started) <= _CLOCK_TOLERANCE_S
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def was_running(pid: int, at: float) -> bool:
    """Tell whether the process that has an id on this machine now had it at a time, in seconds since 1970."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.create_time() <= at + _CLOCK_TOLERANCE_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@cache
def _boot_id() -> str:
    """Return what changes each time that the machine starts."""
    import psutil

    if _BOOT_ID.is_file():
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return f"{psutil.boot_time():.0f}"
