"""Detectors and segmenters with published weights: as they are, fine-tuned, fetched, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.datasets.images import AnnotatedImage, encode_png
from cleanlab_assets.datasets.weights import WeightsError
from cleanlab_assets.models.catalogue import ESTIMATOR_STEP, BuildContext, build_model, models_of, parameters_of
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.datasets.source_server import Reply, run_source_server
from cleanlab_assets_tests.models.published import MEAN, STD, Published, publish, use_published

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cleanlab_assets_tests.datasets.source_server import SourceServer

FASTER_RCNN, MASK_RCNN = "fasterrcnn_mobilenet_v3_large_fpn", "maskrcnn_resnet50_fpn"
DEEPLAB = "deeplabv3_mobilenet_v3_large"
VOC = ["__background__", *(f"thing {number}" for number in range(1, 15)), "person", *(f"x{n}" for n in range(16, 21))]
COCO = ["__background__", "person", "N/A", "dog", *(f"thing {number}" for number in range(4, 91))]
PEOPLE = ("pedestrian",)
SHAPES = ("disc", "bar")


def make_pictures(n_images: int, class_names: tuple[str, ...] = PEOPLE, *, side: int = 64) -> list[AnnotatedImage]:
    """Noise with one bright square of a class on each picture but the last one, which is empty."""
    rng = np.random.default_rng(3)
    images = []
    for number in range(n_images):
        pixels = rng.integers(0, 100, (side, side, 3))
        mask = np.zeros((side, side), dtype=np.int32)
        has_object = number < n_images - 1
        if has_object:
            mask[10:40, 20:50] = 1 + number % len(class_names)
            pixels[mask > 0] += 100
        images.append(
            AnnotatedImage(
                row_id=f"{number}.png",
                image=encode_png(pixels.astype(np.uint8)),
                class_names=class_names,
                boxes=np.array([[20, 10, 50, 40]] * has_object, dtype=np.float64).reshape(-1, 4),
                box_labels=(class_names[number % len(class_names)],) * has_object,
                class_mask=mask,
            )
        )
    return images


def make_wide(class_names: tuple[str, ...] = PEOPLE) -> AnnotatedImage:
    pixels = np.random.default_rng(4).integers(0, 255, (37, 131, 3)).astype(np.uint8)
    return AnnotatedImage(
        row_id="wide.png",
        image=encode_png(pixels),
        class_names=class_names,
        boxes=np.zeros((0, 4)),
        box_labels=(),
        class_mask=np.zeros((37, 131), dtype=np.int32),
    )


def make_network(architecture: str, **options: Any) -> Any:
    """A network as torchvision builds it, with statistics of normalization that are those of no batch."""
    import torch
    from torchvision.models import get_model

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = get_model(architecture, weights=None, weights_backbone=None, **options)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.get_buffer("running_mean"), -0.1, 0.1)
                torch.nn.init.uniform_(module.get_buffer("running_var"), 0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def deeplab_network() -> Any:
    return make_network(DEEPLAB, num_classes=len(VOC), aux_loss=True)


@pytest.fixture(scope="module")
def deeplab(deeplab_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("deeplab"), deeplab_network.state_dict())


@pytest.fixture(scope="module")
def faster_rcnn(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return publish(tmp_path_factory.mktemp("faster_rcnn"), make_network(FASTER_RCNN).state_dict())


@pytest.fixture(scope="module")
def mask_rcnn(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Weights that take every place for a person, with a score of 0.18 and a mask of 0.5 all over the box."""
    values = make_network(MASK_RCNN).state_dict()
    for layer in ("box_predictor.cls_score", "box_predictor.bbox_pred", "mask_predictor.mask_fcn_logits"):
        for kind in ("weight", "bias"):
            values[f"roi_heads.{layer}.{kind}"].zero_()
    values["roi_heads.box_predictor.cls_score.bias"][1] = 3.0
    # The published file is older than today's names of these layers, and than counters of batches.
    for number in range(1, 5):
        for kind in ("weight", "bias"):
            name = f"roi_heads.mask_head.{number - 1}.0.{kind}"
            values[f"roi_heads.mask_head.mask_fcn{number}.{kind}"] = values.pop(name)
    values = {name: tensor for name, tensor in values.items() if not name.endswith("num_batches_tracked")}
    return publish(tmp_path_factory.mktemp("mask_rcnn"), dict(values))


