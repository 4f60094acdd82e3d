"""Batches of images of any size for networks that predict boxes or the class of every pixel.

For the latter, training pictures of a batch are padded to one size. Padding has no class in training (``IGNORED``) and
is cut off the predictions, so that it never enters a loss or a score.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from cleanlab_assets.datasets.boxes import ScoredBoxes, codes_of
from cleanlab_assets.models.estimators.torch_training import iterate_batches, predicting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

IGNORED = -100
"""Class id of padded and of ignored pixels in training: torch's own mark for pixels that no loss counts."""


def to_pixels(image: AnnotatedImage) -> torch.Tensor:
    """Return the picture as float32 of shape (3, height, width), from 0 to 1."""
    return torch.from_numpy(image.read_pixels().transpose(2, 0, 1).astype(np.float32) / 255)


def to_mask(image: AnnotatedImage) -> torch.Tensor:
    """Return the given class mask as float32 of shape (1, height, width), ``IGNORED`` where nobody judges.

    Raises:
        ValueError: the image has none.
    """
    if image.class_mask is None:
        raise ValueError(f"image {image.row_id} has no class mask")
    mask = np.where(image.find_ignored_pixels(), IGNORED, image.class_mask)
    return torch.from_numpy(mask.astype(np.float32))[None]


def to_targets(image: AnnotatedImage, *, first: int = 0) -> dict[str, torch.Tensor]:
    """Return the given boxes as torchvision's detectors take them; the classes are counted from ``first``."""
    boxes = torch.from_numpy(image.boxes.astype(np.float32))
    return {"boxes": boxes, "labels": torch.from_numpy(codes_of(image) + first)}


def sum_losses(
    network: torch.nn.Module, pictures: Sequence[torch.Tensor], targets: Sequence[dict[str, torch.Tensor]]
) -> torch.Tensor:
    """Return the sum of the losses that a detector of torchvision gives for a batch, which is put on its device."""
    device = next(network.parameters()).device
    moved = [{name: values.to(device) for name, values in target.items()} for target in targets]
    losses = network([picture.to(device) for picture in pictures], moved)
    return torch.stack(list(losses.values())).sum()


def vary_colours(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Change colours, brightness and contrast of a picture with values from 0 to 1."""
    pixels = pixels[torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.5:  # noqa: PLR2004 - light on dark as often as dark on light
        pixels = 1 - pixels
    return (pixels * rng.uniform(0.7, 1.3) + rng.uniform(-0.15, 0.15)).clamp(0, 1)


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


def find_objects(
    network: torch.nn.Module, images: Sequence[AnnotatedImage], *, batch_size: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield what a detector of torchvision finds in each image: ``boxes``, ``labels``, ``scores`` and perhaps more."""
    device = next(network.parameters()).device
    for batch in iterate_batches(images, batch_size):
        pictures = [to_pixels(image).to(device) for image in batch]
        with predicting(device):
            found = network(pictures)
        yield from found


def to_arrays(found: Mapping[str, torch.Tensor], *names: str) -> list[np.ndarray]:
    """Return parts of what ``find_objects`` yields, as float32 on the CPU."""
    return [found[name].float().cpu().numpy() for name in names]


def to_scored_boxes(found: Mapping[str, torch.Tensor], categories: Sequence[int]) -> ScoredBoxes:
    """Return the boxes that are of a class.

    Args:
        found: what ``find_objects`` yields: best boxes first.
        categories: the label of each class; boxes with other labels are left out.
    """
    code_of = np.full(max(categories) + 1, -1)
    code_of[list(categories)] = np.arange(len(categories))
    boxes, labels, scores = to_arrays(found, "boxes", "labels", "scores")
    labels = labels.astype(np.int64)
    codes = np.where(labels < len(code_of), code_of[labels.clip(max=len(code_of) - 1)], -1)
    keep = codes >= 0
    return ScoredBoxes(
        boxes=boxes[keep].astype(np.float64), codes=codes[keep], scores=scores[keep].astype(np.float64).clip(0, 1)
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
