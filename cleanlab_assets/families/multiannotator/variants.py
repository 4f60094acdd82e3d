"""Does a better consensus help a model? Models trained on the labels of each method, compared on test rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multiannotator.crowdlab import build_consensus, find_consensus_issues, score_labels
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import METRICS, ScoredPredictions
from cleanlab_assets.methods.class_predictions import predict_all_classes, predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.variants import (
    CleanedRows,
    VariantComparison,
    VariantName,
    VariantTask,
    compare_cleaned_variants,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sklearn.pipeline import Pipeline


def choose_training_labels(
    label_issues: pd.DataFrame, *, prune_fraction: float, seed: int
) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which examples it trains on, with which labels.

    ``baseline`` takes the majority votes, ``crowdlab`` and ``dawid_skene`` the consensus of these methods; ``pruned``
    removes the examples whose vote is worst, and ``random_removal`` as many random ones.

    Args:
        label_issues: label issues of all train rows, with ``dawid_skene_label``.
        prune_fraction: share of the rows to prune, from 0 to 1.
        seed: seed of the random removal.
    """
    votes = encode_labels(label_issues["given_label"])
    everything = np.ones(len(votes), dtype=bool)
    _, without_worst, without_random = remove_worst_and_random(
        everything, label_issues["rank"].to_numpy(), prune_fraction=prune_fraction, seed=seed
    )
    return {
        "baseline": CleanedRows(keep=everything, labels=votes),
        "crowdlab": CleanedRows(keep=everything, labels=encode_labels(label_issues["suggested_label"])),
        "dawid_skene": CleanedRows(keep=everything, labels=encode_labels(label_issues["dawid_skene_label"])),
        "pruned": CleanedRows(keep=without_worst, labels=votes),
        "random_removal": CleanedRows(keep=without_random, labels=votes),
    }


def compare_consensus_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    annotations: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the majority vote on the test rows.

    The variant is chosen on the first fold of the train rows, by their majority votes: the truth is only looked at to
    tell how the variants do.

    Args:
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``.
        test: test rows: judged by the truth where it is known, else by the majority vote.
        annotations: the annotations of the train rows.
        out_of_sample: predicted probabilities of the train rows, shape (n_train, n_classes).
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        prune_fraction: see ``choose_training_labels``.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        compare_cleaning: whether any variant but the baseline is fitted.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """
    names = list(train["given_label"].cat.categories)
    clean = partial(choose_training_labels, prune_fraction=prune_fraction, seed=seed)

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[VariantName, CleanedRows]:
        votes = encode_labels(rows["given_label"])
        predicted = predict_out_of_sample(rows[features], votes, folds, n_classes=len(names), build=build)
        predictions = to_predictions_table(rows, predicted.probabilities, names)
        quality = score_labels(predictions, annotations)
        consensus = build_consensus(predictions, annotations, quality)
        return clean(find_consensus_issues(predictions, quality, consensus, rows[features]))

    task = VariantTask(
        metrics=METRICS,
        encode=encode_labels,
        decode=lambda codes: [names[code] for code in codes],
        predict=partial(predict_all_classes, n_classes=len(names)),
        score=ScoredPredictions,
        clean=clean,
        audit_and_clean=audit_and_clean,
        validation_fold="first",
    )
    return compare_cleaned_variants(
        task,
        label_issues,
        train,
        test,
        out_of_sample,
        features=features,
        build=build,
        primary_metric=primary_metric,
        n_resamples=n_resamples,
        seed=seed,
        compare_cleaning=compare_cleaning,
    )
