from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.digits_panel import PANEL, SPAMMERS
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.movielens_100k import GENRES
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.orchestration.datasets import forget_datasets, get_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable

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


def _load(folder: Path) -> NotedTable:
    forget_datasets()
    dataset = get_dataset("pets")
    return dataset.read(resolve_source_files(dataset, folder.parent))


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
    table = _load(folder).table
    assert table["row_id"].tolist() == ["labels.csv:2", "labels.csv:3", "labels.csv:4", "examples.csv:4"]
    assert table["label"].isna().tolist() == [False, False, False, True]
    assert table["title"].tolist() == ["Tom, the cat", "Tom, the cat", "Rex", "Ada"]
    kinds = {column.name: (column.kind, column.is_feature) for column in get_dataset("pets").columns}
    assert kinds["weight"] == ("numeric", True)
    assert kinds["camera"] == ("categorical", True)
    assert kinds["title"] == ("categorical", False)


def test_labels_that_come_later_are_taken_up(folder: Path) -> None:
    (folder / "new_labels_2.csv").write_text("example,annotator,label\nc,y,dog\n")
    table = _load(folder).table
    assert table["row_id"].tolist()[-1] == "new_labels_2.csv:2"
    assert not table["label"].isna().any()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels.csv", "example,annotator,label\na,,cat\n", "labels.csv:2, column annotator: found an empty value"),
        ("labels.csv", "example,annotator\na,x\n", "labels.csv, line 1: found .* annotator, missing columns: label"),
        ("labels.csv", "example,annotator,label\nz,x,cat\n", "labels.csv:2: example 'z' is not in examples.csv"),
        ("examples.csv", "example,weight,camera,title\na,4\n", "examples.csv, line 2: found 2 fields, expected 4"),
        ("examples.csv", "example,weight,camera,title\na,x,m,t\nb,1,m,t\n", "examples.csv:2, column weight: found 'x'"),
        ("examples.csv", "example,weight,camera,title\na,1,m,t\na,1,m,t\n", "examples.csv:3: example 'a' is described"),
    ],
)
def test_wrong_files_of_a_panel_are_named_with_line_and_column(
    folder: Path, file: str, content: str, message: str
) -> None:
    (folder / file).write_text(content)
    with pytest.raises(UnreadableInputError, match=message):
        _load(folder)


def test_wrong_options_are_named(folder: Path) -> None:
    (folder / "dataset.toml").write_text(DESCRIPTION.replace('"camera"', '"lens"'))
    forget_datasets()
    with pytest.raises(OwnDatasetError, match="options name columns that do not exist: lens"):
        get_dataset("pets")


def test_the_fields_of_a_file_are_read_with_the_lines_that_they_stand_in(folder: Path) -> None:
    lines = [f'e{row},{row / 7 if row % 3 else ""},m{row % 2},"the\n{row}"' for row in range(9)]
    (folder / "examples.csv").write_text("\n".join(["example,weight,camera,title", *lines[:5], "", *lines[5:]]))
    (folder / "labels.csv").write_text("example,annotator,label\ne8,x,cat\ne3,x,dog\ne8,y,cat\n")

    table = _load(folder).table

    rows = [8, 3, 8, 0, 1, 2, 4, 5, 6, 7]
    assert table["example"].tolist() == [f"e{row}" for row in rows]
    assert table["row_id"].tolist()[2:5] == ["labels.csv:4", "examples.csv:2", "examples.csv:4"]
    assert table["row_id"].tolist()[-1] == "examples.csv:17"  # each title takes two lines, and one is blank
    expected = [row / 7 if row % 3 else np.nan for row in rows]
    np.testing.assert_array_equal(table["weight"], expected)
    assert table["camera"].tolist() == [f"m{row % 2}" for row in rows]
    assert table.dtypes.astype(str).to_dict() == {
        "row_id": "object",
        **dict.fromkeys(("example", "annotator", "label", "camera", "title"), "category"),
        "weight": "float64",
    }


def test_all_faults_of_the_features_are_told_at_once(folder: Path) -> None:
    (folder / "examples.csv").write_text("example,weight,camera,title\na,1,m,t\na,inf,m,t\nc,heavy,m,t\n,1,m,t\n")
    with pytest.raises(SourceFormatError) as caught:
        _load(folder)
    assert str(caught.value).splitlines() == [
        "examples.csv:3, column weight: found 'inf', expected a number",
        "examples.csv:4, column weight: found 'heavy', expected a number",
        "examples.csv:5, column example: found an empty value, expected the name of the example",
        "examples.csv:3: example 'a' is described twice",
    ]


