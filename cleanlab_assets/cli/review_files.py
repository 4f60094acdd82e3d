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
from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cleanlab_assets.reviews.decision_files import ReadDecisions
    from cleanlab_assets.reviews.rows import ReviewedRows


def import_decisions(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV file of decisions, JSON export of Label Studio, or a corrected file or folder in the form of the "
            "source."
        ),
    ],
    dataset: DatasetOption = options.DEFAULT_DATASET,
    family_name: options.FamilyOption = "",
    reviewer: ReviewerOption = "",
) -> None:
    """Enter the decisions of a file into the ledger, all of them or none; what was entered before stays once.

    Of a corrected file each label that differs from the given one is a decision. It has the name of the source's file,
    or stands for its only one; a folder holds files of the names of the source's, or a part of them.

    Example: cleanlab-demo import-decisions project-1.json -d breast_cancer
    """
    try:
        is_there = file.exists()
    except OSError:  # a name that is too long
        is_there = False
    if not is_there:
        fail(ExitCode.WRONG_USE, f"{quote(str(file))} is no file")
    with open_rows(dataset, family_name) as (rows, ledger):
        found = _read_decisions(file, rows, name_reviewer(reviewer))
        last = ledger.last_number(dataset)
        numbers = ledger.decide(found.decisions, tokens=found.tokens)
    n_new = len({number for number in numbers if number > last})
    known = len(found.decisions) - n_new
    console.print(f"{file}: {n_new:,} decisions entered, {known:,} were in the ledger before", markup=False)


def _read_decisions(file: Path, rows: ReviewedRows, reviewer: str) -> ReadDecisions:
    """Read the decisions of a file in one of the forms that are known."""
    from cleanlab_assets.orchestration.reviews import read_corrected_source
    from cleanlab_assets.reviews.decision_files import is_file_of_decisions, read_decisions
    from cleanlab_assets.reviews.differences import find_differences
    from cleanlab_assets.reviews.label_studio import is_export, read_export

    suffix, own = file.suffix.lower(), [source.name for source in rows.dataset.files if source.is_own]
    is_like_own = file.is_dir() or suffix in {Path(name).suffix.lower() for name in own}
    if suffix == ".json" and not (is_like_own and not is_export(file)):
        return read_export(file, rows, reviewer=reviewer)
    if not file.is_dir() and (not is_like_own or (suffix == ".csv" and is_file_of_decisions(file))):
        return read_decisions(file, rows, reviewer=reviewer)
    corrected = read_corrected_source(load_settings(), rows.dataset.name, file)
    return find_differences(rows, corrected, reviewer=reviewer, where=file.name)


def export_tasks(
    output: OutputOption,
    dataset: DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
) -> None:
    """Write the flagged rows for a program in which people correct labels; import-decisions reads them back.

    A .json is for Label Studio: tasks, worst first, with the suggested label as prediction. Of images, and where the
    output has the ending of your own file, the flagged rows come in the form of the source: once as given, and once as
    suggested, in a file .suggested beside it, or in two folders.

    Example: cleanlab-demo export-tasks -d breast_cancer -o tasks.json
    """
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.reviews import find_corrected_writer
    from cleanlab_assets.reviews.label_studio import write_tasks
    from cleanlab_assets.reviews.source_tasks import SUGGESTED, make_source_tasks

    is_folder = _is_folder(output)
    family, model = options.choose_model(dataset, model, family_name)
    of_elements, partition = family.task.element_issues, str(Partition(dataset, model))
    with open_rows(dataset, family.name) as (rows, _), open_instance() as instance:
        issues = read_latest(instance, family, "label_issues", partition).value
        elements = read_latest(instance, family, of_elements, partition).value if of_elements else None
    if not is_folder and not of_elements and output.suffix.lower() == ".json":
        tasks = write_tasks(rows, issues, model=model)
        write_file(output, json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False).encode())
        console.print(f"{len(tasks):,} tasks: {output}", markup=False)
        return
    writer = find_corrected_writer(load_settings(), dataset)
    if writer is None:
        fail(ExitCode.WRONG_USE, f"{dataset} has no files of your own to write tasks like: review it with `decide`")
    made = make_source_tasks(rows, issues, elements)
    beside = output / SUGGESTED if is_folder else output.with_suffix(f".{SUGGESTED}{output.suffix}")
    _write_all(output / "given" if is_folder else output, writer(made.given), is_folder=is_folder)
    _write_all(beside, writer(made.suggested), is_folder=is_folder)
    n_rows = int((~made.given["is_excluded"]).sum())
    console.print(f"{n_rows:,} rows as given: {output}; as suggested: {beside}", markup=False)


