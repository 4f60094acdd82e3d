"""The issues of the regression family: values that residuals make suspicious, and Datalab's other types."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

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
    flag,
    number,
)
from cleanlab_assets.families.label_issues import store_label_issues
from cleanlab_assets.families.regression.cut_calibration import CalibratedCut, calibrate_cut
from cleanlab_assets.families.regression.plots import plot_given_against_predicted, plot_quality_cuts
from cleanlab_assets.families.regression.predictions import take_predicted_values
from cleanlab_assets.families.regression.training_set import VALUE
from cleanlab_assets.families.regression.value_quality import FlagRule, ValueIssues, find_value_issues
from cleanlab_assets.families.step import Settings, StepContext, TrainingSetTable, step
from cleanlab_assets.methods.error_bracket import ErrorBracket, order_ends
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.result import Result
from cleanlab_assets.methods.shown import Plots
from cleanlab_assets.methods.training_set import audited_rows, require_same_rows, train_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.datasets.dataset import NumericLabel
    from cleanlab_assets.families.regression.predictions import (
        ValuePredictions,
        ValuePredictionsTable,
    )
    from cleanlab_assets.methods.shown import Shown


WORST_COLUMNS = (
    *("rank", "row_id", "split", "given_label", "suggested_label"),
    *("uncertainty", "label_quality", "is_label_issue"),
)


class LabelIssuesSettings(Settings):
    """How label issues are flagged."""

    flag_by: FlagRule = Field(
        "calibrated", description="The cut that flags: one of a known false-flag rate, or cleanlab's own."
    )
    false_flag_rate: float = Field(
        0.01, ge=0.001, le=0.2, description="Share of right labels that the calibrated cut may flag."
    )


class ValueLabelIssuesFacts(LabelIssuesFacts):
    """How values were judged: the rule, and both cuts of the label quality."""

    flag_by: FlagRule
    false_flag_rate: float
    cleanlab_cut: float
    calibrated_cut: CalibratedCut

    def same_audit(self, domain: NumericLabel) -> Callable[[pd.DataFrame, pd.DataFrame], ValueIssues]:
        """Return the audit with this rule and cut, for other predictions and features."""
        return partial(find_value_issues, domain=domain, flag_by=self.flag_by, calibrated_cut=self.calibrated_cut.cut)


ValueLabelIssuesTable: TypeAlias = Result[pd.DataFrame, ValueLabelIssuesFacts]


@step(
    "cleanlab",
    code_version="4",
    facts=ValueLabelIssuesFacts,
    contract=TableContract(
        "ValueLabelIssues",
        "Every audited row with given and suggested value, quality, flags of both cuts and rank, and its features.",
        (
            ROW_ID,
            SPLIT,
            VALUE,
            number("suggested_label"),
            LABEL_QUALITY,
            IS_LABEL_ISSUE,
            flag("is_below_cleanlab_cut"),
            RANK,
        ),
    ),
    settings=LabelIssuesSettings,
    is_heavy=True,
    sees_vectors=True,
)
def label_issues(
    context: StepContext,
    settings: LabelIssuesSettings,
    training_set: TrainingSetTable,
    predictions: ValuePredictionsTable,
) -> ValueLabelIssuesTable:
    """Every row with its split, given label, suggested label, label quality, flag and rank (1 is the worst).

    Lower quality is worse: the residual is large for the uncertainty of its prediction. Two cuts flag: cleanlab's own,
    and one that is calibrated on a copy of the train rows with planted errors, so that its false-flag rate is known.
    The train rows decide scale and cuts; test rows are judged by them.
    """
    domain, seed = context.dataset.label_domain, training_set.facts.seed
    rows = audited_rows(training_set.value)
    require_same_rows(predictions.value, rows, what="predictions")
    train = train_rows(rows)
    build = context.pipeline_factory(seed, predictions.facts.model_parameters)
    calibrated = calibrate_cut(
        train,
        build.features,
        build=build,
        domain=domain,
        predict=None if context.is_fitted else partial(_take_own_predictions, context),
        false_flag_rate=settings.false_flag_rate,
        seed=seed,
    )
    issues = find_value_issues(
        predictions.value,
        rows[context.readable_features],
        domain=domain,
        flag_by=settings.flag_by,
        calibrated_cut=calibrated.cut,
    )
    flagged_share = float(train_rows(issues.table)["is_label_issue"].mean())
    facts = ValueLabelIssuesFacts(
        seed=seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=_describe_rule(settings.flag_by, calibrated, flagged_share),
        looks_in_sample=predictions.facts.looks_in_sample,
        notes=[
            *predictions.facts.notes,
            *issues.notes,
            f"{predictions.facts.n_left_out:,} rows with doubtful labels took no part in training the models behind "
            "the cross-validated metrics",
            "the higher number of label errors is an upper one: where the model is wrong, right labels count too",
        ],
        **bracket_value_errors(issues.table, calibrated).to_facts(),
        flag_by=settings.flag_by,
        false_flag_rate=settings.false_flag_rate,
        cleanlab_cut=issues.cleanlab_cut,
        calibrated_cut=calibrated,
    )
    return store_label_issues(
        issues.table,
        training_set.value,
        facts,
        columns=WORST_COLUMNS,
        show=partial(_show_issues, facts=facts, unit=domain.unit),
    )


def _show_issues(table: pd.DataFrame, *, facts: ValueLabelIssuesFacts, unit: str) -> dict[str, Shown]:
    calibrated, is_issue = facts.calibrated_cut, table["is_label_issue"].to_numpy()
    given_against_predicted = plot_given_against_predicted(
        table["given_label"].to_numpy(), table["predicted_value"].to_numpy(), is_issue, unit
    )
    quality = plot_quality_cuts(
        table["label_quality"].to_numpy(dtype=np.float64),
        is_issue,
        {"cleanlab's cut": facts.cleanlab_cut, "calibrated cut": calibrated.cut},
    )
    return {
        "n_below_cleanlab_cut": int(table["is_below_cleanlab_cut"].sum()),
        "n_below_calibrated_cut": int(table["is_below_calibrated_cut"].sum()),
        "calibrated_cut": calibrated.cut,
        "calibrated_cut_highest_false_flag_rate": calibrated.highest_false_flag_rate,
        "calibrated_cut_false_flag_rate": calibrated.measured_false_flag_rate,
        "calibrated_cut_recall_of_planted": calibrated.recall,
        "cleanlab_cut_false_flag_rate": calibrated.cleanlab_false_flag_rate,
        "cleanlab_cut_recall_of_planted": calibrated.cleanlab_recall,
        "plots": Plots({"Given against predicted": given_against_predicted, "Label quality": quality}),
    }


def bracket_value_errors(label_issues: pd.DataFrame, calibrated: CalibratedCut) -> ErrorBracket:
    """Return the bracket of the number of errors among the train rows.

    From the rows below the calibrated cut that its false-flag rate does not explain, to the share of errors that the
    calibration finds in the rows as they came.
    """
    is_below = train_rows(label_issues)["is_below_calibrated_cut"].to_numpy(dtype=bool)
    unexplained = is_below.sum() - calibrated.measured_false_flag_rate * len(is_below)
    return order_ends(
        (max(0, round(unexplained)), "flags beyond the false-flag rate"),
        (round(calibrated.estimated_error_share * len(is_below)), "share of errors by the calibration"),
    )


def _describe_rule(flag_by: str, calibrated: CalibratedCut, flagged_share: float) -> str:
    """Say what the flags cost: the rate of the calibration where the model fits, else up to all that is flagged."""
    by_cleanlab = flag_by == "cleanlab"
    low = calibrated.cleanlab_false_flag_rate if by_cleanlab else calibrated.measured_false_flag_rate
    cut = "cleanlab's cut, which flags" if by_cleanlab else "a cut that flags"
    if low >= flagged_share:
        return f"{cut} at most {flagged_share:.1%} of right labels"
    return (
        f"{cut} {low:.1%} (where the model fits) to {flagged_share:.1%} (if no flagged label is wrong) of right labels"
    )


def _take_own_predictions(context: StepContext, rows: pd.DataFrame, labels: np.ndarray) -> ValuePredictions:
    """Return the user's own predictions of rows, whose uncertainty is told by other labels than the given ones."""
    return take_predicted_values(context.own_predictions(rows)[:, 0], labels, np.ones(len(rows), dtype=bool))