def test_a_file_with_nothing_but_a_header_has_no_rows(folder: Path) -> None:
    (folder / "labels.csv").write_text("example,annotator,label\n")
    (folder / "examples.csv").write_text("example,weight,camera,title\n")
    table = _load(folder).table
    assert list(table) == ["row_id", "example", "annotator", "label", "weight", "camera", "title"]
    assert len(table) == 0


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

    table = _load(folder).table

    assert table.shape == (n_examples, 4 + n_features)
    expected = np.arange(100 * n_features).reshape(100, n_features) + 0.25
    np.testing.assert_array_equal(table[names].to_numpy(), np.tile(expected, (n_examples // 100, 1)))


LABELS = ["row_id", "example", "annotator", "label"]
WIDE = "example,ann,bob,cho\na,cat,,dog\nb,,,\nc,dog,dog,\n"


def _write(folder: Path, labels: str | bytes, *, features: str = "", options: str = "", classes: bool = True) -> None:
    """Put files of another form in place; without features there are none."""
    content = labels if isinstance(labels, bytes) else labels.encode()
    (folder / "labels.csv").write_bytes(content)
    (folder / "examples.csv").write_text(features)
    lines = ['family = "multiannotator"', 'format = "annotations"', *(['class_names = ["cat", "dog"]'] * classes)]
    lines += ["[files]", 'labels = "labels.csv"', *(['features = "examples.csv"'] * bool(features))]
    (folder / "dataset.toml").write_text("\n".join([*lines, "[options]", options]))


def test_labels_in_wide_form_are_those_of_long_form(folder: Path) -> None:
    _write(folder, WIDE)
    table, notes = _load(folder)
    assert table[LABELS].astype(str).to_numpy().tolist() == [
        ["labels.csv:2:ann", "a", "ann", "cat"],
        ["labels.csv:4:ann", "c", "ann", "dog"],
        ["labels.csv:4:bob", "c", "bob", "dog"],
        ["labels.csv:2:cho", "a", "cho", "dog"],
    ]
    assert notes == ("labels.csv: wide form, with a column for each of 3 annotators: ann, bob, cho",)


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        (WIDE.replace("example", ""), ""),
        (WIDE.replace("example", "item"), 'example = "item"\nannotators = ["ann", "bob", "cho"]'),
        (WIDE.replace(",", ";"), ""),
        (WIDE.replace(",", "\t"), ""),
        (WIDE.replace(",", "~"), 'delimiter = "~"'),
        (WIDE.replace("b,,,", "b,NA,-,nan"), ""),
        (WIDE.replace("b,,,", "b,skip,skip,skip"), 'missing = ["skip"]'),
        (WIDE.replace("\n", "\r\n"), ""),
        (WIDE.encode("utf-8-sig"), ""),
        (WIDE.encode("utf-16"), ""),
        (WIDE.replace("\n", ",\n"), ""),
        (",example,ann,bob,cho\n0,a,cat,,dog\n1,b,,,\n2,c,dog,dog,\n", ""),
    ],
)
def test_wide_form_is_read_however_it_is_written(folder: Path, labels: str | bytes, options: str) -> None:
    _write(folder, WIDE)
    expected = _load(folder).table
    _write(folder, labels, options=options)
    pd.testing.assert_frame_equal(_load(folder).table, expected)


@pytest.mark.parametrize("extra", ["truth", "comment"])
def test_a_column_that_may_be_no_annotator_leaves_the_form_in_doubt(folder: Path, extra: str) -> None:
    value = {"truth": "cat", "comment": "blurred"}[extra]
    _write(folder, f"example,ann,bob,{extra}\na,cat,dog,{value}\n")
    with pytest.raises(SourceFormatError) as caught:
        _load(folder)
    assert str(caught.value).startswith(
        f"labels.csv, line 1: found the columns example, ann, bob, {extra}, missing columns: annotator, label; say "
        "under [options] of dataset.toml what yours are called"
    )
    _write(folder, f"example,ann,bob,{extra}\na,cat,dog,{value}\n", options='annotators = ["ann", "bob"]')
    assert len(_load(folder).table) == 2


def test_columns_of_long_form_may_have_other_names(folder: Path) -> None:
    _write(
        folder,
        "item,worker,answer\na,x,cat\na,y,\n",
        options='example = "item"\nannotator = "worker"\nlabel = "answer"',
    )
    table, notes = _load(folder)
    assert table[LABELS].astype(str).to_numpy().tolist() == [["labels.csv:2", "a", "x", "cat"]]
    assert notes == ("labels.csv: lines without a label are left out: 1, the first is labels.csv:3",)


def test_classes_are_taken_from_the_labels_where_none_are_said(folder: Path) -> None:
    _write(folder, "example,annotator,label\na,x,10\na,y,9\nb,x,9.0\n", classes=False)
    table, notes = _load(folder)
    assert get_dataset("pets").class_names == ("9", "10")
    assert table["label"].tolist() == ["10", "9", "9"]
    assert "the classes are those of the labels: class_names = ['9', '10']" in notes
    assert "labels.csv: 1 labels such as 9.0 are read as whole numbers: 9" in notes


@pytest.mark.parametrize("place", ["labels", "features"])
def test_the_truth_is_a_column_that_is_said(folder: Path, place: str) -> None:
    beside_labels = place == "labels"
    labels, features = "example,annotator,label\na,x,cat\na,y,dog\n", "example,w\na,1\nb,2\n"
    if beside_labels:
        labels = "example,annotator,label,true_label\na,x,cat,dog\na,y,dog,\n"
    else:
        features = "example,true_label,w\na,dog,1\nb,,2\n"
    _write(folder, labels, features=features, options='truth = "true_label"')
    table = _load(folder).table
    assert list(table) == [*LABELS, "truth", "w"]
    assert table["truth"].astype(str).tolist() == ["dog", "dog", "nan"]
    assert get_dataset("pets").panel.truth == "truth"  # type: ignore[union-attr]
    _write(folder, labels, features=features if beside_labels else "")
    assert "truth" not in _load(folder).table, "no column is the truth by its name"


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("cat,dog", "labels.csv:3, column gold: example 'a' has several truths, one is 'dog'"),
        ("cow,cow", "labels.csv:2, column gold: found 'cow', expected one of cat, dog"),
        (",", "labels.csv:2, column gold: example 'a' has no truth, expected one for each"),
    ],
)
def test_a_truth_that_is_none_is_named_with_its_line(folder: Path, truth: str, message: str) -> None:
    first, second = truth.split(",")
    labels = f"example,annotator,label,gold\na,x,cat,{first}\na,y,dog,{second}\nb,y,dog,dog\n"
    _write(folder, labels, options='truth = "gold"')
    with pytest.raises(SourceFormatError) as caught:
        _load(folder)
    assert message in str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("values", "expected", "options"),
    [
        (["0,5", "12", "1.234,5"], [0.5, 12, 1234.5], ""),
        (["0.5", "12", "1e3"], [0.5, 12, 1000], ""),
        (["1,234", "NA", ""], [1.234, np.nan, np.nan], 'decimal = ","'),
    ],
)
def test_fractions_may_begin_with_a_comma(folder: Path, values: list[str], expected: list[float], options: str) -> None:
    features = "".join(f"{name};{value};m\n" for name, value in zip("abc", values, strict=True))
    _write(folder, "example;annotator;label\na;x;cat\nb;x;dog\nc;x;dog\n", features=f"example;w;z\n{features}")
    description = (folder / "dataset.toml").read_text() + f'\ncategorical = ["z"]\n{options}'
    (folder / "dataset.toml").write_text(description)
    table, notes = _load(folder)
    np.testing.assert_array_equal(table["w"], expected)
    assert any("a comma before their fraction" in note for note in notes) == ("0,5" in values)


