"""What Dagster costs: the classification chain as a Dagster run against the same pure functions called directly.

Both sides run in this process on Adult Income with logistic regression and the default settings. The Dagster side
materializes every asset without checks in a temporary instance (SQLite and local files): its seconds hold everything
that the functions alone do not do, namely events, storing and reading every table between steps, content hashes,
schema checks, metadata tables and plots. A last row adds the asset checks, which do work of their own (one of them
audits a sample once more).

Imports are not counted: all modules are imported, and both sides run once on a small dataset, before the clock
starts. The sides take turns; medians are reported.

Needs ``CLEANLAB_DEMO_DATA_DIR`` with ``adult_income/adult.data`` and ``adult.test``.

Run: ``python benchmarks/dagster_overhead.py [--max-rows 5000] [--repeats 3]``
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
import numpy as np
from measurements import print_report, require_data_dir

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.families.classification.datalab import read_classes
from cleanlab_assets.families.classification.report import build_classification_report
from cleanlab_assets.families.classification.variants import compare_variants, fit_variant
from cleanlab_assets.families.tables.datalab import find_datalab_issues
from cleanlab_assets.families.tables.duplicates import list_duplicate_sets
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, measure_split_leakage, to_graph_table
from cleanlab_assets.families.tables.report import AuditResults
from cleanlab_assets.families.tables.variants import AuditedTable
from cleanlab_assets.methods.class_metrics import ScoredPredictions, measure_calibration
from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table, to_probabilities
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.training_set import audited_rows, build_training_set, test_rows, train_rows
from cleanlab_assets.methods.variants import ComparisonSettings
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.families import family_of
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.settings import Settings

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset

DATASET, WARM_UP, MODEL_NAME = "adult_income", "breast_cancer", "logistic_regression"
AIM_SHARE = 0.15
Level = Literal["dataset", "model"]


@dataclass(frozen=True)
class Seconds:
    """Wall and processor seconds."""

    wall: float
    processor: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.processor + other.processor)


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = perf_counter(), process_time()

    def read(self) -> Seconds:
        """Return the seconds that have passed."""
        return Seconds(perf_counter() - self._wall, process_time() - self._processor)


Run = dict[Level, Seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-rows", type=int, help="rows of a stratified sample; all 48,842 if absent")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    max_rows: int | None = arguments.max_rows
    require_data_dir()
    for warm_up in (run_directly, run_with_dagster):
        warm_up(get_dataset(WARM_UP), max_rows=None)
    dataset = get_dataset(DATASET)
    direct: list[Run] = []
    orchestrated: list[Run] = []
    checked: list[Run] = []
    for _ in range(arguments.repeats):
        direct.append(run_directly(dataset, max_rows=max_rows))
        orchestrated.append(run_with_dagster(dataset, max_rows=max_rows))
        checked.append(run_with_dagster(dataset, max_rows=max_rows, with_checks=True))
    whole = [sum_levels(run) for run in direct]
    rows = [
        _compare("dataset level", [run["dataset"] for run in direct], [run["dataset"] for run in orchestrated]),
        _compare("model level", [run["model"] for run in direct], [run["model"] for run in orchestrated]),
        _compare("whole chain", whole, [sum_levels(run) for run in orchestrated]),
        _compare("whole chain, with checks", whole, [sum_levels(run) for run in checked]),
    ]
    size = f"{max_rows or dataset.expected_rows:,}"
    print_report(
        f"Overhead of Dagster, Adult Income, {size} rows, logistic regression",
        ["part", "functions alone, s", "Dagster run, s", "overhead", "functions, processor s", "Dagster, processor s"],
        rows,
        notes=f"Medians of {arguments.repeats}; imports and a warm-up run are not counted. "
        f"Aim: at most {AIM_SHARE:.0%} for the whole chain without checks.",
    )


def sum_levels(run: Run) -> Seconds:
    """Return the seconds of the whole chain."""
    return run["dataset"] + run["model"]


def _compare(part: str, direct: list[Seconds], orchestrated: list[Seconds]) -> list[str]:
    alone, together = (median(run.wall for run in runs) for runs in (direct, orchestrated))
    processor = (median(run.processor for run in runs) for runs in (direct, orchestrated))
    return [part, f"{alone:.2f}", f"{together:.2f}", f"{together / alone - 1:.1%}", *(f"{s:.2f}" for s in processor)]


def _default_settings(dataset: Dataset, asset: str) -> dict[str, Any]:
    return family_of(dataset).configs[asset]().model_dump()


def run_directly(dataset: Dataset, *, max_rows: int | None) -> Run:
    """Call the pure functions of the chain one after the other, everything in memory."""
    clock = Clock()
    raw = dataset.load(resolve_source_files(dataset, require_data_dir()))
    settings = _default_settings(dataset, "training_set")
    seed: int = settings["seed"]
    training_set = build_training_set(
        raw, dataset, max_rows=max_rows, test_fraction=settings["test_fraction"], folds=settings["folds"], seed=seed
    ).table
    kinds = FeatureKinds.of(dataset.columns)
    is_train = (training_set["split"] == "train").to_numpy()
    encoded = encode_for_distance(training_set, kinds, fit_on=is_train)
    graph, test_graph = build_neighbor_graph(
        encoded[is_train], encoded[~is_train], seed=seed, **_default_settings(dataset, "neighbor_graph")
    )
    graph_table = to_graph_table(training_set, graph, test_graph)
    measure_split_leakage(graph_table)
    dataset_seconds = clock.read()

    clock = Clock()
    rows, class_names = audited_rows(training_set), dataset.class_names
    labels = rows["given_label"].cat.codes.to_numpy(dtype=np.int64)
    build = PipelineFactory(
        "classification", MODEL_NAME, BuildContext(kinds=kinds, n_classes=len(class_names), seed=seed), {}
    )
    predicted = predict_out_of_sample(
        rows[kinds.names], labels, rows["fold"].to_numpy(), n_classes=len(class_names), build=build
    )
    predictions = to_predictions_table(rows, predicted.probabilities, class_names)
    train, of_train = train_rows(rows), train_rows(predictions)
    known, probabilities = labels[: len(train)], to_probabilities(of_train)
    ScoredPredictions(known, probabilities).compute()
    measure_calibration(known, probabilities)
    issues = find_label_issues(
        predictions, rows[kinds.names], rows["fold"].to_numpy(), **_default_settings(dataset, "label_issues")
    )
    found = find_datalab_issues(read_classes(of_train), train[kinds.names], graph_table, seed=seed)
    # The report takes the columns as they are read from storage.
    duplicate_sets = list_duplicate_sets(found.table, issues.table).astype({"duplicate_set": "int64"})
    results = AuditResults(
        dataset=dataset,
        model=MODEL_NAME,
        training_set=training_set,
        label_issues=issues.table,
        datalab_issues=found.table,
        datalab_summary=found.summary,
        duplicate_sets=duplicate_sets,
        facts={},
    )
    render_report(build_classification_report(results, {}))
    correct_rates = {name: float(issues.noise_matrix.loc[name, name]) for name in issues.noise_matrix.index}
    settings = _default_settings(dataset, "variant_comparison")
    audited = AuditedTable(
        train=train,
        test=test_rows(training_set),
        label_issues=train_rows(issues.table),
        features=kinds.names,
        build=build,
    )
    comparison = compare_variants(
        audited,
        probabilities,
        correct_rates=correct_rates,
        settings=ComparisonSettings(
            primary_metric=settings["primary_metric"],
            prune_fraction=settings["prune_fraction"],
            n_resamples=settings["resamples"],
            seed=seed,
        ),
    )
    fit_variant(comparison, audited, correct_rates=correct_rates)
    return {"dataset": dataset_seconds, "model": clock.read()}


def run_with_dagster(dataset: Dataset, *, max_rows: int | None, with_checks: bool = False) -> Run:
    """Materialize the chain in this process, in a fresh instance, with artifacts in a temporary directory."""
    family = family_of(dataset)
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    config = {"ops": {f"{family.name}__training_set": {"config": {"max_rows": max_rows}}}}
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        settings = Settings(data_dir=Path(os.environ["CLEANLAB_DEMO_DATA_DIR"]), artifacts_dir=str(scratch / "results"))
        definitions = build_definitions(settings)
        (scratch / "home").mkdir()
        with dg.DagsterInstance.local_temp(
            str(scratch / "home"), overrides={"telemetry": {"enabled": False}}
        ) as instance:
            seconds: Run = {}
            levels: tuple[tuple[Level, str], ...] = (
                ("dataset", dataset.name),
                ("model", f"{dataset.name}|{MODEL_NAME}"),
            )
            for level, partition in levels:
                keys = family.asset_keys(level)
                run_config = {**quiet, **(config if level == "dataset" else {})}
                clock = Clock()
                if with_checks:
                    definitions.resolve_job_def(family.job_name(level)).execute_in_process(
                        instance=instance, partition_key=partition, run_config=run_config
                    )
                else:
                    dg.materialize(
                        family.all_assets,
                        selection=dg.AssetSelection.assets(*keys),
                        partition_key=partition,
                        instance=instance,
                        resources=dict(definitions.resources or {}),
                        run_config=run_config,
                    )
                seconds[level] = clock.read()
    return seconds


if __name__ == "__main__":
    main()
