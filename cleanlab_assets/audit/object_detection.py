"""The audit of boxes: out-of-sample predictions, their calibration, and issues per box and per image."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from cleanlab_assets.audit.boxes import ScoredBoxes, box_iou, match_boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

OVERLOOKED, BADLY_LOCATED, SWAPPED, EXTRA = "overlooked", "badly_located", "swapped", "extra"
BOX_ISSUE_KINDS = (OVERLOOKED, BADLY_LOCATED, SWAPPED, EXTRA)
SAME_OBJECT_IOU = 0.5
"""Boxes that overlap at least so much are of one object."""
HIGH_PROBABILITY = 0.5
"""Calibrated probability above which a predicted box may speak against the given ones."""
TOUCHING_IOU = 0.2
"""Boxes that overlap at least so much may be of one object that one of them misses in part."""
LEAST_PROBABILITY = 0.1
"""Calibrated probability below which a predicted box is no sign of an overlooked object."""
LOW_PROBABILITY = 0.3
"""Calibrated probability above which a predicted box of the same class may speak about the place of a given one."""
FLAG_BELOW = 0.5
"""Box quality below which a box is flagged: more likely wrong than right."""
_LEAST_PREDICTIONS = 20
BOX_COLUMNS = (
    "row_id",
    "box",
    "issue",
    "given_class",
    "suggested_class",
    "given_box",
    "suggested_box",
    "probability",
    "label_quality",
    "is_box_issue",
    *(f"{kind}_quality" for kind in BOX_ISSUE_KINDS),
    "rank",
)


class Detector(Protocol):
    """What finds objects: trained on images with given boxes, it predicts boxes."""

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Any:
        """Train on images and their given boxes."""

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Return the predicted boxes of each image."""


@dataclass(frozen=True)
class OutOfSampleBoxes:
    """Predicted boxes of each image by a model that never saw it, with calibrated scores, and fit seconds by fold."""

    predictions: list[ScoredBoxes]
    fit_seconds: tuple[float, ...]


@dataclass(frozen=True)
class BoxIssues:
    """``table``: one row for each image, in source order; ``boxes``: one row for each judged box, worst first."""

    table: pd.DataFrame
    boxes: pd.DataFrame


def predict_boxes_out_of_sample(
    images: Sequence[AnnotatedImage],
    folds: np.ndarray,
    *,
    build: Callable[[], Detector],
    at_hand: Mapping[str, ScoredBoxes] | None = None,
    keep: Callable[[Sequence[AnnotatedImage], Sequence[ScoredBoxes]], None] | None = None,
) -> OutOfSampleBoxes:
    """Predict the boxes of every image by a model that never saw it.

    Args:
        images: annotated images.
        folds: fold of each image, shape (n_images,).
        build: returns a new detector that is not trained.
        at_hand: predictions of an interrupted run by row id; a fold that is complete among them is not trained again.
        keep: called with the images and predictions of each fold as soon as it is predicted, to store them.

    Returns:
        The predictions, their scores as the detector gave them, and the seconds of each fit (0 for a fold at hand).

    Raises:
        ValueError: there are fewer than two folds.
    """
    names = np.unique(folds)
    if len(names) < 2:  # noqa: PLR2004 - one fold leaves no training images
        raise ValueError(f"cross-validation needs at least two folds, got {len(names)}")
    found: dict[str, ScoredBoxes] = dict(at_hand or {})
    seconds = []
    for fold in names:
        held_out = [image for image, number in zip(images, folds, strict=True) if number == fold]
        others = [image for image, number in zip(images, folds, strict=True) if number != fold]
        if all(image.row_id in found for image in held_out):
            seconds.append(0.0)
            continue
        started = perf_counter()
        model = build().fit(others)
        seconds.append(perf_counter() - started)
        predicted = model.predict(held_out)
        found |= {image.row_id: boxes for image, boxes in zip(held_out, predicted, strict=True)}
        if keep is not None:
            keep(held_out, predicted)
    return OutOfSampleBoxes([found[image.row_id] for image in images], tuple(seconds))


