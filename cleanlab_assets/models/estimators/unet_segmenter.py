"""A small U-Net that is trained from scratch in about a minute on a CPU.

Source: Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015.
What differs, since training is short: blocks of 2 x 2 pixels are folded into channels at the entry and unfolded at the
exit (Shi et al., CVPR 2016), the paths are summed, the finest level says only where an object is and the coarser ones
which it is, and a fourth channel shows contrast without its direction, so that light on dark looks like dark on light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from cleanlab_assets.models.estimators.torch_training import (
    NotTrainedError,
    Schedule,
    export_weights,
    load_weights,
    pick_device,
    seeded,
    train_network,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from cleanlab_assets.datasets.images import AnnotatedImage

FOLD = 2
"""Side of the blocks of pixels that become channels."""
LEVELS = (1, 2, 6, 8)
"""Channels of each level of resolution, as multiples of the width."""
WEIGHT_DECAY = 2e-2
STRIDE = FOLD * 2 ** (len(LEVELS) - 1)
"""Sides of a padded batch are multiples of this."""


class SmallUNet(nn.Module):
    """Four levels of two convolutions each on the way down, one on the way up; logits of full resolution."""

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        channels = [width * factor for factor in LEVELS]
        self.down = nn.ModuleList()
        before = 4 * FOLD**2
        for level, after in enumerate(channels):
            stride = 1 if level == 0 else 2
            self.down.append(nn.Sequential(_convolve(before, after, stride=stride), _convolve(after, after)))
            before = after
        self.project = nn.ModuleList(
            [nn.Conv2d(low, high, 1) for low, high in zip(channels[1:], channels[:-1], strict=True)]
        )
        self.up = nn.ModuleList([_convolve(high, high) for high in channels[:-1]])
        self.where = nn.Conv2d(width, FOLD**2, 1)
        self.which = nn.ModuleList([nn.Conv2d(n_channels, n_classes, 1) for n_channels in channels[1:]])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (n, n_classes + 1, height, width) for pixels of shape (n, 3, height, width)."""
        features = functional.pixel_unshuffle(_add_contrast(pixels), FOLD)
        passed = []
        for block in self.down:
            features = block(features)
            passed.append(features)
        classes = self.which[-1](features)
        for level in reversed(range(len(self.up))):
            raised = functional.interpolate(self.project[level](features), scale_factor=2.0, mode="nearest")
            features = self.up[level](raised + passed[level])
            if level > 0:
                classes = _resize(classes, features.shape[-2:]) + self.which[level - 1](features)
        place = functional.pixel_shuffle(self.where(features), FOLD)
        return torch.cat([-place, _resize(classes, place.shape[-2:]) + place], dim=1)


def _add_contrast(pixels: torch.Tensor) -> torch.Tensor:
    """Centre the colours of each picture, and add how far each pixel's grey is from that around it, either way."""
    centred = (pixels - pixels.mean(dim=(2, 3), keepdim=True)) / 0.25
    grey = pixels.mean(dim=1, keepdim=True)
    around = functional.avg_pool2d(functional.avg_pool2d(grey, STRIDE), 3, 1, 1, count_include_pad=False)
    contrast = grey - _resize(around, grey.shape[-2:])
    spread = contrast.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 0.02
    return torch.cat([centred, contrast.abs() / spread], dim=1)


