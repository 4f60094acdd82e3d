"""Does cleaning help a classifier? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import METRICS, ScoredPredictions
from cleanlab_assets.methods.class_predictions import predict_all_classes, predict_out_of_sample, to_predictions_table
from cleanlab_assets.methods.label_issues import LabelIssues, find_label_issues
from cleanlab_assets.methods.variants import (
    CleanedRows,
    VariantComparison,
    VariantName,
    VariantTask,
    compare_cleaned_variants,
    fit_chosen_variant,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from sklearn.pipeline import Pipeline


def clean_rows(
    label_issues: pd.DataFrame, *, prune_fraction: float, correct_rates: Mapping[str, float], seed: int
) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which rows it trains on, with which labels and weights.

    ``pruned`` removes the worst flagged rows, at most ``prune_fraction`` of all; ``relabelled`` gives the same rows
    their suggested label; ``cleanlearning`` removes every flagged row and weighs the rest as
    ``cleanlab.classification.CleanLearning`` does, so that classes keep their weight; ``random_removal`` removes as
    many random rows as ``pruned``.

    Args:
        label_issues: label issues of all train rows, in source order.
        prune_fraction: largest share of rows to prune or relabel, from 0 to 1.
        correct_rates: for each class the estimated P(given label is the class | it truly is), the diagonal of the
            noise matrix.
        seed: seed of the random removal.

    Returns:
        Rows, labels and weights of each variant.
    """
    labels = encode_labels(label_issues["given_label"])
    is_issue = label_issues["is_label_issue"].to_numpy(dtype=bool, copy=True)
    rank = label_issues["rank"].to_numpy()
    # Of a class whose rows are all flagged the best one stays, so that cleaning never takes a whole class away.
    best_first = np.argsort(rank)[::-1]
    for code in np.setdiff1d(labels, labels[~is_issue]):
        is_issue[best_first[labels[best_first] == code][0]] = False
    worst, without_worst, without_random = remove_worst_and_random(
        is_issue, rank, prune_fraction=prune_fraction, seed=seed
    )
    relabelled = labels.copy()
    relabelled[worst] = encode_labels(label_issues["suggested_label"])[worst]
    everything = np.ones(len(labels), dtype=bool)
    weights = _correctness_weights(label_issues["given_label"], correct_rates)
    return {
        "baseline": CleanedRows(keep=everything, labels=labels),
        "pruned": CleanedRows(keep=without_worst, labels=labels),
        "relabelled": CleanedRows(keep=everything, labels=relabelled),
        "cleanlearning": CleanedRows(keep=~is_issue, labels=labels, weights=weights),
        "random_removal": CleanedRows(keep=without_random, labels=labels),
    }


def compare_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    correct_rates: Mapping[str, float],
    primary_metric: str,
    n_resamples: int,
    seed: int,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelIssues] = find_label_issues,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    The variant is chosen on the first fold of the train rows.

    Args:
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``.
        test: test rows of the training set.
        out_of_sample: predicted probabilities of the train rows, shape (n_train, n_classes): the baseline's
            predictions of the validation fold.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        prune_fraction: see ``clean_rows``.
        correct_rates: see ``clean_rows``.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        find_issues: takes predictions and features of some rows and returns their label issues; audits the rows
            outside the validation fold.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """
    names = list(train["given_label"].cat.categories)

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[VariantName, CleanedRows]:
        labels = encode_labels(rows["given_label"])
        predicted = predict_out_of_sample(rows[features], labels, folds, n_classes=len(names), build=build)
        issues = find_issues(to_predictions_table(rows, predicted.probabilities, names), rows[features])
        matrix = issues.noise_matrix
        rates = dict(zip(matrix.columns, np.diagonal(matrix), strict=True))
        return clean_rows(issues.table, prune_fraction=prune_fraction, correct_rates=rates, seed=seed)

    task = VariantTask(
        metrics=METRICS,
        encode=encode_labels,
        decode=lambda codes: [names[code] for code in codes],
        predict=partial(predict_all_classes, n_classes=len(names)),
        score=ScoredPredictions,
        clean=partial(clean_rows, prune_fraction=prune_fraction, correct_rates=correct_rates, seed=seed),
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


def fit_variant(
    comparison: VariantComparison,
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    correct_rates: Mapping[str, float],
) -> Pipeline:
    """Fit the chosen variant of a comparison on class names, so that the model predicts names.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        correct_rates: see ``clean_rows``.
    """
    weights = None
    if comparison.chosen == "cleanlearning":
        weights = _correctness_weights(label_issues["given_label"], correct_rates)
    return fit_chosen_variant(comparison, train, features=features, build=build, weights=weights)


def _correctness_weights(given_labels: pd.Series[Any], correct_rates: Mapping[str, float]) -> np.ndarray:
    rates = given_labels.astype(object).map(correct_rates).to_numpy(dtype=np.float64)
    return 1 / np.maximum(rates, 1e-3)
