"""Published weights of torchvision's networks, and which of their categories stand for the classes of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torchvision.models import get_model, get_model_weights
from torchvision.ops import FrozenBatchNorm2d

from cleanlab_assets.datasets.weights import Weights, WeightsError, fetch_weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    weights = Weights(url=url, sha256=url.rpartition("-")[2].removesuffix(".pth"))
    path = fetch_weights(weights, weights_dir)
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


def knows_all(architecture: str, class_names: Sequence[str]) -> bool:
    """Whether the published weights know all of some classes, so that nothing has to be trained."""
    return len(find_categories(architecture, class_names)) == len(class_names)


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
