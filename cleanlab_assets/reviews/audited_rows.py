"""The rows that an audit judged, by the keys that survive a refresh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.methods.quality_choice import SCORE_COLUMNS
from cleanlab_assets.reviews.decisions import LABEL_ISSUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from cleanlab_assets.reviews.rows import ReviewedRows

NOT_OF_ONE_ROW = frozenset({"class_imbalance", "non_iid", "underperforming_group", "data_valuation"})
"""Issue types of a class, of the order of the rows, of a group or of a model: nobody sees in one row if they hold."""


def name_audited_rows(rows: ReviewedRows, label_issues: pd.DataFrame) -> pd.DataFrame:
    """Return the audited rows with their keys.

    Args:
        rows: the rows of the dataset.
        label_issues: the label issues of an audit of it, one row for each audited row, image or example.

    Returns:
        ``row_key``, ``issue_type``, ``row_id``, ``given_label`` as text, ``quality``, ``is_label_issue``, ``rank``,
        ``error_probability`` (missing where the family has none) and, where there are several, the scores that could
        rank by their names, in the order of the label issues.
    """
    scores = SCORE_COLUMNS if set(SCORE_COLUMNS.values()) <= set(label_issues) else {}
    ids = label_issues["row_id"].astype(str)
    return pd.DataFrame(
        {
            "row_key": pd.Series(_find_keys(rows, ids), dtype=object),
            "issue_type": LABEL_ISSUE,
            "row_id": ids.to_numpy(dtype=object),
            "given_label": label_issues["given_label"].astype(str).to_numpy(dtype=object),
            "quality": label_issues["label_quality"].to_numpy(dtype="float64"),
            "is_label_issue": label_issues["is_label_issue"].to_numpy(dtype=bool),
            "rank": label_issues["rank"].to_numpy(),
            "error_probability": label_issues["error_probability"].to_numpy(dtype="float64")
            if "error_probability" in label_issues
            else float("nan"),
            **{str(name): label_issues[column].to_numpy(dtype="float64") for name, column in scores.items()},
        }
    )


def find_row_flags(rows: ReviewedRows, row_issues: pd.DataFrame | None) -> Mapping[str, Sequence[str]]:
    """Return the keys of the rows that each issue type other than the label flags, where a person can judge that.

    Args:
        rows: the rows of the dataset.
        row_issues: what else an audit found of rows, see ``TaskFamily.row_issues``; None where it looked for nothing.

    Returns:
        Row keys by issue type, in the order of the table; none for a type that flags no row. Types of
        ``NOT_OF_ONE_ROW`` are left out.
    """
    if row_issues is None:
        return {}
    keys, flags = _find_keys(rows, row_issues["row_id"].astype(str)), {}
    for name in row_issues:
        found = re.fullmatch(r"is_(\w+)_issue", str(name))
        if found is None or found[1] in {LABEL_ISSUE, *NOT_OF_ONE_ROW}:
            continue
        flags[found[1]] = list(keys[row_issues[name].to_numpy(dtype=bool, na_value=False)])
    return flags


def _find_keys(rows: ReviewedRows, ids: pd.Series[str]) -> np.ndarray:
    """Return the row key of each row id, object of shape (n_ids,); an example of a panel is known by its own name."""
    if rows.dataset.panel is not None:
        return ids.to_numpy(dtype=object)
    keys = pd.Series(rows.keys.to_numpy(dtype=object), index=rows.raw["row_id"].astype(str))
    return keys.loc[ids].to_numpy(dtype=object)
