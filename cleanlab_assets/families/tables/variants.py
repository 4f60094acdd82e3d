"""Variants of rows in a table: how they are made, how a pipeline is fitted on them, and what is compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.family import FittedModel
from cleanlab_assets.methods.bootstrap import weigh
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.methods.fitting import combine_weights, fit_pipeline, take_weights
from cleanlab_assets.methods.folds import divide_rows, group_equal_rows
from cleanlab_assets.methods.training_set import require_same_rows, row_weights, test_rows, train_rows
from cleanlab_assets.methods.variants import (
    HeldOutFold,
    ReviewedItems,
    Variant,
    VariantComparison,
    VariantTask,
    compare_cleaned_variants,
    remove_worst_and_random,
    require_issues_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sklearn.pipeline import Pipeline

    from cleanlab_assets.families.step import AnyTable, Comparison, PredictionsTable, StepContext, TrainingSetTable
    from cleanlab_assets.methods.bootstrap import ScoredRows
    from cleanlab_assets.methods.variants import ComparisonSettings
    from cleanlab_assets.reviews.corrected_labels import CorrectedLabels


@dataclass(frozen=True, kw_only=True)
class AuditedTable:
    """The rows of a table after an audit, and the model that their variants are fitted with.

    Attributes:
        train: train rows of the training set, with ``fold``.
        test: its untouched test rows.
        label_issues: label issues of the train rows, in the same order.
        features: names of the feature columns.
        build: returns a new unfitted pipeline.
        predictions_of_test: predictions of the test rows, in the same order, by a model fitted on all train rows; None
            where they are not at hand.
        corrected: what reviewers made of the rows; None where nobody decided anything.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    label_issues: pd.DataFrame
    features: list[str]
    build: Callable[[], Pipeline]
    predictions_of_test: pd.DataFrame | None = None
    corrected: CorrectedLabels | None = None

    @classmethod
    def of(
        cls,
        context: StepContext,
        training_set: TrainingSetTable,
        predictions: PredictionsTable,
        label_issues: AnyTable,
    ) -> AuditedTable:
        """Put together what an audit says of the train rows, and the test rows as they are.

        Raises:
            ValueError: they were made from different training sets.
        """
        build = context.pipeline_factory(training_set.facts.seed, predictions.facts.model_parameters)
        rows, issues = train_rows(training_set.value), train_rows(label_issues.value)
        untouched, predictions_of_test = test_rows(training_set.value), test_rows(predictions.value)
        require_same_rows(train_rows(predictions.value), rows, what="predictions")
        require_same_rows(issues, rows, what="label_issues")
        if len(predictions_of_test):
            require_same_rows(predictions_of_test, untouched, what="predictions of test rows")
        return cls(
            train=rows,
            test=untouched,
            label_issues=issues,
            predictions_of_test=predictions_of_test,
            features=build.features,
            build=build,
            corrected=context.corrected,
        )

    def hold_out_first_fold(
        self, audit_and_clean: Callable[[pd.DataFrame, np.ndarray], Mapping[str, Variant]], out_of_sample: np.ndarray
    ) -> HeldOutFold[pd.DataFrame]:
        """Choose on the first fold of the train rows.

        Args:
            audit_and_clean: see ``HeldOutFold``.
            out_of_sample: the baseline's predictions of the train rows, shape (n_train, ...).
        """
        folds = self.train["fold"].to_numpy()
        return HeldOutFold(
            folds=folds,
            number=folds.min(),
            audit_and_clean=audit_and_clean,
            out_of_sample=out_of_sample.__getitem__,
        )


