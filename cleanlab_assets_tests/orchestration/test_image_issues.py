"""The asset of the images' issues and its checks, on images with known faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.orchestration.partitions import dataset_partitions
from cleanlab_assets.orchestration.storage import ParquetIOManager
from cleanlab_assets.orchestration.vision.image_issues import (
    build_image_issue_checks,
    build_image_issues,
    read_image_issue_summary,
)
from cleanlab_assets.settings import Settings
from cleanlab_assets_tests.known_images import draw_picture, make_faulty_images, make_image_rows

if TYPE_CHECKING:
    from pathlib import Path

FAMILY, DATASET = "object_detection", "digit_scenes"


def _split(pictures: dict[str, bytes], test: tuple[str, ...]) -> pd.DataFrame:
    table = make_image_rows(pictures)
    is_test = table["row_id"].isin(test)
    table["split"] = pd.Categorical(np.where(is_test, "test", "train"), categories=["train", "test"])
    table.attrs = {"seed": 3}
    return table


def _materialize(training_set: pd.DataFrame, directory: Path) -> dg.ExecuteInProcessResult:
    partitions = dataset_partitions(FAMILY)

    @dg.asset(key=[FAMILY, "training_set"], partitions_def=partitions, io_manager_key="parquet")
    def stored_training_set() -> pd.DataFrame:
        return training_set

    image_issues = build_image_issues(FAMILY)
    return dg.materialize(
        [stored_training_set, image_issues, *build_image_issue_checks(FAMILY, image_issues)],
        partition_key=DATASET,
        resources={
            "parquet": ParquetIOManager(base_path=_as_upath(directory)),
            "settings": Settings(_env_file=None, artifacts_dir=str(directory), data_dir=directory),
        },
    )


def _as_upath(directory: Path) -> Any:
    from upath import UPath

    return UPath(directory)


@pytest.fixture(scope="module")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> dg.ExecuteInProcessResult:
    pictures = make_faulty_images() | {"test_copy": draw_picture(4), "test_other": draw_picture(201)}
    training_set = _split(pictures, ("test_copy", "test_other"))
    return _materialize(training_set, tmp_path_factory.mktemp("image_issues"))


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {item.check_name: (item.passed, item.description) for item in result.get_asset_check_evaluations()}


def test_the_train_images_are_judged_and_the_counts_are_shown(faulty_run: dg.ExecuteInProcessResult) -> None:
    table = faulty_run.asset_value([FAMILY, "image_issues"])
    assert not table["row_id"].str.startswith("test_").any()
    assert table.loc[table["is_dark_issue"], "row_id"].tolist() == ["black"]
    (event,) = faulty_run.asset_materializations_for_node("object_detection__image_issues")
    assert event.metadata["n_dark_issues"].value == 1
    assert event.metadata["n_duplicate_sets"].value == 3
    assert "data:image/png;base64," in str(event.metadata["plots"].value)


def test_the_stored_summary_comes_back_with_its_types(faulty_run: dg.ExecuteInProcessResult) -> None:
    summary = read_image_issue_summary(faulty_run.asset_value([FAMILY, "image_issues"])).set_index("issue_type")
    assert summary.loc["exact_duplicate", "n_issues"] == 2
    assert summary.loc["outlier", "k"] == 10
    assert summary["k"].isna().sum() == len(summary) - 2


def test_checks_fail_on_faulty_images(faulty_run: dg.ExecuteInProcessResult) -> None:
    found = _checks(faulty_run)
    assert found["outlier_rate"][0] is False
    assert found["near_duplicate_rate"] == (False, "6 of 40 rows (15.0%) are flagged; limit 5.0%")
    assert found["no_equal_images_across_splits"] == (False, "1 of 2 test images equal a train image")
    assert found["every_issue_type_ran"] == (True, "all ran")


def test_checks_pass_on_sound_images(tmp_path: Path) -> None:
    pictures = {f"good_{number:02d}": draw_picture(number) for number in range(30)}
    found = _checks(_materialize(_split(pictures, ("good_00", "good_01")), tmp_path))
    assert {name: passed for name, (passed, _) in found.items()} == dict.fromkeys(found, True)
    assert len(found) == 4


def test_a_type_that_did_not_run_is_said(tmp_path: Path) -> None:
    pictures = {name: draw_picture(number) for number, name in enumerate("abc")}
    found = _checks(_materialize(_split(pictures, ("c",)), tmp_path))
    passed, description = found["every_issue_type_ran"]
    assert not passed
    assert description is not None
    assert description.startswith("outlier did not run: there are 2 images")
    assert found["outlier_rate"] == (False, "this issue type did not run")
