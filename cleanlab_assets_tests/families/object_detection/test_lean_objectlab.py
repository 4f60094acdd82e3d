from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.families.object_detection.box_quality import arrange_for_cleanlab
from cleanlab_assets.families.object_detection.lean_objectlab import score_with_objectlab
from cleanlab_assets_tests.families.object_detection.scenes import NAMES, draw_scene, draw_scenes


def score_with_cleanlab(images: list, predictions: list) -> np.ndarray:  # type: ignore[type-arg]
    from cleanlab.object_detection.rank import get_label_quality_scores

    scores: np.ndarray = get_label_quality_scores(*arrange_for_cleanlab(images, predictions), verbose=False)
    return scores


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_cleanlabs_own(seed: int) -> None:
    images, predictions = draw_scenes(12, seed=seed)
    expected = score_with_cleanlab(images, predictions)
    assert len(np.unique(expected.round(6))) > 6
    np.testing.assert_allclose(score_with_objectlab(images, predictions), expected, rtol=1e-9)


@pytest.mark.parametrize("n_predicted", [0, 1, 30])
def test_each_image_by_itself_scores_as_by_cleanlab(n_predicted: int) -> None:
    for number in range(10):
        image, predicted = draw_scene(number, number, n_predicted, 60)
        found = score_with_objectlab([image], [predicted])
        np.testing.assert_allclose(found, score_with_cleanlab([image], [predicted]), rtol=1e-9)


def test_in_large_pictures_scores_differ_by_no_more_than_cleanlab_rounds() -> None:
    images, predictions = draw_scenes(12, side=900, seed=5)
    expected = score_with_cleanlab(images, predictions)
    np.testing.assert_allclose(score_with_objectlab(images, predictions), expected, atol=1e-5)


def test_two_given_boxes_of_different_classes_in_one_place_contradict_each_other() -> None:
    image, predicted = draw_scene(1, 5, 5, 80)
    boxes = np.concatenate([image.boxes, image.boxes[:1]])
    label = NAMES[(NAMES.index(image.box_labels[0]) + 1) % len(NAMES)]
    doubled = replace(image, boxes=boxes, box_labels=(*image.box_labels, label))
    found = score_with_objectlab([image, doubled], [predicted, predicted])
    assert found[1] < found[0]
    np.testing.assert_allclose(found, score_with_cleanlab([image, doubled], [predicted, predicted]), rtol=1e-9)


@pytest.mark.parametrize("n_boxes", [30, 40])
def test_boxes_on_one_line_are_compared_like_others(n_boxes: int) -> None:
    image, _ = draw_scene(2, n_boxes, 0, 400)
    places = np.arange(n_boxes) * 10.0
    boxes = np.stack([places, places * 0, places + 8, places * 0 + 8], axis=1)
    codes = np.array([NAMES.index(label) for label in image.box_labels])
    found = ScoredBoxes(boxes=boxes[::2] + 1, codes=codes[::2], scores=np.full(len(boxes[::2]), 0.99))
    lined = replace(image, boxes=boxes)
    expected = score_with_cleanlab([lined], [found])
    np.testing.assert_allclose(score_with_objectlab([lined], [found]), expected, atol=1e-6)


@pytest.mark.slow
def test_thousands_of_boxes_in_a_picture_are_scored() -> None:
    n_columns = 60
    corners = np.stack(np.meshgrid(np.arange(n_columns), np.arange(n_columns)), axis=-1).reshape(-1, 2) * 10.0
    boxes = np.concatenate([corners, corners + 8], axis=1)
    image, _ = draw_scene(3, len(boxes), 0, 10 * n_columns)
    image = replace(image, boxes=boxes)
    codes = np.array([NAMES.index(label) for label in image.box_labels])
    right = ScoredBoxes(boxes=boxes, codes=codes, scores=np.full(len(boxes), 0.99))
    swapped = ScoredBoxes(boxes=boxes, codes=np.where(np.arange(len(boxes)) == 7, 0, codes), scores=right.scores)
    moved = replace(
        image, box_labels=tuple(NAMES[1] if number == 7 else NAMES[code] for number, code in enumerate(codes))
    )
    good, bad = score_with_objectlab([image, moved], [right, swapped])
    assert good > 0.9
    assert bad < good - 0.1
