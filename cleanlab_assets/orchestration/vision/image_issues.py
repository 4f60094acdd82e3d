"""The asset of the images' own issues, which families on images share, and its checks."""

import json
from collections.abc import Sequence

import dagster as dg
import dagster_pandas as dgp
import pandas as pd

from cleanlab_assets.families.images.issues import ALL_GREY, find_equal_images_across_splits, find_image_issues
from cleanlab_assets.families.images.report import draw_worst_images, rank_flagged_images
from cleanlab_assets.methods.training_set import test_rows, train_rows
from cleanlab_assets.models.image_embedding import DESCRIPTION, embed_images
from cleanlab_assets.orchestration.check_results import family_check, gates_of, judge, judge_rate
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_plots, as_table
from cleanlab_assets.orchestration.partitions import DATASET

IMAGE_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "ImageIssues",
    "Every train image with a flag and a score in [0, 1] for each issue type that ran, and its set of copies.",
    [
        dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True),
        dgp.PandasColumn.exists("duplicate_set"),
        dgp.PandasColumn.boolean_column("keep", non_nullable=True),
    ],
)
_SUMMARY_COLUMNS = ["issue_type", "n_issues", "share", "score", "status", "reason"]


def build_image_issues(family: str) -> dg.AssetsDefinition:
    """Build ``<family>/image_issues``."""

    @family_asset(
        family,
        level=DATASET,
        storage="parquet",
        code_version="1",
        kinds={"cleanvision", "parquet"},
        contract=IMAGE_ISSUES,
        heavy=True,
    )
    def image_issues(context: dg.AssetExecutionContext, training_set: pd.DataFrame) -> StepResult:  # noqa: ARG001
        """Issues of the train images themselves, whatever their labels; one row per image, shared by every model.

        Dark, bright, blurry and empty pictures, odd shapes and sizes and copies by CleanVision; outliers and near
        duplicates by Datalab on a plain embedding.
        """
        rows = train_rows(training_set)
        found = find_image_issues(rows, embed_images(rows["image"]), seed=training_set.attrs["seed"])
        table = found.table
        table.attrs = {"summary": json.loads(found.summary.to_json(orient="records")), "embedding": DESCRIPTION}
        ranked = rank_flagged_images(table)
        montage = draw_worst_images(ranked, rows)
        ran = found.summary[found.summary["status"] == "ran"]
        counts = dict(zip(ran["issue_type"], ran["n_issues"], strict=True))
        return StepResult(
            table,
            {
                "n_images_with_an_issue": len(ranked),
                **{f"n_{name}_issues": int(count) for name, count in counts.items()},
                "n_duplicate_sets": int(table["duplicate_set"].nunique()),
                "embedding": DESCRIPTION,
                "summary": as_table(found.summary, len(found.summary), columns=_SUMMARY_COLUMNS),
                **({"plots": as_plots({"Worst images": montage})} if montage else {}),
                "preview": as_table(ranked, columns=list(ranked.columns)),
            },
        )

    return image_issues


def read_image_issue_summary(image_issues: pd.DataFrame) -> pd.DataFrame:
    """Return the summary that a stored table of image issues holds: one row for each issue type."""
    summary = pd.DataFrame.from_records(image_issues.attrs["summary"])
    return summary.astype({"k": "Int64", "n_issues": "Int64", "score": "float64", "share": "float64"})


def build_image_issue_checks(family: str, image_issues: dg.AssetsDefinition) -> Sequence[dg.AssetChecksDefinition]:
    """Build the gates of the images' own issues."""

    @family_check(family, image_issues, DATASET)
    def outlier_rate(context: dg.AssetCheckExecutionContext, image_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Few images are unlike all others."""
        return judge_rate(context, image_issues, "is_outlier_issue", gates_of(context).outlier_rate)

    @family_check(family, image_issues, DATASET)
    def near_duplicate_rate(context: dg.AssetCheckExecutionContext, image_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Few images are near duplicates of each other."""
        return judge_rate(context, image_issues, "is_near_duplicate_issue", gates_of(context).near_duplicate_rate)

    @family_check(family, image_issues, DATASET, also=("training_set",))
    def no_equal_images_across_splits(
        context: dg.AssetCheckExecutionContext,
        image_issues: pd.DataFrame,  # noqa: ARG001
        training_set: pd.DataFrame,
    ) -> dg.AssetCheckResult:
        """No test image has exactly the pixels of a train image: else test metrics flatter the model."""
        equal, n_test = find_equal_images_across_splits(training_set), len(test_rows(training_set))
        return judge(
            context,
            passed=equal.empty,
            description=f"{len(equal):,} of {n_test:,} test images equal a train image",
            metadata={"n_equal": len(equal), "examples": as_table(equal, 20)},
        )

    @family_check(family, image_issues, DATASET)
    def every_issue_type_ran(context: dg.AssetCheckExecutionContext, image_issues: pd.DataFrame) -> dg.AssetCheckResult:
        """Every issue type of images ran, but that of grey images where all are grey."""
        summary = image_issues.attrs["summary"]
        reasons = {row["issue_type"]: row["reason"] for row in summary if row["status"] != "ran"}
        missing = {name: reason for name, reason in reasons.items() if reason != ALL_GREY}
        failures = "; ".join(f"{name} did not run: {reason}" for name, reason in missing.items())
        all_ran = "all ran but grayscale: every image is grey" if reasons else "all ran"
        return judge(context, passed=not missing, description=failures or all_ran, metadata={"n_not_run": len(missing)})

    return [outlier_rate, near_duplicate_rate, no_equal_images_across_splits, every_issue_type_ran]
