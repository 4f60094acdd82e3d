"""The five-model sweep of Adult Income against a plain script that audits one model after the other.

Rows of the first table, each a process of its own with the start of Python and all imports:

- ``plain_sweep.py``: the documented cleanlab route for every model, with the earlier demo's settings;
- ``cleanlab-demo sweep --no-prune``: the same work (out-of-sample predictions, label issues, Datalab, fit, test
  metrics) in a fresh Dagster instance, with one shared neighbour graph and every step stored; also duplicate sets,
  checks, reports and the comparison of the models, which the plain script does not make;
- the same command again, when nothing has changed;
- with ``--with-variants``, the sweep that also retrains every model on cleaned rows, in another fresh instance.

The second table has the cross-validated accuracy of each model on both sides. Both sides take the same rows, columns,
split sizes and number of folds; each draws its own split and folds (ours keeps equal rows together).

The plain script takes half an hour on all rows. It runs last; its output can also be kept and used again:
``python benchmarks/plain_sweep.py > plain.jsonl``, then ``--plain-results plain.jsonl``.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``adult_income/adult.data`` and ``adult.test``.

Run: ``python benchmarks/sweep.py [--rows 3000] [--with-variants] [--skip-plain | --plain-results plain.jsonl]``
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measurements import DATA_DIR, Measured, print_report, require_data_dir, run_measured

DATASET, ALL_ROWS = "adult_income", 48_842
MODELS = ("logistic_regression", "hist_gradient_boosting", "random_forest", "extra_trees", "knn")
AIM_TIMES_FASTER = 8
PLAIN, SWEEP, AGAIN = "plain script", "`sweep --no-prune`", "`sweep --no-prune` again, unchanged"
WITH_VARIANTS = "`sweep`, with retrained variants"


@dataclass(frozen=True)
class PlainRun:
    """What ``plain_sweep.py`` printed: its line of each model, and that of the process."""

    models: dict[str, dict[str, Any]]
    process: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=5, help="folds of the cross-validation, on both sides")
    parser.add_argument("--rows", type=int, help="rows of a stratified sample; all 48,842 if absent")
    parser.add_argument("--with-variants", action="store_true", help="also run the sweep that retrains on cleaned rows")
    plain_side = parser.add_mutually_exclusive_group()
    plain_side.add_argument("--skip-plain", action="store_true", help="leave the plain script out")
    plain_side.add_argument("--plain-results", type=Path, help="what an earlier plain run printed")
    arguments = parser.parse_args()
    require_data_dir()

    rows, folds = arguments.rows or ALL_ROWS, arguments.folds
    plain = None
    if arguments.plain_results is not None:  # read first: a file that does not fit must not cost a sweep
        plain = read_plain_run(arguments.plain_results.read_text(), rows=rows, folds=folds)
    size = [] if arguments.rows is None else [str(arguments.rows)]
    runs, ours = run_sweeps(folds, size, with_variants=arguments.with_variants)
    if plain is None and not arguments.skip_plain:
        script = [sys.executable, str(Path(__file__).resolve().with_name("plain_sweep.py")), "--folds", str(folds)]
        printed = run_measured([*script, *(["--rows", *size] if size else [])]).output
        plain = read_plain_run(printed, rows=rows, folds=folds)
    print_processes(runs, plain, rows=rows, folds=folds)
    print_models(ours, plain)


def run_sweeps(
    folds: int, size: list[str], *, with_variants: bool
) -> tuple[dict[str, Measured], dict[str, dict[str, str]]]:
    """Run our sweeps in turn.

    Returns:
        What each process took, and the rows of the CSV file that the first one saved, by model.
    """
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        saved = scratch / "models.csv"
        command = [sys.executable, "-c", "from cleanlab_assets.cli import app; app()", "sweep", DATASET]
        command += ["--folds", str(folds), *(["--max-rows", *size] if size else [])]
        # The benchmark asks no language model, whatever keys are set.
        command += ["--set", "ai_summary.use_ai=false"]
        command += [argument for model in MODELS for argument in ("--model", model)]
        same_work = [*command, "--no-prune", "--save-csv", str(saved)]
        fresh = _environment(scratch / "same_work")
        runs = {SWEEP: run_measured(same_work, fresh)}
        with saved.open(newline="") as file:
            ours = {row["model"]: row for row in csv.DictReader(file)}
        runs[AGAIN] = run_measured(same_work, fresh)
        if with_variants:
            runs[WITH_VARIANTS] = run_measured(command, _environment(scratch / "with_variants"))
    return runs, ours


def _environment(scratch: Path) -> dict[str, str]:
    """Name fresh places for the Dagster instance and the artifacts."""
    home = scratch / "dagster_home"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        "DAGSTER_HOME": str(home),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(scratch / "artifacts"),
        DATA_DIR: str(Path(os.environ[DATA_DIR]).resolve()),
    }


def read_plain_run(printed: str, *, rows: int, folds: int) -> PlainRun:
    """Read the JSON lines that ``plain_sweep.py`` printed, among the warnings of libraries.

    Raises:
        SystemExit: the run was cut short, or had other rows or folds than this comparison.
    """
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('{"')]
    models = {line["model"]: line for line in lines if "model" in line}
    process = next((line["process"] for line in lines if "process" in line), None)
    if process is None:
        sys.exit(f"the plain run was cut short after {', '.join(models) or 'no model'}: expected a line of the process")
    if (process["rows"], process["folds"]) != (rows, folds):
        sys.exit(
            f"the plain run had {process['rows']:,} rows and {process['folds']} folds, "
            f"expected {rows:,} rows and {folds} folds"
        )
    return PlainRun(models, process)


def print_processes(runs: dict[str, Measured], plain: PlainRun | None, *, rows: int, folds: int) -> None:
    """Print what each process took, and how many times faster than the plain script it was."""
    taken = {name: (run.seconds, run.processor_seconds, run.peak_mb) for name, run in runs.items()}
    if plain is not None:
        process = plain.process
        taken = {PLAIN: (process["seconds"], process["processor_seconds"], process["peak_mb"]), **taken}
    table = [
        [
            name,
            f"{seconds:.1f}",
            f"{processor:.1f}",
            f"{peak_mb:,.0f}",
            "-" if plain is None else f"{plain.process['seconds'] / seconds:.1f}",
        ]
        for name, (seconds, processor, peak_mb) in taken.items()
    ]
    columns = "" if plain is None else f"The plain script took {plain.process['columns']} columns. "
    print_report(
        f"Sweep of {len(MODELS)} models, Adult Income, {rows:,} rows, {folds} folds",
        ["process", "wall s", "processor s", "peak MB", "times faster"],
        table,
        notes=f"{columns}Aim: `sweep --no-prune` at least {AIM_TIMES_FASTER} times faster; the second one start-up "
        "time only.",
    )


def print_models(ours: dict[str, dict[str, str]], plain: PlainRun | None) -> None:
    """Print accuracy and seconds of each model on both sides."""
    table = []
    for model in MODELS:
        accuracy = float(ours[model]["cv_accuracy"])
        figures = ["-"] * 4
        if plain is not None:
            line = plain.models[model]
            difference = accuracy - line["cv_accuracy"]
            seconds = line["seconds"]
            figures = [
                f"{line['cv_accuracy']:.4f}",
                f"{difference:+.4f}",
                f"{seconds['cv']:.1f}",
                f"{sum(seconds.values()):.1f}",
            ]
        before, change, cv_seconds, all_seconds = figures
        fit_seconds = f"{float(ours[model]['fit_seconds']):.1f}"
        table.append([model, before, f"{accuracy:.4f}", change, cv_seconds, fit_seconds, all_seconds])
    print_report(
        "Cross-validated accuracy",
        ["model", "plain", "ours", "difference", "plain CV s", "our CV fits s", "plain, all parts s"],
        table,
        notes="Our CV fits are those of all folds without their predictions. Aim: accuracy not lower for any model. "
        + ("" if plain is None else _describe_chance(plain)),
    )


def _describe_chance(plain: PlainRun) -> str:
    line = plain.models[MODELS[0]]
    error = math.sqrt(line["cv_accuracy"] * (1 - line["cv_accuracy"]) / line["n_train"])
    return (
        f"The standard error of one accuracy over {line['n_train']:,} train rows is {error:.4f}; the two sides draw "
        "split and folds apart, so that a smaller difference may be chance."
    )


if __name__ == "__main__":
    main()