@pytest.fixture
def use_deeplab(monkeypatch: pytest.MonkeyPatch, deeplab: Published) -> Published:
    url = f"https://localhost:9/{deeplab.path.name}"
    use_published(monkeypatch, url=url, categories=VOC)
    return deeplab


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with run_source_server() as running:
        yield running


def make_deeplab(**parameters: Any) -> Any:
    from cleanlab_assets.models.estimators.pretrained_segmenter import PretrainedSegmenter

    return PretrainedSegmenter(DEEPLAB, **({"shortest_side": 64} | parameters))


def make_mask_rcnn(**parameters: Any) -> Any:
    from cleanlab_assets.models.estimators.pretrained_segmenter import InstanceSegmenter

    return InstanceSegmenter(MASK_RCNN, **({"shortest_side": 64} | parameters))


def make_detector(architecture: str = FASTER_RCNN, **parameters: Any) -> Any:
    from cleanlab_assets.models.estimators.pretrained_detector import PretrainedDetector

    return PretrainedDetector(architecture, **({"shortest_side": 64, "score_threshold": 0.0} | parameters))


MAKERS = [make_detector, make_deeplab, make_mask_rcnn]


def assert_same_values(weights: dict[str, np.ndarray], published: Published) -> None:
    """All weights are those of the file; counters of batches, which nothing uses, may be left out."""
    assert weights.keys() <= published.values.keys()
    assert {name.rpartition(".")[2] for name in published.values.keys() - weights.keys()} <= {"num_batches_tracked"}
    for name, values in weights.items():
        np.testing.assert_array_equal(values, published.values[name].numpy())


def test_deeplab_is_used_as_it_is_where_its_weights_know_all_classes(
    use_deeplab: Published, deeplab_network: Any
) -> None:
    import torch

    segmenter, images = make_deeplab(weights_dir=use_deeplab.weights_dir), make_pictures(2)
    assert segmenter.knows(PEOPLE)
    predicted = list(segmenter.fit(images).predict(images))

    assert_same_values(segmenter.weights_, use_deeplab)
    for image, found in zip(images, predicted, strict=True):
        pixels = (image.read_pixels() / 255 - np.array(MEAN)) / np.array(STD)
        with torch.inference_mode():
            logits = deeplab_network(torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))[None])["out"][0]
        person = torch.softmax(logits, dim=0)[VOC.index("person")].numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, np.stack([1 - person, person]), atol=1e-4)


