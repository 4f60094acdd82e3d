"""The issues of the classification family: label issues by confident learning, and Datalab's other types."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.families.label_issues import store_label_issues
from cleanlab_assets.families.step import PredictionsTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.class_labels import (
    CLASS_LABEL_ISSUES,
    ClassLabelIssuesFacts,
    ClassLabelIssuesTable,
    LabelIssuesSettings,
    audit_class_labels,
    show_class_issues,
)


@step(
    "cleanlab", code_version="5", facts=ClassLabelIssuesFacts, contract=CLASS_LABEL_ISSUES, settings=LabelIssuesSettings
)
def label_issues(
    context: StepContext, settings: LabelIssuesSettings, training_set: TrainingSetTable, predictions: PredictionsTable
) -> ClassLabelIssuesTable:
    """Every row with its split, given label, suggested label, label quality, flag and rank (1 is the worst).

    Test rows are audited beside the train rows, and change nothing of what is found of these. Lower quality is worse.
    The row id says file and line, so that the label can be corrected at its source. Rank and flag follow different
    rules: a row is flagged where another class is likelier by some odds, whatever the quality of other rows.
    """
    found, facts = audit_class_labels(context, settings, training_set, predictions)
    show = partial(show_class_issues, facts=facts, noise_matrix=found.noise_matrix)
    return store_label_issues(found.table, training_set.value, facts, show=show)
