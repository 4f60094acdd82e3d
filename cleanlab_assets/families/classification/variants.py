"""Does cleaning help a classifier? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.families.family import FamilyVariants, FittedModel
from cleanlab_assets.families.tables.settings import ClassVariantSettings
from cleanlab_assets.families.tables.variants import (
    AuditedTable,
    clean_worst_rows,
    compare_class_variants,
    fit_chosen_variant,
    put_on_card,
)
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_metrics import LOWER_IS_BETTER, METRICS, ScoredPredictions
from cleanlab_assets.methods.class_predictions import (
    predict_out_of_sample,
    to_predictions_table,
    to_probabilities,
)
from cleanlab_assets.methods.label_issues import FindIssues, find_label_issues
from cleanlab_assets.methods.training_set import row_weights, train_rows
from cleanlab_assets.methods.variants import ComparisonSettings, Variant, VariantComparison

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.families.step import Comparison, PredictionsTable, StepContext, TrainingSetTable
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable


def clean_rows(
    label_issues: pd.DataFrame, *, prune_fraction: float, correct_rates: Mapping[str, float], seed: int
) -> dict[str, Variant]:
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
    # Of a class whose rows are all flagged the best one stays, so that cleaning never takes a whole class away.
    best_first = np.argsort(label_issues["rank"].to_numpy())[::-1]
    for code in np.setdiff1d(labels, labels[~is_issue]):
        is_issue[best_first[labels[best_first] == code][0]] = False
    cleaned = clean_worst_rows(
        label_issues.assign(is_label_issue=is_issue), encode_labels, prune_fraction=prune_fraction, seed=seed
    )
    weights = _correctness_weights(label_issues["given_label"], correct_rates)
    return {**cleaned, "cleanlearning": Variant(keep=~is_issue, labels=labels, weights=weights)}


def compare_variants(
    audited: AuditedTable,
    out_of_sample: np.ndarray,
    *,
    correct_rates: Mapping[str, float],
    settings: ComparisonSettings,
    find_issues: FindIssues = find_label_issues,
) -> VariantComparison:
    """Compare the variants, see ``compare_table_variants``; one is chosen on the first fold of the train rows.

    Args:
        audited: the audited rows.
        out_of_sample: predicted probabilities of the train rows, shape (n_train, n_classes): the baseline's
            predictions of the validation fold.
        correct_rates: see ``clean_rows``.
        settings: how variants are compared.
        find_issues: takes predictions, features and folds of some rows and returns their label issues; audits the rows
            outside the validation fold.
    """
    names, features = list(audited.train["given_label"].cat.categories), audited.features
    on_test = audited.predictions_of_test
    clean = partial(clean_rows, prune_fraction=settings.prune_fraction, seed=settings.seed)

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[str, Variant]:
        labels = encode_labels(rows["given_label"])
        predicted = predict_out_of_sample(
            rows[features], labels, folds, n_classes=len(names), build=audited.build, weights=row_weights(rows)
        )
        issues = find_issues(to_predictions_table(rows, predicted.probabilities, names), rows[features], folds)
        matrix = issues.noise_matrix
        return clean(issues.table, correct_rates=dict(zip(matrix.columns, np.diagonal(matrix), strict=True)))

    return compare_class_variants(
        audited,
        settings,
        choose_on=audited.hold_out_first_fold(audit_and_clean, out_of_sample),
        metrics=METRICS,
        clean=partial(clean, correct_rates=correct_rates),
        score=ScoredPredictions,
        baseline_on_test=None if on_test is None else to_probabilities(on_test),
    )


def fit_variant(
    comparison: VariantComparison, audited: AuditedTable, *, correct_rates: Mapping[str, float]
) -> Pipeline:
    """Fit the chosen variant of a comparison on class names, so that the model predicts names.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        audited: the audited rows.
        correct_rates: see ``clean_rows``.
    """
    weights = None
    if comparison.chosen == "cleanlearning":
        weights = _correctness_weights(audited.label_issues["given_label"], correct_rates)
    return fit_chosen_variant(comparison, audited, weights=weights)


def _correctness_weights(given_labels: pd.Series[Any], correct_rates: Mapping[str, float]) -> np.ndarray:
    rates = given_labels.astype(object).map(correct_rates).to_numpy(dtype=np.float64)
    return 1 / np.maximum(rates, 1e-3)


def compare(
    context: StepContext,
    settings: ClassVariantSettings,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
    label_issues: ClassLabelIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Models trained on cleaned rows against the baseline, on untouched test rows.

    Variants: baseline, pruned, relabelled, CleanLearning, and the random removal of as many rows as were pruned.
    Differences have paired bootstrap intervals; "no effect shown" is a normal verdict.
    """
    judged = label_issues.facts
    return compare_variants(
        AuditedTable.of(context, training_set, predictions, label_issues),
        to_probabilities(train_rows(predictions.value)),
        correct_rates=judged.correct_rates,
        find_issues=judged.same_audit,
        settings=settings.of(training_set.facts.seed),
    )


def fit(
    context: StepContext,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
    label_issues: ClassLabelIssuesTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle."""
    audited = AuditedTable.of(context, training_set, predictions, label_issues)
    pipeline = fit_variant(variant_comparison.value, audited, correct_rates=label_issues.facts.correct_rates)
    return put_on_card(context, audited, pipeline)


VARIANTS = FamilyVariants(
    settings=ClassVariantSettings,
    metrics=METRICS,
    lower_is_better=LOWER_IS_BETTER,
    compare=compare,
    fit=fit,
    comparison_version="4",
    model_version="2",
)
