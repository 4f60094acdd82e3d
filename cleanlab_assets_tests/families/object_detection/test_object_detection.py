from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.optimize import linear_sum_assignment

from cleanlab_assets.datasets.boxes import Overlaps, ScoredBoxes, box_iou, claim_boxes, codes_of
from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.families.object_detection.box_quality import (
    BADLY_LOCATED,
    EXTRA,
    OVERLOOKED,
    SWAPPED,
    correct_boxes,
    find_box_issues,
    judge_boxes,
    sum_up_images,
)
from cleanlab_assets.families.object_detection.calibration import (
    calibrate_scores_out_of_fold,
    measure_score_calibration,
)
from cleanlab_assets.families.object_detection.plant import plant_box_errors
from cleanlab_assets.families.object_detection.planted_audit import average_precision, score_box_detection_power
from cleanlab_assets.families.object_detection.predictions import (
    cut_to_pictures,
    predict_boxes_out_of_sample,
    read_predictions_table,
    to_predictions_table,
)
from cleanlab_assets.reviews.decisions import BoxLabel, Value
from cleanlab_assets.reviews.elements import name_boxes, parse_element_label
from cleanlab_assets_tests.families.object_detection.scenes import draw_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("cat", "dog", "owl")
PIXELS = encode_png(np.zeros((100, 100, 3), dtype=np.uint8))
BOXES = np.array([[5, 5, 35, 35], [50, 10, 90, 40], [20, 55, 60, 95]], dtype=np.float64)


def make_image(number: int) -> AnnotatedImage:
    labels = tuple(NAMES[(number + position) % 3] for position in range(3))
    return AnnotatedImage(
        row_id=f"image_{number}", image=PIXELS, class_names=NAMES, boxes=BOXES + number % 3, box_labels=labels
    )


def predict_truth(image: AnnotatedImage, score: float = 0.97) -> ScoredBoxes:
    codes = np.array([NAMES.index(label) for label in image.box_labels], dtype=np.int64)
    return ScoredBoxes(boxes=image.boxes + 0.5, codes=codes, scores=np.full(len(codes), score))


@pytest.fixture(scope="module")
def images() -> list[AnnotatedImage]:
    return [make_image(number) for number in range(24)]


def test_boxes_that_agree_with_sure_predictions_are_not_flagged(images: list[AnnotatedImage]) -> None:
    found = find_box_issues(images, [predict_truth(image) for image in images])

    assert not found.table["is_label_issue"].any()
    assert not found.boxes["is_box_issue"].any()
    assert len(found.boxes) == 3 * len(images)
    assert (found.table["label_quality"] > 0.9).all()
    assert found.table["suggested_label"].tolist() == found.table["given_label"].tolist()


@pytest.mark.parametrize(
    ("change", "issue", "given", "suggested"),
    [
        ("drop", OVERLOOKED, "", "cat"),
        ("move", BADLY_LOCATED, "cat", "cat"),
        ("rename", SWAPPED, "owl", "cat"),
        ("add", EXTRA, "owl", ""),
    ],
)
def test_each_kind_of_error_is_found_as_what_it_is_and_corrected(
    images: list[AnnotatedImage], change: str, issue: str, given: str, suggested: str
) -> None:
    image = images[0]
    boxes, labels = image.boxes.copy(), list(image.box_labels)
    if change == "drop":
        boxes, labels = boxes[1:], labels[1:]
    elif change == "move":
        boxes[0] += np.array([12, 12, 12, 12])
    elif change == "rename":
        labels[0] = "owl"
    else:
        boxes, labels = np.vstack([boxes, [[70, 60, 95, 90]]]), [*labels, "owl"]
    given_images = [replace(image, boxes=boxes, box_labels=tuple(labels)), *images[1:]]

    found = find_box_issues(given_images, [predict_truth(image) for image in images])

    flagged = found.boxes[found.boxes["is_box_issue"]]
    assert flagged["row_id"].tolist() == ["image_0"]
    worst = flagged.iloc[0]
    assert (worst["issue"], worst["given_class"], worst["suggested_class"]) == (issue, given, suggested)
    assert worst["rank"] == 1
    table = found.table.set_index("row_id")
    assert table.loc["image_0", f"n_{issue}"] == 1
    assert table.loc["image_0", "rank"] == 1
    assert table.loc["image_0", "suggested_label"] == "cat dog owl"
    suggested_label = TypeAdapter(Value).validate_json(worst["suggestion"])
    in_place = [str(suggested_label)] if isinstance(suggested_label, BoxLabel) else []
    given_names = name_boxes(given_images[0].box_labels, given_images[0].boxes)
    assert worst["element"] == (f"+{in_place[0]}" if change == "drop" else given_names[worst["box"]])
    kept = [name for name in given_names if name != worst["element"]]
    decided = [parse_element_label(name) for name in [*kept, *in_place]]
    assert sorted(box.class_name for box in decided if isinstance(box, BoxLabel)) == ["cat", "dog", "owl"]
    corrected = correct_boxes(given_images[0], flagged)
    assert sorted(corrected.box_labels) == ["cat", "dog", "owl"]
    order = [corrected.box_labels.index(label) for label in image.box_labels]
    np.testing.assert_allclose(corrected.boxes[order], image.boxes, atol=0.6)


