"""Torchvision's networks with published weights for segmentation, used as they are where these know the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cleanlab_assets.models.estimators.image_batches import (
    IGNORED,
    find_objects,
    pad_to_common_size,
    predict_in_batches,
    shrink_to_limit,
    to_arrays,
    to_mask,
    to_pixels,
)
from cleanlab_assets.models.estimators.published_weights import (
    FineTunedEstimator,
    PublishedEstimator,
    build_network,
    find_categories,
    find_published,
)
from cleanlab_assets.models.estimators.torch_training import export_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


@dataclass(kw_only=True, eq=False, repr=False)
class PretrainedSegmenter(FineTunedEstimator):
    """Predicts the class of every pixel with a network of torchvision that was trained on everyday pictures.

    The architecture has an auxiliary classifier, which takes part in fine-tuning.
    """

    epochs: int = 5
    batch_size: int = 4
    learning_rate: float = 5e-4
    shortest_side: int = 520

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background, which takes the probabilities of all categories that are no class of the images;
        probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network has no weights.
        """
        predicted = predict_in_batches(
            self._restore(), images, batch_size=self.batch_size, longest_side=self._longest_side, stride=1
        )
        yield from (keep_categories(found, self._categories) for found in predicted)

    @property
    def _longest_side(self) -> int:
        return LONGEST_TO_SHORTEST * self.shortest_side

    def _build_published(self) -> Any:
        n_categories = len(find_published(self.architecture).meta["categories"])
        return build_network(self.architecture, num_classes=n_categories, aux_loss=True)

    def _wrap(self, network: nn.Module) -> SizedNetwork:
        transforms = find_published(self.architecture).transforms()
        return SizedNetwork(network, mean=transforms.mean, std=transforms.std, shortest_side=self.shortest_side)

    def _replace_head(self, network: Any) -> None:
        for head in (network.classifier, network.aux_classifier):
            head[-1] = nn.Conv2d(head[-1].in_channels, len(self.class_names_) + 1, 1)

    def _compute_loss(self, network: Any, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:  # noqa: ARG002
        pictures = [shrink_to_limit(to_pixels(image), self._longest_side) for image in batch]
        masks = [shrink_to_limit(to_mask(image), self._longest_side) for image in batch]
        device = network.mean.device
        given = pad_to_common_size(masks, 1, fill=float(IGNORED))[:, 0].long().to(device)
        n_judged = (given != IGNORED).sum().clamp(min=1)
        main, auxiliary = (
            functional.cross_entropy(logits, given, ignore_index=IGNORED, reduction="sum") / n_judged
            for logits in network.compute_both(pad_to_common_size(pictures, 1, fill=0.0).to(device))
        )
        return main + AUXILIARY_WEIGHT * auxiliary


@dataclass(kw_only=True, eq=False, repr=False)
class InstanceSegmenter(PublishedEstimator):
    """Predicts the class of every pixel from the objects that Mask R-CNN, trained on COCO, finds.

    The published weights are used as they are, which never saw the images. They cannot be fine-tuned here: a class mask
    does not tell one object from the next.

    Args:
        batch_size: images at a time.
        score_threshold: predicted objects with a lower score are left out.
    """

    batch_size: int = 2
    score_threshold: float = 0.05
    shortest_side: int = 800

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
        self.weights_ = export_weights(self._load_published())
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background; probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network has no weights.
        """
        network = self._restore()
        known = find_categories(self.architecture, self.class_names_)
        class_of = {known[name]: code for code, name in enumerate(self.class_names_, start=1)}
        for found in find_objects(network, images, batch_size=self.batch_size):
            masks, labels, scores = to_arrays(found, "masks", "labels", "scores")
            ids = np.array([class_of.get(int(label), 0) for label in labels], dtype=np.int64)
            yield combine_instances(masks[:, 0], ids, scores, n_classes=len(self.class_names_))

    def _build(self) -> Any:
        return build_network(self.architecture, box_score_thresh=self.score_threshold, min_size=self.shortest_side)

    _build_published = _build


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
