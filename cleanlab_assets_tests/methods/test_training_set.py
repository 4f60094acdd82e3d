from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanlab_assets.datasets.dataset import Column, NumericLabel
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.methods import training_set as module
from cleanlab_assets.methods.folds import divide_rows, group_equal_rows, join_groups
from cleanlab_assets.methods.training_set import (
    NO_FOLD,
    TEST,
    TRAIN,
    build_training_set,
    read_features,
    require_same_rows,
)
from cleanlab_assets_tests.known_data import make_dataset, make_value_dataset

if TYPE_CHECKING:
    from cleanlab_assets.datasets.dataset import Dataset

COLUMNS = (Column(name="x", kind="numeric"), Column(name="name", kind="categorical"))
DATASET = make_dataset((*COLUMNS, Column(name="weight", kind="numeric", is_feature=False)), ("a", "b", "c"))


def raw_table(counts: tuple[int, ...] = (100, 60, 40), *, seed: int = 0, distinct: int | None = None) -> pd.DataFrame:
    """Return rows in random class order; ``distinct`` bounds the number of different feature values."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(["a", "b", "c"], counts))
    n_rows = len(labels)
    return pd.DataFrame(
        {
            "row_id": [f"toy.csv:{line}" for line in range(2, n_rows + 2)],
            "x": rng.integers(distinct, size=n_rows).astype(float) if distinct else rng.normal(size=n_rows),
            "name": pd.Categorical(rng.choice(["u", "v"], n_rows) if not distinct else np.repeat("u", n_rows)),
            "weight": np.arange(n_rows, dtype=float),
            "label": labels,
        }
    )


def build(
    raw: pd.DataFrame, *, max_rows: int | None = None, test_fraction: float = 0.2, folds: int = 5, seed: int = 0
) -> module.TrainingSet:
    return build_training_set(raw, DATASET, max_rows=max_rows, test_fraction=test_fraction, folds=folds, seed=seed)


def test_it_has_ids_features_label_split_and_fold_in_source_order() -> None:
    raw = raw_table()

    table = build(raw).table

    assert table.columns.tolist() == ["row_id", "x", "name", "given_label", "split", "fold"]
    assert table["row_id"].tolist() == raw["row_id"].tolist()
    assert table["given_label"].astype(str).tolist() == raw["label"].tolist()
    assert np.array_equal(table["x"], raw["x"])
    assert table["given_label"].cat.categories.tolist() == ["a", "b", "c"]


def test_every_train_row_has_a_fold_and_no_test_row_has_one() -> None:
    table = build(raw_table()).table

    is_test = table["split"] == TEST
    assert (table.loc[is_test, "fold"] == NO_FOLD).all()
    assert sorted(table.loc[~is_test, "fold"].unique()) == [0, 1, 2, 3, 4]


def test_split_and_folds_are_stratified() -> None:
    table = build(raw_table()).table

    assert table.loc[table["split"] == TEST, "given_label"].value_counts(sort=False).tolist() == [20, 12, 8]
    train = table[table["split"] == TRAIN]
    per_fold = pd.crosstab(train["given_label"], train["fold"])
    assert (per_fold.max(axis=1) - per_fold.min(axis=1)).max() <= 1


@settings(max_examples=20, deadline=None)
@given(distinct=st.integers(8, 200), folds=st.integers(2, 6), seed=st.integers(0, 10_000))
def test_equal_rows_never_straddle_the_split_or_folds(distinct: int, folds: int, seed: int) -> None:
    table = build(raw_table(distinct=distinct, seed=seed), folds=folds, seed=seed).table

    parts = table.groupby("x")[["split", "fold"]].nunique()
    assert (parts == 1).all(axis=None)


@settings(max_examples=20, deadline=None)
@given(max_rows=st.integers(30, 250), seed=st.integers(0, 10_000))
def test_a_sample_keeps_ids_shares_and_source_order(max_rows: int, seed: int) -> None:
    raw = raw_table()

    table = build(raw, max_rows=max_rows, seed=seed).table

    assert len(table) == min(max_rows, len(raw))
    positions = pd.Index(raw["row_id"]).get_indexer(pd.Index(table["row_id"]))
    assert (np.diff(positions) > 0).all()
    assert np.array_equal(raw["x"].to_numpy()[positions], table["x"])
    assert np.array_equal(raw["label"].to_numpy()[positions], table["given_label"].astype(str))
    shares = table["given_label"].value_counts(normalize=True)
    assert abs(shares["a"] - 0.5) < 1.5 / len(table)


def test_the_seed_decides_sample_split_and_folds() -> None:
    raw = raw_table()

    pd.testing.assert_frame_equal(build(raw, max_rows=120, seed=5).table, build(raw, max_rows=120, seed=5).table)
    other = build(raw, max_rows=120, seed=6).table
    assert other["row_id"].tolist() != build(raw, max_rows=120, seed=5).table["row_id"].tolist()


@pytest.mark.parametrize("n_rare", [1, 2, 3])
def test_a_class_smaller_than_the_folds_is_noted(n_rare: int) -> None:
    built = build(raw_table((100, 60, n_rare)))

    n_train = int(((built.table["given_label"] == "c") & (built.table["split"] == TRAIN)).sum())
    assert n_train >= 1
    assert any(f"class 'c' has {n_train} train rows, fewer than the 5 folds" in note for note in built.notes)
    assert not any("'a'" in note or "'b'" in note for note in built.notes)
    assert any("class 'c' has no test row" in note for note in built.notes) == (n_train == n_rare)


def test_a_class_whose_train_rows_are_in_one_fold_is_noted() -> None:
    raw = raw_table()
    raw.loc[raw["label"] == "c", "x"] = 99.0  # equal rows stay in one fold
    raw["name"] = "u"

    notes = build(raw).notes

    assert any("the train rows of class 'c' (40) are all in one fold" in note for note in notes)


@pytest.mark.parametrize("n_rare", [6, 40])
def test_a_class_with_a_train_row_for_each_fold_needs_no_note(n_rare: int) -> None:
    built = build(raw_table((100, 60, n_rare)))

    assert (module.train_rows(built.table)["given_label"] == "c").sum() >= 5
    assert built.notes == ()


def test_folds_are_drawn_apart_from_the_split() -> None:
    table = build(raw_table(), seed=7).table

    train = module.train_rows(table)
    codes, groups = train["given_label"].cat.codes.to_numpy(), group_equal_rows(train[["x", "name"]])
    as_the_split = divide_rows(codes, groups, [0.2] * 5, seed=7)
    assert (train["fold"] != as_the_split).mean() > 0.5


def test_a_class_without_rows_is_noted() -> None:
    notes = build(raw_table((100, 60, 0))).notes

    assert notes == (
        "class 'c' has 0 train rows, fewer than the 5 folds: its label quality scores are unreliable",
        "class 'c' has no test row: test metrics say nothing about it",
    )


@pytest.mark.parametrize(("label", "shown"), [("z", "'z'"), (None, "None"), (float("nan"), "nan")])
def test_an_unknown_or_missing_label_is_an_error_that_names_row_and_value(label: object, shown: str) -> None:
    raw = raw_table()
    raw["label"] = [*raw["label"][:7], label, *raw["label"][8:]]

    with pytest.raises(ValueError, match=rf"toy: row 'toy.csv:9' has label {shown}, expected one of a, b, c"):
        build(raw)


def test_train_rows_of_a_single_class_are_an_error() -> None:
    with pytest.raises(ValueError, match="toy: the 80 train rows hold fewer than two classes"):
        build(raw_table((100, 0, 0)))


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="the 0 train rows hold fewer than two classes"):
        build(raw_table().iloc[:0])


def test_a_feature_named_like_a_column_of_the_audit_is_an_error() -> None:
    dataset = make_dataset((Column(name="rank", kind="numeric"),), ("a", "b", "c"))
    raw = raw_table().rename(columns={"x": "rank"})

    with pytest.raises(ValueError, match="features are named rank like columns of the audit"):
        build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0)


def test_a_family_can_reserve_columns_of_its_own() -> None:
    dataset = make_dataset((Column(name="residual", kind="numeric"),), ("a", "b", "c"))
    raw = raw_table().rename(columns={"x": "residual"})
    own = AUDIT_COLUMNS | {"residual"}

    table = build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0).table

    assert table["residual"].tolist() == raw["residual"].tolist(), "other families need not know this name"
    with pytest.raises(ValueError, match="features are named residual like columns of the audit"):
        build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0, reserved=own)
    with pytest.raises(ValueError, match="features are named residual like columns of the audit"):
        read_features(raw, dataset, reserved=own)


def test_nullable_numbers_become_floats_with_nan() -> None:
    raw = raw_table()
    raw["x"] = pd.array([None, *range(1, len(raw))], dtype="Int64")

    x = build(raw).table["x"]

    assert x.dtype == np.float64
    assert np.isnan(x[0])
    assert x[1:].tolist() == list(range(1, len(raw)))


def test_names_become_categories_whose_missing_values_are_nan() -> None:
    raw = raw_table()
    raw["name"] = pd.Series(["u", None, *["v"] * (len(raw) - 2)], dtype=object)

    name = build(raw).table["name"]

    assert name.cat.categories.tolist() == ["u", "v"]
    assert name.isna().tolist() == [False, True, *[False] * (len(raw) - 2)]


def test_train_and_test_rows_part_the_table_in_source_order() -> None:
    table = build(raw_table()).table

    train, test = module.train_rows(table), module.test_rows(table)

    assert len(train) + len(test) == len(table)
    assert train.index.tolist() == list(range(len(train)))
    assert train["row_id"].tolist() == table.loc[table["split"] == TRAIN, "row_id"].tolist()
    assert test["row_id"].tolist() == table.loc[table["split"] == TEST, "row_id"].tolist()


def test_all_rows_are_audited_train_rows_first_and_each_split_in_source_order() -> None:
    table = pd.DataFrame({"row_id": list("abcde"), "split": ["test", "train", "validation", "train", "test"]})

    assert module.audited_rows(table)["row_id"].tolist() == ["b", "d", "a", "c", "e"]
    assert module.audited_rows(table).index.tolist() == list(range(5))


def test_train_rows_are_judged_by_themselves_and_the_others_beside_them() -> None:
    values = np.array([1.0, 2.0, 30.0, 3.0])

    (found,) = module.judge_beside_train_rows(
        lambda chosen: (values[chosen] - values[chosen].mean(),), np.array([True, True, False, True])
    )

    assert found.tolist() == [-1, 0, 21, 1]


def test_tables_of_another_training_set_are_refused() -> None:
    rows = pd.DataFrame({"row_id": ["a:1", "a:2"], "given_label": pd.Categorical(["x", "y"])})
    require_same_rows(rows, rows, what="predictions")
    for other in (rows.iloc[::-1], rows.iloc[:1], rows.assign(given_label=pd.Categorical(["y", "y"], ["x", "y"]))):
        with pytest.raises(ValueError, match=r"predictions .* another training set .* materialize predictions again"):
            require_same_rows(other, rows, what="predictions")


COUNTS = NumericLabel(minimum=0, maximum=1000, is_integer=True)
VALUES = make_value_dataset(COLUMNS, COUNTS)
SERIES = make_value_dataset(
    (*COLUMNS, Column(name="hour", kind="numeric", is_feature=False)), COUNTS, time_column="hour", time_block=10
)


def raw_values(n_rows: int = 400, *, seed: int = 0, distinct: int | None = None) -> pd.DataFrame:
    """Return rows whose time is not their source order; ``distinct`` bounds the number of different feature values."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "row_id": [f"toy.csv:{line}" for line in range(2, n_rows + 2)],
            "x": rng.integers(distinct, size=n_rows).astype(float) if distinct else rng.normal(size=n_rows),
            "name": pd.Categorical(["u"] * n_rows),
            "hour": rng.permutation(n_rows),
            "label": rng.integers(1000, size=n_rows),
        }
    )


