"""Encoders of pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.images import to_eight_bits
from cleanlab_assets.datasets.weights import WEIGHTS_FOLDER
from cleanlab_assets.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

SIDE = 32
"""Pixels of a side that pictures are brought to before they are cut into patches."""
PATCH = 6
"""Pixels of a side of a patch."""
STRIDE = 2
"""Pixels from one patch to the next."""
PLACES = (SIDE - PATCH) // STRIDE + 1
"""Patches of a side."""
N_CENTRES = 200
GRID = 3
"""Cells of a side over which the answers of the patches are summed."""
N_PATCHES = 50_000
"""Patches of the fitted pictures from which the centres are learnt."""
MOST_PICTURES = 10_000
"""Pictures from which centres and directions are learnt."""
DIMENSIONS = 128
CONTRAST_FLOOR = 10.0
"""Added to the variance of a patch, in squared grey values, so that noise in plain patches is not blown up."""
WHITENING_FLOOR = 0.1
BATCH = 128
RESNET = "resnet18"


@dataclass(kw_only=True)
class PatchEncoder:
    """How much small patches of a picture resemble typical patches, summed over a grid, in the principal directions.

    Source: Coates, Lee and Ng 2011, "An analysis of single-layer networks in unsupervised feature learning": patches
    of even contrast are whitened, k-means finds typical ones, and a patch answers by how much nearer than the average
    each of them is. No network and no label takes part.
    """

    seed: int
    dimensions: int = DIMENSIONS
    description: str = ""
    _mode: str = "RGB"
    _mean: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    _whitening: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    _centres: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    _directions: Any = field(default=None, repr=False)

    def fit(self, pictures: Sequence[bytes]) -> Self:
        """Learn typical patches and directions from some encoded pictures."""
        from sklearn.cluster import MiniBatchKMeans
        from sklearn.decomposition import PCA

        generator = np.random.default_rng([self.seed, len("patches")])
        chosen = np.sort(generator.permutation(len(pictures))[:MOST_PICTURES])
        some = [pictures[position] for position in chosen]
        self._mode = "L" if all(map(_is_grey, some)) else "RGB"
        patches = self._draw_patches(some, generator)
        self._mean = patches.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(patches.T, dtype=np.float64))
        self._whitening = ((vectors / np.sqrt(np.maximum(values, 0) + WHITENING_FLOOR)) @ vectors.T).astype(np.float32)
        white = (patches - self._mean) @ self._whitening
        n_centres = min(N_CENTRES, len(np.unique(white[: 10 * N_CENTRES], axis=0)))
        clusters = MiniBatchKMeans(n_centres, random_state=self.seed, n_init=1, batch_size=2048, max_iter=50)
        self._centres = clusters.fit(white).cluster_centers_.astype(np.float32)
        answers = self._answer(some)
        n_directions = min(self.dimensions, *answers.shape)
        with np.errstate(invalid="ignore"):  # the share of the variance, which is of no use here, may be 0 / 0
            self._directions = PCA(n_directions, random_state=self.seed).fit(answers)
        self.description = (
            f"resemblance of patches of {PATCH} x {PATCH} pixels, of pictures brought to {SIDE} x {SIDE}, to "
            f"{n_centres} typical patches, summed over {GRID} x {GRID} cells, in {n_directions} principal directions"
        )
        return self

    def transform(self, pictures: Sequence[bytes]) -> np.ndarray:
        """Return float32 of shape (n_pictures, at most ``dimensions``)."""
        return np.asarray(self._directions.transform(self._answer(pictures)), dtype=np.float32)

    def _draw_patches(self, pictures: Sequence[bytes], generator: np.random.Generator) -> np.ndarray:
        """Return about ``N_PATCHES`` patches, as many of each picture: float32 of shape (n_patches, n_values)."""
        of_each = -(-N_PATCHES // len(pictures))
        drawn = []
        for pixels in _decode_in_batches(pictures, self._mode):
            patches = _cut_patches(pixels)
            places = generator.integers(0, patches.shape[1], size=(len(patches), of_each))
            drawn.append(np.take_along_axis(patches, places[:, :, None], axis=1).reshape(-1, patches.shape[2]))
        return np.concatenate(drawn)

    def _answer(self, pictures: Sequence[bytes]) -> np.ndarray:
        """Return the summed answers, float32 of shape (n_pictures, GRID * GRID * n_centres)."""
        edges = np.linspace(0, PLACES, GRID + 1).round().astype(int)[:-1]
        lengths = (self._centres**2).sum(axis=1)
        found = []
        for pixels in _decode_in_batches(pictures, self._mode):
            white = (_cut_patches(pixels) - self._mean) @ self._whitening
            squares = (white**2).sum(axis=2, keepdims=True) - 2 * white @ self._centres.T + lengths
            distances = np.sqrt(np.maximum(squares, 0))
            nearer = np.maximum(distances.mean(axis=2, keepdims=True) - distances, 0)
            places = nearer.reshape(len(pixels), PLACES, PLACES, -1)
            sums = np.add.reduceat(np.add.reduceat(places, edges, axis=1), edges, axis=2)
            found.append(sums.reshape(len(pixels), -1))
        return np.concatenate(found).astype(np.float32)


@dataclass(kw_only=True)
class ResnetEncoder:
    """The last layer but one of a ResNet-18 with the published weights of ImageNet; nothing is fitted."""

    data_dir: Path
    description: str = ""

    def fit(self, pictures: Sequence[bytes]) -> Self:  # noqa: ARG002 - the network knows what it knows
        """Say which network it is."""
        self.description = "the 512 features of a ResNet-18 with torchvision's published weights of ImageNet"
        return self

    def transform(self, pictures: Sequence[bytes]) -> np.ndarray:
        """Return float32 of shape (n_pictures, 512).

        Raises:
            WeightsError: the published weights cannot be had.
            MissingExtraError: torch or torchvision is not installed.
        """
        require(f"the encoder {RESNET}", "torch", "torchvision")
        import torch
        from torchvision.models import get_model

        from cleanlab_assets.models.estimators.published_weights import find_published, read_published

        network: Any = get_model(RESNET, weights=None)
        network.load_state_dict(read_published(RESNET, self.data_dir / WEIGHTS_FOLDER))
        network.fc = torch.nn.Identity()
        network.eval()
        prepare = find_published(RESNET).transforms()
        found = []
        with torch.inference_mode():
            for first in range(0, len(pictures), BATCH):
                batch = [prepare(open_picture(content)) for content in pictures[first : first + BATCH]]
                found.append(network(torch.stack(batch)).numpy())
        return np.concatenate(found).astype(np.float32)


def open_picture(content: bytes, mode: str = "RGB") -> Any:
    """Return an encoded picture as an image of Pillow, in grey or colours, turned as its EXIF data say."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content)) as picture:
        return to_eight_bits(ImageOps.exif_transpose(picture)).convert(mode)


def _is_grey(content: bytes) -> bool:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return picture.mode in {"1", "L", "LA"}


def _decode_in_batches(pictures: Sequence[bytes], mode: str) -> Iterator[np.ndarray]:
    """Yield pictures of ``SIDE`` x ``SIDE`` pixels: float32 of shape (n_pictures, SIDE, SIDE, n_channels)."""
    from PIL import Image

    for first in range(0, len(pictures), BATCH):
        batch = pictures[first : first + BATCH]
        opened = [open_picture(content, mode) for content in batch]
        small = [picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2) for picture in opened]
        yield np.array([np.asarray(picture) for picture in small], dtype=np.float32).reshape(len(batch), SIDE, SIDE, -1)


def _cut_patches(pixels: np.ndarray) -> np.ndarray:
    """Return the patches at even contrast: float32 of shape (n_pictures, PLACES * PLACES, n_values)."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (PATCH, PATCH), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
    patches = windows.reshape(len(pixels), PLACES**2, -1)
    patches = patches - patches.mean(axis=2, keepdims=True)
    scaled: np.ndarray = patches / np.sqrt(patches.var(axis=2, keepdims=True) + CONTRAST_FLOOR)
    return scaled
