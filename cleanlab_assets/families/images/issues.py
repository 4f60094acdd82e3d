"""Issues of the images themselves: bad pictures, copies, and pictures unlike all others.

CleanVision judges each picture and finds copies by hash; Datalab finds outliers and near duplicates by the distance of
embeddings. Labels are not looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.images import AnnotationError
from cleanlab_assets.extras import require
from cleanlab_assets.families.tables.datalab import run_issue_types, summarize_issue_types
from cleanlab_assets.families.tables.duplicates import find_close_pairs, number_linked_sets
from cleanlab_assets.families.tables.neighbor_graph import METRIC, NEAR_DUPLICATE_THRESHOLD, build_neighbor_graph
from cleanlab_assets.methods.training_set import TEST, TRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image
    from scipy.sparse import csr_matrix

_CLEANVISION_TYPES = {
    "dark": "the image is so dark that hardly anything can be seen",
    "light": "the image is so bright that hardly anything can be seen",
    "blurry": "the image has no sharp edges",
    "low_information": "the image has few different tones, as a plain surface has",
    "odd_aspect_ratio": "the image is far wider than tall, or far taller than wide",
    "odd_size": "the image is far larger or smaller than the others",
    "grayscale": "the image has no colours while others have; for information, it need not be wrong",
    "exact_duplicate": "the image has the same pixels as another",
    "hash_duplicate": "the image has the perceptual hash of another: one was scaled, recoded or slightly changed",
}
_EMBEDDING_TYPES = {
    "outlier": "the image is unlike all others by its embedding",
    "near_duplicate": "the image is nearly equal to another by its embedding",
}
IMAGE_ISSUE_TYPES: Mapping[str, str] = _CLEANVISION_TYPES | _EMBEDDING_TYPES
"""What each issue type means."""
INFORMATIVE_TYPES = ("grayscale",)
"""Types that say something about an image without calling it bad."""
ALL_GREY = "every image is grey"
"""Reason of the type that would flag every image of a grey dataset."""
MOST_NEIGHBORS = 10
FEWEST_IMAGES = 5
"""Images below which a typical distance means nothing."""
EXACT_ROW_LIMIT = 50_000
_NAMES_IN_CLEANVISION = {"exact_duplicate": "exact_duplicates", "hash_duplicate": "near_duplicates"}
_COMPARING_TYPES = ("odd_size", "exact_duplicate", "hash_duplicate")
_DUPLICATE_PARAMETERS: Mapping[str, dict[str, Any]] = {
    "exact_duplicate": {"hash_type": "md5"},
    "hash_duplicate": {"hash_type": "phash", "hash_size": 8},
}
_NO_PAIRS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


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


@dataclass(frozen=True)
class _Found:
    """Flags and scores by column name, parameters and failures by issue type, and pairs of copies."""

    columns: dict[str, np.ndarray]
    parameters: dict[str, dict[str, Any]]
    failures: dict[str, str]
    pairs: list[tuple[np.ndarray, np.ndarray]]


def find_image_issues(table: pd.DataFrame, embeddings: np.ndarray | None, *, seed: int) -> ImageIssues:
    """Look for every type of ``IMAGE_ISSUE_TYPES``.

    Source: CleanVision 0.3 with its default thresholds; Datalab's outliers and near duplicates on a graph of the
    nearest neighbours (at most 10) by Euclidean distance, each dimension of the embedding standardised to mean 0 and
    standard deviation 1. Exact copies are no hash duplicates besides, nor are images of low information, whose hashes
    say nothing. CleanVision's blur score takes the border of a picture for an edge and few tones for a drawing:
    blurred pictures of low contrast or with a bright border pass.

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
    pictures = _Pictures(row_ids.tolist(), table["image"].tolist())
    by_picture = _run_cleanvision(pictures)
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
    pictures = _Pictures(training_set["row_id"].tolist(), training_set["image"].tolist())
    digests = pd.Series([_hash_pixels(pictures[position][0]) for position in range(len(pictures))])
    rows = pd.DataFrame({"row_id": training_set["row_id"].to_numpy(), "pixels": digests})
    split = training_set["split"].to_numpy()
    train = rows[split == TRAIN].drop_duplicates("pixels").rename(columns={"row_id": "equal_train_row"})
    pairs: pd.DataFrame = rows[split == TEST].merge(train, on="pixels")[["row_id", "equal_train_row"]]
    return pairs


class _Pictures:
    """Encoded pictures as the torchvision-like dataset that CleanVision reads: decoded one by one, kept by nobody."""

    def __init__(self, row_ids: Sequence[str], contents: Sequence[bytes]) -> None:
        self._row_ids = row_ids
        self._contents = contents

    def __len__(self) -> int:
        return len(self._contents)

    def __getitem__(self, position: int) -> tuple[Image]:
        """Decode one picture: 8-bit grey stays grey, everything else becomes RGB."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self._contents[position])) as picture:
                return (picture.convert("L" if picture.mode == "L" else "RGB"),)
        except (OSError, SyntaxError) as error:  # what Pillow raises for damaged files
            n_bytes = len(self._contents[position])
            raise AnnotationError(
                f"{self._row_ids[position]}, field image: found {n_bytes} bytes that cannot be decoded ({error}), "
                "expected a whole picture"
            ) from error

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each picture, in pixels."""
        from PIL import Image

        sizes = []
        for content in self._contents:
            with Image.open(io.BytesIO(content)) as picture:
                sizes.append(picture.size)
        return sizes


