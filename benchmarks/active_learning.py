"""What active learning is worth where the truth is known: the panel of digits.

Run: ``python benchmarks/active_learning.py [--curve-seeds 4]``
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from measurements import describe_machine

from cleanlab_assets.datasets.digits_panel import DATASET, PANEL_SEED, load_digits_panel
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.families.multiannotator.annotations import (
    PanelLimits,
    build_panel_training_set,
    select_annotations,
    to_label_matrix,
)
from cleanlab_assets.families.multiannotator.learning_curve import (
    CURVE_MODEL,
    CURVE_PARAMETERS,
    STRATEGIES,
    LearningCurveSettings,
    compare_curves,
    simulate_curves,
)
from cleanlab_assets.methods.training_set import test_rows, train_rows
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

FAMILY = "multiannotator"
FOLDS = 5
TEST_FRACTION = 0.2


def read_panel(files: Mapping[str, Path], *, panel_seed: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training set and annotations of a panel."""
    raw = load_digits_panel(files, seed=panel_seed)
    selected = select_annotations(raw, DATASET, PanelLimits()).table
    built = build_panel_training_set(selected, raw, DATASET, test_fraction=TEST_FRACTION, folds=FOLDS, seed=seed)
    return built.table, selected


def measure_curves(files: Mapping[str, Path], seeds: int) -> None:
    """Print the area between the curves of each strategy and of random choice, by the settings of the asset."""
    settings = LearningCurveSettings.model_validate({})
    table, annotations = read_panel(files, panel_seed=PANEL_SEED, seed=0)
    train, test = train_rows(table), test_rows(table)
    labels = to_label_matrix(annotations, train["row_id"])
    started = process_time()
    rounds = simulate_curves(
        train, test, labels, build=_factory(CURVE_PARAMETERS), n_classes=10, settings=settings, seeds=range(seeds)
    )
    print("| strategy | accuracy of | area | low | high |", "| --- | --- | ---: | ---: | ---: |", sep="\n")
    for strategy in STRATEGIES:
        for metric in ("test_accuracy", "pool_accuracy"):
            if strategy != "random":
                found = compare_curves(rounds, metric, strategy=strategy)
                figures = " | ".join(f"{found[name]:+.4f}" for name in ("area", "low", "high"))
                print(f"| {strategy} | {metric} | {figures} |")
    print(rounds.pivot_table(index="n_labels", columns="strategy", values="test_accuracy").round(3).to_string())
    print(f"{seeds} seeds, {process_time() - started:.0f} CPU s", flush=True)


def _factory(parameters: Mapping[str, float]) -> PipelineFactory:
    context = BuildContext(kinds=FeatureKinds.of(DATASET.columns), n_classes=10, seed=0)
    return PipelineFactory(FAMILY, CURVE_MODEL, context, dict(parameters))


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve-seeds", type=int, default=4)
    arguments = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory() as directory:
        files = resolve_source_files(DATASET, Path(directory))
        measure_curves(files, arguments.curve_seeds)


if __name__ == "__main__":
    main()
