"""Keys of rows survive what a refresh does to a table, and change where the row itself does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import cleanlab_assets.datasets
from cleanlab_assets.datasets.dataset import Column, Dataset
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.reviews.row_keys import name_row_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CATALOGUE = find_entries(cleanlab_assets.datasets, "DATASET", Dataset)


def _describe(**known: object) -> Dataset:
    columns = (
        Column(name="size", kind="numeric"),
        Column(name="channel", kind="categorical"),
        Column(name="label", kind="categorical", is_feature=False),
    )
    return replace(CATALOGUE["breast_cancer"], columns=columns, label="label", class_names=("a", "b"), **known)  # type: ignore[arg-type]


def _table(n_rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "row_id": [f"t.csv:{line}" for line in range(2, n_rows + 2)],
            "size": rng.normal(size=n_rows).round(3),
            "channel": np.array(["mail", "web", None], dtype=object)[rng.integers(3, size=n_rows)],
            "label": rng.choice(["a", "b"], size=n_rows),
        }
    )


def _renumber(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index(drop=True).assign(row_id=[f"t.csv:{line}" for line in range(2, len(table) + 2)])


def _keys_by_content(table: pd.DataFrame) -> dict[tuple[float, str], str]:
    keys = name_row_keys(_describe(), table).keys
    return dict(
        zip(zip(table["size"], table["channel"].astype(object).fillna("").astype(str), strict=True), keys, strict=True)
    )


@pytest.mark.parametrize(
    "refresh",
    [
        lambda table: pd.concat([table.iloc[:1].assign(size=99.0), table]),
        lambda table: table.drop(index=[0, 7, 150]),
        lambda table: table.sample(frac=1, random_state=1),
        lambda table: table.assign(label=np.where(table["label"] == "a", "b", "a")),
        lambda table: table[["row_id", "label", "channel", "size"]],
        lambda table: table.astype({"channel": "category"}),
        lambda table: table.assign(size=table["size"].astype("Float64")),
    ],
    ids=["inserted", "deleted", "reordered", "relabelled", "columns reordered", "categories", "nullable numbers"],
)
def test_a_row_keeps_its_key_whatever_happens_to_the_others(refresh: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    before = _keys_by_content(_table())
    after = _keys_by_content(_renumber(refresh(_table())))

    kept = before.keys() & after.keys()
    assert len(kept) >= 190
    assert all(before[content] == after[content] for content in kept)
    assert len(set(after.values())) == len(after)


@pytest.mark.parametrize("change", [{"size": 99.0}, {"channel": "letter"}, {"channel": None}])
def test_a_row_whose_features_change_gets_another_key_and_the_others_keep_theirs(change: dict[str, object]) -> None:
    table = _table()
    table.loc[3, "channel"] = "web"
    changed = table.copy()
    for name, value in change.items():
        changed[name] = [*table[name][:3], value, *table[name][4:]]

    before, after = (name_row_keys(_describe(), rows).keys for rows in (table, changed))

    assert (before != after).to_numpy().nonzero()[0].tolist() == [3]


def test_exact_duplicates_are_numbered_in_source_order() -> None:
    table = pd.concat([_table(5), _table(5).iloc[[2, 2]]], ignore_index=True)

    keys = name_row_keys(_describe(), table).keys

    assert keys[5:].tolist() == [f"{keys[2]}-2", f"{keys[2]}-3"]


def test_the_own_id_is_the_key() -> None:
    table = _table().assign(ticket=[f"T{number}" for number in range(200)])

    assert name_row_keys(_describe(id_column="ticket"), table).keys.tolist() == table["ticket"].tolist()


@pytest.mark.parametrize("wrong", ["T1", None])
def test_an_own_id_that_is_no_key_is_named_and_the_features_are_taken(wrong: str | None) -> None:
    table = _table().assign(ticket=[f"T{number}" for number in range(200)])
    table.loc[4, "ticket"] = wrong

    keys, notes = name_row_keys(_describe(id_column="ticket"), table)

    assert keys.equals(name_row_keys(_describe(), table).keys)
    assert len(notes) == 1
    assert notes[0].startswith("ticket is no key: ")
    assert "t.csv:" in notes[0]


def test_both_zeros_and_all_missing_values_are_alike() -> None:
    table = _table(4).assign(
        size=[0.0, -0.0, np.nan, -np.nan], channel=pd.Series(["web", "web", None, np.nan], dtype=object)
    )

    keys = name_row_keys(_describe(), table).keys

    assert keys[1] == f"{keys[0]}-2"
    assert keys[3] == f"{keys[2]}-2"


def test_a_key_is_the_same_on_every_machine() -> None:
    """Keys lie in ledgers for years: another hash would lose every decision."""
    table = pd.DataFrame({"row_id": ["t.csv:2"], "size": [1.5], "channel": ["web"], "label": ["a"]})

    assert name_row_keys(_describe(), table).keys.tolist() == ["09ddab581b52a5134ead"]


def test_a_token_is_known_by_its_sentence_and_position() -> None:
    def tokens(*sentences: str) -> pd.DataFrame:
        rows = [(text, at, word) for text in sentences for at, word in enumerate(text.split(), start=1)]
        table = pd.DataFrame(rows, columns=["sentence", "position", "token"])
        return table.assign(row_id=[f"t.conllu:{line}" for line in range(1, len(table) + 1)])

    dataset = _describe(parts=("train",))
    before = name_row_keys(dataset, tokens("a b", "c d", "a b")).keys.tolist()
    after = name_row_keys(dataset, tokens("new one", "c d", "a b", "a b")).keys.tolist()

    assert len(set(before)) == 6
    assert after[2:] == [*before[2:4], *before[:2], *before[4:]]
    assert [key.rpartition(":")[2] for key in before] == ["1", "2"] * 3
    assert before[4] == before[0].replace(":1", "-2:1")


@pytest.mark.parametrize(
    "name", sorted(name for name, dataset in CATALOGUE.items() if all(file.package for file in dataset.files))
)
def test_the_rows_of_every_embedded_dataset_have_keys(name: str, tmp_path: Path) -> None:
    dataset = CATALOGUE[name]
    raw = dataset.load(resolve_source_files(dataset, tmp_path))

    keys = name_row_keys(dataset, raw).keys

    assert keys.notna().all()
    if dataset.panel is None:
        assert keys.is_unique
