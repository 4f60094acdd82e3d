"""The page of an object detection audit: one known issue of each kind, and what the page shows of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.families.images.report import ImageAudit
from cleanlab_assets.families.object_detection.box_quality import (
    BADLY_LOCATED,
    EXTRA,
    OVERLOOKED,
    SWAPPED,
    find_box_issues,
)
from cleanlab_assets.families.object_detection.report import build_object_detection_report
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.reports.html import render_report
from cleanlab_assets.reports.image_overlays import ISSUE
from cleanlab_assets_tests.known_data import name_splits
from cleanlab_assets_tests.pictures import Scaled, find_colour

if TYPE_CHECKING:
    from cleanlab_assets.reports.html import Report, Section

CLASSES = ("<b>cat</b>", "dog")
BOX, BESIDE, AWAY = (2.0, 2.0, 12.0, 12.0), (6.0, 2.0, 16.0, 12.0), (24.0, 14.0, 36.0, 28.0)
FAULTS = {
    "overlooked": ((BOX, "dog"),),
    "badly_located": ((BESIDE, "dog"), (AWAY, "dog")),
    "swapped": ((BOX, "<b>cat</b>"), (AWAY, "dog")),
    "extra": ((BOX, "dog"), (AWAY, "dog"), ((2.0, 18.0, 10.0, 28.0), "dog")),
}
"""Given boxes of four images; each picture shows a dog at both places. The others are right."""
MARKED = {OVERLOOKED: AWAY, BADLY_LOCATED: BESIDE, SWAPPED: BOX, EXTRA: (2.0, 18.0, 10.0, 28.0)}
"""The box in question of each of them."""
RIGHT = ((BOX, "dog"), (AWAY, "dog"))


def make_image(name: str, boxes: tuple[tuple[tuple[float, ...], str], ...]) -> AnnotatedImage:
    return AnnotatedImage(
        row_id=f"<i>{name}</i>.png",
        image=encode_png(np.full((32, 40, 3), 90, dtype=np.uint8)),
        class_names=CLASSES,
        boxes=np.array([box for box, _ in boxes]),
        box_labels=tuple(label for _, label in boxes),
    )


def build(names: dict[str, Any], gates: Gates | None = None) -> Report:
    images = [make_image(name, boxes) for name, boxes in names.items()]
    seen = ScoredBoxes(boxes=np.array([BOX, AWAY]), codes=np.array([1, 1]), scores=np.array([0.97, 0.96]))
    predictions = [seen] * len(images)
    found, splits = find_box_issues(images, predictions), name_splits(len(images))
    audit = ImageAudit(
        dataset=replace(get_dataset("digit_scenes"), class_names=CLASSES, gates=gates or Gates()),
        model="small_detector",
        images=images,
        label_issues=found.table.assign(split=splits),
        cross_validation={"map_50": 0.625},
        facts={},
    )
    boxes = found.boxes.assign(split=splits[0])
    return build_object_detection_report(audit, predictions, boxes, pd.DataFrame())


@pytest.fixture(scope="module")
def report() -> Report:
    return build(FAULTS | {f"right_{number}": RIGHT for number in range(16)})


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


@pytest.mark.parametrize(
    ("kind", "given", "suggested"),
    [(OVERLOOKED, None, "dog"), (BADLY_LOCATED, "dog", "dog"), (SWAPPED, "<b>cat</b>", "dog"), (EXTRA, "dog", None)],
)
def test_each_kind_shows_its_box_and_no_column_that_it_has_nothing_for(
    report: Report, kind: str, given: str | None, suggested: str | None
) -> None:
    part = section(report, kind)
    (table,) = part.tables
    assert part.badge == "1"
    assert table.frame["row_id"].tolist() == [f"<i>{kind}</i>.png"]
    for columns, expected in ((("given_class", "given_box"), given), (("suggested_class", "suggested_box"), suggested)):
        assert set(columns) & set(table.frame) == (set(columns) if expected else set())
        if expected:
            assert table.frame[columns[0]].tolist() == [expected]
            assert "null" not in table.frame[columns[1]].tolist()
    assert table.frame["element"].str.startswith("+").tolist() == [kind == OVERLOOKED]
    (figure,) = part.figures
    assert figure.title.startswith(f"<i>{kind}</i>.png: ")
    x1, y1, x2, y2 = MARKED[kind]
    drawn = Scaled(figure.png, 32, 40)
    is_marked = find_colour(drawn.pixels, ISSUE)
    for side in (
        (x1, y1 - 1, x2, y1 + 1),
        (x1, y2 - 1, x2, y2 + 1),
        (x1 - 1, y1, x1 + 1, y2),
        (x2 - 1, y1, x2 + 1, y2),
    ):
        assert is_marked[drawn.within(*side)].any(), side
    assert not is_marked[~drawn.within(x1 - 2, y1 - 2, x2 + 2, y2 + 2)].any(), "nothing else is marked"


def test_the_summary_counts_images_and_boxes(report: Report) -> None:
    tiles = {tile.label: tile for tile in report.tiles}
    assert (tiles["Images audited"].value, tiles["Images audited"].hint) == ("20", "40 given boxes")
    assert (tiles["Flagged images"].value, tiles["Flagged images"].hint) == (
        "4",
        "20 % (4 of 20 train images); limit 10 %",
    )
    assert tiles["Cross-validated mAP at IoU 0.5"].value == "0.625"
    (classes,) = section(report, "classes").tables
    assert classes.frame.set_index("class")["given boxes"].to_dict() == {"<b>cat</b>": 1, "dog": 39}


@pytest.mark.parametrize(("limit", "tone"), [(0.25, "good"), (0.24, "warn")])
def test_flagged_images_ask_for_attention_above_their_limit_and_not_at_it(limit: float, tone: str) -> None:
    report = build({"swapped": FAULTS["swapped"], "a": RIGHT, "b": RIGHT, "c": RIGHT}, Gates(label_issue_rate=limit))
    tile = next(tile for tile in report.tiles if tile.label == "Flagged images")
    assert (tile.value, tile.tone) == ("1", tone)


def test_names_from_the_data_are_escaped(report: Report) -> None:
    page = render_report(report)
    assert "<b>cat" not in page
    assert "&lt;b&gt;cat" in page
    assert "<i>swapped" not in page
    assert "&lt;i&gt;swapped" in page
    assert page.count("data:image/png;base64") == len(FAULTS)


def test_an_audit_that_finds_nothing_says_so() -> None:
    report = build({f"right_{number}": RIGHT for number in range(6)})
    for kind in (OVERLOOKED, BADLY_LOCATED, SWAPPED, EXTRA):
        part = section(report, kind)
        assert (part.badge, list(part.figures), list(part.tables)) == ("none", [], [])
    page = render_report(report)
    assert "data:image/png;base64" not in page
    assert "What to do" not in page
