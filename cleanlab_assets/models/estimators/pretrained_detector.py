"""Torchvision's two-stage detectors with COCO weights: used as they are where COCO has the classes, else fine-tuned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torchvision.models.detection.faster_rcnn import FastRCNNPredictor

from cleanlab_assets.models.estimators.image_batches import (
    find_objects,
    sum_losses,
    to_pixels,
    to_scored_boxes,
    to_targets,
)
from cleanlab_assets.models.estimators.published_weights import FineTunedEstimator, build_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch

    from cleanlab_assets.datasets.boxes import ScoredBoxes
    from cleanlab_assets.datasets.images import AnnotatedImage


@dataclass(kw_only=True, eq=False, repr=False)
class PretrainedDetector(FineTunedEstimator):
    """Finds objects with a detector of torchvision that was trained on COCO.

    Args:
        score_threshold: predicted boxes with a lower score are left out.
    """

    epochs: int = 5
    batch_size: int = 2
    learning_rate: float = 2e-4
    score_threshold: float = 0.05
    shortest_side: int = 800

    def predict(self, images: Sequence[AnnotatedImage]) -> list[ScoredBoxes]:
        """Return the predicted boxes of each image, best first; those of classes that the images lack are left out.

        Raises:
            NotTrainedError: the detector has no weights.
        """
        network = self._restore()
        return [
            to_scored_boxes(found, self._categories)
            for found in find_objects(network, images, batch_size=self.batch_size)
        ]

    def _build_published(self) -> Any:
        return build_network(self.architecture, box_score_thresh=self.score_threshold, min_size=self.shortest_side)

    def _replace_head(self, network: Any) -> None:
        channels = network.roi_heads.box_predictor.cls_score.in_features
        network.roi_heads.box_predictor = FastRCNNPredictor(channels, len(self.class_names_) + 1)
        # Masks are no part of the given labels: without their branch the detector trains on boxes alone.
        network.roi_heads.mask_roi_pool = None
        network.roi_heads.mask_head = None
        network.roi_heads.mask_predictor = None

    def _compute_loss(self, network: Any, batch: list[AnnotatedImage], rng: np.random.Generator) -> torch.Tensor:  # noqa: ARG002
        return sum_losses(
            network, [to_pixels(image) for image in batch], [to_targets(image, first=1) for image in batch]
        )
