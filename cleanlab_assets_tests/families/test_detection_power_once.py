"""The detection power takes fits: the check and the facts share what one of them measured."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cleanlab_assets.families.detection_power import measure_once
from cleanlab_assets.families.step import CheckResult
from cleanlab_assets.methods.result import NoFacts, Result


@dataclass
class _Counting:
    """A check that counts how often it runs."""

    n_runs: int = 0
    name: str = "detection_power"

    def run(self, context: Any, **_: Any) -> CheckResult:
        self.n_runs += 1
        return CheckResult(passed=True, description=f"{context.model}, run {self.n_runs}")


def _result(*values: int) -> Result[pd.DataFrame, NoFacts]:
    return Result(value=pd.DataFrame({"rank": values}), facts=NoFacts())


CONTEXT = SimpleNamespace(
    family="family of a test", dataset=SimpleNamespace(name="iris", description_hash="d"), model="knn"
)


def test_equal_results_are_measured_once() -> None:
    check: Any = _Counting()
    inputs: Any = {"label_issues": _result(1, 2), "training_set": _result(3)}

    again: Any = {"label_issues": _result(1, 2), "training_set": _result(3)}
    context: Any = CONTEXT

    first, second = (measure_once(check, context, found) for found in (inputs, again))

    assert (check.n_runs, first) == (1, second)


@pytest.mark.parametrize("change", ["input", "model"])
def test_anything_else_is_measured_anew(change: str) -> None:
    check: Any = _Counting()
    inputs: Any = {"label_issues": _result(1, 2)}
    other = inputs
    context: Any = CONTEXT
    measure_once(check, context, inputs)
    if change == "input":
        other = {"label_issues": _result(2, 1)}
    else:
        context = SimpleNamespace(**{**vars(CONTEXT), "model": "forest"})

    measure_once(check, context, other)

    assert check.n_runs == 2
