from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.boxes import box_iou, match_boxes
from cleanlab_assets.datasets.images import LABEL, AnnotatedImage, decode_mask, encode_png
from cleanlab_assets.families.images.plant import put_planted_image_errors
from cleanlab_assets.families.object_detection import plant as object_detection
from cleanlab_assets.families.object_detection.plant import BOX_ERROR_KINDS, plant_box_errors
from cleanlab_assets.families.segmentation import plant as segmentation
from cleanlab_assets.families.segmentation.metrics import class_iou, count_pixel_confusion, measure_masks
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS, plant_mask_errors
from cleanlab_assets.methods.planted_errors import PlantingError
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


def test_a_shifted_box_overlaps_its_old_place_a_little() -> None:
    _, truth = plant_box_errors(make_scenes(24), fraction=1, seed=4, kinds=["shifted_box"])

    overlaps = [
        box_iou(*(np.array([json.loads(text)]) for text in texts))[0, 0]
        for texts in zip(truth["before"], truth["after"], strict=True)
    ]
    assert min(overlaps) >= 0.2
    assert max(overlaps) < 0.6


def test_an_extra_box_lies_apart_from_the_others() -> None:
    scenes = make_scenes(24)
    planted, _ = plant_box_errors(scenes, fraction=1, seed=4, kinds=["extra_box"])

    assert all(len(new.boxes) == len(old.boxes) + 1 for new, old in zip(planted, scenes, strict=True))
    assert max(box_iou(new.boxes[-1:], new.boxes[:-1]).max(initial=0) for new in planted) < 0.3


def test_a_grown_object_leaves_its_neighbours_as_they_are() -> None:
    mask = np.zeros((40, 40), dtype=np.int32)
    mask[10:20, 10:20], mask[10:20, 20:30] = 1, 2
    pair = AnnotatedImage(
        row_id="pair.png",
        image=encode_png(np.zeros((40, 40, 3), dtype=np.uint8)),
        class_names=("cat", "dog"),
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=mask,
    )
    for seed in range(4):
        (changed,), truth = plant_mask_errors([pair], fraction=1, seed=seed, kinds=["dilated_object"])
        (error,) = truth.to_dict("records")
        neighbour = 2 if error["class_before"] == "cat" else 1
        assert changed.class_mask is not None
        assert (changed.class_mask[mask == neighbour] == neighbour).all()
        assert (changed.class_mask == 3 - neighbour).sum() == error["n_pixels_after"] >= 140


def to_training_set(scenes: list[AnnotatedImage]) -> pd.DataFrame:
    table = pd.DataFrame.from_records([scene.to_row() for scene in scenes])
    is_test = np.arange(len(table)) % 4 == 0
    return table.assign(
        given_label=table[LABEL],
        split=pd.Categorical(np.where(is_test, "test", "train"), categories=["train", "test"]),
    )


def test_planted_boxes_are_in_the_training_set_and_the_true_ones_beside_them() -> None:
    scenes = make_scenes(24)
    table = to_training_set(scenes)
    train = [scene for scene, split in zip(scenes, table["split"], strict=True) if split == "train"]

    changed_images, truth = plant_box_errors(train, fraction=0.5, seed=4)
    planted = put_planted_image_errors(
        table, changed_images, truth, fraction=0.5, kinds=BOX_ERROR_KINDS, true_columns=object_detection.TRUE_COLUMNS
    )

    changed = planted[planted["planted_error"]].set_index("row_id")
    assert (changed["split"] == "train").all()
    kinds = truth.set_index("row_id")["planted_kind"]
    assert changed["planted_kind"].astype(str).to_dict() == kinds.to_dict()
    assert (changed["boxes"] + changed["box_labels"] != changed["true_boxes"] + changed["true_box_labels"]).all()
    assert changed["given_label"].tolist() == [
        "|".join(sorted(set(json.loads(names)))) for names in changed["box_labels"]
    ]
    kept = planted[~planted["planted_error"]]
    assert len(kept) == 24 - 9
    for name, true in (("boxes", "true_boxes"), ("box_labels", "true_box_labels"), ("given_label", "true_label")):
        assert (kept[name] == kept[true]).all()
        assert (planted[true] == table[name]).all()


def test_planted_masks_are_in_the_training_set_and_the_true_ones_beside_them() -> None:
    scenes = make_scenes(24)
    table = to_training_set(scenes)
    train = [scene for scene, split in zip(scenes, table["split"], strict=True) if split == "train"]

    changed_images, truth = plant_mask_errors(train, fraction=0.5, seed=4)
    planted = put_planted_image_errors(
        table, changed_images, truth, fraction=0.5, kinds=MASK_ERROR_KINDS, true_columns=segmentation.TRUE_COLUMNS
    )

    changed = planted[planted["planted_error"]].set_index("row_id")
    assert (changed["split"] == "train").all()
    for error in truth.to_dict("records"):
        row = changed.loc[error["row_id"]]
        assert row["planted_kind"] == error["planted_kind"]
        differs = decode_mask(row["class_mask"]) != decode_mask(row["true_mask"])
        assert differs.sum() == error["n_pixels_changed"]
    kept = planted[~planted["planted_error"]]
    assert (kept["class_mask"] == kept["true_mask"]).all()
    assert (planted["true_mask"] == table["class_mask"]).all()


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
