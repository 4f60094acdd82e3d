from __future__ import annotations

import pandas as pd

from cleanlab_assets.methods.split_counts import SplitCounts, count_by_split, say_by_split
from cleanlab_assets_tests.known_data import name_splits


def test_audited_and_flagged_rows_are_counted_and_told_by_split() -> None:
    issues = pd.DataFrame({"split": name_splits(1200, 2), "is_label_issue": [True, True, *[False] * 1199, True]})

    by_split = count_by_split(issues)

    assert by_split == {
        "train": SplitCounts(n_audited=1200, n_flagged=2),
        "test": SplitCounts(n_audited=2, n_flagged=1),
    }
    assert say_by_split(by_split, "image") == "2 of 1,200 train images, 1 of 2 test images"


def test_a_split_without_an_audited_row_is_left_out() -> None:
    issues = pd.DataFrame({"split": name_splits(3), "is_label_issue": False})

    assert list(count_by_split(issues)) == ["train"]