def judge_first(
    given: AnnotatedImage, boxes: Sequence[Sequence[float]], codes: Sequence[int], scores: Sequence[float]
) -> pd.Series:
    predicted = ScoredBoxes(
        boxes=np.array(boxes, dtype=np.float64), codes=np.array(codes, dtype=np.int64), scores=np.array(scores)
    )
    judged = judge_boxes([given], [predicted])
    return judged[judged["box"] == 0].iloc[0]


@pytest.fixture
def cat_in_a_corner(images: list[AnnotatedImage]) -> AnnotatedImage:
    return replace(images[0], boxes=np.array([[0.0, 0.0, 20.0, 20.0]]), box_labels=("cat",))


def test_a_box_is_as_swapped_as_another_class_is_more_probable(cat_in_a_corner: AnnotatedImage) -> None:
    # One predicted box covers the given one, the other 20 x 16 of its 20 x 20 pixels.
    judged = judge_first(cat_in_a_corner, [[0, 0, 20, 20], [0, 0, 20, 16]], [1, 0], [0.9, 0.25])
    assert judged["swapped_quality"] == pytest.approx(1 - (0.9 - 0.8 * 0.25))
    assert (judged["issue"], judged["suggested_class"], judged["is_box_issue"]) == ("swapped", "dog", True)
    doubtful = judge_first(cat_in_a_corner, [[0, 0, 20, 20], [0, 0, 20, 16]], [1, 0], [0.55, 0.5])
    assert doubtful["swapped_quality"] == pytest.approx(1 - (0.55 - 0.4))
    assert not doubtful["is_box_issue"]


@pytest.mark.parametrize(("probability", "is_flagged"), [(0.5, False), (np.nextafter(0.5, 1), True)])
def test_a_box_is_flagged_that_is_more_likely_wrong_than_right(
    cat_in_a_corner: AnnotatedImage, probability: float, *, is_flagged: bool
) -> None:
    swapped = judge_first(cat_in_a_corner, [[0, 0, 20, 20]], [1], [probability])
    assert (swapped["issue"], swapped["is_box_issue"]) == (SWAPPED, is_flagged)

    beside = ScoredBoxes(
        boxes=np.array([[0.0, 0.0, 20.0, 20.0], [40, 40, 60, 60]]),
        codes=np.array([0, 1]),
        scores=np.array([0.97, probability]),
    )
    overlooked = judge_boxes([cat_in_a_corner], [beside]).iloc[0]
    assert (overlooked["issue"], overlooked["is_box_issue"]) == (OVERLOOKED, is_flagged)


def test_a_second_prediction_on_a_given_box_is_no_overlooked_object(cat_in_a_corner: AnnotatedImage) -> None:
    twice = ScoredBoxes(
        boxes=np.array([[0.0, 0.0, 20.0, 20.0], [0, 0, 20, 14]]), codes=np.array([0, 0]), scores=np.array([0.9, 0.8])
    )
    assert OVERLOOKED not in judge_boxes([cat_in_a_corner], [twice])["issue"].tolist()


