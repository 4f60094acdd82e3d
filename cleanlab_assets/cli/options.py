"""The options of an audit, and how they become the settings of its assets.

Each option stands for one setting of one asset, whatever the task family; a family without that setting says so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.text_files import decode_text, find_deep_nesting
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagster as dg

    from cleanlab_assets.orchestration.family import Family

DEFAULT_DATASET = "breast_cancer"
LONGEST_PATH = 300
LONGEST_REASON = 300
"""Most characters of a path, and of what a library says of a text, that a message repeats."""
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help="Dataset; see `cleanlab-demo list`.")]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Model of the dataset's task family, or your own: package.module:function.",
        show_default="the family's simplest",
    ),
]
FamilyOption = Annotated[
    str,
    typer.Option("--family", help="Task family, for a dataset with several.", show_default="the first with the model"),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Dagster run config in YAML or JSON; options take precedence.")
]
MaxRowsOption = Annotated[int | None, typer.Option(help="Audit a sample of this many rows, or sentences of words.")]
FoldsOption = Annotated[int | None, typer.Option(help="Folds of the cross-validation.")]
SeedOption = Annotated[int | None, typer.Option(help="Random seed.")]
PlantedErrorsOption = Annotated[float | None, typer.Option(help="Share of labels to corrupt, to measure detection.")]
CleanlabOption = Annotated[
    bool, typer.Option("--cleanlab/--no-cleanlab", help="Look for issues; otherwise only predict.")
]
DatalabOption = Annotated[bool, typer.Option("--datalab/--no-datalab", help="Look for Datalab's other issue types.")]
PruneOption = Annotated[bool, typer.Option("--prune/--no-prune", help="Compare models trained on cleaned rows.")]
ComparisonOption = Annotated[
    bool,
    typer.Option(
        "--comparison/--no-comparison", help="Keep test rows and compare variants on them; else all are train rows."
    ),
]
PruneFractionOption = Annotated[float | None, typer.Option(help="Largest share of the rows pruned or relabelled.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="ASSET.KEY=VALUE", help="Any other setting; `cleanlab-demo describe FAMILY` lists them."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Materialize everything, even what is up to date.")]

_SETTING_OF_OPTION = {
    "--folds": "training_set.folds",
    "--seed": "training_set.seed",
    "--planted-errors": "training_set.planted_error_fraction",
    "--prune-fraction": "variant_comparison.prune_fraction",
    "--no-datalab": "datalab_issues.issue_types",
    "--no-prune": "variant_comparison.compare_cleaning",
    "--no-comparison": "training_set.test_fraction",
}


def resolve_settings(
    family: Family,
    config: Path | None,
    settings: Sequence[str],
    *,
    datalab: bool,
    prune: bool,
    comparison: bool = True,
    **options: float | None,
) -> dict[dg.AssetKey, dict[str, Any]]:
    """Turn config file and options into the settings of each asset; wrong use ends the command with one line.

    Args:
        family: task family of the dataset.
        config: run config file.
        settings: ``asset.key=value`` texts; a value is read as YAML, a key may go deeper (``a.b``).
        datalab: whether to look for Datalab's issue types.
        prune: whether to compare cleaned variants.
        comparison: whether to keep rows for testing.
        **options: values of ``max_rows`` and of the options in ``_SETTING_OF_OPTION``; None where one was not given.
    """
    from cleanlab_assets.orchestration.runs import RunConfigError, resolve_configs

    run_config = _read_config(config)
    values: dict[str, Any] = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    values |= {"--no-datalab": None if datalab else [], "--no-prune": None if prune else False}
    values["--no-comparison"] = None if comparison else 0.0
    places = {"--max-rows": family.task.sample_setting, **_SETTING_OF_OPTION}
    given = [(option, places[option], value) for option, value in values.items() if value is not None]
    for text in settings:
        option = f"--set {quote(text)}"
        place, separator, value = text.partition("=")
        if not separator or "." not in place:
            fail(ExitCode.WRONG_USE, f"{option}: expected ASSET.KEY=VALUE, such as training_set.max_rows=1000")
        try:
            given.append((option, place, _load_yaml(value)))
        except ValueError as error:
            fail(ExitCode.WRONG_USE, f"{option}: the value is not YAML: {error}")
    try:
        for option, place, value in given:
            _put(run_config, family, place, value, option=option)
        return resolve_configs(family, run_config)
    except RunConfigError as error:
        fail(ExitCode.WRONG_USE, str(error))


def _put(run_config: dict[str, Any], family: Family, place: str, value: Any, *, option: str) -> None:
    from cleanlab_assets.orchestration.runs import RunConfigError

    asset, *keys = place.split(".")
    if asset not in family.configs:
        known = ", ".join(family.configs)
        raise RunConfigError(
            f"{option}: {family.name} has no asset {quote(asset)} with settings: expected one of {known}"
        )
    settings = family.configs[asset].model_fields
    if keys[0] not in settings:
        raise RunConfigError(
            f"{option}: {asset} of {family.name} has no setting {quote(keys[0])}: expected one of {', '.join(settings)}"
        )
    path = ["ops", f"{family.name}__{asset}", "config", *keys]
    entry = run_config
    for name in path[:-1]:
        entry[name] = entry.get(name) or {}
        if not isinstance(entry[name], dict):
            found = f"{cut(name)} holds {quote(entry[name])}"
            raise RunConfigError(f"{option}: {cut(place)} cannot be set: {found}, expected a mapping")
        entry = entry[name]
    entry[path[-1]] = value


def _read_config(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = _load_yaml(decode_text(path.read_bytes(), path.name, "utf-8"))
    except OSError as error:
        fail(ExitCode.WRONG_USE, f"cannot read the config {cut(str(path), LONGEST_PATH)}: {error.strerror}")
    except ValueError as error:
        fail(ExitCode.WRONG_USE, f"{path} is neither YAML nor JSON: {error}")
    if not isinstance(content, dict):
        fail(ExitCode.WRONG_USE, f"{path} holds {type(content).__name__}, expected a mapping that starts with 'ops:'")
    return content


def _load_yaml(text: str) -> Any:
    """Return the content of a YAML text.

    Raises:
        ValueError: the text is no YAML, or nested too deep; the message is one line.
    """
    import yaml

    if place := find_deep_nesting(text):
        raise ValueError(f"nested too deep at {place}")
    try:
        return yaml.safe_load(text)
    except RecursionError:  # nested by indentation
        raise ValueError("nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # a ValueError tells of a date or a number that cannot be
        raise ValueError(cut(" ".join(str(error).split()), LONGEST_REASON)) from error


def choose_model(dataset: str, model: str, family: str) -> tuple[Family, str]:
    """Return the task family and the model of an audit: where none is named, that of the dataset or the family."""
    from cleanlab_assets.models.catalogue import get_model
    from cleanlab_assets.orchestration.datasets import get_dataset

    found = find_family(dataset, [model] if model else [], family)
    if not model and (described := get_dataset(dataset).default_model):
        return find_family(dataset, [described], family), described
    return found, get_model(found.name, model or found.task.default_model).name


def enter_own_models(dataset: str, models: Sequence[str]) -> None:
    """Enter models that are named by a reference in the description of the dataset, where it does not name them.

    One that cannot be built ends the command with one line, and is not entered.
    """
    from upath import UPath

    from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
    from cleanlab_assets.datasets.tables.drafting.drafts import Entry
    from cleanlab_assets.datasets.tables.writing import set_line
    from cleanlab_assets.models.catalogue import BuildContext, UnknownModelError, build_model
    from cleanlab_assets.models.encoding import FeatureKinds
    from cleanlab_assets.orchestration.atomic_files import write_atomically
    from cleanlab_assets.orchestration.datasets import UnknownDatasetError, forget_datasets, get_dataset

    references = list(dict.fromkeys(model for model in models if ":" in model))
    if not references:
        return
    try:
        entry = get_dataset(dataset)
        for reference in references:
            if not entry.description_hash:
                fail(
                    ExitCode.WRONG_USE,
                    f"--model {quote(reference)}: {dataset} has no {DESCRIPTION_FILE} that could name a model of your "
                    "own: use a dataset of your own, see `cleanlab-demo audit`",
                )
            context = BuildContext(
                kinds=FeatureKinds.of(entry.columns), n_classes=len(entry.class_names), seed=0, dataset=dataset
            )
            build_model(entry.families[0], reference, context)
    except (UnknownDatasetError, UnknownModelError) as error:
        fail(ExitCode.WRONG_USE, str(error))
    if new := [reference for reference in references if reference not in entry.own_models]:
        path = load_settings().data_dir / dataset / DESCRIPTION_FILE
        line = Entry(("models",), [*entry.own_models, *new], "of your own; they take part in a sweep")
        write_atomically(UPath(path), set_line(path.read_text(encoding="utf-8"), line).encode())
        forget_datasets()
        console.print(f"description: {path}", markup=False)
        console.print(f"  models: {', '.join(new)} (new)", markup=False)


def find_family(dataset: str, models: Sequence[str] = (), family: str = "") -> Family:
    """Return the task family that audits a dataset with some models; wrong use ends the command with one line.

    Args:
        dataset: name of the dataset.
        models: names of models that the family must have.
        family: name of the family; the first of the dataset that has the models if empty.
    """
    from cleanlab_assets.models.catalogue import UnknownModelError, UnsuitableModelError, get_model
    from cleanlab_assets.orchestration.datasets import UnknownDatasetError, get_dataset
    from cleanlab_assets.orchestration.families import family_of, get_family

    try:
        entry = get_dataset(dataset)
        if family and family not in entry.families:
            fail(ExitCode.WRONG_USE, f"--family {quote(family)}: {dataset} belongs to {', '.join(entry.families)}")
        found = get_family(family) if family else family_of(entry, models)
        for model in models:
            if not get_model(found.name, model).suits(entry):
                raise UnsuitableModelError(get_model(found.name, model), found.name, entry)
    except (UnknownDatasetError, UnknownModelError) as error:
        fail(ExitCode.WRONG_USE, str(error))
    return found


def check_parameters(
    family: Family, dataset: str, models: Sequence[str], configs: Mapping[dg.AssetKey, Mapping[str, Any]]
) -> dict[str, str]:
    """Return what is wrong with the models and parameters of a run, by model, before anything is materialized."""
    from cleanlab_assets.models.catalogue import ModelParameterError, get_model
    from cleanlab_assets.models.own_models import OwnModelError
    from cleanlab_assets.orchestration.datasets import get_dataset

    missing = {model: get_model(family.name, model).explain_missing() for model in models}
    wrong = {model: explanation for model, explanation in missing.items() if explanation}
    parameters = configs.get(family.key("predictions"), {}).get("parameters") or {}
    for model in (model for model in models if model not in wrong):
        if not parameters and not get_model(family.name, model).reference:
            continue  # to build an estimator takes the import of its library
        try:
            family.check_model(get_dataset(dataset), model, parameters)
        except (ModelParameterError, OwnModelError) as error:
            wrong[model] = str(error)
    return wrong


def check_input(path: Path) -> None:
    """End the command if there is no file to read."""
    try:
        found = "" if path.is_file() else "is a folder, expected a file" if path.is_dir() else "does not exist"
    except OSError as error:  # a name that is too long
        found = error.strerror or str(error)
    if found:
        fail(ExitCode.WRONG_USE, f"{cut(str(path), LONGEST_PATH)}: {found}")


def check_output(path: Path | None) -> None:
    """End the command, before anything is materialized, if a file cannot be written."""
    if path is None:
        return
    try:
        found = "is a directory" if path.is_dir() else ""
    except OSError as error:  # a name that is too long
        found = error.strerror or str(error)
    if not found and not os.access(path.parent, os.W_OK):
        found = f"{path.parent} is not a writable directory"
    if found:
        fail(ExitCode.WRONG_USE, f"cannot write {cut(str(path), LONGEST_PATH)}: {cut(found, LONGEST_PATH)}")
