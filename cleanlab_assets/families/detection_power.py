"""The step that measures what an audit can find, and the check that judges it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from cleanlab_assets.families.step import CheckResult, Step, check, inputs_of, step
from cleanlab_assets.methods.detection_verdict import CAN_FIND, ONLY_GROSS, DetectionReport
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import TableView

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.methods.shown import Shown

DETECTION_POWER = "detection_power"
"""Name of the step, and of its check."""
DetectionResult: TypeAlias = Result[DetectionReport, NoFacts]

NOT_MEASURED = DetectionReport(
    why_not="the predictions are your own, and planted errors take a model that is fitted anew"
)

NOT_LOOKED_FOR = DetectionReport(why_not="this family plants no errors")


def detection_step(measure: Callable[..., DetectionReport]) -> Step:
    """Make the step ``detection_power`` of a family.

    Args:
        measure: plants errors in a copy of the labels and measures how they rank; takes the context and upstream
            results by the name of their step. Its docstring is the description of the step.
    """

    def run(context: StepContext, **inputs: Result[Any, Any]) -> DetectionResult:
        report = measure(context, **inputs)
        return Result(value=report, facts=NoFacts(), show=lambda: _show(report))

    made = step(
        "cleanlab",
        name=DETECTION_POWER,
        code_version="1",
        value=DetectionReport,
        storage="json",
        is_heavy=True,
        sees_vectors=True,
    )(run)
    return replace(made, inputs=inputs_of(measure), description=inspect.getdoc(measure) or "")


def _show(report: DetectionReport) -> dict[str, Shown]:
    shown: dict[str, Shown] = {"verdict": report.verdict or "not measured", "description": report.describe()}
    if report.kinds:
        shown["kinds"] = TableView.whole(report.to_table())
    if report.agreement is not None:
        shown["agreement_of_the_worst_rows"] = report.agreement
    return shown


@check(DETECTION_POWER)
def detection_power(context: StepContext, detection_power: DetectionResult) -> CheckResult:
    """Planted label errors of every kind rank far worse than without a model: the detector has signal.

    Where only gross errors are found, it warns; where not even these are, flags mean nothing, and it fails.
    """
    report = detection_power.value
    if report.verdict is None:
        return CheckResult(passed=True, severity="warn", description=report.describe())
    is_mild = report.verdict == ONLY_GROSS or bool(report.excuse)
    return CheckResult(
        passed=report.verdict == CAN_FIND,
        severity="warn" if is_mild else "error",
        description=f"{report.verdict}: {report.describe()}",
        figures={
            "verdict": report.verdict,
            "weakest_kind": report.weakest.kind,
            "average_precision_of_weakest": report.weakest.average_precision,
            "by_kind": TableView.whole(report.to_table()),
        },
    )
