"""Does cleaning help a regression model? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.families.regression.issues import predict_values_out_of_sample, to_value_predictions_table
from cleanlab_assets.families.regression.metrics import VALUE_METRICS, ScoredValues
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

    from cleanlab_assets.families.regression.issues import ValueIssues


def clean_value_rows(label_issues: pd.DataFrame, *, prune_fraction: float, seed: int) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which rows it trains on, with which labels.

    ``pruned`` removes the worst flagged rows, at most ``prune_fraction`` of all; ``relabelled`` gives the same rows
    their suggested label; ``cleanlearning`` removes every flagged row, as ``cleanlab.regression.learn.CleanLearning``
    does; ``random_removal`` removes as many random rows as ``pruned``.

    Args:
        label_issues: label issues of all train rows, in source order.
        prune_fraction: largest share of rows to prune or relabel, from 0 to 1.
        seed: seed of the random removal.

    Returns:
        Rows and labels of each variant.

    Raises:
        ValueError: every row is flagged, so that nothing would be left to train on.
    """
    labels = _encode_values(label_issues["given_label"])
    is_issue = label_issues["is_label_issue"].to_numpy(dtype=bool)
    if is_issue.all():
        raise ValueError(f"all {len(labels)} rows are flagged: nothing is left to train on, so use a lower cut")
    worst, without_worst, without_random = remove_worst_and_random(
        is_issue, label_issues["rank"].to_numpy(), prune_fraction=prune_fraction, seed=seed
    )
    relabelled = labels.copy()
    relabelled[worst] = _encode_values(label_issues["suggested_label"])[worst]
    everything = np.ones(len(labels), dtype=bool)
    return {
        "baseline": CleanedRows(keep=everything, labels=labels),
        "pruned": CleanedRows(keep=without_worst, labels=labels),
        "relabelled": CleanedRows(keep=everything, labels=relabelled),
        "cleanlearning": CleanedRows(keep=~is_issue, labels=labels),
        "random_removal": CleanedRows(keep=without_random, labels=labels),
    }


def compare_value_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    features: list[str],
    build: Callable[[], Pipeline],
    prune_fraction: float,
    n_resamples: int,
    seed: int,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], ValueIssues],
    primary_metric: str = "rmse",
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    The variant is chosen on the last fold of the train rows: where folds are stretches of time it is the one next to
    the test rows, predicted from its past as they are; where folds are drawn at random any fold will do. Flagged rows
    of that fold do not judge: one value that is ten times too large would outweigh all others.

    Args:
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``.
        test: test rows of the training set.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        prune_fraction: see ``clean_value_rows``.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        find_issues: takes predictions and features of some rows and returns their label issues, with the domain and
            the cut of the real audit; audits the rows outside the validation fold.
        primary_metric: metric of the verdict and of the choice.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, the label issues are of other rows, or every
            row is flagged.
    """

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[VariantName, CleanedRows]:
        predicted = predict_values_out_of_sample(
            rows[features], _encode_values(rows["given_label"]), folds, build=build
        )
        issues = find_issues(to_value_predictions_table(rows, predicted), rows[features])
        return clean_value_rows(issues.table, prune_fraction=prune_fraction, seed=seed)

    task = VariantTask(
        metrics=VALUE_METRICS,
        encode=_encode_values,
        decode=lambda values: values.tolist(),
        predict=lambda model, rows: model.predict(rows),
        score=ScoredValues,
        clean=partial(clean_value_rows, prune_fraction=prune_fraction, seed=seed),
        audit_and_clean=audit_and_clean,
        validation_fold="last",
    )
    return compare_cleaned_variants(
        task,
        label_issues,
        train,
        test,
        # The stored predictions are those of models that left the most doubtful rows out, not of the baseline.
        None,
        features=features,
        build=build,
        primary_metric=primary_metric,
        n_resamples=n_resamples,
        seed=seed,
        compare_cleaning=compare_cleaning,
        is_trusted=~label_issues["is_label_issue"].to_numpy(dtype=bool),
    )


def _encode_values(labels: pd.Series[Any]) -> np.ndarray:
    return labels.to_numpy(dtype=np.float64)
