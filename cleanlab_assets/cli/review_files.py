"""Commands about files of decisions: read and write those of other programs, and write the corrected dataset."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.reviewed_rows import (
    DatasetOption,
    OutputOption,
    ReviewerOption,
    get_entry,
    name_reviewer,
    open_rows,
    read_latest,
    write_file,
)
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd


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
    with open_rows(dataset, family_name) as (rows, ledger):
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
    with open_rows(dataset, family.name) as (rows, _), open_instance() as instance:
        issues = read_latest(instance, family, "label_issues", str(Partition(dataset, model))).value
    tasks = write_tasks(rows, issues, model=model)
    write_file(output, json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False).encode())
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
        table = read_latest(instance, family, "corrected_dataset", dataset).value
    ending = output.suffix.lower()
    sources = [file for file in get_entry(dataset).files if file.is_own]
    if is_folder or (len(sources) == 1 and Path(sources[0].name).suffix.lower() == ending):
        files = write_in_form_of_source(load_settings(), dataset, table)
        if not files:
            fail(ExitCode.WRONG_USE, f"the files of {dataset} are not written back: expected a file .csv or .parquet")
        for name, content in files.items():
            write_file(output / name if is_folder else output, content)
        told = f"{', '.join(files)} with the corrected labels"
    elif ending in {".csv", ".parquet"}:
        write_file(output, table.to_csv(index=False).encode() if ending == ".csv" else _to_parquet(table))
        told = "the corrected dataset as a table"
    else:
        fail(ExitCode.WRONG_USE, f"cannot write {quote(str(output))}: expected the ending .csv or .parquet")
    label = get_entry(dataset).label
    n_changed = int(find_changed_labels(table, label).sum())
    n_excluded = int(table["is_excluded"].sum())
    console.print(f"{output}: {told}; {n_changed:,} changed, {n_excluded:,} rows excluded", markup=False)


def _to_parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()
