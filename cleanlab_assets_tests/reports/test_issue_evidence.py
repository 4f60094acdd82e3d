from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.reports.issue_evidence import (
    arrange_duplicate_sets,
    compare_group,
    count_classes,
    count_extreme_values,
    count_missing_values,
    describe_blocks,
    describe_numeric_blocks,
    find_flags,
    join_audited_rows,
    rank_flagged_rows,
    tabulate_label_pairs,
)
from cleanlab_assets_tests.reports.conftest import N_TRAIN

if TYPE_CHECKING:
    from cleanlab_assets_tests.reports.conftest import Audited


def test_findings_are_joined_to_the_features_of_the_same_row(audited: Audited) -> None:
    shuffled = audited.training_set.sample(frac=1, random_state=0)

    rows, features = join_audited_rows(shuffled, audited.label_issues, audited.datalab_issues)

    assert features == ["weight", "colour"]
    assert rows["row_id"].tolist() == audited.label_issues["row_id"].tolist()
    expected = audited.training_set.set_index("row_id")["weight"].loc[rows["row_id"]]
    assert rows["weight"].tolist() == expected.tolist()


def test_a_feature_named_like_a_finding_gets_a_name_of_its_own(audited: Audited) -> None:
    training_set = audited.training_set.rename(columns={"weight": "outlier_score"})

    rows, features = join_audited_rows(training_set, audited.label_issues, audited.datalab_issues)

    assert features == ["feature_outlier_score", "colour"]
    assert rows["outlier_score"].head(N_TRAIN).tolist() == audited.datalab_issues["outlier_score"].tolist()


def test_test_rows_have_a_label_quality_and_no_findings_of_datalab(audited: Audited) -> None:
    rows, _ = join_audited_rows(audited.training_set, audited.label_issues, audited.datalab_issues)

    is_test = (rows["split"] == "test").to_numpy()
    assert rows["label_score"].tolist() == audited.label_issues["label_quality"].tolist()
    assert rows.loc[is_test, ["is_outlier_issue", "outlier_score", "nearest_neighbor"]].isna().all(axis=None)
    assert rows.loc[is_test, "weight"].notna().all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("datalab_issues", r"exactly 120 rows of the training set, got 119 rows; 1 row_id .* 'pets.csv:2'"),
        ("label_issues", r"exactly 150 rows of the training set, got 149 rows; 1 row_id .* 'pets.csv:2'"),
    ],
)
def test_findings_about_other_rows_are_refused(audited: Audited, name: str, message: str) -> None:
    tables = {table: getattr(audited, table) for table in ("label_issues", "datalab_issues")}

    with pytest.raises(ValueError, match=f"{name} must hold {message}"):
        join_audited_rows(audited.training_set, **(tables | {name: tables[name].iloc[1:]}))


def test_a_row_named_twice_is_refused(audited: Audited) -> None:
    twice = pd.concat([audited.datalab_issues, audited.datalab_issues.head(1)])

    with pytest.raises(ValueError, match=r"datalab_issues names 1 row_id twice, the first is 'pets.csv:2'"):
        join_audited_rows(audited.training_set, audited.label_issues, twice)


def test_flagged_rows_are_ranked_worst_first_with_ties_in_source_order() -> None:
    rows = pd.DataFrame(
        {
            "row_id": list("abcde"),
            "is_outlier_issue": [True, True, False, True, True],
            "outlier_score": [0.3, 0.1, 0.0, 0.3, 0.2],
        }
    )

    ranked = rank_flagged_rows(rows, "outlier", [])

    assert ranked["row_id"].tolist() == ["b", "e", "a", "d"]


def test_a_missing_flag_is_no_flag() -> None:
    rows = pd.DataFrame({"is_null_issue": pd.array([True, pd.NA, False], dtype="boolean")})

    assert find_flags(rows, "null").tolist() == [True, False, False]


def test_sets_with_differing_labels_come_first_and_sets_stay_whole(audited: Audited) -> None:
    rows, _ = join_audited_rows(audited.training_set, audited.label_issues, audited.datalab_issues)

    whole = arrange_duplicate_sets(audited.duplicate_sets, rows, ["weight"], 25)
    fits_one = arrange_duplicate_sets(audited.duplicate_sets, rows, ["weight"], 4)
    fits_all = arrange_duplicate_sets(audited.duplicate_sets, rows, ["weight"], 5)
    fits_none = arrange_duplicate_sets(audited.duplicate_sets, rows, ["weight"], 1)

    assert whole["duplicate_set"].tolist() == [1, 1, 2, 2, 2]
    assert whole["keep"].tolist() == [True, False, True, False, False]
    assert fits_one["duplicate_set"].tolist() == [1, 1]
    assert len(fits_none) == 1
    assert len(fits_all) == 5
    assert whole["weight"].tolist() == rows["weight"].head(5).tolist()


def test_classes_without_rows_and_labels_outside_the_catalogue_are_counted() -> None:
    rows = pd.DataFrame({"given_label": ["cat", "cat", "eel"], "is_label_issue": [True, False, False]})

    classes = count_classes(rows, ["cat", "dog"])

    assert classes["given_label"].tolist() == ["cat", "dog", "eel"]
    assert classes["rows"].tolist() == [2, 0, 1]
    assert classes["likely_label_errors"].tolist() == [1, 0, 0]


