"""What each issue type means, why it matters and what to do about it, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class IssueText:
    """The prose of one issue type: heading, name and scale of its score on a plot, and three short paragraphs."""

    title: str
    score_name: str
    score_scale: str = "0 = worst, 1 = unremarkable"
    meaning: str
    why: str
    action: str


ISSUE_TEXTS: Mapping[str, IssueText] = MappingProxyType(
    {
        "label": IssueText(
            title="Likely label errors",
            score_name="label quality",
            meaning=(
                "The model, which never saw the row while it was trained, is confident that another class fits better"
                " than the given label. Label quality is the probability that the model gives to the given label."
            ),
            why=(
                "Wrong labels teach a model the wrong thing, and wrong test labels hide it. A flag is a suspicion: "
                "rows near the border of two classes and rows that the model does not understand are flagged too."
            ),
            action=(
                "Read the rows from the top. Correct the label in the source where it is wrong, leave it where the "
                "model is wrong, and stop once many rows in succession are correct."
            ),
        ),
        "near_duplicate": IssueText(
            title="Near duplicates",
            score_name="near-duplicate score",
            meaning=(
                "Rows that are equal to, or unusually close to, another row. They are grouped into sets: every row of"
                " a set is near another row of the same set."
            ),
            why=(
                "Copies count twice in training, and a copy on both sides of a split makes the test too easy. Copies "
                "with different labels contradict each other, so at least one label is wrong or the features do not "
                "determine it."
            ),
            action=(
                "Begin with the sets whose labels differ. Where rows are copies of one example, keep the row that is "
                "marked. Where different examples share their features, as coarse tables do, keep them all and keep "
                "them on one side of the split."
            ),
        ),
        "outlier": IssueText(
            title="Outliers",
            score_name="outlier score",
            meaning="Rows far from everything else: their nearest neighbours are much farther away than usual.",
            why=(
                "An outlier is a broken record, a unit mix-up, an example from elsewhere, or a rare case that "
                "matters. The first three distort scaling and distances; the last needs more examples."
            ),
            action=(
                "Look for impossible values first and repair them in the source. Keep rare but real rows, and check "
                "that the test rows include some of them."
            ),
        ),
        "class_imbalance": IssueText(
            title="Class balance",
            score_name="class share",
            meaning="How the audited rows spread over the classes, and whether the rarest class is too rare to learn.",
            why=(
                "Accuracy says little when one class dominates, and a model may never predict the rarest one. Few "
                "rows of a class also mean little evidence for the label errors among them."
            ),
            action=(
                "Collect more rows of a rare class or weight them, and evaluate the model with metrics that weight the "
                "classes equally, such as balanced accuracy or recall of each class."
            ),
        ),
        "underperforming_group": IssueText(
            title="Underperforming group",
            score_name="group score",
            meaning=(
                "A cluster of similar rows for which the predictions are much worse than for the rest. The score is "
                "the mean probability of the given label in the group, divided by the mean over all rows."
            ),
            why=(
                "A good average can hide a kind of example that the model fails on. The cause may be wrong labels, a "
                "missing feature, or too few examples."
            ),
            action=(
                "See below what sets the group apart. Read some of its rows: fix the labels if they are wrong, "
                "otherwise collect more such rows or a feature that separates them."
            ),
        ),
        "non_iid": IssueText(
            title="Order of the rows",
            score_name="order score",
            meaning=(
                "Whether rows that are close together in the source are more similar than by chance. A low p-value "
                "means that the order carries information: time, batches, sorting or drift."
            ),
            why=(
                "A random split of ordered data puts similar rows on both sides, so the test is too optimistic. Drift "
                "means that old rows no longer represent new ones."
            ),
            action=(
                "Find out what the order represents. Split by time or by batch if it is either; shuffle only if "
                "it is an accident of how the file was written."
            ),
        ),
        "null": IssueText(
            title="Missing values",
            score_name="share of values present",
            meaning=(
                "How many feature values each row lacks. A row is flagged when all of them are missing; the score is "
                "the share of values that are present."
            ),
            why=(
                "A row without values holds no information, and a column that is missing for a reason, such as a "
                "question that only some people were asked, can mislead."
            ),
            action=(
                "Drop rows without any value. For columns with many gaps, find out why they are missing before you "
                "fill them in."
            ),
        ),
        "data_valuation": IssueText(
            title="Value of each row",
            score_name="data value",
            score_scale="below 0.5: more harm than good",
            meaning=(
                "How much each row helps its neighbours to be predicted well (a Shapley value over nearest "
                "neighbours, moved to the range 0 to 1). Below 0.5 a row does more harm than good."
            ),
            why="Rows of little value are often mislabelled, or sit among rows of another class.",
            action=(
                "Use it as a second opinion: rows that are also likely label errors come first. Do not delete rows on"
                " this figure alone."
            ),
        ),
    }
)


_LABEL_OF_REGRESSION = IssueText(
    title="Likely label errors",
    score_name="label quality",
    meaning=(
        "The model, which never saw the row while it was trained, predicts a value far from the given one. The "
        "residual is the given value minus the predicted one; it is measured in units of the uncertainty of the "
        "prediction. Label quality falls from 1 towards 0 as it grows."
    ),
    why=(
        "A wrong value pulls the model towards it, the farther off the more, and a wrong test value hides how good "
        "the model is. A flag is a suspicion: rare but true values, and rows that the model does not understand, "
        "are flagged too."
    ),
    action=(
        "Read the rows from the top. Compare the given value with the prediction and with the label of the nearest "
        "neighbour: a factor of ten, a lost sign or swapped digits indicate a typing error. Correct the value in the "
        "source where it is wrong, and leave it where the model is wrong."
    ),
)
_LABEL_DISTRIBUTION = IssueText(
    title="Distribution of the label",
    score_name="label",
    meaning="How the given values of the audited rows spread, and how many rows share the values at the two ends.",
    why=(
        "Many rows with one value at the end of the range are usually a cap, or a stand-in for an unknown value: the "
        "true values lie beyond it. Residuals of those rows say little about their labels, and a model learns the cap."
    ),
    action=(
        "Find out from the documentation of the source whether values were cut off. If so, evaluate the model "
        "without those rows, or model the label as censored."
    ),
)
REGRESSION_TEXTS: Mapping[str, IssueText] = MappingProxyType(
    {
        "label": _LABEL_OF_REGRESSION,
        "near_duplicate": ISSUE_TEXTS["near_duplicate"],
        "outlier": ISSUE_TEXTS["outlier"],
        "label_distribution": _LABEL_DISTRIBUTION,
        "non_iid": ISSUE_TEXTS["non_iid"],
        "null": ISSUE_TEXTS["null"],
    }
)


_LABEL_OF_SETS = IssueText(
    title="Likely label errors",
    score_name="label quality",
    meaning=(
        "For each class the model, which never saw the row while it was trained, predicts how likely the row has it. A "
        "row is flagged if a class of its label is likely extra, or one that its label lacks is likely missing. Label "
        "quality combines the scores of all its classes and non-classes; the end of this section states the rule."
    ),
    why=(
        "People who name several classes forget some more often than they invent one, and each gap teaches a model "
        "that the class is absent. A flag is a suspicion: the more classes there are, the more rows have one in doubt."
    ),
    action=(
        "Read the rows from the top and look at what is missing or extra. Correct the label in the source where it is "
        "wrong. Where one class has most of the flags, check its definition before single rows."
    ),
)
_CLASS_BALANCE_OF_SETS = IssueText(
    title="Class balance",
    score_name="class share",
    meaning="How many rows have each class, and which classes occur together.",
    why="A class of few rows is hard to learn, and its label quality scores are unreliable.",
    action="Collect more rows of a rare class, or merge it with a related one.",
)
MULTILABEL_TEXTS: Mapping[str, IssueText] = MappingProxyType(
    {
        "label": _LABEL_OF_SETS,
        "near_duplicate": ISSUE_TEXTS["near_duplicate"],
        "outlier": ISSUE_TEXTS["outlier"],
        "class_balance": _CLASS_BALANCE_OF_SETS,
        "non_iid": ISSUE_TEXTS["non_iid"],
        "null": ISSUE_TEXTS["null"],
    }
)


_BAD_PICTURE = (
    "A picture that people can hardly judge is often labelled by a guess, and a model learns the look of the fault in "
    "place of the thing."
)
_ODD_PICTURE = "It may belong to another source, or show something else; resizing will distort it."
_COPIED_PICTURE = (
    "Copies count twice in training, and a copy on both sides of a split makes the test too easy. Copies with "
    "different labels contradict each other."
)
_LOOK_AND_DECIDE = "Look at the pictures. Take again or leave out those that nobody can judge; keep the others."
_KEEP_ONE = (
    "Keep one picture of each set, and keep sets on one side of the split. Begin with those whose labels differ."
)
PICTURE_TEXTS: Mapping[str, IssueText] = MappingProxyType(
    {
        name: IssueText(
            title=title, score_name=f"{name.replace('_', ' ')} score", meaning=meaning, why=why, action=action
        )
        for name, title, meaning, why, action in (
            (
                "dark",
                "Dark pictures",
                "Pictures so dark that hardly anything can be seen.",
                _BAD_PICTURE,
                _LOOK_AND_DECIDE,
            ),
            (
                "light",
                "Bright pictures",
                "Pictures so bright that hardly anything can be seen.",
                _BAD_PICTURE,
                _LOOK_AND_DECIDE,
            ),
            ("blurry", "Blurred pictures", "Pictures without sharp edges.", _BAD_PICTURE, _LOOK_AND_DECIDE),
            (
                "low_information",
                "Low information",
                "Pictures of few different tones, as a plain surface has. Drawings and tiny pictures have few, too.",
                _BAD_PICTURE,
                _LOOK_AND_DECIDE,
            ),
            (
                "odd_aspect_ratio",
                "Odd shape",
                "Pictures far wider than tall, or far taller than wide.",
                _ODD_PICTURE,
                _LOOK_AND_DECIDE,
            ),
            (
                "odd_size",
                "Odd size",
                "Pictures far larger or smaller than the others.",
                _ODD_PICTURE,
                _LOOK_AND_DECIDE,
            ),
            (
                "grayscale",
                "Grey pictures",
                "Pictures without colours while others have them. It need not be wrong.",
                "Where one class has most of the grey pictures, a model learns the greyness.",
                "Look whether grey pictures come from one source or class.",
            ),
            (
                "exact_duplicate",
                "Equal pictures",
                "Pictures with the same pixels as another.",
                _COPIED_PICTURE,
                _KEEP_ONE,
            ),
            (
                "hash_duplicate",
                "Changed copies",
                "Pictures with the perceptual hash of another: one was scaled, recoded or slightly changed.",
                _COPIED_PICTURE,
                _KEEP_ONE,
            ),
        )
    }
)


def get_issue_text(issue_type: str, description: str, texts: Mapping[str, IssueText] = ISSUE_TEXTS) -> IssueText:
    """Return the prose of an issue type; one that is not in ``texts`` gets its ``description`` and a plain title."""
    if issue_type in texts:
        return texts[issue_type]
    if issue_type in PICTURE_TEXTS:
        return PICTURE_TEXTS[issue_type]
    return IssueText(
        title=issue_type.replace("_", " ").capitalize(),
        score_name=f"{issue_type.replace('_', ' ')} score",
        meaning=description or "An issue type of the audit library without a description.",
        why="The library ranks rows by this score; low scores deserve a look.",
        action="Read the lowest-scoring rows and decide case by case.",
    )
