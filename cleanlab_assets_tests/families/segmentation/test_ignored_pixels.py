"""Pixels that nobody judges: no loss, no metric, no issue and no planted error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cleanlab_assets.datasets.images import IGNORED_ID, AnnotatedImage, AnnotationError, decode_mask, encode_png
from cleanlab_assets.families.segmentation.mask_quality import find_mask_issues
from cleanlab_assets.families.segmentation.metrics import score_masks
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.families.segmentation.predictions import measure_pixel_calibration, pack_probabilities

SIDE = 24
PICTURE = encode_png(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))
IGNORED = np.zeros((SIDE, SIDE), dtype=bool)
IGNORED[14:22, 4:20] = True


def draw(number: int, *, is_ignored: bool, is_wrong: bool = True) -> tuple[AnnotatedImage, bytes]:
    """An image with one object, whose mask is wrong below it as the model is sure, and maybe ignored there."""
    given = np.zeros((SIDE, SIDE), dtype=np.int32)
    given[2:10, 4:20] = 1 + number % 2
    predicted = given.copy()
    if is_wrong:
        predicted[IGNORED] = 2
    probabilities = np.full((3, SIDE, SIDE), 0.005)
    np.put_along_axis(probabilities, predicted[None], 0.99, axis=0)
    if is_ignored:
        given[IGNORED] = IGNORED_ID
    image = AnnotatedImage(
        row_id=f"{number}.png",
        image=PICTURE,
        class_names=("a", "b"),
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=given,
    )
    return image, pack_probabilities(probabilities)


def test_ignored_pixels_are_no_issues_and_stay_ignored() -> None:
    for is_ignored in (False, True):
        images, predictions = zip(*(draw(number, is_ignored=is_ignored) for number in range(6)), strict=True)
        found = find_mask_issues(images, predictions)
        assert found.table["is_label_issue"].eq(not is_ignored).all()
        assert (found.pixels["n_issue_pixels"] > 0).eq(not is_ignored).all()
        suggested = decode_mask(found.pixels["suggested_mask"].iloc[0])
        assert (suggested[IGNORED] == (IGNORED_ID if is_ignored else 2)).all()
    assert set(found.table["suggested_label"]) == set(found.table["given_label"]) == {"a", "b"}


def test_ignored_pixels_count_in_no_metric() -> None:
    image, packed = draw(0, is_ignored=True)
    probabilities = np.full((3, SIDE, SIDE), 0.1)
    assert image.class_mask is not None
    np.put_along_axis(probabilities, np.where(IGNORED, 2, image.class_mask)[None], 0.8, axis=0)
    assert score_masks([image], [probabilities]).compute() == {"mean_iou": 1, "pixel_accuracy": 1}
    assert score_masks([image], [probabilities]).confusion.sum() == SIDE**2 - IGNORED.sum()
    assert sum(measure_pixel_calibration([image], [packed]).counts) == SIDE**2 - IGNORED.sum()


def test_ignored_pixels_cost_no_loss() -> None:
    from cleanlab_assets.models.estimators import image_batches

    image, _ = draw(0, is_ignored=True)
    mask = image_batches.to_mask(image)[0].numpy()
    np.testing.assert_array_equal(mask == image_batches.IGNORED, IGNORED)


def test_no_error_is_planted_in_ignored_pixels() -> None:
    images = [draw(number, is_ignored=True)[0] for number in range(40)]
    planted, truth = plant_mask_errors(images, fraction=1, seed=0)
    assert len(truth) > 30
    for image in planted:
        np.testing.assert_array_equal(image.find_ignored_pixels(), IGNORED)


def test_an_image_does_not_hold_the_mark_as_a_class() -> None:
    assert draw(1, is_ignored=True)[0].classes == ("b",)


def test_with_255_classes_the_mark_is_a_class() -> None:
    names = tuple(f"class {number}" for number in range(1, 256))
    known: dict[str, Any] = {"row_id": "a", "image": PICTURE, "boxes": np.zeros((0, 4)), "box_labels": ()}
    image = AnnotatedImage(class_names=names, class_mask=np.full((SIDE, SIDE), 255), **known)
    assert image.classes == ("class 255",)
    assert not image.find_ignored_pixels().any()
    with pytest.raises(AnnotationError, match="found id 254, expected 0 to 2"):
        AnnotatedImage(class_names=("a", "b"), class_mask=np.full((SIDE, SIDE), 254), **known)
