"""Pictures of class masks with their issues marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.reports.image_overlays import draw_mask_overlay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

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
        image, suggested = images[int(position)], decode_mask(record["suggested_mask"])
        if image.class_mask is not None:
            given, shown = (np.where(image.find_ignored_pixels(), 0, mask) for mask in (image.class_mask, suggested))
            drawn[f"{image.row_id}: {_describe(record)}"] = draw_mask_overlay(
                image.image, given, shown, issue=shown != given
            )
    return drawn


def _describe(record: Mapping[object, object]) -> str:
    given, suggested = record["worst_given_class"], record["worst_suggested_class"]
    if given == suggested:
        return f"outline of {given}"
    return f"{given} looks like {suggested}"
