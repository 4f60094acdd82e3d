"""Seconds to import the code location in a fresh interpreter, beside Dagster and pandas alone.

Each import runs seven times in an interpreter of its own; the median is reported, without the start of Python itself.
The last column names heavy libraries that the import pulled in: there must be none, since Dagster imports the code
location in every process that it starts.

Run: ``python benchmarks/import_time.py [--repeats 7]``
"""

from __future__ import annotations

import argparse
import json
import sys
from statistics import median

from measurements import print_report, run_measured

HEAVY = ("torch", "cleanlab", "sklearn", "faiss", "datasets", "matplotlib", "scipy")
FORBIDDEN = ("torch", "cleanlab", "sklearn", "faiss")
AIM_SECONDS = 3.0
_PROGRAM = """
import json, sys, time
started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
print(json.dumps([seconds, [name for name in {heavy} if name in sys.modules]]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats: int = parser.parse_args().repeats
    rows = []
    for module in ("pandas", "dagster", "cleanlab_assets.definitions"):
        command = [sys.executable, "-c", _PROGRAM.format(module=module, heavy=HEAVY)]
        found = [json.loads(run_measured(command).output.splitlines()[-1]) for _ in range(repeats)]
        seconds = [float(taken) for taken, _ in found]
        loaded = found[0][1]
        rows.append(
            [
                f"`import {module}`",
                *(f"{figure(seconds):.2f}" for figure in (median, min, max)),
                ", ".join(loaded) or "none",
                ", ".join(name for name in loaded if name in FORBIDDEN) or "none",
            ]
        )
    print_report(
        "Import time",
        ["import", "median s", "min s", "max s", "heavy libraries imported", "of them forbidden"],
        rows,
        notes=f"{repeats} fresh interpreters each. Aim: the code location within {AIM_SECONDS:.0f} s, and none of "
        f"{', '.join(FORBIDDEN)} imported.",
    )


if __name__ == "__main__":
    main()
