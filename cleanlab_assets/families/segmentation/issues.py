"""The steps of the audit of class masks: the issues of pixels, masks and classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from cleanlab_assets.families.contracts import (
    GIVEN_LABEL,
    IS_LABEL_ISSUE,
    LABEL_QUALITY,
    RANK,
    ROW_ID,
    SPLIT,
    TableContract,
    count,
    filled,
    flag,
    share,
    text,
)
from cleanlab_assets.families.images.score_choice import rank_by_score
from cleanlab_assets.families.label_issues import store_label_issues
from cleanlab_assets.families.segmentation.mask_quality import MASK_SCORES, find_mask_issues
from cleanlab_assets.families.segmentation.overlays import draw_worst_masks
from cleanlab_assets.families.segmentation.planted_audit import choose_mask_score
from cleanlab_assets.families.segmentation.region_issues import list_region_issues
from cleanlab_assets.families.segmentation.regions import (
    LEAST_PIXELS,
    SURE_MARGIN,
)
from cleanlab_assets.families.segmentation.training_set import read_masked_images
from cleanlab_assets.families.step import LabelIssuesTable, PlainTable, PredictionsTable, StepContext, step
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.score_choice import ScoreChoice
from cleanlab_assets.methods.shown import WORST_ROWS, Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, is_train_row, require_same_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.methods.shown import Shown

REGION_COLUMNS = (
    "rank",
    "row_id",
    "split",
    "issue_share",
    "region_given_class",
    "region_suggested_class",
    "region_pixels",
)
OVERLAYS = 4
FLAG_RULE = f"a region of at least {LEAST_PIXELS} pixels where another class is more probable by {SURE_MARGIN:g}"
_MASK_QUALITY = (
    *filled("suggested_label"),
    LABEL_QUALITY,
    *(share(f"{name}_quality") for name in MASK_SCORES),
    IS_LABEL_ISSUE,
    RANK,
)
_CONFUSION_TYPES = {
    "given_class": "object",
    "suggested_class": "object",
    "n_pixel_issues": "int64",
    "share": "float64",
    "n_images": "int64",
}


class ClassPixels(Facts):
    """What was found of one class, background first; a share or mean without pixels is None."""

    class_name: str
    n_images: int
    n_images_with_object_issue: int
    given_pixels: int
    predicted_pixels: int
    iou: float | None
    mean_quality: float | None
    issue_pixels: int
    issue_share: float | None
    suggested_pixels: int


class ClassConfusion(Facts):
    """How many pixel issues have one given and one suggested class."""

    given_class: str
    suggested_class: str
    n_pixel_issues: int
    share: float
    n_images: int


class PixelIssuesFacts(Facts):
    """What was found of each class, and the pairs of classes among the pixel issues, most frequent first.

    ``ranked_by`` says which score ranks the masks, and how well each finds planted errors.
    """

    classes: list[ClassPixels]
    confusions: list[ClassConfusion]
    ranked_by: ScoreChoice


PixelIssuesTable: TypeAlias = Result[pd.DataFrame, PixelIssuesFacts]


@step(
    "cleanlab",
    code_version="5",
    facts=PixelIssuesFacts,
    contract=TableContract(
        "PixelIssues",
        "Every audited image with the mask of its pixel issues, their largest region, its worst object and a suggested "
        "mask.",
        (ROW_ID, SPLIT, GIVEN_LABEL, *_MASK_QUALITY, share("issue_share"), *filled("issue_mask", "suggested_mask")),
    ),
    is_heavy=True,
)
def pixel_issues(
    context: StepContext, training_set: ImagesTrainingSetTable, predictions: PredictionsTable
) -> PixelIssuesTable:
    """Every image with its split, the mask of the pixels whose given class is likely wrong, and a suggested mask.

    How probable a pixel issue is at most is estimated from the train images, and test images are judged by it. For each
    image also the share of these pixels, the box of their largest region with its given and suggested class, and the
    quality of its worst object.

    Masks rank as those of ``label_issues`` do.
    """
    rows = audited_rows(training_set.value)
    require_same_rows(predictions.value, rows, what="predictions")
    images = read_masked_images(rows, context.dataset.class_names)
    packed, is_train = predictions.value["probabilities"].tolist(), is_train_row(rows)
    found, n_train = find_mask_issues(images, packed, is_train=is_train), int(is_train.sum())
    ranked_by = choose_mask_score(
        images[:n_train], packed[:n_train], found.table[:n_train], seed=training_set.facts.seed
    )
    table = pd.concat(
        [rank_by_score(found.table, ranked_by.chosen), found.pixels.drop(columns=["row_id", "issue_share"])], axis=1
    )
    table["given_label"] = rows["given_label"].to_numpy()
    table.insert(1, "split", rows["split"])
    facts = PixelIssuesFacts(
        classes=[ClassPixels(**record) for record in json.loads(found.classes.to_json(orient="records"))],
        confusions=[ClassConfusion(**record) for record in json.loads(found.confusions.to_json(orient="records"))],
        ranked_by=ranked_by,
    )

    def show() -> dict[str, Shown]:
        return {
            "n_issue_pixels": int(table["n_issue_pixels"].sum()),
            "issue_share": float(table["n_issue_pixels"].sum() / table["n_pixels"].sum()),
            "worst_images": TableView.worst(table, REGION_COLUMNS),
            "plots": Plots(draw_worst_masks(images, table, n_images=OVERLAYS)),
        }

    return Result(value=table, facts=facts, show=show)


@step(
    "cleanlab",
    code_version="5",
    facts=LabelIssuesFacts,
    contract=TableContract(
        "MaskLabelIssues",
        "Every audited image with the classes of its given mask, those suggested, label quality, flag and rank.",
        (ROW_ID, SPLIT, GIVEN_LABEL, *_MASK_QUALITY),
    ),
)
def label_issues(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    pixel_issues: PixelIssuesTable,
) -> LabelIssuesTable:
    """Every image with its split, label quality, flag and rank (1 is the worst); labels are the classes of the mask.

    Lower quality is worse: how clearly the model contradicts the mask, unless another score is shown to find more
    errors planted in a copy of the train masks. An image is flagged where the model is sure of another class over a
    whole region.
    """
    require_same_rows(pixel_issues.value, audited_rows(training_set.value), what="pixel_issues")
    shown = [name for name in pixel_issues.value.columns if name not in ("issue_mask", "suggested_mask")]
    facts = LabelIssuesFacts(
        seed=training_set.facts.seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=FLAG_RULE,
        notes=[],
        ranked_by=pixel_issues.facts.ranked_by,
    )
    return store_label_issues(pixel_issues.value[shown].copy(), training_set.value, facts)


REGION_ISSUE_COLUMNS = (
    *("rank", "row_id", "split", "element", "given_class"),
    *("suggested_class", "n_pixels", "is_region_issue"),
)


@step(
    "pandas",
    code_version="1",
    contract=TableContract(
        "RegionIssues",
        "Every connected region of one given class for which one other class is suggested, worst image first.",
        (
            text("row_id"),
            SPLIT,
            *filled("element", "given_class", "suggested_class", "suggestion"),
            count("n_pixels", 1),
            flag("is_region_issue"),
            RANK,
        ),
    ),
)
def region_issues(
    context: StepContext, training_set: ImagesTrainingSetTable, pixel_issues: PixelIssuesTable
) -> PlainTable:
    """Every region where given and suggested mask differ, one class each: what a reviewer decides of.

    Those of the worst image come first, the larger ones before the smaller. A region is flagged where it is as large as
    one that is judged at all, and its image is flagged.
    """
    images = read_masked_images(audited_rows(training_set.value), context.dataset.class_names)
    table = list_region_issues(images, pixel_issues.value, context.dataset.class_names)

    def show() -> dict[str, Shown]:
        return {
            "n_region_issues": int(table["is_region_issue"].sum()),
            "worst_regions": TableView(table, WORST_ROWS, REGION_ISSUE_COLUMNS),
        }

    return Result(value=table, facts=NoFacts(), show=show)


@step(
    "cleanlab",
    code_version="3",
    contract=TableContract(
        "ClassSummary",
        "Every class, background first: pixels given and predicted, overlap, and pixel issues.",
        (text("class_name", unique=True), count("given_pixels"), count("issue_pixels")),
    ),
)
def class_summary(context: StepContext, pixel_issues: PixelIssuesTable) -> PlainTable:
    """Every class, background first: pixels given and predicted, their overlap, mean quality, and pixel issues."""
    table = pd.DataFrame.from_records([item.model_dump() for item in pixel_issues.facts.classes])
    return Result(value=table, facts=NoFacts(), show=lambda: {"classes": TableView.whole(table)})


@step(
    "cleanlab",
    code_version="3",
    contract=TableContract(
        "ClassConfusions",
        "Pairs of given and suggested class among the pixel issues, most frequent first.",
        (*filled("given_class", "suggested_class"), count("n_pixel_issues", 1)),
    ),
)
def class_confusions(context: StepContext, pixel_issues: PixelIssuesTable) -> PlainTable:
    """Which class is given where which is suggested: pairs of classes among the pixel issues, most frequent first."""
    records = [item.model_dump() for item in pixel_issues.facts.confusions]
    table = pd.DataFrame.from_records(records, columns=list(_CONFUSION_TYPES)).astype(_CONFUSION_TYPES)
    return Result(
        value=table,
        facts=NoFacts(),
        show=lambda: {"confusions": TableView(table, WORST_ROWS, list(_CONFUSION_TYPES))},
    )
