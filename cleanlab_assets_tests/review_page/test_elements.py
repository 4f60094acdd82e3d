"""Boxes and regions on the page: what is shown of each, what can be said of it, and what the ledger holds then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from cleanlab_assets.datasets.images import encode_png, read_image_table
from cleanlab_assets.families.segmentation.region_issues import list_region_issues
from cleanlab_assets.review_page.elements import MOST_ELEMENTS, NOT_THERE
from cleanlab_assets.review_page.messages import Answer, Place, UndoRequest
from cleanlab_assets.reviews.decisions import BoxLabel, Decision, DecisionError, NoBox, RegionLabel, describe_answer
from cleanlab_assets.reviews.elements import label_region, read_pixels
from cleanlab_assets_tests.review_page.conftest import SCRIPT, make_audit, make_token, open_client, open_review
from cleanlab_assets_tests.review_page.known_elements import (
    CAT,
    CLASSES,
    DOG,
    DOG_MOVED,
    HOSTILE,
    KNOWN,
    MISSED,
    MISSED_BOX,
    PLANTED,
    REGION,
    REGION_OF_DOG,
    list_parts,
    make_elements_audit,
)

if TYPE_CHECKING:
    from cleanlab_assets.review_page.item import Element, Item
    from cleanlab_assets.review_page.messages import View
    from cleanlab_assets.review_page.review import Review
    from cleanlab_assets.reviews.ledger import Ledger

_numbers = iter(range(10**6))
GIVEN_REGION = label_region("cat", read_pixels(REGION_OF_DOG))


@pytest.fixture
def review(ledger: Ledger) -> Review:
    """A review of the pictures."""
    return open_review(make_elements_audit(), ledger)


def decide(review: Review, element: str, verdict: str, label: str = "", **said: Any) -> View:
    row = said.pop("row", "b.png" if element == REGION else "a.png")
    token = make_token(next(_numbers))
    return review.decide(Answer(row=row, element=element, verdict=verdict, label=label, token=token, **said))


def show(review: Review, row: str = "a.png") -> Item:
    item = review.show(row, Place()).item
    assert item is not None
    return item


def find(item: Item | None, element: str) -> Element:
    assert item is not None
    return next(one for one in item.elements if one.name == element)


def test_elements_show_flagged_first_and_worst_first_with_what_can_be_said(review: Review) -> None:
    assert review.describe()["has_elements"]
    shown = show(review).elements
    assert [one.name for one in shown] == [PLANTED, CAT, DOG, MISSED, HOSTILE]
    assert [one.is_flagged for one in shown] == [True, True, True, True, False]
    assert [one.reason for one in shown] == [*["badly located"] * 4, ""]
    assert [(one.shown, one.suggested) for one in shown[1:]] == [
        ("box of cat, from 2, 3 to 10, 12", "no box"),
        ("box of dog, from 4, 4 to 12, 14", "dog, from 5, 5 to 13, 15"),
        ("no box is given, from 14, 2 to 19, 8", f"{SCRIPT}, from 14, 2 to 19, 8"),
        (f"box of {SCRIPT}, from 1, 1 to 5, 5", "the same box"),
    ]
    assert [one.answers for one in shown] == [
        [],
        ["given is right", "drop box", "class is", "unclear"],
        ["given is right", "drop box", "class is", "take the predicted box", "unclear"],
        ["given is right", "add the predicted box", "class is", "unclear"],
        ["given is right", "drop box", "class is", "unclear"],
    ]
    assert [bool(one.place) for one in shown] == [False, True, True, True, True]
    assert shown[1].place == [0.1, 3 / 16, 0.5, 0.75]
    assert shown[0].note == NOT_THERE

    (region,) = show(review, "b.png").elements
    assert (region.shown, region.suggested) == ("region of cat, 18 pixels, from 2, 2 to 5, 8", "dog")
    assert region.answers == ["given is right", "class is", "take the predicted region", "unclear"]
    assert region.may_be_background


@pytest.mark.parametrize(
    ("element", "said", "entered"),
    [
        (CAT, ("drop box",), ("label is", NoBox())),
        (CAT, ("class is", SCRIPT), ("label is", BoxLabel(class_name=SCRIPT, corners=(2, 3, 10, 12)))),
        (CAT, ("given is right",), ("given is right", None)),
        (DOG, ("take the predicted box",), ("label is", DOG_MOVED)),
        (MISSED, ("add the predicted box",), ("label is", MISSED_BOX)),
        (MISSED, ("class is", "cat"), ("label is", BoxLabel(class_name="cat", corners=MISSED_BOX.corners))),
        (MISSED, ("given is right",), ("given is right", None)),
        (HOSTILE, ("unclear",), ("unclear", None)),
        (REGION, ("take the predicted region",), ("label is", REGION_OF_DOG)),
        (REGION, ("class is", "background"), ("label is", label_region("background", read_pixels(REGION_OF_DOG)))),
    ],
)
def test_the_ledger_holds_the_label_of_the_element_and_what_was_suggested(
    review: Review, ledger: Ledger, element: str, said: tuple[str, ...], entered: tuple[str, Any]
) -> None:
    view = decide(review, element, *said)
    (entry,) = ledger.read("tickets")
    made = entry.decision
    assert (made.element, made.verdict, made.label) == (element, *entered)
    place, suggestion = next((place, one[2]) for place, one in enumerate(KNOWN) if one[1] == element)
    assert made.seen.suggested_label == suggestion
    assert made.seen.quality == list_parts()["label_quality"].iloc[place]
    assert made.given_label == {
        CAT: BoxLabel(class_name="cat", corners=(2, 3, 10, 12)),
        DOG: BoxLabel(class_name="dog", corners=(4, 4, 12, 14)),
        HOSTILE: BoxLabel(class_name=SCRIPT, corners=(1, 1, 5, 5)),
        MISSED: None,
        REGION: GIVEN_REGION,
    }.get(element)
    assert (view.entry, view.message.startswith("entry 1: ")) == (1, True)
    assert find(view.item, element).state == "in force"


def test_the_row_stays_until_it_is_decided_as_a_whole(review: Review) -> None:
    for element, said in ((DOG, "take the predicted box"), (CAT, "drop box"), (MISSED, "given is right")):
        view = decide(review, element, said)
        assert view.item is not None
        assert (view.item.row_id, view.item.state, view.progress.decided) == ("a.png", "", 0)
    item = show(review)
    assert find(item, DOG).said == "label is dog@5,5,13,15"
    assert [(past.subject, past.said) for past in item.history] == [
        (MISSED, "given is right"),
        (CAT, "label is no box"),
        (DOG, "label is dog@5,5,13,15"),
    ]
    after = decide(review, "", "given is right", row="a.png")
    assert after.item is not None
    assert (after.item.row_id, after.progress.decided) == ("b.png", 1)


def test_an_excluded_row_is_left_whatever_of_it_was_chosen(review: Review, ledger: Ledger) -> None:
    view = decide(review, CAT, "exclude the row")
    assert view.item is not None
    assert view.item.row_id == "b.png"
    assert ledger.read("tickets")[0].decision.element == ""


def test_an_undo_shows_the_row_with_its_element_open_again(review: Review) -> None:
    decide(review, CAT, "drop box")
    decide(review, "", "unclear", row="b.png")
    view = review.undo(UndoRequest(entry=1), Place())
    assert view.item is not None
    assert view.item.row_id == "a.png"
    assert (find(view.item, CAT).state, find(view.item, CAT).said) == ("", "")
    assert [past.undone_by for past in view.item.history] == [view.entry]


def test_reviewers_who_differ_on_an_element_are_told(review: Review, ledger: Ledger) -> None:
    decide(review, CAT, "drop box")
    view = decide(open_review(make_elements_audit(), ledger, reviewer="bob"), CAT, "given is right")
    assert (find(view.item, CAT).state, find(view.item, CAT).said) == ("conflict", "")


@pytest.mark.parametrize(
    ("element", "said", "message"),
    [
        (CAT, ("take the predicted box",), "the audit predicts no box there"),
        (CAT, ("add the predicted box",), "cannot be said of a given box"),
        (MISSED, ("drop box",), "cannot be said of an object without a box"),
        (REGION, ("drop box",), "cannot be said of a region"),
        (CAT, ("class is",), "a label comes with 'class is'"),
        (CAT, ("class is", "cow"), "cow"),
        (PLANTED, ("drop box",), "no such box or region"),
        (f"{SCRIPT}@", ("drop box",), "no such box or region"),
        (f"+{SCRIPT}@1,2", ("add the predicted box",), "expected x1, y1, x2, y2"),
        ("", ("drop box",), "name it as element"),
    ],
)
def test_an_answer_that_does_not_suit_enters_nothing(
    review: Review, ledger: Ledger, element: str, said: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DecisionError) as told:
        decide(review, element, *said)
    assert message in str(told.value)
    assert ledger.read("tickets") == []


def test_every_answer_that_is_offered_is_taken(review: Review) -> None:
    for row in ("a.png", "b.png"):
        for element in show(review, row).elements:
            for said in element.answers:
                decide(review, element.name, said, "dog" if said == "class is" else "")
                assert find(show(review, row), element.name).state in {"in force", "done"}


def test_the_regions_of_an_audit_are_those_of_the_picture(ledger: Ledger) -> None:
    audit = make_elements_audit()
    (image,) = read_image_table(audit.raw.iloc[1:], CLASSES)
    assert image.class_mask is not None
    suggested = image.class_mask.copy()
    suggested[2:8, 2:5], suggested[2:8, 6:8], suggested[10:14, 10:16] = 2, 0, 3
    found = {"row_id": "b.png", "split": "train", "is_label_issue": True, "label_quality": 0.1, "rank": 1}
    pixel_issues = pd.DataFrame([{**found, "suggested_mask": encode_png(suggested)}])
    audit.tables["parts"] = list_region_issues([image], pixel_issues, CLASSES)
    review = open_review(audit, ledger)
    elements = show(review, "b.png").elements
    assert [(one.shown, one.suggested) for one in elements] == [
        ("region of background, 24 pixels, from 10, 10 to 16, 14", SCRIPT),
        ("region of cat, 18 pixels, from 2, 2 to 5, 8", "dog"),
        ("region of cat, 12 pixels, from 6, 2 to 8, 8", "background"),
    ]
    for one in elements:
        decide(review, one.name, "take the predicted region", row="b.png")
    assert [one.state for one in show(review, "b.png").elements] == ["in force"] * 3
    entries = ledger.read("tickets")
    assert [describe_answer(entry.decision) for entry in entries] == [
        f"label is {name} (a region)" for name in (SCRIPT, "dog", "background")
    ]


def test_entries_of_strange_elements_do_no_harm(ledger: Ledger) -> None:
    audit = make_elements_audit()
    key = str(audit.rows.keys.iloc[1])
    said = {"dataset": "tickets", "row_key": key, "verdict": "unclear", "reviewer": "bob"}
    broken = RegionLabel(class_name="cat", width=20, height=16, runs=SCRIPT)
    smaller = RegionLabel(class_name="cat", width=2, height=1, runs="02")
    ledger.decide(
        [
            Decision(**said, element=SCRIPT, given_label=None),
            Decision(**said, element="+cat@1", given_label="cat"),
            Decision(**said, element=REGION, given_label=broken),
            Decision(**said, element="other", given_label=smaller),
            Decision(**said, element="an old one", given_label=BoxLabel(class_name="cow", corners=(1, 2, 3, 4))),
            Decision(**{**said, "row_key": "gone"}, element=CAT, given_label=None),
        ]
    )
    review = open_review(audit, ledger)
    item = show(review, "b.png")
    assert (find(item, REGION).state, item.state) == ("outdated", "")
    assert review.describe()["queues"][0]["open"] == 2


def test_of_many_elements_some_are_shown_and_the_others_counted(ledger: Ledger) -> None:
    many = [("a.png", f"cat@2,3,10,{12 + number}", NoBox(), False) for number in range(MOST_ELEMENTS + 7)]
    item = show(open_review(make_elements_audit(tables={"parts": list_parts([*many, *KNOWN])}), ledger))
    assert (len(item.elements), item.n_more_elements) == (MOST_ELEMENTS, 11), "one name is there twice"
    assert [one.name for one in item.elements[:5]] == [PLANTED, CAT, DOG, MISSED, many[1][1]]


def test_what_an_audit_does_not_know_can_still_be_decided(review: Review, ledger: Ledger) -> None:
    new = "+dog@14,10,19,15"
    view = decide(review, new, "add the predicted box")
    assert view.item is not None
    assert new not in [one.name for one in view.item.elements]
    (entry,) = ledger.read("tickets")
    assert entry.decision.label == BoxLabel(class_name="dog", corners=(14, 10, 19, 15))
    assert (entry.decision.seen.suggested_label, entry.decision.seen.quality) == (None, None)


def test_an_element_is_decided_by_a_request_and_too_long_a_name_is_refused(ledger: Ledger) -> None:
    with open_client(make_elements_audit(), ledger) as client:
        said = {"row": "a.png", "element": HOSTILE, "verdict": "drop box", "token": make_token(1)}
        for _ in range(2):
            answer = client.post("/api/decide", json=said).json()
            assert (answer["entry"], answer["item"]["row_id"]) == (1, "a.png")
        refused = client.post("/api/decide", json={**said, "element": "x" * 2_001})
        assert (refused.status_code, "element" in refused.json()["error"]) == (400, True)
        assert client.post("/api/decide", json={**said, "element": ["x"]}).status_code == 400


def test_rows_without_elements_take_no_decision_of_one(ledger: Ledger) -> None:
    review = open_review(make_audit(), ledger)
    assert not review.describe()["has_elements"]
    with pytest.raises(DecisionError, match="a row has one label"):
        decide(review, CAT, "unclear", row="tickets.csv:2")
    assert ledger.read("tickets") == []
