from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import SourceFile
from cleanlab_assets.datasets.movielens_100k import FILE, GENRES
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration import datasets as catalogue
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets_tests.conftest import Workbench, build_workbench

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.families.step import Level

N_MOVIES = 60
N_USERS = 12
PARTITION = "movielens_100k|annotators_only"
CONFIG = {
    "ops": {
        "multiannotator__training_set": {
            "config": {"min_labels_per_example": 3, "min_labels_per_annotator": 10, "folds": 3, "seed": 1}
        },
        "multiannotator__variant_comparison": {"config": {"resamples": 100}},
    }
}


def _write_ratings(path: Path) -> None:
    """Write an archive of the form of MovieLens, where users differ by a grade at most from how good a movie is."""
    rng = np.random.default_rng(0)
    movies = [
        f"{number}|Movie {number} ({1930 + number})||||{'|'.join(map(str, rng.integers(2, size=len(GENRES))))}"
        for number in range(1, N_MOVIES + 1)
    ]
    ratings = [
        f"{user}\t{movie}\t{np.clip(movie % 5 + 1 + rng.integers(-1, 2), 1, 5)}\t881250949"
        for movie in range(1, N_MOVIES + 1)
        for user in range(1, N_USERS + 1)
        if rng.random() < 0.7
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-100k/u.item", "\n".join(movies))
        archive.writestr("ml-100k/u.data", "\n".join(ratings))


@pytest.mark.slow
def test_ratings_are_told_as_ordered_preferences(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(get_dataset("movielens_100k"), files=(SourceFile(name=FILE, sha256=()),), expected_rows=None)
    datasets = {**catalogue.all_datasets(), "movielens_100k": entry}
    monkeypatch.setattr(catalogue, "all_datasets", lambda: datasets)
    folder = workbench.settings.data_dir / "movielens_100k"
    folder.mkdir(parents=True)
    _write_ratings(folder / FILE)
    bench = build_workbench(workbench.settings.data_dir.parent, workbench.instance, "multiannotator")

    levels: tuple[tuple[Level, str], ...] = ((DATASET, "movielens_100k"), (MODEL, PARTITION))
    for level, partition in levels:
        outcome = bench.materialize(level, partition, CONFIG)
        assert outcome.success, outcome.error

    agreement = bench.facts("annotations", "movielens_100k").agreement
    assert agreement["ordinal_agreement"] > agreement["nominal_agreement"] + 0.2, "users differ by a grade at most"
    assert agreement["nominal_agreement"] > 0.1
    page = bench.read("audit_report", PARTITION)
    for text in ("Ordinal agreement", "Nominal agreement", "These labels are preferences", "1 &lt; 2 &lt; 3"):
        assert text in page, text
    assert "labels are preferences" in "; ".join(bench.facts("training_set", "movielens_100k").notes)
