"""Tables of the user's own, from a file over its description to the catalogue entry and the raw table."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.own_datasets import find_own_datasets, read_description
from cleanlab_assets.datasets.tables.description import Columns
from cleanlab_assets.datasets.tables.drafting.describe import draft_description, name_dataset
from cleanlab_assets.datasets.tables.drafting.drafts import Entry, Request
from cleanlab_assets.datasets.tables.writing import set_line, update_description, write_description

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset, NotedTable

N_ROWS = 60


def make_tickets() -> pd.DataFrame:
    """A table with a column of nearly every kind."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "ticket": [f"T{number * 7919 % 1000:04}" for number in range(N_ROWS)],
            "amount": rng.normal(size=N_ROWS).round(3),
            "is_new": rng.integers(2, size=N_ROWS),
            "channel": rng.choice(["mail", "phone", "web"], N_ROWS),
            "country": "NL",
            "opened": pd.date_range("2024-01-29", periods=N_ROWS).strftime("%d.%m.%Y"),
            "customer": [f"customer {number}" for number in rng.integers(45, size=N_ROWS)],
            "note": [" ".join(rng.choice(["late", "parcel", "lost", "money", "back"], 7)) for _ in range(N_ROWS)],
            "category": rng.choice(["billing", "delivery", "other"], N_ROWS),
        }
    )


