"""Kinds of flagged rows: what a reader should do first differs between a wrong label, a hard row and a bad example.

Bad examples come first: a model is sure of a row that is unlike all others, and its nearest rows may all be of one
class, but neither says anything of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.requirements import require_finite, require_rows
from cleanlab_assets.methods.result import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

LIKELY_WRONG, HARD, BAD_EXAMPLE = KINDS_OF_CASE = ("likely wrong", "hard or ambiguous", "bad example")
"""Each flagged row is one of these."""

CLOSE_MARGIN = 0.4
"""The model's two likeliest labels are close where their margin is below this share of a typical row's."""
AGREEING_LEAD = 0.7
"""The nearest rows agree where the suggested label leads among them by this share at least of what is typical.

Both are shares of what is typical, since models differ in how sure they are, and data in how far neighbours share a
label. On planted data they put four in five of the flagged errors, and of the flagged hard rows, where they belong.
"""
FAR_OUT = 3.0
"""Interquartile ranges above the upper quartile of the distances: Tukey's fence for points that are far out.

Datalab flags outliers from 1.7 on. That is right for a list of rows to look at, but many of these are sound rows of a
long tail, and of a bad example nobody looks at the label first.
"""
FAR_FROM_TYPICAL = 1.5
"""How many times the median distance it must be, too: in many dimensions distances are alike, and the fence is near.

