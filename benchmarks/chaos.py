"""Commands at once on one instance while processes are killed, files damaged and the disk filled: is anything lost?

For some minutes four commands at a time run on one instance: audits, sweeps, gates and lists. Every few seconds one is
killed hard, a stored file is cut short, changed, deleted or replaced by another, or the disk is filled and freed. Then
all is quiet, and what is left is judged: the places in pools, what the records say of the files, the left-overs. The
same is done with SQLite and with PostgreSQL (extra ``postgres``; the server's programs must be installed, and it
listens on this machine only).

The disk is a small tmpfs, where one can be mounted. Elsewhere some commands run under a limit on the size of files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measurements import describe_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

COMMAND = str(Path(sys.executable).parent / "cleanlab-demo")
LEAN = ("--folds", "2", "--set", "variant_comparison.resamples=100")
AUDITS = (
    ("breast_cancer", "logistic_regression"),
    ("breast_cancer", "knn"),
    ("diabetes", "ridge"),
    ("diabetes", "knn"),
)
SWEEP = ("sweep", "breast_cancer", "-m", "logistic_regression", "-m", "knn", *LEAN)
KNOWN_CODES = {0, 1, 2, 3, 130, 143, -signal.SIGKILL}
DISK_MB = 400
SMALL_FILE_BYTES = 32 * 1024
SECONDS_FULL = 6
MOST_SECONDS_OF_ONE = 600


@dataclass
class Storm:
    """What happens on one instance, and what came of it."""

    home: Path
    environment: Mapping[str, str]
    rng: random.Random
    has_own_disk: bool
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    oddities: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    running: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def artifacts(self) -> Path:
        """Where the commands keep results."""
        return self.home / "artifacts"

    def rage(self, *, at_once: int, seconds_between_kills: float) -> None:
        """Run commands for the given time, while others do harm."""
        ends = time.monotonic() + self.seconds
        workers = [threading.Thread(target=self._work, args=(ends,)) for _ in range(at_once)]
        harm = [(self._kill, seconds_between_kills), (self._damage, 15.0)]
        if self.has_own_disk:
            harm.append((self._fill_disk, 45.0))
        workers += [threading.Thread(target=self._repeat, args=(ends, *each)) for each in harm]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def run(self, *arguments: str, small_files: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (SMALL_FILE_BYTES,) * 2) if small_files else None
        process = subprocess.Popen(
            [COMMAND, *arguments],
            env=dict(self.environment),
            cwd=tempfile.gettempdir(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509 - nothing else runs between fork and exec that it could disturb
        )
        self.running[process.pid] = process
        try:
            out, err = process.communicate(timeout=MOST_SECONDS_OF_ONE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.oddities.append(f"{' '.join(arguments)}: did not end within {MOST_SECONDS_OF_ONE} s: {err[-300:]}")
        finally:
            self.running.pop(process.pid, None)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def _work(self, ends: float) -> None:
        while time.monotonic() < ends:
            dataset, model = self.rng.choice(AUDITS)
            arguments = self.rng.choices(
                [("run", "-d", dataset, "-m", model, *LEAN), SWEEP, ("gate", "-d", dataset, "-m", model), ("list",)],
                weights=[6, 1, 2, 1],
            )[0]
            small_files = not self.has_own_disk and self.rng.random() < 0.1
            self.counts["commands under a limit on the size of files"] += small_files
            ended = self.run(*arguments, small_files=small_files)
            self.counts[f"{arguments[0]} ended with {_name_code(ended.returncode)}"] += 1
            if ended.returncode not in KNOWN_CODES or "Traceback" in ended.stderr:
                self.oddities.append(f"{' '.join(arguments)}: code {ended.returncode}: {ended.stderr[-1500:]}")
            elif ended.returncode == 3:
                self.counts[f"failed for: {_name_reason(ended.stderr)}"] += 1

    def _repeat(self, ends: float, harm: Callable[[], None], seconds_between: float) -> None:
        while time.monotonic() + seconds_between < ends:
            time.sleep(seconds_between)
            harm()

    def _kill(self) -> None:
        if at_work := list(self.running.values()):
            victim = self.rng.choice(at_work)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(victim.pid, signal.SIGKILL)
                self.counts["processes killed"] += 1

    def _damage(self) -> None:
        stored = sorted(path for path in self.artifacts.rglob("*") if path.is_file() and ".part" not in path.name)
        if not stored:
            return
        path, other = self.rng.choice(stored), self.rng.choice(stored)
        harm = self.rng.choice(["cut short", "changed", "deleted", "replaced by another"])
        try:
            content = path.read_bytes()
            if harm == "deleted":
                path.unlink()
            elif harm == "replaced by another":
                path.write_bytes(other.read_bytes())
            elif harm == "cut short":
                path.write_bytes(content[: len(content) // 2])
            else:
                at = len(content) // 2
                path.write_bytes(content[:at] + bytes(255 - byte for byte in content[at : at + 8]) + content[at + 8 :])
        except OSError:
            return  # the disk is full, or a run has just replaced the file
        self.counts[f"files {harm}"] += 1

    def _fill_disk(self) -> None:
        filler = self.home / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as stream:
            while True:
                stream.write(b"\0" * 2**20)
        self.counts["times that the disk was full"] += 1
        time.sleep(SECONDS_FULL)
        filler.unlink()


def _name_code(code: int) -> str:
    return "a kill" if code == -signal.SIGKILL else f"code {code}"


def _name_reason(printed: str) -> str:
    """Return the kind of an error: its words without names and numbers."""
    reasons = {
        "another run": "holds the result of another run",
        "no space for history": "free some space",
        "no space for a result": "No space left on device",
        "a damaged file": "ArtifactFormatError",
        "a missing file": "MissingArtifactError",
        "failed models": "models failed",
        "a locked database": "database is locked",
    }
    found = next((name for name, part in reasons.items() if part in printed), None)
    return found or printed.strip().splitlines()[-1][:160]


def judge(storm: Storm) -> list[tuple[str, object, bool]]:
    """Say what is left after the storm: a sentence, what was found, and whether it is as it should be."""
    findings: list[tuple[str, object, bool]] = []
    before = _look(storm)
    n_complete = sum(not reasons for reasons in before["stale"].values())
    findings.append(("partitions complete when all is quiet", f"{n_complete} of {len(before['stale'])}", True))
    unexplained = [name for name, reasons in before["stale"].items() if reasons and not all(reasons)]
    findings.append(("partitions that are incomplete without a reason", len(unexplained), not unexplained))
    for path in storm.home.rglob(".*.part"):
        os.utime(path, (time.time() - 7200,) * 2)  # what is left over counts as such after an hour
    codes = [storm.run("run", "-d", dataset, "-m", model, *LEAN) for dataset, model in AUDITS]
    failed = [ended.stderr[-600:] for ended in codes if ended.returncode != 0]
    findings.append(("audits that do not end well when run once more", len(failed), not failed))
    storm.failures += failed
    gates = [storm.run("gate", "-d", dataset, "-m", model) for dataset, model in AUDITS]
    failed = [ended.stderr[-600:] for ended in gates if ended.returncode != 0]
    findings.append(("gates that do not pass then", len(failed), not failed))
    storm.failures += failed
    after = _look(storm)
    stale = {name: reasons for name, reasons in after["stale"].items() if reasons}
    findings.append(("partitions out of date then", len(stale), not stale))
    findings.append(("files that are not what their record says", len(after["faults"]), not after["faults"]))
    findings.append(("places in pools that are held", after["held"], after["held"] == 0))
    findings.append(("runs that count as unfinished", after["unfinished"], after["unfinished"] == 0))
    left = [str(path) for path in storm.home.rglob(".*.part")]
    findings.append(("left-overs", len(left), not left))
    findings.append(
        ("commands that hung, or ended with a traceback or another code", len(storm.oddities), not storm.oddities)
    )
    return findings


LOOK = """
import json, os, sys
import dagster as dg
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration.dead_runs import UNFINISHED
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import family_of
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.partitions import partition_keys
from cleanlab_assets.orchestration.verification import find_faults
from cleanlab_assets.settings import load_settings
settings, found = load_settings(), {"stale": {}, "faults": []}
with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as instance:
    for dataset, model in json.loads(sys.argv[1]):
        family = family_of(get_dataset(dataset))
        partitions = partition_keys(dataset, model)
        found["faults"] += find_faults(instance, family, partitions, settings.artifacts_dir)
        for level, partition in partitions.items():
            stale = find_stale_assets(instance, family, level, partition, {}, settings)
            found["stale"][f"{level} {partition}"] = list(stale.values())
    found["held"] = len(instance.event_log_storage.get_concurrency_info("heavy").claimed_slots)
    found["unfinished"] = instance.get_runs_count(dg.RunsFilter(statuses=list(UNFINISHED)))
