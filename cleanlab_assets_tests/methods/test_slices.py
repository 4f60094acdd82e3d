"""The rate of label issues in each part of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.slices import MISSING, MOST_PARTS, RATE_COLUMNS, measure_issue_rates, name_parts


def test_each_part_has_its_counts_and_wilsons_interval() -> None:
    labellers = ["ann"] * 40 + ["bob"] * 10
    rows = pd.DataFrame({"row_id": [f"r{row}" for row in range(50)], "labeller": labellers})
    is_flagged = np.r_[np.arange(40) < 4, np.arange(10) < 5]
    issues = pd.DataFrame({"row_id": rows["row_id"], "is_label_issue": is_flagged}).sample(frac=1, random_state=0)

    found = measure_issue_rates(rows, issues, ["labeller"])

    assert found["part"].tolist() == ["bob", "ann"], "the highest rate first"
    assert found[["n_rows", "n_flagged", "rate"]].to_numpy().tolist() == [[10, 5, 0.5], [40, 4, 0.1]]
    # The roots of (p - rate)^2 = z^2 p (1 - p) / n, by hand.
    z = 1.959964
    for _, row in found.iterrows():
        n, rate = row["n_rows"], row["rate"]
        centre, half = rate + z**2 / (2 * n), z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
        bounds = np.array([centre - half, centre + half]) / (1 + z**2 / n)
        assert [row["low"], row["high"]] == pytest.approx(bounds, abs=1e-6)


def test_without_columns_there_are_no_parts() -> None:
    found = measure_issue_rates(pd.DataFrame({"row_id": []}), pd.DataFrame({"row_id": [], "is_label_issue": []}), [])
    assert found.empty
    assert tuple(found.columns) == RATE_COLUMNS


def test_only_audited_rows_count() -> None:
    rows = pd.DataFrame({"row_id": ["a", "b", "c"], "site": ["x", "y", "y"]})
    issues = pd.DataFrame({"row_id": ["c", "a"], "is_label_issue": [True, False]})
    found = measure_issue_rates(rows, issues, ["site"]).set_index("part")
    assert found["n_rows"].to_dict() == {"y": 1, "x": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "b"], ["a", MISSING, "b"]),
        ([1.0, np.nan, 2.5], ["1", MISSING, "2.5"]),
        ([pd.Timestamp("2024-01-02"), pd.NaT], ["2024-01-02", MISSING]),
        (pd.Categorical(["x", "y", None]), ["x", "y", MISSING]),
        ([True, False, True], ["True", "False", "True"]),
    ],
)
def test_few_values_are_parts_of_their_own(values: Any, expected: list[str]) -> None:
    assert name_parts(pd.Series(values)).tolist() == expected


def test_many_numbers_and_times_are_quarters_of_the_rows() -> None:
    numbers = pd.Series(np.r_[np.arange(100), np.nan])
    parts = pd.Series(name_parts(numbers))
    assert parts.value_counts().to_dict() == {
        "0 to 24": 25,
        "25 to 49": 25,
        "50 to 74": 25,
        "75 to 99": 25,
        MISSING: 1,
    }
    days = pd.Series(pd.date_range("2024-01-01", periods=40))
    assert sorted(set(name_parts(days))) == [
        "2024-01-01 to 2024-01-10",
        "2024-01-11 to 2024-01-20",
        "2024-01-21 to 2024-01-30",
        "2024-01-31 to 2024-02-09",
    ]


def test_the_rarest_of_many_names_are_one_part() -> None:
    names = pd.Series([f"n{number}" for number in range(30) for _ in range(30 - number)])
    parts = set(name_parts(names))
    assert parts == {f"n{number}" for number in range(MOST_PARTS - 1)} | {"(11 others)"}
