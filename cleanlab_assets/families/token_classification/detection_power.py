"""What the audit of tags can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.detection_power import NOT_MEASURED, detection_step
from cleanlab_assets.families.token_classification.plant import draw_sentences
from cleanlab_assets.methods.planted_audit import plant_and_audit_classes
from cleanlab_assets.methods.training_set import train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.step import PredictionsTable, StepContext
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable
    from cleanlab_assets.methods.detection_verdict import DetectionReport

DETECTION_TOKENS = 10_000
"""Tokens, of whole sentences, that detection power is measured on."""


@detection_step
def detection_power(
    context: StepContext, label_issues: ClassLabelIssuesTable, predictions: PredictionsTable
) -> DetectionReport:
    """What the audit can find: errors planted in the tags of a sample of sentences, and how they rank.

    They are any other tag, the tags that are taken for each other by the estimated noise matrix, and the second choice
    of the model near the border. Each kind is compared with chance and with a ranking by the frequency of the tags
    alone; the weakest kind decides the verdict.
    """
    if not context.is_fitted:
        return NOT_MEASURED
    facts, issues = label_issues.facts, train_rows(label_issues.value)
    is_drawn = draw_sentences(issues, DETECTION_TOKENS, seed=facts.seed)
    build = context.pipeline_factory(facts.seed, facts.model_parameters)
    return plant_and_audit_classes(
        issues[is_drawn].reset_index(drop=True),
        train_rows(predictions.value)[is_drawn].reset_index(drop=True),
        build.features,
        build=build,
        find_issues=facts.same_audit,
        seed=facts.seed,
        unit="tokens",
        max_rows=DETECTION_TOKENS,
        keep_together=["sentence"],
    )