def test_an_image_is_as_good_as_its_worst_box(images: list[AnnotatedImage]) -> None:
    wrong = replace(images[0], box_labels=("owl", *images[0].box_labels[1:]))

    found = find_box_issues([wrong], [predict_truth(images[0], 0.6)])

    quality = found.boxes["label_quality"]
    assert len(quality) == 3
    assert quality.min() < 0.5 < quality.drop(0).min()
    assert found.table["label_quality"].tolist() == [quality.min()]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ([[0.9], [0.8]], [True, False]),
        ([[0.6, 0.9], [0.7, 0.8]], [True, True]),
        ([[0.5]], [True]),
        ([[np.nextafter(0.5, 0)]], [False]),
    ],
)
def test_a_given_box_is_claimed_once_by_one_that_overlaps_it_enough(
    overlap: list[list[float]], expected: list[bool]
) -> None:
    iou = np.array(overlap)
    predicted, given = np.nonzero(iou)
    pairs = Overlaps(predicted, given, iou[predicted, given], (len(iou), iou.shape[1]))

    assert claim_boxes(pairs, least_iou=0.5).tolist() == expected


@pytest.mark.parametrize(("side", "share"), [(9, 1.0), (11, 0.5), (13, 0.0)])
def test_a_box_is_misplaced_as_surely_as_its_own_lies_apart(
    cat_in_a_corner: AnnotatedImage, side: int, share: float
) -> None:
    judged = judge_first(cat_in_a_corner, [[0, 0, 20, side]], [0], [0.8])
    assert judged["badly_located_quality"] == pytest.approx(1 - 0.8 * share)


def test_the_prediction_of_a_neighbour_of_its_class_misplaces_no_box(cat_in_a_corner: AnnotatedImage) -> None:
    two = replace(
        cat_in_a_corner, boxes=np.array([[0.0, 0.0, 20.0, 20.0], [10.0, 0.0, 30.0, 20.0]]), box_labels=("cat", "cat")
    )
    judged = judge_first(two, [[10, 0, 30, 20]], [0], [0.9])
    assert judged["badly_located_quality"] == 1.0
    assert judged["extra_quality"] == pytest.approx(0.9 * (1 / 3) ** 2 / 0.25)


def test_planted_errors_rank_worst_kind_by_kind(images: list[AnnotatedImage]) -> None:
    planted, truth = plant_box_errors(images, fraction=0.5, seed=4)

    found = find_box_issues(planted, [predict_truth(image) for image in images])

    measured = score_box_detection_power(found.boxes, truth).set_index("kind")
    assert set(measured.index) == {"dropped_box", "shifted_box", "wrong_class", "extra_box"}
    assert (measured["average_precision"] > 0.9).all(), measured
    assert (measured["recall"] > 0.9).all(), measured
    assert set(found.table.loc[found.table["is_label_issue"], "row_id"]) == set(truth["row_id"])


def test_boxes_of_test_images_change_nothing_of_what_is_found_of_train_images(images: list[AnnotatedImage]) -> None:
    far = replace(images[1], boxes=np.array([[0.0, 0.0, 2.0, 2.0]]), box_labels=("cat",))
    given = [replace(images[0], boxes=images[0].boxes[:2], box_labels=images[0].box_labels[:2]), far]
    predicted = [predict_truth(image, 0.97) for image in images[:2]]
    alone = find_box_issues(given[:1], predicted[:1]).table

    beside, together = (
        sum_up_images(given, predicted, judge_boxes(given, predicted), is_train=is_train)
        for is_train in (np.array([True, False]), None)
    )

    pd.testing.assert_frame_equal(beside.head(1).drop(columns="rank"), alone.drop(columns="rank"))
    assert together["objectlab_quality"][0] != alone["objectlab_quality"][0], "it compares the boxes of all images"
    assert together["objectlab_quality"][1] == beside["objectlab_quality"][1]


def test_a_blind_detector_finds_nothing(images: list[AnnotatedImage]) -> None:
    planted, truth = plant_box_errors(images, fraction=0.5, seed=4, kinds=["dropped_box", "wrong_class"])
    nothing = ScoredBoxes(boxes=np.zeros((0, 4)), codes=np.zeros(0, dtype=np.int64), scores=np.zeros(0))

    measured = score_box_detection_power(find_box_issues(planted, [nothing] * len(images)).boxes, truth)

    by_kind = measured.set_index("kind")["average_precision"]
    assert by_kind["dropped_box"] == 0
    assert by_kind["wrong_class"] < 0.3


class CountingDetector:
    """Predicts the truth, and counts how often it was trained."""

    fits = 0

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> CountingDetector:
        del images, labels
        type(self).fits += 1
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        return [predict_truth(image) for image in images]


