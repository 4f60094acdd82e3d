"""What the annotators' labels reveal: quality of labels, consensus, annotators, label issues, what to label next."""

from __future__ import annotations

from itertools import compress
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.families.contracts import (
    LABEL_QUALITY,
    RANK,
    ROW_ID,
    TableContract,
    count,
    filled,
    share,
)
from cleanlab_assets.families.label_issues import show_planted, store_label_issues
from cleanlab_assets.families.multiannotator.active_learning import choose_batch, score_examples_to_label
from cleanlab_assets.families.multiannotator.annotations import (
    NO_LABEL,
    annotations_of,
    find_decided,
    panel_of,
    to_label_matrix,
)
from cleanlab_assets.families.multiannotator.consensus import (
    METHOD_NAMES,
    METHODS,
    build_annotator_quality,
    build_consensus,
    find_consensus_issues,
    score_labels,
)
from cleanlab_assets.families.multiannotator.metrics import measure_annotator_ranking, measure_consensus
from cleanlab_assets.families.multiannotator.model import build_panel_model, has_model
from cleanlab_assets.families.multiannotator.plant import score_annotation_detection_power
from cleanlab_assets.families.multiannotator.plots import plot_annotators
from cleanlab_assets.families.step import (
    AnyTable,
    LabelIssuesTable,
    PlainTable,
    PredictionsTable,
    Settings,
    StepContext,
    step,
)
from cleanlab_assets.families.tables.class_labels import JUDGED_CLASS
from cleanlab_assets.methods.class_codes import encode_labels
from cleanlab_assets.methods.class_predictions import predict_all_classes, to_probabilities
from cleanlab_assets.methods.detection_power import PlantedDetection
from cleanlab_assets.methods.error_bracket import order_ends
from cleanlab_assets.methods.facts import LabelIssuesFacts
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import WORST_ROWS, Json, Plots, TableView, keep_finite
from cleanlab_assets.methods.training_set import read_features, require_same_rows, train_rows
from cleanlab_assets.reports.plots import plot_label_quality

if TYPE_CHECKING:
    from cleanlab_assets.families.multiannotator.training_set import (
        AnnotationsTable,
        PanelTrainingSetTable,
    )
    from cleanlab_assets.methods.shown import Shown

FLAG_RULE = "the consensus by Dawid and Skene's method, where it is another class than the majority vote"


class AnnotatorFigures(Facts):
    """What CROWDLAB says of one annotator."""

    annotator: str
    crowdlab_quality: float
    crowdlab_weight: float


class LabelQualityFacts(Facts):
    """How single labels were judged: the leading method, CROWDLAB's figures, and how planted errors were found.

    ``n_rounds``, ``has_converged`` and ``model_temperature`` are those of the leading method, see ``DawidSkene``.
    """

    seed: int
    leading_method: str
    n_rounds: int
    has_converged: bool
    model_temperature: float | None
    annotators: list[AnnotatorFigures]
    crowdlab_model_weight: float
    planted: PlantedDetection | None = None


LabelQualityTable: TypeAlias = Result[pd.DataFrame, LabelQualityFacts]


class ConsensusFacts(Facts):
    """Which method leads, how it agrees with each method, and how right each is; None where no truth is known.

    ``agreement`` is the share of the examples on which a method has the class of the leading consensus, by method.
    """

    leading_method: str
    agreement: dict[str, float]
    with_truth: dict[str, float] | None = None


ConsensusTable: TypeAlias = Result[pd.DataFrame, ConsensusFacts]


class AnnotatorQualityFacts(Facts):
    """How well the ranking of the annotators agrees with their true accuracy; None where no truth is known."""

    spearman: float | None = None


AnnotatorQualityTable: TypeAlias = Result[pd.DataFrame, AnnotatorQualityFacts]


@step(
    "cleanlab",
    code_version="3",
    facts=LabelQualityFacts,
    contract=TableContract(
        "AnnotationQuality",
        "Every single label of the train examples with its quality, flag and rank (1 = worst).",
        (
            ROW_ID,
            *filled("example", "annotator", "given_label", "suggested_label", "is_label_issue", "example_rank"),
            LABEL_QUALITY,
            share("crowdlab_quality"),
            share("consensus_quality"),
            RANK,
        ),
    ),
)
def label_quality(
    context: StepContext,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    predictions: PredictionsTable,
) -> LabelQualityTable:
    """Every single label, worst first, with its quality and that of its example's consensus, by the leading method."""
    require_same_rows(predictions.value, train_rows(training_set.value), what="predictions")
    scored = score_labels(predictions.value, annotations.value, has_model=has_model(context))
    table = scored.table
    planted = None
    if "planted_error" in table:
        reference = pd.Series(training_set.facts.reference)
        planted = PlantedDetection(overall=score_annotation_detection_power(table, reference), by_kind=[])
    facts = LabelQualityFacts(
        seed=training_set.facts.seed,
        leading_method=scored.leading_method,
        n_rounds=scored.leading.n_rounds,
        has_converged=scored.leading.has_converged,
        model_temperature=scored.leading.temperature,
        annotators=[
            AnnotatorFigures(**{name: record[name] for name in AnnotatorFigures.model_fields})
            for record in scored.annotators.to_dict("records")
        ],
        crowdlab_model_weight=scored.crowdlab_model_weight,
        planted=planted,
    )

    def show() -> dict[str, Shown]:
        n_flagged = int(table["is_label_issue"].sum())
        columns = ("rank", "row_id", "annotator", "given_label", "suggested_label", "label_quality")
        return {
            "n_labels": len(table),
            "n_flagged_labels": n_flagged,
            "flagged_rate": n_flagged / len(table),
            "leading_method": METHOD_NAMES[facts.leading_method],
            "n_rounds": facts.n_rounds,
            "has_converged": facts.has_converged,
            **keep_finite({"model_temperature": facts.model_temperature}),
            "crowdlab_model_weight": facts.crowdlab_model_weight,
            "worst_labels": TableView(table, WORST_ROWS, columns),
            **({} if planted is None else show_planted(planted)),
        }

    return Result(value=table, facts=facts, show=show)


