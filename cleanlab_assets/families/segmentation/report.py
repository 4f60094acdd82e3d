"""The audit report of a segmentation dataset: the worst masks over their pictures, the classes, what is confused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.images.steps import (
    ImageIssuesTable,
    ImagesTrainingSetTable,
    read_image_audit,
)
from cleanlab_assets.families.report import store_page
from cleanlab_assets.families.segmentation.overlays import draw_worst_masks
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.families.step import LabelIssuesTable, Page, PlainTable, PredictionsTable, StepContext, step
from cleanlab_assets.methods.detection_power import PlantedDetection, to_power_table
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.formatting import format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.images.report import ImageAudit
    from cleanlab_assets.families.segmentation.issues import PixelIssuesTable

WORST_IMAGES = 8
MOST_CONFUSIONS = 20
LABEL_COLUMNS = (
    "rank",
    "row_id",
    "split",
    "given_label",
    "suggested_label",
    "label_quality",
    "n_object_issues",
    "worst_given_class",
    "worst_suggested_class",
    "object_quality",
)
REGION_COLUMNS = ("row_id", "split", "element", "given_class", "suggested_class", "n_pixels")
PIXEL_COLUMNS = (
    "row_id",
    "split",
    "n_issue_pixels",
    "issue_share",
    "region_pixels",
    "region_given_class",
    "region_suggested_class",
    "region_box",
)


def build_segmentation_report(
    audit: ImageAudit,
    *,
    pixel_issues: pd.DataFrame,
    region_issues: pd.DataFrame,
    class_summary: pd.DataFrame,
    class_confusions: pd.DataFrame,
    planted: PlantedDetection | None = None,
) -> Report:
    """Build the report of one dataset and model.

    Args:
        audit: The audited images with their given masks.
        pixel_issues: One row for each image in the same order, with the masks of its issues and what is suggested.
        region_issues: The regions where given and suggested mask differ, worst first.
        class_summary: One row for each class, background first.
        class_confusions: Pairs of given and suggested class, most frequent first.
        planted: How well planted errors were found; None without any.
    """
    label_issues = audit.label_issues
    n_issue_pixels, n_pixels = int(pixel_issues["n_issue_pixels"].sum()), int(pixel_issues["n_pixels"].sum())
    last_tiles = []
    if "planted_error" in label_issues:
        train = train_rows(label_issues)
        is_planted, n_of_train = train["planted_error"].astype(bool), int(train["is_label_issue"].sum())
        caught = int((is_planted & train["is_label_issue"]).sum())
        note = f"planted on purpose; {n_of_train - caught:,} of {n_of_train:,} flagged train images carry none"
        last_tiles.append(Tile("Planted errors flagged", f"{caught:,} of {int(is_planted.sum()):,}", note))
    return audit.build(
        annotations="masks",
        hint=f"{len(audit.dataset.class_names):,} classes and background",
        tiles=[Tile("Pixel issues", f"{n_issue_pixels:,}", f"{format_share(n_issue_pixels / n_pixels)} of all pixels")],
        last_tiles=last_tiles,
        sections=[
            _show_images(audit.images, pixel_issues, label_issues, audit.full_table),
            _show_regions(region_issues),
            _show_pixels(pixel_issues, audit.full_table),
            _show_confusions(class_confusions),
            _show_classes(class_summary),
        ],
        detection_by_kind=to_power_table(planted.by_kind if planted else []),
        rest="the images that carry no",
    )


def _show_images(
    images: Sequence[AnnotatedImage], pixel_issues: pd.DataFrame, label_issues: pd.DataFrame, full_table: str
) -> Section:
    flagged = label_issues[label_issues["is_label_issue"]].sort_values("rank")
    figures = [
        Figure(
            caption, png, f"Picture {caption}. The given mask is outlined in blue, the suggested one dashed in orange."
        )
        for caption, png in draw_worst_masks(images, pixel_issues, n_images=WORST_IMAGES).items()
    ]
    table = Table(
        "Flagged images",
        flagged[list(LABEL_COLUMNS)].reset_index(drop=True),
        "Worst first. Labels are the classes of the mask; label_quality is the score that ranks, "
        "object_quality how far the worst object agrees with what is predicted in its place.",
        max_rows=25,
        full_table=full_table,
    )
    return Section(
        key="images",
        title="Masks in doubt",
        explanation="An image is flagged where the model is sure of another class over a whole region: an object left "
        "out, drawn elsewhere, or given another class. What is suggested differs from what is given only there.",
        advice={
            "What to do": "Look at the hatched pixels. Use the suggested mask where it is right; where the "
            "model is wrong, the object is hard or of a rare kind, and the image is worth keeping."
        }
        if len(flagged)
        else {},
        badge=f"{len(flagged):,}" if len(flagged) else "none",
        figures=figures,
        tables=[table] if len(flagged) else [],
    )


def _show_regions(region_issues: pd.DataFrame) -> Section:
    flagged = region_issues.loc[region_issues["is_region_issue"], list(REGION_COLUMNS)].reset_index(drop=True)
    table = Table(
        "Flagged regions",
        flagged,
        "Those of the worst image first. The element tells the given class and the box x1, y1, x2, y2 in pixels.",
        max_rows=25,
        full_table="region_issues",
    )
    return Section(
        key="regions",
        title="Regions in doubt",
        explanation="Where given and suggested mask of a flagged image differ, one given and one suggested class each.",
        advice={"What to do": "Decide of each: `cleanlab-demo decide` takes the name of the element."}
        if len(flagged)
        else {},
        badge=f"{len(flagged):,}" if len(flagged) else "none",
        tables=[table] if len(flagged) else [],
    )


def _show_pixels(pixel_issues: pd.DataFrame, full_table: str) -> Section:
    columns = ["region_x1", "region_y1", "region_x2", "region_y2"]
    boxes = pixel_issues[columns].astype(str).agg(", ".join, axis=1)
    shown = pixel_issues.assign(region_box=boxes).sort_values("region_pixels", ascending=False, kind="stable")
    shown = shown.loc[shown["n_issue_pixels"] > 0, list(PIXEL_COLUMNS)].reset_index(drop=True)
    table = Table(
        "Images by their largest region of pixel issues",
        shown,
        "The box of the largest connected region is x1, y1, x2, y2 in pixels.",
        max_rows=25,
        full_table=full_table,
        shares={"issue_share"},
    )
    return Section(
        key="pixels",
        title="Pixel issues",
        explanation="Pixels whose given class is likely wrong, as many as confident learning estimates "
        "(cleanlab.segmentation). Single pixels along outlines are common and harmless; large regions are not.",
        badge=f"{len(shown):,}" if len(shown) else "none",
        tables=[table] if len(shown) else [],
    )


def _show_confusions(confusions: pd.DataFrame) -> Section:
    table = Table(
        "Given and suggested class of the pixel issues",
        confusions,
        "Most frequent first.",
        max_rows=MOST_CONFUSIONS,
        shares={"share"},
    )
    return Section(
        key="confusions",
        title="Common confusions",
        explanation="A pair that comes often may be a rule that annotators understood differently.",
        badge=f"{len(confusions):,}" if len(confusions) else "none",
        tables=[table] if len(confusions) else [],
    )


def _show_classes(classes: pd.DataFrame) -> Section:
    table = Table(
        "Classes",
        classes,
        "Background first, then in the order of the catalogue. iou is the overlap of given and predicted pixels, "
        "mean_quality the mean probability of the given class, suggested_pixels the issues that look like the class.",
        max_rows=max(100, len(classes)),
        shares={"issue_share"},
    )
    return Section(
        key="classes",
        title="Classes",
        explanation="How well the masks of each class agree with the out-of-sample predictions.",
        tables=[table],
    )


@step(storage="html", code_version="4", value=str, shows_catalogue=True)
def mask_report(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
    label_issues: LabelIssuesTable,
    detection_power: DetectionResult,
    region_issues: PlainTable,
    class_summary: PlainTable,
    class_confusions: PlainTable,
    image_issues: ImageIssuesTable,
) -> Page:
    """A self-contained HTML report: the worst masks over their pictures, classes, common confusions, bad pictures."""
    audit = read_image_audit(
        context,
        training_set,
        predictions,
        label_issues,
        image_issues,
        read=read_masked_images,
        full_table=f"label_issues and {context.path_of('pixel_issues')}",
    )
    report = build_segmentation_report(
        audit,
        pixel_issues=pixel_issues.value,
        region_issues=region_issues.value,
        class_summary=class_summary.value,
        class_confusions=class_confusions.value,
        planted=label_issues.facts.planted,
    )
    return store_page(report, detection_power, n_flagged_images=audit.n_flagged)
