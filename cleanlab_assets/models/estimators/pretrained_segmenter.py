"""Torchvision's networks with published weights for segmentation, used as they are where these know the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn import functional

from cleanlab_assets.models.estimators.image_batches import (
    IGNORED,
    pad_to_common_size,
    predict_in_batches,
    shrink_to_limit,
    to_mask,
    to_pixels,
)
from cleanlab_assets.models.estimators.published_weights import (
    build_network,
    find_categories,
    find_published,
    knows_all,
    read_published,
)
from cleanlab_assets.models.estimators.torch_training import (
    NotTrainedError,
    Schedule,
    export_weights,
    iterate_batches,
    load_weights,
    pick_device,
    predicting,
    seeded,
    train_network,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from cleanlab_assets.datasets.images import AnnotatedImage

AUXILIARY_WEIGHT = 0.5
"""Weight of the auxiliary classifier's loss, as in torchvision's own training."""
LONGEST_TO_SHORTEST = 4
"""A network sees no picture longer than so many times the shorter side, which bounds the memory of panoramas."""


class SizedNetwork(nn.Module):
    """A segmentation network of torchvision that sees pictures as its published transforms would give them.

    The shorter side is resized to ``shortest_side``, or to less where the longer one would exceed its limit, and
    colours are normalized; logits get the size of the pictures.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float], shortest_side: int) -> None:
        super().__init__()
        self.network = network
        self.shortest_side = shortest_side
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (n, n_categories, height, width) for pixels of shape (n, 3, height, width)."""
        return _resize(self._look_at(pixels)["out"], list(pixels.shape[-2:]))

    def compute_both(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of the classifier and of the auxiliary one, which takes part in training alone."""
        logits = self._look_at(pixels)
        return _resize(logits["out"], list(pixels.shape[-2:])), _resize(logits["aux"], list(pixels.shape[-2:]))

    def _look_at(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        sides = pixels.shape[-2:]
        factor = min(self.shortest_side / min(sides), LONGEST_TO_SHORTEST * self.shortest_side / max(sides))
        seen = _resize(pixels, [max(1, round(side * factor)) for side in sides])
        found: dict[str, torch.Tensor] = self.network((seen - self.mean) / self.std)
        return found


class PretrainedSegmenter(BaseEstimator):  # type: ignore[misc]
    """Predicts the class of every pixel with a network of torchvision that was trained on everyday pictures.

    Where its weights know all classes of the images, they are used as they are: they never saw the images, so every
    prediction is out of sample. Else the last layers are replaced and the network is fine-tuned on the training images.
    Without the published weights nothing is predicted: ``fit`` ends with one line that names file and address.

    Args:
        architecture: name of the network in ``torchvision.models``; one with an auxiliary classifier.
        epochs: passes over the training images when the network is fine-tuned.
        batch_size: images at a time, in training and in prediction.
        learning_rate: highest rate of the cycle when the network is fine-tuned.
        shortest_side: pictures are resized to it, as in the training of the weights; less is faster and coarser.
        random_state: seed of the new layers, of the order and of dropout.
        weights_dir: where the published weights are kept; ``fit`` needs it.
    """

    def __init__(
        self,
        architecture: str,
        *,
        epochs: int = 5,
        batch_size: int = 4,
        learning_rate: float = 5e-4,
        shortest_side: int = 520,
        random_state: int = 0,
        weights_dir: Path | None = None,
    ) -> None:
        self.architecture = architecture
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.shortest_side = shortest_side
        self.random_state = random_state
        self.weights_dir = weights_dir

    def knows(self, class_names: Sequence[str]) -> bool:
        """Whether the published weights know all of some classes, so that nothing is trained."""
        return knows_all(self.architecture, class_names)

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Fetch the weights, and fine-tune them on the given class masks if they do not know all classes.

        Raises:
            WeightsError: the published weights cannot be had, or are not the published ones.
            ValueError: the network has to be fine-tuned, and an image has no class mask.
        """
        self.class_names_ = tuple(images[0].class_names)
        published = read_published(self.architecture, self.weights_dir)
        if self.knows(self.class_names_):
            self.weights_ = export_weights(load_weights(self._build(), published))
            return self
        device = pick_device()
        with seeded(self.random_state):
            network = load_weights(self._build(), published)
            self._replace_last_layers(network)
            sized = self._size(network).to(device)
            self.loss_ = train_network(
                sized,
                list(images),
                self._compute_loss,
                schedule=Schedule(epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate),
                device=device,
                seed=self.random_state,
            )
        self.weights_ = export_weights(network)
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background, which takes the probabilities of all categories that are no class of the images;
        probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network has no weights.
        """
        if not hasattr(self, "weights_"):
            raise NotTrainedError(f"{self.architecture} has no weights: call fit first")
        network = self._build()
        if self.knows(self.class_names_):
            known = find_categories(self.architecture, self.class_names_)
            categories = [known[name] for name in self.class_names_]
        else:
            self._replace_last_layers(network)
            categories = list(range(1, len(self.class_names_) + 1))
        sized = self._size(load_weights(network, self.weights_)).to(pick_device()).eval()
        predicted = predict_in_batches(
            sized, images, batch_size=self.batch_size, longest_side=self._longest_side, stride=1
        )
        yield from (keep_categories(found, categories) for found in predicted)

    @property
    def _longest_side(self) -> int:
        return LONGEST_TO_SHORTEST * self.shortest_side

    def _build(self) -> Any:
        n_categories = len(find_published(self.architecture).meta["categories"])
        return build_network(self.architecture, num_classes=n_categories, aux_loss=True)

    def _size(self, network: nn.Module) -> SizedNetwork:
        transforms = find_published(self.architecture).transforms()
        return SizedNetwork(network, mean=transforms.mean, std=transforms.std, shortest_side=self.shortest_side)

    def _replace_last_layers(self, network: Any) -> None:
        for head in (network.classifier, network.aux_classifier):
            head[-1] = nn.Conv2d(head[-1].in_channels, len(self.class_names_) + 1, 1)

    def _compute_loss(self, network: Any, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:  # noqa: ARG002
        pictures = [shrink_to_limit(to_pixels(image), self._longest_side) for image in batch]
        masks = [shrink_to_limit(to_mask(image), self._longest_side) for image in batch]
        device = network.mean.device
        given = pad_to_common_size(masks, 1, fill=float(IGNORED))[:, 0].long().to(device)
        main, auxiliary = (
            functional.cross_entropy(logits, given, ignore_index=IGNORED)
            for logits in network.compute_both(pad_to_common_size(pictures, 1, fill=0.0).to(device))
        )
        return main + AUXILIARY_WEIGHT * auxiliary


class InstanceSegmenter(BaseEstimator):  # type: ignore[misc]
    """Predicts the class of every pixel from the objects that Mask R-CNN, trained on COCO, finds.

    The published weights are used as they are, which never saw the images. They cannot be fine-tuned here: a class mask
    does not tell one object from the next.

    Args:
        architecture: name of a Mask R-CNN in ``torchvision.models``.
        batch_size: images at a time.
        score_threshold: predicted objects with a lower score are left out.
        shortest_side: pictures are resized to it, as in the training of the weights; less is faster and coarser.
        weights_dir: where the published weights are kept; ``fit`` needs it.
    """

    def __init__(
        self,
        architecture: str,
        *,
        batch_size: int = 2,
        score_threshold: float = 0.05,
        shortest_side: int = 800,
        weights_dir: Path | None = None,
    ) -> None:
        self.architecture = architecture
        self.batch_size = batch_size
        self.score_threshold = score_threshold
        self.shortest_side = shortest_side
        self.weights_dir = weights_dir

    def knows(self, class_names: Sequence[str]) -> bool:
        """Whether COCO has all of some classes."""
        return knows_all(self.architecture, class_names)

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Fetch the weights.

        Raises:
            ValueError: COCO lacks classes of the images; the message names them.
            WeightsError: the published weights cannot be had, or are not the published ones.
        """
        self.class_names_ = tuple(images[0].class_names)
        known = find_categories(self.architecture, self.class_names_)
        if lacking := [name for name in self.class_names_ if name not in known]:
            raise ValueError(
                f"{self.architecture} knows only the classes of COCO, which lacks {', '.join(lacking)}, and cannot "
                "be trained on class masks, which do not separate objects: choose another segmentation model"
            )
        self.weights_ = export_weights(load_weights(self._build(), read_published(self.architecture, self.weights_dir)))
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background; probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network has no weights.
        """
        if not hasattr(self, "weights_"):
            raise NotTrainedError(f"{self.architecture} has no weights: call fit first")
        known = find_categories(self.architecture, self.class_names_)
        class_of = {known[name]: code for code, name in enumerate(self.class_names_, start=1)}
        device = pick_device()
        network = load_weights(self._build(), self.weights_).to(device).eval()
        for batch in iterate_batches(images, self.batch_size):
            with predicting(device):
                results = network([to_pixels(image).to(device) for image in batch])
            for result in results:
                masks, labels, scores = (result[name].float().cpu().numpy() for name in ("masks", "labels", "scores"))
                ids = np.array([class_of.get(int(label), 0) for label in labels], dtype=np.int64)
                yield combine_instances(masks[:, 0], ids, scores, n_classes=len(self.class_names_))

    def _build(self) -> nn.Module:
        return build_network(self.architecture, box_score_thresh=self.score_threshold, min_size=self.shortest_side)


def keep_categories(probabilities: np.ndarray, categories: Sequence[int]) -> np.ndarray:
    """Keep the probabilities of some categories; background, first, takes those of all others.

    Args:
        probabilities: shape (n_categories, height, width); those of each pixel sum to 1.
        categories: the category of each class.

    Returns:
        Shape (1 + number of classes, height, width).
    """
    others = np.delete(probabilities, categories, axis=0).sum(axis=0)
    return np.concatenate([others[None], probabilities[list(categories)]])


def combine_instances(masks: np.ndarray, ids: np.ndarray, scores: np.ndarray, *, n_classes: int) -> np.ndarray:
    """Turn predicted objects into probabilities of every pixel, as if objects were there independently of each other.

    An object covers a pixel with probability score x mask. A class is there unless none of its objects is, background
    is where no object is; both are scaled so that they sum to 1.

    Args:
        masks: soft mask of each object, from 0 to 1, shape (n_objects, height, width).
        ids: id of each object's class, from 1 on; objects of id 0 are of no class and left out; shape (n_objects,).
        scores: score of each object, from 0 to 1, shape (n_objects,).
        n_classes: number of classes.

    Returns:
        float32 of shape (n_classes + 1, height, width), background first.
    """
    absent = np.ones((n_classes + 1, *masks.shape[1:]), dtype=np.float32)
    for mask, code, score in zip(masks, ids, scores, strict=True):
        if code > 0:
            absent[code] *= 1 - np.clip(score * mask, 0, 1)
    combined: np.ndarray = np.concatenate([absent[1:].prod(axis=0, keepdims=True), 1 - absent[1:]])
    # The sum is never 0: where background is impossible, an object is certain.
    combined /= combined.sum(axis=0, keepdims=True)
    return combined


def _resize(values: torch.Tensor, size: list[int]) -> torch.Tensor:
    if list(values.shape[-2:]) == size:
        return values
    # Smooth shrinking is not made for bfloat16.
    return functional.interpolate(values.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