def test_an_interrupted_run_goes_on_with_the_folds_that_are_missing(images: list[AnnotatedImage]) -> None:
    folds = np.arange(len(images)) % 3
    stored: dict[str, ScoredBoxes] = {}
    CountingDetector.fits = 0

    def keep(part: object, boxes: object) -> None:
        assert isinstance(part, list)
        assert isinstance(boxes, list)
        stored.update({image.row_id: found for image, found in zip(part, boxes, strict=True)})
        if len(stored) == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_boxes_out_of_sample(images, folds, build=CountingDetector, keep=keep)
    assert CountingDetector.fits == 2
    resumed = predict_boxes_out_of_sample(images, folds, build=CountingDetector, at_hand=stored)

    assert CountingDetector.fits == 3
    assert resumed.fit_seconds[:2] == (0.0, 0.0)
    for image, found in zip(images, resumed.predictions, strict=True):
        np.testing.assert_array_equal(found.boxes, image.boxes + 0.5)


def test_one_fold_is_refused(images: list[AnnotatedImage]) -> None:
    with pytest.raises(ValueError, match="at least two folds, got 1"):
        predict_boxes_out_of_sample(images, np.zeros(len(images)), build=CountingDetector)


def test_scores_become_the_share_of_right_boxes() -> None:
    rng = np.random.default_rng(0)
    many = [make_image(number) for number in range(120)]
    predictions = []
    for image in many:
        truth = predict_truth(image)
        # Half of the boxes are sure and always right; the others are right six times in ten, at a score of 0.3.
        wrong = rng.random(3) > 0.6
        codes = np.concatenate([truth.codes, np.where(wrong, (truth.codes + 1) % 3, truth.codes)])
        boxes = np.vstack([truth.boxes[:, [0, 1, 2, 3]], truth.boxes + np.array([0.0, 0.0, 1.0, 1.0])])
        scores = np.concatenate([np.full(3, 0.6), np.full(3, 0.3)])
        keep = np.array([True, True, False, False, False, True])
        predictions.append(ScoredBoxes(boxes=boxes[keep], codes=codes[keep], scores=scores[keep]))
    folds = np.arange(len(many)) % 4

    calibrated = calibrate_scores_out_of_fold(many, predictions, folds)

    scores = np.array([found.scores for found in calibrated])
    np.testing.assert_allclose(scores[:, :2], 1.0)
    assert 0.45 < scores[:, 2].mean() < 0.75
    assert measure_score_calibration(many, predictions).expected_calibration_error > 0.3
    assert measure_score_calibration(many, calibrated).expected_calibration_error < 0.05


def test_no_image_is_calibrated_by_its_own_boxes(images: list[AnnotatedImage]) -> None:
    rng, folds = np.random.default_rng(0), np.arange(len(images)) % 3
    predictions = [replace(predict_truth(image), scores=rng.random(3)) for image in images]
    moved = [
        replace(image, boxes=image.boxes[::-1]) if fold == 1 else image
        for image, fold in zip(images, folds, strict=True)
    ]

    before, after = (calibrate_scores_out_of_fold(given, predictions, folds) for given in (images, moved))

    is_same = [np.array_equal(old.scores, new.scores) for old, new in zip(before, after, strict=True)]
    assert is_same == (folds == 1).tolist()


def test_boxes_with_another_planted_error_are_neither_found_nor_missed() -> None:
    boxes = pd.DataFrame(
        {
            "row_id": ["a", "b", "c"],
            "box": [0, 0, 0],
            "is_box_issue": [True, True, False],
            "swapped_quality": [0.1, 0.2, 0.9],
            "badly_located_quality": [0.2, 0.1, 0.9],
        }
    )
    truth = pd.DataFrame({"row_id": ["a", "b"], "planted_kind": ["shifted_box", "wrong_class"], "given_box": [0, 0]})

    measured = score_box_detection_power(boxes, truth).set_index("kind")

    assert measured["average_precision"].to_dict() == {"shifted_box": 1, "wrong_class": 1}
    assert measured["chance"].to_dict() == {"shifted_box": 0.5, "wrong_class": 0.5}


