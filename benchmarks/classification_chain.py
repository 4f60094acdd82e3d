"""The classification chain on Adult Income against a plain cleanlab script, each as a whole process.

Rows of the table, each a process of its own with the start of Python and all imports:

- the plain script ``plain_cleanlab.py``: read, predict, find label issues, Datalab, write;
- the same work here: the assets up to ``label_issues`` and ``datalab_summary``, without checks, in a fresh Dagster
  instance, every step stored;
- ``cleanlab-demo run``: also the checks, duplicate sets, report, five retrained variants and the stored model;
- ``cleanlab-demo run`` once more, when nothing has changed.

All take the same train rows and logistic regression. Peak memory is that of the largest process, as the kernel counts
it (``wait4``).

The notes give the agreement of the approximate neighbour graph with the exact one on these rows: of the rows that
Datalab flags on the exact graph, the share that it does not flag on the approximate one. Label issues do not depend
on the graph.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``adult_income/adult.data`` and ``adult.test``.

Run: ``python benchmarks/classification_chain.py [--max-rows 5000] [--repeats 1]``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from measurements import DATA_DIR, Measured, print_report, require_data_dir, run_measured

if TYPE_CHECKING:
    import pandas as pd

DATASET, MODEL_NAME = "adult_income", "logistic_regression"
PARTITION = f"{DATASET}|{MODEL_NAME}"
SAME_WORK = {
    "dataset": ["raw_dataset", "training_set", "neighbor_graph"],
    "model": ["predictions", "label_issues", "datalab_issues", "datalab_summary"],
}
APPROXIMATE_FROM = 1000
COMPARED = ("label", "outlier", "near_duplicate")
AIM_LOST = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-rows", type=int, help="rows of a stratified sample; all 48,842 if absent")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each process; the median is reported")
    parser.add_argument("--part", choices=("train-rows", "same-work", "agreement"), help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    require_data_dir()
    if arguments.part == "train-rows":
        write_train_rows(arguments.max_rows, arguments.output)
    elif arguments.part == "same-work":
        materialize_same_work(arguments.max_rows)
    elif arguments.part == "agreement":
        print(json.dumps(measure_agreement(arguments.max_rows)))
    else:
        compare(arguments.max_rows, arguments.repeats)


def compare(max_rows: int | None, repeats: int) -> None:
    """Run everything in turn, and print the table."""
    here = Path(__file__).resolve()
    size = [] if max_rows is None else ["--max-rows", str(max_rows)]
    runs: dict[str, list[Measured]] = {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as directory:
            scratch = Path(directory)
            config, positions = scratch / "config.yaml", scratch / "train_rows.npy"
            config.write_text(json.dumps(_run_config(max_rows)))
            run_measured([sys.executable, str(here), "--part", "train-rows", "--output", str(positions), *size])
            plain = [sys.executable, str(here.with_name("plain_cleanlab.py"))]
            plain += ["--train-rows", str(positions), "--output", str(scratch)]
            demo = [sys.executable, "-c", "from cleanlab_assets.cli import app; app()"]
            demo += ["run", "-d", DATASET, "-m", MODEL_NAME, "--config", str(config)]
            steps = {
                "plain cleanlab script": (plain, _environment(scratch / "unused")),
                "same work as assets": (
                    [sys.executable, str(here), "--part", "same-work", *size],
                    _environment(scratch / "same_work"),
                ),
                "`cleanlab-demo run`, everything": (demo, _environment(scratch / "everything")),
                "`cleanlab-demo run` again, unchanged": (demo, _environment(scratch / "everything")),
            }
            for name, (command, environment) in steps.items():
                runs.setdefault(name, []).append(run_measured(command, environment))
    agreement = json.loads(
        run_measured([sys.executable, str(here), "--part", "agreement", *size]).output.splitlines()[-1]
    )
    baseline = median(run.seconds for run in runs["plain cleanlab script"])
    rows = []
    for name, measured in runs.items():
        seconds = median(run.seconds for run in measured)
        processor = median(run.processor_seconds for run in measured)
        peak = median(run.peak_mb for run in measured)
        rows.append([name, f"{seconds:.1f}", f"{processor:.1f}", f"{peak:,.0f}", f"{seconds / baseline:.2f}"])
    print_report(
        f"Classification chain, Adult Income, {agreement['rows']:,} rows, logistic regression",
        ["process", "wall s", "processor s", "peak MB", "wall / plain"],
        rows,
        notes=f"Median of {repeats} run(s). {_describe_agreement(agreement)}",
    )


def _run_config(max_rows: int | None) -> dict[str, object]:
    return {"ops": {"classification__training_set": {"config": {"max_rows": max_rows}}}} if max_rows else {}


def _environment(scratch: Path) -> dict[str, str]:
    """Name fresh places for the Dagster instance and the artifacts."""
    home = scratch / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        "DAGSTER_HOME": str(home),
        "CLEANLAB_DEMO_ARTIFACTS_DIR": str(scratch / "artifacts"),
        DATA_DIR: str(Path(os.environ[DATA_DIR]).resolve()),
    }


def _describe_agreement(agreement: dict[str, object]) -> str:
    flags = agreement["flags"]
    assert isinstance(flags, dict)  # noqa: S101 - tells the type checker what the child printed
    parts = [
        f"{name}: {counts['exact']:,} flagged on the exact graph, {counts['lost']:,} lost "
        f"({counts['lost'] / max(counts['exact'], 1):.2%}), {counts['added']:,} added"
        for name, counts in flags.items()
    ]
    return (
        f"Agreement of the approximate graph ({agreement['method']}; measured recall {agreement['recall']:.4f}) "
        f"with the exact one: {'; '.join(parts)}. Aim: at most {AIM_LOST:.0%} lost."
    )


def _build_training_set(max_rows: int | None) -> pd.DataFrame:
    from cleanlab_assets.datasets.download import resolve_source_files
    from cleanlab_assets.methods.training_set import build_training_set
    from cleanlab_assets.orchestration.datasets import get_dataset

    dataset = get_dataset(DATASET)
    raw = dataset.load(resolve_source_files(dataset, require_data_dir()))
    settings = _default_settings("training_set")
    chosen = {name: settings[name] for name in ("test_fraction", "folds", "seed")}
    return build_training_set(raw, dataset, max_rows=max_rows, **chosen).table


def _default_settings(asset: str) -> dict[str, Any]:
    from cleanlab_assets.orchestration.datasets import get_dataset
    from cleanlab_assets.orchestration.families import family_of

    return family_of(get_dataset(DATASET)).configs[asset]().model_dump()


def write_train_rows(max_rows: int | None, output: Path) -> None:
    """Write the positions of the train rows among all rows of the source."""
    import numpy as np

    from cleanlab_assets.datasets.download import resolve_source_files
    from cleanlab_assets.methods.training_set import train_rows
    from cleanlab_assets.orchestration.datasets import get_dataset

    dataset = get_dataset(DATASET)
    raw = dataset.load(resolve_source_files(dataset, require_data_dir()))
    chosen = train_rows(_build_training_set(max_rows))["row_id"]
    np.save(output, np.flatnonzero(raw["row_id"].isin(chosen)))


def materialize_same_work(max_rows: int | None) -> None:
    """Materialize the assets that do what the plain script does, in the instance that the environment names."""
    import dagster as dg

    from cleanlab_assets.definitions import build_definitions
    from cleanlab_assets.orchestration.datasets import get_dataset
    from cleanlab_assets.orchestration.families import family_of
    from cleanlab_assets.settings import load_settings

    definitions, family = build_definitions(load_settings()), family_of(get_dataset(DATASET))
    with dg.DagsterInstance.get() as instance:
        for level, partition in (("dataset", DATASET), ("model", PARTITION)):
            dg.materialize(
                family.all_assets,
                selection=dg.AssetSelection.assets(*([family.name, name] for name in SAME_WORK[level])),
                partition_key=partition,
                instance=instance,
                resources=dict(definitions.resources or {}),
                run_config=_run_config(max_rows) if level == "dataset" else {},
            )


def measure_agreement(max_rows: int | None) -> dict[str, object]:
    """Compare what Datalab flags on the exact and on the approximate graph of the same rows."""
    import numpy as np

    from cleanlab_assets.families.classification.datalab import read_classes
    from cleanlab_assets.families.tables.datalab import find_datalab_issues
    from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_graph_table
    from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
    from cleanlab_assets.methods.training_set import train_rows
    from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
    from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
    from cleanlab_assets.orchestration.datasets import get_dataset

    dataset, seed = get_dataset(DATASET), _default_settings("training_set")["seed"]
    kinds = FeatureKinds.of(dataset.columns)
    training_set = _build_training_set(max_rows)
    rows = train_rows(training_set)
    build = PipelineFactory(
        "classification", MODEL_NAME, BuildContext(kinds=kinds, n_classes=len(dataset.class_names), seed=seed), {}
    )
    predicted = predict_out_of_sample(
        rows[kinds.names],
        rows["given_label"].cat.codes.to_numpy(dtype=np.int64),
        rows["fold"].to_numpy(),
        n_classes=len(dataset.class_names),
        build=build,
    )
    predictions = to_predictions_table(rows, predicted.probabilities, dataset.class_names)
    is_train = (training_set["split"] == "train").to_numpy()
    encoded = encode_for_distance(training_set, kinds, fit_on=is_train)
    k = _default_settings("neighbor_graph")["k"]
    tables, graphs = [], []
    for limit in (sys.maxsize, APPROXIMATE_FROM):
        graph, test_graph = build_neighbor_graph(
            encoded[is_train],
            encoded[~is_train],
            k=k,
            exact_row_limit=limit,
            seed=seed,
        )
        graph_table = to_graph_table(training_set, graph, test_graph)
        tables.append(find_datalab_issues(read_classes(predictions), rows[kinds.names], graph_table, seed=seed).table)
        graphs.append(graph)
    flags = {}
    for issue_type in COMPARED:
        exact, approximate = (table[f"is_{issue_type}_issue"].to_numpy() for table in tables)
        flags[issue_type] = {
            "exact": int(exact.sum()),
            "lost": int((exact & ~approximate).sum()),
            "added": int((approximate & ~exact).sum()),
        }
    return {"rows": len(training_set), "method": graphs[1].method, "recall": graphs[1].recall, "flags": flags}


if __name__ == "__main__":
    main()