def clean_worst_rows(
    label_issues: pd.DataFrame, encode: Callable[[pd.Series[Any]], np.ndarray], *, prune_fraction: float, seed: int
) -> dict[str, Variant]:
    """Make three variants: the worst flagged rows removed, or relabelled, and as many random rows removed.

    Args:
        label_issues: label issues of all train rows, in source order.
        encode: labels as the array that models are fitted on.
        prune_fraction: largest share of all rows to remove or relabel, from 0 to 1.
        seed: seed of the random rows.

    Returns:
        ``pruned``, ``relabelled`` and the control ``random_removal``.
    """
    labels, suggested = encode(label_issues["given_label"]), encode(label_issues["suggested_label"])
    worst, without_worst, without_random = remove_worst_and_random(
        label_issues["is_label_issue"].to_numpy(dtype=bool),
        label_issues["rank"].to_numpy(),
        prune_fraction=prune_fraction,
        seed=seed,
    )
    relabelled = labels.copy()
    relabelled[worst] = suggested[worst]
    return {
        "pruned": Variant(keep=without_worst, labels=labels),
        "relabelled": Variant(keep=np.ones(len(labels), dtype=bool), labels=relabelled),
        "random_removal": Variant(keep=without_random, labels=labels, is_control=True),
    }


def compare_table_variants(
    audited: AuditedTable,
    settings: ComparisonSettings,
    *,
    choose_on: HeldOutFold[pd.DataFrame] | pd.DataFrame | None,
    metrics: tuple[str, ...],
    clean: Callable[[pd.DataFrame], Mapping[str, Variant]],
    score: Callable[[np.ndarray, np.ndarray], ScoredRows],
    encode: Callable[[pd.Series[Any]], np.ndarray],
    decode: Callable[[np.ndarray], Sequence[str | float]],
    predict: Callable[[Pipeline, pd.DataFrame], np.ndarray],
    blocks: Callable[[pd.DataFrame], np.ndarray | None] | None = None,
    baseline_on_test: np.ndarray | None = None,
) -> VariantComparison:
    """Fit every variant on the train rows and compare it with the baseline on the untouched test rows.

    Args:
        audited: the audited rows.
        settings: how variants are compared.
        choose_on: what the variant is chosen on: a fold of the train rows, or rows that no audit saw; None chooses
            the baseline.
        metrics: names of the metrics.
        clean: makes the cleaned variants from label issues.
        score: scores predictions against encoded labels.
        encode: given labels as the array that models are fitted on.
        decode: such labels as people read them.
        predict: what ``score`` takes, from a fitted pipeline and features.
        blocks: block of each row, see ``VariantTask``; by default ``time_block`` where rows are a series.
        baseline_on_test: what ``score`` takes, of all test rows, see ``compare_cleaned_variants``.

    Returns:
        The comparison, with the chosen variant.

    Raises:
        ValueError: there are no test rows, the primary metric is unknown, or the label issues are of other rows.
    """
    train, features = audited.train, audited.features
    row_ids = train["row_id"].tolist()
    require_issues_of(row_ids, audited.label_issues)

    def labels(rows: pd.DataFrame) -> np.ndarray:
        return encode(rows["given_label"])

    def find_relabelled(variant: Variant) -> dict[int, str | float]:
        changed = np.flatnonzero((variant.labels != labels(train)).reshape(len(train), -1).any(axis=1))
        return dict(zip(changed.tolist(), decode(variant.labels[changed]), strict=True))

    def halve(rows: pd.DataFrame, seed: int) -> np.ndarray:
        """Spread classes over both halves, and keep equal rows together."""
        encoded = labels(rows)
        is_class_code = np.issubdtype(encoded.dtype, np.integer)
        strata = encoded if is_class_code else np.zeros(len(rows), dtype=np.int64)
        return divide_rows(strata, group_equal_rows(rows[features]), [0.5, 0.5], seed=seed)

    task: VariantTask[pd.DataFrame] = VariantTask(
        metrics=metrics,
        row_ids=row_ids,
        clean=lambda: clean(audited.label_issues),
        relabelled=find_relabelled,
        select=lambda rows, mask: rows[mask].reset_index(drop=True),
        labels=labels,
        halve=halve,
        fit=lambda rows, variant: fit_rows(audited.build, rows[features], variant, row_weights(rows)),
        predict=lambda model, rows: predict(model, rows[features]),
        score=lambda rows, predicted: weigh(score(labels(rows), predicted), row_weights(rows)),
        blocks=blocks or _time_blocks,
    )
    return compare_cleaned_variants(
        task,
        train,
        audited.test,
        choose_on=choose_on,
        settings=settings,
        baseline_on_test=None if baseline_on_test is None else baseline_on_test.__getitem__,
        reviewed=_take_reviewed(audited, labels, find_relabelled),
    )


