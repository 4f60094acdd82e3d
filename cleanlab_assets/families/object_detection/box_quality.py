"""The audit of boxes, third part: issues of boxes and of images, and boxes corrected as suggested.

Predicted boxes carry calibrated probabilities here, so the quality of a box is one minus the probability of what speaks
against it. ObjectLab (Tkachenko, Thyagarajan and Mueller, 2023; ``cleanlab.object_detection``) asks the same three
questions, whether an object was overlooked, badly located or swapped, but asks of boxes above a threshold how similar
they are and not how probable; ``benchmarks/object_detection.py`` compares the two. Its score of an image is kept beside
ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.boxes import SAME_OBJECT_IOU, codes_of, find_overlaps, match_pairs
from cleanlab_assets.families.images.score_choice import rank_by_score
from cleanlab_assets.families.object_detection.lean_objectlab import score_with_objectlab
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.training_set import judge_beside_train_rows
from cleanlab_assets.reviews.decisions import BoxLabel, NoBox
from cleanlab_assets.reviews.elements import name_boxes, name_missing_box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cleanlab_assets.datasets.boxes import Overlaps, ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage

OVERLOOKED, BADLY_LOCATED, SWAPPED, EXTRA = "overlooked", "badly_located", "swapped", "extra"
BOX_ISSUE_KINDS = (OVERLOOKED, BADLY_LOCATED, SWAPPED, EXTRA)
TOUCHING_IOU = 0.2
"""Boxes that overlap at least so much may be of one object that one of them misses in part."""
WELL_LOCATED_IOU = 0.6
"""A box that overlaps the predicted one so much is well located; one below ``SAME_OBJECT_IOU`` is not at all."""
ENOUGH_SUPPORT = 0.25
"""Support of predicted boxes from which a box is an object for sure."""
LEAST_PROBABILITY = 0.1
"""Probability below which a predicted box is no sign of an overlooked object."""
FLAG_BELOW = 0.5
"""Box quality below which a box is flagged: more likely wrong than right."""
WORST_BOX, OBJECTLAB = "worst_box", "objectlab"
BOX_SCORES = (WORST_BOX, OBJECTLAB)
"""The scores of an image, each in the column ``<name>_quality``; the first one ranks unless the other is chosen."""
BOX_COLUMNS = (
    "row_id",
    "box",
    "element",
    "issue",
    "given_class",
    "suggested_class",
    "given_box",
    "suggested_box",
    "suggestion",
    "probability",
    "label_quality",
    "is_box_issue",
    *(f"{kind}_quality" for kind in BOX_ISSUE_KINDS),
    "rank",
)


@dataclass(frozen=True)
class BoxIssues:
    """``table``: one row for each image, in source order; ``boxes``: one row for each judged box, worst first."""

    table: pd.DataFrame
    boxes: pd.DataFrame


def find_box_issues(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> BoxIssues:
    """Judge the boxes of every image, and sum up the images; see ``judge_boxes`` and ``sum_up_images``."""
    boxes = judge_boxes(images, predictions)
    return BoxIssues(table=sum_up_images(images, predictions, boxes), boxes=boxes)


def judge_boxes(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> pd.DataFrame:
    """Score, flag and rank the given boxes of every image, and the objects that nobody boxed.

    A box is *swapped* as far as predicted boxes of another class, weighted by their overlap with it, are more probable
    than those of its own. It is *badly located* as surely as the predicted box of its class that is its own lies
    elsewhere: given and predicted boxes of a class are matched one to one. It is *extra* where no predicted box lies on
    it: what supports it is the sum of their probabilities, weighted by the square of their overlap. An object is
    *overlooked* as surely as a box is predicted that belongs to no given one; ObjectLab asks that no given box touches
    it, which finds nothing among objects that overlap.

    Args:
        images: annotated images.
        predictions: out-of-sample predictions of each image, their scores calibrated probabilities.

    Returns:
        One row for each given box and each overlooked object, worst first, with ``BOX_COLUMNS``: ``box`` is the
        position of the given box, -1 for an overlooked object, and ``element`` its name in reviews; ``issue`` the kind
        of lowest quality, ``label_quality`` that quality; boxes are JSON texts. ``suggestion`` is the label that it
        should have, as JSON of ``BoxLabel`` or ``NoBox``.
    """
    records: list[dict[str, Any]] = []
    for image, predicted in zip(images, predictions, strict=True):
        overlaps = find_overlaps(image.boxes, predicted.boxes)
        records += _judge_given_boxes(image, predicted, overlaps)
        records += _judge_overlooked(image, predicted, overlaps)
    boxes = pd.DataFrame.from_records(records, columns=list(BOX_COLUMNS[:-1]))
    boxes = boxes.sort_values("label_quality", kind="stable", ignore_index=True)
    boxes["issue"] = pd.Categorical(boxes["issue"], categories=list(BOX_ISSUE_KINDS))
    boxes["rank"] = rank_by_quality(boxes["label_quality"].to_numpy(dtype=np.float64))
    return boxes


def sum_up_images(
    images: Sequence[AnnotatedImage],
    predictions: Sequence[ScoredBoxes],
    boxes: pd.DataFrame,
    *,
    is_train: np.ndarray | None = None,
) -> pd.DataFrame:
    """Sum up the judged boxes of each image; images rank by their worst box, see ``rank_by_score`` for other scores.

    Args:
        images: annotated images.
        predictions: out-of-sample predictions of each image.
        boxes: the judged boxes of these images.
        is_train: train images, bool of shape (n_images,); all if absent. ObjectLab compares boxes of all images that it
            is given, so that the others are judged by ``judge_beside_train_rows``.

    Returns:
        One row for each image, in order: ``row_id``, ``given_label`` (the classes of the given boxes),
        ``suggested_label`` (with the flagged boxes corrected), ``label_quality``, ``is_label_issue`` (any box is
        flagged), ``rank``, ``n_boxes``, for each kind of issue ``n_<kind>``, and the scores: ``worst_box_quality``, and
        ``objectlab_quality``, that of ``cleanlab.object_detection.rank.get_label_quality_scores``.
    """
    flagged = boxes[boxes["is_box_issue"]]
    counts = pd.crosstab(flagged["row_id"], flagged["issue"])
    by_image = dict(tuple(boxes.groupby("row_id")))
    ids = [image.row_id for image in images]
    quality = boxes.groupby("row_id")["label_quality"].min().reindex(ids).fillna(1.0).to_numpy()
    corrected = [
        correct_boxes(image, by_image[image.row_id]) if image.row_id in by_image else image for image in images
    ]
    table = pd.DataFrame(
        {
            "row_id": ids,
            "given_label": [_name_boxes(image) for image in images],
            "suggested_label": [_name_boxes(image) for image in corrected],
            "is_label_issue": np.isin(ids, flagged["row_id"].unique()),
            "n_boxes": [len(image.boxes) for image in images],
        }
    )
    counts = counts.reindex(index=ids, columns=list(BOX_ISSUE_KINDS), fill_value=0).fillna(0).astype(np.int64)

    def score(chosen: np.ndarray) -> tuple[np.ndarray]:
        return (score_with_objectlab(list(compress(images, chosen)), list(compress(predictions, chosen))),)

    (objectlab_quality,) = judge_beside_train_rows(
        score, np.ones(len(ids), dtype=bool) if is_train is None else is_train
    )
    table = table.assign(
        **{f"n_{kind}": counts[kind].to_numpy() for kind in BOX_ISSUE_KINDS},
        worst_box_quality=quality,
        objectlab_quality=objectlab_quality,
    )
    return rank_by_score(table, WORST_BOX)


def arrange_for_cleanlab(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]
) -> tuple[list[dict[str, np.ndarray]], list[np.ndarray]]:
    """Return labels and predictions as ``cleanlab.object_detection`` takes them.

    Returns:
        For each image its boxes and class codes; and for each image an array of n_classes arrays of shape (n, 5), boxes
        and probabilities.
    """
    labels = [{"bboxes": image.boxes.astype(np.float64), "labels": codes_of(image)} for image in images]
    return labels, [_arrange_by_class(found, len(images[0].class_names)) for found in predictions]


def correct_boxes(image: AnnotatedImage, issues: pd.DataFrame) -> AnnotatedImage:
    """Return an image with its flagged boxes corrected as suggested: added, moved, renamed or removed.

    Args:
        image: the annotated image; it is not changed.
        issues: its rows of the box table.
    """
    boxes, labels = image.boxes.copy(), list(image.box_labels)
    removed: set[int] = set()
    added: list[tuple[list[float], str]] = []
    for issue in issues[issues["is_box_issue"]].to_dict("records"):
        box = int(issue["box"])
        if issue["issue"] == OVERLOOKED:
            added.append((json.loads(issue["suggested_box"]), issue["suggested_class"]))
        elif issue["issue"] == EXTRA:
            removed.add(box)
        elif issue["issue"] == SWAPPED:
            labels[box] = issue["suggested_class"]
        else:
            boxes[box] = json.loads(issue["suggested_box"])
    kept = [position for position in range(len(boxes)) if position not in removed]
    return replace(
        image,
        boxes=_clip_to_image(np.array([*boxes[kept], *(box for box, _ in added)]).reshape(-1, 4), image),
        box_labels=(*(labels[position] for position in kept), *(label for _, label in added)),
        instance_mask=None,
        class_mask=None,
    )


def _judge_given_boxes(image: AnnotatedImage, predicted: ScoredBoxes, overlaps: Overlaps) -> Iterable[dict[str, Any]]:
    """Judge each given box by its worst kind of issue."""
    codes = codes_of(image)
    given, other, iou = overlaps.first, overlaps.second, overlaps.iou
    support = iou * predicted.scores[other]
    is_same = codes[given] == predicted.codes[other]
    # Only a predicted box that no other given box of the class claims can tell where a box should be.
    own = match_pairs(overlaps, support * is_same)
    same, rival = (_find_strongest(overlaps, np.where(chosen, support, 0)) for chosen in (is_same, ~is_same))
    sums = np.bincount(given, support * iou, minlength=len(codes))
    elements = name_boxes(image.box_labels, image.boxes)
    for position in range(len(codes)):
        candidates = {
            BADLY_LOCATED: int(other[own[position]]) if own[position] >= 0 else -1,
            SWAPPED: int(other[rival[position]]) if rival[position] >= 0 else -1,
            EXTRA: -1,
        }
        same_support, rival_support = (
            float(support[pair[position]]) if pair[position] >= 0 else 0.0 for pair in (same, rival)
        )
        misplacement = 0.0
        if own[position] >= 0:
            misplacement = _misplacement(iou[own[position]], predicted.scores[candidates[BADLY_LOCATED]])
        qualities = {
            BADLY_LOCATED: 1 - misplacement,
            SWAPPED: min(1.0, 1 - rival_support + same_support),
            EXTRA: min(1.0, float(sums[position]) / ENOUGH_SUPPORT),
        }
        kind = min(qualities, key=lambda name: qualities[name])
        best = candidates[kind]
        suggested_class = image.class_names[predicted.codes[best]] if best >= 0 else ""
        suggested_box = np.round(predicted.boxes[best], 1).tolist() if best >= 0 else None
        yield {
            "row_id": image.row_id,
            "box": position,
            "element": elements[position],
            "issue": kind,
            "given_class": image.box_labels[position],
            "suggested_class": suggested_class,
            "given_box": json.dumps(image.boxes[position].tolist()),
            "suggested_box": json.dumps(suggested_box),
            "suggestion": _suggest(image, position, kind, suggested_class, suggested_box),
            "probability": float(predicted.scores[best]) if best >= 0 else 0.0,
            "label_quality": qualities[kind],
            "is_box_issue": qualities[kind] < FLAG_BELOW,
            **{f"{name}_quality": quality for name, quality in qualities.items()},
        }


def _find_strongest(overlaps: Overlaps, weights: np.ndarray) -> np.ndarray:
    """Return for each box of the first set its pair of the largest weight above 0, or -1; of equals the first."""
    strongest = np.full(overlaps.sizes[0], -1, dtype=np.int64)
    pairs = np.flatnonzero(weights > 0)
    order = pairs[np.lexsort((-weights[pairs], overlaps.first[pairs]))]
    boxes, firsts = np.unique(overlaps.first[order], return_index=True)
    strongest[boxes] = order[firsts]
    return strongest


def _misplacement(overlap: float, probability: float) -> float:
    """Return how probable it is that a box lies elsewhere: its own predicted box is there, as far as it lies apart."""
    apart = (WELL_LOCATED_IOU - overlap) / (WELL_LOCATED_IOU - SAME_OBJECT_IOU)
    return float(probability * np.clip(apart, 0, 1))


def _judge_overlooked(image: AnnotatedImage, predicted: ScoredBoxes, overlaps: Overlaps) -> Iterable[dict[str, Any]]:
    """List the predicted boxes that belong to no given box, as far as the model is sure of them."""
    is_likely = predicted.scores >= LEAST_PROBABILITY
    near = overlaps.take(is_likely[overlaps.second] & (overlaps.iou >= TOUCHING_IOU))
    matched = match_pairs(near, near.iou)
    belongs = np.zeros(len(is_likely), dtype=bool)
    belongs[near.second[matched[matched >= 0]]] = True
    belongs[overlaps.second[overlaps.iou >= SAME_OBJECT_IOU]] = True
    for position in np.flatnonzero(is_likely & ~belongs):
        probability = float(predicted.scores[position])
        suggested_class = image.class_names[predicted.codes[position]]
        suggested_box = np.round(predicted.boxes[position], 1).tolist()
        suggestion = _suggest_box(image, suggested_class, suggested_box)
        yield {
            "row_id": image.row_id,
            "box": -1,
            "element": name_missing_box(suggested_class, suggestion.corners),
            "issue": OVERLOOKED,
            "given_class": "",
            "suggested_class": suggested_class,
            "given_box": json.dumps(None),
            "suggested_box": json.dumps(suggested_box),
            "suggestion": suggestion.model_dump_json(),
            "probability": probability,
            "label_quality": 1 - probability,
            "is_box_issue": probability > 1 - FLAG_BELOW,
            f"{OVERLOOKED}_quality": 1 - probability,
        }


def _suggest(
    image: AnnotatedImage, position: int, kind: str, suggested_class: str, suggested_box: list[float] | None
) -> str:
    """Return the label that a given box should have if it has the issue, as JSON."""
    if suggested_box is None:
        return NoBox().model_dump_json()
    corners = image.boxes[position].tolist() if kind == SWAPPED else suggested_box
    return _suggest_box(image, suggested_class, corners).model_dump_json()


def _suggest_box(image: AnnotatedImage, class_name: str, corners: list[float]) -> BoxLabel:
    inside = _clip_to_image(np.array([corners]), image)[0].tolist()
    return BoxLabel(class_name=class_name, corners=tuple(inside))


def _name_boxes(image: AnnotatedImage) -> str:
    """Name the classes of the boxes in class order, each as often as it occurs."""
    places = {name: code for code, name in enumerate(image.class_names)}
    return " ".join(sorted(image.box_labels, key=lambda name: places[name]))


def _arrange_by_class(found: ScoredBoxes, n_classes: int) -> np.ndarray:
    arranged = np.empty(n_classes, dtype=object)
    for code in range(n_classes):
        is_class = found.codes == code
        arranged[code] = np.column_stack([found.boxes[is_class], found.scores[is_class]]).astype(np.float32)
    return arranged


def _clip_to_image(boxes: np.ndarray, image: AnnotatedImage) -> np.ndarray:
    limits = np.array([image.width, image.height, image.width, image.height], dtype=np.float64)
    clipped: np.ndarray = np.clip(boxes, 0, limits)
    return clipped
