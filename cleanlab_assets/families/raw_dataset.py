"""The first step of every chain: the verified, parsed source."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.datasets.download import file_sha256, resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.datasets.folders import walk_files
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS, HeaderError
from cleanlab_assets.families.contracts import ROW_ID, TableContract
from cleanlab_assets.families.step import DATASET, StepContext, step
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import Json, Link, Notes, Plots, TableView
from cleanlab_assets.reports.label_plots import plot_label_distribution
from cleanlab_assets.reports.plots import plot_class_balance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset, NotedTable
    from cleanlab_assets.methods.shown import Shown

SOURCES = "sources"
"""Name of the figure that holds SHA-256 and size of each source file."""
MAXIMUM_AGE = timedelta(days=8)
"""Age from which raw data counts as old: a weekly refresh has failed then."""
_UNREADABLE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""What the system says of a file that cannot be read, whatever else works."""


class SourceFacts(Facts):
    """One source file as it was read; ``pinned`` says how its SHA-256 is known where the catalogue has none."""

    sha256: str
    bytes: int
    pinned: str = ""


class RawDatasetFacts(Facts):
    """The source files by name, and what was said of how they were read."""

    sources: dict[str, SourceFacts]
    notes: list[str] = Field(default_factory=list)


RawDatasetTable: TypeAlias = Result[pd.DataFrame, RawDatasetFacts]


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=RawDatasetFacts,
    contract=TableContract(
        "RawDataset", "The parsed source: a unique row id, then the columns of the source.", (ROW_ID,)
    ),
    maximum_age=MAXIMUM_AGE,
)
def raw_dataset(context: StepContext) -> RawDatasetTable:
    """The source as it came: every row in source order, nothing dropped, with a row id that says file and line.

    Files are downloaded once into the data directory and verified against their SHA-256 each time they are read. A
    transfer that fails for a passing reason is tried again, for minutes at most.
    """
    dataset = context.dataset
    _require_free_names(dataset, AUDIT_COLUMNS | context.reserved_columns)
    try:
        files = resolve_source_files(dataset, context.data_dir)
        raw, notes = _load(dataset, files)
        facts = RawDatasetFacts(
            notes=list(notes),
            sources={
                file.name: SourceFacts(
                    sha256=file_sha256(files[file.name]),
                    bytes=_count_bytes(files[file.name]),
                    pinned="recorded on first use" if file.is_pinned_on_first_use else "",
                )
                for file in dataset.files
            },
        )
    except _UNREADABLE as error:
        raise UnreadableInputError(f"{dataset.name}: {error.filename} cannot be read: {error.strerror}") from error

    def show() -> dict[str, Shown]:
        return {
            "title": dataset.title,
            "description": dataset.description,
            "homepage": Link(dataset.homepage),
            "licence": dataset.licence,
            "citation": dataset.citation,
            SOURCES: Json(facts.model_dump()["sources"]),
            **_show_labels(dataset, raw[dataset.label]),
            **({"notes": Notes(facts.notes)} if facts.notes else {}),
            "preview": TableView(raw),
        }

    return Result(value=raw, facts=facts, show=show)


def _require_free_names(dataset: Dataset, taken: frozenset[str]) -> None:
    """Refuse columns of the source whose names the audit needs for its own."""
    for column in dataset.columns:
        if column.name in taken and column.name != dataset.label:
            files = ", ".join(file.name for file in dataset.files)
            raise HeaderError(
                f"{dataset.name}: {files}: a column of the audit itself is named {quote(column.name)}: rename yours"
            )


def _load(dataset: Dataset, files: Mapping[str, Path]) -> NotedTable:
    """Parse the source; an error names the dataset."""
    try:
        return dataset.read(files)
    except UnreadableInputError as error:
        raise type(error)(f"{dataset.name}: {error}") from error


def _count_bytes(path: Path) -> int:
    files = walk_files(path) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _show_labels(dataset: Dataset, labels: pd.Series) -> Mapping[str, Shown]:
    """Describe the labels: rows for each class, or the distribution of a number."""
    if dataset.numeric_label is not None:
        values = labels.to_numpy(dtype=np.float64, na_value=np.nan)
        return {
            "label_range": f"{np.nanmin(values):g} to {np.nanmax(values):g} {dataset.numeric_label.unit}".strip(),
            "plots": Plots({"Label distribution": plot_label_distribution(values, dataset.numeric_label.unit)}),
        }
    named = labels if dataset.label_separator is None else labels.map(dataset.split_label).explode()
    counts = named.value_counts().reindex(list(dataset.class_names), fill_value=0)
    return {
        "class_balance": Json({str(name): int(count) for name, count in counts.items()}),
        "plots": Plots({"Class balance": plot_class_balance(counts)}),
    }
