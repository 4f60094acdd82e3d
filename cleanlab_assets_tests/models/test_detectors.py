from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets_tests.datasets.known_scenes import make_scenes

SMALL = {"epochs": 2, "width": 16, "image_size": 64}


@pytest.fixture(scope="module")
def fitted() -> Any:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    return FcosDetector(**SMALL, random_state=3).fit(make_scenes(12))


def test_the_same_seed_gives_the_same_detector(fitted: Any) -> None:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    again = FcosDetector(**SMALL, random_state=3).fit(make_scenes(12))
    other = FcosDetector(**SMALL, random_state=4).fit(make_scenes(12))

    for name, values in fitted.weights_.items():
        np.testing.assert_array_equal(values, again.weights_[name])
    assert any(not np.array_equal(values, other.weights_[name]) for name, values in fitted.weights_.items())


def test_predictions_do_not_depend_on_the_batches(fitted: Any) -> None:
    scenes = make_scenes(6)
    together = fitted.predict(scenes)
    alone = [fitted.predict([scene])[0] for scene in scenes]
    for first, second in zip(together, alone, strict=True):
        np.testing.assert_allclose(first.boxes, second.boxes, atol=1e-2)
        np.testing.assert_allclose(first.scores, second.scores, atol=1e-4)


def test_training_lowers_the_loss_and_leaves_the_random_state_alone() -> None:
    import torch

    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    short = FcosDetector(**(SMALL | {"epochs": 1})).fit(make_scenes(12))
    assert torch.equal(torch.rand(1), expected)
    assert FcosDetector(**(SMALL | {"epochs": 6})).fit(make_scenes(12)).loss_ < short.loss_


@pytest.mark.parametrize("name", ["small_detector", "fasterrcnn_mobilenet_v3_large_fpn", "maskrcnn_resnet50_fpn"])
def test_no_detector_predicts_without_training_or_weights(name: str) -> None:
    from cleanlab_assets.models.estimators.torch_training import NotTrainedError

    assert name in models_of("object_detection")
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector
    from cleanlab_assets.models.estimators.pretrained_detector import PretrainedDetector

    detector: Any = FcosDetector() if name == "small_detector" else PretrainedDetector(name)
    with pytest.raises(NotTrainedError, match="call fit first"):
        detector.predict(make_scenes(1))


def test_a_single_batch_is_enough_to_train_on() -> None:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    assert np.isfinite(FcosDetector(**(SMALL | {"epochs": 1})).fit(make_scenes(3)).loss_)


def test_images_without_any_box_teach_nothing() -> None:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector
    from cleanlab_assets_tests.datasets.known_scenes import make_image

    with pytest.raises(ValueError, match="none of 1 training images has a box"):
        FcosDetector().fit([make_image([], ())])


def test_a_stored_network_comes_back_with_its_card(fitted: Any) -> None:
    network = TrainedNetwork(weights=fitted.weights_, card={"model": "small_detector", "seed": 3})

    back = TrainedNetwork.from_bytes(network.to_bytes({"run_id": "x"}))

    assert back.card == {"model": "small_detector", "seed": 3, "provenance": {"run_id": "x"}}
    assert back.weights.keys() == fitted.weights_.keys()
    for name, values in fitted.weights_.items():
        np.testing.assert_array_equal(back.weights[name], values)
