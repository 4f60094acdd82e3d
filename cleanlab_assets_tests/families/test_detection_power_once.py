"""The detection power takes fits: the check and the facts share what one of them measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from cleanlab_assets.families.detection_power import measure_once
from cleanlab_assets.families.step import CheckResult


@dataclass
class _Counting:
    """A check that counts how often it runs."""

    n_runs: int = 0
    name: str = "detection_power"

    def run(self, context: Any, **_: Any) -> CheckResult:
        self.n_runs += 1
        return CheckResult(passed=True, description=f"{context.model}, run {self.n_runs}")


@dataclass(frozen=True)
class _Stored:
    data_hash: str
    provenance: Any = "some"

    @property
    def origin(self) -> Any:
        return SimpleNamespace(data_hash=self.data_hash)


CONTEXT = SimpleNamespace(
    family="family of a test", dataset=SimpleNamespace(name="iris", description_hash="d"), model="knn"
)


def test_equal_results_are_measured_once() -> None:
    check: Any = _Counting()
    inputs: Any = {"label_issues": _Stored("a"), "training_set": _Stored("b")}

    first, second = (measure_once(check, CONTEXT, dict(inputs)) for _ in range(2))  # type: ignore[arg-type]

    assert (check.n_runs, first) == (1, second)


@pytest.mark.parametrize("change", ["input", "model", "not stored"])
def test_anything_else_is_measured_anew(change: str) -> None:
    check: Any = _Counting()
    inputs: Any = {"label_issues": _Stored("a")}
    other = inputs
    context: Any = CONTEXT
    measure_once(check, context, inputs)
    if change == "input":
        other = {"label_issues": _Stored("c")}
    elif change == "model":
        context = SimpleNamespace(**{**vars(CONTEXT), "model": "forest"})
    else:
        other = {"label_issues": replace(_Stored("a"), provenance=None)}

    measure_once(check, context, other)

    assert check.n_runs == 2
