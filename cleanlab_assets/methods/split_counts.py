"""How many rows of each split were audited, and how many of them are flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


class SplitCounts(BaseModel):
    """The audited rows of a split, and those of them that are flagged as likely label errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_audited: int
    n_flagged: int


def count_by_split(label_issues: pd.DataFrame) -> dict[str, SplitCounts]:
    """Count audited and flagged rows by split; splits of which no row was audited are left out.

    Args:
        label_issues: ``split`` (categorical) and ``is_label_issue`` of each audited row.
    """
    by_split = label_issues.groupby("split", observed=True)["is_label_issue"].agg(["size", "sum"])
    return {
        str(split): SplitCounts(n_audited=int(n_audited), n_flagged=int(n_flagged))
        for split, n_audited, n_flagged in by_split.itertuples()
    }


def say_by_split(by_split: Mapping[str, SplitCounts], unit: str = "row") -> str:
    """Say how many rows of each split are flagged, such as "3 of 456 train rows, 1 of 113 test rows"."""
    return ", ".join(f"{found.n_flagged:,} of {found.n_audited:,} {split} {unit}s" for split, found in by_split.items())
