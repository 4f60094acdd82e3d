"""The same data of the user's own in every encoding becomes the same table, in every form of data."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.own_datasets import all_formats, find_own_datasets
from cleanlab_assets.methods.provenance import catalogue_hash
from cleanlab_assets_tests.datasets.table_checks import hash_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

CLASSES = ("Käse", "Öl")
FIELDS = "_\t_\t_\t_\t_\t_"
BOX = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>6</xmax><ymax>5</ymax></bndbox>"


@dataclass(frozen=True)
class Form:
    """A small dataset: its family, its files by role, the text of those that hold text, and what else describes it."""

    family: str
    files: dict[str, str]
    texts: dict[str, str]
    sections: str = ""


FORMS = {
    "conllu": Form(
        "token_classification",
        {"train": "t.conllu"},
        {"t.conllu": f"# sent_id = größe\n1\tGröße\t_\tKäse\t{FIELDS}\n2\tß\t_\tÖl\t{FIELDS}\n"},
    ),
    "conll2003": Form(
        "token_classification", {"train": "t.txt"}, {"t.txt": "-DOCSTART- O\n\nGröße Käse\nß Öl\n\nü Öl\n"}
    ),
    "annotations": Form(
        "multiannotator",
        {"labels": "labels.csv", "features": "examples.csv"},
        {
            "labels.csv": "example,annotator,label\né,jörg,Käse\né,zoë,Öl\n",
            "examples.csv": "example,größe\né,1\nà,2\n",
        },
    ),
    "coco": Form(
        "object_detection",
        {"annotations": "a.json", "images": "images"},
        {
            "a.json": json.dumps(
                {
                    "images": [{"id": 1, "file_name": "bild_ü.png"}],
                    "categories": [{"id": 1, "name": "Käse"}],
                    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 4]}],
                },
                ensure_ascii=False,
            )
        },
    ),
    "voc": Form(
        "object_detection",
        {"annotations": "xml", "images": "images"},
        {"xml/a.xml": f"<annotation><filename>bild_ü.png</filename><object><name>Öl</name>{BOX}</object></annotation>"},
    ),
    "yolo": Form(
        "object_detection",
        {"images": "images", "labels": "labels", "classes": "classes.txt"},
        {"labels/bild_ü.txt": "0 0.5 0.5 0.4 0.4\n", "classes.txt": "Käse\nÖl\n"},
    ),
    "table": Form(
        "classification",
        {"table": "t.csv"},
        {"t.csv": "größe,ort,sorte\n1,ß,Käse\n2,é,Öl\n"},
        '[columns]\nlabel = "sorte"\n[columns.kinds]\n"größe" = "numeric"\nort = "categorical"\n',
    ),
    "pictures": Form("classification", {"pictures": "classes"}, {}),
    "mask_pairs": Form("segmentation", {"images": "images", "masks": "masks"}, {}),
}


def write(
    data_dir: Path, form: str, encoding: str, *, stated: str = "", of_description: str = "utf-8", end: str = "\n"
) -> Path:
    """Write a dataset of a form whose text files are of an encoding."""
    folder = data_dir / "mine"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    (folder / "xml").mkdir()
    (folder / "labels").mkdir()
    (folder / "images" / "bild_ü.png").write_bytes(encode_png(np.zeros((9, 9, 3), dtype=np.uint8)))
    for name in CLASSES:
        (folder / "classes" / name).mkdir(parents=True)
        (folder / "classes" / name / "bild_ü.png").write_bytes(encode_png(np.eye(9, dtype=np.uint8)))
    (folder / "masks" / "bild_ü.png").write_bytes(encode_png(np.eye(9, dtype=np.uint8)))
    for name, text in FORMS[form].texts.items():
        (folder / name).write_bytes(text.replace("\n", end).encode(encoding))
    files = "\n".join(f'{role} = "{name}"' for role, name in FORMS[form].files.items())
    line = f'encoding = "{stated}"\n' if stated else ""
    description = (
        f'# Größe\nfamily = "{FORMS[form].family}"\nformat = "{form}"\n'
        f"class_names = {list(CLASSES)}\n{line}[files]\n{files}\n"
        f"{FORMS[form].sections}"
    )
    (folder / "dataset.toml").write_bytes(description.encode(of_description))
    return folder


def load(data_dir: Path) -> pd.DataFrame:
    dataset = find_own_datasets(data_dir)["mine"]
    if isinstance(dataset, OwnDatasetError):
        raise dataset
    return dataset.load(resolve_source_files(dataset, data_dir))


@pytest.mark.parametrize(
    ("encoding", "stated"), [("utf-8-sig", ""), ("utf-16", ""), ("utf-16-be", "utf-16-be"), ("latin-1", "latin-1")]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_every_encoding(tmp_path: Path, form: str, encoding: str, stated: str) -> None:
    write(tmp_path / "plain", form, "utf-8")
    write(tmp_path / "other", form, encoding, stated=stated)
    expected, found = load(tmp_path / "plain"), load(tmp_path / "other")
    assert hash_table(found) == hash_table(expected)
    told = (
        found.select_dtypes(exclude="number")
        .drop(columns=["image", "class_mask", "picture"], errors="ignore")
        .astype(str)
    )
    assert told.apply(lambda column: column.str.contains("[äöüßéà]", regex=True)).to_numpy().any()


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form].texts])
def test_every_form_reads_lines_of_every_system(tmp_path: Path, form: str, encoding: str, end: str) -> None:
    write(tmp_path / "plain", form, "utf-8")
    write(tmp_path / "other", form, encoding, end=end)
    assert hash_table(load(tmp_path / "other")) == hash_table(load(tmp_path / "plain"))


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\u0085", "\u000b", "\u000c", "\u001c"])
@pytest.mark.parametrize("form", ["conllu", "conll2003", "annotations", "coco", "table"])
def test_no_other_character_ends_a_line_in_any_form(tmp_path: Path, form: str, letter: str) -> None:
    """XML 1.0 can hold no control characters, and attributes of it no line ends at all."""
    place = {"coco": "bild_ü", "annotations": "jörg", "table": "é"}.get(form, "Größe")
    folder = write(tmp_path, form, "utf-8")
    changed = f"{place[:1]}{letter}{place[1:]}x"
    for name, text in FORMS[form].texts.items():
        new = json.dumps(changed)[1:-1] if form == "coco" and letter < " " else changed
        (folder / name).write_text(text.replace(place, new), encoding="utf-8", newline="")
    for path in (folder / "images").glob("*.png"):
        path.rename(path.with_name(path.name.replace(place, changed)))
    told = load(tmp_path).drop(columns=["image"], errors="ignore").astype(str)
    assert told.apply(lambda column: column.str.contains(changed, regex=False)).to_numpy().any()


@pytest.mark.parametrize(("said", "written"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("form", FORMS)
def test_names_compare_however_their_letters_are_written(
    tmp_path: Path, form: str, said: Literal["NFC", "NFD"], written: Literal["NFC", "NFD"]
) -> None:
    """``dataset.toml`` writes classes, columns and files in one way; the files, and their names, in the other."""
    write(tmp_path / "plain", form, "utf-8")
    folder = write(tmp_path / "mine", form, "utf-8")
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png")
    for path in paths:
        way = said if path.name == "dataset.toml" else written
        path.write_text(unicodedata.normalize(way, path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rename(path.with_name(unicodedata.normalize(said if form == "mask_pairs" else "NFD", path.name)))
    plain, found = load(tmp_path / "plain"), load(tmp_path / "mine")
    dataset = find_own_datasets(tmp_path / "mine")["mine"]
    assert isinstance(dataset, Dataset)
    assert found[dataset.label].astype(str).tolist() == plain[dataset.label].astype(str).tolist()
    assert list(map(to_nfc, found.columns)) == list(plain.columns)


@pytest.mark.parametrize("form", ["coco", "voc", "pictures", "mask_pairs"])
def test_files_of_operating_systems_are_no_data(tmp_path: Path, form: str) -> None:
    write(tmp_path / "plain", form, "utf-8")
    folder = write(tmp_path / "other", form, "utf-8")
    for place in [path for path in folder.rglob("*") if path.is_dir()]:
        for name in ("._bild_ü.png", "._a.xml", ".DS_Store", "Thumbs.db", "desktop.ini"):
            (place / name).write_bytes(b"\0\5\x16\7")
    assert hash_table(load(tmp_path / "other")) == hash_table(load(tmp_path / "plain"))


@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form].texts])
def test_every_form_tells_where_text_is_of_another_encoding(tmp_path: Path, form: str) -> None:
    write(tmp_path, form, "latin-1")
    with pytest.raises(UnreadableInputError) as caught:
        load(tmp_path)
    *_, file = FORMS[form].texts
    text = FORMS[form].texts[file].encode("latin-1")
    offset = next(place for place, byte in enumerate(text) if byte > 127)
    line = text[:offset].count(b"\n") + 1
    place = f"{file.rpartition('/')[2]}, line {line}, byte offset {offset}: found the byte {text[offset]:#04x}"
    assert f"{place}, which is not UTF-8: state the encoding in dataset.toml" in str(caught.value)


def test_the_forms_of_this_test_are_all_there_are() -> None:
    assert set(FORMS) == set(all_formats())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_description_may_begin_with_a_mark(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, "conll2003", "utf-8", of_description=encoding)
    assert load(tmp_path)["token"].tolist() == ["Größe", "ß", "ü"]


def test_a_description_that_is_not_utf_8_is_told_with_its_place(tmp_path: Path) -> None:
    folder = write(tmp_path, "conll2003", "utf-8", of_description="latin-1")
    place = f"{folder / 'dataset.toml'}, line 1, byte offset 4"
    assert str(find_own_datasets(tmp_path)["mine"]) == f"{place}: found the byte 0xf6, which is not UTF-8"


def test_another_encoding_makes_the_dataset_another(tmp_path: Path) -> None:
    hashes = set()
    for stated in ("", "latin-1", "cp1252"):
        write(tmp_path / f"as {stated}", "conllu", "utf-8", stated=stated)
        dataset = find_own_datasets(tmp_path / f"as {stated}")["mine"]
        assert isinstance(dataset, Dataset)
        hashes.add(catalogue_hash(dataset))
    assert len(hashes) == 3
