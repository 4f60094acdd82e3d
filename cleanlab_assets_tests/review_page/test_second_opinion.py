"""The second opinion on the page: evidence beside a row, and a queue once it has proved better than the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.methods.bootstrap import Difference
from cleanlab_assets.review_page.messages import Place
from cleanlab_assets.reviews.opinion_agreement import OpinionAgreement
from cleanlab_assets.reviews.queues import SECOND_OPINIONS, QueueError
from cleanlab_assets_tests.review_page.conftest import SCRIPT, KnownAudit, open_review

if TYPE_CHECKING:
    from cleanlab_assets.reviews.ledger import Ledger


def make_second_opinions(audit: KnownAudit) -> pd.DataFrame:
    """Verdicts on the first three flagged rows, the third one the most doubtful, and none on the fourth."""
    keys = audit.rows.keys[:4]
    return pd.DataFrame(
        {
            "row_key": keys.to_numpy(),
            "row_id": audit.raw["row_id"][:4].to_numpy(),
            "rank": [1, 2, 3, 4],
            "given_label": audit.issues["given_label"][:4].astype(str).to_numpy(),
            "outcome": ["verdict"] * 3 + ["no verdict"],
            "likeliest_label": ["delivery", SCRIPT, "billing", None],
            "is_given_defensible": pd.array([True, False, False, None], dtype="boolean"),
            "confidence": [0.9, 0.6, 0.8, np.nan],
            "sentence": [f"because {SCRIPT}"] * 3 + [""],
        }
    )


PROVEN = OpinionAgreement(
    n_verdicts=60,
    n_rows=60,
    n_errors=30,
    n_agree=55,
    advantage=Difference(metric="auroc", difference=0.3, low=0.1, high=0.5, verdict="improves"),
)
NOT_SHOWN = Difference(metric="auroc", difference=0.1, low=-0.1, high=0.3, verdict="no effect shown")


def test_a_second_opinion_stands_beside_its_row_and_decides_nothing(audit: KnownAudit, ledger: Ledger) -> None:
    audit.tables["second_opinion"] = make_second_opinions(audit)
    review = open_review(audit, ledger)
    shown = [review.show(key, Place()).item for key in audit.rows.keys[:5]]
    said = [None if item is None else item.second_opinion for item in shown]
    assert [one and (one.is_given_defensible, one.label, one.confidence) for one in said] == [
        (True, "delivery", 0.9),
        (False, SCRIPT, 0.6),
        (False, "billing", 0.8),
        None,
        None,
    ]
    assert not any(item.state for item in shown if item is not None)
    assert review.show_next(Place()).progress.decided == 0


def test_a_verdict_on_another_given_label_is_not_shown(audit: KnownAudit, ledger: Ledger) -> None:
    audit.tables["second_opinion"] = make_second_opinions(audit).assign(given_label="an older label")
    item = open_review(audit, ledger).show(audit.rows.keys[0], Place()).item
    assert item is not None
    assert item.second_opinion is None


@pytest.mark.parametrize(
    ("agreement", "absent"),
    [
        (None, "there is no second opinion on any row"),
        (
            PROVEN.model_copy(update={"n_rows": 49, "advantage": None}),
            "49 rows with a verdict were reviewed, expected 50",
        ),
        (
            PROVEN.model_copy(update={"advantage": NOT_SHOWN}),
            "no better than the label quality alone: AUROC +0.10 (-0.10 to +0.30)",
        ),
        (PROVEN, ""),
    ],
)
def test_a_queue_by_the_second_opinion_is_offered_once_it_has_proved_better(
    audit: KnownAudit, ledger: Ledger, agreement: OpinionAgreement | None, absent: str
) -> None:
    audit.tables["second_opinion"] = make_second_opinions(audit)
    audit.known_values["opinion_agreement"] = agreement
    review, place = open_review(audit, ledger), Place(queue=SECOND_OPINIONS)
    (queue,) = (queue for queue in review.describe()["queues"] if queue["name"] == SECOND_OPINIONS)
    assert queue["absent"] == absent
    if absent:
        with pytest.raises(QueueError):
            review.show_next(place)
        return
    order, after = [], ""
    for _ in range(queue["size"]):
        item = review.show_next(place, after=after).item
        assert item is not None
        order.append(item.rank)
        after = item.key
    assert order == [3, 2, 1]
