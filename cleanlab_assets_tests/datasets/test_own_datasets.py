from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.datasets import own_datasets
from cleanlab_assets.datasets.dataset import Column, Dataset, SourceFile
from cleanlab_assets.datasets.descriptions import Format, OwnDataset, OwnDatasetError
from cleanlab_assets.datasets.download import OwnFileError, resolve_source_files
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration.datasets import all_datasets, broken_datasets, forget_datasets, get_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """
family = "classification"
format = "lines"
title = "Tickets"
class_names = ["cheap", "dear"]

[files]
table = "tickets.txt"
"""


def _describe(said: OwnDataset, folder: Path) -> Dataset:
    def load(files: object) -> pd.DataFrame:
        assert isinstance(files, dict)
        lines = files[said.files["table"]].read_text().split()
        return pd.DataFrame({"row_id": [f"tickets.txt:{i + 1}" for i in range(len(lines))], "price": lines})

    return Dataset(
        name=said.name,
        families=(said.family,),
        title=said.title,
        description=said.description,
        homepage=said.homepage,
        licence=said.licence,
        citation=f"{folder.name}",
        files=tuple(SourceFile(name=name, sha256=()) for name in said.files.values()),
        load=load,
        label="price",
        columns=(Column(name="price", kind="categorical", is_feature=False),),
        class_names=said.class_names,
        expected_rows=None,
    )


@pytest.fixture(autouse=True)
def _one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    form = Format(
        name="lines",
        families=("classification",),
        describe=_describe,
        rules="Says what it reads.",
        files={"data": "the data"},
    )
    monkeypatch.setattr(own_datasets, "all_formats", lambda: {form.name: form})


def _write(data_dir: Path, name: str, description: str) -> Path:
    folder = data_dir / name
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text(description)
    return folder


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory that the catalogue reads."""
    monkeypatch.setenv("CLEANLAB_DEMO_DATA_DIR", str(tmp_path))
    forget_datasets()
    yield tmp_path
    forget_datasets()


def test_a_folder_with_a_description_is_a_dataset_of_the_catalogue(data_dir: Path) -> None:
    folder = _write(data_dir, "tickets", GOOD)
    (folder / "tickets.txt").write_text("cheap dear cheap")

    dataset = get_dataset("tickets")
    table = dataset.load(resolve_source_files(dataset, data_dir))

    assert (dataset.title, dataset.licence, dataset.expected_rows) == ("Tickets", "not stated", None)
    assert list(table["price"]) == ["cheap", "dear", "cheap"]
    assert list(all_datasets()) == sorted(all_datasets())
    assert "tickets" in catalogue.datasets_of("classification")


def test_a_file_that_is_not_there_is_named_with_its_place(data_dir: Path) -> None:
    folder = _write(data_dir, "tickets", GOOD)

    with pytest.raises(OwnFileError) as caught:
        resolve_source_files(get_dataset("tickets"), data_dir)
    place = folder / "tickets.txt"
    assert str(caught.value) == f"{place} does not exist: put the file there, or correct dataset.toml"
    place.mkdir()
    with pytest.raises(OwnFileError, match=r"tickets\.txt is a folder, expected a file"):
        resolve_source_files(get_dataset("tickets"), data_dir)


def test_a_dataset_of_the_catalogue_cannot_be_replaced(data_dir: Path) -> None:
    _write(data_dir, "digits", GOOD)

    assert get_dataset("digits").title != "Tickets"
    (error,) = broken_datasets().values()
    assert "digits is already the name of a dataset of this package" in str(error)


def test_no_data_directory_means_no_own_datasets(tmp_path: Path) -> None:
    assert find_own_datasets(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("name", "description", "message"),
    [
        ("Tickets-2", GOOD, "found 'Tickets-2', expected lower-case letters"),
        ("tickets", "family = ", "is not TOML"),
        ("tickets", GOOD.replace("lines", "parquet"), "format: found 'parquet', expected one of lines"),
        ("tickets", GOOD.replace('"classification"', '"regression"'), "family: found 'regression', .*: classification"),
        ("tickets", GOOD.replace("tickets.txt", "../secret.txt"), "files.table: found '../secret.txt'"),
        ("tickets", GOOD.replace("tickets.txt", "/etc/passwd"), "files.table: found '/etc/passwd'"),
        ("tickets", GOOD.replace("title", "titel"), "titel: Extra inputs are not permitted, found 'Tickets'"),
        ("tickets", "name = 'other'" + GOOD, "name: found 'other', but the folder name is the dataset name"),
        (
            "tickets",
            f'{GOOD}[class_descriptions]\nfree = "costs nothing"',
            "class_descriptions: found 'free', expected a class of the dataset: cheap, dear",
        ),
        ("tickets", GOOD.partition("[files]")[0], "files: Field required"),
    ],
)
def test_a_wrong_description_is_an_error_that_names_file_and_field(
    tmp_path: Path, name: str, description: str, message: str
) -> None:
    _write(tmp_path, name, description)

    error = find_own_datasets(tmp_path)[name]
    assert isinstance(error, OwnDatasetError)
    assert re.search(f"{name}/dataset.toml.*{message}", str(error))
