"""Commands that show what there is: ``list``, ``describe`` and ``download-data``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.terminal import ExitCode, console, errors, fail
from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.models.catalogue import Model
    from cleanlab_assets.orchestration.family import Family

ALL = "all"


def list_audits() -> None:
    """List task families with their datasets and models, and which audits are materialized.

    Example: cleanlab-demo list
    """
    from cleanlab_assets.families.step import COMPARISON, MODEL
    from cleanlab_assets.models.catalogue import models_of
    from cleanlab_assets.orchestration.datasets import broken_datasets, datasets_of
    from cleanlab_assets.orchestration.families import all_families

    with open_instance() as instance:
        for family in all_families():
            done = set(instance.get_materialized_partitions(family.asset_keys(MODEL)[-1]))
            compared = set(instance.get_materialized_partitions(family.asset_keys(COMPARISON)[0]))
            models = models_of(family.name)
            table = Table(
                "dataset", "rows", "source", "audited with", "compared", title=f"{family.name}: {', '.join(models)}"
            )
            for dataset in datasets_of(family.name).values():
                audited = [model for model in models if f"{dataset.name}|{model}" in done]
                source = _name_source(dataset)
                is_compared = "yes" if dataset.name in compared else "-"
                table.add_row(dataset.name, _format_rows(dataset), source, "\n".join(audited) or "-", is_compared)
            console.print(table)
    if broken := broken_datasets():
        table = Table("your own", Column("why it cannot be described", overflow="fold"), title="left out")
        for name, error in broken.items():
            table.add_row(escape(name), escape(str(error)))
        console.print(table)


def describe(name: Annotated[str, typer.Argument(help="A dataset, a model or a task family.")]) -> None:
    """Describe a dataset, a model, or a task family with its assets, checks and settings.

    Example: cleanlab-demo describe adult_income
    """
    from cleanlab_assets.models.catalogue import all_models
    from cleanlab_assets.orchestration.datasets import all_datasets, broken_datasets, get_dataset
    from cleanlab_assets.orchestration.families import all_families

    families = {family.name: family for family in all_families()}
    if name in all_datasets() or name in broken_datasets():
        _describe_dataset(get_dataset(name), load_settings().data_dir)
    elif name in all_models():
        _describe_model(all_models()[name])
    elif name in families:
        _describe_family(families[name])
    else:
        known = ", ".join([*all_datasets(), *all_models(), *families])
        fail(ExitCode.WRONG_USE, f"{quote(name)} is not a dataset, model or task family: expected one of {known}")


def download_data(name: Annotated[str, typer.Argument(help="A dataset, or 'all'.")]) -> None:
    """Download and verify the source files of a dataset, or of all of them.

    Example: cleanlab-demo download-data all
    """
    from cleanlab_assets.datasets.download import SourceError, resolve_source_files
    from cleanlab_assets.orchestration.datasets import UnknownDatasetError, all_datasets, get_dataset

    try:
        datasets = list(all_datasets().values()) if name == ALL else [get_dataset(name)]
    except UnknownDatasetError as error:
        fail(ExitCode.WRONG_USE, f"{error}, {ALL}")
    data_dir = load_settings().data_dir
    failed: list[SourceError] = []
    for dataset in datasets:
        try:
            files = resolve_source_files(dataset, data_dir, show_progress=errors.is_terminal)
        except SourceError as error:
            failed.append(error)
            errors.print(f"[red]error:[/red] {escape(str(error))}")
            continue
        if not files:
            console.print(f"{dataset.name}: generated on reading, nothing to download", markup=False)
        for path in files.values():
            console.print(f"{dataset.name}: {path}, {path.stat().st_size:,} bytes, verified", markup=False)
    if failed:
        is_unreadable = all(isinstance(error, UnreadableInputError) for error in failed)
        code = ExitCode.WRONG_USE if is_unreadable else ExitCode.RUN_FAILED
        fail(code, f"{len(failed)} of {len(datasets)} datasets are incomplete")


def _format_rows(dataset: Dataset) -> str:
    return "unknown" if dataset.expected_rows is None else f"{dataset.expected_rows:,}"


def _name_source(dataset: Dataset) -> str:
    if dataset.is_embedded:
        return "embedded"
    if any(file.locations for file in dataset.files):
        return "download"
    return "manual" if any(file.sha256 for file in dataset.files) else "your own"


def _describe_dataset(dataset: Dataset, data_dir: Path) -> None:
    from cleanlab_assets.models.catalogue import models_for

    models = dict.fromkeys(model for family in dataset.families for model in models_for(family, dataset))
    _print_facts(
        f"{dataset.title} ({dataset.name})",
        {
            "what": dataset.description,
            "task": ", ".join(dataset.families),
            "models": ", ".join(models),
            "rows": _format_rows(dataset),
            "label": f"{dataset.label}: {dataset.allowed_labels}",
            "split": _describe_split(dataset),
            "source": dataset.homepage,
            "licence": dataset.licence,
            "citation": dataset.citation,
            **({"encoding": f"{dataset.encoding}, where no byte order mark says another"} if dataset.encoding else {}),
        },
    )
    for file in dataset.files:
        at_hand = file.path_in(data_dir / dataset.name)
        is_there = at_hand.is_dir() if file.is_folder else at_hand.is_file()
        place = f"ships with {file.package}" if file.package else f"{at_hand}{'' if is_there else ' (missing)'}"
        pinned = f"SHA-256 {file.sha256[0]}" if file.sha256 else "any content"
        addresses = "".join(f"\n  from {location.url}" for location in file.locations)
        console.print(f"{file.name}: {place}, {pinned}{addresses}", markup=False)
    table = Table("column", "kind", "feature", "description", title="columns")
    for column in dataset.columns:
        table.add_row(column.name, column.kind, "yes" if column.is_feature else "no", escape(column.description))
    console.print(table)


def _describe_split(dataset: Dataset) -> str:
    if dataset.time_column:
        return f"by time ({dataset.time_column})"
    if len(dataset.parts) > 1:
        return f"by file ({', '.join(dataset.parts)})"
    return f"at random, {'whole documents or equal sentences' if dataset.parts else 'equal rows'} together"


def _describe_model(model: Model) -> None:
    facts = {"what": model.description, "tasks": ", ".join(model.builders)}
    if missing := model.explain_missing():
        facts["missing"] = missing
    _print_facts(model.name, facts)


def _describe_family(family: Family) -> None:
    from cleanlab_assets.models.catalogue import models_of
    from cleanlab_assets.orchestration.datasets import datasets_of

    _print_facts(
        family.name, {"datasets": ", ".join(datasets_of(family.name)), "models": ", ".join(models_of(family.name))}
    )
    assets = Table(_name_column("asset"), "level", "contents", title="assets")
    for level, definitions in family.assets.items():
        for asset in definitions:
            description = (asset.get_asset_spec().description or "").splitlines()[0]
            assets.add_row(asset.key.path[-1], level, escape(description))
    console.print(assets)
    checks = Table(_name_column("check"), _name_column("asset"), "blocks", "condition", title="checks")
    for spec in (spec for check in family.checks for spec in check.check_specs):
        blocks = "yes" if spec.blocking else ""
        checks.add_row(spec.name, spec.asset_key.path[-1], blocks, escape(spec.description or ""))
    console.print(checks)
    settings = Table(_name_column("setting"), "default", "meaning", title="settings (--set SETTING=VALUE)")
    for asset_name, config in family.configs.items():
        for name, field in config.model_fields.items():
            settings.add_row(f"{asset_name}.{name}", escape(str(field.default)), escape(field.description or ""))
    console.print(settings)


def _name_column(header: str) -> Column:
    """A column of names to be typed, which are never cut short."""
    return Column(header, no_wrap=True)


def _print_facts(title: str, facts: dict[str, str]) -> None:
    console.print(f"[bold]{escape(title)}[/bold]")
    for name, value in facts.items():
        console.print(f"{name}: {value}", markup=False)