def calibrate_scores_out_of_fold(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], folds: np.ndarray
) -> list[ScoredBoxes]:
    """Turn scores into the probability that a predicted box is right: its class is given at its place.

    The scores of one-stage detectors are products that hardly reach 0.9, where cleanlab reads them as probabilities.
    A monotone regression of "right" on the score is fitted on the other folds, so that no image is calibrated with the
    help of its own boxes; with fewer than 20 predictions there the scores stay. Source: Zadrozny and Elkan, 2002
    (``sklearn.isotonic.IsotonicRegression``).
    """
    from sklearn.isotonic import IsotonicRegression

    is_right = [_find_right_predictions(image, boxes) for image, boxes in zip(images, predictions, strict=True)]
    calibrated = list(predictions)
    for fold in np.unique(folds):
        others = np.flatnonzero(folds != fold).tolist()
        scores = np.concatenate([predictions[position].scores for position in others])
        if len(scores) < _LEAST_PREDICTIONS:
            continue
        right = np.concatenate([is_right[position] for position in others])
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, right)
        for position in np.flatnonzero(folds == fold).tolist():
            if len(predictions[position].scores):
                probabilities = curve.predict(predictions[position].scores)
                calibrated[position] = replace(predictions[position], scores=probabilities)
    return calibrated


def _find_right_predictions(image: AnnotatedImage, predicted: ScoredBoxes) -> np.ndarray:
    """Return which predicted boxes fit a given box of their class; each given box is claimed once, best score first."""
    codes = _codes_of(image)
    overlap = box_iou(predicted.boxes, image.boxes) * (predicted.codes[:, None] == codes[None, :])
    is_right, is_free = np.zeros(len(predicted.scores), dtype=bool), np.ones(len(codes), dtype=bool)
    for position in np.argsort(-predicted.scores, kind="stable"):
        candidates = np.where(is_free, overlap[position], 0.0)
        if len(candidates) and candidates.max() >= SAME_OBJECT_IOU:
            is_right[position] = True
            is_free[candidates.argmax()] = False
    return is_right


