"""What doubling a size costs: every loader of own data and the pure steps of every family, one size at a time.

Each function is timed at a size that takes some tenths of a second, and again with one of its sizes doubled: rows,
columns, classes, annotators, labels, sentences, words, pictures, boxes, objects or pixels. Time is that of the
processor, on one thread, the best of several runs; a pair that looks too slow is measured again, at once and after all
others. Ends with code 1 where something grows by more than 2.3 times. Only the neighbour search may grow faster, as the
table says: the exact one compares all pairs of rows, up to the row limit named there. The fits of models are left out.
::

    python benchmarks/scaling.py [--only crowdlab boxes]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import faiss  # noqa: F401 - the threads of a library can be limited once it is loaded
from measurements import print_report
from scaling_works import list_loaders, list_steps
from threadpoolctl import threadpool_limits

from cleanlab_assets.datasets.own_datasets import all_formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scaling_works import Work

RUNS = 2
MORE_RUNS = 6
"""Further runs of two sizes of which the first ones seem to say that time grows too fast."""


@dataclass(frozen=True)
class Growth:
    """Processor seconds of a function before and after one of its sizes is doubled."""

    work: Work
    size: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times longer it takes."""
        return self.after / self.before

    @property
    def is_too_fast(self) -> bool:
        """Whether it grows by more than it may."""
        return self.ratio > self.work.most_growth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of the functions to measure")
    arguments = parser.parse_args()
    started = perf_counter()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as directory, threadpool_limits(limits=1):
        works = [*list_loaders(Path(directory)), *list_steps()]
        wanted = [work for work in works if not arguments.only or any(part in work.name for part in arguments.only)]
        measured = [(work, list(measure(work))) for work in wanted]
        found = [growth for work, growths in measured for growth in confirm(work, growths)]
    too_fast = [growth for growth in found if growth.is_too_fast]
    without = sorted(set(all_formats()) - {work.name.split()[-1] for work in works if work.name.startswith("load ")})
    notes = [f"Too fast: {len(too_fast)} of {len(found)}."]
    notes += [f"Formats that nothing measures: {', '.join(without)}."] if without else []
    notes.append(
        f"Processor seconds on one thread, best of {RUNS} runs or more; {perf_counter() - started:.0f} s in all."
    )
    print_report(
        "What doubling a size costs",
        ["function", "size doubled", "s before", "s after", "ratio", ""],
        [
            [
                growth.work.name,
                f"{growth.size} {growth.work.sizes[growth.size]:,}",
                f"{growth.before:.2f}",
                f"{growth.after:.2f}",
                f"{growth.ratio:.2f}",
                " ".join([*["too fast"][: growth.is_too_fast], growth.work.remark]),
            ]
            for growth in found
        ],
        notes=" ".join(notes),
    )
    sys.exit(1 if too_fast else 0)


def measure(work: Work) -> Iterator[Growth]:
    """Time a function at its sizes, and with each of them doubled in turn."""
    gc.unfreeze()
    call = work.prepare(**work.sizes)
    doubled = {size: work.prepare(**{**work.sizes, size: 2 * value}) for size, value in work.sizes.items()}
    gc.collect()
    gc.freeze()  # so that collecting between the runs is quick
    before, after = time_best(call, RUNS, calls=2), {size: time_best(other, RUNS) for size, other in doubled.items()}
    for size, other in doubled.items():
        for _ in range(MORE_RUNS):
            if after[size] <= before * work.most_growth:
                break
            before, after[size] = min(before, time_best(call, calls=2)), min(after[size], time_best(other))
    for size in work.sizes:
        growth = Growth(work, size, before, after[size])
        print(f"{work.name}, {size}: {before:.2f} s, {after[size]:.2f} s, {growth.ratio:.2f}", file=sys.stderr)
        yield growth


def confirm(work: Work, growths: list[Growth]) -> list[Growth]:
    """Measure once more, now that all others are done, what seems to grow too fast: the machine may have been busy."""
    if not any(growth.is_too_fast for growth in growths):
        return growths
    return [min(pair, key=lambda one: one.ratio) for pair in zip(growths, measure(work), strict=True)]


def time_best(call: Callable[[], object], runs: int = 1, *, calls: int = 1) -> float:
    """Return the least processor seconds of a call among some runs.

    A run of the smaller size is two calls: runs of equal length meet as much of what else the machine does.
    """
    seconds = []
    for _ in range(runs):
        gc.collect()
        gc.disable()
        with contextlib.redirect_stdout(io.StringIO()):
            started = process_time()
            for _ in range(calls):
                call()
            seconds.append((process_time() - started) / calls)
        gc.enable()
    return min(seconds)


if __name__ == "__main__":
    main()
