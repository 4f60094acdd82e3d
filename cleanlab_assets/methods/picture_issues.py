"""Bad pictures and copies of pictures, by CleanVision; labels are not looked at."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.images import AnnotationError, to_eight_bits
from cleanlab_assets.extras import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

PICTURE_ISSUE_TYPES: Mapping[str, str] = {
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
"""What each issue type means."""
ALL_GREY = "every image is grey"
"""Reason of the type that would flag every image of a grey dataset."""
_NAMES_IN_CLEANVISION = {"exact_duplicate": "exact_duplicates", "hash_duplicate": "near_duplicates"}
_COMPARING_TYPES = ("odd_size", "exact_duplicate", "hash_duplicate")
_DUPLICATE_PARAMETERS: Mapping[str, dict[str, Any]] = {
    "exact_duplicate": {"hash_type": "md5"},
    "hash_duplicate": {"hash_type": "phash", "hash_size": 8},
}
NO_PAIRS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class FoundInPictures:
    """What was found: flags and scores by column name, parameters and failures by issue type, and pairs of copies."""

    columns: dict[str, np.ndarray]
    parameters: dict[str, dict[str, Any]]
    failures: dict[str, str]
    pairs: list[tuple[np.ndarray, np.ndarray]]


class Pictures:
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
                shown = to_eight_bits(picture)
                return (shown.convert("L" if shown.mode == "L" else "RGB"),)
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for damaged files
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


def find_picture_issues(pictures: Pictures) -> FoundInPictures:
    """Look for every type of ``PICTURE_ISSUE_TYPES``.

    Source: CleanVision 0.3 with its default thresholds. Exact copies are no hash duplicates besides, nor are pictures
    of low information, whose hashes say nothing. CleanVision's blur score takes the border of a picture for an edge
    and few tones for a drawing: blurred pictures of low contrast or with a bright border pass.

    Raises:
        AnnotationError: a picture cannot be decoded; the message names it.
        MissingExtraError: CleanVision is not installed.
    """
    require("a check of pictures", "cleanvision")
    from cleanvision import Imagelab

    lab = Imagelab(torchvision_dataset=pictures, verbose=False)
    failures: dict[str, str] = {}
    if len(pictures) == 1:
        failures |= dict.fromkeys(_COMPARING_TYPES, "there is one image: nothing to compare it with")
    wanted = {name: _NAMES_IN_CLEANVISION.get(name, name) for name in PICTURE_ISSUE_TYPES if name not in failures}
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
    pairs = [NO_PAIRS]
    if len(pictures) > 1:
        exact_sets = _split_by_size(lab.info["exact_duplicates"]["sets"], pictures.sizes)
        hash_sets = _drop_members(lab.info["near_duplicates"]["sets"], columns["is_low_information_issue"])
        columns |= _describe_sets("exact_duplicate", exact_sets, len(pictures))
        columns |= _describe_sets("hash_duplicate", hash_sets, len(pictures))
        pairs = [_pair_members(exact_sets), _pair_members(hash_sets)]
    return FoundInPictures(columns, {**_DUPLICATE_PARAMETERS}, failures, pairs)


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
