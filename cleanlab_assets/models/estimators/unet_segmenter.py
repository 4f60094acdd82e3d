"""A small U-Net that is trained from scratch in about a minute on a CPU.

Source: Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015.
What differs, since training is short: blocks of 2 x 2 pixels are folded into channels at the entry and unfolded at the
exit (Shi et al., CVPR 2016), the paths are summed, the finest level says only where an object is and the coarser ones
which it is, and a fourth channel shows contrast without its direction, so that light on dark looks like dark on light.
Objects of one picture are pasted over another in training (Ghiasi et al., Simple Copy-Paste, CVPR 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cleanlab_assets.models.estimators.image_batches import (
    IGNORED,
    pad_to_common_size,
    predict_in_batches,
    shrink_to_limit,
    to_mask,
    to_pixels,
    vary_colours,
)
from cleanlab_assets.models.estimators.torch_training import TrainedEstimator, convolve, export_weights, seeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from cleanlab_assets.datasets.images import AnnotatedImage

FOLD = 2
"""Side of the blocks of pixels that become channels."""
LEVELS = (1, 2, 6, 8)
"""Channels of each level of resolution, as multiples of the width."""
CLASS_STRIDE = 2 * FOLD
"""Pixels on a side of the cells whose class is predicted."""
STRIDE = FOLD * 2 ** (len(LEVELS) - 1)
"""Sides of a padded batch are multiples of this."""
CLASS_WEIGHT = 0.2
"""Weight in the loss of which class an object has, beside where there is one."""
PASTED_SHARE = 0.8
"""Share of the training pictures over which the objects of another one are pasted."""
VIEWS = ((0, 0), (5, 11), (11, 6), (14, 13))
"""Offsets at which a picture is predicted, see ``predict_in_batches``."""
WEIGHT_DECAY = 2e-2


class SmallUNet(nn.Module):
    """Four levels of two convolutions each on the way down, one on the way up."""

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        channels = [width * factor for factor in LEVELS]
        self.down = nn.ModuleList()
        before = 4 * FOLD**2
        for level, after in enumerate(channels):
            stride = 1 if level == 0 else 2
            self.down.append(nn.Sequential(convolve(before, after, stride=stride), convolve(after, after)))
            before = after
        self.project = nn.ModuleList(
            [nn.Conv2d(low, high, 1) for low, high in zip(channels[1:], channels[:-1], strict=True)]
        )
        self.up = nn.ModuleList([convolve(high, high) for high in channels[:-1]])
        self.where = nn.Conv2d(width, FOLD**2, 1)
        self.which = nn.ModuleList([nn.Conv2d(n_channels, n_classes, 1) for n_channels in channels[1:]])

    @property
    def kernels(self) -> list[nn.Conv2d]:
        """The convolutions that look around."""
        return [part for part in self.modules() if isinstance(part, nn.Conv2d) and part.kernel_size != (1, 1)]

    def find(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Say where objects are and which they would be.

        Args:
            pictures: see ``standardize``, shape (n, 4, height, width).

        Returns:
            Logits of an object, shape (n, height, width), and of each class for cells of ``CLASS_STRIDE`` pixels,
            shape (n, n_classes, height / CLASS_STRIDE, width / CLASS_STRIDE).
        """
        features = functional.pixel_unshuffle(pictures, FOLD)
        passed = []
        for block in self.down:
            features = block(features)
            passed.append(features)
        which = self.which[-1](features)
        for level in reversed(range(len(self.up))):
            raised = functional.interpolate(self.project[level](features), scale_factor=2.0, mode="nearest")
            features = self.up[level](raised + passed[level])
            if level > 0:
                which = _resize(which, features.shape[-2:]) + self.which[level - 1](features)
        return functional.pixel_shuffle(self.where(features), FOLD)[:, 0].float(), which.float()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the logarithms of the probabilities, shape (n, n_classes + 1, height, width), background first."""
        where, which = self.find(pictures)
        classes = functional.log_softmax(_resize(which, where.shape[-2:]), dim=1)
        nothing, something = functional.logsigmoid(-where), functional.logsigmoid(where)
        return torch.cat([nothing[:, None], something[:, None] + classes], dim=1)


def standardize(picture: torch.Tensor) -> torch.Tensor:
    """Centre the colours of a picture, and add how far each pixel's grey is from that around it, either way.

    Args:
        picture: float32 of shape (3, height, width), from 0 to 1.

    Returns:
        Shape (4, height, width).
    """
    centred = (picture - picture.mean(dim=(1, 2), keepdim=True)) / 0.25
    grey = picture.mean(dim=0, keepdim=True)[None]
    blocks = functional.avg_pool2d(grey, STRIDE, ceil_mode=True)
    around = functional.avg_pool2d(blocks, 3, 1, 1, count_include_pad=False)
    contrast = (grey - _resize(around, grey.shape[-2:]))[0]
    return torch.cat([centred, contrast.abs() / (contrast.square().mean().sqrt() + 0.02)])


def _resize(values: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return functional.interpolate(values, size=list(size), mode="bilinear", align_corners=False)


@dataclass(kw_only=True, eq=False, repr=False)
class UNetSegmenter(TrainedEstimator):
    """Predicts the class of every pixel: ``fit`` and ``predict`` take annotated images, in batches that bound memory.

    Args:
        batch_size: images at a time in training; four times as many in prediction.
        kernel_learning_rate: highest rate of the cycle of Muon, which trains the kernels.
        width: channels of the finest level.
        longest_side: images with a longer side are shrunk to it, and their predictions grown back.
    """

    epochs: int = 20
    batch_size: int = 4
    learning_rate: float = 5e-3
    kernel_learning_rate: float = 0.05
    width: int = 16
    longest_side: int = 256

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
        with seeded(self.random_state):
            network = self._build()
            self._train(
                network,
                images,
                self._compute_loss,
                kernels=network.kernels,
                weight_decay=WEIGHT_DECAY,
                kernel_learning_rate=self.kernel_learning_rate,
            )
        self.weights_ = export_weights(network)
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> Iterator[np.ndarray]:
        """Yield the predicted probabilities of each image, float32 of shape (n_classes + 1, height, width).

        Index 0 is background; probabilities of a pixel sum to 1. Only one batch is held at a time.

        Raises:
            NotTrainedError: the network was not fitted.
        """
        network = self._restore("the network is not trained")
        yield from predict_in_batches(
            network,
            images,
            batch_size=4 * self.batch_size,
            longest_side=self.longest_side,
            stride=STRIDE,
            prepare=standardize,
            offsets=VIEWS,
        )

    def _build(self) -> SmallUNet:
        return SmallUNet(len(self.class_names_), self.width).to(memory_format=torch.channels_last)

    def _compute_loss(self, network: SmallUNet, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:
        device = next(network.parameters()).device
        varied = [
            vary_image(
                shrink_to_limit(to_pixels(image), self.longest_side),
                shrink_to_limit(to_mask(image), self.longest_side),
                rng,
            )
            for image in batch
        ]
        # Each picture gets the objects of the one before it in the batch.
        mixed = [
            paste_objects(*own, *other) if len(batch) > 1 and rng.random() < PASTED_SHARE else own
            for own, other in zip(varied, [varied[-1], *varied[:-1]], strict=True)
        ]
        pictures = pad_to_common_size([standardize(picture) for picture, _ in mixed], STRIDE, fill=0.0)
        masks = pad_to_common_size([mask for _, mask in mixed], STRIDE, fill=float(IGNORED))[:, 0].long().to(device)
        where, which = network.find(pictures.to(device).to(memory_format=torch.channels_last))
        return compute_loss(where, which, masks)


def compute_loss(where: torch.Tensor, which: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of where objects are, and of which they are in the cells that hold one.

    Classes at the resolution of their cells make a step half as long as classes at that of the pixels.

    Args:
        where: logits of an object, shape (n, height, width).
        which: logits of the classes of each cell, shape (n, n_classes, height / CLASS_STRIDE, width / CLASS_STRIDE).
        masks: class ids, 0 = background, ``IGNORED`` where nobody judges, shape (n, height, width).
    """
    is_picture = (masks != IGNORED).float()
    of_place = functional.binary_cross_entropy_with_logits(
        where, (masks > 0).float(), weight=is_picture, reduction="sum"
    ) / is_picture.sum().clamp(min=1)
    codes = torch.arange(1, which.shape[1] + 1, device=masks.device).reshape(1, -1, 1, 1)
    share = functional.avg_pool2d((masks[:, None] == codes).float(), CLASS_STRIDE)
    # Without any object there is nothing to divide.
    of_class = -(share * functional.log_softmax(which, dim=1)).sum() / share.sum().clamp(min=CLASS_STRIDE**-2)
    return of_place + CLASS_WEIGHT * of_class


