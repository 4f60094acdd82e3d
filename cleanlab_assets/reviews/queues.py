"""The queues in which rows come before a reviewer, and the order of the random ones.

The random queues measure: how many of the rows that an issue type flags are flagged rightly, and how many label errors
were not flagged. Their order
depends on the row key alone, neither on its score nor on when it is asked, so that the rows up to any place of it are
a simple random sample, whoever reviewed them, and stay one when rows come or go.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.methods.flagged_cases import KINDS_OF_CASE
from cleanlab_assets.reviews.decisions import LABEL_ISSUE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

WORST_FIRST = "worst first"
NEW_FLAGS = "new since the last audit"
RANDOM_FLAGGED = "random flagged rows"
RANDOM_UNFLAGGED = "random unflagged rows"
CLASS_PAIR = "one class pair"
DISAGREEMENTS = "reviewers disagree"
LABELING_BATCH = "labelling batch"
SECOND_OPINIONS = "doubted by the second opinion"
QUEUES = (
    *(WORST_FIRST, NEW_FLAGS, RANDOM_FLAGGED, RANDOM_UNFLAGGED),
    *(CLASS_PAIR, DISAGREEMENTS, LABELING_BATCH, SECOND_OPINIONS),
    *KINDS_OF_CASE,
)
"""All queues; those of a kind of case hold its rows, worst first."""

_LABELS = ("given_label", "suggested_label")


def name_random_queue(issue_type: str) -> str:
    """Return the name of the random queue that measures the flags of an issue type."""
    return RANDOM_FLAGGED if issue_type == LABEL_ISSUE else f"random rows flagged {issue_type}"


def order_randomly(keys: Iterable[str]) -> list[str]:
    """Return row keys in the order of the random queues, each once.

    Args:
        keys: row keys, in any order.

    Returns:
        By the hash of each key, which anybody can repeat.
    """
    return sorted(set(keys), key=lambda key: (hashlib.blake2b(key.encode(), digest_size=8).digest(), key))


class QueueError(UnreadableInputError):
    """A queue that there is not; the message says which there are."""


class ClassPair(NamedTuple):
    """A given and a suggested label, as texts, and how many flagged rows have them."""

    given: str
    suggested: str
    n_rows: int


@dataclass(frozen=True)
class QueuedRows:
    """The audited rows that the queues are made of; a queue is an array of their positions.

    Attributes:
        issues: label issues of one model, with ``is_label_issue``, ``rank``, ``given_label`` and ``suggested_label``.
        keys: row key of each of these rows, in their order.
        new_keys: keys of the rows that are flagged since the last audit; None where that is not known.
        batch: keys of the labelling batch in its order; None where the dataset has none.
        doubted: keys of the rows with a second opinion, the most doubtful first; None where it may not order a queue.
        kinds: kind of case of each of the rows, missing where it is not flagged; None where kinds are not told apart.
        flags: keys of the rows that other issue types flag, by issue type, see ``find_row_flags``.
    """

    issues: pd.DataFrame
    keys: pd.Series[str]
    new_keys: frozenset[str] | None = None
    batch: Sequence[str] | None = None
    doubted: Sequence[str] | None = None
    kinds: pd.Series[str] | None = None
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def order(self, name: str, *, pair: tuple[str, str] | None = None, disputed: Collection[str] = ()) -> np.ndarray:
        """Return the rows of a queue in its order, decided ones among them.

        Args:
            name: one of ``names``.
            pair: given and suggested label, for the queue of one class pair.
            disputed: keys of the rows of which reviewers decided differently.

        Returns:
            Positions of the rows, int64 of shape (n_queued,).

        Raises:
            QueueError: there is no such queue, or what it needs is not known.
        """
        if name not in self.names or (name == CLASS_PAIR and pair is None):
            raise QueueError(f"there is no queue {quote(name)} here: expected one of {', '.join(self.names)}")
        if name == CLASS_PAIR and pair is not None:
            return self._keep_pair(*pair)
        if name == DISAGREEMENTS:
            return np.flatnonzero(self.keys.isin(set(disputed)).to_numpy())
        return self._orders[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The queues that there are."""
        absent = {NEW_FLAGS} if self.new_keys is None else set()
        absent |= {LABELING_BATCH} if self.batch is None else set()
        absent |= {SECOND_OPINIONS} if self.doubted is None else set()
        absent |= set() if self.pairs else {CLASS_PAIR}
        absent |= set(KINDS_OF_CASE) if self.kinds is None else set()
        return (*(name for name in QUEUES if name not in absent), *self.issue_types)

    @cached_property
    def issue_types(self) -> Mapping[str, str]:
        """The issue types other than the label that flag rows, by the name of their random queue."""
        return {name_random_queue(issue_type): issue_type for issue_type, keys in self.flags.items() if keys}

    @cached_property
    def pairs(self) -> Sequence[ClassPair]:
        """The pairs of given and suggested class of the flagged rows, most frequent first; none of numbers."""
        if any(pd.api.types.is_numeric_dtype(self.issues[name]) for name in _LABELS):
            return ()
        given, suggested = (labels[self.is_flagged] for labels in self._pair_labels)
        counts = pd.DataFrame({"given": given, "suggested": suggested}).value_counts().reset_index(name="n_rows")
        counts = counts[counts["given"] != counts["suggested"]]
        columns = (counts[name].tolist() for name in ClassPair._fields)
        return [ClassPair(*pair) for pair in zip(*columns, strict=True)]

    @cached_property
    def is_flagged(self) -> np.ndarray:
        """Whether each row is flagged, bool of shape (n_rows,)."""
        return self.issues["is_label_issue"].to_numpy(dtype=bool, na_value=False)

    @cached_property
    def _orders(self) -> Mapping[str, np.ndarray]:
        """The queues that depend on nothing but the audit, by name."""
        is_unflagged = ~self.is_flagged & self.issues["rank"].notna().to_numpy()
        orders = {
            WORST_FIRST: self._worst_first,
            RANDOM_FLAGGED: self._find(order_randomly(self.keys[self.is_flagged])),
            RANDOM_UNFLAGGED: self._find(order_randomly(self.keys[is_unflagged])),
        }
        for name, issue_type in self.issue_types.items():
            orders[name] = self._find(order_randomly(self.flags[issue_type]))
        if self.new_keys is not None:
            found = self._worst_first
            orders[NEW_FLAGS] = found[self.keys.isin(self.new_keys).to_numpy()[found]]
        if self.batch is not None:
            orders[LABELING_BATCH] = self._find(self.batch)
        if self.doubted is not None:
            orders[SECOND_OPINIONS] = self._find(self.doubted)
        if self.kinds is not None:
            kinds = self.kinds.to_numpy()[self._worst_first]
            orders |= {kind: self._worst_first[kinds == kind] for kind in KINDS_OF_CASE}
        return orders

    @cached_property
    def _worst_first(self) -> np.ndarray:
        flagged = np.flatnonzero(self.is_flagged)
        return flagged[np.argsort(self.issues["rank"].to_numpy()[flagged], kind="stable")]

    @cached_property
    def _pair_labels(self) -> tuple[pd.Series[str], pd.Series[str]]:
        labels = (self.issues[name].astype(str).reset_index(drop=True) for name in _LABELS)
        given, suggested = labels
        return given, suggested

    def _keep_pair(self, given: str, suggested: str) -> np.ndarray:
        all_given, all_suggested = self._pair_labels
        is_pair = (all_given == given).to_numpy() & (all_suggested == suggested).to_numpy()
        kept: np.ndarray = self._worst_first[is_pair[self._worst_first]]
        return kept

    def _find(self, keys: Iterable[str]) -> np.ndarray:
        found: np.ndarray = pd.Index(self.keys).get_indexer(pd.Index(list(keys), dtype=object))
        return found[found >= 0]
