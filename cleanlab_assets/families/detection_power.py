"""Judging whether planted errors rank far worse than by chance: the audit has signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from cleanlab_assets.families.step import CheckResult
from cleanlab_assets.methods.provenance import hash_result
from cleanlab_assets.methods.shown import TableView, keep_finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cleanlab_assets.families.step import Check, StepContext
    from cleanlab_assets.methods.detection_power import DetectionPower
    from cleanlab_assets.methods.result import Result

MINIMUM_LIFT = 2.0
"""Average precision of planted errors, as a multiple of chance, below which an audit counts as blind."""


DETECTION_POWER = "detection_power"
"""Name of the check that says whether the model finds planted errors."""
_latest: dict[str, tuple[object, CheckResult]] = {}
"""By family what was measured last in this process, and of what."""


def measure_once(check: Check, context: StepContext, inputs: Mapping[str, Result[Any, Any]]) -> CheckResult:
    """Run a check that takes fits once in a process for equal results: what it finds is also one of the facts.

    Args:
        check: the check.
        context: its context.
        inputs: what it takes, by name.
    """
    versions = {name: hash_result(result, {}) for name, result in inputs.items()}
    of_what = (context.dataset.name, context.dataset.description_hash, context.model, check.name, versions)
    if context.family not in _latest or _latest[context.family][0] != of_what:
        _latest[context.family] = of_what, check.run(context, **inputs)
    return _latest[context.family][1]


def forget_measurements() -> None:
    """Measure anew what ``measure_once`` has measured before."""
    _latest.clear()


NOT_MEASURED = CheckResult(
    passed=True,
    severity="warn",
    description="not measured: the predictions are your own, and planted errors take a model that is fitted anew",
)


def judge_detection_power(
    power: DetectionPower, *, among: str = "", severity: Literal["warn", "error"] = "error"
) -> CheckResult:
    """Judge whether planted errors rank far worse than by chance.

    Args:
        power: how well they were found.
        among: said after the number of planted errors, with a space before it.
        severity: of an audit without signal.
    """
    required = MINIMUM_LIFT * power.planted_share
    return CheckResult(
        passed=power.average_precision >= required,
        severity=severity,
        description=f"average precision {power.average_precision:.3f} on {power.n_planted} planted errors{among}; "
        f"chance is {power.planted_share:.3f}, at least {required:.3f} wanted",
        figures=keep_finite(power.model_dump()),
    )


def judge_detection_power_by_kind(power: pd.DataFrame) -> CheckResult:
    """Judge whether each kind of planted error ranks far worse than by chance.

    Args:
        power: one row a kind, with ``kind``, ``average_precision`` and ``chance``.
    """
    weak = power[power["average_precision"] < MINIMUM_LIFT * power["chance"]]
    shown = ", ".join(
        f"{kind} {value:.2f} (chance {chance:.2f})"
        for kind, value, chance in power[["kind", "average_precision", "chance"]].itertuples(index=False)
    )
    return CheckResult(
        passed=weak.empty,
        severity="error",
        description=f"average precision by kind of planted error: {shown}; at least {MINIMUM_LIFT:g} times chance "
        "wanted",
        figures={"by_kind": TableView.whole(power)},
    )