def test_label_pairs_count_flagged_rows_only() -> None:
    rows = pd.DataFrame(
        {"given_label": list("aab"), "suggested_label": list("bba"), "is_label_issue": [True, False, True]}
    )

    matrix = tabulate_label_pairs(rows, ["a", "b"])

    assert matrix.to_numpy().tolist() == [[0, 1], [1, 0]]


def test_features_without_gaps_are_left_out_of_the_missing_values() -> None:
    rows = pd.DataFrame({"full": [1, 2], "gaps": [None, 1.0], "empty": [None, None]})

    missing = count_missing_values(rows, ["full", "gaps", "empty"])

    assert missing["feature"].tolist() == ["empty", "gaps"]
    assert missing["share"].tolist() == [1.0, 0.5]


def test_the_feature_that_defines_a_group_comes_first() -> None:
    in_group = pd.Series([True] * 10 + [False] * 30)
    rows = pd.DataFrame(
        {"noise": [index % 3 for index in range(40)], "job": ["nurse"] * 10 + ["clerk", "cook", None] * 10}
    )

    apart = compare_group(rows, in_group, ["noise", "job"], top=2)

    assert apart["feature"].tolist() == ["job = nurse", "noise"]
    assert apart["measure"].tolist() == ["share of rows", "mean"]
    assert (apart["group"].iloc[0], apart["others"].iloc[0]) == (1, 0)


def test_a_group_is_set_apart_by_what_it_lacks_as_much_as_by_what_it_has() -> None:
    in_group = pd.Series([True] * 5 + [False] * 15)
    rows = pd.DataFrame({"more": [1.0] + [0.0] * 19, "less": [0.0] * 5 + [9.0, 10.0, 11.0] * 5})

    assert compare_group(rows, in_group, ["more", "less"], top=2)["feature"].tolist() == ["less", "more"]


def test_nullable_features_with_gaps_are_compared() -> None:
    in_group = pd.Series([True, True, False, False])
    gaps = pd.DataFrame(
        {
            "years": pd.array([5, pd.NA, 1, 1], dtype="Int64"),
            "owns": pd.array([True, True, pd.NA, False], dtype="boolean"),
        }
    )

    apart = compare_group(gaps, in_group, ["years", "owns"], top=2).set_index("feature")

    assert apart["group"].to_dict() == {"years": 5, "owns": 1}
    assert apart["others"].to_dict() == {"years": 1, "owns": 0}


def test_blocks_of_source_order_show_where_a_class_ends() -> None:
    rows = pd.DataFrame({"row_id": [str(index) for index in range(20)], "given_label": ["a"] * 10 + ["b"] * 10})

    blocks = describe_blocks(rows, ["a", "b"], n_blocks=4)

    assert blocks["share of a"].tolist() == [1, 1, 0, 0]
    assert blocks[["from", "to"]].iloc[0].tolist() == ["0", "4"]


def test_blocks_of_source_order_show_the_drift_of_a_number() -> None:
    rows = pd.DataFrame({"row_id": [str(index) for index in range(20)], "given_label": np.arange(20.0)})

    blocks = describe_numeric_blocks(rows, n_blocks=4)

    assert blocks["mean"].tolist() == [2, 7, 12, 17]
    assert blocks["median"].tolist() == [2, 7, 12, 17]
    assert blocks["lower quartile"].tolist() == [1, 6, 11, 16]
    assert blocks["upper quartile"].tolist() == [3, 8, 13, 18]


def test_a_cap_is_a_spike_at_the_largest_value() -> None:
    extremes = count_extreme_values(pd.Series([*np.linspace(0, 5, 950), *[5.00001] * 50]))

    assert extremes["what"].tolist() == ["smallest", "largest"]
    assert extremes["value"].tolist() == [0, 5.00001]
    assert extremes["rows"].tolist() == [1, 50]
    assert extremes["share"].tolist() == [0.001, 0.05]
    assert extremes["is_spike"].tolist() == [False, True]


def test_a_cap_is_found_below_a_few_wrong_values_that_exceed_it() -> None:
    labels = pd.Series([*np.linspace(0, 5, 945), *[5.00001] * 50, 44.0, 47.0, 50.0, 50.0, 50.0])

    extremes = count_extreme_values(labels)

    assert extremes["what"].tolist() == ["smallest", "largest", "near the largest"]
    assert extremes.loc[extremes["is_spike"], "value"].tolist() == [5.00001]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ([1, 2, 3, 4, 5] * 200, "each rating is as frequent as the next"),
        (np.linspace(0, 1, 1000), "no two values are equal"),
        ([0.0] * 9 + [*np.linspace(1, 2, 991)], "too few rows share it"),
        ([*np.linspace(0, 1, 450), *[2.0] * 100, *np.linspace(3, 4, 450)], "it lies in the middle"),
    ],
)
def test_what_is_no_spike(labels: list[float], why: str) -> None:
    assert not count_extreme_values(pd.Series(labels))["is_spike"].any(), why


def test_missing_labels_share_no_value() -> None:
    extremes = count_extreme_values(pd.Series([np.nan, 1.0, 2.0, np.nan]))

    assert extremes["value"].tolist() == [1, 2]
    assert extremes["share"].tolist() == [0.25, 0.25]