Some sentences on two subjects lie beyond the fence of those on one, but only 1.2 times as far as these.
"""
FEW_FEATURES = 0.5
"""A row has hardly any values where it has at most this share of those of a typical row."""
NEAR_EMPTY = 0.1
"""A text is nearly empty where it has at most this share of the letters and digits of a typical one, ..."""
NEAR_EMPTY_LETTERS = 20
"""... and never where it has more than so many: four words can say something, however long others are."""

AGREE = "model and nearest rows agree on another label"
CLOSE = "the model's two likeliest labels are close"
DISAGREE = "the nearest rows do not agree with the model"
FAR = "unlike all other rows"
HARDLY_ANY_VALUES = "hardly any values"


class FlaggedCasesFacts(Facts):
    """How many flagged rows are of each kind, and what is typical of a train row.

    ``typical_margin`` is the median margin of the model's two likeliest labels, and ``typical_lead`` the median share
    of the nearest rows that speak for the likeliest label; 0 and 1 where labels are numbers.
    """

    n_by_kind: dict[str, int]
    typical_margin: float
    typical_lead: float


@dataclass(frozen=True, kw_only=True)
class LabelVotes:
    """What the model and the nearest rows say of the labels of rows.

    Attributes:
        margin: probability of the likeliest label less that of the second, shape (n_rows,); None where labels are
            numbers, of which no two compete.
        typical_margin: the margin of a typical row.
        lead: share of the nearest rows that speak for the suggested label less the share that speaks for the given
            one, from -1 to 1, shape (n_rows,).
        typical_lead: the share of the nearest rows that speak for the likeliest label of a typical row.
    """

    margin: np.ndarray | None
    typical_margin: float = 0.0
    lead: np.ndarray
    typical_lead: float


def name_cases(is_flagged: np.ndarray, votes: LabelVotes, bad: np.ndarray) -> pd.DataFrame:
    """Say of each flagged row which kind of case it is, and why.

    In this order: a bad example, where something is wrong with the row itself; hard or ambiguous, where the model's
    two likeliest labels are close or its nearest rows do not agree with the model; else likely wrong.

    Args:
        is_flagged: flagged rows, bool of shape (n_rows,).
        votes: what speaks for the suggested labels of these rows.
        bad: why a row is a bad example, texts of shape (n_rows,); empty where it is none.

    Returns:
        ``kind_of_case``, categories of ``KINDS_OF_CASE``, and ``kind_reason``, a text: missing where a row is not
        flagged.

    Raises:
        ValueError: a number is not finite, or something is of other rows.
    """
    require_rows(len(is_flagged), lead=votes.lead, bad=bad, margin=votes.margin)
    require_finite("lead", votes.lead)
    is_close = np.zeros(len(is_flagged), dtype=bool)
    if votes.margin is not None:
        require_finite("margin", votes.margin)
        is_close = votes.margin < CLOSE_MARGIN * votes.typical_margin
    agrees = (votes.lead > 0) & (votes.lead >= AGREEING_LEAD * votes.typical_lead)
    is_hard, is_bad = is_close | ~agrees, bad != ""
    kinds = np.select([is_bad, is_hard], [BAD_EXAMPLE, HARD], LIKELY_WRONG)
    reasons = np.select([is_bad, is_close, is_hard], [bad.astype(str), CLOSE, DISAGREE], AGREE)
    found = pd.DataFrame({"kind_of_case": kinds, "kind_reason": reasons}, dtype=object)
    found.loc[~is_flagged] = None
    return found.astype({"kind_of_case": pd.CategoricalDtype(list(KINDS_OF_CASE))})


def find_far_rows(distances: np.ndarray, is_train: np.ndarray) -> np.ndarray:
    """Find the rows that lie far out: their mean distance to the nearest rows is beyond Tukey's outer fence.

    It is well above the median, too, see ``FAR_FROM_TYPICAL``. Fence and median are those of the train rows.

    Source: Tukey, Exploratory Data Analysis, 1977.

    Args:
        distances: to the nearest train rows, shape (n_rows, k).
        is_train: train rows, bool of shape (n_rows,).

    Returns:
        bool of shape (n_rows,); none is far out where there is no train row.

    Raises:
        ValueError: a distance is not finite, or something is of other rows.
    """
    require_rows(len(distances), is_train=is_train)
    require_finite("distances", distances)
    if not is_train.any():
        return np.zeros(len(distances), dtype=bool)
    mean = distances.mean(axis=1)
    low, median, high = np.quantile(mean[is_train], [0.25, 0.5, 0.75])
    is_far: np.ndarray = mean > max(high + FAR_OUT * (high - low), FAR_FROM_TYPICAL * median)
    return is_far


def find_near_empty_texts(texts: pd.Series[str], is_train: np.ndarray) -> np.ndarray:
    """Find texts that say nothing: hardly any letters and digits beside a typical text of the train rows.

    Args:
        texts: one a row; a missing one is empty.
        is_train: train rows, bool of shape (n_rows,).

    Returns:
        bool of shape (n_rows,).

    Raises:
        ValueError: there are flags of other rows.
    """
    require_rows(len(texts), is_train=is_train)
    letters = texts.fillna("").astype(str).str.count(r"[^\W_]").to_numpy(dtype=np.int64)
    typical = float(np.median(letters[is_train])) if is_train.any() else 0.0
    is_empty: np.ndarray = letters <= min(NEAR_EMPTY * typical, NEAR_EMPTY_LETTERS)
    return is_empty


def find_rows_with_gaps(features: pd.DataFrame, is_train: np.ndarray, *, texts: Sequence[str] = ()) -> np.ndarray:
    """Find the rows that have hardly any values beside a typical train row; a nearly empty text counts for none.

    Args:
        features: the features of the rows.
        is_train: train rows, bool of shape (n_rows,).
        texts: names of those that are texts written for people.

    Returns:
        bool of shape (n_rows,); no row has gaps where there are no features.

    Raises:
        ValueError: there are flags of other rows.
    """
    require_rows(len(features), is_train=is_train)
    if features.columns.empty or not is_train.any():
        return np.zeros(len(features), dtype=bool)
    is_there = features.notna()
    for name in texts:
        is_there[name] &= ~find_near_empty_texts(features[name], is_train)
    n_there = is_there.to_numpy().sum(axis=1)
    typical = np.median(n_there[is_train])
    has_gaps: np.ndarray = (n_there <= FEW_FEATURES * typical) & (n_there < typical)
    return has_gaps