def _hash_pixels(picture: Image) -> str:
    colours = picture.convert("RGB")
    return hashlib.sha256(repr(colours.size).encode() + colours.tobytes()).hexdigest()


def _run_cleanvision(pictures: _Pictures) -> _Found:
    require("the asset image_issues", "cleanvision")
    from cleanvision import Imagelab

    lab = Imagelab(torchvision_dataset=pictures, verbose=False)
    failures: dict[str, str] = {}
    if len(pictures) == 1:
        failures |= dict.fromkeys(_COMPARING_TYPES, "there is one image: nothing to compare it with")
    wanted = {name: _NAMES_IN_CLEANVISION.get(name, name) for name in _CLEANVISION_TYPES if name not in failures}
    # One process: a pool forked from a process with threads may never end. Its progress bars go to stderr in any case.
    with contextlib.redirect_stderr(io.StringIO()):
        lab.find_issues({theirs: {} for theirs in wanted.values()}, n_jobs=1, verbose=False)
    if lab.issues["is_grayscale_issue"].all():
        failures["grayscale"] = ALL_GREY
        del wanted["grayscale"]
    columns: dict[str, np.ndarray] = {}
    for name, theirs in wanted.items():
        columns[f"is_{name}_issue"] = lab.issues[f"is_{theirs}_issue"].to_numpy(dtype=bool)
        columns[f"{name}_score"] = lab.issues[f"{theirs}_score"].to_numpy(dtype=np.float32).clip(0, 1)
    pairs = [_NO_PAIRS]
    if len(pictures) > 1:
        exact_sets = _split_by_size(lab.info["exact_duplicates"]["sets"], pictures.sizes)
        hash_sets = _drop_members(lab.info["near_duplicates"]["sets"], columns["is_low_information_issue"])
        columns |= _describe_sets("exact_duplicate", exact_sets, len(pictures))
        columns |= _describe_sets("hash_duplicate", hash_sets, len(pictures))
        pairs = [_pair_members(exact_sets), _pair_members(hash_sets)]
    return _Found(columns, {**_DUPLICATE_PARAMETERS}, failures, pairs)


def _split_by_size(sets: Sequence[Sequence[int]], sizes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Keep pictures of different sizes apart: CleanVision's hash is of the bytes, so that plain ones may agree."""
    groups: dict[tuple[int, tuple[int, int]], list[int]] = {}
    for number, members in enumerate(sets):
        for member in members:
            groups.setdefault((number, sizes[member]), []).append(member)
    return [members for members in groups.values() if len(members) > 1]


def _drop_members(sets: Sequence[Sequence[int]], is_dropped: np.ndarray) -> list[list[int]]:
    """Leave some images out of sets: the perceptual hash of a plain surface is nearly empty, so that all are alike."""
    kept = ([member for member in members if not is_dropped[member]] for members in sets)
    return [members for members in kept if len(members) > 1]


def _describe_sets(issue_type: str, sets: Sequence[Sequence[int]], n_images: int) -> dict[str, np.ndarray]:
    """Flag the members of sets, with CleanVision's score: 1 divided by the size of the set."""
    scores = np.ones(n_images, dtype=np.float32)
    for members in sets:
        scores[list(members)] = 1 / len(members)
    return {f"is_{issue_type}_issue": scores < 1, f"{issue_type}_score": scores}


def _pair_members(sets: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Link the first member of each set with the others."""
    pairs = [(members[0], other) for members in sets for other in members[1:]]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return first, second


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


def _run_datalab(graph: csr_matrix) -> _Found:
    from cleanlab import Datalab

    settings: dict[str, Any] = {"metric": METRIC, "k": graph.nnz // graph.shape[0]}
    parameters = {"outlier": settings, "near_duplicate": settings | {"threshold": NEAR_DUPLICATE_THRESHOLD}}
    lab = Datalab({"position": np.arange(graph.shape[0])}, verbosity=0)
    _, failures = run_issue_types(lab, {name: dict(values) for name, values in parameters.items()}, knn_graph=graph)
    columns: dict[str, np.ndarray] = {}
    for name in [name for name in parameters if name not in failures]:
        columns[f"is_{name}_issue"] = lab.issues[f"is_{name}_issue"].to_numpy(dtype=bool)
        columns[f"{name}_score"] = lab.issues[f"{name}_score"].to_numpy(dtype=np.float32)
    return _Found(columns, parameters, failures, [find_close_pairs(graph, NEAR_DUPLICATE_THRESHOLD)])


def _skip(types: Mapping[str, str], reason: str) -> _Found:
    return _Found({}, {}, dict.fromkeys(types, reason), [_NO_PAIRS])


def _choose_kept(duplicate_set: pd.Series, n_pixels: Sequence[int]) -> np.ndarray:
    in_set = duplicate_set.notna().to_numpy()
    largest = pd.Series(n_pixels)[in_set].groupby(duplicate_set[in_set]).idxmax()
    keep = ~in_set
    keep[largest.to_numpy()] = True
    return keep
