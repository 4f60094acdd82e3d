"""Published weights of torchvision's networks, and which of their categories stand for the classes of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torchvision.models import get_model, get_model_weights
from torchvision.ops import FrozenBatchNorm2d

from cleanlab_assets.datasets.weights import WeightsError, fetch_weights
from cleanlab_assets.models.estimators.torch_training import (
    NetworkEstimator,
    TrainedEstimator,
    export_weights,
    load_weights,
    seeded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    import numpy as np

    from cleanlab_assets.datasets.images import AnnotatedImage

SYNONYMS = (
    frozenset({"person", "pedestrian"}),
    frozenset({"bicycle", "bike"}),
    frozenset({"motorcycle", "motorbike"}),
    frozenset({"airplane", "aeroplane", "plane"}),
    frozenset({"couch", "sofa"}),
    frozenset({"dining table", "diningtable"}),
    frozenset({"potted plant", "pottedplant"}),
    frozenset({"tv", "tvmonitor"}),
)
"""Names of one thing in COCO, in Pascal VOC and in datasets."""
_EPS_OF_OLD_WEIGHTS = {"maskrcnn_resnet50_fpn": 0.0}
"""What is added to variances where weights are older than torchvision's default, as its own builders set it."""
_NO_CLASSES = frozenset({"__background__", "N/A"})


def find_published(architecture: str) -> Any:
    """Return torchvision's best weights of an architecture: where they are and what they know, not the values."""
    return get_model_weights(architecture).DEFAULT


def read_published(architecture: str, weights_dir: Path | None) -> dict[str, Any]:
    """Return the published weights by name; fetched into a directory if absent there, and verified.

    Raises:
        WeightsError: no directory is given, or the weights cannot be had, or are not the published ones; one line
            names file and address.
    """
    if weights_dir is None:
        raise WeightsError(f"{architecture} needs its published weights, but no directory for them: set weights_dir")
    url = find_published(architecture).url
    # torchvision puts the first eight digits of the SHA-256 into the name of the file.
    path = fetch_weights(url, weights_dir, sha256=url.rpartition("-")[2].removesuffix(".pth"))
    loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def find_categories(architecture: str, class_names: Sequence[str]) -> dict[str, int]:
    """Return the category of each class that the published weights know, under its own name or a synonym.

    A category stands for one class only: of a person and a pedestrian, the person is known.
    """
    categories = find_published(architecture).meta["categories"]
    free = {name: code for code, name in enumerate(categories) if name not in _NO_CLASSES}
    found = {name: free.pop(name) for name in class_names if name in free}
    for name in class_names:
        synonyms = sorted(other for group in SYNONYMS if name in group for other in group & free.keys())
        if name not in found and synonyms:
            found[name] = free.pop(synonyms[0])
    return found


def build_network(architecture: str, **options: Any) -> torch.nn.Module:
    """Build an architecture of torchvision with untrained weights, which its published ones or a fit's have to replace.

    The statistics of batch normalization are frozen: fine-tuning sees batches of a few images, too few to estimate
    them, and of a single one those of a picture's mean have no variance at all.

    Args:
        architecture: name of the network in ``torchvision.models``.
        options: parameters of the network.
    """
    # No weights through torchvision's own loader, which would fetch them unverified.
    network: torch.nn.Module = get_model(architecture, weights=None, weights_backbone=None, **options)
    for parent in list(network.modules()):
        for name, module in parent.named_children():
            if isinstance(module, torch.nn.BatchNorm2d):
                eps = _EPS_OF_OLD_WEIGHTS.get(architecture, module.eps)
                setattr(parent, name, FrozenBatchNorm2d(module.num_features, eps))
    return network


@dataclass(kw_only=True, eq=False, repr=False)
class PublishedEstimator(NetworkEstimator):
    """An estimator whose network has published weights.

    Without them nothing is predicted: ``fit`` ends with one line that names file and address.

    Args:
        architecture: name of the network in ``torchvision.models``.
        shortest_side: pictures are resized to it, as in the training of the weights; less is faster and coarser.
        weights_dir: where the published weights are kept; ``fit`` needs it.
    """

    architecture: str = field(kw_only=False)
    shortest_side: int
    weights_dir: Path | None = None

    def knows(self, class_names: Sequence[str]) -> bool:
        """Whether the published weights know all of some classes, so that nothing is trained."""
        return len(find_categories(self.architecture, class_names)) == len(class_names)

    def _build_published(self) -> Any:
        """Return the network that the published weights are of, with untrained ones."""
        raise NotImplementedError

    def _load_published(self) -> Any:
        return load_weights(self._build_published(), read_published(self.architecture, self.weights_dir))

    def _restore(self, absence: str = "") -> Any:
        return super()._restore(absence or f"{self.architecture} has no weights")


@dataclass(kw_only=True, eq=False, repr=False)
class FineTunedEstimator(PublishedEstimator, TrainedEstimator):
    """An estimator that uses published weights as they are where they know all classes of the images.

    They never saw the images, so every prediction is out of sample. Else the last layers are replaced and the network
    is fine-tuned on the training images.
    """

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Fetch the weights, and fine-tune them on the given annotations if they do not know all classes.

        Raises:
            WeightsError: the published weights cannot be had, or are not the published ones.
            ValueError: the network has to be fine-tuned, and an image lacks the annotation that it learns from.
        """
        self.class_names_ = tuple(images[0].class_names)
        with seeded(self.random_state):
            network = self._load_published()
            if not self.knows(self.class_names_):
                self._replace_head(network)
                self._train(network, list(images), self._compute_loss)
        self.weights_ = export_weights(network)
        return self

    @property
    def _categories(self) -> list[int]:
        """Where the network has each class among what it predicts."""
        if not self.knows(self.class_names_):
            return list(range(1, len(self.class_names_) + 1))
        known = find_categories(self.architecture, self.class_names_)
        return [known[name] for name in self.class_names_]

    def _build(self) -> Any:
        network = self._build_published()
        if not self.knows(self.class_names_):
            self._replace_head(network)
        return network

    def _replace_head(self, network: Any) -> None:
        """Replace the layers that predict categories by untrained ones for ``class_names_``."""
        raise NotImplementedError

    def _compute_loss(self, network: Any, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:
        raise NotImplementedError