def _take_reviewed(
    audited: AuditedTable,
    labels: Callable[[pd.DataFrame], np.ndarray],
    find_relabelled: Callable[[Variant], Mapping[int, str | float]],
) -> ReviewedItems[pd.DataFrame] | None:
    """Return the rows as reviewers left them; None where these train rows are as they were."""
    corrected = audited.corrected
    if corrected is None or not corrected.changes(audited.train):
        return None
    keep, decided = corrected.find_usable(audited.train), labels(corrected.correct(audited.train)).copy()
    decided[~keep] = labels(audited.train)[~keep]
    variant = Variant(keep=keep, labels=decided)
    return ReviewedItems(
        variant=variant,
        relabelled=find_relabelled(variant),
        test=corrected.correct(audited.test),
        is_reviewed=corrected.find_reviewed(audited.test) & corrected.find_usable(audited.test),
    )


def compare_class_variants(audited: AuditedTable, settings: ComparisonSettings, **how: Any) -> VariantComparison:
    """Compare variants of rows with one class each by predicted probabilities, see ``compare_table_variants``."""
    names = list(audited.train["given_label"].cat.categories)
    predict = partial(predict_all_classes, n_classes=len(names))

    def decode(codes: np.ndarray) -> list[str]:
        return [names[code] for code in codes]

    return compare_table_variants(audited, settings, encode=encode_labels, decode=decode, predict=predict, **how)


def fit_rows(
    build: Callable[[], Pipeline], features: pd.DataFrame, variant: Variant, weights: np.ndarray | None = None
) -> Pipeline:
    """Fit a new pipeline on the rows that a variant keeps, by its weights times those of the rows."""
    keep = variant.keep
    combined = take_weights(combine_weights(weights, variant.weights), keep)
    return fit_pipeline(build, features[keep], variant.labels[keep], combined)


def fit_chosen_variant(
    comparison: VariantComparison,
    audited: AuditedTable,
    *,
    encode: Callable[[pd.Series[Any]], np.ndarray] = pd.Series.to_numpy,
    weights: np.ndarray | None = None,
) -> Pipeline:
    """Fit the chosen variant of a comparison.

    Args:
        comparison: the comparison that chose; it lists the rows that the variant removes and relabels.
        audited: the audited rows.
        encode: labels as the array that the model is fitted on; by default as people read them, so that the model
            predicts such labels.
        weights: weights of all train rows, shape (n_train,); None weighs all the same.
    """
    chosen, train = comparison.result(comparison.chosen), audited.train
    keep = ~train["row_id"].isin(chosen.removed_rows).to_numpy()
    relabelled = train["row_id"].map(chosen.relabelled_rows)
    labels = train["given_label"].astype(object).where(relabelled.isna(), relabelled).infer_objects()
    variant = Variant(keep=keep, labels=encode(labels), weights=weights)
    return fit_rows(audited.build, train[audited.features], variant, row_weights(train))


def fit(
    context: StepContext,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
    label_issues: AnyTable,
    variant_comparison: Comparison,
) -> FittedModel:
    """The final model, fitted on the chosen variant of the train rows, with its model card; stored without pickle."""
    audited = AuditedTable.of(context, training_set, predictions, label_issues)
    return put_on_card(context, audited, fit_chosen_variant(variant_comparison.value, audited))


def put_on_card(context: StepContext, audited: AuditedTable, pipeline: Pipeline) -> FittedModel:
    """Say on the card of a final model what it takes and what it predicts."""
    return FittedModel(model=pipeline, card={"features": audited.features, "label": context.dataset.allowed_labels})


def _time_blocks(rows: pd.DataFrame) -> np.ndarray | None:
    return rows["time_block"].to_numpy() if "time_block" in rows else None