@step(
    "cleanlab",
    code_version="3",
    facts=ConsensusFacts,
    contract=TableContract(
        "ConsensusLabels",
        "The consensus label of every train example by every method; quality of the leading one and of CROWDLAB's.",
        (
            ROW_ID,
            *filled("consensus_label", *(f"{method}_label" for method in METHODS)),
            share("consensus_quality"),
            share("crowdlab_quality"),
            share("annotator_agreement"),
            count("n_annotations", 1),
        ),
    ),
)
def consensus_labels(
    context: StepContext,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    predictions: PredictionsTable,
    label_quality: LabelQualityTable,
) -> ConsensusTable:
    """One label for each train example by Dawid and Skene's method, which leads, by CROWDLAB and by majority vote.

    Dawid-Skene and CROWDLAB are listed with and without the model. ``consensus_label`` is that of the leading method:
    with the model where it looks at features, else without.
    """
    table = build_consensus(predictions.value, annotations.value, label_quality.value)
    rows, with_truth = train_rows(training_set.value), None
    leading_method, leading = label_quality.facts.leading_method, table["consensus_label"].astype(str)
    agreement = {method: float((table[f"{method}_label"].astype(str) == leading).mean()) for method in METHODS}
    if "true_label" in rows:
        table["true_label"] = rows["true_label"]
        with_truth = measure_consensus(table, rows["true_label"])

    def show() -> dict[str, Shown]:
        columns = ("row_id", "consensus_label", "consensus_quality", "majority_vote_label", "crowdlab_label")
        return {
            "leading_method": METHOD_NAMES[leading_method],
            "share_unlike_majority_vote": 1 - agreement["majority_vote"],
            "agreement_with_leading_method": Json(agreement),
            "preview": TableView(table.sort_values("consensus_quality"), columns=columns),
            **keep_finite(with_truth or {}),
        }

    facts = ConsensusFacts(leading_method=leading_method, agreement=agreement, with_truth=with_truth)
    return Result(value=table, facts=facts, show=show)


@step(
    "cleanlab",
    code_version="3",
    facts=AnnotatorQualityFacts,
    contract=TableContract(
        "AnnotatorQuality",
        "One row for each annotator, worst first.",
        (
            *filled("annotator"),
            RANK,
            share("annotator_quality"),
            share("quality_low"),
            share("quality_high"),
            share("agreement_with_consensus"),
            *filled("worst_class"),
            count("n_labels", 1),
            share("crowdlab_quality"),
        ),
    ),
)
def annotator_quality(
    context: StepContext, training_set: PanelTrainingSetTable, label_quality: LabelQualityTable
) -> AnnotatorQualityTable:
    """Every annotator, worst first: quality with its 95 % interval, agreement with the consensus, and worst class.

    The quality is the share of the annotator's labels that is expected to be right by the leading method; of few labels
    the interval is wide. CROWDLAB's quality stands beside it.
    """
    rows = train_rows(training_set.value)
    truth = dict(zip(rows["row_id"], rows["true_label"], strict=True)) if "true_label" in rows else None
    figures = pd.DataFrame.from_records([item.model_dump() for item in label_quality.facts.annotators])
    table = build_annotator_quality(figures, label_quality.value, truth)
    spearman = None if truth is None else measure_annotator_ranking(table)

    def show() -> dict[str, Shown]:
        return {
            "n_annotators": len(table),
            "annotators": TableView.whole(table),
            "plots": Plots({"Annotators": plot_annotators(table)}),
            **keep_finite({"spearman_with_true_accuracy": spearman}),
        }

    return Result(value=table, facts=AnnotatorQualityFacts(spearman=spearman), show=show)


