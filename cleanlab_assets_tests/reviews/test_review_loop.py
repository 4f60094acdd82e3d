"""The loop of reviews leads to the truth, with a reviewer who knows it and a source that changes meanwhile."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cleanlab_assets.reviews.decisions import BoxLabel
from cleanlab_assets.reviews.elements import name_box
from cleanlab_assets.reviews.queues import RANDOM_FLAGGED, RANDOM_UNFLAGGED, WORST_FIRST

SEED = 1
BUDGET = {WORST_FIRST: 15, RANDOM_FLAGGED: 5, RANDOM_UNFLAGGED: 5}


@pytest.fixture(scope="module")
def benchmarks() -> Any:
    """The modules ``review_loop`` and ``review_sources`` of the benchmarks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("review_loop"), importlib.import_module("review_sources")


@pytest.fixture(scope="module")
def loop(benchmarks: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three rounds on a small CSV file, with a refresh after the second one."""
    review_loop, review_sources = benchmarks
    kind = review_sources.OwnTable((200, 10, 1000))
    return review_loop.run_loop(kind, SEED, tmp_path_factory.mktemp("loop"), BUDGET, n_rounds=3)


def test_labels_converge_to_the_truth_and_nothing_decided_is_asked_again(loop: Any) -> None:
    wrong = [*(one.wrong for one in loop.rounds), loop.wrong]

    assert wrong[0] == pytest.approx(0.1)
    assert wrong[1] < wrong[0]
    assert wrong[-1] < 0.3 * wrong[0]
    assert [one.n_again for one in loop.rounds] == [0, 0, 0]
    assert loop.rounds[2].n_outdated > 0, "the refresh took rows away, and changed some that were decided"
    assert all(one.n_read > 0 for one in loop.rounds)


def test_the_reviews_of_the_first_audit_tell_its_precision_and_errors(loop: Any) -> None:
    assert loop.errors.truth == 20
    for found in (loop.precision, loop.errors):
        assert found.covers
        assert found.interval.low < found.interval.high, "not all rows were read"


def test_corrected_labels_train_a_better_model_than_given_ones(loop: Any) -> None:
    accuracy = {name: scored.compute()["accuracy"] for name, scored in loop.scores.items()}

    assert accuracy["corrected"] > accuracy["given"]
    assert accuracy["corrected"] == pytest.approx(accuracy["true"], abs=0.03)


@pytest.mark.parametrize("name", ["Digits", "OwnTable", "Sentences", "Annotators"])
def test_a_refresh_puts_in_takes_out_changes_and_mends_and_keeps_the_truth(
    name: str, benchmarks: Any, tmp_path: Path
) -> None:
    review_loop, review_sources = benchmarks
    kind = getattr(review_sources, name)((60, 5, 10), error_share=0.3)
    world = kind.draw(SEED, tmp_path)
    memory, old, label = review_loop.Memory(), world.source, kind.labels[0]
    for place in find_first_rows(old):
        memory.keep(old, place, kind.labels)

    new = review_loop.refresh(kind, world, old, memory, seed=SEED)

    items, before = set(new.known["item"]), set(old.known["item"])
    assert new.known["item"].iloc[0] not in before, "new rows stand at the top"
    assert items - before == set(world.reserve.known["item"])
    assert before - items
    assert new.raw["row_id"].is_unique
    assert list(new.raw) == list(old.raw)
    is_old = new.known["item"].isin(before).to_numpy()
    truth = old.known.drop_duplicates("item").set_index("item")[label]
    assert (new.known.loc[is_old, label] == truth.loc[new.known.loc[is_old, "item"]].to_numpy()).all()
    assert set(new.known["version"]) == ({0} if kind.is_known_by_name else {0, 1})
    for place in find_first_rows(new):
        is_same = is_old[place] and new.known["version"].iloc[place] == 0
        assert memory.holds(new, place, kind.labels) == is_same
    if kind.can_mend:
        given, mended = ((part.raw[label].astype(str) != part.known[label]).mean() for part in (old, new))
        assert given == pytest.approx(0.3, abs=0.01)
        assert mended < 0.8 * given


def find_first_rows(source: Any) -> list[int]:
    """The place of the first row of each item."""
    return np.flatnonzero(~source.known["item"].duplicated()).tolist()


def test_a_reviewer_mends_each_kind_of_wrong_box(benchmarks: Any) -> None:
    _, review_sources = benchmarks
    right, renamed, moved, missing = (BoxLabel(class_name="1", corners=(x, 0, x + 10, 10)) for x in (0, 20, 40, 60))
    given = {
        "right": right,
        "renamed": renamed.model_copy(update={"class_name": "7"}),
        "moved": BoxLabel(class_name="1", corners=(44, 0, 54, 10)),
        "extra": BoxLabel(class_name="3", corners=(90, 90, 99, 99)),
    }
    truth = [right, renamed, moved, missing]
    predicted = f"+{name_box('1', (61, 0, 71, 10))}"
    nothing = f"+{name_box('1', (40, 60, 50, 70))}"

    said = review_sources.review_boxes(given, truth, ["right", nothing])
    told = review_sources.review_boxes(given, truth, [predicted])

    answers = {one.element: (one.verdict, one.label) for one in said}
    assert answers == {
        "right": ("given is right", ""),
        "renamed": ("class is", "1"),
        "moved": ("label is", "1@40,0,50,10"),
        "extra": ("drop box", ""),
        nothing: ("given is right", ""),
        "+1@60,0,70,10": ("add the predicted box", ""),
    }
    assert (predicted, "label is", "1@60,0,70,10") in [(one.element, one.verdict, one.label) for one in told]