def measure_score_calibration(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> float:
    """Return the expected calibration error of the scores in ten bins: how far they are from the share of right boxes.

    NaN where nothing is predicted.
    """
    scores = np.concatenate([found.scores for found in predictions])
    right = np.concatenate(
        [_find_right_predictions(image, found) for image, found in zip(images, predictions, strict=True)]
    )
    if len(scores) == 0:
        return float("nan")
    bins = np.minimum((scores * 10).astype(int), 9)
    counts = np.bincount(bins, minlength=10)
    gaps = np.abs(np.bincount(bins, weights=scores, minlength=10) - np.bincount(bins, weights=right, minlength=10))
    return float(gaps[counts > 0].sum() / len(scores))


def find_box_issues(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> BoxIssues:
    """Judge the boxes of every image, and sum up the images; see ``judge_boxes`` and ``sum_up_images``."""
    boxes = judge_boxes(images, predictions)
    return BoxIssues(table=sum_up_images(images, predictions, boxes), boxes=boxes)


def judge_boxes(images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes]) -> pd.DataFrame:
    """Score, flag and rank the given boxes of every image, and the objects that nobody boxed.

    Source: ``cleanlab.object_detection.rank`` (Tkachenko, Thyagarajan and Mueller, ObjectLab, 2023) for badly located
    and swapped boxes. Objects are *overlooked* as surely as a box is predicted that belongs to no given one; ObjectLab
    asks that no given box touches it, which finds nothing among objects that overlap, so given and predicted boxes are
    matched one to one here. A box is *extra* where no predicted box lies on it: its quality is the probability of the
    predicted boxes on it, weighted by their overlap.

    Args:
        images: annotated images.
        predictions: out-of-sample predictions of each image, their scores calibrated probabilities.

    Returns:
        One row for each given box and each overlooked object, worst first, with ``BOX_COLUMNS``: ``box`` is the
        position of the given box, -1 for an overlooked object; ``issue`` the kind of lowest quality, ``label_quality``
        that quality; boxes are JSON texts.
    """
    from cleanlab.object_detection.rank import compute_badloc_box_scores, compute_swap_box_scores

    labels = _to_cleanlab_labels(images)
    arranged = [_arrange_by_class(found, len(images[0].class_names)) for found in predictions]
    badly_located = compute_badloc_box_scores(
        labels=labels, predictions=arranged, low_probability_threshold=LOW_PROBABILITY
    )
    swapped = compute_swap_box_scores(
        labels=labels, predictions=arranged, high_probability_threshold=HIGH_PROBABILITY, overlapping_label_check=False
    )
    records: list[dict[str, Any]] = []
    for position, image in enumerate(images):
        # cleanlab scores predicted boxes class by class, in the order of ``_arrange_by_class``.
        by_class = _sort_by_class(predictions[position])
        records += _judge_given_boxes(image, by_class, badly_located[position], swapped[position])
        records += _judge_overlooked(image, by_class)
    boxes = pd.DataFrame.from_records(records, columns=list(BOX_COLUMNS[:-1]))
    boxes = boxes.sort_values("label_quality", kind="stable", ignore_index=True)
    boxes["issue"] = pd.Categorical(boxes["issue"], categories=list(BOX_ISSUE_KINDS))
    boxes["rank"] = np.arange(1, len(boxes) + 1)
    return boxes


def sum_up_images(
    images: Sequence[AnnotatedImage], predictions: Sequence[ScoredBoxes], boxes: pd.DataFrame
) -> pd.DataFrame:
    """Sum up the judged boxes of each image.

    The quality of an image is that of ``cleanlab.object_detection.rank.get_label_quality_scores``, and at most that of
    its worst box: cleanlab does not know extra boxes.

    Returns:
        One row for each image, in order: ``row_id``, ``given_label`` (the classes of the given boxes),
        ``suggested_label`` (with the flagged boxes corrected), ``label_quality``, ``is_label_issue`` (any box is
        flagged), ``rank``, ``n_boxes`` and, for each kind of issue, ``n_<kind>``.
    """
    from cleanlab.object_detection.rank import get_label_quality_scores

    arranged = [_arrange_by_class(found, len(images[0].class_names)) for found in predictions]
    quality = get_label_quality_scores(_to_cleanlab_labels(images), arranged, verbose=False)
    flagged = boxes[boxes["is_box_issue"]]
    counts = pd.crosstab(flagged["row_id"], flagged["issue"])
    by_image = dict(tuple(boxes.groupby("row_id")))
    worst = boxes.groupby("row_id")["label_quality"].min()
    ids = [image.row_id for image in images]
    bounded = np.minimum(quality, worst.reindex(ids).fillna(1.0).to_numpy()).clip(0.0, 1.0)
    rank = np.empty(len(images), dtype=np.int64)
    rank[np.argsort(bounded, kind="stable")] = np.arange(1, len(images) + 1)
    corrected = [
        correct_boxes(image, by_image[image.row_id]) if image.row_id in by_image else image for image in images
    ]
    table = pd.DataFrame(
        {
            "row_id": ids,
            "given_label": [_name_boxes(image) for image in images],
            "suggested_label": [_name_boxes(image) for image in corrected],
            "label_quality": bounded,
            "is_label_issue": np.isin(ids, flagged["row_id"].unique()),
            "rank": rank,
            "n_boxes": [len(image.boxes) for image in images],
        }
    )
    counts = counts.reindex(index=ids, columns=list(BOX_ISSUE_KINDS), fill_value=0).fillna(0).astype(np.int64)
    return table.assign(**{f"n_{kind}": counts[kind].to_numpy() for kind in BOX_ISSUE_KINDS})


def _to_cleanlab_labels(images: Sequence[AnnotatedImage]) -> list[dict[str, np.ndarray]]:
    return [{"bboxes": image.boxes.astype(np.float64), "labels": _codes_of(image)} for image in images]


def to_predictions_table(
    images: Sequence[AnnotatedImage], given_labels: Sequence[str], predictions: Sequence[ScoredBoxes]
) -> pd.DataFrame:
    """Put predicted boxes into one row for each image: boxes, classes and probabilities as JSON text."""
    return pd.DataFrame(
        {
            "row_id": [image.row_id for image in images],
            "given_label": list(given_labels),
            "predicted_boxes": [json.dumps(np.round(found.boxes, 2).tolist()) for found in predictions],
            "predicted_classes": [
                json.dumps([image.class_names[code] for code in found.codes])
                for image, found in zip(images, predictions, strict=True)
            ],
            "probabilities": [json.dumps(np.round(found.scores, 5).tolist()) for found in predictions],
        }
    )


def read_predictions_table(table: pd.DataFrame, class_names: Sequence[str]) -> list[ScoredBoxes]:
    """Read back what ``to_predictions_table`` wrote."""
    codes = {name: code for code, name in enumerate(class_names)}
    return [
        ScoredBoxes(
            boxes=np.array(json.loads(row["predicted_boxes"]), dtype=np.float64).reshape(-1, 4),
            codes=np.array([codes[name] for name in json.loads(row["predicted_classes"])], dtype=np.int64),
            scores=np.array(json.loads(row["probabilities"]), dtype=np.float64),
        )
        for row in table.to_dict("records")
    ]


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


def _judge_given_boxes(
    image: AnnotatedImage, predicted: ScoredBoxes, badly_located: np.ndarray, swapped: np.ndarray
) -> Iterable[dict[str, Any]]:
    """Judge each given box by its worst kind of issue."""
    codes = _codes_of(image)
    overlap = box_iou(image.boxes, predicted.boxes)
    for position in range(len(codes)):
        support = overlap[position] * predicted.scores
        is_same = predicted.codes == codes[position]
        qualities = {
            BADLY_LOCATED: float(badly_located[position]),
            SWAPPED: float(swapped[position]),
            EXTRA: _soften(float(support.max(initial=0.0))),
        }
        # A box that has a predicted one of its class on it is neither extra nor swapped to that class.
        kind = min(qualities, key=lambda name: qualities[name])
        candidates = {
            BADLY_LOCATED: np.where(is_same, support, 0.0),
            SWAPPED: np.where(is_same, 0.0, support),
            EXTRA: np.zeros(0),
        }[kind]
        best = int(candidates.argmax()) if len(candidates) and candidates.max() > 0 else None
        yield {
            "row_id": image.row_id,
            "box": position,
            "issue": kind,
            "given_class": image.box_labels[position],
            "suggested_class": image.class_names[predicted.codes[best]] if best is not None else "",
            "given_box": json.dumps(image.boxes[position].tolist()),
            "suggested_box": json.dumps(None if best is None else np.round(predicted.boxes[best], 1).tolist()),
            "probability": float(predicted.scores[best]) if best is not None else 0.0,
            "label_quality": qualities[kind],
            "is_box_issue": qualities[kind] < FLAG_BELOW and (best is not None or kind == EXTRA),
            **{f"{name}_quality": quality for name, quality in qualities.items()},
        }


def _soften(support: float) -> float:
    """Quality of a box as an object at all: a support of 0.25, such as one half at half the overlap, is enough."""
    return min(1.0, support / 0.25)


def _judge_overlooked(image: AnnotatedImage, predicted: ScoredBoxes) -> Iterable[dict[str, Any]]:
    """List the predicted boxes that belong to no given box, as far as the model is sure of them."""
    likely = np.flatnonzero(predicted.scores >= LEAST_PROBABILITY)
    is_matched = np.zeros(len(likely), dtype=bool)
    matched = match_boxes(image.boxes, predicted.boxes[likely], least_iou=TOUCHING_IOU)
    is_matched[matched[matched >= 0]] = True
    overlap = box_iou(predicted.boxes[likely], image.boxes).max(axis=1, initial=0.0)
    for position in likely[~is_matched & (overlap < SAME_OBJECT_IOU)]:
        probability = float(predicted.scores[position])
        yield {
            "row_id": image.row_id,
            "box": -1,
            "issue": OVERLOOKED,
            "given_class": "",
            "suggested_class": image.class_names[predicted.codes[position]],
            "given_box": json.dumps(None),
            "suggested_box": json.dumps(np.round(predicted.boxes[position], 1).tolist()),
            "probability": probability,
            "label_quality": 1 - probability,
            "is_box_issue": probability > 1 - FLAG_BELOW,
            f"{OVERLOOKED}_quality": 1 - probability,
        }


def _name_boxes(image: AnnotatedImage) -> str:
    """Name the classes of the boxes in class order, each as often as it occurs."""
    return " ".join(sorted(image.box_labels, key=image.class_names.index))


def _codes_of(image: AnnotatedImage) -> np.ndarray:
    return np.array([image.class_names.index(label) for label in image.box_labels], dtype=np.int64)


def _sort_by_class(found: ScoredBoxes) -> ScoredBoxes:
    order = np.argsort(found.codes, kind="stable")
    return ScoredBoxes(boxes=found.boxes[order], codes=found.codes[order], scores=found.scores[order])


def _arrange_by_class(found: ScoredBoxes, n_classes: int) -> np.ndarray:
    """Arrange predictions as cleanlab takes them: for each class an array of shape (n, 5), box and probability."""
    arranged = np.empty(n_classes, dtype=object)
    for code in range(n_classes):
        is_class = found.codes == code
        arranged[code] = np.column_stack([found.boxes[is_class], found.scores[is_class]]).astype(np.float32)
    return arranged


def _clip_to_image(boxes: np.ndarray, image: AnnotatedImage) -> np.ndarray:
    limits = np.array([image.width, image.height, image.width, image.height], dtype=np.float64)
    clipped: np.ndarray = np.clip(boxes, 0, limits)
    return clipped
