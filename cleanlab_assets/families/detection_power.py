"""Judging whether planted errors rank far worse than by chance: the audit has signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cleanlab_assets.families.step import CheckResult
from cleanlab_assets.methods.shown import TableView, keep_finite

if TYPE_CHECKING:
    import pandas as pd

    from cleanlab_assets.methods.detection_power import DetectionPower

MINIMUM_LIFT = 2.0
"""Average precision of planted errors, as a multiple of chance, below which an audit counts as blind."""


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
