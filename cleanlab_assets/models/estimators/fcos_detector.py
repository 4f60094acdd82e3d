"""A small one-stage object detector that is trained from scratch in a minute on a CPU.

The detector is torchvision's FCOS (Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, ICCV 2019) on a
backbone of eight small convolution layers with one feature level of stride 8.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOSHead

from cleanlab_assets.models.estimators.image_batches import (
    find_objects,
    sum_losses,
    to_pixels,
    to_scored_boxes,
    to_targets,
    vary_colours,
)
from cleanlab_assets.models.estimators.torch_training import TrainedEstimator, convolve, export_weights, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import numpy as np

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage

STRIDE = 8
_MEAN, _DEVIATION = [0.5] * 3, [0.25] * 3


class SmallBackbone(nn.Module):
    """Eight convolution layers down to stride 16, joined to one feature map of stride 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out_channels = 2 * width
        self.fine = nn.Sequential(
            convolve(3, width // 2, stride=2),
            convolve(width // 2, width),
            convolve(width, width, stride=2),
            convolve(width, width),
        )
        self.middle = nn.Sequential(convolve(width, 2 * width, stride=2), convolve(2 * width, 2 * width))
        self.coarse = nn.Sequential(convolve(2 * width, 2 * width, stride=2), convolve(2 * width, 2 * width))
        self.merge = convolve(2 * width, 2 * width)

    def forward(self, pixels: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        """Return the feature map under the name that torchvision's detectors expect."""
        middle = self.middle(self.fine(pixels))
        coarse = nn.functional.interpolate(self.coarse(middle), size=middle.shape[-2:])
        return OrderedDict([("0", self.merge(middle + coarse))])


@dataclass(kw_only=True, eq=False, repr=False)
class FcosDetector(TrainedEstimator):
    """Finds objects in images: ``fit`` and ``predict`` take annotated images, in batches that bound the memory.

    Args:
        kernel_learning_rate: highest rate of the cycle of Muon, which trains the kernels inside the network.
        width: channels of the backbone's first stage; a multiple of 16.
        image_size: pixels of the shorter side that images are scaled to; at most twice as many on the longer side.
        score_threshold: predicted boxes with a lower score are left out.
    """

    epochs: int = 30
    batch_size: int = 4
    learning_rate: float = 6e-3
    kernel_learning_rate: float = 0.05
    width: int = 32
    image_size: int = 128
    score_threshold: float = 0.05

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Train a new network on images and their given boxes.

        Raises:
            ValueError: there is no image, or none has a box.
        """
        if not any(len(image.boxes) for image in images):
            raise ValueError(f"none of {len(images)} training images has a box: there is nothing to learn")
        self.class_names_ = tuple(images[0].class_names)
        with seeded(self.random_state):
            network = self._build()
            self._train(
                network,
                [(image, to_targets(image)) for image in images],  # encoded: pixels are decoded batch by batch
                _compute_loss,
                kernels=_find_inner_kernels(network),
                kernel_learning_rate=self.kernel_learning_rate,
            )
        self.weights_ = export_weights(network)
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Return the predicted boxes of each image, best first.

        Raises:
            NotTrainedError: the detector was not fitted.
        """
        network = self._restore("the detector is not trained")
        codes = range(len(self.class_names_))
        return [
            to_scored_boxes(found, codes) for found in find_objects(network, images, batch_size=self.batch_size * 4)
        ]

    def _build(self) -> FCOS:
        backbone = SmallBackbone(self.width)
        n_classes = len(self.class_names_)
        return FCOS(
            backbone,
            num_classes=n_classes,
            min_size=self.image_size,
            max_size=2 * self.image_size,
            image_mean=_MEAN,
            image_std=_DEVIATION,
            anchor_generator=AnchorGenerator(sizes=((STRIDE,),), aspect_ratios=((1.0,),)),
            head=FCOSHead(backbone.out_channels, 1, n_classes, num_convs=1),
            score_thresh=self.score_threshold,
            nms_thresh=0.5,
            detections_per_img=100,
        )


def _find_inner_kernels(network: FCOS) -> list[nn.Conv2d]:
    """Return the convolutions of the backbone and of the head's towers; those that give its output are none of them."""
    towers = (network.head.classification_head.conv, network.head.regression_head.conv)
    return [part for owner in (network.backbone, *towers) for part in owner.modules() if isinstance(part, nn.Conv2d)]


def _compute_loss(network: nn.Module, batch: list[Any], rng: np.random.Generator) -> torch.Tensor:
    varied = [_vary(to_pixels(image), target, rng) for image, target in batch]
    return sum_losses(network, [picture for picture, _ in varied], [target for _, target in varied])


def _vary(
    pixels: torch.Tensor, target: dict[str, torch.Tensor], rng: np.random.Generator
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Change colours, brightness, contrast and place; mirror images of digits and letters would be wrong."""
    pixels = vary_colours(pixels, rng)
    height, width = pixels.shape[-2:]
    right, down = (int(rng.integers(-side // 6, side // 6 + 1)) for side in (width, height))
    # The rows and columns that come free repeat the border.
    rows, columns = torch.arange(height) - down, torch.arange(width) - right
    pixels = pixels[:, rows.clamp(0, height - 1)][:, :, columns.clamp(0, width - 1)]
    moved = target["boxes"] + torch.tensor([right, down, right, down])
    limits = torch.tensor([width, height, width, height])
    boxes = torch.minimum(moved.clamp(min=0), limits)
    is_there = _areas(boxes) > _areas(moved) / 2
    return pixels, {"boxes": boxes[is_there], "labels": target["labels"][is_there]}


def _areas(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
