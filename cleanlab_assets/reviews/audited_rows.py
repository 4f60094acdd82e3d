"""The rows that an audit judged, by the keys that survive a refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.reviews.decisions import LABEL_ISSUE

if TYPE_CHECKING:
    from cleanlab_assets.reviews.rows import ReviewedRows


def name_audited_rows(rows: ReviewedRows, label_issues: pd.DataFrame) -> pd.DataFrame:
    """Return the audited rows with their keys.

    Args:
        rows: the rows of the dataset.
        label_issues: the label issues of an audit of it, one row for each audited row, image or example.

    Returns:
        ``row_key``, ``issue_type``, ``row_id``, ``given_label`` as text, ``quality``, ``is_label_issue``, ``rank`` and
        ``error_probability`` (missing where the family has none), in the order of the label issues.
    """
    ids = label_issues["row_id"].astype(str)
    if rows.dataset.panel is None:
        keys = pd.Series(rows.keys.to_numpy(), index=rows.raw["row_id"].astype(str))
        names = keys.loc[ids].to_numpy()
    else:  # an example is known by its own name
        names = ids.to_numpy()
    return pd.DataFrame(
        {
            "row_key": pd.Series(names, dtype=object),
            "issue_type": LABEL_ISSUE,
            "row_id": ids.to_numpy(dtype=object),
            "given_label": label_issues["given_label"].astype(str).to_numpy(dtype=object),
            "quality": label_issues["label_quality"].to_numpy(dtype="float64"),
            "is_label_issue": label_issues["is_label_issue"].to_numpy(dtype=bool),
            "rank": label_issues["rank"].to_numpy(),
            "error_probability": label_issues["error_probability"].to_numpy(dtype="float64")
            if "error_probability" in label_issues
            else float("nan"),
        }
    )
