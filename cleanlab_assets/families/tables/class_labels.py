"""The audit of one class for each row: settings, facts and figures of confident learning."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

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
    share,
)
from cleanlab_assets.families.label_issues import describe_ranking
from cleanlab_assets.families.step import PredictionsTable, Settings, TrainingSetTable
from cleanlab_assets.methods.calibration import Calibration
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.label_issues import (
    ODDS,
    FilterRule,
    FindIssues,
    LabelIssues,
    QualityMethod,
    count_flags_by_rule,
    find_label_issues,
)
from cleanlab_assets.methods.quality_choice import choose_quality_method
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Json, Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, require_same_rows
from cleanlab_assets.reports.formatting import format_number
from cleanlab_assets.reports.plots import plot_label_quality, plot_noise_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.methods.shown import Shown

JUDGED_CLASS = (
    *(ROW_ID, SPLIT, GIVEN_LABEL, *filled("suggested_label"), LABEL_QUALITY, share("error_probability")),
    *(IS_LABEL_ISSUE, RANK),
)
"""Columns of every table of labels that are classes."""
OTHER_SCORES = (share("normalized_margin"), share("noise_posterior"))
"""The scores that could rank and that no other column holds."""
CLASS_LABEL_ISSUES = TableContract(
    "ClassLabelIssues",
    "Every audited row with given and suggested label, label quality, flag and rank (1 = worst), and its features.",
    (*JUDGED_CLASS, *OTHER_SCORES),
)


class LabelIssuesSettings(Settings):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field(
        "odds",
        description="Rule of the flags: odds of another class on calibrated probabilities, or one of cleanlab's.",
    )
    odds: float = Field(
        ODDS,
        ge=1.0,
        le=1_000_000.0,
        description="The rule odds flags a label where another class is more than this many times as likely.",
    )
    quality_method: Literal[QualityMethod, "by_planted_errors"] = Field(
        "by_planted_errors",
        description="Score of the ranking; by_planted_errors is self_confidence, unless another one is shown to find "
        "more errors like those that these labels seem to hold.",
    )


class ClassLabelIssuesFacts(LabelIssuesFacts):
    """How labels were judged; ``correct_rates`` has the estimated P(given label is the class | it truly is).

    ``flags_by_rule`` counts the train rows that each rule would flag. All estimates are those of the train rows.
    """

    filter_by: FilterRule
    odds: float
    calibration: Calibration
    flags_by_rule: dict[FilterRule, int]
    quality_method: QualityMethod
    correct_rates: dict[str, float]

    @property
    def same_audit(self) -> FindIssues:
        """The audit with these rules, for other predictions, features and folds."""
        return partial(find_label_issues, **self.rules)

    @property
    def rules(self) -> dict[str, Any]:
        """How labels are flagged and ranked, as ``find_label_issues`` takes it."""
        return {"filter_by": self.filter_by, "odds": self.odds, "quality_method": self.quality_method}


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
    folds = rows["fold"].to_numpy()
    rules, seed = settings.model_dump(), training_set.facts.seed
    ranked_by = None
    if settings.quality_method == "by_planted_errors":
        ranked_by = choose_quality_method(predictions.value, folds, seed=seed)
        rules["quality_method"] = ranked_by.chosen
    found = find_label_issues(predictions.value, rows[context.readable_features], folds, **rules)
    matrix = found.noise_matrix
    facts = ClassLabelIssuesFacts(
        seed=seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=describe_rule(settings.filter_by, settings.odds),
        notes=[*predictions.facts.notes, *found.notes],
        looks_in_sample=predictions.facts.looks_in_sample,
        **found.n_errors.to_facts(),
        **rules,
        ranked_by=ranked_by,
        calibration=found.calibration,
        flags_by_rule=count_flags_by_rule(predictions.value, folds, odds=settings.odds),
        correct_rates={name: float(matrix.loc[name, name]) for name in matrix.index},
    )
    return found, facts


def describe_rule(filter_by: FilterRule, odds: float) -> str:
    """Say in words which labels a rule flags."""
    if filter_by != "odds":
        return f"cleanlab's rule {filter_by}"
    return f"odds above {odds:g} to 1 for another class, on calibrated probabilities"


def describe_counts(flags_by_rule: Mapping[FilterRule, int]) -> str:
    """Say how many rows each rule would flag."""
    return ", ".join(f"{rule} {number:,}" for rule, number in flags_by_rule.items())


def describe_bracket(facts: LabelIssuesFacts, *, unit: str = "row") -> dict[str, str]:
    """Say how many errors there may be, for a report; nothing where there is no estimate."""
    bracket = facts.error_bracket
    return {} if bracket is None else {f"Errors among the train {unit}s, a bracket": bracket.describe()}


def describe_class_audit(facts: ClassLabelIssuesFacts, *, unit: str = "row") -> dict[str, str]:
    """Say how labels were flagged, what other rules would flag, and how many errors there may be, for a report."""
    calibration = facts.calibration
    return {
        "Rule of the flags": facts.flag_rule,
        f"Train {unit}s that each rule would flag": describe_counts(facts.flags_by_rule),
        **describe_bracket(facts, unit=unit),
        "Ranked by": f"{facts.quality_method}{describe_ranking(facts.ranked_by)}",
        "Calibration": f"{calibration.method}, temperature {format_number(calibration.temperature)}; expected "
        f"calibration error {format_number(calibration.error_before)} before, "
        f"{format_number(calibration.error_after)} after",
    }


def show_class_issues(
    table: pd.DataFrame, *, facts: ClassLabelIssuesFacts, noise_matrix: pd.DataFrame
) -> dict[str, Shown]:
    """Show the distribution of the label quality, the estimated P(given label | true label), and what rules flag."""
    quality = table["label_quality"].to_numpy(dtype=np.float64)
    return {
        "plots": Plots(
            {
                "Label quality": plot_label_quality(quality, table["is_label_issue"].to_numpy(dtype=bool)),
                "P(given label | true label), estimated": plot_noise_matrix(noise_matrix),
            }
        ),
        "calibration": Json(facts.calibration.model_dump()),
        "flagged_train_rows_by_rule": Json(dict(facts.flags_by_rule)),
        "noise_matrix": TableView.whole(noise_matrix.rename_axis("given_label").reset_index()),
    }
