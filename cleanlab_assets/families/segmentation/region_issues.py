"""The regions where a suggested mask differs from the given one, each of one given and one suggested class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import decode_mask
from cleanlab_assets.families.segmentation.regions import LEAST_PIXELS
from cleanlab_assets.methods.training_set import TEST, TRAIN
from cleanlab_assets.reviews.elements import label_region, name_region, split_regions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

COLUMNS = (
    *("row_id", "split", "element", "given_class", "suggested_class", "n_pixels"),
    *("is_region_issue", "label_quality", "suggestion", "rank"),
)


def list_region_issues(
    images: Sequence[AnnotatedImage], pixel_issues: pd.DataFrame, class_names: Sequence[str]
) -> pd.DataFrame:
    """List the regions where given and suggested mask differ.

    Args:
        images: the audited images with their given masks.
        pixel_issues: one row for each of them, in the same order.
        class_names: the classes, without the background.

    Returns:
        One row for each region with ``COLUMNS``, those of the worst image first, then the larger ones: ``element`` is
        its name in reviews, ``suggestion`` the label that it should have as JSON of ``RegionLabel``, ``label_quality``
        that of its image.
    """
    records: list[dict[str, Any]] = []
    names = ("row_id", "split", "suggested_mask", "is_label_issue", "label_quality", "rank")
    for image, found in zip(images, pixel_issues[list(names)].to_dict("records"), strict=True):
        assert image.class_mask is not None  # noqa: S101 - the audit is of masks
        suggested = decode_mask(found["suggested_mask"])
        differs = image.class_mask != suggested
        given, other = (np.where(differs, mask, 0) for mask in (image.class_mask, suggested))
        for given_class, suggested_class, inside in split_regions(given, other, class_names):
            n_pixels = int(inside.sum())
            records.append(
                {
                    "row_id": image.row_id,
                    "split": str(found["split"]),
                    "element": name_region(given_class, inside),
                    "given_class": given_class,
                    "suggested_class": suggested_class,
                    "n_pixels": n_pixels,
                    "is_region_issue": bool(found["is_label_issue"]) and n_pixels >= LEAST_PIXELS,
                    "label_quality": float(found["label_quality"]),
                    "suggestion": label_region(suggested_class, inside).model_dump_json(),
                    "rank": int(found["rank"]),
                }
            )
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    table = table.sort_values(["rank", "n_pixels"], ascending=[True, False], kind="stable", ignore_index=True)
    types = {"n_pixels": "int64", "is_region_issue": "bool", "label_quality": "float64"}
    table["split"] = pd.Categorical(table["split"], categories=[TRAIN, TEST])
    return table.astype(types).assign(rank=np.arange(1, len(table) + 1))
