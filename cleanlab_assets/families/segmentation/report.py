"""The audit report of a segmentation dataset: the worst masks over their pictures, the classes, what is confused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.image_overlays import draw_mask_overlay
from cleanlab_assets.reports.settings import merge_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.images import AnnotatedImage

WORST_IMAGES = 8
MOST_CONFUSIONS = 20
METRIC_TITLES = {"mean_iou": "Mean IoU", "pixel_accuracy": "Pixel accuracy"}
LABEL_COLUMNS = (
    "rank",
    "row_id",
    "given_label",
    "suggested_label",
    "label_quality",
    "n_object_issues",
    "worst_given_class",
    "worst_suggested_class",
    "object_quality",
)
PIXEL_COLUMNS = (
    "row_id",
    "n_issue_pixels",
    "issue_share",
    "region_pixels",
    "region_given_class",
    "region_suggested_class",
    "region_box",
)


def draw_worst_masks(
    images: Sequence[AnnotatedImage], pixel_issues: pd.DataFrame, *, n_images: int
) -> dict[str, bytes]:
    """Draw the flagged images of lowest quality, by caption: the given mask, the suggested one, and what differs.

    Args:
        images: the train images with their given masks.
        pixel_issues: one row for each of them, in the same order.
        n_images: most images to draw.
    """
    flagged = pixel_issues[pixel_issues["is_label_issue"]].sort_values("rank").head(n_images)
    drawn = {}
    for position, record in zip(flagged.index, flagged.to_dict("records"), strict=True):
        image, suggested = images[int(position)], decode_mask(record["suggested_mask"])
        if image.class_mask is not None:
            drawn[f"{image.row_id}: {_describe(record)}"] = draw_mask_overlay(
                image.image, image.class_mask, suggested, issue=suggested != image.class_mask
            )
    return drawn


def build_segmentation_report(
    *,
    dataset: Dataset,
    model: str,
    images: Sequence[AnnotatedImage],
    pixel_issues: pd.DataFrame,
    label_issues: pd.DataFrame,
    class_summary: pd.DataFrame,
    class_confusions: pd.DataFrame,
    cross_validation: Mapping[str, float],
    facts: Mapping[str, object],
    extra_sections: Sequence[Section] = (),
    full_table: str = "",
) -> Report:
    """Build the report of one dataset and model. Only the train images are audited.

    Args:
        dataset: The catalogue entry; its gate decides whether the share of flagged images asks for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        images: The train images with their given masks.
        pixel_issues: One row for each image in the same order, with the masks of its issues and what is suggested.
        label_issues: One row for each image, with ``planted_error`` where errors were planted; its ``attrs`` may hold
            ``detection_by_kind``.
        class_summary: One row for each class, background first.
        class_confusions: Pairs of given and suggested class, most frequent first.
        cross_validation: Metrics of the out-of-sample predictions against the given masks.
        facts: How the audit was made, for the last section.
        extra_sections: Further sections, such as that of the image checks.
        full_table: Where the whole tables lie, in words.
    """
    n_images, n_flagged = len(label_issues), int(label_issues["is_label_issue"].sum())
    n_issue_pixels, n_pixels = int(pixel_issues["n_issue_pixels"].sum()), int(pixel_issues["n_pixels"].sum())
    limit = dataset.gates.label_issue_rate
    tone: Tone = "warn" if n_flagged > limit * n_images else "good"
    hint = f"{format_share(n_flagged / n_images)}; limit {format_share(limit)}"
    tiles = [
        Tile("Images audited", f"{n_images:,}", f"{len(dataset.class_names):,} classes and background"),
        Tile("Flagged images", f"{n_flagged:,}", hint, tone),
        Tile("Pixel issues", f"{n_issue_pixels:,}", f"{format_share(n_issue_pixels / n_pixels)} of all pixels"),
        *(
            Tile(f"{METRIC_TITLES[name]}, cross-validated", format_number(value))
            for name, value in cross_validation.items()
        ),
    ]
    notes = []
    if "planted_error" in label_issues:
        planted = label_issues["planted_error"].astype(bool)
        caught = int((planted & label_issues["is_label_issue"]).sum())
        note = f"planted on purpose; {n_flagged - caught:,} of {n_flagged:,} flags are on other images"
        tiles.append(Tile("Planted errors flagged", f"{caught:,} of {int(planted.sum()):,}", note))
        notes.append(
            f"Masks were deliberately corrupted for evaluation: {int(planted.sum()):,} of the {n_images:,} audited "
            "images carry a planted error. Counts describe the corrupted masks, not the source."
        )
    about = {
        "Dataset": f"{dataset.title} ({dataset.name})",
        "Source": dataset.homepage,
        "Licence": dataset.licence,
        "Citation": dataset.citation,
        "Model": model,
    }
    return Report(
        title=f"{dataset.title}: audit of the masks",
        subtitle=f"{dataset.description} Audited with the out-of-sample predictions of {model}.",
        tiles=tiles,
        notes=notes,
        sections=[
            _show_images(images, pixel_issues, label_issues, full_table),
            _show_pixels(pixel_issues, full_table),
            _show_confusions(class_confusions),
            _show_classes(class_summary),
            *_show_detection(label_issues),
            *extra_sections,
        ],
        facts=merge_facts(about, facts),
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
        "Worst first. Labels are the classes of the mask; label_quality is cleanlab's score of all pixels, "
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
            "What to do": "Look at the hatched pixels. Take over the suggested mask where it is right; where the "
            "model is wrong, the object is hard or of a rare kind, and the image is worth keeping."
        }
        if len(flagged)
        else {},
        badge=f"{len(flagged):,}" if len(flagged) else "none",
        figures=figures,
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


def _show_detection(label_issues: pd.DataFrame) -> list[Section]:
    records = label_issues.attrs.get("detection_by_kind", [])
    if not records:
        return []
    table = Table(
        "Planted errors",
        pd.DataFrame.from_records(records),
        "Each kind among the images that carry no planted error.",
        shares={"recall"},
    )
    return [
        Section(
            key="planted",
            title="How well planted errors are found",
            explanation="Average precision of the ranking, recall of the flags, and what a random ranking would reach.",
            tables=[table],
        )
    ]


def _describe(record: Mapping[object, object]) -> str:
    given, suggested = record["worst_given_class"], record["worst_suggested_class"]
    if given == suggested:
        return f"outline of {given}"
    return f"{given} looks like {suggested}"
