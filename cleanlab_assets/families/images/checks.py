"""The checks that families on images share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.families.images.issues import find_equal_images_across_splits
from cleanlab_assets.families.standard_checks import judge_rate
from cleanlab_assets.families.step import CheckResult, StepContext, check, gate, rule
from cleanlab_assets.methods.picture_issues import ALL_GREY
from cleanlab_assets.methods.shown import Json, TableView
from cleanlab_assets.methods.training_set import test_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import (
        ImageIssuesTable,
        ImagesTrainingSetTable,
    )


@check("training_set", is_blocking=True)
def no_equal_images_across_splits(context: StepContext, training_set: ImagesTrainingSetTable) -> CheckResult:
    """No row id comes twice, and images of equal bytes lie on one side of the split."""
    rows = training_set.value
    groups = pd.factorize(rows["image"])[0]
    straddles = (rows["split"].cat.codes.groupby(groups).transform("nunique") > 1).to_numpy()
    repeated = rows["row_id"].duplicated(keep=False).to_numpy()
    wrong = straddles | repeated
    return rule(
        passed=not wrong.any(),
        description=f"{straddles.sum():,} of {len(rows):,} images have an equal one on the other side, "
        f"{repeated.sum():,} share their row id",
        figures={"n_wrong": int(wrong.sum()), "rows": Json(rows.loc[wrong, "row_id"].head(20).tolist())},
    )


def _judge_issue_rate(table: pd.DataFrame, issue_type: str, limit: float) -> CheckResult:
    flag = f"is_{issue_type}_issue"
    if flag not in table:
        return gate(passed=False, description="this issue type did not run")
    return judge_rate(table, flag, limit)


@check("image_issues")
def outlier_rate(context: StepContext, image_issues: ImageIssuesTable) -> CheckResult:
    """Few images are unlike all others."""
    return _judge_issue_rate(image_issues.value, "outlier", context.dataset.gates.outlier_rate)


@check("image_issues")
def near_duplicate_rate(context: StepContext, image_issues: ImageIssuesTable) -> CheckResult:
    """Few images are near duplicates of each other."""
    return _judge_issue_rate(image_issues.value, "near_duplicate", context.dataset.gates.near_duplicate_rate)


@check("image_issues", name="no_equal_images_across_splits")
def no_equal_pixels_across_splits(context: StepContext, training_set: ImagesTrainingSetTable) -> CheckResult:
    """No test image has exactly the pixels of a train image: else test metrics flatter the model."""
    equal, n_test = find_equal_images_across_splits(training_set.value), len(test_rows(training_set.value))
    return gate(
        passed=equal.empty,
        description=f"{len(equal):,} of {n_test:,} test images equal a train image",
        figures={"n_equal": len(equal), "examples": TableView(equal, 20)},
    )


@check("image_issues")
def every_issue_type_ran(context: StepContext, image_issues: ImageIssuesTable) -> CheckResult:
    """Every issue type of images ran, but that of grey images where all are grey."""
    reasons = {item.issue_type: item.reason for item in image_issues.facts.summary if item.status != "ran"}
    missing = {name: reason for name, reason in reasons.items() if reason != ALL_GREY}
    failures = "; ".join(f"{name} did not run: {reason}" for name, reason in missing.items())
    all_ran = "all ran but grayscale: every image is grey" if reasons else "all ran"
    return gate(passed=not missing, description=failures or all_ran, figures={"n_not_run": len(missing)})


IMAGE_CHECKS = (
    no_equal_images_across_splits,
    outlier_rate,
    near_duplicate_rate,
    no_equal_pixels_across_splits,
    every_issue_type_ran,
)
