"""Does the measure of the audit's power tell a model that sees from one that does not, in both families of images?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from cleanlab_assets.datasets.boxes import ScoredBoxes
from cleanlab_assets.families.object_detection.plant import BOX_ERROR_KINDS
from cleanlab_assets.families.object_detection.planted_audit import plant_and_audit_boxes
from cleanlab_assets.families.segmentation.mask_quality import CONTRADICTION, OBJECT, SOFTMIN, score_mask
from cleanlab_assets.families.segmentation.plant import MASK_ERROR_KINDS
from cleanlab_assets.families.segmentation.planted_audit import choose_mask_score, plant_and_audit_masks
from cleanlab_assets.families.segmentation.predictions import pack_probabilities, unpack_probabilities
from cleanlab_assets.methods.detection_verdict import CAN_FIND, DetectionReport, read_kinds
from cleanlab_assets_tests.datasets.known_scenes import make_scenes

if TYPE_CHECKING:
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.score_choice import ScoreChoice

N_IDS = 11


@pytest.fixture(scope="module")
def scenes() -> list[AnnotatedImage]:
    return make_scenes(100)


def has_power(measured: pd.DataFrame) -> bool:
    """What the check asks: every kind of error is found far better than by chance."""
    return DetectionReport(kinds=read_kinds(measured, gross=()), among="images").verdict == CAN_FIND


def see_masks(scenes: list[AnnotatedImage], rim: float) -> list[bytes]:
    """The true masks, but unsure within so many pixels of an outline, as networks are."""
    packed = []
    for scene in scenes:
        seen = (np.arange(N_IDS)[:, None, None] == scene.class_mask).astype(np.float32)
        if rim:
            seen = gaussian_filter(seen, (0, rim, rim))
        packed.append(pack_probabilities(0.99 * seen + 0.01 / N_IDS))
    return packed


@pytest.mark.parametrize("rim", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_kind_of_wrong_mask_ranks_worst_for_a_model_that_sees(scenes: list[AnnotatedImage], rim: float) -> None:
    measured = plant_and_audit_masks(scenes, see_masks(scenes, rim), seed=7)

    assert measured["kind"].tolist() == sorted(MASK_ERROR_KINDS)
    assert measured["n_planted"].tolist() == [5] * 5
    assert measured["chance"].tolist() == pytest.approx([5 / 80] * 5)
    assert has_power(measured)
    assert (measured["average_precision"] > 0.7).all(), measured


def confuse_classes(scenes: list[AnnotatedImage]) -> list[bytes]:
    """Unsure along outlines, and of every second scene rather sure of another class for each object."""
    rng = np.random.default_rng(0)
    packed = []
    for scene in scenes:
        seen = (np.arange(N_IDS)[:, None, None] == scene.class_mask).astype(np.float32)
        if rng.random() < 1 / 2:
            seen[1:] = 0.05 * seen[1:] + 0.95 * np.roll(seen[1:], 1, axis=0)
        packed.append(pack_probabilities(0.99 * gaussian_filter(seen, (0, 2, 2)) + 0.01 / N_IDS))
    return packed


@pytest.mark.slow
def test_objects_too_large_or_small_are_found_where_classes_are_confused(scenes: list[AnnotatedImage]) -> None:
    """Cleanlab's score takes the scenes of confused classes for worse."""
    predictions = confuse_classes(scenes)

    found, by_cleanlab = (
        plant_and_audit_masks(scenes, predictions, seed=3, score=score).set_index("kind")
        for score in (CONTRADICTION, SOFTMIN)
    )

    for kind in ("dilated_object", "eroded_object"):
        assert by_cleanlab["average_precision"][kind] < 5 * found["chance"][kind] < found["average_precision"][kind]


def choose(scenes: list[AnnotatedImage], predictions: list[bytes]) -> ScoreChoice:
    scores = pd.DataFrame([score_mask(*pair) for pair in zip(scenes, predictions, strict=True)])
    return choose_mask_score(scenes, predictions, scores.add_suffix("_quality"), seed=3)


