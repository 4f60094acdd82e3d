"""Does cleaning help a model of label sets? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.families.multilabel.metrics import LABEL_SET_METRICS, ScoredLabelSets
from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import (
    CalibrationMethod,
    predict_label_probabilities,
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
)
from cleanlab_assets.methods.detection_power import DetectionMetrics, measure_detection
from cleanlab_assets.methods.folds import draw_stratified_sample, group_equal_rows
from cleanlab_assets.methods.label_set_folds import divide_label_sets
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels, encode_label_sets
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.methods.variants import (
    CleanedRows,
    VariantComparison,
    VariantName,
    VariantTask,
    compare_cleaned_variants,
    remove_worst_and_random,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.families.multilabel.issues import LabelSetIssues


def clean_label_sets(
    label_issues: pd.DataFrame, class_names: Sequence[str], *, prune_fraction: float, seed: int
) -> dict[VariantName, CleanedRows]:
    """Decide for every variant which rows it trains on, with which labels.

    ``pruned`` removes the worst flagged rows, at most ``prune_fraction`` of all; ``relabelled`` gives the same rows
    their suggested label; ``cleanlearning`` removes every flagged row; ``random_removal`` removes as many random rows
    as ``pruned``. Where a variant would leave a class on no row, or on all, it leaves the best such row as it is.

    Args:
        label_issues: label issues of all train rows, in source order.
        class_names: the classes.
        prune_fraction: largest share of rows to prune or relabel, from 0 to 1.
        seed: seed of the random removal.

    Returns:
        Rows and labels of each variant; labels are bool of shape (n_rows, n_classes).
    """
    labels = encode_given_labels(label_issues, class_names)
    is_issue, rank = label_issues["is_label_issue"].to_numpy(dtype=bool), label_issues["rank"].to_numpy()
    _, without_worst, without_random = remove_worst_and_random(is_issue, rank, prune_fraction=prune_fraction, seed=seed)
    pruned, control, unflagged = (
        _keep_every_class(keep, labels, rank) for keep in (without_worst, without_random, ~is_issue)
    )
    suggested = encode_given_labels(label_issues, class_names, column="suggested_label")
    everything = np.ones(len(labels), dtype=bool)
    return {
        "baseline": CleanedRows(keep=everything, labels=labels),
        "pruned": CleanedRows(keep=pruned, labels=labels),
        "relabelled": CleanedRows(keep=everything, labels=np.where(pruned[:, None], labels, suggested)),
        "cleanlearning": CleanedRows(keep=unflagged, labels=labels),
        "random_removal": CleanedRows(keep=control, labels=labels),
    }


def _keep_every_class(keep: np.ndarray, labels: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Keep the best row with and the best row without each class, where no other such row is kept."""
    kept = keep.copy()
    best_first = np.argsort(-rank)
    for column in labels.T:
        for with_class in (True, False):
            is_such = column == with_class
            if is_such.any() and not (is_such & kept).any():
                kept[best_first[is_such[best_first]][0]] = True
    return kept


