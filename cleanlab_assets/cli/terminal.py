"""What commands print, and how they end."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cleanlab_assets.orchestration.runs import CheckOutcome, RunOutcome
    from cleanlab_assets.reports.audit_summary import AuditSummary

WIDTH_OF_FILES = 160
"""Columns of a table that goes into a file or pipe."""
console = Console(highlight=False, soft_wrap=True, emoji=False)
if not console.is_terminal:
    console.width = WIDTH_OF_FILES
errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class ExitCode(IntEnum):
    """What the exit code of a command says.

    A gate is also a blocking check. Wrong use is also a wrong setting, and a description or a source file that cannot
    be read. Interrupts have the codes that shells give them: 128 and the number of the signal.
    """

    FINE = 0
    GATE_FAILED = 1
    WRONG_USE = 2
    RUN_FAILED = 3
    INTERRUPTED = 130
    TERMINATED = 143


def fail(code: ExitCode, message: str) -> NoReturn:
    """End the command with a message in one line."""
    errors.print(f"[red]error:[/red] {escape(message)}")
    raise typer.Exit(code)


def print_outcome(outcome: RunOutcome) -> None:
    """Say what was materialized and why, and which checks failed."""
    if not outcome.reasons:
        console.print(f"[dim]{outcome.partition}: {outcome.level} level is up to date[/dim]")
        return
    assets: dict[str, list[str]] = {}
    for key, reason in outcome.reasons.items():
        assets.setdefault(reason, []).append(key.path[-1])
    for reason, names in assets.items():
        console.print(f"[dim]{outcome.partition}: {', '.join(names)} ({escape(reason)})[/dim]")
    print_checks(check for check in outcome.checks if not check.passed)


def print_checks(checks: Iterable[CheckOutcome]) -> None:
    """Print one line for each check."""
    for check in checks:
        mark = "[red]FAIL[/red]" if check.is_error else "[yellow]warn[/yellow]"
        mark = "[green]pass[/green]" if check.passed else mark
        console.print(f"{mark}  {check.asset} {check.check}: {escape(check.description)}")


def print_summary(summary: AuditSummary) -> None:
    """Print a summary in words, with who wrote it."""
    console.print(f"\n[bold]{escape(summary.headline)}[/bold]")
    console.print(f"[bold]{summary.verdict}[/bold]: {escape(summary.verdict_reason)}")
    for finding in summary.findings:
        console.print(f"- {finding.severity}: {escape(finding.title)}. {escape(finding.evidence)}")
    for title, lines in (("next steps", summary.next_steps), ("caveats", summary.caveats)):
        if lines:
            console.print(f"[bold]{title}[/bold]")
        for line in lines:
            console.print(f"- {escape(line)}")
    because = f" ({summary.fallback_reason})" if summary.fallback_reason else ""
    console.print(f"[dim]written by {escape(summary.model or 'rules')}{escape(because)}[/dim]")
