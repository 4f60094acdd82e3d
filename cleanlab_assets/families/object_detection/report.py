"""The audit report of an object detection dataset: the pictures behind every kind of box issue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.object_detection.issues import BADLY_LOCATED, BOX_ISSUE_KINDS, EXTRA, OVERLOOKED, SWAPPED
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.image_overlays import draw_box_overlay
from cleanlab_assets.reports.settings import merge_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.images import AnnotatedImage

TITLES = {
    OVERLOOKED: "Overlooked objects",
    BADLY_LOCATED: "Badly located boxes",
    SWAPPED: "Boxes of a wrong class",
    EXTRA: "Boxes with nothing in them",
}
MEANINGS = {
    OVERLOOKED: "The model is sure of an object where no given box is: the annotator may have missed it.",
    BADLY_LOCATED: "The model sees an object of the given class beside the given box rather than in it.",
    SWAPPED: "The model sees an object of another class on the given box.",
    EXTRA: "The model sees nothing on the given box.",
}
ACTIONS = {
    OVERLOOKED: "Look at the marked places. Add a box where there is an object; training on unboxed objects teaches a "
    "model to miss them.",
    BADLY_LOCATED: "Move the box where the predicted one fits better, and leave it where the model is wrong.",
    SWAPPED: "Read the class at the marked box and correct it where the suggested one is right.",
    EXTRA: "Remove the box where there is no object. A rare or hard object looks alike to the model: keep those.",
}
LEAST_PROBABILITY_SHOWN = 0.5
FIGURES_OF_A_KIND = 4
TABLE_COLUMNS = (
    *("row_id", "box", "given_class", "suggested_class", "probability", "label_quality"),
    *("given_box", "suggested_box"),
)
ABSENT_COLUMNS = {OVERLOOKED: ("box", "given_class", "given_box"), EXTRA: ("suggested_class", "suggested_box")}
"""What a kind of issue has none of: nobody gave an overlooked object, and nothing is suggested for an empty box."""


def draw_worst_images(images: Sequence[AnnotatedImage], boxes: pd.DataFrame, *, n_images: int) -> dict[str, bytes]:
    """Draw the images of the worst flagged boxes, by caption: given boxes, suggested ones, and the issue marked."""
    by_id = {image.row_id: image for image in images}
    drawn: dict[str, bytes] = {}
    flagged = boxes[boxes["is_box_issue"]]
    for row_id in flagged["row_id"].unique()[:n_images]:
        issues = flagged[flagged["row_id"] == row_id]
        drawn[f"{row_id}: {', '.join(_describe(issue) for issue in issues.to_dict('records'))}"] = _draw(
            by_id[str(row_id)], issues
        )
    return drawn


def build_object_detection_report(
    *,
    dataset: Dataset,
    model: str,
    images: Sequence[AnnotatedImage],
    predictions: Sequence[ScoredBoxes],
    boxes: pd.DataFrame,
    label_issues: pd.DataFrame,
    cross_validation: Mapping[str, float],
    detection_by_kind: pd.DataFrame,
    facts: Mapping[str, object],
    extra_sections: Sequence[Section] = (),
    full_table: str = "",
) -> Report:
    """Build the report of one dataset and model. Only the train images are audited.

    Args:
        dataset: The catalogue entry; its gate decides whether the share of flagged images asks for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        images: The train images with their given boxes.
        predictions: Their out-of-sample predicted boxes, with calibrated probabilities.
        boxes: The box table of the audit, worst first.
        label_issues: One row for each image, with ``planted_error`` where errors were planted.
        cross_validation: Metrics of the out-of-sample predictions against the given boxes.
        detection_by_kind: How well each kind of planted error was found; empty where none was planted.
        facts: How the audit was made, for the last section.
        extra_sections: Further sections, such as that of the image checks.
        full_table: Where the whole tables lie, in words.
    """
    n_flagged, n_images = int(label_issues["is_label_issue"].sum()), len(label_issues)
    limit = dataset.gates.label_issue_rate
    tone: Tone = "warn" if n_flagged > limit * n_images else "good"
    tiles = [
        Tile("Images audited", f"{n_images:,}", f"{sum(len(image.boxes) for image in images):,} given boxes"),
        Tile(
            "Flagged images",
            f"{n_flagged:,}",
            f"{format_share(n_flagged / n_images)}; limit {format_share(limit)}",
            tone,
        ),
        *(
            Tile(TITLES[kind], f"{int((boxes['is_box_issue'] & (boxes['issue'] == kind)).sum()):,}", "flagged")
            for kind in BOX_ISSUE_KINDS
        ),
        *(Tile(f"Cross-validated {name}", format_number(value)) for name, value in cross_validation.items()),
    ]
    notes = []
    if "planted_error" in label_issues:
        notes.append(
            f"Boxes were deliberately corrupted for evaluation: {int(label_issues['planted_error'].sum()):,} of the "
            f"{n_images:,} audited images carry a planted error. Counts describe the corrupted boxes, not the source."
        )
    sections = [_build_kind(kind, images, boxes, full_table) for kind in BOX_ISSUE_KINDS]
    about = {
        "Dataset": f"{dataset.title} ({dataset.name})",
        "Source": dataset.homepage,
        "Licence": dataset.licence,
        "Citation": dataset.citation,
        "Model": model,
    }
    return Report(
        title=f"{dataset.title}: audit of the boxes",
        subtitle=f"{dataset.description} Audited with the out-of-sample predictions of {model}.",
        tiles=tiles,
        notes=notes,
        sections=[
            *sorted(sections, key=lambda section: not section.advice),
            _build_classes(images, predictions, boxes, dataset),
            *_build_detection(detection_by_kind),
            *extra_sections,
        ],
        facts=merge_facts(about, facts),
    )


def _build_kind(kind: str, images: Sequence[AnnotatedImage], boxes: pd.DataFrame, full_table: str) -> Section:
    flagged = boxes[boxes["is_box_issue"] & (boxes["issue"] == kind)]
    by_id = {image.row_id: image for image in images}
    figures = [
        Figure(
            f"{issue['row_id']}: {_describe(issue)}",
            _draw(by_id[issue["row_id"]], flagged[flagged["row_id"] == issue["row_id"]]),
            f"Picture {issue['row_id']} with given boxes in blue and the issue marked: {_describe(issue)}.",
        )
        for issue in flagged.drop_duplicates("row_id").head(FIGURES_OF_A_KIND).to_dict("records")
    ]
    columns = [name for name in TABLE_COLUMNS if name not in ABSENT_COLUMNS.get(kind, ())]
    table = Table(
        "Flagged boxes",
        flagged[columns].reset_index(drop=True),
        "Worst first. Boxes are x1, y1, x2, y2 in pixels.",
        max_rows=25,
        full_table=full_table,
    )
    return Section(
        key=kind,
        title=TITLES[kind],
        explanation=MEANINGS[kind],
        advice={"What to do": ACTIONS[kind]} if len(flagged) else {},
        badge=f"{len(flagged):,}" if len(flagged) else "none",
        figures=figures,
        tables=[table] if len(flagged) else [],
    )


def _build_classes(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], boxes: pd.DataFrame, dataset: Dataset
) -> Section:
    names = list(dataset.class_names)
    given = pd.Series([label for image in images for label in image.box_labels], dtype=object).value_counts()
    sure = pd.Series(
        [names[code] for found in predictions for code in found.codes[found.scores >= LEAST_PROBABILITY_SHOWN]],
        dtype=object,
    ).value_counts()
    flagged = boxes[boxes["is_box_issue"]]
    table = pd.DataFrame({"class": names})
    table["given boxes"] = given.reindex(names, fill_value=0).to_numpy()
    table["predicted with at least one half"] = sure.reindex(names, fill_value=0).to_numpy()
    for kind in BOX_ISSUE_KINDS:
        column = "suggested_class" if kind == OVERLOOKED else "given_class"
        counts = flagged.loc[flagged["issue"] == kind, column].value_counts()
        table[TITLES[kind].lower()] = counts.reindex(names, fill_value=0).to_numpy()
    return Section(
        key="classes",
        title="Classes",
        explanation="Given boxes by class, and how many of each class are flagged.",
        tables=[Table("Boxes by class", table, "In the order of the catalogue.", max_rows=max(100, len(names)))],
    )


def _build_detection(by_kind: pd.DataFrame) -> list[Section]:
    if by_kind.empty:
        return []
    caption = "Each kind among the boxes that carry no other planted error."
    table = Table("Planted errors", by_kind, caption, shares={"recall"})
    return [
        Section(
            key="planted",
            title="How well planted errors are found",
            explanation="Average precision of the ranking, recall of the flags, and what a random ranking would reach.",
            tables=[table],
        )
    ]


def _draw(image: AnnotatedImage, issues: pd.DataFrame) -> bytes:
    """Draw an image with its given boxes, the suggested boxes and a mark on what is wrong."""
    marked, suggested, labels = [], [], []
    for issue in issues.to_dict("records"):
        place = json.loads(issue["suggested_box"] if issue["issue"] == OVERLOOKED else issue["given_box"])
        marked.append(place)
        if (box := json.loads(issue["suggested_box"])) is not None:
            suggested.append(box)
            labels.append(f"{issue['suggested_class']} {issue['probability']:.2f}")
    return draw_box_overlay(
        image.image,
        image.boxes,
        list(image.box_labels),
        np.array(suggested, dtype=np.float64).reshape(-1, 4),
        labels,
        issues=np.array(marked, dtype=np.float64).reshape(-1, 4),
    )


def _describe(issue: Mapping[Any, Any]) -> str:
    if issue["issue"] == OVERLOOKED:
        return f"overlooked {issue['suggested_class']}"
    if issue["issue"] == SWAPPED:
        return f"{issue['given_class']} looks like {issue['suggested_class']}"
    if issue["issue"] == EXTRA:
        return f"nothing found in the box of {issue['given_class']}"
    return f"{issue['given_class']} lies elsewhere"
