"""The command ``audit``: describes a table of the user's own, and audits it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cleanlab_assets.cli import audits, options
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import ColumnKind
    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tables.drafting.drafts import Draft, Request
    from cleanlab_assets.orchestration.family import Family

ALL = "all"
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", help="Column of the label; a pattern or several for columns of 0 and 1."),
]


def audit(
    file: Annotated[
        str,
        typer.Argument(
            help="CSV, TSV, Parquet, JSON lines, Arrow or Excel file, or its address: https or s3; or a folder of "
            "pictures with one folder for each class."
        ),
    ],
    label: LabelOption = None,
    task: Annotated[
        str, typer.Option(help="Task family; see `cleanlab-demo list`.", show_default="told by the label")
    ] = "",
    separator: Annotated[
        str | None, typer.Option(help="Stands between the classes of a label that names several.")
    ] = None,
    id_column: Annotated[str, typer.Option("--id", help="Column of your own names of rows.")] = "",
    group: Annotated[str, typer.Option(help="Column whose equal rows stay on one side of the split.")] = "",
    time: Annotated[str, typer.Option(help="Column that orders the rows in time.")] = "",
    split: Annotated[str, typer.Option(help="Column that says train or test.")] = "",
    weight: Annotated[str, typer.Option(help="Column that says how much a row counts in fits and metrics.")] = "",
    truth: Annotated[
        str, typer.Option(help="Column of the true label where it is known: the audit is measured by it.")
    ] = "",
    source: Annotated[str, typer.Option(help="Column that says who labelled a row, or where it comes from.")] = "",
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Column by whose values the rate of label issues is told; repeatable."),
    ] = None,
    test: Annotated[Path | None, typer.Option(help="File of the test rows.")] = None,
    text: Annotated[list[str] | None, typer.Option(help="Column of text written for people; repeatable.")] = None,
    text_encoder: Annotated[
        str | None,
        typer.Option(help="Turns texts into vectors: tfidf, or sentence-transformers:NAME.", show_default="tfidf"),
    ] = None,
    picture_encoder: Annotated[
        str | None,
        typer.Option(
            help="Turns pictures into vectors: patches or resnet18.",
            show_default="resnet18 where its weights are, else patches",
        ),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column that no model shall see; repeatable.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=KIND", help="numeric, binary, categorical, date, name, text or picture; repeatable."
        ),
    ] = None,
    pred_probs: Annotated[
        Path | None,
        typer.Option(help="Your own out-of-sample predictions: .npy, .npz or a table, by row order or by the id."),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(help="Features in a file of their own, such as embeddings: .npy, .npz or a table."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of a text file.", show_default="found out")] = "",
    sheet: Annotated[str, typer.Option(help="Sheet of an Excel file.", show_default="the first")] = "",
    sha256: Annotated[str, typer.Option("--sha256", help="What the content of the file must be.")] = "",
    name: Annotated[str, typer.Option(help="Name of the dataset.", show_default="that of the file")] = "",
    describe_only: Annotated[bool, typer.Option("--describe-only", help="Write the description and stop.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "--models",
            "-m",
            help="Model, or package.module:function; of several the one that predicts best; 'all' for a sweep.",
            show_default="the quick one that predicts best",
        ),
    ] = None,
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
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result as JSON to this file.")
    ] = None,
) -> None:
    """Audit a table of your own: look at the file, write down what it holds, then go on as `run` does.

    The description is `<data directory>/<name>/dataset.toml`; every line of it may be edited. From then on the dataset
    is one of the catalogue in every command and in the web UI.

    Example: cleanlab-demo audit tickets.csv --label category

    Another: cleanlab-demo audit prices.parquet --label price --group customer --time sold_at

    With every model: cleanlab-demo audit tickets.csv --label category --models all

    With predictions of your own: cleanlab-demo audit scores.csv --label y --pred-probs p.npy --features embeddings.npy
    """
    from cleanlab_assets.datasets.addresses import is_address, name_of_address
    from cleanlab_assets.datasets.download import SourceError
    from cleanlab_assets.datasets.tables.drafting.describe import name_dataset
    from cleanlab_assets.datasets.tables.drafting.drafts import Request
    from cleanlab_assets.models.catalogue import get_model

    is_folder = _check_files(file, test, pred_probs, features)
    if is_folder:
        said = {
            "label": label,
            "task": task,
            "separator": separator,
            "id": id_column,
            "group": group,
            "time": time,
            "split": split,
            "weight": weight,
            "truth": truth,
            "source": source,
            "slice": slices,
            "test": test,
            "text": text,
            "text-encoder": text_encoder,
            "ignore": ignore,
            "kind": kind,
            "pred-probs": pred_probs,
            "features": features,
            "encoding": encoding,
            "sheet": sheet,
            "sha256": sha256,
        }
        _refuse_options_of_tables(said)
    try:
        _check_encoders(text=text_encoder, picture=picture_encoder)
        dataset = name or name_dataset(name_of_address(file) if is_address(file) else Path(file).name)
        if is_folder:
            _describe_pictures(dataset, Path(file), picture_encoder)
        else:
            request = Request(
                file=_fetch(dataset, file, sha256),
                address=file if is_address(file) else "",
                sha256=sha256,
                test_file=test,
                labels=tuple(label or ()),
                family=_read_task(task),
                separator=separator,
                roles={
                    role: column
                    for role, column in (
                        ("id", id_column),
                        ("group", group),
                        ("time", time),
                        ("split", split),
                        ("weight", weight),
                        ("truth", truth),
                        ("source", source),
                    )
                    if column
                },
                slices=tuple(slices or ()),
                ignore=tuple(ignore or ()),
                kinds=_read_kinds(kind or []) | dict.fromkeys(text or [], "text"),
                encoding=encoding or None,
                sheet=sheet or None,
                predictions=pred_probs,
                features=features,
                text_encoder=text_encoder,
                picture_encoder=picture_encoder,
            )
            _describe_table(dataset, request)
    except UnreadableInputError as error:
        fail(ExitCode.WRONG_USE, str(error))
    except SourceError as error:
        fail(ExitCode.RUN_FAILED, str(error))
    named = [one for one in model or [] if one != ALL]
    options.enter_own_models(dataset, named)
    if describe_only:
        return
    how: dict[str, Any] = {
        "max_rows": max_rows,
        "folds": folds,
        "seed": seed,
        "planted_errors": planted_errors,
        "datalab": datalab,
        "prune": prune,
        "comparison": comparison,
        "prune_fraction": prune_fraction,
    }
    family = options.find_family(dataset, named)
    if ALL in (model or []):
        if output is not None:
            fail(ExitCode.WRONG_USE, "--output holds the result of one model: leave it out with --models all")
        audits.sweep(dataset, models=[], family_name="", config=config, settings=settings, force=force, **how)
        return
    configs = options.resolve_settings(family, config, settings or [], **how)
    options.check_output(output)
    models = [get_model(family.name, one).name for one in named or _find_models(dataset, family)]
    if wrong := options.check_parameters(family, dataset, models, configs):
        fail(ExitCode.WRONG_USE, next(iter(wrong.values())))
    audits.audit_dataset(
        family, dataset, models, configs, force=force, output=output, tell_choice=partial(_keep_choice, dataset)
    )


def _fetch(dataset: str, file: str, sha256: str) -> Path:
    """Return the path of a file; one at an address is downloaded first, and verified."""
    from cleanlab_assets.datasets.addresses import locate
    from cleanlab_assets.datasets.download import resolve_files

    source = locate(file, Path(), sha256)
    if source.is_own:
        return Path(file)
    return resolve_files(dataset, (source,), load_settings().data_dir)[source.name]


def _find_models(dataset: str, family: Family) -> tuple[str, ...]:
    """Return the model that the description names, else those of which the best is chosen."""
    from cleanlab_assets.orchestration.datasets import get_dataset

    described = get_dataset(dataset)
    if described.default_model:
        return (described.default_model,)
    choice = family.task.choice
    return (family.task.default_model,) if choice is None else choice.models_for(described)


def _keep_choice(dataset: str, model: str, reason: str) -> None:
    """Write into the description which model was chosen, and why."""
    from upath import UPath

    from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
    from cleanlab_assets.datasets.model_references import is_own_model, refer_to
    from cleanlab_assets.datasets.tables.drafting.drafts import Entry
    from cleanlab_assets.datasets.tables.writing import set_line
    from cleanlab_assets.orchestration.atomic_files import write_atomically

    path = load_settings().data_dir / dataset / DESCRIPTION_FILE
    written = refer_to(model) if is_own_model(model) else model
    text = set_line(path.read_text(encoding="utf-8"), Entry(("model",), written, reason))
    write_atomically(UPath(path), text.encode())


def _read_task(task: str) -> str | None:
    from cleanlab_assets.datasets.formats.table import FORMAT

    if task and task not in FORMAT.families:
        fail(ExitCode.WRONG_USE, f"--task {quote(task)}: expected one of {', '.join(FORMAT.families)}")
    return task or None


def _read_kinds(texts: list[str]) -> dict[str, ColumnKind]:
    from typing import get_args

    from cleanlab_assets.datasets.dataset import ColumnKind

    known: dict[str, ColumnKind] = {kind: kind for kind in get_args(ColumnKind)}
    kinds = {}
    for text in texts:
        column, _, kind = text.rpartition("=")
        if not column or kind not in known:
            fail(ExitCode.WRONG_USE, f"--kind {quote(text)}: expected COLUMN=KIND with a kind of {', '.join(known)}")
        kinds[column] = known[kind]
    return kinds


def _check_files(file: str, *others: Path | None) -> bool:
    """End the command where a file is not there; return whether the data are a folder."""
    from cleanlab_assets.datasets.addresses import is_address

    is_folder = not is_address(file) and os.path.isdir(file)  # noqa: PTH112 - Path.is_dir fails for long names
    for path in (None if is_address(file) or is_folder else Path(file), *others):
        if path is not None:
            options.check_input(path)
    return is_folder


def _check_encoders(**encoders: str | None) -> None:
    """Refuse an encoder that there is not, before it is written down."""
    from typing import get_args

    from cleanlab_assets.models.embedding.encoders import EmbeddedKind, build_encoder

    for kind in get_args(EmbeddedKind):
        if (encoder := encoders[kind]) is not None:
            build_encoder(kind, encoder, seed=0, data_dir=load_settings().data_dir)


def _refuse_options_of_tables(said: Mapping[str, object]) -> None:
    """End the command where an option of tables comes with a folder of pictures."""
    if wrong := [name for name, value in said.items() if value]:
        fail(
            ExitCode.WRONG_USE,
            f"--{wrong[0]}: a folder of pictures has its classes by its folders, expected a table for this option",
        )


def _describe_pictures(dataset: str, root: Path, encoder: str | None) -> None:
    """Describe a folder of pictures, see ``_write``."""
    from cleanlab_assets.datasets.formats.pictures import PICTURES, draft_pictures

    data_dir = load_settings().data_dir.absolute()
    folder = data_dir / dataset
    known = _find_known(dataset, folder, form=PICTURES, role=PICTURES, file=str(root.absolute()))
    _write(folder, draft_pictures(root, folder, known, encoder=encoder, data_dir=data_dir), is_new=known is None)


def _describe_table(dataset: str, request: Request) -> None:
    """Describe a table, see ``_write``."""
    from cleanlab_assets.datasets.tables.description import TABLE
    from cleanlab_assets.datasets.tables.drafting.describe import draft_description

    folder = load_settings().data_dir.absolute() / dataset
    file = request.address or str(request.file.absolute())
    known = _find_known(dataset, folder, form="table", role=TABLE, file=file)
    _write(folder, draft_description(request, folder, known), is_new=known is None)


def _write(folder: Path, draft: Draft, *, is_new: bool) -> None:
    """Write the description of a dataset, or bring it up to date, and say what it holds."""
    from upath import UPath

    from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
    from cleanlab_assets.datasets.tables.writing import update_description, write_description
    from cleanlab_assets.orchestration.atomic_files import write_atomically
    from cleanlab_assets.orchestration.datasets import forget_datasets

    path = folder / DESCRIPTION_FILE
    _print_draft(draft)
    changes: list[str] = []
    if is_new:
        text = write_description(draft.entries)
        console.print(f"description: {path}", markup=False)
    else:
        text, changes = update_description(path.read_text(encoding="utf-8"), draft.entries)
        console.print(f"description: {path}{'' if changes else ', unchanged'}", markup=False)
        for change in changes:
            console.print(f"  {change}", markup=False)
    if is_new or changes:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(UPath(path), text.encode())
        forget_datasets()


def _find_known(dataset: str, folder: Path, *, form: str, role: str, file: str) -> OwnDataset | None:
    """Return the description that is there already; end the command if it, or the catalogue, has the name otherwise."""
    from cleanlab_assets.datasets.addresses import is_address
    from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
    from cleanlab_assets.datasets.own_datasets import is_dataset_name, read_description
    from cleanlab_assets.orchestration.datasets import all_datasets

    path = folder / DESCRIPTION_FILE
    if not is_dataset_name(dataset):
        fail(
            ExitCode.WRONG_USE,
            f"--name {quote(dataset)}: expected up to 200 lower-case letters, digits and underscores, a letter first",
        )
    if not path.exists():
        if dataset in all_datasets():
            fail(ExitCode.WRONG_USE, f"{dataset} is already the name of a dataset: name yours by --name")
        return None
    known = read_description(path)
    described = known.files.get(role, "")
    if not is_address(described):
        described = str((folder / Path(described).expanduser()).resolve())
        file = file if is_address(file) else str(Path(file).resolve())
    if known.format != form or described != file:
        what = described if role in known.files else f"of the form {known.format}"
        fail(
            ExitCode.WRONG_USE,
            f"{path} describes other data, {what}: name yours by --name, or delete the description",
        )
    return known


def _print_draft(draft: Draft) -> None:
    table = Table("column", "taken for", "why")
    for column in table.columns:
        column.overflow = "fold"
    for name, (what, why) in draft.columns.items():
        table.add_row(escape(name), escape(what), escape(why))
    console.print(table)
    reason = next(entry.reason for entry in draft.entries if entry.place == ("family",))
    console.print(f"task: {draft.value_of('family')}, {reason}", markup=False)
    for note in draft.notes:
        console.print(f"note: {note}", markup=False)
