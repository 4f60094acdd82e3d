"""Pictures of boxes with their issues marked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.families.object_detection.box_quality import (
    EXTRA,
    OVERLOOKED,
    SWAPPED,
)
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.reports.formatting import format_number
from cleanlab_assets.reports.image_overlays import draw_box_overlay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.images import AnnotatedImage


def draw_worst_images(images: Sequence[AnnotatedImage], boxes: pd.DataFrame, *, n_images: int) -> dict[str, bytes]:
    """Draw the images of the worst flagged boxes, by caption: given boxes, suggested ones, and the issue marked."""
    by_id = {image.row_id: image for image in images}
    drawn: dict[str, bytes] = {}
    flagged = boxes[boxes["is_box_issue"]]
    for row_id in flagged["row_id"].unique()[:n_images]:
        issues = flagged[flagged["row_id"] == row_id]
        drawn[f"{row_id}: {', '.join(describe_issue(issue) for issue in issues.to_dict('records'))}"] = draw_issues(
            by_id[str(row_id)], issues
        )
    return drawn


def draw_issues(image: AnnotatedImage, issues: pd.DataFrame) -> bytes:
    """Draw the given boxes of an image, the suggested ones, and its issues marked."""
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


def describe_issue(issue: Mapping[Any, Any]) -> str:
    """Say in a few words what is wrong with a box."""
    if issue["issue"] == OVERLOOKED:
        return f"overlooked {issue['suggested_class']}"
    if issue["issue"] == SWAPPED:
        return f"{issue['given_class']} looks like {issue['suggested_class']}"
    if issue["issue"] == EXTRA:
        return f"nothing found in the box of {issue['given_class']}"
    return f"{issue['given_class']} lies elsewhere"


def describe_findings(dataset: Dataset, row_id: str, box_issues: pd.DataFrame) -> Sequence[str]:
    """Say what is wrong with the flagged boxes of an image, the worst first."""
    return [
        f"{describe_issue(issue)} (quality {format_number(issue['label_quality'])})"
        for issue in _find_flagged(box_issues, row_id).to_dict("records")
    ]


def draw_findings(dataset: Dataset, row_id: str, training_set: pd.DataFrame, box_issues: pd.DataFrame) -> bytes:
    """Draw the boxes of an image as they were audited, with those marked that are flagged."""
    (image,) = read_boxed_images(training_set[training_set["row_id"] == row_id], dataset.class_names)
    return draw_issues(image, _find_flagged(box_issues, row_id))


def _find_flagged(box_issues: pd.DataFrame, row_id: str) -> pd.DataFrame:
    return box_issues[(box_issues["row_id"] == row_id) & box_issues["is_box_issue"]]