print(json.dumps(found))
"""
"""What the instance knows; in a process of its own, with the environment of the commands."""


def _look(storm: Storm) -> dict[str, Any]:
    command = [sys.executable, "-c", LOOK, json.dumps(AUDITS)]
    printed = subprocess.run(command, env=dict(storm.environment), capture_output=True, text=True, check=False)
    if printed.returncode:
        raise RuntimeError(printed.stderr[-3000:])
    found: dict[str, Any] = json.loads(printed.stdout.splitlines()[-1])
    return found


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[bool]:
    """Mount a small tmpfs, and tell whether that is allowed here."""
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(directory)],
        capture_output=True,
        check=False,
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["/bin/umount", "--lazy", str(directory)], check=True)


@contextlib.contextmanager
def postgres(directory: Path) -> Iterator[str]:
    """Run a PostgreSQL server of its own that only this machine reaches, and yield its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    search = os.pathsep.join([*map(str, found[::-1]), os.environ.get("PATH", "")])
    initdb, pg_ctl = (shutil.which(name, path=search) for name in ("initdb", "pg_ctl"))
    if initdb is None or pg_ctl is None:
        raise SystemExit("no PostgreSQL server is installed here: apt-get install postgresql, or --databases sqlite")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    if user is not None:
        shutil.chown(directory, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = directory / "data"
    run = partial(subprocess.run, check=True, user=user, stdout=subprocess.DEVNULL, cwd=directory)
    run([initdb, "-D", str(data), "-U", "dagster", "-A", "trust"])
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory} -c max_connections=200"
    run([pg_ctl, "-D", str(data), "-o", options, "-l", str(directory / "log"), "-w", "start"])
    try:
        yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
    finally:
        run([pg_ctl, "-D", str(data), "-m", "immediate", "stop"])


