from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.digits_panel import PANEL, SPAMMERS
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.formats import annotations as annotations_format
from cleanlab_assets.datasets.movielens_100k import GENRES
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.orchestration.datasets import forget_datasets, get_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DESCRIPTION = """
family = "multiannotator"
format = "annotations"
class_names = ["cat", "dog"]

[files]
labels = "labels.csv"
features = "examples.csv"

[options]
categorical = ["camera"]
descriptive = ["title"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the user's own panel, in a data directory that the catalogue reads."""
    monkeypatch.setenv("CLEANLAB_DEMO_DATA_DIR", str(tmp_path))
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "dataset.toml").write_text(DESCRIPTION)
    (folder / "labels.csv").write_text("example,annotator,label\na,x,cat\na,y,dog\nb,x,dog\n")
    (folder / "examples.csv").write_text(
        'example,weight,camera,title\na,4.5,m1,"Tom, the cat"\nb,,m2,Rex\nc,7,m1,Ada\n'
    )
    forget_datasets()
    yield folder
    forget_datasets()


def _load(folder: Path) -> object:
    forget_datasets()
    dataset = get_dataset("pets")
    return dataset.load(resolve_source_files(dataset, folder.parent))


def test_the_panels_labels_are_as_right_as_its_annotators(tmp_path: Path) -> None:
    dataset = get_dataset("digits_panel")
    table = dataset.load(resolve_source_files(dataset, tmp_path))
    assert len(table) == dataset.expected_rows
    assert table["row_id"].is_unique
    labelled = table.dropna(subset=["label"])
    right = (labelled["label"].astype(str) == labelled["true_digit"].astype(str)).groupby(
        labelled["annotator"].astype(str)
    )
    for annotator in PANEL:
        assert right.mean()[annotator.name] == pytest.approx(annotator.accuracy, abs=0.06)
    assert set(SPAMMERS) == {one.name for one in PANEL if one.accuracy == 0.1}
    waiting = table[table["label"].isna()]
    assert len(waiting) > 20
    assert waiting["annotator"].isna().all()
    assert not waiting["example"].isin(labelled["example"]).any()


def test_movielens_is_read_from_its_archive_with_titles_years_and_genres(tmp_path: Path) -> None:
    path = tmp_path / "ml-100k.zip"
    flags = "|".join("1" if genre in ("action", "war") else "0" for genre in GENRES)
    nothing = "|".join("0" for _ in GENRES)
    with zipfile.ZipFile(path, "w") as archive:
        items = f"1|Été (1995)|01-Jan-1995||http://x|{flags}\n2|unknown||||{nothing}\n"
        archive.writestr("ml-100k/u.item", items.encode("latin-1"))
        archive.writestr("ml-100k/u.data", "7\t1\t5\t881250949\n8\t2\t1\t881250949\n")
    table = get_dataset("movielens_100k").load({"ml-100k.zip": path})
    assert table["row_id"].tolist() == ["u.data:1", "u.data:2"]
    assert table["title"].tolist() == ["Été (1995)", "unknown"]
    assert table["release_year"].iloc[0] == 1995
    assert table["release_year"].isna().tolist() == [False, True]
    assert [table[name].iloc[0] for name in ("action", "war", "drama")] == [1, 1, 0]
    assert (table["user"].tolist(), table["rating"].tolist()) == (["7", "8"], ["5", "1"])


def test_a_movielens_line_of_another_form_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ml-100k.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-100k/u.item", "1|Title\n")
    with pytest.raises(SourceFormatError, match=r"ml-100k/u\.item, line 1: found 2 fields, expected 24"):
        get_dataset("movielens_100k").load({"ml-100k.zip": path})


def test_own_labels_come_with_features_and_examples_that_wait(folder: Path) -> None:
    table = _load(folder)
    assert table["row_id"].tolist() == ["labels.csv:2", "labels.csv:3", "labels.csv:4", "examples.csv:4"]  # type: ignore[index]
    assert table["label"].isna().tolist() == [False, False, False, True]  # type: ignore[index]
    assert table["title"].tolist() == ["Tom, the cat", "Tom, the cat", "Rex", "Ada"]  # type: ignore[index]
    kinds = {column.name: (column.kind, column.is_feature) for column in get_dataset("pets").columns}
    assert kinds["weight"] == ("numeric", True)
    assert kinds["camera"] == ("categorical", True)
    assert kinds["title"] == ("categorical", False)


