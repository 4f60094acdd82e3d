"""Does cleaning help a model of label sets? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from cleanlab_assets.families import settings as shared
from cleanlab_assets.families.family import FamilyVariants, FittedModel
from cleanlab_assets.families.multilabel.metrics import LABEL_SET_METRICS, ScoredLabelSets
from cleanlab_assets.families.multilabel.predictions import (
    predict_label_probabilities,
    predict_label_sets_out_of_sample,
    to_label_set_predictions_table,
    to_label_set_probabilities,
)
from cleanlab_assets.families.tables.variants import (
    AuditedTable,
    compare_table_variants,
    fit_chosen_variant,
    put_on_card,
)
from cleanlab_assets.methods.label_sets import decode_label_sets, encode_given_labels, encode_label_sets
from cleanlab_assets.methods.training_set import row_weights, test_rows, train_rows
from cleanlab_assets.methods.variants import Variant, VariantComparison, remove_worst_and_random

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesTable
    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable
    from cleanlab_assets.families.step import Comparison, StepContext, TrainingSetTable


def clean_label_sets(
    label_issues: pd.DataFrame, class_names: Sequence[str], *, prune_fraction: float, seed: int
) -> dict[str, Variant]:
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
        "pruned": Variant(keep=pruned, labels=labels),
        "relabelled": Variant(keep=everything, labels=np.where(pruned[:, None], labels, suggested)),
        "cleanlearning": Variant(keep=unflagged, labels=labels),
        "random_removal": Variant(keep=control, labels=labels, is_control=True),
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


class VariantComparisonSettings(shared.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["roc_auc", "micro_f1", "macro_f1", "subset_accuracy", "hamming_loss"] = Field(
        "roc_auc", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: TrainingSetTable,
    predictions: LabelSetPredictionsTable,
    label_issues: LabelSetIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Models trained on cleaned rows against the baseline, on untouched test rows.

    Variants: baseline, pruned, relabelled with the suggested label sets, all flagged rows removed (CleanLearning), and
    the random removal of as many rows as were pruned. Differences have paired bootstrap intervals.
    """
    audited, names = AuditedTable.of(context, training_set, predictions, label_issues), context.dataset.class_names
    chosen, features = settings.of(training_set.facts.seed), audited.features
    clean = partial(clean_label_sets, class_names=names, prune_fraction=chosen.prune_fraction, seed=chosen.seed)

    def encode(labels: pd.Series) -> np.ndarray:
        return encode_label_sets(labels, names, row_ids=[str(place) for place in labels.index])

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[str, Variant]:
        method = predictions.facts.calibration_method
        predicted = predict_label_sets_out_of_sample(
            rows[features],
            encode(rows["given_label"]),
            folds,
            build=audited.build,
            calibration=method,
            weights=row_weights(rows),
        )
        table = to_label_set_predictions_table(rows, predicted, names)
        return clean(label_issues.facts.same_audit(table, rows[features]).table)

    # The baseline is not calibrated, as the model that is trained and stored.
    out_of_sample, on_test = (
        to_label_set_probabilities(rows, calibrated=False)
        for rows in (train_rows(predictions.value), test_rows(predictions.value))
    )
    return compare_table_variants(
        audited,
        chosen,
        choose_on=audited.hold_out_first_fold(audit_and_clean, out_of_sample),
        metrics=LABEL_SET_METRICS,
        clean=clean,
        score=ScoredLabelSets,
        encode=encode,
        decode=lambda labels: decode_label_sets(labels, names).tolist(),
        predict=predict_label_probabilities,
        baseline_on_test=on_test,
    )


def fit(
    context: StepContext,
    training_set: TrainingSetTable,
    predictions: LabelSetPredictionsTable,
    label_issues: LabelSetIssuesTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle.

    It predicts an indicator matrix, one column for each class in the order of the model card.
    """
    audited = AuditedTable.of(context, training_set, predictions, label_issues)
    row_ids = audited.train["row_id"].tolist()
    encode = partial(encode_label_sets, class_names=context.dataset.class_names, row_ids=row_ids)
    return put_on_card(context, audited, fit_chosen_variant(variant_comparison.value, audited, encode=encode))


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=LABEL_SET_METRICS,
    lower_is_better=ScoredLabelSets.lower_is_better,
    compare=compare,
    fit=fit,
    comparison_version="3",
    model_version="2",
)
