"""The synthetic scenes as the catalogue has them: all of them, the same each time, with annotations that agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets import digit_scenes
from cleanlab_assets.datasets.digit_scenes import DIGITS_PER_SCENE, N_SCENES, SIDE
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.images import AnnotatedImage, read_image_table
from cleanlab_assets.orchestration.contracts import find_schema_violation
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.datasets.table_checks import hash_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def load(data_dir: Path) -> pd.DataFrame:
    dataset = get_dataset("digit_scenes")
    return dataset.load(resolve_source_files(dataset, data_dir))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The first scenes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digit_scenes, "N_SCENES", 100)
        return load(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def scenes(table: pd.DataFrame) -> list[AnnotatedImage]:
    return read_image_table(table, get_dataset("digit_scenes").class_names)


@pytest.mark.slow
def test_the_catalogue_has_four_hundred_scenes(tmp_path: Path) -> None:
    dataset, table = get_dataset("digit_scenes"), load(tmp_path)
    assert len(table) == N_SCENES == dataset.expected_rows == 400
    assert table["row_id"].is_unique
    assert find_schema_violation(dataset, table) is None
    assert table["image"].nunique() == N_SCENES
    assert hash_table(table) == hash_table(load(tmp_path)), "the scenes are the same each time"
    scenes = read_image_table(table, dataset.class_names)
    frequencies = np.bincount(np.concatenate([[int(label) for label in scene.box_labels] for scene in scenes]))
    assert frequencies.min() > 0.8 * frequencies.mean(), "all ten digits come about as often"
    assert not list(tmp_path.iterdir()), "nothing is downloaded: the digits ship with a package"


def test_boxes_are_tight_around_their_instances_and_classes_agree(scenes: list[AnnotatedImage]) -> None:
    for scene in scenes:
        assert scene.instance_mask is not None
        assert scene.class_mask is not None
        assert (scene.width, scene.height) == (SIDE, SIDE)
        assert set(np.unique(scene.instance_mask)) == set(range(len(scene.boxes) + 1))
        for number, (box, label) in enumerate(zip(scene.boxes, scene.box_labels, strict=True), start=1):
            rows, columns = np.nonzero(scene.instance_mask == number)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            code = scene.class_names.index(label) + 1
            assert (scene.class_mask[rows, columns] == code).all()
        np.testing.assert_array_equal(scene.class_mask > 0, scene.instance_mask > 0)


def test_every_scene_has_as_many_digits_as_documented(scenes: list[AnnotatedImage]) -> None:
    counts = np.array([len(scene.boxes) for scene in scenes])
    low, high = DIGITS_PER_SCENE
    assert (low, high) == (3, 6)
    assert set(counts) == set(range(low, high + 1))


def test_a_digit_stands_out_from_the_ground_around_it(scenes: list[AnnotatedImage]) -> None:
    """Else nobody, and no model, could read it."""
    from scipy.ndimage import binary_dilation

    contrasts = []
    for scene in scenes[:60]:
        assert scene.instance_mask is not None
        grey = scene.read_pixels().mean(axis=2)
        for number in range(1, len(scene.boxes) + 1):
            place = scene.instance_mask == number
            around = binary_dilation(place, iterations=8) & (scene.instance_mask == 0)
            contrasts.append(abs(float(grey[place].mean() - grey[around].mean())))
    assert np.quantile(contrasts, 0.05) > 20