class Desk:
    """A folder with a file of a table, and what is made of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tickets.csv"
        self.data_dir = folder / "data"
        self.path = self.data_dir / "tickets" / "dataset.toml"

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def describe(self, **said: Any) -> list[str]:
        """Describe the file, or bring its description up to date; return what changed."""
        changes: list[str] = []
        known = read_description(self.path) if self.path.exists() else None
        draft = draft_description(Request(file=self.file, **said), self.path.parent, known)
        self.notes = draft.notes
        if known is None:
            self.path.parent.mkdir(parents=True)
            text = write_description(draft.entries)
        else:
            text, changes = update_description(self.path.read_text(encoding="utf-8"), draft.entries)
        self.path.write_text(text, encoding="utf-8")
        return changes

    @property
    def content(self) -> dict[str, Any]:
        return tomllib.loads(self.path.read_text(encoding="utf-8"))

    @property
    def dataset(self) -> Dataset:
        found = find_own_datasets(self.data_dir)["tickets"]
        if isinstance(found, OwnDatasetError):
            raise found
        return found

    def load(self) -> NotedTable:
        dataset = self.dataset
        return dataset.read({file.name: file.path_in(self.path.parent) for file in dataset.files})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.write(make_tickets().to_csv(index=False))
    return desk


def test_a_table_is_described_column_by_column(desk: Desk) -> None:
    desk.describe(labels=("category",))

    assert desk.content == {
        "family": "classification",
        "class_names": ["billing", "delivery", "other"],
        "format": "table",
        "files": {"table": str(desk.file)},
        "columns": {
            "label": "category",
            "id": "ticket",
            "ignore": ["country"],
            "kinds": {
                "amount": "numeric",
                "is_new": "binary",
                "channel": "categorical",
                "opened": "date",
                "customer": "name" if make_tickets()["customer"].nunique() > 40 else "categorical",
                "note": "text",
            },
        },
        "options": {"date_format": {"opened": "%d.%m.%Y"}},
    }
    lines = desk.path.read_text(encoding="utf-8").splitlines()
    kinds = lines[lines.index("[columns.kinds]") + 1 : lines.index("[options.date_format]") - 1]
    assert all(" # " in line for line in kinds), "each kind has its reason"


def test_the_described_table_is_loaded_with_its_kinds(desk: Desk) -> None:
    desk.describe(labels=("category",), roles={"group": "customer"})
    table, notes = desk.load()
    expected = make_tickets()

    assert notes == ()
    assert table["row_id"].tolist() == [f"tickets.csv:{line}" for line in range(2, 2 + N_ROWS)]
    assert [column.name for column in desk.dataset.columns] == [name for name in table.columns if name != "row_id"]
    np.testing.assert_array_equal(table["amount"], expected["amount"])
    assert table["opened"].iloc[-1] == pd.Timestamp("2024-03-28")
    for name in ("channel", "note", "category", "ticket", "customer"):
        assert table[name].tolist() == expected[name].tolist()
    assert table["category"].cat.categories.tolist() == ["billing", "delivery", "other"]
    assert {column.name for column in desk.dataset.features} == {"amount", "is_new", "channel", "opened", "note"}
    assert desk.dataset.group_column == "customer"
    assert desk.dataset.id_column == "ticket"


def test_a_second_description_of_the_same_says_that_nothing_changed(desk: Desk) -> None:
    desk.describe(labels=("category",))
    before = desk.path.read_text(encoding="utf-8")
    assert desk.describe() == []
    assert desk.describe(labels=("category",)) == []
    assert desk.path.read_text(encoding="utf-8") == before


def test_what_the_user_edited_stays(desk: Desk) -> None:
    desk.describe(labels=("category",))
    text = desk.path.read_text(encoding="utf-8")
    edited = text.replace('ignore = ["country"]', 'ignore = ["country", "note"]  # mine').replace(
        next(line for line in text.splitlines() if line.startswith("note")), "# no note"
    )
    edited = 'title = "My tickets"\n' + edited.replace('is_new = "binary"', 'is_new = "categorical"')
    desk.path.write_text(edited, encoding="utf-8")

    assert desk.describe() == []
    assert desk.path.read_text(encoding="utf-8") == edited
    assert desk.dataset.title == "My tickets"


def test_a_changed_option_changes_its_line_and_is_told(desk: Desk) -> None:
    desk.describe(labels=("category",))

    changes = desk.describe(roles={"group": "channel"}, ignore=("amount",))

    assert changes == [
        "columns.group: 'channel' (new)",
        "columns.ignore: ['amount', 'country'] (was ['country'])",
        "columns.kinds.amount: taken out (was 'numeric')",
        "columns.kinds.channel: taken out (was 'categorical')",
    ]
    assert desk.describe() == []


def test_another_label_is_another_task(desk: Desk) -> None:
    desk.describe(labels=("category",))

    changes = desk.describe(labels=("amount",))

    assert "family: 'regression' (was 'classification')" in changes
    assert "columns.kinds.category: 'categorical' (new)" in changes
    assert any(change.startswith("class_names: taken out") for change in changes)
    assert desk.dataset.numeric_label is not None
    assert desk.load().table["amount"].tolist() == make_tickets()["amount"].tolist()


def test_new_columns_and_classes_are_taken_up_by_a_second_call(desk: Desk) -> None:
    desk.describe(labels=("category",))
    grown = make_tickets().assign(weight=np.arange(N_ROWS) / 7)
    grown.loc[0, "category"] = "a new one"
    desk.write(grown.to_csv(index=False))

    with pytest.raises(UnreadableInputError, match=r"column 'weight' is new: give it a kind in dataset\.toml"):
        desk.load()
    assert desk.describe() == [
        "class_names: ['billing', 'delivery', 'other', 'a new one'] (was ['billing', 'delivery', 'other'])",
        "columns.kinds.weight: 'numeric' (new)",
    ]
    assert desk.load().table["weight"].iloc[7] == 1


def test_a_described_column_that_is_gone_is_named(desk: Desk) -> None:
    desk.describe(labels=("category",))
    desk.write(make_tickets().drop(columns=["amount", "note"]).to_csv(index=False))
    with pytest.raises(UnreadableInputError) as caught:
        desk.load()
    first, second = str(caught.value).splitlines()
    assert first.startswith("tickets.csv: found no column 'amount', which dataset.toml names: it has ticket, is_new")
    assert second.startswith("tickets.csv: found no column 'note'")


def test_a_file_with_semicolons_and_decimal_commas_is_described_and_read(desk: Desk) -> None:
    desk.write(make_tickets().to_csv(index=False, sep=";", decimal=","))
    desk.describe(labels=("category",))
    assert desk.content["options"] == {"delimiter": ";", "decimal": ",", "date_format": {"opened": "%d.%m.%Y"}}
    np.testing.assert_array_equal(desk.load().table["amount"], make_tickets()["amount"])


def test_marks_of_numbers_are_described_and_may_be_edited(desk: Desk) -> None:
    amounts = make_tickets()["amount"] * 10_000
    table = make_tickets().assign(
        amount=[f"{'-' * (value < 0)}${abs(value):,.0f}" for value in amounts],
        rate=[f"{row}.5%" for row in range(N_ROWS)],
    )
    desk.write(table.to_csv(index=False))
    desk.describe(labels=("category",))

    assert desk.content["options"]["number_marks"] == {"amount": "$", "rate": "%"}
    assert desk.content["columns"]["kinds"]["amount"] == desk.content["columns"]["kinds"]["rate"] == "numeric"
    text = desk.path.read_text(encoding="utf-8")
    assert 'rate = "%" # stands before or behind each number, and is left out' in text
    loaded, notes = desk.load()
    np.testing.assert_array_equal(loaded["amount"], amounts.round())
    np.testing.assert_array_equal(loaded["rate"], np.arange(N_ROWS) + 0.5)
    assert notes == ()

    assert desk.describe() == []
    desk.path.write_text(text.replace('rate = "%"', 'rate = "USD"'), encoding="utf-8")
    assert desk.describe() == []
    assert f"column 'rate': {N_ROWS} of {N_ROWS} values are no finite number" in desk.load().notes[0]


def test_the_mark_of_a_numeric_label_is_described_and_that_of_classes_is_not(desk: Desk) -> None:
    prices = [f"${row + 0.25:,}" for row in range(N_ROWS)]
    desk.write(make_tickets().assign(price=prices, tier=["$5", "$10"] * (N_ROWS // 2)).to_csv(index=False))

    desk.describe(labels=("price",))
    assert desk.content["family"] == "regression"
    assert desk.content["options"]["number_marks"]["price"] == "$"
    np.testing.assert_array_equal(desk.load().table["price"], np.arange(N_ROWS) + 0.25)

    desk.path.unlink()
    desk.path.parent.rmdir()
    desk.describe(labels=("tier",))
    assert desk.content["class_names"] == ["$10", "$5"]
    assert "tier" not in desk.content["options"]["number_marks"]


def test_a_guessed_encoding_is_written_down_and_told(desk: Desk) -> None:
    table = make_tickets().assign(channel=["Köln", "Düsseldorf", "Nürnberg"] * (N_ROWS // 3))
    desk.file.write_bytes(table.to_csv(index=False).encode("cp1252"))
    desk.describe(labels=("category",))
    assert desk.content["encoding"] == "cp1252"
    assert any("the text is not UTF-8; it was read as cp1252" in note for note in desk.notes)
    assert desk.load().table["channel"].tolist() == table["channel"].tolist()


def test_spellings_of_a_class_are_told_with_the_line_that_merges_them(desk: Desk) -> None:
    table = make_tickets()
    table.loc[:2, "category"] = "Billing"
    desk.write(table.to_csv(index=False))
    desk.describe(labels=("category",))
    (note,) = desk.notes
    assert note.startswith("classes may be one, written in several ways: 'Billing' (3) and 'billing' (")
    line = note.rpartition("write under [options]: ")[2]

    text = desk.path.read_text(encoding="utf-8")
    desk.path.write_text(text.replace("[options.date", f"[options]\n{line}\n\n[options.date"), encoding="utf-8")
    loaded = desk.load()

    assert "Billing" not in loaded.table["category"].tolist()
    assert loaded.notes == ("3 labels 'Billing' are read as 'billing', as the description says",)


def test_values_that_are_no_numbers_are_noted_with_their_line(desk: Desk) -> None:
    table = make_tickets().astype({"amount": object})
    table.loc[4, "amount"] = "unknown"
    desk.write(table.to_csv(index=False))
    desk.describe(labels=("category",))
    loaded = desk.load()
    assert np.isnan(loaded.table["amount"].iloc[4])
    assert "the first is 'unknown' in tickets.csv:6" in loaded.notes[0]


@pytest.mark.parametrize("form", ["separator", "columns", "lists"])
def test_labels_of_several_classes_are_described_and_read(desk: Desk, form: str) -> None:
    sets = [["a"], [], ["a", "b"], ["b"], ["c", "a"], ["b"]] * 10
    table = pd.DataFrame({"x": np.arange(60) / 7})
    if form == "separator":
        table["tags"] = [";".join(names) for names in sets]
        desk.write(table.to_csv(index=False))
        desk.describe(labels=("tags",), separator=";")
    elif form == "columns":
        for name in "abc":
            table[f"tag_{name}"] = [int(name in names) for names in sets]
        desk.write(table.to_csv(index=False))
        desk.describe(labels=("tag_*",))
    else:
        table["tags"] = sets
        desk.file = desk.file.with_suffix(".parquet")
        table.to_parquet(desk.file)
        desk.describe(labels=("tags",))

    assert desk.content["family"] == "multilabel"
    assert desk.content["class_names"] == ["a", "b", "c"]
    dataset, loaded = desk.dataset, desk.load().table
    assert [set(dataset.split_label(label)) for label in loaded[dataset.label]] == [set(names) for names in sets]
    assert [column.name for column in dataset.features] == ["x"]


def test_rows_of_a_split_column_or_a_test_file_are_test_rows(desk: Desk, tmp_path: Path) -> None:
    table = make_tickets()
    is_test = np.arange(N_ROWS) % 4 == 0
    desk.write(table.assign(part=np.where(is_test, "Test", "train")).to_csv(index=False))
    desk.describe(labels=("category",), roles={"split": "part"})
    assert (desk.load().table["given_split"] == "test").tolist() == is_test.tolist()

    other = Desk(tmp_path / "other")
    other.file.parent.mkdir()
    other.write(table[~is_test].to_csv(index=False))
    test_file = other.file.with_name("later.csv")
    table[is_test].to_csv(test_file, index=False)
    other.describe(labels=("category",), test_file=test_file)
    loaded = other.load().table
    assert (loaded["given_split"] == "test").tolist() == [False] * (~is_test).sum() + [True] * is_test.sum()
    assert loaded["row_id"].iloc[-1] == f"later.csv:{is_test.sum() + 1}"
    assert desk.dataset.split_column == other.dataset.split_column == "given_split"


def test_a_class_of_the_test_rows_alone_is_one_of_the_classes(desk: Desk) -> None:
    desk.write("x,y\n" + "1,a\n2,b\n" * 10)
    test_file = desk.file.with_name("later.csv")
    test_file.write_text("x,y\n1,a\n3,c\n")
    desk.describe(labels=("y",), test_file=test_file)
    assert desk.content["class_names"] == ["a", "b", "c"]
    assert desk.load().table["y"].tolist()[-2:] == ["a", "c"]

    test_file.write_text("x,z\n1,a\n3,c\n")
    with pytest.raises(UnreadableInputError, match=r"later\.csv: found no column 'y', the label: it has x, z"):
        desk.describe()


def test_a_column_named_like_one_of_the_audit_is_named_as_the_file_has_it(desk: Desk) -> None:
    desk.write(make_tickets().assign(split=["train", "test"] * 30, rank=range(N_ROWS)).to_csv(index=False))
    desk.describe(labels=("category",), roles={"split": "split"}, ignore=("rank",))
    assert desk.content["columns"]["split"] == "split_"
    assert "rank_" in desk.content["columns"]["ignore"]
    assert set(desk.load().table["given_split"]) == {"train", "test"}


def test_source_and_slices_go_with_the_rows(desk: Desk) -> None:
    desk.write(make_tickets().assign(agent=["ann", "bob"] * 30).to_csv(index=False))
    desk.describe(labels=("category",), roles={"source": "agent"}, slices=("channel", "country"))
    assert desk.content["columns"]["source"] == "agent"
    assert desk.content["columns"]["slices"] == ["channel", "country"]
    dataset = desk.dataset
    assert dataset.slice_columns == ("agent", "channel", "country")
    assert dataset.carried_columns == ("agent", "country"), "a channel is a feature, which goes with the rows anyway"
    assert desk.load().table["agent"].tolist() == ["ann", "bob"] * 30
    assert not desk.describe(), "a second description keeps both"


def test_a_weight_is_no_feature_and_is_read_with_the_decimal_mark_of_the_file(desk: Desk) -> None:
    table = make_tickets().assign(weight=np.arange(N_ROWS) / 4)
    desk.write(table.to_csv(index=False, sep=";", decimal=","))
    desk.describe(labels=("category",), roles={"weight": "weight"})
    assert desk.content["columns"]["weight"] == "weight"
    assert "weight" not in desk.content["columns"]["kinds"]
    assert desk.dataset.weight_column == "weight"
    assert desk.load().table["weight"].tolist() == (np.arange(N_ROWS) / 4).tolist()
    assert not desk.describe(), "a second description keeps it"

    desk.write(table.assign(weight=lambda rows: rows["weight"] - 2).to_csv(index=False, sep=";", decimal=","))
    with pytest.raises(UnreadableInputError, match=r"tickets\.csv:2, column 'weight': found '-2,0', expected a weight"):
        desk.load()


def test_labels_that_look_as_if_they_named_several_classes_are_told(desk: Desk) -> None:
    desk.write("x,tags\n" + "1,a;b\n2,a\n3,b;c\n4,c\n" * 10)
    desk.describe(labels=("tags",))
    (note,) = desk.notes
    assert note == "labels such as 'a;b' may name several classes: to read them so: --separator ;"
    desk.describe(labels=("tags",), separator=";", family="multilabel")
    assert desk.content["class_names"] == ["a", "b", "c"]
    assert not desk.notes


def test_a_split_that_is_neither_train_nor_test_is_named(desk: Desk) -> None:
    desk.write(make_tickets().assign(part=["train", "test", "dev"] * 20).to_csv(index=False))
    desk.describe(labels=("category",), roles={"split": "part"})
    with pytest.raises(UnreadableInputError, match=r"tickets\.csv:4, column 'part': found 'dev', expected train or"):
        desk.load()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "say which column holds the label, by --label; it has ticket, amount, "),
        (
            {"labels": ("category",), "ignore": ("amount", "is_new", "channel", "opened", "customer", "note")},
            "tickets.csv: no column is left that a model could learn from: give one a kind by --kind, or features",
        ),
        ({"labels": ("kategory",)}, "--label 'kategory': tickets.csv has no such column; it has ticket"),
        ({"labels": ("category",), "kinds": {"body": "text"}}, "--text 'body': tickets.csv has no such column"),
        ({"labels": ("category",), "kinds": {"body": "date"}}, "--kind 'body': tickets.csv has no such column"),
        (
            {"labels": ("category",), "roles": {"group": "g", "time": "t"}, "ignore": ("i",)},
            "--group 'g': tickets.csv has no such column",
        ),
        ({"labels": ("category",), "roles": {"group": "category"}}, "--group 'category': the column is the label"),
        ({"labels": ("category",), "roles": {"weight": "amount", "group": "amount"}}, "--weight 'amount': the column"),
        ({"labels": ("category",), "family": "regression"}, "expected numbers for regression"),
        ({"labels": ("country",)}, "the label names the class 'NL' only: there is nothing to tell apart"),
        ({"labels": ("ticket",)}, "each of the 60 labels differs from all others: it is no class"),
        ({"labels": ("is_new", "amount")}, "column 'amount' holds other values than 0 and 1"),
    ],
)
def test_what_makes_no_audit_is_told(desk: Desk, said: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableInputError) as caught:
        desk.describe(**said)
    assert message in str(caught.value)


def test_all_columns_that_are_not_there_are_told_at_once(desk: Desk) -> None:
    with pytest.raises(UnreadableInputError) as caught:
        desk.describe(labels=("category",), roles={"group": "g", "time": "t"}, ignore=("i",), kinds={"k": "date"})
    told = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert told == ["--group 'g'", "--time 't'", "--ignore 'i'", "--kind 'k'"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('label = "category"', 'label = ["category"]', "columns.label: found 1 columns, expected one"),
        ('label = "category"', 'label = "category"\nlabe = "x"', "columns.labe: Extra inputs are not permitted"),
        ('amount = "numeric"', 'amount = "number"', "columns.kinds.amount: Input should be"),
        ('amount = "numeric"', 'amount = "numeric"\ncategory = "name"', "'category' stands there twice"),
        ('"billing", ', '"bil|ling", ', "found 'bil|ling', expected names without |"),
        ('["billing", "delivery", "other"]', '["billing"]', "found ['billing'], expected at least two"),
        ('family = "classification"', 'family = "regression"', "expected none: the label is a number"),
        ('family = "classification"', 'family = "segmentation"', "expected one that table supports"),
        ("table = ", "tabel = ", "found tabel, expected table, and optionally test"),
        ("[options.date_format]", "[options]\ndecimal = '..'", "options.decimal: Input should be '.' or ','"),
        ("[options.date_format]", "[options]\ndelimiter = ';;'", "options.delimiter: expected one character"),
        ("[options.date_format]", "[options]\nnumber_marks = {amount = '5'}", "found '5', expected a mark such as $"),
        ("%d.%m.%Y", "dd.mm", "expected a format such as %d/%m/%Y"),
        ("%d.%m.%Y", "%Q", "options.date_format: 'Q' is a bad"),
    ],
)
def test_what_a_description_may_not_say_is_named(desk: Desk, old: str, new: str, message: str) -> None:
    desk.describe(labels=("category",))
    text = desk.path.read_text(encoding="utf-8")
    assert old in text
    desk.path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(OwnDatasetError) as caught:
        _ = desk.dataset
    assert str(desk.path) in str(caught.value)
    assert message in str(caught.value)


def test_what_a_description_says_changes_the_hash_of_the_dataset_but_not_its_title(desk: Desk) -> None:
    desk.describe(labels=("category",))
    text = desk.path.read_text(encoding="utf-8")
    first = desk.dataset
    hashes = {first.description_hash}
    for old, new in (('is_new = "binary"', 'is_new = "categorical"'), ("[files]", "[options]\ndecimal = ','\n[files]")):
        desk.path.write_text(text.replace(old, new), encoding="utf-8")
        hashes.add(desk.dataset.description_hash)
    assert len(hashes) == 3
    desk.path.write_text(f'title = "Other"\n{text}', encoding="utf-8")
    assert desk.dataset.description_hash == first.description_hash
    assert replace(desk.dataset, title=first.title).title == first.title


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("tickets.csv", "tickets"),
        ("My Tickets (2024).csv.gz", "my_tickets_2024"),
        ("2024.parquet", "data_2024"),
        ("Käse.csv", "k_se"),
        (f"{'x' * 90}.csv", "x" * 40),
        (".csv", "data"),
    ],
)
def test_a_dataset_is_named_after_its_file(file: str, expected: str) -> None:
    assert name_dataset(file) == expected


def test_a_chosen_model_is_written_down_and_stays(desk: Desk) -> None:
    desk.describe(labels=("category",))
    before = desk.dataset
    text = set_line(desk.path.read_text(encoding="utf-8"), Entry(("model",), "knn", "it is the best"))
    desk.path.write_text(text, encoding="utf-8")

    assert desk.content["model"] == "knn"
    assert "it is the best" in text
    assert desk.dataset.default_model == "knn"
    assert desk.dataset.description_hash == before.description_hash, "no result depends on it"
    assert desk.describe() == []
    assert desk.content["model"] == "knn"


def test_rows_without_a_label_are_kept_and_allowed(desk: Desk) -> None:
    table = make_tickets()
    table.loc[[1, 3], "category"] = None
    desk.write(table.to_csv(index=False))
    desk.describe(labels=("category",))
    dataset, loaded = desk.dataset, desk.load().table
    assert loaded["category"].isna().sum() == 2
    assert len(loaded) == N_ROWS
    assert dataset.find_allowed_labels(loaded["category"]).all()


@pytest.mark.parametrize("said", [{"text": "note"}, {"text": ["note"]}, {"kinds": {"note": "text"}}])
def test_a_text_is_named_by_its_role_or_its_kind(said: dict[str, Any]) -> None:
    assert Columns(label="y", **said).kinds == {"note": "text"}


def test_a_text_that_is_the_label_is_refused() -> None:
    said: dict[str, Any] = {"label": "y", "text": "y"}
    with pytest.raises(ValidationError, match="'y' stands there twice"):
        Columns(**said)
