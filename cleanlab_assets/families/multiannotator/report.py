"""The audit report of a panel: its annotators, the consensus, the worst examples and labels, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.multiannotator.annotations import panel_of
from cleanlab_assets.families.multiannotator.consensus import METHOD_NAMES, METHODS
from cleanlab_assets.families.multiannotator.plots import plot_annotators, plot_learning_curve
from cleanlab_assets.families.report import build_report, describe_origin, store_page
from cleanlab_assets.families.step import LabelIssuesTable, Page, PlainTable, StepContext, step
from cleanlab_assets.methods.shown import Notes
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Section, Table, Tile
from cleanlab_assets.reports.plots import plot_label_quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.multiannotator.issues import (
        AnnotatorQualityTable,
        ConsensusTable,
        LabelQualityTable,
    )
    from cleanlab_assets.families.multiannotator.learning_curve import LearningCurveTable
    from cleanlab_assets.families.multiannotator.training_set import (
        AnnotationsTable,
        PanelTrainingSetTable,
    )

LABEL_COLUMNS = ("given_label", "suggested_label", "crowdlab_label")
TOP_ROWS = 25
MOST_VOTES = 12
"""Votes of an example that are written out."""


@step(storage="html", code_version="4", value=str, shows_catalogue=True)
def audit_report(
    context: StepContext,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    learning_curve: LearningCurveTable,
    label_quality: LabelQualityTable,
    consensus_labels: ConsensusTable,
    annotator_quality: AnnotatorQualityTable,
    label_issues: LabelIssuesTable,
    detection_power: DetectionResult,
    labeling_batch: PlainTable,
) -> Page:
    """A self-contained HTML report: annotators, consensus, worst examples and labels, and what to label next."""
    dataset, artifacts, agreement = context.dataset, context.path_of("{}"), annotations.facts.agreement
    labels, issues, batch = label_quality.value, label_issues.value, labeling_batch.value
    n_issues, n_examples, n_labels = int(issues["is_label_issue"].sum()), len(issues), len(labels)
    notes = list(training_set.facts.notes)
    if "planted_error" in labels:
        notes.insert(
            0,
            f"Labels were deliberately corrupted for evaluation: {int(labels['planted_error'].sum()):,} of "
            f"{n_labels:,} single labels carry a planted error.",
        )
    titles = [column.name for column in dataset.columns if not column.is_feature and column.name in issues.columns]
    preference = panel_of(dataset).is_preference
    sections = [
        _describe_annotators(annotator_quality.value, labels, artifacts),
        _describe_consensus(consensus_labels, issues),
        _list_examples(issues, labels, titles, artifacts=artifacts, is_preference=preference),
        _list_labels(labels, issues, titles, artifacts=artifacts, is_preference=preference),
        _list_batch(batch),
        *([] if learning_curve.value.empty else [_describe_curve(learning_curve)]),
        _describe_agreement(agreement, dataset, is_preference=preference),
    ]
    share, limit = n_issues / max(n_examples, 1), dataset.gates.label_issue_rate
    report = build_report(
        dataset,
        context.model,
        describe_origin(context, training_set, label_issues),
        title="audit of the annotators",
        tiles=[
            Tile("Examples audited", f"{n_examples:,}", f"{n_labels / max(n_examples, 1):.1f} labels each on average"),
            Tile("Annotators", f"{len(annotator_quality.value):,}", f"{n_labels:,} labels"),
            Tile(
                "Votes that the consensus corrects",
                f"{n_issues:,}",
                f"{format_share(share)} of the examples; limit {format_share(limit)}",
                "warn" if share > limit else "good",
            ),
            Tile(
                "Agreement beyond chance",
                _write_alpha(agreement["nominal_agreement"]),
                "Krippendorff's alpha: 1 is full agreement, 0 is chance",
            ),
            Tile("Next to label", f"{len(batch):,}", "examples of the batch, below"),
        ],
        sections=sections,
        notes=notes,
    )
    return store_page(report, detection_power, notes=Notes(report.notes))


def _describe_annotators(annotators: pd.DataFrame, label_quality: pd.DataFrame, artifacts: str) -> Section:
    flagged = label_quality.groupby(label_quality["annotator"].astype(str))["is_label_issue"].mean()
    table = annotators.assign(unlike_consensus=annotators["annotator"].map(flagged))
    worst = annotators.iloc[0]
    table = table[["annotator", *(name for name in table.columns if name != "annotator")]]
    return Section(
        key="annotators",
        title="Annotators",
        explanation="Quality is the share of an annotator's labels that is expected to be right by the leading "
        "consensus, with a 95 % interval from low to high, which is wide where labels are few. CROWDLAB's quality is "
        "beside it. Annotators who answer at random end up first in this list.",
        advice={
            "What to do": f"Look at the labels of {worst['annotator']} first; talk to annotators whose worst class "
            "is the same, since the instructions may be unclear there."
        },
        badge=f"{len(annotators):,}",
        figures=[
            Figure(
                "Annotators, worst first",
                plot_annotators(annotators),
                "Dots of quality and agreement, lines of the intervals.",
            )
        ],
        tables=[
            Table(
                "All annotators",
                table,
                "Worst first. The worst class is the one whose labels are least often right.",
                full_table=artifacts.format("annotator_quality"),
                shares=[
                    name for name in ("agreement_with_consensus", "unlike_consensus", "true_accuracy") if name in table
                ],
            )
        ],
    )


def _describe_consensus(result: ConsensusTable, label_issues: pd.DataFrame) -> Section:
    consensus, found = result.value, result.facts.with_truth
    vote, leading = consensus["majority_vote_label"].astype(str), METHOD_NAMES[result.facts.leading_method]
    rows = pd.DataFrame(
        {
            "method": [METHOD_NAMES[name] for name in METHODS],
            "agrees_with_leading": [result.facts.agreement[name] for name in METHODS],
            "unlike_majority_vote": [
                float((consensus[f"{name}_label"].astype(str) != vote).mean()) for name in METHODS
            ],
        }
    )
    notes = [f"Leading method: {leading}. Suggested labels, flags and the quality of labels follow from it."]
    if found:
        rows["accuracy"] = [found[f"accuracy_{name}"] for name in METHODS]
        notes.append(
            f"By the known truth, the quality of the consensus tells right from wrong labels with an AUROC of "
            f"{format_number(found['consensus_quality_auroc'])}; CROWDLAB's of its own consensus with "
            f"{format_number(found['crowdlab_quality_auroc'])}."
        )
    else:
        notes.append("No truth is known, so that the accuracy of the methods cannot be measured.")
    figure = plot_label_quality(
        label_issues["label_quality"].to_numpy(dtype=np.float64), label_issues["is_label_issue"].to_numpy(dtype=bool)
    )
    return Section(
        key="consensus",
        title="Consensus",
        explanation="One label for each example, by six methods. Dawid-Skene estimates how each annotator confuses the "
        "classes, and how sure the model may be; CROWDLAB weighs each annotator and the model by how well they agree "
        "with the others.",
        figures=[Figure("Quality of the majority votes", figure, "Histogram of label quality.")],
        tables=[
            Table(
                "Methods",
                rows,
                shares=[name for name in ("agrees_with_leading", "unlike_majority_vote", "accuracy") if name in rows],
            )
        ],
        notes=notes,
    )


def _list_examples(
    label_issues: pd.DataFrame,
    label_quality: pd.DataFrame,
    titles: list[str],
    *,
    artifacts: str,
    is_preference: bool,
) -> Section:
    n_issues = int(label_issues["is_label_issue"].sum())
    columns = [
        "row_id",
        *titles,
        "given_label",
        "suggested_label",
        "crowdlab_label",
        "label_quality",
        "annotator_agreement",
    ]
    table = label_issues.sort_values("rank").head(TOP_ROWS)
    table = table.join(_write_votes(label_quality[label_quality["example"].isin(table["row_id"])]), on="row_id")
    meaning = "Given is the majority vote, suggested is the leading consensus; they are worst first."
    if is_preference:
        meaning += " Labels are tastes here: a low quality says that people differ, not that someone is wrong."
    return Section(
        key="examples",
        title="Examples with the least certain labels",
        explanation=meaning,
        advice={"What to do": "Look at the example and decide; or have it labelled once more."} if n_issues else {},
        badge=f"{n_issues:,}",
        tables=[
            Table(
                "Worst examples",
                table[[*columns, "is_label_issue", "labels"]],
                "Worst first; a flag means that the consensus is another class than the majority vote.",
                highlight="is_label_issue",
                total_rows=len(label_issues),
                full_table=artifacts.format("label_issues"),
                shares=["annotator_agreement"],
            )
        ],
    )


def _list_labels(
    label_quality: pd.DataFrame,
    label_issues: pd.DataFrame,
    titles: list[str],
    *,
    artifacts: str,
    is_preference: bool,
) -> Section:
    columns = ["row_id", "annotator", "given_label", "suggested_label", "label_quality", "consensus_quality"]
    table = label_quality[["example", *columns]]
    if titles:
        table = table.join(label_issues.set_index("row_id")[titles], on="example")
    if "planted_error" in label_quality:
        table = table.assign(planted_error=label_quality["planted_error"])
    n_flagged = int(label_quality["is_label_issue"].sum())
    return Section(
        key="labels",
        title="Single labels",
        explanation="Every label that an annotator gave, worst first: those that others and the model contradict most."
        + (" In ratings these are unusual tastes." if is_preference else ""),
        badge=f"{n_flagged:,}",
        tables=[
            Table(
                "Worst labels",
                table[["row_id", *(name for name in table.columns if name != "row_id")]],
                f"{n_flagged:,} of {len(label_quality):,} labels are unlike the consensus of their example.",
                max_rows=TOP_ROWS,
                full_table=artifacts.format("label_quality"),
            )
        ],
    )


def _list_batch(batch: pd.DataFrame) -> Section:
    return Section(
        key="next_labels",
        title="What to label next",
        explanation="Examples whose class is least certain, by labels and model together. A lower score comes first; "
        "the annotator is the best one who has not labelled the example yet.",
        advice={"What to do": "Have these labelled, add the labels to the data, and run again for the next batch."},
        badge=f"{len(batch):,}",
        tables=[Table("Next batch", batch[["row_id", *(name for name in batch.columns if name != "row_id")]])],
    )


def _describe_curve(result: LearningCurveTable) -> Section:
    curve, gains = result.value, result.facts.gains
    found, examples = gains["active_pairs"]["test_accuracy"], gains["active_examples"]["test_accuracy"]
    return Section(
        key="learning_curve",
        title="What active learning gains",
        explanation=f"Measured with {result.facts.model}: labels are revealed round by round as if they were being "
        "collected, and a model trained on the consensus is evaluated on the known truth. The bands are 95 % "
        "intervals of the mean over the seeds.",
        figures=[
            Figure(
                "Accuracy on test rows by labels",
                plot_learning_curve(curve, "test_accuracy"),
                "Learning curves of active and random choice.",
            )
        ],
        notes=[
            f"Area between the curve of active learning (example and annotator) and random choice: "
            f"{found.area:+.3f} of accuracy on average, 95 % interval {found.low:+.3f} to {found.high:+.3f}, "
            f"{found.n_seeds} seeds. With the examples chosen but random annotators: {examples.area:+.3f}, "
            f"{examples.low:+.3f} to {examples.high:+.3f}."
        ],
    )


def _describe_agreement(agreement: Mapping[str, float | None], dataset: Dataset, *, is_preference: bool) -> Section:
    tiles = [Tile("Nominal agreement", _write_alpha(agreement["nominal_agreement"]), "all disagreements count equally")]
    notes = []
    if "ordinal_agreement" in agreement:
        tiles.append(
            Tile("Ordinal agreement", _write_alpha(agreement["ordinal_agreement"]), "near classes count as near")
        )
        notes.append(f"The classes have an order ({' < '.join(dataset.class_names)}); the consensus does not know it.")
    if is_preference:
        notes.append(
            "These labels are preferences. There is no true class: the consensus is the typical taste, and annotators "
            "of low quality have a taste of their own. Do not correct their labels."
        )
    return Section(
        key="agreement",
        title="Agreement of the annotators",
        explanation="Krippendorff's alpha over all examples with two labels or more: 1 is full agreement, 0 is chance.",
        tiles=tiles,
        notes=notes,
    )


def _write_alpha(alpha: float | None) -> str:
    return "undefined" if alpha is None else format_number(alpha)


def _write_votes(label_quality: pd.DataFrame) -> pd.Series:
    """Write the labels of each example in words, the commonest first, with who gave them."""
    texts: dict[str, str] = {}
    for example, part in label_quality.groupby("example", sort=False):
        by_label = part.groupby(part["given_label"].astype(str), sort=False)["annotator"]
        ordered = sorted(by_label, key=lambda item: -len(item[1]))
        if len(part) > MOST_VOTES:
            texts[str(example)] = ", ".join(f"{label}: {len(names)} annotators" for label, names in ordered)
        else:
            texts[str(example)] = "; ".join(f"{label}: {', '.join(map(str, names))}" for label, names in ordered)
    return pd.Series(texts, name="labels", dtype=object)
