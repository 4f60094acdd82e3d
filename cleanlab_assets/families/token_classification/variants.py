"""Does cleaning help a tagger? What each variant learns from, and the comparison of all of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cleanlab_assets.families import settings as shared
from cleanlab_assets.families.family import FamilyVariants
from cleanlab_assets.families.tables.variants import AuditedTable, clean_worst_rows, compare_class_variants, fit
from cleanlab_assets.families.token_classification.metrics import TAG_F1_PREFIX, TOKEN_METRICS, ScoredTokens
from cleanlab_assets.families.token_classification.sentences import sentence_numbers
from cleanlab_assets.families.token_classification.training_set import validation_rows
from cleanlab_assets.methods.class_codes import encode_labels

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.families.step import PredictionsTable, StepContext, TrainingSetTable
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable
    from cleanlab_assets.methods.variants import ComparisonSettings, VariantComparison


def compare_token_variants(
    audited: AuditedTable, validation: pd.DataFrame, *, settings: ComparisonSettings
) -> VariantComparison:
    """Compare the variants, see ``compare_table_variants``; one is chosen on the validation tokens.

    ``pruned`` leaves out the worst flagged tokens, ``relabelled`` gives the same tokens their suggested tag;
    ``random_removal`` leaves out as many random tokens. A token that is left out is still read as context of the
    others. Intervals are of whole sentences drawn again, since the words of a sentence are not independent.

    Args:
        audited: the audited tokens.
        validation: validation rows, which no audit saw.
        settings: how variants are compared.
    """
    tags = list(audited.train["given_label"].cat.categories)
    return compare_class_variants(
        audited,
        settings,
        choose_on=validation,
        metrics=(*TOKEN_METRICS, *(f"{TAG_F1_PREFIX}{tag}" for tag in tags)),
        clean=partial(
            clean_worst_rows, encode=encode_labels, prune_fraction=settings.prune_fraction, seed=settings.seed
        ),
        score=partial(ScoredTokens, tags=tags),
        blocks=sentence_numbers,
    )


class VariantComparisonSettings(shared.VariantComparisonSettings):
    """The experiment that shows whether cleaning helps, and the metric that decides."""

    primary_metric: Literal["accuracy", "macro_f1", "log_loss"] = Field(
        "accuracy", description="Metric of the verdict and of the choice of the final model."
    )


def compare(
    context: StepContext,
    settings: VariantComparisonSettings,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
    label_issues: ClassLabelIssuesTable,
) -> VariantComparison:
    """Does cleaning help? Models trained on cleaned tags against the baseline, on untouched test sentences.

    Variants: baseline, pruned tokens (left out of the loss, kept as context), relabelled tokens, and the random
    removal of as many tokens as were pruned. The variant is chosen on the validation rows. Differences have paired
    bootstrap intervals of whole sentences; "no effect shown" is a normal verdict.
    """
    return compare_token_variants(
        AuditedTable.of(context, training_set, predictions, label_issues),
        validation_rows(training_set.value),
        settings=settings.of(training_set.facts.seed),
    )


VARIANTS = FamilyVariants(
    settings=VariantComparisonSettings,
    metrics=TOKEN_METRICS,
    lower_is_better=ScoredTokens.lower_is_better,
    compare=compare,
    fit=fit,
    comparison_version="3",
    model_version="2",
)
