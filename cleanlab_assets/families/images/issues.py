"""Issues of the images themselves: bad pictures, copies, and pictures unlike all others.

CleanVision judges each picture and finds copies by hash; Datalab finds outliers and near duplicates by the distance of
embeddings. Labels are not looked at.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.tables.datalab import run_issue_types, summarize_issue_types
from cleanlab_assets.families.tables.duplicates import find_close_pairs, number_linked_sets
from cleanlab_assets.families.tables.neighbor_graph import METRIC, NEAR_DUPLICATE_THRESHOLD, build_neighbor_graph
from cleanlab_assets.methods.picture_issues import (
    NO_PAIRS,
    PICTURE_ISSUE_TYPES,
    FoundInPictures,
    Pictures,
    find_picture_issues,
)
from cleanlab_assets.methods.training_set import TEST, TRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image
    from scipy.sparse import csr_matrix

_EMBEDDING_TYPES = {
    "outlier": "the image is unlike all others by its embedding",
    "near_duplicate": "the image is nearly equal to another by its embedding",
}
IMAGE_ISSUE_TYPES: Mapping[str, str] = {**PICTURE_ISSUE_TYPES, **_EMBEDDING_TYPES}
"""What each issue type means."""
INFORMATIVE_TYPES = ("grayscale",)
"""Types that say something about an image without calling it bad."""
MOST_NEIGHBORS = 10
FEWEST_IMAGES = 5
"""Images below which a typical distance means nothing."""
EXACT_ROW_LIMIT = 50_000


@dataclass(frozen=True)
class ImageIssues:
    """What was found in the images.

    ``table``: one row for each image in the given order: ``row_id``, for each type that ran ``is_<type>_issue`` and
    ``<type>_score`` (in [0, 1], lower is worse), ``duplicate_set`` (number of the set of copies from 1, missing outside
    one) and ``keep`` (false for the images of a set but the one to keep: the one of most pixels, of equals the first).
    With embeddings also ``nearest_neighbor`` (row id) and ``distance_to_nearest_neighbor``.
    ``summary``: one row for each type of ``IMAGE_ISSUE_TYPES``, with the columns of ``DatalabIssues.summary``; the
    score is the mean of the images'.
    """

    table: pd.DataFrame
    summary: pd.DataFrame


def find_image_issues(table: pd.DataFrame, embeddings: np.ndarray | None, *, seed: int) -> ImageIssues:
    """Look for every type of ``IMAGE_ISSUE_TYPES``.

    Source: ``find_picture_issues``; Datalab's outliers and near duplicates on a graph of the nearest neighbours (at
    most 10) by Euclidean distance, each dimension of the embedding standardised to mean 0 and standard deviation 1.

    Args:
        table: ``row_id`` and ``image`` (encoded bytes) of each image.
        embeddings: float of shape (n_images, n_dimensions); None if there are none.
        seed: seed of the neighbour search among very many images.

    Returns:
        The per-image table and the summary. A type that could not run is "not run" there, with the reason.

    Raises:
        ValueError: there is no image, or not one embedding for each.
        AnnotationError: a picture cannot be decoded; the message names it.
    """
    row_ids = table["row_id"].to_numpy()
    if len(table) == 0:
        raise ValueError("there is no image to look at: expected at least one")
    if embeddings is not None and len(embeddings) != len(table):
        raise ValueError(f"found {len(embeddings)} embeddings, expected one for each of {len(table)} images")
    pictures = Pictures(row_ids.tolist(), table["image"].tolist())
    by_picture = find_picture_issues(pictures)
    graph, reason = _build_graph(embeddings, len(table), seed=seed)
    by_embedding = _run_datalab(graph) if graph is not None else _skip(_EMBEDDING_TYPES, reason)

    columns = by_picture.columns | by_embedding.columns
    issues = pd.DataFrame({"row_id": row_ids, **columns})
    first, second = (np.concatenate(ends) for ends in zip(*by_picture.pairs, *by_embedding.pairs, strict=True))
    issues["duplicate_set"] = number_linked_sets(len(issues), first, second)
    issues["keep"] = _choose_kept(issues["duplicate_set"], [width * height for width, height in pictures.sizes])
    if graph is not None:
        k = graph.nnz // graph.shape[0]
        issues["nearest_neighbor"] = row_ids[graph.indices[::k]]
        issues["distance_to_nearest_neighbor"] = graph.data[::k].astype(np.float32)
    failures = by_picture.failures | by_embedding.failures
    scores = {name: float(issues[f"{name}_score"].mean()) for name in IMAGE_ISSUE_TYPES if name not in failures}
    parameters = by_picture.parameters | by_embedding.parameters
    return ImageIssues(issues, summarize_issue_types(issues, IMAGE_ISSUE_TYPES, scores, parameters, failures))


def find_equal_images_across_splits(training_set: pd.DataFrame) -> pd.DataFrame:
    """Find test images that have exactly the pixels of a train image, however they are encoded.

    Args:
        training_set: ``row_id``, ``image`` (encoded bytes) and ``split`` of each image.

    Returns:
        Table with ``row_id`` of the test image and ``equal_train_row``, the first train image that equals it.
    """
    pictures = Pictures(training_set["row_id"].tolist(), training_set["image"].tolist())
    digests = pd.Series([_hash_pixels(pictures[position][0]) for position in range(len(pictures))])
    rows = pd.DataFrame({"row_id": training_set["row_id"].to_numpy(), "pixels": digests})
    split = training_set["split"].to_numpy()
    train = rows[split == TRAIN].drop_duplicates("pixels").rename(columns={"row_id": "equal_train_row"})
    pairs: pd.DataFrame = rows[split == TEST].merge(train, on="pixels")[["row_id", "equal_train_row"]]
    return pairs


def _hash_pixels(picture: Image) -> str:
    colours = picture.convert("RGB")
    return hashlib.sha256(repr(colours.size).encode() + colours.tobytes()).hexdigest()


def _build_graph(embeddings: np.ndarray | None, n_images: int, *, seed: int) -> tuple[csr_matrix | None, str]:
    """Return the graph of the nearest neighbours, or None and the reason why there is none."""
    if embeddings is None:
        return None, "there is no embedding of the images"
    if n_images < FEWEST_IMAGES:
        return None, f"there are {n_images} images, expected at least {FEWEST_IMAGES} to know a typical distance"
    k = min(MOST_NEIGHBORS, n_images - 1)
    scaled = _standardise(embeddings)
    found, _ = build_neighbor_graph(scaled, scaled[:0], k=k, exact_row_limit=EXACT_ROW_LIMIT, seed=seed)
    return found.to_matrix(), ""


def _standardise(embeddings: np.ndarray) -> np.ndarray:
    """Give each dimension mean 0 and standard deviation 1; a dimension without spread becomes 0."""
    values = np.asarray(embeddings, dtype=np.float64)
    deviation = values.std(axis=0)
    has_spread = deviation > np.finfo(np.float32).eps * np.abs(values).max(axis=0)
    centred = np.where(has_spread, values - values.mean(axis=0), 0)
    scaled: np.ndarray = centred / np.where(has_spread, deviation, 1)
    return np.ascontiguousarray(scaled, dtype=np.float32)


def _run_datalab(graph: csr_matrix) -> FoundInPictures:
    from cleanlab import Datalab

    settings: dict[str, Any] = {"metric": METRIC, "k": graph.nnz // graph.shape[0]}
    parameters = {"outlier": settings, "near_duplicate": settings | {"threshold": NEAR_DUPLICATE_THRESHOLD}}
    lab = Datalab({"position": np.arange(graph.shape[0])}, verbosity=0)
    _, failures = run_issue_types(lab, {name: dict(values) for name, values in parameters.items()}, knn_graph=graph)
    columns: dict[str, np.ndarray] = {}
    for name in [name for name in parameters if name not in failures]:
        columns[f"is_{name}_issue"] = lab.issues[f"is_{name}_issue"].to_numpy(dtype=bool)
        columns[f"{name}_score"] = lab.issues[f"{name}_score"].to_numpy(dtype=np.float32)
    return FoundInPictures(columns, parameters, failures, [find_close_pairs(graph, NEAR_DUPLICATE_THRESHOLD)])


def _skip(types: Mapping[str, str], reason: str) -> FoundInPictures:
    return FoundInPictures({}, {}, dict.fromkeys(types, reason), [NO_PAIRS])


def _choose_kept(duplicate_set: pd.Series, n_pixels: Sequence[int]) -> np.ndarray:
    in_set = duplicate_set.notna().to_numpy()
    largest = pd.Series(n_pixels)[in_set].groupby(duplicate_set[in_set]).idxmax()
    keep = ~in_set
    keep[largest.to_numpy()] = True
    return keep