def test_predictions_come_back_from_their_table(images: list[AnnotatedImage]) -> None:
    predictions = [predict_truth(image, 0.4) for image in images]

    table = to_predictions_table(images, ["x"] * len(images), predictions)
    back = read_predictions_table(table, NAMES)

    assert table["row_id"].is_unique
    assert json.loads(table["predicted_classes"].iloc[1]) == list(images[1].box_labels)
    for before, after in zip(predictions, back, strict=True):
        np.testing.assert_allclose(after.boxes, before.boxes)
        np.testing.assert_array_equal(after.codes, before.codes)


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        pytest.param((5, 5, 5, 9), None, id="no width"),
        pytest.param((5, 9, 9, 5), None, id="no height"),
        pytest.param((-9, 5, -2, 9), None, id="left of the picture"),
        pytest.param((5, 900, 9, 950), None, id="below the picture"),
        pytest.param((5, np.nan, 9, 9), None, id="not a number"),
        pytest.param((5, 5, np.inf, 9), None, id="infinite"),
        pytest.param((5.001, 5, 5.004, 9), None, id="no width at two decimals"),
        pytest.param((-3, -3, 9, 9), (0, 0, 9, 9), id="beyond the edge"),
    ],
)
def test_what_is_no_box_is_dropped_and_counted_and_stops_no_run(
    images: list[AnnotatedImage], box: tuple[float, ...], kept: tuple[float, ...] | None
) -> None:
    sound = (10.0, 10.0, 20.0, 20.0)
    found = ScoredBoxes(boxes=np.array([sound, box]), codes=np.array([0, 1]), scores=np.array([0.9, 0.0005]))
    (back,) = read_predictions_table(to_predictions_table(images[:1], ["x"], [found]), NAMES)

    (left,), n_dropped = cut_to_pictures(images[:1], [back])

    expected = [sound] if kept is None else [sound, kept]
    np.testing.assert_array_equal(left.boxes, expected)
    assert left.scores.tolist() == [0.9, 0.0005][: len(expected)]
    assert left.codes.tolist() == [0, 1][: len(expected)]
    assert n_dropped == 2 - len(expected)


def test_average_precision_agrees_with_scikit_learn_where_all_are_ranked() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(3)
    quality, is_positive = rng.random(60).round(1), rng.random(60) < 0.3

    expected = average_precision_score(is_positive, -quality)

    assert average_precision(quality, is_positive, n_positives=int(is_positive.sum())) == pytest.approx(expected)
    half = average_precision(quality, is_positive, n_positives=2 * int(is_positive.sum()))
    assert half == pytest.approx(expected / 2)


@pytest.mark.parametrize("seed", range(3))
def test_qualities_of_many_boxes_are_those_of_the_table_of_all_pairs(seed: int) -> None:
    image, predicted = draw_scene(seed, 60, 80, 100)
    overlap = box_iou(image.boxes, predicted.boxes)
    codes = codes_of(image)
    is_same = codes[:, None] == predicted.codes[None]
    support = overlap * predicted.scores

    judged = judge_boxes([image], [predicted])

    given = judged[judged["box"] >= 0].sort_values("box")
    rival, same = (np.where(chosen, support, 0).max(axis=1) for chosen in (~is_same, is_same))
    np.testing.assert_allclose(given["swapped_quality"], np.minimum(1, 1 - rival + same))
    np.testing.assert_allclose(given["extra_quality"], np.minimum(1, (support * overlap).sum(axis=1) / 0.25))
    rows, columns = linear_sum_assignment(support * is_same, maximize=True)
    apart = np.clip((0.6 - overlap[rows, columns]) / 0.1, 0, 1) * predicted.scores[columns]
    apart[(support * is_same)[rows, columns] == 0] = 0
    np.testing.assert_allclose(given["badly_located_quality"].to_numpy()[rows], 1 - apart)
    unseen = judged[judged["box"] < 0]
    likely = np.flatnonzero(predicted.scores >= 0.1)
    touching = np.where(overlap[:, likely] >= 0.2, overlap[:, likely], 0)
    rows, columns = linear_sum_assignment(touching, maximize=True)
    owned = set(likely[columns[touching[rows, columns] > 0]]) | set(np.flatnonzero(overlap.max(axis=0) >= 0.5))
    assert len(unseen) == len(set(likely) - owned) > 0
    expected = sorted(1 - predicted.scores[position] for position in set(likely) - owned)
    np.testing.assert_allclose(unseen["overlooked_quality"], expected)
