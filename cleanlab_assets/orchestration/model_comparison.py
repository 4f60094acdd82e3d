"""The comparison level: every model of a family on one dataset, materialized or not, and where the models agree."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from cleanlab_assets.families.contracts import GIVEN_LABEL, RANK, ROW_ID, SPLIT, TableContract, count, share
from cleanlab_assets.families.step import (
    COMPARISON,
    CheckResult,
    LabelIssuesTable,
    Page,
    PredictionsTable,
    StepContext,
    check,
    gate,
    step,
)
from cleanlab_assets.methods.model_agreement import build_consensus_issues
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import Json, Plots, TableView
from cleanlab_assets.methods.stacking import StackFacts
from cleanlab_assets.orchestration.freshness import NOT_COMPARED, find_absent_models
from cleanlab_assets.reports.comparison_plots import plot_cv_and_test
from cleanlab_assets.reports.comparison_report import build_comparison_report
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.model_comparison import ModelComparison, compare_models, to_comparison_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.methods.stacking import StackedModels
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.reports.audit_facts import AuditFacts
    from cleanlab_assets.reports.model_comparison import NotCompared

CONSENSUS_COLUMNS = (
    "rank",
    "row_id",
    "split",
    "given_label",
    "suggested_label",
    "n_models_flagging",
    "mean_label_quality",
    "stack_label_quality",
    "flagged_by_stack",
)


class ConsensusFacts(Facts):
    """How the models were weighed; None where they are not weighed together."""

    stack: StackFacts | None


@step("pydantic", level=COMPARISON, storage="json", code_version="4", value=ModelComparison, shows_catalogue=True)
def model_comparison(
    context: ChainContext,
    audit_facts: Mapping[str, Result[AuditFacts, NoFacts]],
    label_issues: Mapping[str, LabelIssuesTable],
) -> Result[ModelComparison, NoFacts]:
    """Every model of the family on this dataset: how well it predicts, what it flags, and what it agrees with.

    Models that failed, were never materialized, are out of date or were audited under other rules than most are
    listed with the reason. The best model is selected by its cross-validated metric, never by the test rows.
    """
    resources = context.dagster.resources
    family = resources.families[context.family]
    absent = find_absent_models(context.dagster.instance, family, context.dataset.name, resources.settings)
    compared = {model: result for model, result in audit_facts.items() if model not in absent}
    others = _find_other_rules(compared, label_issues)
    compared = {model: result for model, result in compared.items() if model not in others}
    comparison = compare_models(
        {model: result.value for model, result in compared.items()},
        absent | others,
        {model: label_issues[model].value for model in compared},
        fit_seconds={model: result.origin.durations.get("fit_seconds", 0.0) for model, result in compared.items()},
        family=context.family,
        dataset=context.dataset.name,
        title=context.dataset.title,
    )

    def show() -> dict[str, Shown]:
        table = to_comparison_table(comparison)
        columns = [name for name in table.columns if name != "error"][:9]
        shown: dict[str, Shown] = {
            NOT_COMPARED: Json({model: list(reason) for model, reason in absent.items()}),
            "selected": comparison.selected or "none",
            "n_models_compared": comparison.n_models_compared,
            "models": TableView(table, len(table), columns),
        }
        metric = comparison.primary_metric
        if metric is not None:
            rows = table[table["status"] == "compared"].set_index("model")
            plot = plot_cv_and_test(
                rows[[f"cv_{metric}", f"test_{metric}"]].set_axis(["cv", "test"], axis=1),
                metric,
                lower_is_better=bool(comparison.lower_is_better),
                selected=comparison.selected,
            )
            shown["plots"] = Plots({"Cross-validated and test metric": plot})
        return shown

    return Result(value=comparison, facts=NoFacts(), show=show)


@step(
    "pandas",
    level=COMPARISON,
    code_version="4",
    facts=ConsensusFacts,
    contract=TableContract(
        "ConsensusIssues",
        "Every audited row with how many models flag it, ranked by their stack, else by agreement.",
        (ROW_ID, SPLIT, GIVEN_LABEL, count("n_models_flagging"), share("mean_label_quality"), RANK),
    ),
)
def consensus_issues(
    context: ChainContext,
    model_comparison: Result[ModelComparison, NoFacts],
    label_issues: Mapping[str, LabelIssuesTable],
    predictions: Mapping[str, PredictionsTable],
) -> Result[pd.DataFrame, ConsensusFacts]:
    """Every audited row with how many models flag it, and what they find as one.

    Where models predict class probabilities, they are weighed together so that the given labels become most likely, and
    the rows are ranked by what this stack says; else by how many models flag a row, then by the mean label quality.
    """
    compared = [result.model for result in model_comparison.value.compared]
    issues = {model: label_issues[model].value for model in compared}
    # Images are features too, and are not repeated in the tables of their issues.
    repeated = [name for name in context.features if all(name in table for table in issues.values())]
    stack = context.dagster.resources.families[context.family].task.stack
    stacked: StackedModels | None = None
    if stack is not None and len(compared) > 1:
        of_models = ({model: results[model] for model in compared} for results in (predictions, label_issues))
        stacked = stack(*of_models)
    consensus = build_consensus_issues(issues, features=repeated, stacked=None if stacked is None else stacked.table)
    n_flagging = consensus["n_models_flagging"]

    def show() -> dict[str, Shown]:
        return {
            "n_models": len(issues),
            "n_flagged_by_any": int((n_flagging > 0).sum()),
            "n_flagged_by_all": int((n_flagging == len(issues)).sum()),
            **({} if stacked is None else _show_stack(stacked.facts, consensus)),
            "worst_rows": TableView.worst(consensus, [name for name in CONSENSUS_COLUMNS if name in consensus]),
        }

    return Result(value=consensus, facts=ConsensusFacts(stack=None if stacked is None else stacked.facts), show=show)


def _show_stack(facts: StackFacts, consensus: pd.DataFrame) -> dict[str, Shown]:
    is_flagged = consensus["flagged_by_stack"]
    return {
        "n_flagged_by_stack": int(is_flagged.sum()),
        "n_flagged_by_stack_alone": int((is_flagged & (consensus["n_models_flagging"] == 0)).sum()),
        "stack": Json(facts.model_dump()),
    }


@step(level=COMPARISON, storage="html", code_version="3", value=str, shows_catalogue=True)
def comparison_report(
    context: StepContext,
    model_comparison: Result[ModelComparison, NoFacts],
    consensus_issues: Result[pd.DataFrame, ConsensusFacts],
) -> Page:
    """A self-contained HTML page that compares the models and lists the rows that most of them flag."""
    record = consensus_issues.origin
    report = build_comparison_report(
        model_comparison.value,
        consensus_issues.value,
        dataset=context.dataset,
        stack=consensus_issues.facts.stack,
        facts={"Compared": record.started, **record.versions},
        full_table=context.path_of("consensus_issues", of_dataset=True),
    )
    page = render_report(report)
    return Result(value=page, facts=NoFacts(), show=lambda: {"size_kb": len(page) // 1000})


@check("model_comparison")
def every_model_compared(
    context: StepContext,  # noqa: ARG001 - every check takes it
    model_comparison: Result[ModelComparison, NoFacts],
) -> CheckResult:
    """Every model of the family is compared."""
    comparison = model_comparison.value
    absent = [
        f"{result.model} {result.status}" + (f" ({result.error})" if result.error else "")
        for result in comparison.results
        if result.status != "compared"
    ]
    return gate(
        passed=not absent,
        description="; ".join(absent) or f"all {len(comparison.results)} models are compared",
        figures={"n_compared": comparison.n_models_compared, "n_absent": len(absent)},
    )


COMPARISON_STEPS = (model_comparison, consensus_issues, comparison_report)
COMPARISON_CHECKS = (every_model_compared,)


def _find_other_rules(
    facts: Mapping[str, Result[AuditFacts, NoFacts]], label_issues: Mapping[str, Result[pd.DataFrame, Any]]
) -> dict[str, tuple[NotCompared, str]]:
    """Rule out the models whose audits judge by another primary metric, or flag by other settings, than most."""
    rules = {
        model: {"primary_metric": result.value.primary_metric, **label_issues[model].origin.config}
        for model, result in facts.items()
    }
    counts = Counter(json.dumps(rule, sort_keys=True) for rule in rules.values())
    if len(counts) < 2:  # noqa: PLR2004 - one set of rules is what is wanted
        return {}
    usual = json.loads(counts.most_common(1)[0][0])
    differing = {
        model: [
            f"{name} is {rule.get(name)}, that of most is {usual.get(name)}"
            for name in sorted(rule.keys() | usual)
            if rule.get(name) != usual.get(name)
        ]
        for model, rule in rules.items()
    }
    return {model: ("out of date", "; ".join(reasons)) for model, reasons in differing.items() if reasons}