@pytest.mark.slow
def test_deeplab_predicts_images_of_any_size_alike_in_every_batch(use_deeplab: Published) -> None:
    images = [*make_pictures(3), make_wide(), *make_pictures(1)]
    segmenter = make_deeplab(batch_size=2, weights_dir=use_deeplab.weights_dir).fit(images)

    for image, together in zip(images, segmenter.predict(images), strict=True):
        assert together.shape == (2, image.height, image.width)
        np.testing.assert_allclose(together.sum(axis=0), 1, atol=1e-5)
        (alone,) = segmenter.predict([image])
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_shorter_side_is_resized_to_that_of_the_training(use_deeplab: Published) -> None:  # noqa: ARG001
    import torch

    from cleanlab_assets.models.estimators.pretrained_segmenter import SizedNetwork

    seen = []

    class Watcher(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
            seen.append(pixels.clone())
            return {"out": pixels}

    sized = SizedNetwork(Watcher(), mean=MEAN, std=STD, shortest_side=80)
    logits = sized(torch.full((1, 3, 40, 30), 0.5))
    sized(torch.zeros((1, 3, 20, 200)))

    assert seen[0].shape == (1, 3, 107, 80)
    assert logits.shape == (1, 3, 40, 30)
    assert seen[1].shape == (1, 3, 32, 320)  # no longer than four times the shorter side
    expected = (0.5 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(seen[0].mean(dim=(0, 2, 3)).numpy(), expected, rtol=1e-5)


@pytest.mark.slow
def test_deeplab_is_fine_tuned_where_its_weights_lack_a_class(use_deeplab: Published) -> None:
    images = [*make_pictures(4, SHAPES), make_wide(SHAPES)]  # a batch of four, one of a single image
    short = make_deeplab(epochs=1, weights_dir=use_deeplab.weights_dir).fit(images)
    longer = make_deeplab(epochs=6, weights_dir=use_deeplab.weights_dir).fit(images)

    assert not short.knows(SHAPES)
    assert longer.loss_ < short.loss_
    assert short.weights_["classifier.4.weight"].shape[0] == short.weights_["aux_classifier.4.weight"].shape[0] == 3
    kinds = {"running_mean": 0, "running_var": 0, "conv": 0}
    for name, values in longer.weights_.items():
        kind = name.rpartition(".")[2]
        if kind in kinds:  # few images say little of the statistics of all
            kinds[kind] += 1
            np.testing.assert_array_equal(values, use_deeplab.values[name].numpy())
    assert kinds["running_mean"] == kinds["running_var"] > 40
    assert not np.array_equal(longer.weights_["classifier.1.weight"], use_deeplab.values["classifier.1.weight"].numpy())
    for image, found in zip(images, longer.predict(images), strict=True):
        assert found.shape == (3, image.height, image.width)
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    again = make_deeplab(epochs=1, weights_dir=use_deeplab.weights_dir).fit(images)
    for name, values in short.weights_.items():
        np.testing.assert_array_equal(again.weights_[name], values)


@pytest.mark.slow
def test_a_fine_tuned_deeplab_finds_what_it_was_shown(use_deeplab: Published) -> None:
    images = make_pictures(9, ("disc",))
    segmenter = make_deeplab(epochs=25, learning_rate=2e-3, weights_dir=use_deeplab.weights_dir).fit(images)

    given = np.stack([image.class_mask == 1 for image in images if image.class_mask is not None])
    found = np.stack([probabilities.argmax(axis=0) == 1 for probabilities in segmenter.predict(images)])
    assert (found & given).sum() / (found | given).sum() > 0.6


@pytest.mark.slow
def test_mask_rcnn_tells_pixels_from_the_objects_it_finds(
    monkeypatch: pytest.MonkeyPatch, mask_rcnn: Published
) -> None:
    url = f"https://localhost:9/{mask_rcnn.path.name}"
    use_published(monkeypatch, url=url, categories=COCO)
    images = [*make_pictures(1), make_wide()]
    segmenter = make_mask_rcnn(weights_dir=mask_rcnn.weights_dir)

    assert segmenter.knows(PEOPLE)
    predicted = list(segmenter.fit(images).predict(images))

    for name, values in segmenter.weights_.items():
        if "mask_head" not in name:
            np.testing.assert_array_equal(values, mask_rcnn.values[name].numpy())
    first = mask_rcnn.values["roi_heads.mask_head.mask_fcn1.weight"].numpy()
    np.testing.assert_array_equal(segmenter.weights_["roi_heads.mask_head.0.0.weight"], first)
    for image, found in zip(images, predicted, strict=True):
        assert found.shape == (2, image.height, image.width)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    # Where one object is and no other, its class has score x mask; elsewhere there is more, or nothing.
    alone = 0.5 * np.exp(3) / (np.exp(3) + len(COCO) - 1)
    values = np.concatenate([found[1].ravel() for found in predicted])
    assert (np.abs(values - alone) < 1e-4).any()
    assert values.max() > 1.5 * alone
    # Objects of a category that is no class of the images belong to the background.
    for found in segmenter.fit(make_pictures(1, ("dog",))).predict(images[:1]):
        np.testing.assert_array_equal(found, np.stack([np.ones(found.shape[1:]), np.zeros(found.shape[1:])]))


@pytest.mark.slow
def test_the_oldest_weights_add_nothing_to_variances_as_in_torchvision() -> None:
    from torchvision.ops import FrozenBatchNorm2d

    from cleanlab_assets.models.estimators.published_weights import build_network

    found = {}
    for architecture in (MASK_RCNN, FASTER_RCNN, DEEPLAB):
        network = build_network(architecture)
        found[architecture] = {module.eps for module in network.modules() if isinstance(module, FrozenBatchNorm2d)}
    assert found == {MASK_RCNN: {0.0}, FASTER_RCNN: {1e-5}, DEEPLAB: {1e-5, 1e-3}}


def test_objects_become_probabilities_as_worked_out_by_hand() -> None:
    from cleanlab_assets.models.estimators.pretrained_segmenter import combine_instances

    masks = np.array([[[1.0, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]])
    found = combine_instances(masks, np.array([1, 1, 2, 0]), np.array([0.8, 0.5, 0.6, 0.9]), n_classes=2)

    # First pixel: no object of class 1 with 0.2 x 0.5. Second: none of class 1 with 0.6, none of class 2 with 0.4.
    assert found.shape == (3, 1, 2)
    np.testing.assert_allclose(found[:, 0, 0], [0.1, 0.9, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[:, 0, 1], np.array([0.24, 0.4, 0.6]) / 1.24, atol=1e-6)
    sure = combine_instances(np.ones((2, 1, 1)), np.array([1, 2]), np.ones(2), n_classes=2)
    np.testing.assert_allclose(sure[:, 0, 0], [0.0, 0.5, 0.5])
    nothing = combine_instances(np.zeros((0, 2, 3)), np.zeros(0, dtype=int), np.zeros(0), n_classes=1)
    np.testing.assert_array_equal(nothing, np.stack([np.ones((2, 3)), np.zeros((2, 3))]))


def test_background_takes_the_probabilities_of_all_other_categories() -> None:
    from cleanlab_assets.models.estimators.pretrained_segmenter import keep_categories

    probabilities = np.array([0.1, 0.2, 0.3, 0.4]).reshape(4, 1, 1)
    np.testing.assert_allclose(keep_categories(probabilities, [3, 1])[:, 0, 0], [0.4, 0.4, 0.2])


def test_mask_rcnn_names_the_classes_that_it_cannot_know_before_any_contact(
    monkeypatch: pytest.MonkeyPatch, server: SourceServer, tmp_path: Path
) -> None:
    use_published(monkeypatch, url=f"{server.base_url}/network-01234567.pth", categories=COCO)
    images = make_pictures(2, ("person", "unicorn", "pedestrian"))

    with pytest.raises(ValueError, match=r"COCO, which lacks unicorn, pedestrian, and cannot be trained"):
        make_mask_rcnn(weights_dir=tmp_path).fit(images)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_detector_is_used_as_it_is_where_all_classes_are_known(
    monkeypatch: pytest.MonkeyPatch, faster_rcnn: Published
) -> None:
    url = f"https://localhost:9/{faster_rcnn.path.name}"
    use_published(monkeypatch, url=url, categories=COCO)
    images = make_pictures(2, ("dog", "pedestrian"))
    detector = make_detector(weights_dir=faster_rcnn.weights_dir)

    assert detector.knows(("dog", "pedestrian"))
    assert not detector.knows(("unicorn",))
    found = detector.fit(images).predict(images)

    assert_same_values(detector.weights_, faster_rcnn)
    assert len(found) == 2
    for boxes in found:
        assert set(boxes.codes) <= {0, 1}


@pytest.mark.slow
def test_a_detector_is_fine_tuned_where_a_class_is_unknown(
    monkeypatch: pytest.MonkeyPatch, faster_rcnn: Published
) -> None:
    url = f"https://localhost:9/{faster_rcnn.path.name}"
    use_published(monkeypatch, url=url, categories=COCO)
    images = make_pictures(3, SHAPES)  # a batch of two, one of a single image that has no box
    detector = make_detector(epochs=2, weights_dir=faster_rcnn.weights_dir).fit(images)

    assert detector.weights_["roi_heads.box_predictor.cls_score.weight"].shape[0] == 1 + len(SHAPES)
    trained = "roi_heads.box_head.fc6.weight"
    assert not np.array_equal(detector.weights_[trained], faster_rcnn.values[trained].numpy())
    for name, values in detector.weights_.items():
        if name.endswith("running_var"):
            np.testing.assert_array_equal(values, faster_rcnn.values[name].numpy())
    found = detector.predict(images)
    assert sum(len(boxes.codes) for boxes in found) > 0
    for boxes in found:
        assert set(boxes.codes) <= {0, 1}


@pytest.mark.slow
def test_a_fine_tuned_mask_rcnn_finds_boxes_without_its_branch_of_masks(
    monkeypatch: pytest.MonkeyPatch, mask_rcnn: Published
) -> None:
    url = f"https://localhost:9/{mask_rcnn.path.name}"
    use_published(monkeypatch, url=url, categories=COCO)
    images = make_pictures(2, SHAPES)
    detector = make_detector(MASK_RCNN, epochs=1, weights_dir=mask_rcnn.weights_dir).fit(images)

    assert not any("mask" in name for name in detector.weights_)
    assert len(detector.predict(images)) == 2


@pytest.mark.parametrize("make", [make_deeplab, make_mask_rcnn])
def test_no_segmenter_predicts_without_weights(make: Any) -> None:
    from cleanlab_assets.models.estimators.torch_training import NotTrainedError

    assert {DEEPLAB, MASK_RCNN} <= models_of("segmentation").keys()
    with pytest.raises(NotTrainedError, match="call fit first"):
        next(make().predict(make_pictures(1)))


def test_weights_are_fetched_once_by_the_fit_that_needs_them(
    monkeypatch: pytest.MonkeyPatch, server: SourceServer, tmp_path: Path, deeplab: Published
) -> None:
    name = deeplab.path.name
    url = server.serve(f"/models/{name}", Reply(body=deeplab.path.read_bytes()))
    use_published(monkeypatch, url=url, categories=VOC)

    first, second = (make_deeplab(weights_dir=tmp_path).fit(make_pictures(1)) for _ in range(2))

    assert server.requests == [f"/models/{name}"]
    assert sorted(path.name for path in (tmp_path).iterdir()) == [name, f"{name}.sha256"]
    assert_same_values(first.weights_, deeplab)
    assert_same_values(second.weights_, deeplab)


@pytest.mark.parametrize("make", MAKERS)
def test_a_fit_without_a_directory_for_the_weights_says_so(make: Any) -> None:
    with pytest.raises(WeightsError, match=r"needs its published weights, but no directory for them: set weights_dir"):
        make().fit(make_pictures(2))


@pytest.mark.parametrize("make", MAKERS)
def test_other_bytes_than_the_published_ones_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, server: SourceServer, tmp_path: Path, make: Any
) -> None:
    url = server.serve("/network-01234567.pth", Reply(body=b"other weights"))
    use_published(monkeypatch, url=url, categories=COCO)
    estimator = make(weights_dir=tmp_path)

    with pytest.raises(WeightsError) as caught:
        estimator.fit(make_pictures(2))

    message = str(caught.value)
    assert "\n" not in message
    assert "its SHA-256 is" in message
    assert "expected one that starts with 01234567" in message
    assert str(tmp_path / "network-01234567.pth") in message
    assert url in message
    assert list((tmp_path).iterdir()) == []
    assert not hasattr(estimator, "weights_")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("class_names", [PEOPLE, SHAPES])
def test_without_weights_nothing_is_trained_or_predicted(
    monkeypatch: pytest.MonkeyPatch, server: SourceServer, tmp_path: Path, make: Any, class_names: tuple[str, ...]
) -> None:
    from cleanlab_assets.models.estimators.torch_training import NotTrainedError

    use_published(monkeypatch, url=f"{server.base_url}/gone-01234567.pth", categories=COCO)
    estimator, images = make(weights_dir=tmp_path), make_pictures(2, class_names)

    with pytest.raises((WeightsError, ValueError), match=r"HTTP 404|COCO, which lacks disc, bar"):
        estimator.fit(images)
    with pytest.raises(NotTrainedError):
        list(estimator.predict(images))


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("object_detection", name) for name in (FASTER_RCNN, MASK_RCNN)),
        *(("segmentation", name) for name in (DEEPLAB, MASK_RCNN)),
    ],
)
def test_a_pipeline_is_built_and_asked_for_its_classes_without_fetching(tmp_path: Path, family: str, name: str) -> None:
    kinds = FeatureKinds.of(get_dataset("penn_fudan_ped").columns)
    context = BuildContext(kinds=kinds, n_classes=1, seed=0, data_dir=tmp_path)

    estimator = build_model(family, name, context, parameters={"batch_size": 1}).named_steps[ESTIMATOR_STEP]

    assert estimator.batch_size == 1
    assert estimator.weights_dir == tmp_path / "weights"
    assert parameters_of(estimator).keys() == estimator.get_params().keys() - {"weights_dir", "random_state"}
    assert estimator.knows(get_dataset("penn_fudan_ped").class_names)
    assert not estimator.knows(get_dataset("digit_scenes").class_names)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("architecture", "class_names", "expected"),
    [
        (DEEPLAB, ("pedestrian", "motorbike"), {"pedestrian": 15, "motorbike": 14}),
        (DEEPLAB, ("motorcycle", "tv", "plane", "truck"), {"motorcycle": 14, "tv": 20, "plane": 1}),
        (MASK_RCNN, ("pedestrian", "bike"), {"pedestrian": 1, "bike": 2}),
        (MASK_RCNN, ("pedestrian", "person"), {"person": 1}),
        (MASK_RCNN, ("__background__", "N/A"), {}),
    ],
)
def test_classes_are_known_by_their_names_and_synonyms_each_category_once(
    architecture: str, class_names: tuple[str, ...], expected: dict[str, int]
) -> None:
    from cleanlab_assets.models.estimators.published_weights import find_categories

    assert find_categories(architecture, class_names) == expected
