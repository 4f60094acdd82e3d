"""Pictures with one label each: folders of classes, and tables that name or hold pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanlab_assets.datasets.dataset import Dataset, NotedTable
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.formats.pictures import draft_pictures
from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.datasets.own_datasets import find_own_datasets, read_description
from cleanlab_assets.datasets.pictures import PictureError, PictureFolder
from cleanlab_assets.datasets.tables.drafting.describe import draft_description
from cleanlab_assets.datasets.tables.drafting.drafts import Request
from cleanlab_assets.datasets.tables.writing import update_description, write_description

if TYPE_CHECKING:
    from pathlib import Path


def write_picture(path: Path, grey: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(np.full((6, 5), grey, dtype=np.uint8)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of two pictures each."""
    for label in ("10", "9"):
        for name in ("a.png", "sub/b.PNG"):
            write_picture(tmp_path / "shots" / label / name, grey=int(label))
    return tmp_path / "shots"


def describe(root: Path, data_dir: Path, **options: str | None) -> Dataset:
    folder = data_dir / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    draft = draft_pictures(root, folder, data_dir=data_dir, encoder=options.get("encoder"))
    (folder / "dataset.toml").write_text(write_description(draft.entries), encoding="utf-8")
    found = find_own_datasets(data_dir)["shots"]
    assert isinstance(found, Dataset), str(found)
    return found


def load(dataset: Dataset, data_dir: Path) -> NotedTable:
    return dataset.read(resolve_source_files(dataset, data_dir))


def test_a_folder_for_each_class_is_a_dataset(root: Path, tmp_path: Path) -> None:
    dataset = describe(root, tmp_path / "data")
    table, notes = load(dataset, tmp_path / "data")
    assert dataset.class_names == ("9", "10"), "numbers are in the order of their values"
    assert table["row_id"].tolist() == ["10/a.png", "9/a.png", "10/sub/b.PNG", "9/sub/b.PNG"], "by name across classes"
    assert table["class"].tolist() == ["10", "9", "10", "9"]
    assert table["picture"].iloc[0] == (root / "10" / "a.png").read_bytes()
    assert notes == ()
    assert dataset.encoders == {"picture": "patches"}
    assert [column.name for column in dataset.embedded_columns] == ["picture"]


def test_what_is_no_whole_picture_is_left_out_and_named(root: Path, tmp_path: Path) -> None:
    whole = (root / "9" / "a.png").read_bytes()
    (root / "9" / "cut.png").write_bytes(whole[:40])
    (root / "9" / "words.png").write_text("no picture")
    (root / "9" / "notes.txt").write_text("by hand")
    (root / "readme.txt").write_text("by hand")
    (root / "9" / ".hidden").write_text("x")
    (root / "9" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "empty").mkdir()
    table, notes = load(describe(root, tmp_path / "data"), tmp_path / "data")
    assert len(table) == 4
    assert notes == (
        "left out as no whole pictures: 3 (9/cut.png, 9/gone.png, 9/words.png)",
        "left out as no pictures by their names, or outside of the folders of classes: 2 (readme.txt, 9/notes.txt)",
        "folders without a picture are no classes: 1 (empty)",
    )


def test_folders_of_train_and_test_rows_are_the_split(tmp_path: Path) -> None:
    for part in ("train", "Test", "val"):
        for label in ("cat", "dog"):
            write_picture(tmp_path / "shots" / part / label / f"{part}.png")
    dataset = describe(tmp_path / "shots", tmp_path / "data")
    table, notes = load(dataset, tmp_path / "data")
    assert dataset.class_names == ("cat", "dog")
    assert dataset.split_column is not None
    split = table.set_index("row_id")[dataset.split_column]
    assert split.to_dict() == {
        **{f"Test/{label}/Test.png": "test" for label in ("cat", "dog")},
        **{f"{part}/{label}/{part}.png": "train" for part in ("train", "val") for label in ("cat", "dog")},
    }
    assert notes == ("the pictures of val count as train rows",)


