from __future__ import annotations

import json

import numpy as np
import pytest

from cleanlab_assets.datasets.boxes import ScoredBoxes, box_iou, match_boxes
from cleanlab_assets.families.object_detection.coco_metrics import measure_boxes
from cleanlab_assets.families.object_detection.plant import BOX_ERROR_KINDS, PlantingError, plant_box_errors
from cleanlab_assets.families.segmentation.metrics import class_iou, count_pixel_confusion, measure_masks
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS, plant_mask_errors
from cleanlab_assets_tests.datasets.known_scenes import make_image, make_scenes


def test_each_planted_box_error_is_what_its_record_says() -> None:
    scenes = make_scenes(24)
    planted, truth = plant_box_errors(scenes, fraction=0.5, seed=4)
    before = {scene.row_id: scene for scene in scenes}
    after = {scene.row_id: scene for scene in planted}

    assert set(truth["planted_kind"]) == set(BOX_ERROR_KINDS)
    assert len(truth) == 12 == truth["row_id"].nunique()
    for error in truth.to_dict("records"):
        old, new = before[error["row_id"]], after[error["row_id"]]
        change = {"dropped_box": -1, "extra_box": 1}.get(error["planted_kind"], 0)
        assert len(new.boxes) == len(old.boxes) + change
        if error["planted_kind"] == "shifted_box":
            boxes = [np.array([json.loads(text)]) for text in (error["before"], error["after"])]
            assert 0 < box_iou(*boxes)[0, 0] < 0.6
        if error["planted_kind"] == "wrong_class":
            assert new.box_labels[error["box"]] != old.box_labels[error["box"]]
    untouched = before.keys() - set(truth["row_id"])
    assert all(after[row_id] is before[row_id] for row_id in untouched)


def test_an_error_that_fits_nowhere_is_an_error() -> None:
    with pytest.raises(PlantingError, match="only 0 of 1 images"):
        plant_box_errors([make_image([], ())], fraction=1, seed=1, kinds=["dropped_box"])


def test_each_planted_mask_error_is_what_its_record_says() -> None:
    scenes = make_scenes(24)
    planted, truth = plant_mask_errors(scenes, fraction=0.5, seed=4)
    before = {scene.row_id: scene.class_mask for scene in scenes}
    after = {scene.row_id: scene.class_mask for scene in planted}

    assert set(truth["planted_kind"]) == set(MASK_ERROR_KINDS)
    for error in truth.to_dict("records"):
        old, new = before[error["row_id"]], after[error["row_id"]]
        assert old is not None
        assert new is not None
        assert (old != new).sum() == error["n_pixels_changed"] > 0
        if error["planted_kind"] == "dilated_object":
            assert error["n_pixels_after"] >= 1.4 * error["n_pixels_before"]
        if error["planted_kind"] == "eroded_object":
            assert 0 < error["n_pixels_after"] <= 0.6 * error["n_pixels_before"]
        if error["planted_kind"] == "swapped_class":
            assert error["class_before"] != error["class_after"]


def test_mean_average_precision_of_worked_cases() -> None:
    image = make_image([(0, 0, 10, 10)])

    def predict(*boxes: tuple[float, ...]) -> ScoredBoxes:
        return ScoredBoxes(
            boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
            codes=np.zeros(len(boxes), dtype=np.int64),
            scores=np.full(len(boxes), 0.9),
        )

    assert measure_boxes([image], [predict((0, 0, 10, 10))]) == pytest.approx({"map_50": 1, "map_50_95": 1})
    # An IoU of 0.72 is a hit at the thresholds 0.50, 0.55, 0.60, 0.65 and 0.70: five of ten.
    assert measure_boxes([image], [predict((0, 0, 10, 7.2))]) == pytest.approx({"map_50": 1, "map_50_95": 0.5})
    assert measure_boxes([image], [predict()]) == pytest.approx({"map_50": 0, "map_50_95": 0})
    assert np.isnan(measure_boxes([make_image([], ())], [predict()])["map_50"])


def test_boxes_are_matched_one_to_one() -> None:
    given = np.array([[0, 0, 10, 10], [20, 20, 30, 30.0]])
    predicted = np.array([[21, 20, 31, 30], [0, 0, 10, 9], [0, 1, 10, 9.0]])
    assert match_boxes(given, predicted).tolist() == [1, 0]
    assert match_boxes(given, np.zeros((0, 4))).tolist() == [-1, -1]


def test_pixel_metrics_of_a_worked_case() -> None:
    given = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    predicted = np.array([[0, 0, 1, 1], [0, 1, 1, 1]])
    confusion = count_pixel_confusion([(given, predicted)], n_classes=2)

    assert class_iou(confusion)[:2].tolist() == [0.75, 0.8]
    assert np.isnan(class_iou(confusion)[2])
    assert measure_masks(confusion) == pytest.approx({"mean_iou": 0.775, "pixel_accuracy": 0.875})
    # Within a pixel of the border nothing counts: the one wrong pixel lies there.
    assert measure_masks(count_pixel_confusion([(given, predicted)], 2, border=1))["pixel_accuracy"] == 1.0
    with pytest.raises(ValueError, match="ids from 0 to 1 in the given mask, expected 0 to 0"):
        count_pixel_confusion([(given, predicted)], n_classes=0)