def build_values(raw: pd.DataFrame, dataset: Dataset = VALUES, **settings: Any) -> module.TrainingSet:
    return build_training_set(
        raw, dataset, **{"max_rows": None, "test_fraction": 0.25, "folds": 4, "seed": 0, **settings}
    )


def test_numeric_labels_are_floats_in_source_order_and_the_notes_say_how_rows_are_split() -> None:
    raw = raw_values()

    built = build_values(raw)

    assert built.table["given_label"].dtype == np.float64
    assert built.table["given_label"].tolist() == raw["label"].tolist()
    assert built.table["row_id"].tolist() == raw["row_id"].tolist()
    assert built.notes == ("rows are split at random, alike in each of 10 quantile bins of the label",)


def test_every_part_has_its_share_of_every_quantile_of_the_label() -> None:
    table = build_values(raw_values()).table

    decile = pd.qcut(table["given_label"], 10, labels=False)
    per_part = pd.crosstab(decile, table["fold"])
    assert list(per_part) == [NO_FOLD, 0, 1, 2, 3]
    assert per_part.sum().tolist() == pytest.approx([100, 75, 75, 75, 75], abs=5)
    assert (per_part.max() - per_part.min()).max() <= 3


def test_blocks_of_time_hold_consecutive_times_and_only_a_series_has_them() -> None:
    raw = raw_values()

    table = build_values(raw, SERIES).table

    assert table["time_block"].tolist() == (raw["hour"] // 10).tolist()
    assert "time_block" not in build_values(raw).table


@pytest.mark.parametrize(("dataset", "distinct"), [(VALUES, 20), (VALUES, 200), (SERIES, 2000), (SERIES, 5000)])
@pytest.mark.parametrize("seed", range(5))
def test_equal_rows_with_numeric_labels_never_straddle_the_split_or_folds(
    dataset: Dataset, distinct: int, seed: int
) -> None:
    table = build_values(raw_values(distinct=distinct, seed=seed), dataset, seed=seed).table

    parts = table.groupby("x")[["split", "fold"]].nunique()
    assert (parts == 1).all(axis=None)


@pytest.mark.parametrize(("label", "shown"), [(-1.0, "-1.0"), (2.5, "2.5"), (1001.0, "1001.0"), (np.nan, "nan")])
def test_a_value_that_is_not_allowed_is_an_error_that_names_row_value_and_domain(label: float, shown: str) -> None:
    raw = raw_values().astype({"label": float})
    raw.loc[7, "label"] = label

    with pytest.raises(
        ValueError, match=rf"row 'toy.csv:9' has label .*{shown}.*, expected whole numbers from 0 to 1000"
    ):
        build_values(raw)


def test_train_rows_of_a_single_value_are_an_error() -> None:
    with pytest.raises(ValueError, match="toy: the 300 train rows hold fewer than two label values"):
        build_values(raw_values().assign(label=3))


def test_a_sample_of_numeric_labels_is_stratified() -> None:
    raw = raw_values()

    sample = build_values(raw, max_rows=200, seed=4).table

    assert len(sample) == 200
    deciles = np.quantile(raw["label"], np.linspace(0, 1, 11)[1:-1])
    counts = np.bincount(np.searchsorted(deciles, sample["given_label"], side="right"))
    assert counts.min() >= 18
    assert counts.max() <= 22


def test_the_last_rows_in_time_are_the_test_rows_and_folds_are_blocks_of_time() -> None:
    raw = raw_values()

    built = build_values(raw, SERIES)

    table = built.table.assign(hour=raw["hour"]).sort_values("hour")
    assert table["split"].tolist() == [TRAIN] * 300 + [TEST] * 100
    assert table["fold"].tolist() == [*np.repeat([0, 1, 2, 3], 75), *[NO_FOLD] * 100]
    assert built.table["row_id"].tolist() == raw["row_id"].tolist()
    assert built.notes == (
        "rows are split by time (hour): the test rows are the last 100 of 400, "
        "the folds are blocks of the earlier rows",
    )


def test_a_sample_of_a_series_is_its_latest_rows() -> None:
    raw = raw_values()

    built = build_values(raw, SERIES, max_rows=100)

    assert built.table["row_id"].tolist() == raw.loc[raw["hour"] >= 300, "row_id"].tolist()
    assert "the sample is the latest 100 of 400 rows: a random one would leave holes in the series" in built.notes


def test_equal_rows_of_a_series_follow_the_last_to_the_test_rows_and_else_the_first() -> None:
    raw = raw_values().sort_values("hour", ignore_index=True)
    raw.loc[[10, 350], "x"] = 50.0
    raw.loc[[80, 160, 290], "x"] = 60.0

    built = build_values(raw, SERIES)

    assert built.table["split"][[10, 350]].tolist() == [TEST, TEST]
    assert built.table["fold"][[80, 160, 290]].tolist() == [1, 1, 1]
    assert "1 earlier rows equal one of the last and are test rows too" in built.notes


def test_times_may_be_dates_in_words_and_equal_times_stay_together() -> None:
    raw = raw_values(200)
    raw["hour"] = [f"2012-{month:02}-{day:02}" for month in range(1, 11) for day in range(1, 5) for _ in range(5)][::-1]

    table = build_values(raw, SERIES).table

    parts = table.groupby(raw["hour"])[["split", "fold"]].nunique()
    assert (parts == 1).all(axis=None)
    assert raw.loc[table["split"] == TEST, "hour"].min() > raw.loc[table["split"] == TRAIN, "hour"].max()


def test_a_missing_time_is_an_error_that_names_the_row() -> None:
    raw = raw_values().astype({"hour": float})
    raw.loc[3, "hour"] = np.nan

    with pytest.raises(ValueError, match=r"toy: row 'toy.csv:5' has no hour, which orders the rows in time"):
        build_values(raw, SERIES)


def test_tables_with_other_values_are_refused() -> None:
    rows = pd.DataFrame({"row_id": ["a:1", "a:2"], "given_label": [1.5, 2.5]})
    require_same_rows(rows.copy(), rows, what="predictions")
    with pytest.raises(ValueError, match="materialize predictions again"):
        require_same_rows(rows.assign(given_label=[1.5, 2.5000001]), rows, what="predictions")


# -- groups and splits of the source -----------------------------------------------------------------------------------


def build_grouped(raw: pd.DataFrame, dataset: Dataset) -> module.TrainingSet:
    return build_training_set(raw, dataset, max_rows=None, test_fraction=0.2, folds=5, seed=0)


def with_role(**role: str) -> Dataset:
    return replace(DATASET, **role)  # type: ignore[arg-type]


def test_rows_of_a_group_stay_on_one_side_and_in_one_fold() -> None:
    rng = np.random.default_rng(0)
    raw = raw_table().assign(customer=[f"c{number}" for number in rng.integers(40, size=200)])
    built = build_grouped(raw, with_role(group_column="customer"))

    parts = built.table[["split", "fold"]].astype(str).agg("|".join, axis=1)
    assert parts.groupby(raw["customer"]).nunique().max() == 1
    assert 0.1 < (built.table["split"] == TEST).mean() < 0.3
    assert built.table["fold"].nunique() == 6
    assert f"rows of one customer stay together: {raw['customer'].nunique()} groups" in built.notes


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_a_series_stay_whole_and_those_that_go_on_longest_are_the_test_rows(seed: int) -> None:
    """Customers who come back over the whole time would pull nearly all rows among the last ones, or into one fold."""
    rng = np.random.default_rng(seed)
    raw = raw_table().assign(
        day=np.arange(200), customer=[f"c{number}" for number in rng.permutation(np.arange(200) % 50)]
    )
    built = build_grouped(raw, with_role(group_column="customer", time_column="day"))
    table = built.table.assign(day=raw["day"], customer=raw["customer"])

    assert 0.1 < (table["split"] == TEST).mean() < 0.3
    assert table.loc[table["split"] == TRAIN, "fold"].value_counts().between(20, 44).all()
    by_customer = table.groupby("customer")
    assert by_customer[["split", "fold"]].nunique().max().tolist() == [1, 1]
    ends = by_customer.agg(end=("day", "max"), split=("split", "first"), fold=("fold", "first"))
    train = ends[ends["split"] == TRAIN].sort_values("end")
    assert train["end"].max() < ends.loc[ends["split"] == TEST, "end"].min()
    assert train["fold"].is_monotonic_increasing
    assert any(note.startswith("each customer stays whole, by its last day: the ") for note in built.notes)


def test_rows_without_a_group_stand_for_themselves() -> None:
    raw = raw_table().assign(customer=pd.Series(["one"] * 20 + [None] * 180, dtype=object))
    built = build_grouped(raw, with_role(group_column="customer"))
    assert len(set(built.table["split"].iloc[:20])) == 1
    assert built.table.loc[20:, "fold"].nunique() == 6
    assert "180 rows have no customer: each stands for itself" in built.notes


def test_groups_and_equal_rows_stay_together_at_once() -> None:
    raw = raw_table().assign(customer=[f"c{number // 4}" for number in range(200)])
    raw.loc[[0, 100], "x"], raw.loc[[0, 100], "name"] = 7.0, "u"
    table = build_grouped(raw, with_role(group_column="customer")).table
    together = table.iloc[[0, 1, 2, 3, 100, 101, 102, 103]]
    assert together["split"].nunique() == together["fold"].nunique() == 1


def test_equal_rows_that_would_join_most_groups_may_stand_apart_and_it_is_said() -> None:
    raw = raw_table(distinct=3).assign(customer=[f"c{number // 4}" for number in range(200)])
    built = build_grouped(raw, with_role(group_column="customer"))
    parts = built.table[["split", "fold"]].astype(str).agg("|".join, axis=1)
    assert parts.groupby(raw["customer"]).nunique().max() == 1
    assert 0.1 < (built.table["split"] == TEST).mean() < 0.3
    assert any(note.startswith("equal rows of different customer may stand on both sides") for note in built.notes)


@pytest.mark.parametrize("has_time", [False, True])
def test_the_split_of_the_source_is_kept(has_time: bool) -> None:  # noqa: FBT001 - a parameter of the test
    raw = raw_table().assign(part=pd.Categorical(["train", "test", "train", "train"] * 50))
    role = {"split_column": "part"} | ({"time_column": "weight"} if has_time else {})
    built = build_grouped(raw, with_role(**role))
    assert (built.table["split"] == raw["part"].astype(str)).all()
    assert set(built.table.loc[raw["part"] == "train", "fold"]) == {0, 1, 2, 3, 4}
    assert "the source says which rows are test rows: 50 of 200" in built.notes


def test_the_own_names_of_rows_are_kept_and_are_no_feature() -> None:
    raw = raw_table().assign(ticket=[f"T{number}" for number in range(200)])
    table = build_grouped(raw, with_role(id_column="ticket")).table
    assert table["own_id"].tolist() == raw["ticket"].tolist()


@given(
    first=st.lists(st.integers(0, 6), min_size=1, max_size=20),
    second=st.lists(st.integers(-1, 5), min_size=20, max_size=20),
)
@settings(deadline=None)
def test_joined_groups_are_the_connected_ones(first: list[int], second: list[int]) -> None:
    one = np.unique(first, return_inverse=True)[1]
    other = np.array(second[: len(first)])
    joined = join_groups(one, other)
    reached = {row: {row} for row in range(len(one))}
    for _ in one:
        for found in reached.values():
            found |= {
                near
                for known in set(found)
                for near in range(len(one))
                if one[near] == one[known] or (other[near] == other[known] >= 0)
            }
    for row, near in reached.items():
        assert set(np.flatnonzero(joined == joined[row])) == near
