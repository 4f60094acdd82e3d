"""The issues of the multilabel family: label issues of rows and of their classes, and Datalab's other types."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import (
    IS_LABEL_ISSUE,
    LABEL_QUALITY,
    RANK,
    ROW_ID,
    SPLIT,
    TableContract,
    count,
    filled,
    flag,
    share,
    text,
)
from cleanlab_assets.families.label_issues import show_ranking, store_label_issues
from cleanlab_assets.families.multilabel.class_quality import choose_class_quality
from cleanlab_assets.families.multilabel.label_set_quality import (
    EXPECTED_PRECISION,
    MOST_FLAGGED,
    Aggregation,
    LabelSetIssues,
    choose_aggregation,
    count_flagged_sets_by_rule,
    find_label_set_issues,
    list_class_issues,
)
from cleanlab_assets.families.multilabel.predictions import CalibrationMethod
from cleanlab_assets.families.step import PlainTable, Settings, StepContext, TrainingSetTable, step
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.label_issues import FilterRule, QualityMethod
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.score_choice import ScoreChoice
from cleanlab_assets.methods.shown import Json, Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, require_same_rows
from cleanlab_assets.reports.plots import plot_label_quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.families.multilabel.predictions import LabelSetPredictionsTable
    from cleanlab_assets.methods.shown import Shown

WORST_ROWS = 20
WORST_COLUMNS = (
    *("rank", "row_id", "split", "given_label", "suggested_label", "missing_labels", "extra_labels"),
    *("label_quality", "is_label_issue"),
)


class LabelIssuesSettings(Settings):
    """How label issues are flagged and ranked."""

    filter_by: FilterRule = Field(
        "odds",
        description="Rule of the flags of each class: odds that are high enough for a wanted share of right flags, or "
        "one of cleanlab's.",
    )
    expected_precision: float = Field(
        EXPECTED_PRECISION, gt=0.0, lt=1.0, description="Share of right flags that the rule odds expects."
    )
    most_flagged: float = Field(
        MOST_FLAGGED, gt=0.0, le=1.0, description="Largest share of the rows that the rule odds flags."
    )
    quality_method: Literal[QualityMethod, "by_planted_errors"] = Field(
        "by_planted_errors",
        description="Score of each class of a row; by_planted_errors is self_confidence, unless noise_posterior is "
        "shown to find more errors like those that these labels seem to hold.",
    )
    aggregation: Literal[Aggregation, "by_planted_errors"] = Field(
        "by_planted_errors",
        description="How the scores of a row's classes become that of the row; by_planted_errors is softmin, "
        "unless another one is shown to find more errors planted in a copy of the labels.",
    )


class ClassFigures(Facts):
    """What was found of one class among all audited rows; figures that are undefined are None.

    ``roc_auc`` is that of the out-of-sample predictions of the train rows.
    """

    class_name: str
    n_rows: int
    n_missing: int
    n_extra: int
    missing_share: float | None
    extra_share: float | None
    mean_quality: float | None
    roc_auc: float | None


class LabelSetIssuesFacts(LabelIssuesFacts):
    """How label sets were judged, what calibration changed, and what was found of each class.

    ``classes_judged_by`` says which score judges a class of a row, and ``ranked_by`` how these become that of the row.
    """

    filter_by: FilterRule
    expected_precision: float
    most_flagged: float
    flags_by_rule: dict[FilterRule, int]
    quality_method: QualityMethod
    classes_judged_by: ScoreChoice | None = None
    aggregation: Aggregation
    calibration_method: CalibrationMethod
    calibration_error: float
    uncalibrated_error: float
    uncalibrated_flag_rate: float
    by_class: list[ClassFigures]

    @property
    def same_audit(self) -> Callable[[pd.DataFrame, pd.DataFrame], LabelSetIssues]:
        """The audit with these rules, for other predictions and features."""
        return partial(
            find_label_set_issues,
            filter_by=self.filter_by,
            expected_precision=self.expected_precision,
            most_flagged=self.most_flagged,
            quality_method=self.quality_method,
            aggregation=self.aggregation,
            seed=self.seed,
        )

    def class_table(self) -> pd.DataFrame:
        """Return one row for each class."""
        return pd.DataFrame.from_records([item.model_dump() for item in self.by_class])


LabelSetIssuesTable: TypeAlias = Result[pd.DataFrame, LabelSetIssuesFacts]


@step(
    "cleanlab",
    code_version="7",
    facts=LabelSetIssuesFacts,
    contract=TableContract(
        "LabelSetIssues",
        "Every audited row with given and suggested label, what is missing and extra, label quality, flag and rank.",
        (
            ROW_ID,
            SPLIT,
            *(text(name) for name in ("given_label", "suggested_label", "missing_labels", "extra_labels")),
            LABEL_QUALITY,
            share("error_probability"),
            IS_LABEL_ISSUE,
            RANK,
        ),
    ),
    settings=LabelIssuesSettings,
)
def label_issues(
    context: StepContext,
    settings: LabelIssuesSettings,
    training_set: TrainingSetTable,
    predictions: LabelSetPredictionsTable,
) -> LabelSetIssuesTable:
    """Every row with its split, given and suggested label, which classes are missing or extra, quality, flag and rank.

    Each class is judged by itself, and a row is flagged if one of its classes is; its label quality aggregates theirs,
    in the way that finds errors planted in a copy of the labels. Test rows are audited beside the train rows, and
    change nothing of what is found of these. The flag rate without calibration is told beside.
    """
    rows = audited_rows(training_set.value)
    require_same_rows(predictions.value, rows, what="predictions")
    features, predicted = rows[context.readable_features], predictions.facts
    seed, rules = training_set.facts.seed, settings.model_dump()
    classes_judged_by = ranked_by = None
    if settings.quality_method == "by_planted_errors":
        classes_judged_by = choose_class_quality(predictions.value, seed=seed)
        rules["quality_method"] = classes_judged_by.chosen
    if settings.aggregation == "by_planted_errors":
        ranked_by = choose_aggregation(predictions.value, quality_method=rules["quality_method"], seed=seed)
        rules["aggregation"] = ranked_by.chosen
    issues = find_label_set_issues(predictions.value, features, **rules, seed=seed)
    uncalibrated = find_label_set_issues(predictions.value, features, **rules, calibrated=False, seed=seed)
    before = uncalibrated.table["is_label_issue"]
    by_class = issues.by_class.assign(roc_auc=list(predicted.class_roc_auc.values()))
    facts = LabelSetIssuesFacts(
        seed=seed,
        model_parameters=predicted.model_parameters,
        flag_rule=_describe_rule(settings, rules["quality_method"]),
        **issues.n_errors.to_facts(),
        flags_by_rule=count_flagged_sets_by_rule(
            predictions.value,
            expected_precision=settings.expected_precision,
            most_flagged=settings.most_flagged,
            quality_method=rules["quality_method"],
            seed=seed,
        ),
        classes_judged_by=classes_judged_by,
        ranked_by=ranked_by,
        notes=[*predicted.notes, *issues.notes],
        looks_in_sample=predicted.looks_in_sample,
        **rules,
        calibration_method=predicted.calibration_method,
        calibration_error=predicted.reliability.expected_calibration_error,
        uncalibrated_error=predicted.uncalibrated_error,
        uncalibrated_flag_rate=float(before.mean()),
        by_class=[ClassFigures(**record) for record in json.loads(by_class.to_json(orient="records"))],
    )

    def show(table: pd.DataFrame) -> dict[str, Shown]:
        quality = table["label_quality"].to_numpy(dtype=np.float64)
        plot = plot_label_quality(quality, table["is_label_issue"].to_numpy(dtype=bool))
        return {
            "label_issue_rate_before_calibration": facts.uncalibrated_flag_rate,
            "flagged_train_rows_by_rule": Json(dict(facts.flags_by_rule)),
            "by_class": TableView(by_class, len(by_class)),
            **({} if classes_judged_by is None else show_ranking(classes_judged_by, of="classes")),
            "plots": Plots({"Label quality": plot}),
        }

    return store_label_issues(issues.table, training_set.value, facts, columns=WORST_COLUMNS, show=show)


def _describe_rule(settings: LabelIssuesSettings, quality_method: QualityMethod) -> str:
    if settings.filter_by != "odds":
        return f"cleanlab's rule {settings.filter_by} for one class at least"
    doubt = (
        "noise posterior of one class at least so low"
        if quality_method == "noise_posterior"
        else "odds of one class at least so high"
    )
    return (
        f"{doubt} that {settings.expected_precision:.0%} of the flags are expected to be "
        f"right, and no more than {settings.most_flagged:.0%} of the rows, on calibrated probabilities"
    )


@step(
    "cleanlab",
    code_version="6",
    contract=TableContract(
        "LabelIssuesByClass",
        "Every class of every audited row: whether the label names it, its probability, quality, flag and rank in the "
        "class.",
        (
            text("row_id"),
            SPLIT,
            *filled("class_name"),
            flag("is_given"),
            share("probability"),
            LABEL_QUALITY,
            share("error_probability"),
            IS_LABEL_ISSUE,
            count("rank", 1),
        ),
    ),
)
def label_issues_by_class(
    context: StepContext, predictions: LabelSetPredictionsTable, label_issues: LabelSetIssuesTable
) -> PlainTable:
    """Every class of every audited row: whether the label names it, its probability, quality, flag and rank."""
    require_same_rows(predictions.value, label_issues.value, what="predictions")
    judged = label_issues.facts
    table = list_class_issues(
        predictions.value,
        filter_by=judged.filter_by,
        expected_precision=judged.expected_precision,
        most_flagged=judged.most_flagged,
        quality_method=judged.quality_method,
        seed=judged.seed,
    )
    flagged = table[table["is_label_issue"]].sort_values("label_quality")
    return Result(
        value=table,
        facts=NoFacts(),
        show=lambda: {"n_flagged": len(flagged), "worst": TableView(flagged, WORST_ROWS)},
    )
