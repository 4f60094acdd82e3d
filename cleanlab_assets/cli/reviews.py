"""Commands about decisions: make, take back, list and read them, and write what follows from them."""

from __future__ import annotations

import getpass
import io
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.reviews.decisions import Decision
    from cleanlab_assets.reviews.ledger import Ledger
    from cleanlab_assets.reviews.rows import ReviewedRows

ReviewerOption = Annotated[
    str, typer.Option("--reviewer", help="Who decides.", show_default="the name of the user at the system")
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help="Dataset; see `cleanlab-demo list`.")]


def decide(
    row: Annotated[str, typer.Argument(help="Row id, such as tickets.csv:17, or row key.")],
    decision: Annotated[
        str, typer.Argument(help="'given is right', 'label is', 'unclear' or 'exclude the row'.", show_default=False)
    ],
    label: Annotated[str, typer.Argument(help="The right label, with 'label is'.", show_default=False)] = "",
    dataset: DatasetOption = options.DEFAULT_DATASET,
    family_name: options.FamilyOption = "",
    reviewer: ReviewerOption = "",
    note: Annotated[str, typer.Option(help="What you add.")] = "",
) -> None:
    """Enter a decision on one row into the ledger; the next run makes the corrected dataset of it.

    Example: cleanlab-demo decide -d breast_cancer breast_cancer.csv:17 'label is' benign
    """
    with _open_rows(dataset, family_name) as (rows, ledger):
        made = rows.decide(row, decision, label, reviewer=name_reviewer(reviewer), note=note)
        number = ledger.decide([made])[0]
    given = "none" if made.given_label is None else quote(made.given_label)
    console.print(f"entry {number}: row {made.row_key} (given label {given}): {_describe(made)}", markup=False)


def undo(
    entry: Annotated[int, typer.Argument(help="Number of the entry in the ledger.")],
    reviewer: ReviewerOption = "",
    note: Annotated[str, typer.Option(help="What you add.")] = "",
) -> None:
    """Take a decision back, by a new entry: nothing in the ledger is ever deleted.

    Example: cleanlab-demo undo 17
    """
    from cleanlab_assets.orchestration.reviews import open_ledger_of

    with open_ledger_of(load_settings()) as ledger:
        number = ledger.undo([entry], reviewer=name_reviewer(reviewer), note=note)[0]
    console.print(f"entry {number}: entry {entry} is taken back")


def decisions(
    dataset: DatasetOption = options.DEFAULT_DATASET,
    family_name: options.FamilyOption = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write every entry of the ledger to this CSV file.")
    ] = None,
) -> None:
    """List what was decided of a dataset, and whether it still holds for the data.

    Example: cleanlab-demo decisions -d breast_cancer -o decisions.csv
    """
    from cleanlab_assets.reviews.corrections import list_corrections
    from cleanlab_assets.reviews.decision_files import write_decisions
    from cleanlab_assets.reviews.decisions import find_standings

    options.check_output(output)
    with _open_rows(dataset, family_name) as (rows, ledger):
        entries, rules = ledger.read(dataset), ledger.read_rules(dataset)
    table = list_corrections(rows.dataset, rows.raw, rows.keys, find_standings(entries))
    shown = Table(
        *("row", "given", "decision", "label", "reviewers", "state", "entry"),
        Column("note", overflow="fold"),
        title=f"{dataset}: {len(table):,} decided findings, {len(entries):,} entries",
    )
    for found in table.to_dict("records"):
        names = ("given_label", "decision", "decided_label", "reviewers", "state", "entry", "note")
        texts = ["" if found[name] is None else str(found[name]) for name in names]
        shown.add_row(escape(str(found["row_id"] or found["row_key"])), *map(escape, texts))
    console.print(shown)
    if output is not None:
        _write(output, write_decisions(entries, rows, rules).encode())
        console.print(f"{len(entries):,} entries: {output}", markup=False)


def import_decisions(
    file: Annotated[Path, typer.Argument(help="CSV file of decisions, or JSON export of Label Studio.")],
    dataset: DatasetOption = options.DEFAULT_DATASET,
    family_name: options.FamilyOption = "",
    reviewer: ReviewerOption = "",
) -> None:
    """Enter the decisions of a file into the ledger, all of them or none; what was entered before stays once.

    Example: cleanlab-demo import-decisions project-1.json -d breast_cancer
    """
    from cleanlab_assets.reviews.decision_files import read_decisions
    from cleanlab_assets.reviews.label_studio import read_export

    try:
        found_file = file.is_file()
    except OSError:  # a name that is too long
        found_file = False
    if not found_file:
        fail(ExitCode.WRONG_USE, f"{quote(str(file))} is no file")
    with _open_rows(dataset, family_name) as (rows, ledger):
        read = read_export if file.suffix.lower() == ".json" else read_decisions
        found = read(file, rows, reviewer=name_reviewer(reviewer))
        before = len(ledger.read(dataset))
        ledger.decide(found.decisions, tokens=found.tokens)
        n_new = len(ledger.read(dataset)) - before
    known = len(found.decisions) - n_new
    console.print(f"{file}: {n_new:,} decisions entered, {known:,} were in the ledger before", markup=False)