def export(
    dataset: Annotated[str, typer.Argument(help="Dataset; see `cleanlab-demo list`.")],
    output: OutputOption,
    family_name: options.FamilyOption = "",
) -> None:
    """Write the corrected dataset: in the form of your own files, or as a table with where each label is from.

    A file of the same ending as your own has the corrected labels in place of the given ones, and no excluded rows; all
    else in it is as it was. So have all of your files in a folder; pictures are not copied. Any other .csv or .parquet
    holds the table of the asset corrected_dataset, or the decided labels of the examples of several annotators.

    Example: cleanlab-demo export breast_cancer -o fixed.csv
    """
    from cleanlab_assets.datasets.tables.corrected_files import find_changed_labels
    from cleanlab_assets.orchestration.reviews import find_corrected_writer
    from cleanlab_assets.reviews.corrections import list_examples

    is_folder = _is_folder(output)
    family = options.find_family(dataset, family=family_name)
    with open_instance() as instance:
        table = read_latest(instance, family, "corrected_dataset", dataset).value
    entry, ending = get_entry(dataset), output.suffix.lower()
    writer = find_corrected_writer(load_settings(), dataset)
    sources = [file for file in entry.files if file.is_own and not file.is_folder]
    if writer is not None and (is_folder or (len(sources) == 1 and Path(sources[0].name).suffix.lower() == ending)):
        told = f"{_write_all(output, writer(table), is_folder=is_folder)} with the corrected labels"
    elif ending in {".csv", ".parquet"}:
        shown = table
        if entry.panel is not None:
            with open_instance() as instance:
                made = read_latest(instance, family, "corrections", dataset).value
            shown = list_examples(entry.panel, table, made)
        write_file(output, shown.to_csv(index=False).encode() if ending == ".csv" else _to_parquet(shown))
        told = "the corrected dataset as a table" if entry.panel is None else "the decided label of each example"
    else:
        own = "" if writer is None else f", that of its own file, or a folder for the files of {dataset}"
        fail(ExitCode.WRONG_USE, f"cannot write {quote(str(output))}: expected the ending .csv or .parquet{own}")
    n_changed = int(find_changed_labels(table, entry.label).sum())
    n_excluded = int(table["is_excluded"].sum())
    console.print(f"{output}: {told}; {n_changed:,} changed, {n_excluded:,} rows excluded", markup=False)
    if n_excluded and any(file.is_folder for file in entry.files):
        names = count_and_name(table.loc[table["is_excluded"], "row_id"].tolist())
        console.print(f"take the excluded pictures away from the others: {names}", markup=False)


def _is_folder(output: Path) -> bool:
    """Whether a folder is meant, which may have to be made; what cannot be written ends the command."""
    try:
        if output.is_dir():
            return True
    except OSError:  # a name that is too long
        pass
    options.check_output(output)
    return not output.suffix


def _write_all(output: Path, files: Mapping[str, bytes], *, is_folder: bool) -> str:
    """Write files into a folder, or the only one where it shall lie, and say which."""
    if not is_folder and len(files) != 1:
        fail(ExitCode.WRONG_USE, f"cannot write {quote(str(output))}: there are {len(files):,} files: name a folder")
    has_folders = any("/" in name for name in files)
    if is_folder and has_folders and output.is_dir() and any(output.iterdir()):
        fail(
            ExitCode.WRONG_USE,
            f"{output} is not empty, and files that were left out would stay there: name a new folder",
        )
    for name, content in files.items():
        path = output / name if is_folder else output
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
    return f"{len(files):,} files" if has_folders else ", ".join(files)


def _to_parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()
