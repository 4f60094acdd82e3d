"""How runs and checks decide the exit code of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.cli.terminal import ExitCode, fail, print_checks
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.runs import CheckOutcome, RunOutcome


def end_on_failure(family: Family, outcome: RunOutcome) -> None:
    """End the command if a run failed."""
    if is_gate_closed(family, outcome):
        failed = ", ".join(f"{check.asset} {check.check}" for check in outcome.checks if not check.passed)
        fail(ExitCode.GATE_FAILED, f"what follows was not made, since a check failed: {failed}")
    if not outcome.success:
        fail(find_exit_code(family, outcome), outcome.error or "the run failed")


def find_exit_code(family: Family, outcome: RunOutcome) -> ExitCode:
    """Return the exit code of a failed run."""
    if is_gate_closed(family, outcome):
        return ExitCode.GATE_FAILED
    return ExitCode.WRONG_USE if outcome.is_wrong_use else ExitCode.RUN_FAILED


def end_on_failed_gates(checks: Sequence[CheckOutcome]) -> None:
    """End the command if one of the checks fails the gate.

    Where the settings make gates errors, every failed check counts, also one that was evaluated when gates only warned.
    """
    if load_settings().gate_severity == "error":
        failed = [check.model_copy(update={"severity": "ERROR"}) for check in checks if not check.passed]
    else:
        failed = [check for check in checks if check.is_error]
    if failed:
        print_checks(failed)
        fail(ExitCode.GATE_FAILED, f"{len(failed)} of {len(checks)} checks failed")


def is_gate_closed(family: Family, outcome: RunOutcome) -> bool:
    """Whether a run failed because a blocking check did, and not because a step broke."""
    import dagster as dg

    return any(
        not check.passed
        and any(
            spec.blocking and spec.name == check.check
            for spec in family.checks_of(dg.AssetKey.from_user_string(check.asset))
        )
        for check in outcome.checks
    )
