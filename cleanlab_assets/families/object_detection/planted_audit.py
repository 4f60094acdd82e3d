"""How well issues of boxes find planted errors, kind by kind, and by which score images with errors rank worst."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.boxes import box_iou
from cleanlab_assets.families.images.score_choice import choose_image_score
from cleanlab_assets.families.object_detection.box_quality import (
    BADLY_LOCATED,
    BOX_SCORES,
    EXTRA,
    OVERLOOKED,
    SWAPPED,
    WORST_BOX,
    find_box_issues,
)
from cleanlab_assets.families.object_detection.plant import plant_box_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.score_choice import ScoreChoice

ISSUE_OF_KIND: Mapping[str, str] = {
    "dropped_box": OVERLOOKED,
    "shifted_box": BADLY_LOCATED,
    "wrong_class": SWAPPED,
    "extra_box": EXTRA,
}
"""The issue that each kind of planted error should be found as."""
SAME_PLACE_IOU = 0.5
COLUMNS = ("kind", "n_planted", "average_precision", "recall", "chance")


def score_box_detection_power(boxes: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Measure for each kind of planted error how well its boxes rank by the quality of the issue that it is.

    A dropped box counts as found where a predicted box lies on its place; one that no predicted box lies on is never
    retrieved, which lowers the average precision. The other kinds are ranked among all given boxes that carry no other
    planted error.

    Args:
        boxes: the box table of the audit, with the columns ``<issue>_quality``.
        truth: the planted errors, see ``plant_box_errors``.

    Returns:
        One row for each kind that was planted: ``kind``, ``n_planted``, ``average_precision``, ``recall`` of the
        flags, whatever issue they name, and ``chance``, the average precision of a random ranking; for dropped boxes
        that of all objects, boxed or not: a good detector sees little else where no box is, and is not good by chance.
    """
    records = []
    given_boxes, unseen = boxes[boxes["box"] >= 0], boxes[boxes["box"] < 0]
    planted_places = set(zip(truth["row_id"], truth["given_box"], strict=True))
    for kind, planted in truth.groupby("planted_kind", sort=True):
        issue = ISSUE_OF_KIND[str(kind)]
        places = set(zip(planted["row_id"], planted["given_box"], strict=True))
        if issue == OVERLOOKED:
            judged, n_candidates = unseen, len(given_boxes) + len(planted)
            is_planted = _lie_on_dropped(unseen, planted)
        else:
            of_others = planted_places - places
            keys = list(zip(given_boxes["row_id"], given_boxes["box"], strict=True))
            judged = given_boxes[[key not in of_others for key in keys]]
            is_planted = np.array([key in places for key in keys if key not in of_others], dtype=bool)
            n_candidates = len(judged)
        records.append(
            {
                "kind": kind,
                "n_planted": len(planted),
                "average_precision": average_precision(
                    judged[f"{issue}_quality"].to_numpy(dtype=np.float64), is_planted, n_positives=len(planted)
                ),
                "recall": float((is_planted & judged["is_box_issue"].to_numpy(dtype=bool)).sum() / len(planted)),
                "chance": len(planted) / n_candidates,
            }
        )
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def average_precision(quality: np.ndarray, is_positive: np.ndarray, *, n_positives: int) -> float:
    """Average precision of a ranking by quality, worst first, where some positives may not be ranked at all.

    Equal qualities share their precision, as in ``sklearn.metrics.average_precision_score``, which this equals where
    all positives are ranked.
    """
    if not is_positive.any():
        return 0.0
    order = np.argsort(quality, kind="stable")
    ends = np.append(np.diff(quality[order]) != 0, True)
    hits = np.cumsum(is_positive[order])[ends]
    ranked = np.flatnonzero(ends) + 1
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / ranked).sum() / n_positives)


def plant_and_audit_boxes(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], *, seed: int, fraction: float = 0.25
) -> pd.DataFrame:
    """Plant errors in a copy of the given boxes, audit it with the stored predictions, and measure what ranks worst.

    The predictions are of models that never saw the images, so errors that are planted in them now are as new to the
    models as those that were there before: nothing needs to be trained again.

    Returns:
        See ``score_box_detection_power``.
    """
    planted, truth = plant_box_errors(images, fraction=fraction, seed=seed)
    return score_box_detection_power(find_box_issues(planted, predictions).boxes, truth)


def choose_box_score(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], *, seed: int) -> ScoreChoice:
    """Choose the score that ranks images by errors planted in a copy of their boxes, see ``choose_score``.

    Args:
        images: train images with their given boxes; errors that these already hold count as right.
        predictions: out-of-sample predictions of each image.
        seed: seed of planted errors and resamples.
    """

    def score(planted: Sequence[AnnotatedImage], _: np.ndarray) -> dict[str, np.ndarray]:
        table = find_box_issues(planted, predictions).table
        return {name: table[f"{name}_quality"].to_numpy(dtype=np.float64) for name in BOX_SCORES}

    return choose_image_score(images, plant=plant_box_errors, score=score, default=WORST_BOX, seed=seed)


def _lie_on_dropped(unseen: pd.DataFrame, dropped: pd.DataFrame) -> np.ndarray:
    """Return which predicted boxes lie on the place of a dropped box; the surest one of each place only."""
    is_on = np.zeros(len(unseen), dtype=bool)
    rows_of = unseen.groupby("row_id", sort=False).indices
    probability = unseen["probability"].to_numpy()
    for row_id, before in zip(dropped["row_id"], dropped["before"], strict=True):
        if row_id not in rows_of:
            continue
        rows = np.asarray(rows_of[row_id])
        places = np.array([json.loads(box) for box in unseen["suggested_box"].iloc[rows]], dtype=np.float64)
        overlap = box_iou(np.array(json.loads(before), dtype=np.float64)[None], places)[0]
        surest = np.where(overlap >= SAME_PLACE_IOU, probability[rows], -1.0)
        if surest.max() >= 0:
            is_on[rows[int(surest.argmax())]] = True
    return is_on