def _resize(values: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return functional.interpolate(values, size=list(size), mode="bilinear", align_corners=False)


def _convolve(channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
    )


class UNetSegmenter(BaseEstimator):  # type: ignore[misc]
    """Predicts the class of every pixel: ``fit`` and ``predict`` take annotated images, in batches that bound memory.

    Args:
        epochs: passes over the training images.
        batch_size: images at a time in training; eight times as many in prediction.
        learning_rate: highest rate of the cycle.
        width: channels of the finest level.
        longest_side: images with a longer side are shrunk to it, and their predictions grown back.
        random_state: seed of weights, order and augmentation.
    """

    def __init__(
        self,
        *,
        epochs: int = 20,
        batch_size: int = 2,
        learning_rate: float = 5e-3,
        width: int = 16,
        longest_side: int = 256,
        random_state: int = 0,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.width = width
        self.longest_side = longest_side
        self.random_state = random_state

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Train a new network on images and their given class masks.

        Raises:
            ValueError: there is no image, or one has no class mask.
        """
        lacking = [image.row_id for image in images if image.class_mask is None]
        if lacking or not images:
            found = f"image {lacking[0]} has none" if lacking else "there is no image"
            raise ValueError(f"training a segmentation model needs images with class masks: {found}")
        self.class_names_ = tuple(images[0].class_names)
        device = pick_device()
        with seeded(self.random_state):
            network = self._build().to(device).to(memory_format=torch.channels_last)
            self.loss_ = train_network(
                network,
                images,
                self._compute_loss,
                schedule=Schedule(
                    epochs=self.epochs,
                    batch_size=self.batch_size,
                    learning_rate=self.learning_rate,
                    weight_decay=WEIGHT_DECAY,
                ),
                device=device,
                seed=self.random_state,
            )
        self.weights_ = export_weights(network)
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background; probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network was not fitted.
        """
        if not hasattr(self, "weights_"):
            raise NotTrainedError("the network was not trained: fit it, untrained weights find nothing")
        device = pick_device()
        network = load_weights(self._build(), self.weights_).to(device).to(memory_format=torch.channels_last).eval()
        yield from predict_in_batches(
            network, images, batch_size=8 * self.batch_size, longest_side=self.longest_side, stride=STRIDE
        )

    def _build(self) -> SmallUNet:
        return SmallUNet(len(self.class_names_), self.width)

    def _compute_loss(self, network: nn.Module, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:
        device = next(network.parameters()).device
        varied = [
            vary_image(
                shrink_to_limit(to_pixels(image), self.longest_side),
                shrink_to_limit(to_mask(image), self.longest_side),
                rng,
            )
            for image in batch
        ]
        pixels = pad_to_common_size([picture for picture, _ in varied], STRIDE, fill=0.0)
        masks = pad_to_common_size([mask for _, mask in varied], STRIDE, fill=float(IGNORED))[:, 0].long()
        logits = network(pixels.to(device).to(memory_format=torch.channels_last))
        return functional.cross_entropy(logits, masks.to(device), ignore_index=IGNORED)


def vary_image(pixels: torch.Tensor, mask: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Change colours, brightness, contrast, place, size and slant of a picture and its mask alike.

    Mirror images are left out: those of digits, letters and roads would be wrong.

    Args:
        pixels: float32 of shape (3, height, width), from 0 to 1.
        mask: float32 of shape (1, height, width), class ids.
        rng: generator that draws the changes.

    Returns:
        Picture and mask of the same shapes; pixels that come free repeat the border in both.
    """
    pixels = pixels[torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.5:  # noqa: PLR2004 - light on dark as often as dark on light
        pixels = 1 - pixels
    pixels = (pixels * rng.uniform(0.7, 1.3) + rng.uniform(-0.15, 0.15)).clamp(0, 1)
    height, width = pixels.shape[-2:]
    # Turned, stretched and slanted: coordinates run from -1 to 1 on both axes, whatever the sides.
    turn = np.exp(rng.uniform(-0.15, 0.15)) * np.eye(2) + rng.uniform(-0.18, 0.18, (2, 2))
    turn *= np.array([[1.0, height / width], [width / height, 1.0]])
    right, down = rng.uniform(-0.3, 0.3, 2)
    place = torch.tensor(np.column_stack([turn, [right, down]])[None], dtype=torch.float32)
    grid = functional.affine_grid(place, [1, 1, height, width], align_corners=False)
    moved = functional.grid_sample(pixels[None], grid, padding_mode="border", align_corners=False)[0]
    moved_mask = functional.grid_sample(mask[None], grid, mode="nearest", padding_mode="border", align_corners=False)[0]
    return moved, moved_mask