def test_a_folder_that_is_new_is_no_class_in_silence(root: Path, tmp_path: Path) -> None:
    dataset = describe(root, tmp_path / "data")
    write_picture(root / "11" / "a.png")
    with pytest.raises(PictureError, match="found the folder '11', which is none of the class_names"):
        load(dataset, tmp_path / "data")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "for each of at least two classes, found none"),
        (["cat/a.png"], "for each of at least two classes, found 'cat'"),
        (
            ["cat/a.txt", "dog/a.txt"],
            "expected a folder with pictures (.bmp, .jpeg, .jpg, .png, .tif,",
        ),
    ],
)
def test_a_folder_without_classes_or_pictures_is_refused(tmp_path: Path, files: list[str], expected: str) -> None:
    for file in files:
        write_picture(tmp_path / file)
    with pytest.raises(PictureError, match=re.escape(expected)):
        PictureFolder(tmp_path)


def test_an_encoder_that_the_user_chose_stays_and_weights_at_hand_choose_the_network(
    root: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "weights").mkdir(parents=True)
    (data_dir / "weights" / "resnet18-f37072fd.pth").write_bytes(b"")
    assert describe(root, data_dir).encoders == {"picture": "resnet18"}
    assert describe(root, data_dir, encoder="patches").encoders == {"picture": "patches"}
    path = data_dir / "shots" / "dataset.toml"
    again = draft_pictures(root, path.parent, read_description(path), data_dir=data_dir)
    assert update_description(path.read_text(encoding="utf-8"), again.entries)[1] == []


def write_table(tmp_path: Path, rows: list[tuple[str, str]]) -> Path:
    path = tmp_path / "shots.csv"
    path.write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows), encoding="utf-8")
    return path


def load_table(path: Path, data_dir: Path) -> NotedTable:
    folder = data_dir / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    draft = draft_description(Request(file=path, labels=("label",)), folder)
    (folder / "dataset.toml").write_text(write_description(draft.entries), encoding="utf-8")
    found = find_own_datasets(data_dir)["shots"]
    assert isinstance(found, Dataset), str(found)
    assert [(column.name, column.kind) for column in found.embedded_columns] == [("file", "picture")]
    return load(found, data_dir)


def test_a_table_names_pictures_relative_to_itself_or_wherever_they_lie(root: Path, tmp_path: Path) -> None:
    absolute = root / "10" / "a.png"
    path = write_table(tmp_path, [("shots/9/a.png", "nine"), (str(absolute), "ten"), ("shots/9/sub/b.PNG", "nine")])
    table, _ = load_table(path, tmp_path / "data")
    expected = [root / "9" / "a.png", absolute, root / "9" / "sub" / "b.PNG"]
    assert table["file"].tolist() == [file.read_bytes() for file in expected]


def test_pictures_that_are_not_there_or_damaged_are_all_named_with_their_lines(root: Path, tmp_path: Path) -> None:
    (root / "9" / "cut.png").write_bytes((root / "9" / "a.png").read_bytes()[:40])
    path = write_table(
        tmp_path,
        [("shots/9/a.png", "a"), ("shots/none.png", "b"), ("shots/9/cut.png", "b"), (f"../{'x' * 300}.png", "a")],
    )
    with pytest.raises(PictureError) as caught:
        load_table(path, tmp_path / "data")
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("shots.csv:3, column 'file': cannot read the picture 'shots/none.png': No such file")
    assert second.startswith("shots.csv:4, column 'file': 'shots/9/cut.png': found")
    assert third.startswith("shots.csv:5, column 'file': cannot read the picture")


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_a_table_may_hold_the_pictures_themselves(root: Path, tmp_path: Path, form: str) -> None:
    contents = [(root / label / "a.png").read_bytes() for label in ("9", "10")] * 2
    held = contents if form == "bytes" else [{"bytes": content, "path": None} for content in contents]
    table = pa.table({"shot": held, "label": ["nine", "ten"] * 2})
    path = tmp_path / "shots.parquet"
    pd.DataFrame(table.to_pandas()).to_parquet(path)
    folder = tmp_path / "data" / "shots"
    folder.mkdir(parents=True)
    draft = draft_description(Request(file=path, labels=("label",)), folder)
    (folder / "dataset.toml").write_text(write_description(draft.entries), encoding="utf-8")
    found = find_own_datasets(tmp_path / "data")["shots"]
    assert isinstance(found, Dataset), str(found)
    assert load(found, tmp_path / "data").table["shot"].tolist() == contents
