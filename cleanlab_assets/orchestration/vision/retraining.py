"""What families on images share about models that learn nothing from the images."""

from collections.abc import Callable, Sequence
from typing import Any

from cleanlab_assets.models.catalogue import ESTIMATOR_STEP


def is_used_as_published(build: Callable[[], Any], class_names: Sequence[str]) -> bool:
    """Say whether the weights of a pretrained model know all classes, so that ``fit`` trains nothing.

    Such a model is the same for every variant of the train images: cleaned variants are not compared then.
    """
    knows = getattr(build().named_steps[ESTIMATOR_STEP], "knows", None)
    return knows is not None and knows(class_names)
