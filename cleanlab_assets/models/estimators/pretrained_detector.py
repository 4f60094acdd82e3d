"""Torchvision's two-stage detectors with COCO weights: used as they are where COCO has the classes, else fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

from cleanlab_assets.datasets.boxes import ScoredBoxes, codes_of
from cleanlab_assets.models.estimators.image_batches import to_pixels
from cleanlab_assets.models.estimators.published_weights import (
    build_network,
    find_categories,
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
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from cleanlab_assets.datasets.images import AnnotatedImage


class PretrainedDetector(BaseEstimator):  # type: ignore[misc]
    """Finds objects with a detector of torchvision that was trained on COCO.

    Where COCO has all classes of the images, the weights are used as they are: they never saw the images, so every
    prediction is out of sample. Else the last layer is replaced and the detector fine-tuned on the training images.
    Without the published weights nothing is predicted: ``fit`` ends with one line that names file and address.

    Args:
        architecture: name of the detector in ``torchvision.models``.
        epochs: passes over the training images when the detector is fine-tuned.
        batch_size: images at a time, in training and in prediction.
        learning_rate: highest rate of the cycle when the detector is fine-tuned.
        score_threshold: predicted boxes with a lower score are left out.
        shortest_side: pictures are resized to it, as in the training of the weights; less is faster and coarser.
        random_state: seed of the new layer and of the order.
        weights_dir: where the published weights are kept; ``fit`` needs it.
    """

    def __init__(
        self,
        architecture: str,
        *,
        epochs: int = 5,
        batch_size: int = 2,
        learning_rate: float = 2e-4,
        score_threshold: float = 0.05,
        shortest_side: int = 800,
        random_state: int = 0,
        weights_dir: Path | None = None,
    ) -> None:
        self.architecture = architecture
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.score_threshold = score_threshold
        self.shortest_side = shortest_side
        self.random_state = random_state
        self.weights_dir = weights_dir

    def knows(self, class_names: Sequence[str]) -> bool:
        """Whether COCO has all of some classes, so that nothing is trained."""
        return knows_all(self.architecture, class_names)

    def fit(self, images: Sequence[AnnotatedImage], labels: object = None) -> Self:  # noqa: ARG002 - scikit-learn's form
        """Fetch the weights, and fine-tune them if COCO lacks a class.

        Raises:
            WeightsError: the published weights cannot be had, or are not the published ones.
        """
        self.class_names_ = tuple(images[0].class_names)
        published = read_published(self.architecture, self.weights_dir)
        if self.knows(self.class_names_):
            self.weights_ = export_weights(load_weights(self._build(), published))
            return self
        device = pick_device()
        with seeded(self.random_state):
            network = load_weights(self._build(), published)
            self._replace_head(network)
            network.to(device)
            train_network(
                network,
                list(images),
                _compute_loss,
                schedule=Schedule(epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate),
                device=device,
                seed=self.random_state,
            )
        self.weights_ = export_weights(network)
        return self

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Return the predicted boxes of each image, best first; those of classes that the images lack are left out.

        Raises:
            NotTrainedError: the detector has no weights.
        """
        if not hasattr(self, "weights_"):
            raise NotTrainedError(f"{self.architecture} has no weights: call fit first")
        network = self._build()
        if self.knows(self.class_names_):
            known = find_categories(self.architecture, self.class_names_)
            categories = np.array([known[name] for name in self.class_names_])
        else:
            self._replace_head(network)
            categories = np.arange(1, len(self.class_names_) + 1)
        device = pick_device()
        network = load_weights(network, self.weights_).to(device).eval()
        code_of = np.full(int(categories.max()) + 1, -1)
        code_of[categories] = np.arange(len(categories))
        found = []
        for batch in iterate_batches(images, self.batch_size):
            pixels = [to_pixels(image).to(device) for image in batch]
            with predicting(device):
                results = network(pixels)
            found += [_to_scored_boxes(result, code_of) for result in results]
        return found

    def _build(self) -> Any:
        return build_network(self.architecture, box_score_thresh=self.score_threshold, min_size=self.shortest_side)

    def _replace_head(self, network: Any) -> None:
        channels = network.roi_heads.box_predictor.cls_score.in_features
        network.roi_heads.box_predictor = FastRCNNPredictor(channels, len(self.class_names_) + 1)
        # Masks are no part of the given labels: without their branch the detector trains on boxes alone.
        network.roi_heads.mask_roi_pool = None
        network.roi_heads.mask_head = None
        network.roi_heads.mask_predictor = None


def _compute_loss(network: torch.nn.Module, batch: list[Any], rng: np.random.Generator) -> torch.Tensor:  # noqa: ARG001
    device = next(network.parameters()).device
    targets = [
        {
            "boxes": torch.from_numpy(image.boxes.astype(np.float32)).to(device),
            # The type is stated for images without a box.
            "labels": torch.from_numpy(codes_of(image) + 1).to(device),
        }
        for image in batch
    ]
    losses = network([to_pixels(image).to(device) for image in batch], targets)
    return torch.stack(list(losses.values())).sum()


def _to_scored_boxes(result: dict[str, torch.Tensor], code_of: np.ndarray) -> ScoredBoxes:
    boxes, labels, scores = (result[name].float().cpu().numpy() for name in ("boxes", "labels", "scores"))
    labels = labels.astype(np.int64)
    codes = np.where(labels < len(code_of), code_of[labels.clip(max=len(code_of) - 1)], -1)
    keep = (codes >= 0) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return ScoredBoxes(
        boxes=boxes[keep].astype(np.float64), codes=codes[keep], scores=scores[keep].astype(np.float64).clip(0, 1)
    )