def test_the_score_that_finds_more_planted_mask_errors_ranks(scenes: list[AnnotatedImage]) -> None:
    """A model that is never sure contradicts no mask: then the scores rank that ask for less."""
    seen = [unpack_probabilities(content) for content in see_masks(scenes, rim=1)]
    assert choose(scenes, [pack_probabilities(found) for found in seen]).chosen == CONTRADICTION

    unsure = choose(scenes, [pack_probabilities(0.5 * found + 0.5 / N_IDS) for found in seen])

    assert unsure.chosen in (SOFTMIN, OBJECT)
    figures = {one.score: one for one in unsure.figures}
    assert figures[unsure.chosen].average_precision > figures[CONTRADICTION].average_precision + 0.1
    assert unsure.n_errors == 25


def blind_to_masks(scenes: list[AnnotatedImage], how: str) -> list[bytes]:
    """Predictions that tell nothing of the pixels: the same everywhere, noise, or those of another picture."""
    shape = (N_IDS, scenes[0].height, scenes[0].width)
    if how == "the same":
        shares = np.array([0.8, *[0.02] * 10], dtype=np.float32)[:, None, None]
        return [pack_probabilities(np.broadcast_to(shares, shape))] * len(scenes)
    if how == "noise":
        rng = np.random.default_rng(0)
        return [pack_probabilities(rng.dirichlet(np.ones(N_IDS), shape[1:]).transpose(2, 0, 1)) for _ in scenes]
    return see_masks([*scenes[1:], scenes[0]], rim=1)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("the same", marks=pytest.mark.slow),
        pytest.param("noise", marks=pytest.mark.slow),
        "those of another picture",
    ],
)
def test_a_model_that_tells_nothing_of_the_pixels_has_no_power(scenes: list[AnnotatedImage], how: str) -> None:
    measured = plant_and_audit_masks(scenes, blind_to_masks(scenes, how), seed=7)
    assert not has_power(measured), measured


def see_boxes(scenes: list[AnnotatedImage], noise: float, made_up: int = 0) -> list[ScoredBoxes]:
    """The true boxes, a little off, and so many boxes on nothing that it is not sure of."""
    rng = np.random.default_rng(0)
    found = []
    for scene in scenes:
        corners = rng.uniform(0, 100, (made_up, 2))
        boxes = np.vstack([scene.boxes + rng.normal(0, noise, scene.boxes.shape), np.hstack([corners, corners + 20])])
        codes = [scene.class_names.index(label) for label in scene.box_labels]
        scores = np.concatenate([np.full(len(codes), 0.97), rng.uniform(0, 0.3, made_up)])
        classes = np.concatenate([codes, rng.integers(0, len(scene.class_names), made_up)]).astype(np.int64)
        found.append(ScoredBoxes(boxes=boxes, codes=classes, scores=scores))
    return found


@pytest.mark.parametrize("made_up", [0, 3])
def test_every_kind_of_wrong_box_ranks_worst_for_a_detector_that_sees(
    scenes: list[AnnotatedImage], made_up: int
) -> None:
    """Also for one that predicts nothing but objects: all that it sees where no box is was dropped."""
    measured = plant_and_audit_boxes(scenes, see_boxes(scenes, noise=1, made_up=made_up), seed=7)

    assert measured["kind"].tolist() == sorted(BOX_ERROR_KINDS)
    assert has_power(measured)
    assert (measured["average_precision"] > 0.7).all(), measured
    assert (measured["chance"] < 0.05).all(), measured


def test_a_detector_that_sees_nothing_or_other_pictures_has_no_power(scenes: list[AnnotatedImage]) -> None:
    nothing = ScoredBoxes(boxes=np.zeros((0, 4)), codes=np.zeros(0, dtype=np.int64), scores=np.zeros(0))
    for predictions in ([nothing] * len(scenes), see_boxes([*scenes[1:], scenes[0]], noise=1)):
        measured = plant_and_audit_boxes(scenes, predictions, seed=7)
        assert not has_power(measured), measured
