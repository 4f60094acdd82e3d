"""The audit of one class for each row: settings, facts and figures of confident learning."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import (
    GIVEN_LABEL,
    IS_LABEL_ISSUE,
    LABEL_QUALITY,
    RANK,
    ROW_ID,
    SPLIT,
    TableContract,
    filled,
)
from cleanlab_assets.families.step import PredictionsTable, Settings, TrainingSetTable
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.label_issues import FilterRule, LabelIssues, QualityMethod, find_label_issues
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, require_same_rows
from cleanlab_assets.reports.plots import plot_label_quality, plot_noise_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.methods.shown import Shown

CLASS_LABEL_ISSUES = TableContract(
    "ClassLabelIssues",
    "Every audited row with given and suggested label, label quality, flag and rank (1 = worst), and its features.",
    (ROW_ID, SPLIT, GIVEN_LABEL, *filled("suggested_label"), LABEL_QUALITY, IS_LABEL_ISSUE, RANK),
)


class LabelIssuesSettings(Settings):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field("prune_by_noise_rate", description="cleanlab's rule for the flags.")
    quality_method: QualityMethod = Field("self_confidence", description="cleanlab's score for the ranking.")


class ClassLabelIssuesFacts(LabelIssuesFacts):
    """How labels were judged; ``correct_rates`` has the estimated P(given label is the class | it truly is).

    All estimates are those of the train rows.
    """

    filter_by: FilterRule
    quality_method: QualityMethod
    correct_rates: dict[str, float]

    @property
    def same_audit(self) -> Callable[[pd.DataFrame, pd.DataFrame], LabelIssues]:
        """The audit with these rules, for other predictions and features."""
        return partial(find_label_issues, filter_by=self.filter_by, quality_method=self.quality_method)


ClassLabelIssuesTable: TypeAlias = Result[pd.DataFrame, ClassLabelIssuesFacts]


def audit_class_labels(
    context: StepContext, settings: LabelIssuesSettings, training_set: TrainingSetTable, predictions: PredictionsTable
) -> tuple[LabelIssues, ClassLabelIssuesFacts]:
    """Score, flag and rank the given class of every row.

    Returns:
        What was found, and the facts of the audit.
    """
    rows = audited_rows(training_set.value)
    require_same_rows(predictions.value, rows, what="predictions")
    found = find_label_issues(
        predictions.value,
        rows[context.readable_features],
        filter_by=settings.filter_by,
        quality_method=settings.quality_method,
    )
    matrix = found.noise_matrix
    facts = ClassLabelIssuesFacts(
        seed=training_set.facts.seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=f"cleanlab's rule {settings.filter_by}",
        notes=[*predictions.facts.notes, *found.notes],
        looks_in_sample=predictions.facts.looks_in_sample,
        estimated_errors=found.estimated_errors,
        filter_by=settings.filter_by,
        quality_method=settings.quality_method,
        correct_rates={name: float(matrix.loc[name, name]) for name in matrix.index},
    )
    return found, facts


def show_class_issues(table: pd.DataFrame, *, noise_matrix: pd.DataFrame) -> dict[str, Shown]:
    """Show the distribution of the label quality, and the estimated P(given label | true label)."""
    quality = table["label_quality"].to_numpy(dtype=np.float64)
    return {
        "plots": Plots(
            {
                "Label quality": plot_label_quality(quality, table["is_label_issue"].to_numpy(dtype=bool)),
                "P(given label | true label), estimated": plot_noise_matrix(noise_matrix),
            }
        ),
        "noise_matrix": TableView.whole(noise_matrix.rename_axis("given_label").reset_index()),
    }
