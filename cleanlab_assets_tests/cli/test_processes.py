"""``cleanlab-demo`` and Dagster's own command as a user starts them: as processes, with their exit codes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from time import monotonic, sleep
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.orchestration.audit_result import AuditResult
from cleanlab_assets_tests.cli.conftest import BIN, FAST, LEAN
from cleanlab_assets_tests.test_imports import HEAVY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cleanlab_assets_tests.cli.conftest import AuditedHome, Home

pytestmark = pytest.mark.slow

RUN_AND_TELL_IMPORTS = f"""
import sys
from cleanlab_assets.cli import app
app(sys.argv[1:], standalone_mode=False)
print("imported:", [name for name in {HEAVY!r} if name in sys.modules])
"""


def test_an_unchanged_run_loads_no_heavy_library(audited_home: AuditedHome) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", RUN_AND_TELL_IMPORTS, "run", *FAST],
        env=audited_home.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.stdout.count("is up to date") == 2, printed.stderr
    assert printed.stdout.splitlines()[-1] == "imported: []"


def test_the_installed_command_ends_with_its_exit_code_and_one_line(audited_home: AuditedHome) -> None:
    strict = audited_home.run_process("cleanlab-demo", "run", *FAST, CLEANLAB_DEMO_GATE_SEVERITY="error")
    assert strict.returncode == ExitCode.GATE_FAILED, strict.stderr
    assert len(strict.stderr.strip().splitlines()) == 1


BROKEN_LOCATION = """
import dataclasses
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration import assets
changed = dataclasses.replace(catalogue.get_dataset("breast_cancer"), expected_rows=570)
assets.get_dataset = lambda name: changed
from cleanlab_assets.definitions import defs
"""


def test_dagster_exits_with_1_when_a_blocking_check_fails_and_with_0_when_it_passes(home: Home) -> None:
    (home.path / "broken_location.py").write_text(BROKEN_LOCATION)
    arguments = ("asset", "materialize", "--select", "classification/raw_dataset", "--partition", "breast_cancer", "-m")
    passing = home.run_process("dagster", *arguments, "cleanlab_assets.definitions")
    assert passing.returncode == 0, passing.stderr
    failing = home.run_process("dagster", *arguments, "broken_location")
    assert failing.returncode == 1
    assert "569 rows found, 570 expected" in failing.stderr + failing.stdout


def test_dagster_says_which_command_makes_a_missing_upstream_partition(home: Home) -> None:
    result = home.run_process(
        "dagster",
        *("asset", "materialize", "-m", "cleanlab_assets.definitions"),
        *("--select", "classification/training_set", "--partition", "digits"),
    )
    assert result.returncode == 1
    wanted = """dagster asset materialize --select '+key:"classification/corrected_dataset"' --partition 'digits'"""
    assert wanted in result.stderr + result.stdout


def test_an_unreachable_source_ends_in_one_line_that_says_what_to_do(home: Home) -> None:
    proxy = "http://127.0.0.1:9"
    result = home.run_process("cleanlab-demo", "run", "-d", "adult_income", HTTPS_PROXY=proxy, https_proxy=proxy)
    assert result.returncode == ExitCode.RUN_FAILED
    line = next(line for line in result.stderr.splitlines() if "error:" in line)
    assert "adult.data" in line
    assert "cleanlab_assets." not in line, "a class of ours tells a user nothing"
    assert str(home.path / "data" / "adult_income") in line


def test_a_killed_run_neither_blocks_the_next_one_nor_stays_started(home: Home) -> None:
    command = [str(BIN / "cleanlab-demo"), "run", "-d", "digits", "-m", "extra_trees"]
    with dg.DagsterInstance.from_config(str(home.path / "dagster")) as instance:
        with subprocess.Popen(
            command, env=home.environment(), cwd=home.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            # Kill it while a heavy step holds the only place of the pool.
            deadline = monotonic() + 120
            while not instance.event_log_storage.get_concurrency_info("heavy").claimed_slots:
                assert monotonic() < deadline
                assert process.poll() is None
                sleep(0.05)
            process.send_signal(signal.SIGKILL)
        killed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        assert len(killed) == 1
        result = home.run_process("cleanlab-demo", "run", "-d", "digits", "-m", "extra_trees")
        assert result.returncode == ExitCode.FINE, result.stderr
        assert killed[0].run_id in result.stderr
        run = instance.get_run_by_id(killed[0].run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE


def test_steps_can_run_in_processes_of_their_own(home: Home) -> None:
    result = home.run_process(
        "dagster",
        *("asset", "materialize", "-m", "cleanlab_assets.definitions", "--partition", "breast_cancer"),
        *("--select", '+key:"classification/training_set"'),
        CLEANLAB_DEMO_EXECUTOR="multiprocess",
    )
    assert result.returncode == 0, result.stderr
    assert (home.artifacts / "classification/training_set/breast_cancer.parquet").is_file()


@pytest.fixture
def mount_disk() -> Iterator[Callable[[Path, str], None]]:
    """Mount disks of a given size on directories, where this is allowed."""
    mounted: list[Path] = []

    def mount(directory: Path, size: str) -> None:
        directory.mkdir(exist_ok=True)
        command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no tmpfs can be mounted here, to have a disk that is soon full")
        mounted.append(directory)

    yield mount
    for directory in mounted:
        subprocess.run(["/bin/umount", "--lazy", str(directory)], check=True)


def test_full_disks_end_in_one_line_that_names_the_place_and_the_run_goes_on_when_there_is_space(
    home: Home, mount_disk: Callable[[Path, str], None]
) -> None:
    full = {"DAGSTER_HOME": str(home.path / "small")}
    mount_disk(home.path / "small", "1m")
    shutil.copy(home.path / "dagster" / "dagster.yaml", home.path / "small")
    no_history = home.run_process("cleanlab-demo", "run", *FAST, **full)
    mount_disk(home.artifacts, "100k")
    no_artifacts = home.run_process("cleanlab-demo", "run", *FAST)
    for ended, place in ((no_history, full["DAGSTER_HOME"]), (no_artifacts, str(home.artifacts))):
        assert ended.returncode == ExitCode.RUN_FAILED, ended.stderr
        # Dagster itself may say first that it could not write down what its logger told.
        *others, told = ended.stderr.splitlines()
        assert all(line.startswith(("Exception while writing logger call", "(Background on this")) for line in others)
        assert told.startswith("error: ")
        assert place in told
    assert not list(home.artifacts.rglob("*.part"))
    subprocess.run(["/bin/mount", "-o", "remount,size=100m", str(home.artifacts)], check=True)

    assert home.run_process("cleanlab-demo", "run", *FAST).returncode == ExitCode.FINE


def test_a_limit_on_the_size_of_files_ends_in_one_line_that_names_the_place(home: Home) -> None:
    command = ["/bin/sh", "-c", 'ulimit -f 64; exec "$@"', "sh", str(BIN / "cleanlab-demo"), "run", *FAST]
    ended = subprocess.run(command, env=home.environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.RUN_FAILED
    (line,) = ended.stderr.splitlines()
    assert str(home.path / "dagster") in line


def test_commands_at_once_tell_each_its_own_result(home: Home) -> None:
    def run(seed: int) -> subprocess.Popen[str]:
        command = ["run", *LEAN, "--seed", str(seed), "-o", f"{seed}.json"]
        return subprocess.Popen(
            [str(BIN / "cleanlab-demo"), *command],
            env=home.environment(),
            cwd=home.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    processes = {seed: run(seed) for seed in (1, 2)}
    outputs = {seed: process.communicate(timeout=280) for seed, process in processes.items()}

    told = {}
    for seed, (printed, wrong) in outputs.items():
        assert processes[seed].returncode == ExitCode.FINE, wrong
        result = AuditResult.model_validate_json((home.path / f"{seed}.json").read_text(encoding="utf-8"))
        assert result.assets["training_set"].provenance.config["seed"] == seed
        assert f"(run {result.runs[0][:8]})" in printed
        told[seed] = result.runs
    assert not set(told[1]) & set(told[2])
    assert "with other settings" in outputs[1][1] + outputs[2][1]