def paste_objects(
    picture: torch.Tensor, mask: torch.Tensor, other: torch.Tensor, other_mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Put the objects of another picture over a picture, and their classes over its mask.

    Args:
        picture: shape (3, height, width).
        mask: its class ids, shape (1, height, width).
        other: the other picture, of any size; what lies outside the first one is cut off.
        other_mask: its class ids.
    """
    height, width = (min(picture.shape[axis], other.shape[axis]) for axis in (-2, -1))
    is_object = other_mask[:, :height, :width] > 0
    pasted, pasted_mask = picture.clone(), mask.clone()
    pasted[:, :height, :width] = torch.where(is_object, other[:, :height, :width], picture[:, :height, :width])
    pasted_mask[:, :height, :width] = torch.where(is_object, other_mask[:, :height, :width], mask[:, :height, :width])
    return pasted, pasted_mask


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
    pixels = vary_colours(pixels, rng)
    height, width = pixels.shape[-2:]
    # Turned, stretched and slanted: coordinates run from -1 to 1 on both axes, whatever the sides.
    turn = np.exp(rng.uniform(-0.08, 0.08)) * np.eye(2) + rng.uniform(-0.09, 0.09, (2, 2))
    turn *= np.array([[1.0, height / width], [width / height, 1.0]])
    right, down = rng.uniform(-0.3, 0.3, 2)
    place = torch.tensor(np.column_stack([turn, [right, down]])[None], dtype=torch.float32)
    grid = functional.affine_grid(place, [1, 1, height, width], align_corners=False)
    moved = functional.grid_sample(pixels[None], grid, padding_mode="border", align_corners=False)[0]
    moved_mask = functional.grid_sample(mask[None], grid, mode="nearest", padding_mode="border", align_corners=False)[0]
    return moved, moved_mask