def export_tasks(
    output: OutputOption,
    dataset: DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
) -> None:
    """Write the flagged rows as tasks for Label Studio, worst first, with the suggested label as prediction.

    Example: cleanlab-demo export-tasks -d breast_cancer -o tasks.json
    """
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.reviews.label_studio import write_tasks

    options.check_output(output)
    family, model = options.choose_model(dataset, model, family_name)
    with _open_rows(dataset, family.name) as (rows, _), open_instance() as instance:
        issues = _read(instance, family, "label_issues", str(Partition(dataset, model))).value
    tasks = write_tasks(rows, issues, model=model)
    _write(output, json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False).encode())
    console.print(f"{len(tasks):,} tasks: {output}", markup=False)


def export(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `cleanlab-demo list`.")],
    output: OutputOption,
    family_name: options.FamilyOption = "",
) -> None:
    """Write the corrected dataset: in the form of your own file, or as a table with where each label is from.

    A file of the same ending as your own CSV or Parquet file has the corrected labels in place of the given ones, and
    no excluded rows; every other byte of a CSV is as it was. So have all of your files in a folder. Any other .csv or
    .parquet holds the table of the asset corrected_dataset.

    Example: cleanlab-demo export breast_cancer -o fixed.csv
    """
    from cleanlab_assets.datasets.tables.corrected_files import find_changed_labels
    from cleanlab_assets.orchestration.reviews import write_in_form_of_source

    is_folder = output.is_dir()
    if not is_folder:
        options.check_output(output)
    family = options.find_family(dataset, family=family_name)
    with open_instance() as instance:
        table = _read(instance, family, "corrected_dataset", dataset).value
    ending = output.suffix.lower()
    sources = [file for file in _get_dataset(dataset).files if file.is_own]
    if is_folder or (len(sources) == 1 and Path(sources[0].name).suffix.lower() == ending):
        files = write_in_form_of_source(load_settings(), dataset, table)
        if not files:
            fail(ExitCode.WRONG_USE, f"the files of {dataset} are not written back: expected a file .csv or .parquet")
        for name, content in files.items():
            _write(output / name if is_folder else output, content)
        told = f"{', '.join(files)} with the corrected labels"
    elif ending in {".csv", ".parquet"}:
        _write(output, table.to_csv(index=False).encode() if ending == ".csv" else _to_parquet(table))
        told = "the corrected dataset as a table"
    else:
        fail(ExitCode.WRONG_USE, f"cannot write {quote(str(output))}: expected the ending .csv or .parquet")
    label = _get_dataset(dataset).label
    n_changed = int(find_changed_labels(table, label).sum())
    n_excluded = int(table["is_excluded"].sum())
    console.print(f"{output}: {told}; {n_changed:,} changed, {n_excluded:,} rows excluded", markup=False)


@contextmanager
def _open_rows(dataset: str, family_name: str) -> Iterator[tuple[ReviewedRows, Ledger]]:
    """Open the ledger, and the rows of a dataset as they were read last."""
    from cleanlab_assets.orchestration.reviews import open_ledger_of
    from cleanlab_assets.reviews.rows import ReviewedRows

    family = options.find_family(dataset, family=family_name)
    with open_instance() as instance:
        raw = _read(instance, family, "raw_dataset", dataset).value
    with open_ledger_of(load_settings()) as ledger:
        yield ReviewedRows(_get_dataset(dataset), raw), ledger


def _get_dataset(name: str) -> Dataset:
    from cleanlab_assets.orchestration.datasets import get_dataset

    return get_dataset(name)


def _read(instance: dg.DagsterInstance, family: Family, asset: str, partition: str) -> Result[Any, Any]:
    """Read the latest result of an asset; the command ends where there is none."""
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.storage import read_result

    latest = latest_materialization(instance, family.key(asset), partition)
    if latest is None:
        found = Partition.parse(partition)
        fail(ExitCode.WRONG_USE, f"{found.title} was not audited yet: {found.command}")
    return read_result(str(latest.metadata["path"].value), family.step(asset))


def name_reviewer(named: str) -> str:
    """Return who decides: the one who is named, else the user at the system."""
    return named or getpass.getuser()


def _describe(decision: Decision) -> str:
    from cleanlab_assets.reviews.decisions import describe_answer

    return describe_answer(decision)


def _to_parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


def _write(path: Path, content: bytes) -> None:
    from upath import UPath

    from cleanlab_assets.orchestration.atomic_files import write_atomically

    write_atomically(UPath(path), content)
