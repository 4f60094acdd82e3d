"""How well label quality ranks rows whose label set is wrong, by aggregation: datasets and generated documents.

Up to a million labels (rows times classes) the models are those of the audit. Beyond, the forest has a tenth of its
trees: each leaf of a tree holds a probability for every class, so that a full one takes hours and gigabytes there; and
the linear model is solved by L-BFGS, since a step of Newton's method grows with the square of the features.

Run: ``python benchmarks/multilabel_ranking.py [--data emotions synthetic_topics 5000x4 30000x50] [--seeds 1]``
"""

from __future__ import annotations

import argparse
from time import process_time
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from measurements import describe_machine, require_data_dir
from sklearn.metrics import average_precision_score

from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.synthetic_topics import generate_topics
from cleanlab_assets.families.multilabel.label_set_quality import Aggregation, aggregate_quality, find_class_issues
from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import predict_label_sets_out_of_sample
from cleanlab_assets.methods.folds import group_equal_rows
from cleanlab_assets.methods.label_set_folds import divide_label_sets
from cleanlab_assets.methods.label_sets import encode_label_sets
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.datasets import get_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

MODELS = ("logistic_regression", "random_forest")
MOST_LABELS = 1_000_000
LEAN_PARAMETERS: Mapping[str, dict[str, object]] = {
    "logistic_regression": {"solver": "lbfgs"},
    "random_forest": {"n_estimators": 20},
}
WORDS_PER_CLASS = 5


def read(data: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features and the classes of each row: of a dataset by its name, or of generated documents by their size.

    Args:
        data: name of a dataset whose features are numbers, or ``<rows>x<classes>``.
    """
    if data[0].isdigit():
        n_rows, n_classes = map(int, data.split("x"))
        counts, topics = generate_topics(n_rows, n_classes, WORDS_PER_CLASS * n_classes, seed=0)
        return pd.DataFrame(counts, columns=[f"word_{number}" for number in range(counts.shape[1])]), topics
    dataset = get_dataset(data)
    files = resolve_source_files(dataset, require_data_dir())
    rows = dataset.load(files)
    is_named = encode_label_sets(rows[dataset.label], dataset.class_names, row_ids=rows["row_id"].tolist())
    return rows[[column.name for column in dataset.features]], is_named


def measure(features: pd.DataFrame, is_named: np.ndarray, model: str, error_share: float, seed: int) -> np.ndarray:
    """Return the figures of one seed, in the order of the table's columns, and the processor seconds."""
    planted = plant_label_set_errors(is_named, fraction=error_share, kind="mixed", seed=seed)
    folds = divide_label_sets(planted.labels, group_equal_rows(features), [1 / 5] * 5, seed=seed)
    kinds = FeatureKinds(numeric=tuple(map(str, features.columns)))
    context = BuildContext(kinds=kinds, n_classes=is_named.shape[1], seed=seed, n_jobs=1)
    parameters = LEAN_PARAMETERS[model] if is_large(is_named) else {}
    build = PipelineFactory("multilabel", model, context, parameters)
    started = process_time()
    predicted = predict_label_sets_out_of_sample(features, planted.labels, folds, build=build)
    is_train = np.ones(len(features), dtype=bool)
    found = find_class_issues(planted.labels, predicted.probabilities, is_train=is_train)
    raw = find_class_issues(planted.labels, predicted.uncalibrated, is_train=is_train)
    seconds = process_time() - started
    scores = [
        average_precision_score(planted.is_planted, -aggregate_quality(found.quality, aggregation))
        for aggregation in get_args(Aggregation)
    ]
    is_flagged = np.asarray(found.is_issue.any(axis=1))
    return np.array(
        [
            *scores,
            planted.is_planted.mean(),
            raw.is_issue.any(axis=1).mean(),
            is_flagged.mean(),
            planted.is_planted[is_flagged].mean(),
            is_flagged[planted.is_planted].mean(),
            seconds,
        ]
    )


def is_large(is_named: np.ndarray) -> bool:
    """Whether the models get lean parameters: fewer trees, and a solver that is linear in the features."""
    return is_named.size > MOST_LABELS


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["emotions", "synthetic_topics", "5000x4", "30000x50"])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--error-share", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=1, help="draws of the errors and folds; figures are their means")
    arguments = parser.parse_args()
    print(describe_machine())
    head = ["rows x classes", "model", *get_args(Aggregation), "chance", "flagged before calibration", "flagged"]
    head += ["flags that are planted", "planted errors flagged", "processor s"]
    print("| " + " | ".join(head) + " |", "| --- | --- |" + " ---: |" * (len(head) - 2), sep="\n")
    for data in arguments.data:
        features, is_named = read(data)
        size = f"{len(is_named):,} x {is_named.shape[1]}"
        for model in arguments.models:
            figures = np.mean(
                [measure(features, is_named, model, arguments.error_share, seed) for seed in range(arguments.seeds)],
                axis=0,
            )
            lean = ", ".join(f"{name} {value}" for name, value in LEAN_PARAMETERS[model].items())
            name = f"{model}, {lean}" if is_large(is_named) else model
            where = size if data[0].isdigit() else f"{data}, {size}"
            cells = [where, name, *(f"{figure:.3f}" for figure in figures[:-1]), f"{figures[-1]:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
