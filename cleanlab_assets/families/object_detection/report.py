"""The audit report of an object detection dataset: the pictures behind every kind of box issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.families.images.steps import (
    ImageIssuesTable,
    ImagesTrainingSetTable,
    read_image_audit,
)
from cleanlab_assets.families.object_detection.box_quality import (
    BADLY_LOCATED,
    BOX_ISSUE_KINDS,
    EXTRA,
    OVERLOOKED,
    SWAPPED,
)
from cleanlab_assets.families.object_detection.overlays import describe_issue, draw_issues
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.families.report import store_page
from cleanlab_assets.families.step import LabelIssuesTable, Page, PredictionsTable, StepContext, step
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.images.report import ImageAudit
    from cleanlab_assets.families.object_detection.issues import BoxIssuesTable

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
    EXTRA: "Remove the box where there is no object. A rare or hard object looks the same to the model: keep those.",
}
LEAST_PROBABILITY_SHOWN = 0.5
FIGURES_OF_A_KIND = 4
TABLE_COLUMNS = (
    *("row_id", "split", "element", "given_class", "suggested_class", "probability", "label_quality"),
    *("given_box", "suggested_box"),
)
ABSENT_COLUMNS = {OVERLOOKED: ("given_class", "given_box"), EXTRA: ("suggested_class", "suggested_box")}
"""What a kind of issue has none of: nobody gave an overlooked object, and nothing is suggested for an empty box."""


def build_object_detection_report(
    audit: ImageAudit, predictions: Sequence[ScoredBoxes], boxes: pd.DataFrame, detection_by_kind: pd.DataFrame
) -> Report:
    """Build the report of one dataset and model.

    Args:
        audit: The audited images with their given boxes.
        predictions: Their out-of-sample predicted boxes, with calibrated probabilities.
        boxes: The box table of the audit, worst first.
        detection_by_kind: How well each kind of planted error was found; empty where none was planted.
    """
    sections = [_build_kind(kind, audit.images, boxes, audit.full_table) for kind in BOX_ISSUE_KINDS]
    return audit.build(
        annotations="boxes",
        hint=f"{sum(len(image.boxes) for image in audit.images):,} given boxes",
        tiles=[
            Tile(TITLES[kind], f"{int((boxes['is_box_issue'] & (boxes['issue'] == kind)).sum()):,}", "flagged")
            for kind in BOX_ISSUE_KINDS
        ],
        sections=[
            *sorted(sections, key=lambda section: not section.advice),
            _build_classes(audit.images, predictions, boxes, audit.dataset),
        ],
        detection_by_kind=detection_by_kind,
        rest="the boxes that carry no other",
    )


def _build_kind(kind: str, images: Sequence[AnnotatedImage], boxes: pd.DataFrame, full_table: str) -> Section:
    flagged = boxes[boxes["is_box_issue"] & (boxes["issue"] == kind)]
    by_id = {image.row_id: image for image in images}
    figures = [
        Figure(
            f"{issue['row_id']}: {describe_issue(issue)}",
            draw_issues(by_id[issue["row_id"]], flagged[flagged["row_id"] == issue["row_id"]]),
            f"Picture {issue['row_id']} with given boxes in blue and the issue marked: {describe_issue(issue)}.",
        )
        for issue in flagged.drop_duplicates("row_id").head(FIGURES_OF_A_KIND).to_dict("records")
    ]
    columns = [name for name in TABLE_COLUMNS if name not in ABSENT_COLUMNS.get(kind, ())]
    table = Table(
        "Flagged boxes",
        flagged[columns].reset_index(drop=True),
        "Worst first. Boxes are x1, y1, x2, y2 in pixels; decisions name the element.",
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


@step(storage="html", code_version="4", value=str, shows_catalogue=True)
def box_report(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    box_issues: BoxIssuesTable,
    label_issues: LabelIssuesTable,
    detection_power: DetectionResult,
    image_issues: ImageIssuesTable,
) -> Page:
    """A self-contained HTML report: the pictures behind every kind of box issue, and what did not run."""
    audit = read_image_audit(
        context,
        training_set,
        predictions,
        label_issues,
        image_issues,
        read=read_boxed_images,
        full_table=context.path_of("box_issues"),
    )
    predicted = read_predictions_table(predictions.value, context.dataset.class_names)
    report = build_object_detection_report(audit, predicted, box_issues.value, box_issues.facts.to_table())
    return store_page(report, detection_power, n_flagged_images=audit.n_flagged)
