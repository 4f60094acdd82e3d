"""The classification chain at the size of Covertype: every step as a pure function, with seconds and peak memory.

Rows are drawn from the excerpt of Covertype with jitter, as in ``datalab_scale.py``. Run from the project root, with
the data directory in ``CLEANLAB_DEMO_DATA_DIR``::

    python benchmarks/chain_scale.py [--rows 581012] [--model logistic_regression]
"""

from __future__ import annotations

import argparse
import resource
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from datalab_scale import SEED, draw_rows
from measurements import print_report

if TYPE_CHECKING:
    import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=581_012)
    parser.add_argument("--model", default="logistic_regression")
    arguments = parser.parse_args()
    rows = [
        [part, f"{seconds:.1f}", f"{peak:,.0f}"] for part, seconds, peak in measure(arguments.rows, arguments.model)
    ]
    print_report(
        f"The chain on {arguments.rows:,} rows like Covertype, {arguments.model}",
        ["step", "s", "peak MB so far"],
        rows,
        notes="Pure functions, one process.",
    )


def measure(n_rows: int, model: str) -> list[tuple[str, float, float]]:
    from cleanlab_assets.families.classification.datalab import read_classes
    from cleanlab_assets.families.classification.variants import compare_variants
    from cleanlab_assets.families.tables.datalab import find_datalab_issues
    from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_graph_table
    from cleanlab_assets.families.tables.variants import AuditedTable
    from cleanlab_assets.methods.class_predictions import predict_out_of_sample, to_predictions_table
    from cleanlab_assets.methods.label_issues import find_label_issues
    from cleanlab_assets.methods.training_set import build_training_set, test_rows, train_rows
    from cleanlab_assets.methods.variants import ComparisonSettings
    from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
    from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
    from cleanlab_assets.orchestration.datasets import get_dataset

    dataset = get_dataset("covtype")
    kinds = FeatureKinds.of(dataset.columns)
    drawn, _ = draw_rows(n_rows)
    raw: pd.DataFrame = drawn.rename(columns={"given_label": dataset.label}).drop(columns="split")
    del drawn
    measured: list[tuple[str, float, float]] = []
    clock = perf_counter()

    def done(step: str) -> None:
        nonlocal clock
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        measured.append((step, perf_counter() - clock, peak))
        clock = perf_counter()

    built = build_training_set(
        raw, replace(dataset, expected_rows=n_rows), max_rows=None, test_fraction=0.2, folds=5, seed=SEED
    )
    train, test = train_rows(built.table), test_rows(built.table)
    done("training set")
    is_train = (built.table["split"] == "train").to_numpy()
    encoded = encode_for_distance(built.table, kinds, fit_on=is_train)
    graphs = build_neighbor_graph(encoded[is_train], encoded[~is_train], k=10, exact_row_limit=50_000, seed=SEED)
    graph_table = to_graph_table(built.table, *graphs)
    del encoded
    done(f"neighbour graph (recall {graphs[0].recall:.4f})")
    context = BuildContext(kinds=kinds, n_classes=len(dataset.class_names), seed=SEED)
    build = PipelineFactory("classification", model, context, {})
    labels = train["given_label"].cat.codes.to_numpy(dtype=np.int64)
    predicted = predict_out_of_sample(
        train[kinds.names], labels, train["fold"].to_numpy(), n_classes=len(dataset.class_names), build=build
    )
    predictions = to_predictions_table(train, predicted.probabilities, dataset.class_names)
    done("predictions")
    find_issues = partial(find_label_issues, quality_method="self_confidence")
    issues = find_issues(predictions, train[kinds.names], train["fold"].to_numpy())
    done(f"label issues ({int(issues.table['is_label_issue'].sum()):,} flagged)")
    find_datalab_issues(read_classes(predictions), train[kinds.names], graph_table, seed=SEED)
    done("Datalab")
    comparison = compare_variants(
        AuditedTable(train=train, test=test, label_issues=issues.table, features=kinds.names, build=build),
        predicted.probabilities,
        correct_rates={name: float(issues.noise_matrix.loc[name, name]) for name in issues.noise_matrix.index},
        settings=ComparisonSettings(primary_metric="roc_auc", prune_fraction=0.02, n_resamples=200, seed=SEED),
        find_issues=find_issues,
    )
    done(f"variants, 200 resamples ({comparison.verdict})")
    return measured


if __name__ == "__main__":
    main()
