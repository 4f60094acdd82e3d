"""Planting one error in each of some images, and putting it into a training set: what boxes and masks share."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import SEPARATOR
from cleanlab_assets.methods.planted_errors import PlantedErrors, PlantingError, put_planted_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cleanlab_assets.datasets.images import AnnotatedImage

Kind = TypeVar("Kind", bound=str)


def plant_in_turn(
    images: Sequence[AnnotatedImage],
    plant: Callable[[AnnotatedImage, Kind], tuple[AnnotatedImage, dict[str, object]] | None],
    *,
    fraction: float,
    kinds: Sequence[Kind],
    columns: Sequence[str],
    rng: np.random.Generator,
) -> tuple[list[AnnotatedImage], pd.DataFrame]:
    """Plant one error in each of some images, the kinds in turn.

    An image where a kind cannot be planted gets the next kind; one where none can is passed over for another image.

    Args:
        images: annotated images; they are not changed.
        plant: plants an error of one kind and returns the changed image and its record, or None where there is no
            place for it.
        fraction: share of the images that get an error; ``round(fraction * n)`` do.
        kinds: the kinds to plant.
        columns: names of the columns of the truth.
        rng: generator of the order of the images.

    Returns:
        The images in their order, and the truth, one row per error: ``row_id``, ``planted_kind`` and the record.

    Raises:
        PlantingError: fewer images than asked for can hold an error.
    """
    wanted = round(fraction * len(images))
    planted = list(images)
    truth: list[dict[str, object]] = []
    for position in rng.permutation(len(images)):
        if len(truth) == wanted:
            break
        image = images[position]
        for turn in range(len(kinds)):
            kind = kinds[(len(truth) + turn) % len(kinds)]
            found = plant(image, kind)
            if found is not None:
                planted[position], record = found
                truth.append({"row_id": image.row_id, "planted_kind": kind, **record})
                break
    if len(truth) < wanted:
        raise PlantingError(
            f"only {len(truth):,} of {len(images):,} images can hold an error of the kinds {', '.join(kinds)}, "
            f"expected {wanted:,}"
        )
    return planted, pd.DataFrame(truth, columns=list(columns))


def put_planted_image_errors(
    training_set: pd.DataFrame,
    images: Sequence[AnnotatedImage],
    truth: pd.DataFrame,
    *,
    fraction: float,
    kinds: Sequence[str],
    true_columns: Mapping[str, str],
) -> pd.DataFrame:
    """Put planted errors into the annotations of the train images, and the truth beside them.

    Args:
        training_set: training set of images without planted errors.
        images: its train images after planting, in order.
        truth: the planted errors, with ``row_id`` and ``planted_kind``.
        fraction: share of the images that was to be corrupted.
        kinds: all kinds of errors.
        true_columns: for each column of annotations the name of the column that keeps it as it was.

    Returns:
        A copy with the annotations of the changed images, the true ones of all, and what ``put_planted_errors`` adds.

    Raises:
        ValueError: the fraction is less than one image.
    """
    kind_of = dict(zip(truth["row_id"], truth["planted_kind"], strict=True))
    planted_kinds = pd.Categorical([kind_of.get(image.row_id) for image in images], categories=list(kinds))
    is_planted = np.asarray(planted_kinds.notna(), dtype=bool)
    labels = np.array([SEPARATOR.join(image.classes) for image in images], dtype=object)
    table = put_planted_errors(
        training_set,
        PlantedErrors(labels=labels, is_planted=is_planted, kinds=planted_kinds),
        labels,
        fraction=fraction,
        items="train images",
    )
    table = table.assign(**{true: training_set[name] for name, true in true_columns.items()})
    changed = pd.DataFrame.from_records([image.to_row() for image in compress(images, is_planted)])
    for name in true_columns:
        table.loc[table["planted_error"], name] = changed[name].to_numpy()
    return table
