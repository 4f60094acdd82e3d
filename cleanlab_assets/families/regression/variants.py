"""Does cleaning help a regression model? What each variant trains on, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from cleanlab_assets.families import settings as shared
from cleanlab_assets.families.family import FamilyVariants
from cleanlab_assets.families.regression.metrics import VALUE_METRICS, ScoredValues
from cleanlab_assets.families.regression.predictions import predict_values_out_of_sample, to_value_predictions_table
from cleanlab_assets.families.tables.variants import AuditedTable, clean_worst_rows, compare_table_variants, fit
from cleanlab_assets.methods.training_set import row_weights
from cleanlab_assets.methods.variants import ComparisonSettings, HeldOutFold, Variant, VariantComparison

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from cleanlab_assets.families.regression.issues import ValueLabelIssuesTable
    from cleanlab_assets.families.regression.predictions import ValuePredictionsTable
    from cleanlab_assets.families.regression.value_quality import ValueIssues
    from cleanlab_assets.families.step import StepContext, TrainingSetTable


def clean_value_rows(label_issues: pd.DataFrame, *, prune_fraction: float, seed: int) -> dict[str, Variant]:
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
    labels, is_issue = _encode_values(label_issues["given_label"]), label_issues["is_label_issue"].to_numpy(dtype=bool)
    if is_issue.all():
        raise ValueError(f"all {len(labels)} rows are flagged: nothing is left to train on, so use a lower cut")
    cleaned = clean_worst_rows(label_issues, _encode_values, prune_fraction=prune_fraction, seed=seed)
    return {**cleaned, "cleanlearning": Variant(keep=~is_issue, labels=labels)}


def compare_value_variants(
    audited: AuditedTable,
    *,
    find_issues: Callable[[pd.DataFrame, pd.DataFrame], ValueIssues],
    settings: ComparisonSettings,
) -> VariantComparison:
    """Compare the variants, see ``compare_table_variants``.

    The variant is chosen on the last fold of the train rows: where folds are stretches of time it is the one next to
    the test rows, predicted from its past as they are; where folds are drawn at random any fold will do. Flagged rows
    of that fold do not judge: one value that is ten times too large would outweigh all others.

    Args:
        audited: the audited rows; with ``time_block`` where they are a series, whose blocks are resampled whole then.
        find_issues: takes predictions and features of some rows and returns their label issues, with the domain and
            the cut of the real audit; audits the rows outside the validation fold.
        settings: how variants are compared.

    Raises:
        ValueError: see ``compare_table_variants``, or every row is flagged.
    """
    features, folds = audited.features, audited.train["fold"].to_numpy()
    clean = partial(clean_value_rows, prune_fraction=settings.prune_fraction, seed=settings.seed)

    def audit_and_clean(rows: pd.DataFrame, folds: np.ndarray) -> dict[str, Variant]:
        labels = _encode_values(rows["given_label"])
        predicted = predict_values_out_of_sample(
            rows[features], labels, folds, build=audited.build, weights=row_weights(rows)
        )
        return clean(find_issues(to_value_predictions_table(rows, predicted), rows[features]).table)

    last_fold = HeldOutFold(
        folds=folds,
        number=folds.max(),
        audit_and_clean=audit_and_clean,
        # The stored predictions are those of models that left the most doubtful rows out, not of the baseline.
        out_of_sample=None,
        is_trusted=~audited.label_issues["is_label_issue"].to_numpy(dtype=bool),
    )
    return compare_table_variants(
        audited,
        settings,
        choose_on=last_fold,
        metrics=VALUE_METRICS,
        clean=clean,
        score=ScoredValues,
        encode=_encode_values,
        decode=np.ndarray.tolist,
        predict=lambda model, rows: model.predict(rows),
    )


def _encode_values(labels: pd.Series[Any]) -> np.ndarray:
    return labels.to_numpy(dtype=np.float64)


class VariantComparisonSettings(shared.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["rmse", "mae", "r2"] = Field(
        "rmse", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: TrainingSetTable,
    predictions: ValuePredictionsTable,
    label_issues: ValueLabelIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Models trained on cleaned rows against the baseline, on untouched test rows.

    Variants: baseline, pruned, relabelled with the suggested values, all flagged rows removed (CleanLearning), and the
    random removal of as many rows as were pruned. Differences have paired bootstrap intervals.
    """
    return compare_value_variants(
        AuditedTable.of(context, training_set, predictions, label_issues),
        find_issues=label_issues.facts.same_audit(context.dataset.label_domain),
        settings=settings.of(training_set.facts.seed),
    )


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=VALUE_METRICS,
    lower_is_better=ScoredValues.lower_is_better,
    compare=compare,
    fit=fit,
    comparison_version="4",
    model_version="2",
)
