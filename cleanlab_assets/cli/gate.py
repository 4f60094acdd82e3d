"""Commands that judge an audit: ``gate`` by its checks, and ``accept`` as what later audits are compared with."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cleanlab_assets.cli import options
from cleanlab_assets.cli.audits import hold_partitions, prepare_runs
from cleanlab_assets.cli.gates import end_on_failure, is_gate_closed
from cleanlab_assets.cli.instance import RunProgress, open_instance
from cleanlab_assets.cli.reviewed_rows import ReviewerOption, name_reviewer
from cleanlab_assets.cli.terminal import ExitCode, console, errors, fail, print_checks
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

    from cleanlab_assets.cli.gate_formats import GateReport
    from cleanlab_assets.orchestration.family import Family

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable with the file that GitHub Actions show as the summary of a step."""
MOST_NEW_ISSUES = 20


class GateFormat(StrEnum):
    """How a gate tells what it found."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"


def gate(
    dataset: options.DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    output_format: Annotated[
        GateFormat,
        typer.Option(
            "--format",
            help="text; json or junit (XML) on standard output; github: annotations, and a table with the worst new "
            f"rows in the file that {STEP_SUMMARY} names.",
        ),
    ] = GateFormat.TEXT,
) -> None:
    """Evaluate every check of a dataset and model; exit with 1 if an ERROR check fails, or a stored file is damaged.

    Example: cleanlab-demo gate -d adult_income -m random_forest --strict

    Another: cleanlab-demo gate -d adult_income -m random_forest --format junit > gate.xml
    """
    family, model = options.choose_model(dataset, model, family_name)
    if wrong := options.check_parameters(family, dataset, [model], {}):
        fail(ExitCode.WRONG_USE, wrong[model])
    if output_format is GateFormat.GITHUB:
        if not os.environ.get(STEP_SUMMARY):
            fail(ExitCode.WRONG_USE, f"--format github: {STEP_SUMMARY} is not set, expected the file of the summary")
        options.check_output(Path(os.environ[STEP_SUMMARY]))
    from cleanlab_assets.cli.gate_formats import GateReport, name_check
    from cleanlab_assets.families.step import MODEL
    from cleanlab_assets.orchestration.history import say_how_to_make
    from cleanlab_assets.orchestration.issue_changes import read_new_issues
    from cleanlab_assets.orchestration.partitions import partition_keys
    from cleanlab_assets.orchestration.runs import evaluate_checks
    from cleanlab_assets.orchestration.verification import find_absent, find_faults

    partitions = partition_keys(dataset, model)
    about = {"family": family.name, "dataset": dataset, "model": model}
    with open_instance() as instance, RunProgress("evaluating checks") as progress:
        if faults := find_faults(instance, family, partitions, load_settings().artifacts_dir):
            _tell(GateReport(**about, passed=False, problems=tuple(faults)), output_format)
            for fault in faults:
                errors.print(f"[red]FAIL[/red]  {escape(fault)}")
            fail(ExitCode.GATE_FAILED, f"{len(faults)} stored files are not what was recorded")
        if absent := find_absent(instance, family, partitions):
            problem = (
                f"{dataset} / {model} is not audited yet: {len(absent)} assets were never materialized, "
                f"{absent[0]} first: {say_how_to_make(partitions[MODEL])}"
            )
            _tell(GateReport(**about, passed=False, problems=(problem,)), output_format)
            fail(ExitCode.GATE_FAILED, problem)
        _warn_of_stale_assets(instance, family, dataset, model)
        outcomes = evaluate_checks(progress.load_definitions(instance), instance, family, dataset, model)
        n_new, worst_new = read_new_issues(instance, family, partitions[MODEL], most=MOST_NEW_ISSUES)
    checks = [check for outcome in outcomes for check in outcome.checks]
    # A blocking check that fails also fails its run: that is a closed gate, not a broken run.
    broken = [outcome.error for outcome in outcomes if not outcome.success and not is_gate_closed(family, outcome)]
    failed = [check for check in checks if check.is_error or (strict and not check.passed)]
    report = GateReport(
        **about,
        passed=not failed and not broken,
        problems=tuple(map(str, broken)),
        checks=tuple(checks),
        failing=tuple(map(name_check, failed)),
        n_new=n_new,
        worst_new=worst_new,
    )
    _tell(report, output_format)
    if broken:
        fail(ExitCode.RUN_FAILED, str(broken[0]))
    if failed:
        fail(ExitCode.GATE_FAILED, f"{len(failed)} of {len(checks)} checks failed the gate")
    if output_format is GateFormat.TEXT:
        console.print(f"gate passed: {len(checks)} checks, {sum(not check.passed for check in checks)} warnings")


def accept(
    dataset: options.DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    reviewer: ReviewerOption = "",
    note: Annotated[str, typer.Option(help="What you add.")] = "",
) -> None:
    """Accept the latest audit of a dataset and model: later ones are compared with it.

    One of corrected labels is made anew first, where reviewers decided something since.

    Example: cleanlab-demo accept -d adult_income -m random_forest --note 'all flags reviewed'
    """
    family, model = options.choose_model(dataset, model, family_name)
    from cleanlab_assets.families.step import MODEL
    from cleanlab_assets.orchestration.history import recorded_configs
    from cleanlab_assets.orchestration.issue_changes import accept_audit, issue_changes
    from cleanlab_assets.orchestration.partitions import Partition, partition_keys
    from cleanlab_assets.orchestration.review_report import review_report

    partition, key = partition_keys(dataset, model)[MODEL], family.key(issue_changes.name)
    with open_instance() as instance:
        _audit_new_decisions(instance, family, dataset, model)
        accepted = accept_audit(instance, family, partition, load_settings(), name_reviewer(reviewer), note)
        if accepted is None:
            found = Partition.parse(partition)
            fail(ExitCode.WRONG_USE, f"{found.title} was not audited yet: {found.command}")
        console.print(
            f"accepted: the audit of {dataset} with {model} of {accepted.made_at:%Y-%m-%d %H:%M} UTC, "
            f"{accepted.n_flagged:,} of {accepted.n_audited:,} flagged",
            markup=False,
        )
        configs = recorded_configs(instance, {key: partition})  # its settings stay as they were
        with hold_partitions(instance, family, dataset, [model], configs) as claims, RunProgress(dataset) as progress:
            materialize = prepare_runs(progress, instance, family, claims, configs=configs)
            others = frozenset(family.asset_keys(MODEL)) - {key, family.key(review_report.name)}
            end_on_failure(family, materialize(MODEL, partition, left_out=others))


def _audit_new_decisions(instance: dg.DagsterInstance, family: Family, dataset: str, model: str) -> None:
    """Make an audit of corrected labels anew, with the settings it had, where a decision has changed these labels."""
    from cleanlab_assets.families.step import DATASET, MODEL
    from cleanlab_assets.orchestration.corrected_labels import CORRECTED, LABELS
    from cleanlab_assets.orchestration.freshness import find_stale_assets
    from cleanlab_assets.orchestration.history import recorded_configs
    from cleanlab_assets.orchestration.partitions import partition_keys

    partitions, training_set = partition_keys(dataset, model), family.key("training_set")
    configs = recorded_configs(
        instance, {key: partitions[level] for level in (DATASET, MODEL) for key in family.asset_keys(level)}
    )
    if configs.get(training_set, {}).get(LABELS) != CORRECTED:
        return
    if training_set not in find_stale_assets(instance, family, DATASET, dataset, configs, load_settings()):
        return
    with hold_partitions(instance, family, dataset, [model], configs) as claims, RunProgress(dataset) as progress:
        materialize = prepare_runs(progress, instance, family, claims, configs=configs)
        for level in (DATASET, MODEL):
            end_on_failure(family, materialize(level, partitions[level]))


def _tell(report: GateReport, output_format: GateFormat) -> None:
    """Tell what a gate found on standard output, in the form that was asked for."""
    from cleanlab_assets.cli import gate_formats

    match output_format:
        case GateFormat.TEXT:
            print_checks(report.checks)
        case GateFormat.JSON:
            typer.echo(gate_formats.to_json(report))
        case GateFormat.JUNIT:
            typer.echo(gate_formats.to_junit(report))
        case GateFormat.GITHUB:
            with Path(os.environ[STEP_SUMMARY]).open("a", encoding="utf-8") as summary:
                summary.write(gate_formats.to_markdown(report))
            for line in gate_formats.to_annotations(report):
                typer.echo(line)


def _warn_of_stale_assets(instance: dg.DagsterInstance, family: Family, dataset: str, model: str) -> None:
    """Say which of the artifacts that a gate judges are out of date; settings are not judged."""
    from cleanlab_assets.orchestration.freshness import find_stale_assets
    from cleanlab_assets.orchestration.partitions import partition_keys

    for level, partition in partition_keys(dataset, model).items():
        for key, reason in find_stale_assets(instance, family, level, partition, {}, load_settings()).items():
            errors.print(f"[yellow]note:[/yellow] {key.to_user_string()} is out of date: {escape(reason)}")
