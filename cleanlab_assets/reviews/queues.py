"""The queues in which rows come before a reviewer, and the order of the random ones.

The random queues measure: how many of the flagged rows are errors, and how many errors were not flagged. Their order
depends on the row key alone, neither on its score nor on when it is asked, so that the rows up to any place of it are
a simple random sample, whoever reviewed them, and stay one when rows come or go.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WORST_FIRST = "worst first"
NEW_FLAGS = "new since the last audit"
RANDOM_FLAGGED = "random flagged rows"
RANDOM_UNFLAGGED = "random unflagged rows"
CLASS_PAIR = "one class pair"
DISAGREEMENTS = "reviewers disagree"
LABELING_BATCH = "labelling batch"
QUEUES = (WORST_FIRST, NEW_FLAGS, RANDOM_FLAGGED, RANDOM_UNFLAGGED, CLASS_PAIR, DISAGREEMENTS, LABELING_BATCH)


def order_randomly(keys: Iterable[str]) -> list[str]:
    """Return row keys in the order of the random queues, each once.

    Args:
        keys: row keys, in any order.

    Returns:
        By the hash of each key, which anybody can repeat.
    """
    return sorted(set(keys), key=lambda key: (hashlib.blake2b(key.encode(), digest_size=8).digest(), key))
