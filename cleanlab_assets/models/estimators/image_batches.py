"""Batches of images of any size for networks that predict the class of every pixel.

Training pictures of a batch are padded to one size. Padding has no class in training (``IGNORED``) and is cut off the
predictions, so that it never enters a loss or a score.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from cleanlab_assets.models.estimators.torch_training import iterate_batches, predicting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

IGNORED = -100
"""Class id of padded pixels in training: torch's own mark for pixels that no loss counts."""


def to_pixels(image: AnnotatedImage) -> torch.Tensor:
    """Return the picture as float32 of shape (3, height, width), from 0 to 1."""
    return torch.from_numpy(image.read_pixels().transpose(2, 0, 1).astype(np.float32) / 255)


def to_mask(image: AnnotatedImage) -> torch.Tensor:
    """Return the given class mask as float32 of shape (1, height, width).

    Raises:
        ValueError: the image has none.
    """
    if image.class_mask is None:
        raise ValueError(f"image {image.row_id} has no class mask")
    return torch.from_numpy(image.class_mask.astype(np.float32))[None]


def shrink_to_limit(values: torch.Tensor, longest_side: int) -> torch.Tensor:
    """Shrink a picture of shape (3, height, width), or a mask of shape (1, height, width), to a longest side."""
    height, width = values.shape[-2:]
    factor = longest_side / max(height, width)
    if factor >= 1:
        return values
    size = [max(1, round(height * factor)), max(1, round(width * factor))]
    if len(values) == 1:
        return functional.interpolate(values[None], size=size, mode="nearest")[0]
    return functional.interpolate(values[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


def pad_to_common_size(pictures: Sequence[torch.Tensor], stride: int, *, fill: float) -> torch.Tensor:
    """Stack pictures of shape (channels, height, width) after padding them on the right and below.

    Returns:
        Shape (n, channels, height, width), with sides that are multiples of ``stride``.
    """
    height, width = (-(-max(picture.shape[axis] for picture in pictures) // stride) * stride for axis in (-2, -1))
    return torch.stack(
        [
            functional.pad(picture, (0, width - picture.shape[-1], 0, height - picture.shape[-2]), value=fill)
            for picture in pictures
        ]
    )


def predict_in_batches(
    network: torch.nn.Module,
    images: Sequence[AnnotatedImage],
    *,
    batch_size: int,
    longest_side: int,
    stride: int,
    prepare: Callable[[torch.Tensor], torch.Tensor] = lambda picture: picture,
    offsets: Sequence[tuple[int, int]] = ((0, 0),),
) -> Iterator[np.ndarray]:
    """Yield the probabilities of each image, of its own size, from a network that gives logits.

    Only images of one size share a batch, so that no image's probabilities depend on those beside it.

    Args:
        network: trained network in evaluation mode; takes (n, channels, height, width), gives (n, n_ids, height,
            width).
        images: images of any size.
        batch_size: images at a time; what is held in memory.
        longest_side: longer images are shrunk to it, and their probabilities grown back.
        stride: sides of the padded batch are multiples of it.
        prepare: turns a picture of shape (3, height, width), from 0 to 1, into what the network takes.
        offsets: rows and columns of border that go before the picture; with several the probabilities are averaged,
            since a network with a stride sees a picture that is moved by part of it in another way.

    Yields:
        float32 of shape (n_ids, height, width); the probabilities of each pixel sum to 1.
    """
    device = next(network.parameters()).device

    def size_of(image: AnnotatedImage) -> tuple[int, int]:
        return image.height, image.width

    for (height, width), of_one_size in groupby(images, key=size_of):
        for batch in iterate_batches(list(of_one_size), batch_size):
            pictures = torch.stack([prepare(shrink_to_limit(to_pixels(image), longest_side)) for image in batch])
            with predicting(device):
                views = [_predict_moved(network, pictures.to(device), offset, stride) for offset in offsets]
                probabilities = torch.stack(views).mean(dim=0)
                if probabilities.shape[-2:] != (height, width):
                    probabilities = functional.interpolate(
                        probabilities, size=[height, width], mode="bilinear", align_corners=False
                    )
            yield from probabilities.cpu().numpy()


def _predict_moved(
    network: torch.nn.Module, pictures: torch.Tensor, offset: tuple[int, int], stride: int
) -> torch.Tensor:
    """Return the probabilities of pictures that have some rows and columns of their border repeated before them."""
    height, width = pictures.shape[-2:]
    down, right = offset
    below, beside = -(height + down) % stride, -(width + right) % stride
    padded = functional.pad(pictures, (right, beside, down, below), mode="replicate")
    logits = network(padded)
    return functional.softmax(logits[..., down : down + height, right : right + width].float(), dim=1)
