"""The page of a segmentation audit: what it shows is what the tables hold."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.families.images.report import ImageAudit
from cleanlab_assets.families.segmentation.mask_quality import MaskIssues, find_mask_issues
from cleanlab_assets.families.segmentation.predictions import pack_probabilities
from cleanlab_assets.families.segmentation.region_issues import list_region_issues
from cleanlab_assets.families.segmentation.report import WORST_IMAGES, build_segmentation_report
from cleanlab_assets.methods.detection_power import KindDetectionPower, PlantedDetection, score_detection_power
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.reports.html import render_report
from cleanlab_assets_tests.known_data import name_splits
from cleanlab_assets_tests.pictures import Scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.reports.html import Report, Section, Table

CLASSES = ("<b>cat</b>", 'dog "&" owl')
ROW_ID = "<img src=x>_{}.png"
N_IMAGES = 12
WRONG = (2, 5, 7)
MEASURED = ("label_quality", "is_label_issue", "planted_error")


def make_image(number: int, code: int) -> AnnotatedImage:
    mask = np.zeros((20, 24), dtype=np.int32)
    mask[4:14, 4:14] = code
    return AnnotatedImage(
        row_id=ROW_ID.format(number),
        image=encode_png(np.full((20, 24, 3), 90, dtype=np.uint8)),
        class_names=CLASSES,
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=mask,
    )


def audit(wrong: Sequence[int]) -> tuple[list[AnnotatedImage], MaskIssues]:
    """Squares of the first class, of which some are given as the second; the model is sure of the first."""
    images = [make_image(number, 2 if number in wrong else 1) for number in range(N_IMAGES)]
    is_true = np.arange(3)[:, None, None] == make_image(0, 1).class_mask
    packed = pack_probabilities(np.where(is_true, 0.99, 0.005).astype(np.float32))
    return images, find_mask_issues(images, [packed] * N_IMAGES)


def build(images: list[AnnotatedImage], found: MaskIssues, **changed: Any) -> Report:
    table = found.table.assign(split=name_splits(N_IMAGES - 2, 2))
    pixel_issues = pd.concat([table, found.pixels.drop(columns=["row_id", "issue_share"])], axis=1)
    audit = ImageAudit(
        dataset=replace(get_dataset("digit_scenes"), class_names=CLASSES),
        model="small_unet",
        images=images,
        label_issues=changed.pop("label_issues", table),
        extra_sections=changed.pop("extra_sections", ()),
        cross_validation={"mean_iou": 0.625, "pixel_accuracy": 0.875},
        facts={"Seed": "42"},
        full_table="label_issues",
    )
    settings: dict[str, Any] = {
        "pixel_issues": pixel_issues,
        "region_issues": list_region_issues(images, pixel_issues, CLASSES),
        "class_summary": found.classes,
        "class_confusions": found.confusions,
    }
    return build_segmentation_report(audit, **(settings | changed))


@pytest.fixture(scope="module")
def audited() -> tuple[list[AnnotatedImage], MaskIssues]:
    return audit(WRONG)


def section(report: Report, key: str) -> Section:
    return next(part for part in report.sections if part.key == key)


def table(report: Report, key: str) -> Table:
    (only,) = section(report, key).tables
    return only


def test_the_summary_counts_what_the_tables_hold(audited: tuple[list[AnnotatedImage], MaskIssues]) -> None:
    report = build(*audited)
    tiles = {tile.label: tile for tile in report.tiles}

    assert tiles["Images audited"].value == "12"
    assert tiles["Images audited"].hint == "2 classes and background"
    assert tiles["Flagged images"].value == "3"
    assert tiles["Flagged images"].hint == "25 % (3 of 10 train images, 0 of 2 test images); limit 10 %"
    assert tiles["Flagged images"].tone == "warn"
    n_issues = int(audited[1].pixels["n_issue_pixels"].sum())
    assert tiles["Pixel issues"].value == f"{n_issues:,}"
    assert n_issues == 300, "three squares of 100 pixels"
    assert tiles["Pixel issues"].hint == "5.2 % of all pixels"
    assert [tiles[f"Cross-validated {name}"].value for name in ("mean IoU", "pixel accuracy")] == ["0.625", "0.875"]
    assert not report.notes
    assert "Planted errors flagged" not in tiles


def test_the_tables_of_the_page_are_those_of_the_audit(audited: tuple[list[AnnotatedImage], MaskIssues]) -> None:
    _, found = audited
    report = build(*audited)

    flagged = table(report, "images").frame
    assert flagged["row_id"].tolist() == [ROW_ID.format(number) for number in WRONG]
    assert flagged["rank"].tolist() == [1, 2, 3]
    assert set(flagged["given_label"]) == {CLASSES[1]}
    assert set(flagged["suggested_label"]) == {CLASSES[0]}
    expected = found.table.set_index("row_id").loc[flagged["row_id"]]
    assert flagged["label_quality"].tolist() == expected["label_quality"].tolist()
    assert flagged["object_quality"].tolist() == expected["object_quality"].tolist()
    regions = table(report, "pixels").frame
    assert set(regions["row_id"]) == set(flagged["row_id"])
    assert set(regions["region_box"]) == {"4, 4, 14, 14"}
    assert set(regions["n_issue_pixels"]) == {100}
    doubted = table(report, "regions").frame
    assert doubted["row_id"].tolist() == flagged["row_id"].tolist()
    assert doubted[["given_class", "suggested_class", "n_pixels"]].drop_duplicates().to_numpy().tolist() == [
        [CLASSES[1], CLASSES[0], 100]
    ]
    assert doubted["element"].str.startswith(f"{CLASSES[1]}@4,4,14,14:").all()
    pd.testing.assert_frame_equal(table(report, "classes").frame, found.classes)
    pd.testing.assert_frame_equal(table(report, "confusions").frame, found.confusions)
    assert section(report, "images").badge == "3"
    assert section(report, "confusions").badge == "1"


def test_every_flagged_image_is_shown_worst_first_up_to_a_limit(
    audited: tuple[list[AnnotatedImage], MaskIssues],
) -> None:
    figures = section(build(*audited), "images").figures
    assert [figure.title.partition(": ")[0] for figure in figures] == [ROW_ID.format(number) for number in WRONG]
    assert all(f"{CLASSES[1]} looks like {CLASSES[0]}" in figure.title for figure in figures)
    for figure in figures:
        drawn = Scaled(figure.png, 20, 24)
        redness = drawn.pixels[..., 0] - drawn.pixels[..., 2]
        assert np.median(redness[drawn.within(5, 5, 13, 13)]) > 50, "the whole square is wrong, and marked"
        assert abs(np.median(redness[drawn.within(16, 1, 23, 19)])) < 5

    many = build(*audit(range(N_IMAGES - 2)))
    assert len(section(many, "images").figures) == WORST_IMAGES
    assert len(table(many, "images").frame) == N_IMAGES - 2


def test_names_from_the_data_are_escaped(audited: tuple[list[AnnotatedImage], MaskIssues]) -> None:
    page = render_report(build(*audited))

    for name in (*CLASSES, ROW_ID.format(2)):
        assert name not in page
        assert (
            escape(name, quote=False) in page or escape(name) in page or escape(name).replace("&quot;", "&#34;") in page
        )
    assert page.count("data:image/png;base64") >= len(WRONG)


def test_planted_errors_are_told_with_what_is_found_of_each_kind(
    audited: tuple[list[AnnotatedImage], MaskIssues],
) -> None:
    images, found = audited
    # One of two planted errors is flagged, and two other images are.
    issues = found.table.assign(
        split=name_splits(N_IMAGES), planted_error=[number in {2, 3} for number in range(N_IMAGES)]
    )
    power = KindDetectionPower(
        kind="swapped_class", n_planted=2, average_precision=0.75, auroc=0.8, recall=0.5, chance=0.2
    )
    overall = score_detection_power(*(issues[name].to_numpy() for name in MEASURED))

    report = build(images, found, label_issues=issues, planted=PlantedDetection(overall=overall, by_kind=[power]))

    tile = next(tile for tile in report.tiles if tile.label == "Planted errors flagged")
    assert (tile.value, tile.hint) == ("1 of 2", "planted on purpose; 2 of 3 flagged train images carry none")
    assert report.notes[0].startswith("Masks were deliberately corrupted for evaluation: 2 of the 12 train images")
    assert table(report, "planted").frame.to_dict("records") == [power.model_dump()]
    page = render_report(report)
    assert "How well planted errors are found" in page
    assert "0.75" in page
    assert "50 %" in page
    assert "0.2000" in page, "chance is an average precision, and stands beside one"


def test_an_audit_that_finds_nothing_says_so() -> None:
    images, found = audit(())
    report = build(images, found)

    assert not found.table["is_label_issue"].any()
    assert {tile.label: tile.tone for tile in report.tiles}["Flagged images"] == "good"
    for key in ("images", "pixels", "confusions"):
        part = section(report, key)
        assert (part.badge, list(part.figures), list(part.tables)) == ("none", [], [])
    page = render_report(report)
    assert "Masks in doubt" in page
    assert "What to do" not in page
    assert "data:image/png;base64" not in page


def test_a_report_without_planted_errors_has_no_section_of_them(
    audited: tuple[list[AnnotatedImage], MaskIssues],
) -> None:
    assert "planted" not in {part.key for part in build(*audited).sections}
    extra = replace(section(build(*audited), "classes"), key="extra")
    assert build(*audited, extra_sections=[extra]).sections[-1].key == "extra"