def rage_on(database: str, *, minutes: float, seed: int, at_once: int, seconds_between_kills: float) -> bool:
    """Let one storm rage, print what came of it, and return whether nothing was lost."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        has_own_disk = stack.enter_context(small_disk(home))
        (home / "dagster").mkdir()
        text = (Path(__file__).parents[1] / "data/dagster_home/dagster.yaml").read_text(encoding="utf-8")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLEANLAB_", "DAGSTER_"))
        }
        if database == "postgres":
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-postgres-")))
            environment["CHAOS_POSTGRES"] = stack.enter_context(postgres(place))
            text += "\nstorage:\n  postgres:\n    postgres_url: {env: CHAOS_POSTGRES}\n"
        (home / "dagster" / "dagster.yaml").write_text(text, encoding="utf-8")
        environment |= {
            "DAGSTER_HOME": str(home / "dagster"),
            "CLEANLAB_DEMO_ARTIFACTS_DIR": str(home / "artifacts"),
            "CLEANLAB_DEMO_DATA_DIR": str(home / "data"),
            "OMP_NUM_THREADS": "1",
        }
        storm = Storm(home, environment, random.Random(seed), has_own_disk, minutes * 60)  # noqa: S311
        storm.rage(at_once=at_once, seconds_between_kills=seconds_between_kills)
        findings = judge(storm)
    disk = f"a tmpfs of {DISK_MB} MB" if has_own_disk else "no tmpfs could be mounted: limits on the size of files"
    print(f"\n### {database}: {minutes:g} minutes, {at_once} commands at once, seed {seed}, {disk}\n")
    print("| what happened | count |\n| --- | ---: |")
    for name, count in sorted(storm.counts.items()):
        print(f"| {name} | {count} |")
    print("\n| what is left | found | as it should be |\n| --- | ---: | --- |")
    for name, found, is_right in findings:
        print(f"| {name} | {found} | {'yes' if is_right else '**no**'} |")
    for oddity in storm.oddities + storm.failures:
        print(f"\n```\n{oddity}\n```")
    return all(is_right for _, _, is_right in findings)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long each storm rages")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgres"), default=("sqlite", "postgres"))
    parser.add_argument("--at-once", type=int, default=4, help="commands at the same time")
    parser.add_argument("--seconds-between-kills", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    print(describe_machine())
    options = {
        "minutes": given.minutes,
        "seed": given.seed,
        "at_once": given.at_once,
        "seconds_between_kills": given.seconds_between_kills,
    }
    kept = {database: rage_on(database, **options) for database in given.databases}
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
