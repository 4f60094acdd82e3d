"""Pictures of class masks with their issues marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.reports.formatting import format_share
from cleanlab_assets.reports.image_overlays import draw_mask_overlay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.images import AnnotatedImage


def draw_worst_masks(
    images: Sequence[AnnotatedImage], pixel_issues: pd.DataFrame, *, n_images: int
) -> dict[str, bytes]:
    """Draw the flagged images of lowest quality, by caption: the given mask, the suggested one, and what differs.

    Args:
        images: the audited images with their given masks.
        pixel_issues: one row for each of them, in the same order.
        n_images: most images to draw.
    """
    flagged = pixel_issues[pixel_issues["is_label_issue"]].sort_values("rank").head(n_images)
    drawn = {}
    for position, record in zip(flagged.index, flagged.to_dict("records"), strict=True):
        image = images[int(position)]
        if image.class_mask is not None:
            drawn[f"{image.row_id}: {_describe(record)}"] = _draw(image, image.class_mask, record)
    return drawn


def describe_findings(dataset: Dataset, row_id: str, pixel_issues: pd.DataFrame) -> Sequence[str]:
    """Say what is wrong with the mask of a flagged image."""
    records = pixel_issues[(pixel_issues["row_id"] == row_id) & pixel_issues["is_label_issue"]].to_dict("records")
    return [
        f"{_describe(record)}; {format_share(record['issue_share'])} of the pixels are in doubt" for record in records
    ]


def draw_findings(dataset: Dataset, row_id: str, training_set: pd.DataFrame, pixel_issues: pd.DataFrame) -> bytes:
    """Draw the mask of an image as it was audited, and what is suggested where the two differ."""
    (image,) = read_masked_images(training_set[training_set["row_id"] == row_id], dataset.class_names)
    (record,) = pixel_issues[pixel_issues["row_id"] == row_id].to_dict("records")
    given = np.zeros((image.height, image.width), dtype=np.int64) if image.class_mask is None else image.class_mask
    return _draw(image, given, record)


def _draw(image: AnnotatedImage, given: np.ndarray, record: Mapping[Any, Any]) -> bytes:
    ignored, suggested = image.find_ignored_pixels(), decode_mask(record["suggested_mask"])
    known, shown = (np.where(ignored, 0, mask) for mask in (given, suggested))
    return draw_mask_overlay(image.image, known, shown, issue=shown != known)


def _describe(record: Mapping[object, object]) -> str:
    given, suggested = record["worst_given_class"], record["worst_suggested_class"]
    if given == suggested:
        return f"outline of {given}"
    return f"{given} looks like {suggested}"
