"""What every benchmark needs: the machine's description, a measured child process, and a Markdown table.

It imports nothing heavy: the peak memory that the kernel reports for a child is at least that of the process that
started it, so a process that measures others must stay small.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIBRARIES = ("cleanlab", "dagster", "faiss-cpu", "numpy", "pandas", "scikit-learn", "scipy")
DATA_DIR = "CLEANLAB_DEMO_DATA_DIR"
_WATCH_SECONDS = 0.25


@dataclass(frozen=True)
class Measured:
    """What a child process took: wall and processor seconds, and the peak memory of its largest process, in MB."""

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str
    timeline: Sequence[tuple[float, float]]
    """Unix time and processor seconds of the child itself until then, several times a second."""

    def processor_seconds_between(self, start: float, end: float) -> float:
        """Return the processor seconds that the child took between two Unix times."""
        times = [moment for moment, _ in self.timeline]
        first, last = (min(bisect_left(times, moment), len(times) - 1) for moment in (start, end))
        return self.timeline[last][1] - self.timeline[first][1]


def describe_machine() -> str:
    """Say in a few lines on what the numbers were taken: processor, cores, memory, load, versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Machine: {_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gib():.0f} GiB, {platform.system()} "
        f"{platform.machine()}; load before: {load}; {datetime.now(UTC):%Y-%m-%d}.\n"
        f"Python {platform.python_version()}, {libraries}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end and measure it with ``wait4``.

    Args:
        command: program and arguments.
        environment: variables on top of this process's own.

    Raises:
        RuntimeError: the command failed; the message holds the end of what it printed.
    """
    with tempfile.TemporaryFile("w+") as printed:
        started = perf_counter()
        child = subprocess.Popen(
            command, stdout=printed, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        timeline: list[tuple[float, float]] = []
        watcher = Thread(target=_watch, args=(child.pid, timeline))
        watcher.start()
        # The child is left a zombie until the watcher has seen its end, so that no other process takes its id.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        seconds = perf_counter() - started
        watcher.join()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        output = printed.read()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{output[-4000:]}")
    peak_mb = usage.ru_maxrss * 1024 / 1e6  # the kernel counts in KiB
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak_mb, output, timeline)


def _watch(process_id: int, timeline: list[tuple[float, float]]) -> None:
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    while True:
        # After the name in brackets: the state, and as the 12th and 13th field the ticks in user and system mode.
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        timeline.append((time(), (int(fields[11]) + int(fields[12])) / ticks_per_second))
        if fields[0] == "Z":
            return
        sleep(_WATCH_SECONDS)


def require_data_dir() -> Path:
    """Return the directory of the source files.

    Raises:
        SystemExit: the environment does not name it.
    """
    if not os.environ.get(DATA_DIR):
        sys.exit(f"set {DATA_DIR} to the directory that holds <dataset>/<source file>")
    return Path(os.environ[DATA_DIR])


def print_report(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]], *, notes: str) -> None:
    """Print a title, one Markdown table, notes and the machine."""
    print(f"## {title}\n")
    print(f"| {' | '.join(headers)} |")
    print(f"|{'|'.join(' --- ' if column == 0 else ' ---: ' for column in range(len(headers)))}|")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print(f"\n{notes}\n\n{describe_machine()}\n")
