"""How well label quality ranks rows whose label set is wrong, by aggregation: generated documents with planted errors.

The forest has its own number of trees up to a million labels (rows times classes), and a tenth of it beyond: each leaf
of a tree holds a probability for every class, so that a full one takes hours and gigabytes there.

Run: ``python benchmarks/multilabel_ranking.py [--sizes 5000x4 30000x50] [--error-share 0.1]``
"""

from __future__ import annotations

import argparse
from time import process_time
from typing import get_args

import numpy as np
import pandas as pd
from measurements import describe_machine
from sklearn.metrics import average_precision_score

from cleanlab_assets.audit.folds import group_equal_rows
from cleanlab_assets.audit.label_set_folds import divide_label_sets
from cleanlab_assets.audit.label_set_issues import Aggregation, aggregate_quality, find_class_issues
from cleanlab_assets.audit.label_set_predictions import predict_label_sets_out_of_sample
from cleanlab_assets.datasets.synthetic_topics import generate_topics
from cleanlab_assets.evaluation.label_set_errors import plant_label_set_errors
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds

MODELS = ("logistic_regression", "random_forest")
MOST_LABELS, FEW_TREES = 1_000_000, 20
WORDS_PER_CLASS = 5
SEED = 0


def measure(n_rows: int, n_classes: int, model: str, error_share: float) -> str:
    """Return a line of the table: one generated set and model."""
    counts, topics = generate_topics(n_rows, n_classes, WORDS_PER_CLASS * n_classes, seed=SEED)
    words = tuple(f"word_{number}" for number in range(counts.shape[1]))
    features = pd.DataFrame(counts, columns=list(words))
    planted = plant_label_set_errors(topics, fraction=error_share, kind="mixed", seed=SEED)
    folds = divide_label_sets(planted.is_named, group_equal_rows(features), [1 / 5] * 5, seed=SEED)
    context = BuildContext(kinds=FeatureKinds(numeric=words), n_classes=n_classes, seed=SEED, n_jobs=1)
    is_cut = model == "random_forest" and n_rows * n_classes > MOST_LABELS
    build = PipelineFactory("multilabel", model, context, {"n_estimators": FEW_TREES} if is_cut else {})
    started = process_time()
    predicted = predict_label_sets_out_of_sample(features, planted.is_named, folds, build=build)
    found = find_class_issues(planted.is_named, predicted.probabilities)
    raw = find_class_issues(planted.is_named, predicted.uncalibrated)
    seconds = process_time() - started
    scores = [
        average_precision_score(planted.is_planted, -aggregate_quality(found.quality, aggregation))
        for aggregation in get_args(Aggregation)
    ]
    is_flagged = np.asarray(found.is_issue.any(axis=1))
    figures = [
        *scores,
        planted.is_planted.mean(),
        raw.is_issue.any(axis=1).mean(),
        is_flagged.mean(),
        is_flagged[planted.is_planted].mean(),
    ]
    name = f"{model}, {FEW_TREES} trees" if is_cut else model
    cells = [f"{n_rows:,} x {n_classes}", name, *(f"{figure:.3f}" for figure in figures), f"{seconds:.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["5000x4", "30000x50"], help="rows x classes")
    parser.add_argument("--error-share", type=float, default=0.1)
    arguments = parser.parse_args()
    print(describe_machine())
    head = ["rows x classes", "model", *get_args(Aggregation), "chance"]
    head += ["flagged before calibration", "flagged", "planted errors flagged", "processor s"]
    print("| " + " | ".join(head) + " |", "| --- | --- |" + " ---: |" * (len(head) - 2), sep="\n")
    for size in arguments.sizes:
        n_rows, n_classes = map(int, size.split("x"))
        for model in MODELS:
            print(measure(n_rows, n_classes, model, np.clip(arguments.error_share, 0, 0.5)), flush=True)


if __name__ == "__main__":
    main()
