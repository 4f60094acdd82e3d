"""The step of the images' issues and its checks, on images with known faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.families.images.checks import (
    every_issue_type_ran,
    near_duplicate_rate,
    no_equal_pixels_across_splits,
    outlier_rate,
)
from cleanlab_assets.families.images.steps import ImageIssuesFacts, ImagesTrainingSetFacts, image_issues
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.methods.result import Result
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.metadata import to_metadata
from cleanlab_assets.orchestration.storage import ParquetIOManager
from cleanlab_assets_tests.known_images import draw_picture, make_faulty_images, make_image_rows

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.families.step import CheckResult

CHECKS = (outlier_rate, near_duplicate_rate, no_equal_pixels_across_splits, every_issue_type_ran)


class Judged:
    """Pictures under audit, some of them test images, with what the step and its checks say of them."""

    def __init__(self, pictures: dict[str, bytes], directory: Path, *, test: tuple[str, ...]) -> None:
        table = make_image_rows(pictures)
        is_test = table["row_id"].isin(test)
        table["split"] = pd.Categorical(np.where(is_test, "test", "train"), categories=["train", "test"])
        facts = ImagesTrainingSetFacts(seed=3, folds=2, notes=[], planted=[])
        training_set = Result(value=table, facts=facts)
        dataset = get_dataset("digit_scenes")
        context = StepContext(family="object_detection", dataset=dataset, data_dir=directory)
        self.issues: Result[pd.DataFrame, ImageIssuesFacts] = image_issues.run(context, training_set)
        results = {"training_set": training_set, "image_issues": self.issues}
        self.checks: dict[str, CheckResult] = {
            check.name: check.run(context, **{name: results[name] for name in check.inputs}) for check in CHECKS
        }


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    pictures = make_faulty_images() | {"test_copy": draw_picture(4), "test_other": draw_picture(201)}
    return Judged(pictures, tmp_path_factory.mktemp("image_issues"), test=("test_copy", "test_other"))


def test_the_train_images_are_judged_and_the_counts_are_shown(faulty: Judged) -> None:
    table = faulty.issues.value
    assert not table["row_id"].str.startswith("test_").any()
    assert table.loc[table["is_dark_issue"], "row_id"].tolist() == ["black"]
    shown = faulty.issues.show()
    assert shown["n_dark_issues"] == 1
    assert shown["n_duplicate_sets"] == 3
    assert "data:image/png;base64," in str(to_metadata(shown)["plots"])


def test_the_stored_summary_comes_back_with_its_types(faulty: Judged, tmp_path: Path) -> None:
    from upath import UPath

    manager = ParquetIOManager(UPath(tmp_path), {})
    found = manager.from_bytes(manager.to_bytes(faulty.issues), image_issues)
    assert found.facts == faulty.issues.facts
    summary = {item.issue_type: item for item in found.facts.summary}
    assert summary["exact_duplicate"].n_issues == 2
    assert summary["outlier"].k == 10
    assert sum(item.k is None for item in summary.values()) == len(summary) - 2


def test_checks_fail_on_faulty_images(faulty: Judged) -> None:
    found = {name: (check.passed, check.description) for name, check in faulty.checks.items()}
    assert found["outlier_rate"][0] is False
    assert found["near_duplicate_rate"] == (False, "6 of 40 rows (15.0%) are flagged; limit 5.0%")
    assert found["no_equal_images_across_splits"] == (False, "1 of 2 test images equal a train image")
    assert found["every_issue_type_ran"] == (True, "all ran")


def test_checks_pass_on_sound_images(tmp_path: Path) -> None:
    pictures = {f"good_{number:02d}": draw_picture(number) for number in range(30)}
    checks = Judged(pictures, tmp_path, test=("good_00", "good_01")).checks
    assert [name for name, check in checks.items() if not check.passed] == []
    assert len(checks) == len(CHECKS)


def test_a_type_that_did_not_run_is_said(tmp_path: Path) -> None:
    pictures = {name: draw_picture(number) for number, name in enumerate("abc")}
    checks = Judged(pictures, tmp_path, test=("c",)).checks
    assert not checks["every_issue_type_ran"].passed
    assert checks["every_issue_type_ran"].description.startswith("outlier did not run: there are 2 images")
    assert not checks["outlier_rate"].passed
    assert checks["outlier_rate"].description == "this issue type did not run"
