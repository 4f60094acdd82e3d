"""Breaks important lines one at a time and runs the tests that should see it: what survives is a hole in the tests.

``mutants.toml`` lists the lines. Each is broken in a copy of the working tree, never in the tree itself. A mutant is
killed where a test fails, and survives where all named tests pass. One whose tests do not end is stopped by the time
limit and counts as killed by it. One that leaves the tests nothing to run, as a module that cannot be imported does,
shows nothing. A fragment that is not found exactly once in its file is an error, so that the list stays true;
``--check`` looks for such faults alone.

Run: ``python benchmarks/mutants.py [--only methods/folds] [--limit 600]``, ``python benchmarks/mutants.py --check``
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from measurements import print_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parent.parent
LIST = Path(__file__).with_suffix(".toml")
PACKAGE, TESTS = "cleanlab_assets", "cleanlab_assets_tests"
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dagster_home")
Outcome = Literal["killed", "time limit", "survived", "tests did not run"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SEEN = OUTCOMES[:2]
OUTCOME_OF_EXIT_CODE: dict[int, Outcome] = {0: "survived", 1: "killed"}
"""What the exit codes of pytest mean; with all others it collected no test, or could not import one."""


@dataclass(frozen=True)
class Mutant:
    """One broken line: what goes wrong then, the fragment of a file, what takes its place, and who should see it."""

    what: str
    file: str
    fragment: str
    replacement: str
    tests: tuple[str, ...]
    is_slow: bool = False


def read_mutants(path: Path) -> list[Mutant]:
    """Read the list."""
    return [
        Mutant(what, group["file"], fragment, replacement, tuple(group["tests"]), group.get("slow", False))
        for group in tomllib.loads(path.read_text(encoding="utf-8"))["broken"]
        for what, fragment, replacement in group["mutants"]
    ]


def find_faults(mutants: Iterable[Mutant], tree: Path) -> list[str]:
    """Say which mutants do not apply to a tree, and why."""
    faults = []
    for mutant in mutants:
        path = tree / PACKAGE / mutant.file
        source = path.read_text(encoding="utf-8") if path.is_file() else ""
        missing = [test for test in mutant.tests if not (tree / TESTS / test).is_file()]
        if source.count(mutant.fragment) != 1:
            why = f"the fragment is found {source.count(mutant.fragment)} times, expected once: {mutant.fragment}"
        elif mutant.fragment == mutant.replacement:
            why = "it changes nothing"
        elif missing or not mutant.tests:
            why = f"there are no tests {', '.join(missing)}"
        else:
            continue
        faults.append(f"{mutant.file}, {mutant.what}: does not apply: {why}")
    return faults


def run_tests(tree: Path, tests: Sequence[str], *, is_slow: bool, limit: float, **environment: str) -> Outcome:
    """Run tests of a tree up to the first that fails.

    Args:
        tree: the copy of the working tree.
        tests: test files, under the folder of the tests.
        is_slow: whether slow tests run too.
        limit: seconds after which the tests are stopped.
        environment: variables on top of this process's own.
    """
    tier = ["-m", ""] if is_slow else []
    options = ["-n", "0", "-p", "no:cacheprovider", "-o", "timeout=0"]  # a test that never ends is not one that fails
    paths = [f"{TESTS}/{test}" for test in tests]
    with tempfile.TemporaryFile("w+") as printed:
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", *options, *tier, *paths],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), **environment},
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return "time limit"
        if code not in OUTCOME_OF_EXIT_CODE:
            printed.seek(0)
            print(printed.read()[-4000:], file=sys.stderr)
    return OUTCOME_OF_EXIT_CODE.get(code, "tests did not run")


def judge(mutant: Mutant, tree: Path, *, limit: float) -> Outcome:
    """Break one line of a tree, run the tests that should see it, and mend the line again."""
    path = tree / PACKAGE / mutant.file
    source, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(source.replace(mutant.fragment, mutant.replacement), encoding="utf-8")
    try:
        # The broken file must not be compiled for the next mutant to find.
        return run_tests(tree, mutant.tests, is_slow=mutant.is_slow, limit=limit, PYTHONDONTWRITEBYTECODE="1")
    finally:
        path.write_text(source, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def require_passing_tests(mutants: Sequence[Mutant], tree: Path) -> None:
    """Run all named tests once on the unbroken tree.

    Raises:
        SystemExit: one fails.
    """
    for is_slow in (False, True):
        tests = sorted({test for mutant in mutants if mutant.is_slow == is_slow for test in mutant.tests})
        if tests and run_tests(tree, tests, is_slow=is_slow, limit=3600) != "survived":
            sys.exit(f"a test fails without any mutant, or takes more than an hour: {', '.join(tests)}")


def print_outcomes(outcomes: dict[Mutant, Outcome], *, limit: float) -> None:
    """Print the counts by part of the package, and what no test saw."""
    by_part = Counter((mutant.file.rpartition("/")[0], outcome) for mutant, outcome in outcomes.items())
    parts = sorted({part for part, _ in by_part})
    rows = [[f"`{part}`", *(by_part[part, outcome] for outcome in OUTCOMES)] for part in parts]
    rows.append(["all", *(sum(by_part[part, outcome] for part in parts) for outcome in OUTCOMES)])
    unseen = [f"- `{mutant.file}`: {mutant.what}" for mutant, outcome in outcomes.items() if outcome not in SEEN]
    print_report(
        f"{len(outcomes)} broken lines",
        ["of", "killed by a test", f"by the time limit of {limit:g} s", *OUTCOMES[len(SEEN) :]],
        rows,
        notes="\n".join(["Not seen:", *unseen]) if unseen else "Every broken line was seen.",
    )


def main() -> None:
    """Print the table in Markdown; end with 1 where a mutant survives or does not apply."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of the files to break")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for the tests of one mutant")
    parser.add_argument("--check", action="store_true", help="only look whether every mutant applies")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in read_mutants(LIST) if arguments.only in mutant.file]
    if faults := find_faults(mutants, ROOT):
        sys.exit("\n".join(faults))
    if arguments.check:
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = shutil.copytree(ROOT, Path(folder) / "tree", ignore=NOT_COPIED)
        require_passing_tests(mutants, tree)
        outcomes: dict[Mutant, Outcome] = {}
        for number, mutant in enumerate(mutants, start=1):
            outcomes[mutant] = judge(mutant, tree, limit=arguments.limit)
            told = f"{number} of {len(mutants)}: {outcomes[mutant]}: {mutant.file}, {mutant.what}"
            print(told, file=sys.stderr, flush=True)
    print_outcomes(outcomes, limit=arguments.limit)
    sys.exit(int(not set(SEEN).issuperset(outcomes.values())))


if __name__ == "__main__":
    main()