@step(
    "cleanlab",
    code_version="5",
    facts=LabelIssuesFacts,
    contract=TableContract(
        "ConsensusLabelIssues",
        "Every audited example with given and suggested label, label quality, flag and rank (1 = worst).",
        JUDGED_CLASS,
    ),
)
def label_issues(
    context: StepContext,
    training_set: PanelTrainingSetTable,
    predictions: PredictionsTable,
    label_quality: LabelQualityTable,
    consensus_labels: ConsensusTable,
) -> LabelIssuesTable:
    """Every train example with its majority vote, the leading consensus, label quality, flag and rank (1 = worst).

    Test examples are not audited: they carry the truth where it is known, and annotators and model are weighed by all
    labels at hand, so that theirs would change what is found of the train examples.
    """
    dataset, panel = context.dataset, panel_of(context.dataset)
    rows = train_rows(training_set.value)
    hidden = {panel.example, panel.annotator, dataset.label, panel.truth}
    shown = rows[[column.name for column in dataset.columns if column.name not in hidden]]
    table = find_consensus_issues(predictions.value, label_quality.value, consensus_labels.value, shown)
    # The quality of a vote is the probability that it is right by the leading method.
    table["error_probability"] = 1 - table["label_quality"]
    bracket = order_ends(
        (int(table["is_label_issue"].sum()), "votes that the consensus overrules"),
        (ceil(table["error_probability"].to_numpy(dtype=np.float64).sum()), "expected errors of the votes"),
    )
    facts = LabelIssuesFacts(
        seed=training_set.facts.seed,
        model_parameters=predictions.facts.model_parameters,
        flag_rule=FLAG_RULE,
        **bracket.to_facts(),
        notes=[],
        planted=label_quality.facts.planted,
    )

    def show(table: pd.DataFrame) -> dict[str, Shown]:
        quality = table["label_quality"].to_numpy(dtype=np.float64)
        plot = plot_label_quality(quality, table["is_label_issue"].to_numpy(dtype=bool))
        return {"plots": Plots({"Label quality of the majority vote": plot})}

    return store_label_issues(table, training_set.value, facts, show=show)


class LabelingBatchSettings(Settings):
    """The next examples to label."""

    batch_size: int = Field(20, ge=1, le=10_000, description="Examples of a batch.")


@step(
    "cleanlab",
    code_version="3",
    contract=TableContract(
        "LabelingBatch",
        "The examples to label next, lowest active learning score first, each with an annotator to ask.",
        (
            ROW_ID,
            RANK,
            share("active_learning_score"),
            *filled("n_annotations", "suggested_annotator", "reason"),
        ),
    ),
    settings=LabelingBatchSettings,
    is_heavy=True,
)
def labeling_batch(
    context: StepContext,
    settings: LabelingBatchSettings,
    raw_dataset: AnyTable,
    training_set: PanelTrainingSetTable,
    annotations: AnnotationsTable,
    predictions: PredictionsTable,
    annotator_quality: AnnotatorQualityTable,
    consensus_labels: ConsensusTable,
) -> PlainTable:
    """The next examples to label, lowest active learning score first, each with the best annotator to ask and why.

    Both train examples and examples without any label are looked at. New labels in the data directory lead to the next
    batch.
    """
    dataset, panel, rows = context.dataset, panel_of(context.dataset), train_rows(training_set.value)
    n_classes, raw = len(dataset.class_names), raw_dataset.value
    build = build_panel_model(context, training_set.facts.seed, predictions.facts.model_parameters)
    waiting = raw[raw[dataset.label].isna()]
    waiting = waiting.assign(row_id=waiting[panel.example].astype(str)).reset_index(drop=True)
    unlabelled = np.empty((0, n_classes), dtype=np.float32)
    if len(waiting):
        model = build().fit(rows[build.features], encode_labels(consensus_labels.value["consensus_label"]))
        features = read_features(waiting, dataset)
        unlabelled = predict_all_classes(model, features[build.features], n_classes=n_classes)
    known = annotations_of(annotations.value, rows["row_id"])
    labels = to_label_matrix(known, rows["row_id"])
    scores = np.concatenate(score_examples_to_label(labels, to_probabilities(predictions.value), unlabelled))
    names = list(known["annotator"].cat.categories)
    quality = annotator_quality.value.set_index("annotator")["annotator_quality"].loc[names].to_numpy()
    # What reviewers decided is certain: no further label of it is worth anything.
    is_open = np.concatenate([find_decided(known, rows["row_id"]) == NO_LABEL, np.ones(len(waiting), dtype=bool)])
    batch = choose_batch(
        np.concatenate([labels, np.full((len(waiting), len(names)), NO_LABEL)])[is_open],
        scores[is_open],
        list(compress([*rows["row_id"], *waiting["row_id"]], is_open)),
        names,
        quality,
        size=settings.batch_size,
    )
    titles = [column.name for column in dataset.columns if not column.is_feature and column.name in rows]
    batch = batch.join(pd.concat([rows, waiting]).set_index("row_id")[titles], on="row_id")
    return Result(
        value=batch,
        facts=NoFacts(),
        show=lambda: {
            "n_examples": len(batch),
            "n_without_label": int((batch["n_annotations"] == 0).sum()),
            "n_waiting": len(waiting),
            "batch": TableView.whole(batch),
        },
    )
