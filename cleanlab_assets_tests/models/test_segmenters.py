from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets_tests.datasets.known_scenes import make_image, make_scenes

SMALL = {"epochs": 1, "width": 8, "batch_size": 4}


def make_segmenter(**parameters: Any) -> Any:
    from cleanlab_assets.models.estimators.unet_segmenter import UNetSegmenter

    return UNetSegmenter(**(SMALL | parameters))


@pytest.fixture(scope="module")
def fitted() -> Any:
    return make_segmenter(random_state=3).fit(make_scenes(8))


def test_probabilities_have_the_size_of_the_image_and_sum_to_one(fitted: Any) -> None:
    classes = make_scenes(1)[0].class_names
    wide = AnnotatedImage(
        row_id="wide",
        image=encode_png(np.full((37, 301, 3), 90, dtype=np.uint8)),
        class_names=classes,
        boxes=np.zeros((0, 4)),
        box_labels=(),
    )
    for image, found in zip([wide, *make_scenes(2)], fitted.predict([wide, *make_scenes(2)]), strict=True):
        assert found.shape == (len(classes) + 1, image.height, image.width)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def test_predictions_do_not_depend_on_the_batches(fitted: Any) -> None:
    scenes = make_scenes(5)
    for scene, together in zip(scenes, fitted.predict(scenes), strict=True):
        (alone,) = fitted.predict([scene])
        np.testing.assert_allclose(together, alone, atol=1e-4)


def test_the_same_seed_gives_the_same_weights(fitted: Any) -> None:
    again = make_segmenter(random_state=3).fit(make_scenes(8))
    for name, values in fitted.weights_.items():
        np.testing.assert_array_equal(values, again.weights_[name])


def test_training_lowers_the_loss(fitted: Any) -> None:
    assert make_segmenter(random_state=3, epochs=5).fit(make_scenes(8)).loss_ < fitted.loss_


def test_no_segmenter_predicts_without_training() -> None:
    from cleanlab_assets.models.estimators.torch_training import NotTrainedError

    assert "small_unet" in models_of("segmentation")
    with pytest.raises(NotTrainedError, match="untrained weights find nothing"):
        next(make_segmenter().predict(make_scenes(1)))


def test_an_image_without_a_mask_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"image a\.png has none"):
        make_segmenter().fit([make_image()])
