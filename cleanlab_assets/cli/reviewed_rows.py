"""What the commands about decisions share: their options, the rows of a dataset with its ledger, and stored results."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.terminal import ExitCode, fail
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.reviews.ledger import Ledger
    from cleanlab_assets.reviews.rows import ReviewedRows

ReviewerOption = Annotated[
    str, typer.Option("--reviewer", help="Who decides.", show_default="the name of the user at the system")
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)]
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help="Dataset; see `cleanlab-demo list`.")]


@contextmanager
def open_rows(dataset: str, family_name: str) -> Iterator[tuple[ReviewedRows, Ledger]]:
    """Open the ledger, and the rows of a dataset as they were read last."""
    from cleanlab_assets.orchestration.reviews import open_ledger_of
    from cleanlab_assets.reviews.rows import ReviewedRows

    family = options.find_family(dataset, family=family_name)
    with open_instance() as instance:
        raw = read_latest(instance, family, "raw_dataset", dataset).value
    with open_ledger_of(load_settings()) as ledger:
        yield ReviewedRows(get_entry(dataset), raw), ledger


def get_entry(name: str) -> Dataset:
    """Return the catalogue entry of a dataset."""
    from cleanlab_assets.orchestration.datasets import get_dataset

    return get_dataset(name)


def read_latest(instance: dg.DagsterInstance, family: Family, asset: str, partition: str) -> Result[Any, Any]:
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
    """Return who decides: whom the option names, else the user at the system."""
    return named or getpass.getuser()


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file or none, and the folders that it lies in."""
    from upath import UPath

    from cleanlab_assets.orchestration.atomic_files import write_atomically

    write_atomically(UPath(path), content)
