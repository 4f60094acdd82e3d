"""Models of images and sentences: networks of our own, trained from scratch, and published ones of torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.models.catalogue import Model, to_pipeline

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from cleanlab_assets.models.catalogue import BuildContext, Builder

FASTER_RCNN = "fasterrcnn_mobilenet_v3_large_fpn"
MASK_RCNN = "maskrcnn_resnet50_fpn"
DEEPLAB = "deeplabv3_mobilenet_v3_large"
_LIBRARIES = ("torch", "torchvision", "safetensors")
"""What networks of images take; their trained weights are stored as safetensors."""


def _build_tagger(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.tagging.bilstm_tagger import BiLSTMTagger

    return to_pipeline(BiLSTMTagger(random_state=context.seed))


def _build_small_detector(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.estimators.fcos_detector import FcosDetector

    return to_pipeline(FcosDetector(random_state=context.seed))


def _build_small_unet(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.estimators.unet_segmenter import UNetSegmenter

    return to_pipeline(UNetSegmenter(random_state=context.seed))


def _take_detector(architecture: str) -> Builder:
    """Build a published detector, used as it is where COCO has the classes, else fine-tuned."""

    def build(context: BuildContext) -> Pipeline:
        from cleanlab_assets.models.estimators.pretrained_detector import PretrainedDetector

        detector = PretrainedDetector(architecture, random_state=context.seed, weights_dir=context.weights_dir)
        return to_pipeline(detector)

    return build


def _take_deeplab(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.estimators.pretrained_segmenter import PretrainedSegmenter

    return to_pipeline(PretrainedSegmenter(DEEPLAB, random_state=context.seed, weights_dir=context.weights_dir))


def _take_mask_rcnn(context: BuildContext) -> Pipeline:
    from cleanlab_assets.models.estimators.pretrained_segmenter import InstanceSegmenter

    return to_pipeline(InstanceSegmenter(MASK_RCNN, weights_dir=context.weights_dir))


MODELS = (
    Model(
        name="bilstm",
        description="Recurrent network over words and their letters: minutes where a linear model takes seconds.",
        builders={"token_classification": _build_tagger},
        trusted_types=frozenset({"cleanlab_assets.models.tagging.bilstm_tagger.BiLSTMTagger"}),
        libraries=("torch",),
    ),
    Model(
        name=DEEPLAB,
        description="DeepLabV3 on MobileNet with COCO weights for the classes of Pascal VOC: everyday objects; "
        "fine-tuned where others are asked for, which is slow without a GPU.",
        builders={"segmentation": _take_deeplab},
        libraries=_LIBRARIES,
    ),
    Model(
        name=FASTER_RCNN,
        description="Faster R-CNN on MobileNet with COCO weights: a light detector of everyday objects.",
        builders={"object_detection": _take_detector(FASTER_RCNN)},
        libraries=_LIBRARIES,
    ),
    Model(
        name=MASK_RCNN,
        description="Mask R-CNN with COCO weights: accurate and slow without a GPU; segmentation of COCO's classes "
        "only.",
        builders={"object_detection": _take_detector(MASK_RCNN), "segmentation": _take_mask_rcnn},
        libraries=_LIBRARIES,
    ),
    Model(
        name="small_detector",
        description="FCOS on eight convolution layers: trained from scratch in minutes, for small images.",
        builders={"object_detection": _build_small_detector},
        libraries=_LIBRARIES,
    ),
    Model(
        name="small_unet",
        description="U-Net of four levels: trained from scratch in a minute or two, for small images.",
        builders={"segmentation": _build_small_unet},
        libraries=_LIBRARIES,
    ),
)
