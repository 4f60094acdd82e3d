"""How verdicts agree with reviewers, on rows whose truth is known, and from when on they may order a queue."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cleanlab_assets.methods.intervals import estimate_share
from cleanlab_assets.reviews.opinion_agreement import (
    ENOUGH_ROWS,
    OpinionAgreement,
    describe_agreement,
    explain_no_order,
    measure_agreement,
)


def make_opinions(is_error: np.ndarray, *, skill: float, seed: int = 0) -> pd.DataFrame:
    """Verdicts of which a share of ``skill`` is right, and a label quality that knows nothing of the errors."""
    rng = np.random.default_rng(seed)
    n_rows = len(is_error)
    says_error = np.where(rng.random(n_rows) < skill, is_error, ~is_error)
    return pd.DataFrame(
        {
            "row_key": [f"row {number}" for number in range(n_rows)],
            "rank": np.arange(1, n_rows + 1),
            "outcome": "verdict",
            "label_quality": rng.random(n_rows),
            "is_given_defensible": pd.array(~says_error, dtype="boolean"),
            "confidence": 0.5 + rng.random(n_rows) / 2,
        }
    )


def decide(is_error: np.ndarray) -> dict[str, str]:
    return {f"row {number}": "error" if wrong else "right" for number, wrong in enumerate(is_error)}


def make_truth(n_rows: int = 100) -> np.ndarray:
    return np.asarray(np.arange(n_rows) % 3 == 0)


def measure(opinions: pd.DataFrame, outcomes: dict[str, str], **others: object) -> OpinionAgreement:
    return measure_agreement(opinions, outcomes, **others)  # type: ignore[arg-type]


def test_skilled_verdicts_may_order_the_queue() -> None:
    is_error = make_truth()
    opinions = make_opinions(is_error, skill=0.95)
    found = measure(opinions, decide(is_error))
    assert (found.n_rows, found.n_errors) == (100, 34)
    assert found.n_agree / found.n_rows == pytest.approx(0.95, abs=0.05)
    assert found.share == estimate_share(found.n_agree, 100)
    assert found.by_opinion is not None
    assert found.by_quality is not None
    assert found.by_opinion.auroc > 0.9
    assert found.by_quality.auroc < 0.65
    doubt = np.where(opinions["is_given_defensible"], 1 - opinions["confidence"], opinions["confidence"]).round(1)
    coarse = measure(opinions.assign(confidence=opinions["confidence"].round(1)), decide(is_error))
    assert coarse.by_opinion is not None
    assert coarse.by_opinion.auroc == pytest.approx(roc_auc_score(is_error, doubt)), "rows of equal doubt count half"
    assert found.may_order
    assert explain_no_order(found) == ""
    assert "may order a queue" in describe_agreement(found)[-1]


@pytest.mark.parametrize("skill", [0.5, 0.1])
def test_verdicts_that_find_errors_no_better_do_not(skill: float) -> None:
    is_error = make_truth()
    found = measure(make_opinions(is_error, skill=skill), decide(is_error))
    assert not found.may_order
    assert explain_no_order(found).startswith("no better than the label quality alone: AUROC")


def test_verdicts_as_good_as_the_label_quality_do_not() -> None:
    """A quality that knows the errors itself leaves nothing to be gained."""
    is_error = make_truth()
    opinions = make_opinions(is_error, skill=0.95)
    opinions["label_quality"] = np.where(is_error, 0.1, 0.9)
    assert not measure(opinions, decide(is_error)).may_order


@pytest.mark.parametrize(("n_rows", "is_enough"), [(ENOUGH_ROWS - 1, False), (ENOUGH_ROWS, True)])
def test_it_takes_fifty_rows(n_rows: int, *, is_enough: bool) -> None:
    is_error = make_truth(n_rows)
    found = measure(make_opinions(make_truth(200), skill=1.0), decide(is_error))
    assert (found.n_verdicts, found.n_rows) == (200, n_rows)
    assert found.may_order == is_enough
    assert ("expected 50" in explain_no_order(found)) != is_enough


def test_only_definite_decisions_on_rows_with_a_verdict_count() -> None:
    opinions = make_opinions(make_truth(8), skill=1.0)
    opinions.loc[7, "outcome"] = "no verdict"
    outcomes = decide(make_truth(9)) | {"row 0": "unclear", "row 1": "conflict", "row 2": "excluded"}
    found = measure(opinions, outcomes, left_out={"row 3"})
    assert (found.n_verdicts, found.n_rows, found.n_agree, found.n_errors) == (6, 3, 3, 1)


@pytest.mark.parametrize("came", ["error", "right"])
def test_of_one_kind_of_rows_no_ranking_is_measured(came: str) -> None:
    opinions = make_opinions(np.full(60, came == "error"), skill=0.9)
    found = measure(opinions, dict.fromkeys(opinions["row_key"], came))
    assert (found.by_opinion, found.advantage, found.may_order) == (None, None, False)
    assert "all errors, or all right" in explain_no_order(found)


def test_without_verdicts_or_decisions_it_says_so() -> None:
    opinions = make_opinions(make_truth(8), skill=1.0)
    assert "no row of them was reviewed yet" in describe_agreement(measure(opinions, {}))[0]
    assert describe_agreement(measure(opinions.head(0), {})) == ["there is no second opinion on any row"]
    assert explain_no_order(None) == "there is no second opinion on any row"
