"""An audit of pictures with boxes and regions whose names are hostile, and what is suggested for each."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import cleanlab_assets.datasets
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.images import make_image_table
from cleanlab_assets.discovery import find_entries
from cleanlab_assets.reviews.decisions import BoxLabel, NoBox
from cleanlab_assets.reviews.elements import label_region, name_region
from cleanlab_assets_tests.datasets.known_scenes import make_image
from cleanlab_assets_tests.review_page.conftest import SCRIPT, KnownAudit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cleanlab_assets.reviews.decisions import ElementLabel

CLASSES = ("cat", "dog", SCRIPT)
DATASET = replace(
    find_entries(cleanlab_assets.datasets, "DATASET", Dataset)["digit_scenes"], name="tickets", class_names=CLASSES
)
CAT, DOG, HOSTILE = "cat@2,3,10,12", "dog@4,4,12,14", f"{SCRIPT}@1,1,5,5"
MISSED, PLANTED = f"+{SCRIPT}@14,1.5,19,8", "dog@1,1,9,9"
DOG_MOVED = BoxLabel(class_name="dog", corners=(5, 5, 13, 15))
MISSED_BOX = BoxLabel(class_name=SCRIPT, corners=(14, 1.5, 19, 8))

_MASK = np.zeros((16, 20), dtype=np.int64)
_MASK[2:8, 2:8] = 1
_INSIDE = _MASK.astype(bool)
_INSIDE[:, 5:] = False
REGION = name_region("cat", _INSIDE)
REGION_OF_DOG = label_region("dog", _INSIDE)

KNOWN: Sequence[tuple[str, str, ElementLabel, bool]] = (
    ("a.png", HOSTILE, BoxLabel(class_name=SCRIPT, corners=(1, 1, 5, 5)), False),
    ("a.png", PLANTED, BoxLabel(class_name="cat", corners=(1, 1, 9, 9)), True),
    ("a.png", CAT, NoBox(), True),
    ("a.png", DOG, DOG_MOVED, True),
    ("a.png", MISSED, MISSED_BOX, True),
    ("b.png", REGION, REGION_OF_DOG, True),
)
"""Of each element the row, its name, what is suggested and whether it is flagged; earlier ones are of lower quality."""


def list_parts(known: Sequence[tuple[str, str, ElementLabel, bool]] = KNOWN) -> pd.DataFrame:
    """The table of the elements."""
    return pd.DataFrame(
        {
            "row_id": [one[0] for one in known],
            "element": [one[1] for one in known],
            "issue": pd.Categorical(["badly_located"] * len(known)),
            "suggestion": [one[2].model_dump_json() for one in known],
            "is_part_issue": [one[3] for one in known],
            "label_quality": np.linspace(0.01, 0.99, len(known)),
            "rank": np.arange(1, len(known) + 1),
        }
    )


def make_elements_audit(**changes: Any) -> KnownAudit:
    """Two pictures: three boxes of the first and a region of the second are judged, and a box that nobody drew."""
    boxes, labels = ((2, 3, 10, 12), (4, 4, 12, 14), (1, 1, 5, 5)), ("cat", "dog", SCRIPT)
    first = replace(make_image(boxes, ("cat",) * 3), class_names=CLASSES, box_labels=labels)
    second = replace(make_image((), (), class_mask=_MASK), class_names=CLASSES, row_id="b.png")
    raw = make_image_table([first, second])
    issues = pd.DataFrame(
        {
            "row_id": raw["row_id"],
            "split": pd.Categorical(["train"] * len(raw)),
            "given_label": raw[DATASET.label],
            "suggested_label": ["dog", "dog"],
            "label_quality": np.linspace(0.01, 0.99, len(raw), dtype=np.float32),
            "is_label_issue": True,
            "rank": np.arange(1, len(raw) + 1),
        }
    )
    family = SimpleNamespace(task=SimpleNamespace(picture_findings=None, row_issues="", element_issues="parts"))
    known = {"dataset": DATASET, "raw": raw, "issues": issues, "tables": {"parts": list_parts()}, "family": family}
    return KnownAudit(**{**known, **changes})