def compare_label_set_variants(
    label_issues: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    class_names: Sequence[str],
    features: list[str],
    build: Callable[[], Pipeline],
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelSetIssues],
    calibration: CalibrationMethod,
    prune_fraction: float,
    primary_metric: str,
    n_resamples: int,
    seed: int,
    compare_cleaning: bool = True,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    Args:
        label_issues: label issues of the train rows.
        train: train rows of the training set, in the same order, with ``fold``.
        test: test rows of the training set.
        out_of_sample: uncalibrated probabilities of the train rows, shape (n_train, n_classes): the baseline's
            predictions of the validation fold.
        class_names: the classes.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        find_issues: takes predictions and features of some rows and returns their label issues; audits the rows
            outside the validation fold.
        calibration: how the probabilities of that audit are calibrated.
        prune_fraction: see ``clean_label_sets``.
        primary_metric: metric of the verdict and of the choice.
        n_resamples: bootstrap resamples.
        seed: seed of the random removal and the bootstrap.
        compare_cleaning: whether any cleaned variant is fitted; if not, the baseline is chosen.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, ``primary_metric`` is unknown, or the label issues are of other rows.
    """

    def encode(labels: pd.Series) -> np.ndarray:
        return encode_label_sets(labels, class_names, row_ids=[str(place) for place in labels.index])

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[VariantName, CleanedRows]:
        predicted = predict_label_sets_out_of_sample(
            rows[features], encode(rows["given_label"]), folds, build=build, calibration=calibration
        )
        issues = find_issues(to_label_set_predictions_table(rows, predicted, class_names), rows[features])
        return clean_label_sets(issues.table, class_names, prune_fraction=prune_fraction, seed=seed)

    task = VariantTask(
        metrics=LABEL_SET_METRICS,
        encode=encode,
        decode=lambda labels: decode_label_sets(labels, class_names).tolist(),
        predict=predict_label_probabilities,
        score=ScoredLabelSets,
        clean=partial(clean_label_sets, class_names=class_names, prune_fraction=prune_fraction, seed=seed),
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


def fit_label_set_variant(
    comparison: VariantComparison,
    train: pd.DataFrame,
    *,
    class_names: Sequence[str],
    features: list[str],
    build: Callable[[], Pipeline],
) -> Pipeline:
    """Fit the chosen variant of a comparison; the model predicts an indicator matrix in the order of the classes.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        train: train rows of the training set.
        class_names: the classes.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
    """
    chosen = comparison.result(comparison.chosen)
    keep = ~train["row_id"].isin(chosen.removed_rows).to_numpy()
    relabelled = train["row_id"].map(chosen.relabelled_rows)
    labels = train["given_label"].where(relabelled.isna(), relabelled)
    encoded = encode_label_sets(labels, class_names, row_ids=train["row_id"].tolist())
    return CleanedRows(keep=keep, labels=encoded).fit(build, train[features])


def measure_label_set_detection_power(
    rows: pd.DataFrame,
    features: list[str],
    *,
    class_names: Sequence[str],
    build: Callable[[], Pipeline],
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], LabelSetIssues],
    calibration: CalibrationMethod,
    fraction: float = 0.1,
    max_rows: int = 3000,
    folds: int = 3,
    seed: int,
) -> DetectionMetrics:
    """Plant errors in a copy of the train rows, audit the copy, and measure whether the planted errors rank worst.

    A detector without signal ranks them by chance: its average precision is the planted share.

    Args:
        rows: train rows with ``row_id``, ``given_label`` and the features; errors that the labels already hold count
            as correct.
        features: names of the feature columns.
        class_names: the classes.
        build: returns a new unfitted pipeline, as for the real audit.
        find_issues: the audit itself, with its rules, as for the real rows.
        calibration: how probabilities are calibrated.
        fraction: share of labels to corrupt, in equal shares of all kinds.
        max_rows: rows of a random sample that bounds the cost.
        folds: folds of the audit.
        seed: seed of the sample, the errors and the folds.

    Returns:
        Detection metrics of the scores and the flags.
    """
    sample = draw_stratified_sample(np.zeros(len(rows), dtype=np.int64), max_rows, seed=seed)
    copy = rows.iloc[sample].reset_index(drop=True)
    # A seed of its own: that of the run may already have planted errors in these rows, which would be the same ones.
    own_seed = int(seed_generator(seed, "planted label set copy").integers(2**31))
    planted = plant_label_set_errors(
        encode_given_labels(copy, class_names), fraction=fraction, kind="mixed", seed=own_seed
    )
    copy["given_label"] = decode_label_sets(planted.is_named, class_names)
    fold = divide_label_sets(planted.is_named, group_equal_rows(copy[features]), [1 / folds] * folds, seed=seed)
    predicted = predict_label_sets_out_of_sample(
        copy[features], planted.is_named, fold, build=build, calibration=calibration
    )
    predictions = to_label_set_predictions_table(copy, predicted, class_names)
    issues = find_issues(predictions, copy[features]).table
    return measure_detection(
        issues["label_quality"].to_numpy(), issues["is_label_issue"].to_numpy(), planted.is_planted
    )
