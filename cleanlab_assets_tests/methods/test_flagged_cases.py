"""Which kind of case a flagged row is: the rule by itself, at its bounds and on degenerate rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.flagged_cases import (
    AGREE,
    AGREEING_LEAD,
    BAD_EXAMPLE,
    CLOSE,
    CLOSE_MARGIN,
    DISAGREE,
    FAR,
    HARD,
    LIKELY_WRONG,
    LabelVotes,
    find_far_rows,
    find_near_empty_texts,
    find_rows_with_gaps,
    name_cases,
)


def name(*, margin: list[float] | None, lead: list[float], bad: list[str], flags: list[bool] | None = None) -> Any:
    votes = LabelVotes(
        margin=None if margin is None else np.array(margin), typical_margin=0.8, lead=np.array(lead), typical_lead=1.0
    )
    is_flagged = np.ones(len(lead), dtype=bool) if flags is None else np.array(flags)
    return name_cases(is_flagged, votes, np.array(bad, dtype=object))


def test_a_row_is_likely_wrong_where_model_and_nearest_rows_are_sure() -> None:
    bound, lead = CLOSE_MARGIN * 0.8, AGREEING_LEAD
    found = name(margin=[bound, bound - 0.01, 0.7], lead=[lead, 1.0, lead - 0.01], bad=[""] * 3)
    assert found["kind_of_case"].tolist() == [LIKELY_WRONG, HARD, HARD]
    assert found["kind_reason"].tolist() == [AGREE, CLOSE, DISAGREE]


def test_a_bad_example_comes_before_what_model_and_nearest_rows_say() -> None:
    found = name(margin=[0.8, 0.0], lead=[1.0, 0.0], bad=[FAR, FAR])
    assert found["kind_of_case"].tolist() == [BAD_EXAMPLE] * 2
    assert found["kind_reason"].tolist() == [FAR] * 2


def test_only_flagged_rows_are_of_a_kind() -> None:
    found = name(margin=[0.8, 0.8, 0.8], lead=[1.0] * 3, bad=["", FAR, ""], flags=[False, False, True])
    assert found["kind_of_case"].isna().tolist() == [True, True, False]
    assert found["kind_reason"].tolist() == [None, None, AGREE]


def test_numbers_have_no_close_labels() -> None:
    assert name(margin=None, lead=[0.9, 0.2], bad=["", ""])["kind_of_case"].tolist() == [LIKELY_WRONG, HARD]


def test_nearest_rows_that_say_nothing_agree_with_nobody() -> None:
    votes = LabelVotes(margin=np.array([0.8]), typical_margin=0.8, lead=np.array([0.0]), typical_lead=0.0)
    assert name_cases(np.array([True]), votes, np.array([""], dtype=object))["kind_of_case"].tolist() == [HARD]


def test_no_rows_have_no_kinds() -> None:
    found = name(margin=[], lead=[], bad=[])
    assert found.empty
    assert list(found) == ["kind_of_case", "kind_reason"]


def test_far_rows_are_judged_by_the_train_rows() -> None:
    random = np.random.default_rng(0)
    distances = random.uniform(1, 2, size=(100, 5))
    distances[[3, 99]] = 20
    is_train = np.arange(100) < 90
    assert np.flatnonzero(find_far_rows(distances, is_train)).tolist() == [3, 99]
    assert not find_far_rows(distances, np.zeros(100, dtype=bool)).any()


def test_equal_rows_are_not_far_from_each_other() -> None:
    assert not find_far_rows(np.zeros((10, 3)), np.ones(10, dtype=bool)).any()


def test_distances_that_are_all_alike_have_a_fence_that_is_not_near() -> None:
    distances = np.full((200, 5), 10.0) + np.random.default_rng(0).normal(0, 0.05, size=(200, 5))
    distances[7] = 12
    assert not find_far_rows(distances, np.ones(200, dtype=bool)).any()


@pytest.mark.parametrize(
    ("typical", "text", "is_empty"),
    [
        ("a message of some words about a parcel", "?", True),
        ("a message of some words about a parcel", None, True),
        ("a message of some words about a parcel", "late parcel", False),
        ("word " * 300, "four words say something", False),
        ("word " * 300, "n/a", True),
        ("yes", "no", False),
        ("", "", True),
    ],
)
def test_a_text_is_nearly_empty_beside_typical_ones(typical: str, text: str | None, *, is_empty: bool) -> None:
    texts = pd.Series([typical] * 9 + [text], dtype=object)
    assert find_near_empty_texts(texts, np.ones(10, dtype=bool))[-1] == is_empty


def test_rows_have_gaps_beside_typical_ones() -> None:
    table = pd.DataFrame(np.ones((10, 4)), columns=list("abcd"))
    table.loc[3, ["a", "b", "c"]] = np.nan
    table.loc[4, "a"] = np.nan
    is_train = np.ones(10, dtype=bool)
    assert np.flatnonzero(find_rows_with_gaps(table, is_train)).tolist() == [3]


def test_gaps_are_no_defect_where_they_are_usual() -> None:
    table = pd.DataFrame(np.nan, index=range(10), columns=list("abcdefgh"))
    table[["a", "b", "c"]] = 1.0
    table.loc[2, ["b", "c"]] = np.nan
    table.loc[3, "c"] = np.nan
    table.loc[5, ["d", "e"]] = 1.0
    assert np.flatnonzero(find_rows_with_gaps(table, np.ones(10, dtype=bool))).tolist() == [2]


def test_a_nearly_empty_text_is_a_gap() -> None:
    texts = ["a message of some words"] * 9 + ["?"]
    is_train = np.ones(10, dtype=bool)
    alone = pd.DataFrame({"text": texts})
    assert np.flatnonzero(find_rows_with_gaps(alone, is_train, texts=["text"])).tolist() == [9]
    beside = alone.assign(a=1.0, b=2.0)
    assert not find_rows_with_gaps(beside, is_train, texts=["text"]).any()


def test_no_features_have_no_gaps() -> None:
    assert not find_rows_with_gaps(pd.DataFrame(index=range(3)), np.ones(3, dtype=bool)).any()
    empty = pd.DataFrame({"text": [""] * 3})
    assert not find_rows_with_gaps(empty, np.ones(3, dtype=bool), texts=["text"]).any()
