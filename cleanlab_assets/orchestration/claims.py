"""Claims on partitions: commands that work on one dataset at once agree on its settings, or wait for each other.

A command holds its partitions from before it looks for what is out of date until its result is told. Commands with
equal settings hold a partition together, and take turns at materializing it, so that the second finds everything up to
date. One with other settings waits until all holders have ended: else it would put other files under the hands of who
reads them. A claim is a lock on a file of the instance's directory, so that it ends with its process, however that
dies. Runs that the web UI or a schedule starts hold none.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SECONDS_UNTIL_TOLD = 5.0
SECONDS_BETWEEN_LOOKS = 0.2
_HOLDER = ".holder"


@dataclass(frozen=True)
class Claims:
    """The claims of commands on the partitions of a task family.

    Attributes:
        directory: of the instance.
        family: name of the task family.
        tell: is told, once a wait has lasted for five seconds, what the command waits for.
    """

    directory: Path
    family: str
    tell: Callable[[str], None]

    @contextmanager
    def hold(self, settings: Mapping[str, Any]) -> Iterator[None]:
        """Hold partitions inside the block, together with whoever works on them with the same settings.

        Args:
            settings: by partition what the command materializes it with, as JSON has it.
        """
        with ExitStack() as held:
            for partition in sorted(settings):  # in one order, so that no two commands wait for each other
                text = json.dumps(settings[partition], sort_keys=True, default=str)
                held.enter_context(self._hold(partition, hashlib.sha256(text.encode()).hexdigest()[:16]))
            yield

    @contextmanager
    def take_turn(self, partition: str) -> Iterator[None]:
        """Be the only holder of a partition that materializes it inside the block."""
        folder = self._folder(partition)
        lock = FileLock(folder / "turn.lock")
        try:
            lock.acquire(timeout=SECONDS_UNTIL_TOLD)
        except Timeout:
            self.tell(f"{_name_work(folder, partition)}: this command goes on when that is done")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _hold(self, partition: str, settings: str) -> Iterator[None]:
        folder, started, is_told = self._folder(partition), time.monotonic(), False
        path = folder / f"{settings}.{os.getpid()}.{uuid.uuid4().hex}{_HOLDER}"
        lock = FileLock(path)
        while True:
            with FileLock(folder / "entry.lock"):
                others = [other for other in folder.glob(f"*{_HOLDER}") if not other.name.startswith(settings)]
                others = [other for other in others if _is_held(other)]
                if not others:
                    lock.acquire()
                    break
            if not is_told and time.monotonic() - started > SECONDS_UNTIL_TOLD:
                self.tell(f"{_name_work(folder, partition)} with other settings: this command waits for its end")
                is_told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            lock.release()
            path.unlink(missing_ok=True)

    def _folder(self, partition: str) -> Path:
        name = hashlib.sha256(f"{self.family}/{partition}".encode()).hexdigest()[:16]
        folder = self.directory / "claims" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _name_work(folder: Path, partition: str) -> str:
    """Say which processes hold a partition, this one left out."""
    pids = {int(path.name.split(".")[1]) for path in folder.glob(f"*{_HOLDER}")} - {os.getpid()}
    holders = f"process {', '.join(map(str, sorted(pids)))}" if pids else "another command"
    return f"{holders} works on {partition.replace('|', ' / ')}"


def _is_held(holder: Path) -> bool:
    """Whether the process behind a claim still lives; the file of one that died is removed."""
    lock = FileLock(holder)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    holder.unlink(missing_ok=True)
    return False
