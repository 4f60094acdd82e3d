"""Does a better consensus help a model? Models trained on the labels of each method, compared on test rows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from cleanlab_assets.families.family import FamilyVariants, FittedModel
from cleanlab_assets.families.multiannotator.annotations import annotations_of, find_decided, to_label_matrix
from cleanlab_assets.families.multiannotator.consensus import build_consensus, find_consensus_issues, score_labels
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.model import has_model
from cleanlab_assets.families.tables import variants as tables
from cleanlab_assets.families.tables.settings import ClassMetric, ClassVariantSettings
from cleanlab_assets.families.tables.variants import AuditedTable, compare_class_variants
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_metrics import LOWER_IS_BETTER, METRICS, ScoredPredictions
from cleanlab_assets.methods.class_predictions import (
    predict_out_of_sample,
    to_predictions_table,
    to_probabilities,
)
from cleanlab_assets.methods.variants import ComparisonSettings, Variant, VariantComparison, remove_worst_and_random

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.multiannotator.training_set import (
        AnnotationsTable,
        PanelTrainingSetTable,
    )
    from cleanlab_assets.families.step import Comparison, LabelIssuesTable, PredictionsTable, StepContext


def choose_training_labels(label_issues: pd.DataFrame, *, prune_fraction: float, seed: int) -> dict[str, Variant]:
    """Decide for every variant but the baseline, the majority votes, which examples it trains on, with which labels.

    ``leading_consensus`` and ``crowdlab`` take the consensus of the leading method and of CROWDLAB; ``pruned`` removes
    the examples whose vote is worst, and ``random_removal`` as many random ones.

    Args:
        label_issues: label issues of all train rows, with ``crowdlab_label``.
        prune_fraction: share of the rows to prune, from 0 to 1.
        seed: seed of the random removal.
    """
    votes = encode_labels(label_issues["given_label"])
    everything = np.ones(len(votes), dtype=bool)
    _, without_worst, without_random = remove_worst_and_random(
        everything, label_issues["rank"].to_numpy(), prune_fraction=prune_fraction, seed=seed
    )
    return {
        "leading_consensus": Variant(keep=everything, labels=encode_labels(label_issues["suggested_label"])),
        "crowdlab": Variant(keep=everything, labels=encode_labels(label_issues["crowdlab_label"])),
        "pruned": Variant(keep=without_worst, labels=votes),
        "random_removal": Variant(keep=without_random, labels=votes, is_control=True),
    }


def compare_consensus_variants(
    audited: AuditedTable,
    annotations: pd.DataFrame,
    out_of_sample: np.ndarray,
    *,
    has_model: bool,
    settings: ComparisonSettings,
) -> VariantComparison:
    """Compare the variants with the majority vote, see ``compare_table_variants``.

    The variant is chosen on the first fold of the train rows: the truth is only looked at to measure how the variants
    do. This fold is judged by the consensus of the annotators alone, which is right more often than the votes and knows
    no model's opinion: docs/benchmarks.md (j).

    Args:
        audited: the audited examples; test rows are judged by the truth where it is known, else by the majority vote.
        annotations: the annotations of the train rows.
        out_of_sample: predicted probabilities of the train rows, shape (n_train, n_classes).
        has_model: whether the model looks at features, see ``choose_leading_method``.
        settings: how variants are compared.
    """
    names, features = list(audited.train["given_label"].cat.categories), audited.features
    clean = partial(choose_training_labels, prune_fraction=settings.prune_fraction, seed=settings.seed)

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[str, Variant]:
        votes = encode_labels(rows["given_label"])
        predicted = predict_out_of_sample(rows[features], votes, folds, n_classes=len(names), build=audited.build)
        predictions = to_predictions_table(rows, predicted.probabilities, names)
        quality = score_labels(predictions, annotations, has_model=has_model).table
        consensus = build_consensus(predictions, annotations, quality)
        return clean(find_consensus_issues(predictions, quality, consensus, rows[features]))

    labels = to_label_matrix(annotations, audited.train["row_id"])
    decided = find_decided(annotations, audited.train["row_id"])
    by_annotators = estimate_dawid_skene(labels, n_classes=len(names), decided=decided).consensus
    judged = audited.train.assign(given_label=decode_labels(by_annotators, audited.train["given_label"]))
    return compare_class_variants(
        audited,
        settings,
        choose_on=replace(audited.hold_out_first_fold(audit_and_clean, out_of_sample), judges=judged),
        metrics=METRICS,
        clean=clean,
        score=ScoredPredictions,
    )


class VariantComparisonSettings(ClassVariantSettings):
    """The experiment that shows whether a better consensus helps a model."""

    prune_fraction: float = Field(0.02, ge=0.0, le=0.2, description="Share of the train examples pruned.")
    # Probabilities of a model that learnt wrong votes fit such votes best, which metrics of probabilities reward.
    primary_metric: ClassMetric = Field(
        "accuracy", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    predictions: PredictionsTable,
    label_issues: LabelIssuesTable,
) -> VariantComparison:
    """Does a better consensus help? Models trained on each consensus against majority votes, on untouched test rows.

    Variants: majority vote (baseline), the leading consensus, CROWDLAB, the worst votes pruned, and as many random rows
    removed. Test rows are judged by the truth where it is known, else by their majority vote.
    """
    audited = AuditedTable.of(context, training_set, predictions, label_issues)
    return compare_consensus_variants(
        audited,
        annotations_of(annotations.value, audited.train["row_id"]),
        to_probabilities(predictions.value),
        has_model=has_model(context),
        settings=settings.of(training_set.facts.seed),
    )


def fit(
    context: StepContext,
    training_set: PanelTrainingSetTable,
    predictions: PredictionsTable,
    label_issues: LabelIssuesTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final model, fitted on the chosen labels of the train examples, with its model card; without pickle."""
    return tables.fit(context, training_set, predictions, label_issues, variant_comparison)


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=METRICS,
    lower_is_better=LOWER_IS_BETTER,
    compare=compare,
    fit=fit,
    comparison_version="3",
    model_version="2",
)
