"""The step that sums an audit up in aggregates, in one shape for every family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cleanlab_assets.families.detection_power import DETECTION_POWER, NOT_LOOKED_FOR
from cleanlab_assets.families.step import MODEL, Step, StepContext, inputs_of
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import Json
from cleanlab_assets.methods.split_counts import say_by_split
from cleanlab_assets.reports.audit_facts import AuditFacts, collect_facts

if TYPE_CHECKING:
    from cleanlab_assets.families.family import TaskFamily

AUDIT_FACTS = "audit_facts"
_INPUTS = ("training_set", "predictions", "label_issues", "variant_comparison")


def build_audit_facts(family: TaskFamily) -> Step:
    """Make the step that collects the facts of a family's audits."""
    others = inputs_of(family.data_issues) if family.data_issues else ()
    measured = [step.name for step in family.steps if step.name == DETECTION_POWER]

    def run(context: StepContext, **inputs: Result[Any, Any]) -> Result[AuditFacts, NoFacts]:
        issues = family.data_issues(**{name: inputs[name] for name in others}) if family.data_issues else None
        predictions = inputs["predictions"]
        facts = collect_facts(
            family=family.name,
            unit=family.unit,
            report_asset=family.report_asset,
            dataset=context.dataset,
            model=context.model,
            training_set=inputs["training_set"],
            predictions=predictions,
            label_issues=inputs["label_issues"],
            comparison=inputs["variant_comparison"].value,
            data_issues=issues,
            detection_power=inputs[DETECTION_POWER].value if measured else NOT_LOOKED_FOR,
        )
        return Result(
            value=facts,
            facts=NoFacts(),
            durations=predictions.origin.durations,
            show=lambda: {
                "n_label_issues": facts.n_label_issues,
                "label_issue_rate": facts.label_issue_rate,
                "flagged_by_split": say_by_split(facts.by_split, facts.unit),
                "verdict": facts.verdict,
                "facts": Json(facts.model_dump(mode="json", exclude={"worst_rows"})),
            },
        )

    return Step(
        name=AUDIT_FACTS,
        level=MODEL,
        run=run,
        inputs=tuple(dict.fromkeys([*_INPUTS[:3], *measured, *others, _INPUTS[3]])),
        description="What the audit found, in aggregates: the source of the summary, the model comparison and the "
        "command line.",
        value=AuditFacts,
        storage="json",
        code_version="8",
        kinds=frozenset({"pydantic", "json"}),
        shows_catalogue=True,
    )
