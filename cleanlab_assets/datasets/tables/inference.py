"""What to take each column of a table for, and why: its kind where it is a feature, else why it is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.tables.profiles import MOST_SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.dataset import ColumnKind
    from cleanlab_assets.datasets.tables.profiles import ColumnProfile

Family = Literal["classification", "regression", "multilabel"]
MOST_CATEGORIES = 40
"""Different texts of a column up to which they are categories; more are names or texts."""
LEAST_WORDS_OF_TEXT = 4
MOST_NUMBERED_CLASSES = 20
"""Different whole numbers of a label up to which they are classes; more are values."""
MOST_CLASS_SHARE = 0.1
"""Different whole numbers of a label by rows up to which they are classes."""
LEAST_ROWS_OF_IDENTIFIER = 20
"""In fewer rows values that all differ may do so by chance."""
_NAME_OF_IDENTIFIER = re.compile(r"(?i:id|uuid|guid|index|row|row_?number|.*_(id|uuid|guid))|.*[a-z]Id")


@dataclass(frozen=True)
class Inference:
    """What a column is taken for: a kind of feature, or None where it is none; and why."""

    kind: ColumnKind | None
    reason: str
    is_identifier: bool = False


def infer_kind(profile: ColumnProfile) -> Inference:
    """Say what kind of feature a column is, or that it is none, by its values and its name."""
    if profile.has_pictures:
        return Inference("picture", f"pictures, such as {quote(profile.examples[0], 40)}")
    return _find_why_no_feature(profile) or _infer_simple_kind(profile) or _infer_kind_of_texts(profile)


def _find_why_no_feature(profile: ColumnProfile) -> Inference | None:
    if profile.is_nested:
        return Inference(None, "its values are lists or records")
    if profile.n_values == 0:
        return Inference(None, "it has no value at all")
    if profile.n_distinct == 1 and profile.n_missing == 0:
        return Inference(None, f"it has one value only, {quote(profile.examples[0], 40)}")
    if profile.is_counter and profile.n_rows > 2:  # noqa: PLR2004 - two rows count by chance
        return Inference(None, "it numbers the rows", is_identifier=True)
    if _is_identifier(profile):
        return Inference(None, f"all {profile.n_rows:,} values differ: an identifier", is_identifier=True)
    return None


def _infer_simple_kind(profile: ColumnProfile) -> Inference | None:
    if profile.has_times:
        return Inference("date", f"dates or times, such as {quote(profile.examples[0], 40)}")
    if profile.is_flag and profile.n_distinct > 1:
        return Inference("binary", "values are 0 and 1, or true and false")
    if profile.number_share >= MOST_SHARE and not (profile.has_leading_zeros and profile.is_whole):
        others = (1 - profile.number_share) * profile.n_values
        marked = f" with {profile.mark}, such as {quote(profile.examples[0], 40)}" if profile.mark else ""
        return Inference(
            "numeric", f"numbers{marked}" + (f"; {others:,.0f} others count as missing" if others >= 1 else "")
        )
    return None


def _infer_kind_of_texts(profile: ColumnProfile) -> Inference:
    values = f"{profile.n_distinct:,} different values"
    mixed = f"; {profile.number_share:.0%} are numbers" if profile.number_share > 0 else ""
    if profile.n_distinct <= MOST_CATEGORIES:
        return Inference("categorical", values + mixed)
    if profile.mean_words >= LEAST_WORDS_OF_TEXT:
        return Inference("text", f"{values} of {profile.mean_words:.0f} words on average{mixed}")
    return Inference("name", f"{values}, more than {MOST_CATEGORIES}{mixed}")


def _is_identifier(profile: ColumnProfile) -> bool:
    if not profile.is_unique or profile.n_rows < LEAST_ROWS_OF_IDENTIFIER or profile.has_times:
        return False
    is_named_so = _NAME_OF_IDENTIFIER.fullmatch(profile.name) is not None
    if profile.number_share > 0.5:  # noqa: PLR2004 - most of the values are numbers
        return is_named_so and profile.is_whole
    return is_named_so or profile.mean_words < 1.5  # noqa: PLR2004 - names of things that differ are longer


@dataclass(frozen=True, kw_only=True)
class LabelInference:
    """What the label is: of which task family, why, and which other one its values would suit."""

    family: Family
    reason: str
    other: Family | None = None


def infer_label(profiles: Sequence[ColumnProfile], *, separator: str | None = None) -> LabelInference:
    """Say which task a label poses.

    Args:
        profiles: the column of the label, or several columns of 0 and 1.
        separator: what stands between the names of a label that names several classes.
    """
    if separator is not None:
        return LabelInference(family="multilabel", reason=f"labels name classes with {quote(separator)} between them")
    if len(profiles) > 1:
        return LabelInference(family="multilabel", reason=f"{len(profiles)} columns of 0 and 1, one for each class")
    (profile,) = profiles
    if profile.is_nested:
        return LabelInference(family="multilabel", reason="labels are lists of classes")
    if profile.number_share < MOST_SHARE or profile.is_flag or (profile.has_leading_zeros and profile.is_whole):
        return LabelInference(family="classification", reason=f"{profile.n_distinct:,} different names")
    is_few = profile.n_distinct <= min(MOST_NUMBERED_CLASSES, max(2, MOST_CLASS_SHARE * profile.n_values))
    if profile.is_whole and is_few:
        return LabelInference(
            family="classification",
            reason=f"{profile.n_distinct:,} different whole numbers are taken for classes",
            other="regression",
        )
    return LabelInference(
        family="regression",
        reason=f"{profile.n_distinct:,} different numbers are taken for values",
        other="classification",
    )
