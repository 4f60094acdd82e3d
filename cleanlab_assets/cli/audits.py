"""Commands that audit: ``run`` and ``sweep``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cleanlab_assets.cli import options
from cleanlab_assets.cli.gates import end_on_failed_gates, end_on_failure, find_exit_code
from cleanlab_assets.cli.instance import RunProgress, open_instance
from cleanlab_assets.cli.terminal import ExitCode, console, errors, fail, print_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import dagster as dg

    from cleanlab_assets.families.step import Level
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.orchestration.audit_result import AuditResult
    from cleanlab_assets.orchestration.claims import Claims
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.runs import RunOutcome
    from cleanlab_assets.reports.model_comparison import ModelComparison

MOST_NOTES = 5
LAST_STEP_BEFORE_ISSUES = "predictions"
ModelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model", "-m", help="Model, or your own: package.module:function; repeatable. Default: all of the family."
    ),
]


def run(
    dataset: options.DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    config: options.ConfigOption = None,
    max_rows: options.MaxRowsOption = None,
    folds: options.FoldsOption = None,
    seed: options.SeedOption = None,
    planted_errors: options.PlantedErrorsOption = None,
    cleanlab: options.CleanlabOption = True,
    datalab: options.DatalabOption = True,
    prune: options.PruneOption = True,
    comparison: options.ComparisonOption = True,
    prune_fraction: options.PruneFractionOption = None,
    settings: options.SetOption = None,
    force: options.ForceOption = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result as JSON to this file.")
    ] = None,
) -> None:
    """Audit a dataset with a model: materialize what is out of date, then print the findings.

    Example: cleanlab-demo run -d adult_income -m random_forest --max-rows 5000 -o result.json

    Another: cleanlab-demo run -d diabetes -m ridge --planted-errors 0.05 --set training_set.planted_error_kind=swap
    """
    options.enter_own_models(dataset, [model])
    family, model = options.choose_model(dataset, model, family_name)
    configs = options.resolve_settings(
        family,
        config,
        settings or [],
        datalab=datalab,
        prune=prune,
        comparison=comparison,
        max_rows=max_rows,
        folds=folds,
        seed=seed,
        planted_errors=planted_errors,
        prune_fraction=prune_fraction,
    )
    if wrong := options.check_parameters(family, dataset, [model], configs):
        fail(ExitCode.WRONG_USE, wrong[model])
    options.check_output(output)
    audit_dataset(family, dataset, (model,), configs, cleanlab=cleanlab, force=force, output=output)


def audit_dataset(
    family: Family,
    dataset: str,
    models: Sequence[str],
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
    *,
    cleanlab: bool = True,
    force: bool = False,
    output: Path | None = None,
    tell_choice: Callable[[str, str], None] | None = None,
) -> None:
    """Materialize what is out of date of a dataset and a model, then print the findings.

    Args:
        family: task family of the dataset.
        dataset: its name.
        models: the model; of several, the one with the least cross-validated error is chosen.
        configs: settings of each asset.
        cleanlab: whether to look for issues.
        force: materialize everything, fresh or not.
        output: file of the result as JSON.
        tell_choice: is told which of several models was chosen, and why.
    """
    from cleanlab_assets.families.step import DATASET, MODEL
    from cleanlab_assets.orchestration.audit_result import collect_result
    from cleanlab_assets.orchestration.partitions import Partition

    left_out = frozenset() if cleanlab else _find_steps_of_issues(family)
    with open_instance() as instance, hold_partitions(instance, family, dataset, models, configs) as claims:
        with RunProgress(dataset) as progress:
            materialize = prepare_runs(progress, instance, family, claims, configs=configs, force=force)
            end_on_failure(family, materialize(DATASET, dataset))
            model = models[0]
            if len(models) > 1:
                model, reason = _choose_model(instance, family, dataset, models, materialize)
                console.print(f"model: {model}, {reason}", markup=False)
                if tell_choice is not None:
                    tell_choice(model, reason)
            end_on_failure(family, materialize(MODEL, str(Partition(dataset, model)), left_out=left_out))
        result = collect_result(instance, family, dataset, model, left_out=left_out)
        _print_result(family, result)
    if output is not None:
        _write_file(output, result.model_dump_json(indent=1), title="  result")
    end_on_failed_gates(result.checks)


def _choose_model(
    instance: dg.DagsterInstance,
    family: Family,
    dataset: str,
    models: Sequence[str],
    materialize: Callable[..., RunOutcome],
) -> tuple[str, str]:
    """Return the model with the least cross-validated error, and the errors of all in words."""
    from cleanlab_assets.families.step import MODEL
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.storage import read_result

    choice = family.task.choice
    assert choice is not None  # noqa: S101 - a family without it is asked for one model
    found: dict[str, Result[Any, Any]] = {}
    for model in models:
        partition = str(Partition(dataset, model))
        end_on_failure(family, materialize(MODEL, partition, left_out=_find_steps_of_issues(family)))
        latest = latest_materialization(instance, family.key(LAST_STEP_BEFORE_ISSUES), partition)
        assert latest is not None  # noqa: S101 - it was materialized, or was up to date
        found[model] = read_result(str(latest.metadata["path"].value), family.step(LAST_STEP_BEFORE_ISSUES))
    return choice.choose(found)


def sweep(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `cleanlab-demo list`.")],
    models: ModelsOption = None,
    family_name: options.FamilyOption = "",
    config: options.ConfigOption = None,
    max_rows: options.MaxRowsOption = None,
    folds: options.FoldsOption = None,
    seed: options.SeedOption = None,
    planted_errors: options.PlantedErrorsOption = None,
    datalab: options.DatalabOption = True,
    prune: options.PruneOption = True,
    comparison: options.ComparisonOption = True,
    prune_fraction: options.PruneFractionOption = None,
    settings: options.SetOption = None,
    force: options.ForceOption = False,
    save_csv: Annotated[Path | None, typer.Option(help="Write the comparison of the models to this CSV file.")] = None,
) -> None:
    """Audit a dataset with every model of its family, and compare them. One failing model does not stop the others.

    Example: cleanlab-demo sweep adult_income -m random_forest -m hist_gradient_boosting --save-csv models.csv
    """
    options.enter_own_models(dataset, models or [])
    family = options.find_family(dataset, models or [], family_name)
    configs = options.resolve_settings(
        family,
        config,
        settings or [],
        datalab=datalab,
        prune=prune,
        comparison=comparison,
        max_rows=max_rows,
        folds=folds,
        seed=seed,
        planted_errors=planted_errors,
        prune_fraction=prune_fraction,
    )
    from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL
    from cleanlab_assets.models.catalogue import get_model, models_for
    from cleanlab_assets.orchestration.audit_result import collect_checks
    from cleanlab_assets.orchestration.datasets import get_dataset
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import partition_keys
    from cleanlab_assets.orchestration.storage import read_result
    from cleanlab_assets.reports.model_comparison import to_comparison_table

    named = models or models_for(family.name, get_dataset(dataset))
    wanted = list(dict.fromkeys(get_model(family.name, model).name for model in named))
    failures = options.check_parameters(family, dataset, wanted, configs)
    if len(failures) == len(wanted):
        fail(ExitCode.WRONG_USE, failures[wanted[0]])
    options.check_output(save_csv)
    failed_runs: list[RunOutcome] = []
    usable = [model for model in wanted if model not in failures]
    with open_instance() as instance, hold_partitions(instance, family, dataset, usable, configs) as claims:
        with RunProgress(dataset) as progress:
            materialize = prepare_runs(progress, instance, family, claims, configs=configs, force=force)
            end_on_failure(family, materialize(DATASET, dataset))
            partitions = {model: partition_keys(dataset, model)[MODEL] for model in usable}
            for model, partition in partitions.items():
                outcome = materialize(MODEL, partition)
                if not outcome.success:
                    failures[model] = outcome.error or "the run failed"
                    failed_runs.append(outcome)
            compared = materialize(COMPARISON, dataset)
        for model, error in failures.items():
            errors.print(f"[red]error:[/red] {model}: {escape(error)}")
        end_on_failure(family, compared)
        step = family.steps[COMPARISON][0]
        latest = latest_materialization(instance, family.key(step.name), dataset)
        assert latest is not None  # noqa: S101 - it was materialized, or was up to date
        compared_models: ModelComparison = read_result(str(latest.metadata["path"].value), step).value
        _print_comparison(compared_models, failures)
        if save_csv is not None:
            _write_file(save_csv, to_comparison_table(compared_models).to_csv(index=False), title="comparison")
        if failures:
            codes = {find_exit_code(family, run) for run in failed_runs}
            if len(failed_runs) < len(failures):
                codes.add(ExitCode.WRONG_USE)
            fail(
                codes.pop() if len(codes) == 1 else ExitCode.RUN_FAILED,
                f"{len(failures)} of {len(wanted)} models failed",
            )
        checks = collect_checks(instance, family, {DATASET: dataset, COMPARISON: dataset})
        for partition in partitions.values():
            checks += collect_checks(instance, family, {MODEL: partition})
    end_on_failed_gates(checks)


@contextmanager
def hold_partitions(
    instance: dg.DagsterInstance,
    family: Family,
    dataset: str,
    models: Sequence[str],
    configs: Mapping[dg.AssetKey, Mapping[str, Any]],
) -> Iterator[Claims]:
    """Hold a dataset, alone and with each model, until its result is told; see ``claims``."""
    from cleanlab_assets.orchestration.claims import Claims
    from cleanlab_assets.orchestration.partitions import partition_keys

    partitions = {partition: level for model in models for level, partition in partition_keys(dataset, model).items()}
    settings = {
        partition: {str(key): configs.get(key) for key in family.asset_keys(level)}
        for partition, level in partitions.items()
    }
    directory = Path(instance.root_directory)
    claims = Claims(directory, family.name, lambda text: errors.print(f"[yellow]waiting:[/yellow] {escape(text)}"))
    with claims.hold(settings):
        yield claims


def prepare_runs(
    progress: RunProgress, instance: dg.DagsterInstance, family: Family, claims: Claims, **options: Any
) -> Callable[..., RunOutcome]:
    """Load the code location; return what materializes a partition, see ``materialize_level``, and prints how."""
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.runs import materialize_level

    definitions = progress.load_definitions(instance)

    def materialize(level: Level, partition: str, **more: Any) -> RunOutcome:
        progress.name(Partition.parse(partition).title)
        with claims.take_turn(partition):
            outcome = materialize_level(
                definitions, instance, family, level, partition, announce=progress.expect, **options, **more
            )
        print_outcome(outcome)
        return outcome

    return materialize


def _find_steps_of_issues(family: Family) -> frozenset[dg.AssetKey]:
    """Find the assets that are made from predictions: those that look for issues, and what follows from issues."""
    from cleanlab_assets.families.step import MODEL

    return family.downstream_of(LAST_STEP_BEFORE_ISSUES, MODEL) - {family.key(LAST_STEP_BEFORE_ISSUES)}


def _print_result(family: Family, result: AuditResult) -> None:
    from cleanlab_assets.reports.audit_digest import digest_audit
    from cleanlab_assets.reports.formatting import name_metric

    made_by = f" (run {', '.join(run[:8] for run in result.runs)})" if result.runs else ""
    console.print(f"\n[bold]{result.dataset} / {result.model}[/bold]{made_by}", highlight=False)
    if result.facts is not None:
        lines = digest_audit(result.facts)
    else:
        lines = [
            f"cross-validated {name_metric(name.removeprefix('cross_validated_'))}: {value:.4f}"
            for name, value in result.assets["predictions"].figures.items()
            if name.startswith("cross_validated")
        ]
    for line in lines:
        console.print(f"  {line}", markup=False)
    for note in result.notes[:MOST_NOTES]:
        console.print(f"  note: {note}", markup=False)
    if len(result.notes) > MOST_NOTES:
        console.print(f"  and {len(result.notes) - MOST_NOTES} more notes in the report")
    if result.summary is not None:
        by = result.summary.model or "rules"
        console.print(f"  summary by {by}: {result.summary.headline}", markup=False)
    for name in family.task.reports:
        if name in result.assets:
            why_not = result.assets[name].not_stored
            told = f"not stored: {why_not}" if why_not else result.assets[name].path
            console.print(f"  {name.replace('_', ' ')}: {told}", markup=False)


def _print_comparison(comparison: ModelComparison, failures: Mapping[str, str]) -> None:
    from cleanlab_assets.reports.formatting import name_metric

    metric = name_metric(comparison.primary_metric or "metric")
    title = f"{comparison.dataset}: best cross-validated {metric} first; selected: {comparison.selected or 'none'}"
    table = Table("model", f"CV {metric}", f"test {metric}", "calibration error", "fit s", "label issues", title=title)
    if any(result.planted_average_precision is not None for result in comparison.results):
        table.add_column("planted AP")
    table.add_column("cleaning")
    for column in table.columns:
        column.overflow = "fold"
    for result in comparison.results:
        name = f"[bold]{result.model}[/bold]" if result.model == comparison.selected else result.model
        if result.model in failures:
            name = f"[red]{name}[/red]: failed" + (", older audit" if result.status == "compared" else "")
        if result.status != "compared":
            table.add_row(name, result.status)
            continue
        cells: list[Any] = [result.cv_metric, result.test_metric, result.expected_calibration_error]
        texts = ["-" if value is None else f"{value:.4f}" for value in cells]
        texts += [f"{result.fit_seconds or 0:.1f}", f"{result.n_label_issues:,} ({result.label_issue_rate:.1%})"]
        if len(table.columns) == len(texts) + 3:
            found = result.planted_average_precision
            texts.append("-" if found is None else f"{found:.3f}")
        table.add_row(name, *texts, f"{result.verdict}, kept {result.chosen_variant}")
    console.print(table)


def _write_file(path: Path, text: str, *, title: str) -> None:
    from upath import UPath

    from cleanlab_assets.orchestration.atomic_files import write_atomically

    write_atomically(UPath(path), text.encode())
    console.print(f"{title}: {path}", markup=False)