def test_a_comma_that_may_stand_between_thousands_is_refused_with_what_to_say(folder: Path) -> None:
    _write(folder, "example;annotator;label\na;x;cat\n", features="example;w\na;1,234\n")
    with pytest.raises(SourceFormatError, match=r"examples\.csv:2, column w: found '1,234', .*; say decimal = \",\""):
        _load(folder)


def test_a_column_without_name_that_numbers_the_rows_is_no_feature(folder: Path) -> None:
    labels = "example,annotator,label\na,x,cat\nb,x,dog\n"
    _write(folder, labels, features=",example,w\n0,a,4\n1,b,5\n")
    table, notes = _load(folder)
    assert list(table) == [*LABELS, "w"]
    assert notes == ("examples.csv: a column without a name, which is empty or numbers the rows, is left out",)
    _write(folder, labels, features=",example,w\n7,a,4\n1,b,5\n")
    with pytest.raises(SourceFormatError, match=r"examples\.csv, line 1, column 1: the column has no name: name it"):
        _load(folder)


def test_a_class_is_the_same_in_each_form_of_its_letters(folder: Path) -> None:
    _write(folder, "example,annotator,label\na,x,cafe\u0301\na,y,dog\n".encode(), options="")
    text = (folder / "dataset.toml").read_text().replace("cat", "caf\u00e9")
    (folder / "dataset.toml").write_text(text)
    assert _load(folder).table["label"].tolist() == ["caf\u00e9", "dog"]
