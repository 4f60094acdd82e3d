"""The steps of the audit of boxes: the issues of every box, and the label quality of every image."""

from __future__ import annotations

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
    category,
    count,
    filled,
    flag,
    share,
    text,
)
from cleanlab_assets.families.images.score_choice import rank_by_score
from cleanlab_assets.families.label_issues import store_label_issues
from cleanlab_assets.families.object_detection.box_quality import (
    BOX_ISSUE_KINDS,
    BOX_SCORES,
    OVERLOOKED,
    judge_boxes,
    sum_up_images,
)
from cleanlab_assets.families.object_detection.overlays import draw_worst_images
from cleanlab_assets.families.object_detection.planted_audit import choose_box_score, score_box_detection_power
from cleanlab_assets.families.object_detection.predictions import read_predictions_table
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.families.step import LabelIssuesTable, PredictionsTable, StepContext, step
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.result import Facts, Result
from cleanlab_assets.methods.shown import WORST_ROWS, Plots, TableView
from cleanlab_assets.methods.training_set import audited_rows, is_train_row, require_same_rows, train_rows

if TYPE_CHECKING:
    from cleanlab_assets.families.images.steps import ImagesTrainingSetTable
    from cleanlab_assets.methods.shown import Shown

BOX_SHOWN = (
    *("rank", "row_id", "split", "element", "issue"),
    *("given_class", "suggested_class", "probability", "label_quality"),
)
OVERLAYS = 4
FLAG_RULE = "a box is overlooked, badly located, swapped or extra with a quality below one half"


class BoxDetectionPower(Facts):
    """How well the boxes of one kind of planted error rank."""

    kind: str
    n_planted: int
    average_precision: float
    recall: float
    chance: float


class BoxIssuesFacts(Facts):
    """How well each kind of planted error was found; empty where none was planted."""

    detection_by_kind: list[BoxDetectionPower]

    def to_table(self) -> pd.DataFrame:
        """Return one row for each kind."""
        return pd.DataFrame.from_records([item.model_dump() for item in self.detection_by_kind])


BoxIssuesTable: TypeAlias = Result[pd.DataFrame, BoxIssuesFacts]


@step(
    "cleanlab",
    code_version="5",
    facts=BoxIssuesFacts,
    contract=TableContract(
        "BoxIssues",
        "Every given box, and every object that nobody boxed, with the issue it most likely has, worst first.",
        (
            text("row_id"),
            SPLIT,
            count("box", -1),
            *filled("element", "suggestion"),
            category("issue", *BOX_ISSUE_KINDS),
            LABEL_QUALITY,
            flag("is_box_issue"),
            RANK,
        ),
    ),
)
def box_issues(
    context: StepContext, training_set: ImagesTrainingSetTable, predictions: PredictionsTable
) -> BoxIssuesTable:
    """Every given box of every image with the issue it most likely has, and the objects that nobody boxed, worst first.

    A box may be badly located, of a swapped class, or extra; an object that the model is sure of may be overlooked.
    """
    names, rows = context.dataset.class_names, audited_rows(training_set.value)
    require_same_rows(predictions.value, rows, what="predictions")
    images = read_boxed_images(rows, names)
    table = judge_boxes(images, read_predictions_table(predictions.value, names))
    splits = rows.set_index("row_id")["split"]
    table.insert(1, "split", splits.loc[table["row_id"]].array)
    by_kind = pd.DataFrame()
    if planted := training_set.facts.planted:
        by_kind = score_box_detection_power(train_rows(table), pd.DataFrame.from_records(planted))
    facts = BoxIssuesFacts(
        detection_by_kind=[BoxDetectionPower.model_validate(record) for record in by_kind.to_dict("records")]
    )

    def show() -> dict[str, Shown]:
        flagged = table[table["is_box_issue"]]
        return {
            "n_box_issues": len(flagged),
            **{f"n_{kind}": int((flagged["issue"] == kind).sum()) for kind in BOX_ISSUE_KINDS},
            "worst_boxes": TableView(table, WORST_ROWS, BOX_SHOWN),
            "plots": Plots(draw_worst_images(images, table, n_images=OVERLAYS)),
            **({} if by_kind.empty else {"detection_by_kind": TableView.whole(by_kind)}),
        }

    return Result(value=table, facts=facts, show=show)


@step(
    "cleanlab",
    code_version="6",
    facts=LabelIssuesFacts,
    contract=TableContract(
        "BoxLabelIssues",
        "Every audited image with the classes of its given boxes, those suggested, label quality, flag and rank.",
        (
            ROW_ID,
            SPLIT,
            GIVEN_LABEL,
            *filled("suggested_label"),
            LABEL_QUALITY,
            *(share(f"{name}_quality") for name in BOX_SCORES),
            IS_LABEL_ISSUE,
            RANK,
            count(f"n_{OVERLOOKED}"),
        ),
    ),
)
def label_issues(
    context: StepContext,
    training_set: ImagesTrainingSetTable,
    predictions: PredictionsTable,
    box_issues: BoxIssuesTable,
) -> LabelIssuesTable:
    """Every image with its split, label quality, flag and rank (1 is the worst), and how many boxes have which issue.

    Lower quality is worse: that of the worst box, unless ObjectLab's score is shown to find more errors planted in a
    copy of the train images. An image is flagged where one of its boxes is. Test images are judged by the model and the
    calibration of the train images, and change nothing of what is found of these.
    """
    names, rows = context.dataset.class_names, audited_rows(training_set.value)
    predicted = read_predictions_table(predictions.value, names)
    images = read_boxed_images(rows, names)
    is_train = is_train_row(rows)
    table = sum_up_images(images, predicted, box_issues.value, is_train=is_train)
    n_train = int(is_train.sum())
    ranked_by = choose_box_score(images[:n_train], predicted[:n_train], seed=training_set.facts.seed)
    table = rank_by_score(table, ranked_by.chosen)
    table.insert(1, "split", rows["split"])
    facts = LabelIssuesFacts(
        seed=training_set.facts.seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=FLAG_RULE,
        notes=[],
        ranked_by=ranked_by,
    )
    return store_label_issues(table, training_set.value, facts)
