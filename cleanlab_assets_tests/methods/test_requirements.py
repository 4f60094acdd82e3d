"""Whatever judges labels refuses numbers that are none, and features of other rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import NumericLabel
from cleanlab_assets.families.multilabel.label_set_quality import find_label_set_issues
from cleanlab_assets.families.regression.value_quality import find_value_issues
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.label_issues import find_label_issues

N_ROWS = 40
ROWS = {"row_id": [f"f:{row}" for row in range(N_ROWS)], "split": pd.Categorical(["train"] * N_ROWS)}
FEATURES = pd.DataFrame({"x": np.arange(N_ROWS)})


def judge_classes(damage: float | None, features: pd.DataFrame) -> Any:
    truth = np.arange(N_ROWS) % 2
    table = pd.DataFrame({**ROWS, "given_label": pd.Categorical(np.array(["a", "b"])[truth])})
    table["probability_a"], table["probability_b"] = 0.9 - 0.8 * truth, 0.1 + 0.8 * truth
    if damage is not None:
        table.loc[7, ["probability_a", "probability_b"]] = damage
    return find_label_issues(table, features)


def judge_sets(damage: float | None, features: pd.DataFrame) -> Any:
    truth = np.arange(N_ROWS) % 2
    table = pd.DataFrame({**ROWS, "given_label": np.array(["a", "a|b"])[truth]})
    for name, values in (("a", np.full(N_ROWS, 0.9) - 0.1 * truth), ("b", 0.1 + 0.8 * truth)):
        table[f"probability_{name}"] = table[f"uncalibrated_{name}"] = values
    if damage is not None:
        table.loc[7, "probability_b"] = damage
    return find_label_set_issues(table, features)


def judge_values(damage: float | None, features: pd.DataFrame) -> Any:
    values = np.sin(np.arange(N_ROWS))
    table = pd.DataFrame({**ROWS, "given_label": values + 0.1, "predicted_value": values, "uncertainty": 0.2})
    if damage is not None:
        table.loc[7, "predicted_value"] = damage
    return find_value_issues(table, features, domain=NumericLabel(), flag_by="cleanlab")


JUDGES = [judge_classes, judge_sets, judge_values]


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("damage", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_refused_with_its_row(judge: Any, damage: float) -> None:
    with pytest.raises(ValueError, match=r"of row 'f:7': found .*expected finite numbers; 1 of 40 rows have others"):
        judge(damage, FEATURES)


@pytest.mark.parametrize("judge", JUDGES)
def test_features_of_other_rows_are_refused(judge: Any) -> None:
    with pytest.raises(ValueError, match="found features of 39 rows, expected those of the 40 rows judged"):
        judge(None, FEATURES.iloc[1:])


@pytest.mark.parametrize("judge", JUDGES)
def test_sound_predictions_are_judged(judge: Any) -> None:
    assert len(judge(None, FEATURES).table) == N_ROWS


def test_a_missing_label_is_not_the_last_class() -> None:
    labels = pd.Series(pd.Categorical(["a", None, "b"], categories=["a", "b"]))
    with pytest.raises(ValueError, match="1 of 3 labels are missing, the first in row 2"):
        encode_labels(labels)
