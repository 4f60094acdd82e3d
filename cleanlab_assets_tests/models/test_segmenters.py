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
    images = [make_plain(37, 301), make_plain(5, 7), *make_scenes(2)]
    for image, found in zip(images, fitted.predict(images), strict=True):
        assert found.shape == (len(image.class_names) + 1, image.height, image.width)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)


def make_plain(height: int, width: int) -> AnnotatedImage:
    return AnnotatedImage(
        row_id=f"{height} x {width}",
        image=encode_png(np.full((height, width, 3), 90, dtype=np.uint8)),
        class_names=make_scenes(1)[0].class_names,
        boxes=np.zeros((0, 4)),
        box_labels=(),
    )


def test_predictions_do_not_depend_on_the_batches(fitted: Any) -> None:
    scenes = [*make_scenes(3), make_plain(70, 90), *make_scenes(5)[3:]]
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
    with pytest.raises(NotTrainedError, match="call fit first"):
        next(make_segmenter().predict(make_scenes(1)))


def test_an_image_without_a_mask_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"image a\.png has none"):
        make_segmenter().fit([make_image()])


def test_pasted_objects_bring_their_classes_and_leave_the_rest() -> None:
    import torch

    from cleanlab_assets.models.estimators.unet_segmenter import paste_objects

    picture, mask = torch.zeros(3, 4, 6), torch.zeros(1, 4, 6)
    mask[0, 3] = 2
    other, other_mask = torch.ones(3, 3, 8), torch.zeros(1, 3, 8)
    other_mask[0, 1, 4:] = 5

    pasted, pasted_mask = paste_objects(picture, mask, other, other_mask)

    expected = torch.zeros(4, 6)
    expected[1, 4:] = 1
    assert torch.equal(pasted, expected.expand(3, 4, 6))
    assert torch.equal(pasted_mask[0], 5 * expected + mask[0])
    assert not picture.any()


def test_the_loss_weighs_place_and_class_and_leaves_padding_out() -> None:
    import torch

    from cleanlab_assets.models.estimators.image_batches import IGNORED
    from cleanlab_assets.models.estimators.unet_segmenter import CLASS_WEIGHT, compute_loss

    masks = torch.zeros(1, 4, 8, dtype=torch.int64)
    masks[0, :, :2] = 1
    where = torch.where(masks > 0, 2.0, -2.0)
    which = torch.tensor([3.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 2)
    of_place, of_class = np.log1p(np.exp(-2)), np.log1p(np.exp(-3))

    loss = compute_loss(where, which, masks)
    padded = compute_loss(
        torch.cat([where, torch.full((1, 4, 8), 50.0)], dim=1),
        torch.cat([which, -which], dim=2),
        torch.cat([masks, torch.full((1, 4, 8), IGNORED)], dim=1),
    )

    assert float(loss) == pytest.approx(of_place + CLASS_WEIGHT * of_class, rel=1e-5)
    assert float(padded) == pytest.approx(float(loss), rel=1e-6)


def test_dark_on_light_has_the_contrast_of_light_on_dark() -> None:
    import torch

    from cleanlab_assets.models.estimators.unet_segmenter import standardize

    picture = torch.full((3, 40, 50), 0.2)
    picture[:, 10:20, 10:20] = 0.9
    light, dark = standardize(picture), standardize(1 - picture)

    assert light.shape == (4, 40, 50)
    torch.testing.assert_close(light[3], dark[3], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(light[:3], -dark[:3], atol=1e-4, rtol=1e-3)
    assert light[3, 15, 15] > 2 * light[3, 35, 45]