def test_labels_that_come_later_are_taken_up(folder: Path) -> None:
    (folder / "new_labels_2.csv").write_text("example,annotator,label\nc,y,dog\n")
    table = _load(folder)
    assert table["row_id"].tolist()[-1] == "new_labels_2.csv:2"  # type: ignore[index]
    assert not table["label"].isna().any()  # type: ignore[index]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels.csv", "example,annotator,label\na,x,\n", "labels.csv:2, column label: found an empty value"),
        ("labels.csv", "example,annotator\na,x\n", "labels.csv, line 1: missing columns: label"),
        ("labels.csv", "example,annotator,label\nz,x,cat\n", "labels.csv:2: example 'z' is not in examples.csv"),
        ("examples.csv", "example,weight,camera,title\na,4\n", "examples.csv:2: found 2 fields, expected 4"),
        ("examples.csv", "example,weight,camera,title\na,x,m,t\nb,1,m,t\n", "examples.csv:2, column weight: found 'x'"),
        ("examples.csv", "example,weight,camera,title\na,1,m,t\na,1,m,t\n", "examples.csv:3: example 'a' is described"),
    ],
)
def test_wrong_files_of_a_panel_are_named_with_line_and_column(
    folder: Path, file: str, content: str, message: str
) -> None:
    (folder / file).write_text(content)
    with pytest.raises(SourceFormatError, match=message):
        _load(folder)


def test_wrong_options_are_named(folder: Path) -> None:
    (folder / "dataset.toml").write_text(DESCRIPTION.replace('"camera"', '"lens"'))
    forget_datasets()
    with pytest.raises(OwnDatasetError, match="options name columns that do not exist: lens"):
        get_dataset("pets")


@pytest.mark.parametrize("block_fields", [1, 8, 12, 500_000])
def test_a_file_is_read_the_same_in_blocks_of_any_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch, block_fields: int
) -> None:
    monkeypatch.setattr(annotations_format, "BLOCK_FIELDS", block_fields)
    lines = [f'e{row},{row / 7 if row % 3 else ""},m{row % 2},"the\n{row}"' for row in range(9)]
    (folder / "examples.csv").write_text("\n".join(["example,weight,camera,title", *lines[:5], "", *lines[5:]]))
    (folder / "labels.csv").write_text("example,annotator,label\ne8,x,cat\ne3,x,dog\ne8,y,cat\n")

    table = _load(folder)

    rows = [8, 3, 8, 0, 1, 2, 4, 5, 6, 7]
    assert isinstance(table, pd.DataFrame)
    assert table["example"].tolist() == [f"e{row}" for row in rows]
    assert table["row_id"].tolist()[2:5] == ["labels.csv:4", "examples.csv:3", "examples.csv:5"]
    assert table["row_id"].tolist()[-1] == "examples.csv:18"  # each title takes two lines, and one is blank
    expected = [row / 7 if row % 3 else np.nan for row in rows]
    np.testing.assert_array_equal(table["weight"], expected)
    assert table["camera"].tolist() == [f"m{row % 2}" for row in rows]
    assert table.dtypes.astype(str).to_dict() == {
        "row_id": "object",
        **dict.fromkeys(("example", "annotator", "label", "camera", "title"), "category"),
        "weight": "float64",
    }


@pytest.mark.parametrize("block_fields", [1, 8, 500_000])
def test_a_wrong_field_is_named_in_whichever_block_it_lies(
    folder: Path, monkeypatch: pytest.MonkeyPatch, block_fields: int
) -> None:
    monkeypatch.setattr(annotations_format, "BLOCK_FIELDS", block_fields)
    (folder / "examples.csv").write_text("example,weight,camera,title\na,1,m,t\nb,1,m,t\nc,-,m,t\nd,1,m,t\n")
    with pytest.raises(SourceFormatError, match=r"examples\.csv:4, column weight: found '-', expected a number"):
        _load(folder)
    (folder / "examples.csv").write_text("example,weight,camera,title\na,1,m,t\nb,1,m,t\nc,1,m,t\n,1,m,t\n")
    with pytest.raises(SourceFormatError, match=r"examples\.csv:5, column example: found an empty value"):
        _load(folder)


def test_a_file_with_nothing_but_a_header_has_no_rows(folder: Path) -> None:
    (folder / "labels.csv").write_text("example,annotator,label\n")
    (folder / "examples.csv").write_text("example,weight,camera,title\n")
    table = _load(folder)
    assert list(table) == ["row_id", "example", "annotator", "label", "weight", "camera", "title"]  # type: ignore[call-overload]
    assert len(table) == 0  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_panel_of_many_examples_and_features_is_read(folder: Path) -> None:
    n_examples, n_features = 50_000, 300
    names = [f"x{column}" for column in range(n_features)]
    tails = [",".join(f"{row * n_features + column}.25" for column in range(n_features)) for row in range(100)]
    rows = (f"e{example},{tails[example % 100]}\n" for example in range(n_examples))
    with (folder / "examples.csv").open("w") as file:
        file.writelines([f"example,{','.join(names)}\n", *rows])
    (folder / "labels.csv").write_text(
        "example,annotator,label\n" + "".join(f"e{example},x,cat\n" for example in range(n_examples))
    )
    (folder / "dataset.toml").write_text(DESCRIPTION.partition("[options]")[0])

    table = _load(folder)

    assert isinstance(table, pd.DataFrame)
    assert table.shape == (n_examples, 4 + n_features)
    expected = np.arange(100 * n_features).reshape(100, n_features) + 0.25
    np.testing.assert_array_equal(table[names].to_numpy(), np.tile(expected, (n_examples // 100, 1)))
