"""The functions that ``scaling.py`` measures, each with a call on made-up input of any size."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scaling_inputs as made

from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR
from cleanlab_assets.families.classification.datalab import read_classes
from cleanlab_assets.families.images.issues import find_image_issues
from cleanlab_assets.families.images.training_set import build_image_training_set
from cleanlab_assets.families.multiannotator.active_learning import choose_batch, score_examples_to_label
from cleanlab_assets.families.multiannotator.agreement import measure_agreement
from cleanlab_assets.families.multiannotator.annotations import (
    PanelLimits,
    build_panel_training_set,
    select_annotations,
    vote_by_majority,
)
from cleanlab_assets.families.multiannotator.consensus import (
    build_annotator_quality,
    build_consensus,
    find_consensus_issues,
    score_labels,
)
from cleanlab_assets.families.multiannotator.dawid_skene import estimate_dawid_skene
from cleanlab_assets.families.multiannotator.lean_crowdlab import run_crowdlab
from cleanlab_assets.families.multiannotator.metrics import measure_consensus
from cleanlab_assets.families.multilabel.label_set_quality import find_label_set_issues, list_class_issues
from cleanlab_assets.families.multilabel.metrics import ScoredLabelSets
from cleanlab_assets.families.multilabel.plant import plant_label_set_errors
from cleanlab_assets.families.multilabel.predictions import calibrate_out_of_fold
from cleanlab_assets.families.object_detection.box_quality import judge_boxes, sum_up_images
from cleanlab_assets.families.object_detection.calibration import calibrate_scores_out_of_fold
from cleanlab_assets.families.object_detection.lean_objectlab import score_with_objectlab
from cleanlab_assets.families.object_detection.metrics import ScoredDetections
from cleanlab_assets.families.object_detection.plant import plant_box_errors
from cleanlab_assets.families.object_detection.planted_audit import score_box_detection_power
from cleanlab_assets.families.object_detection.predictions import read_predictions_table, to_predictions_table
from cleanlab_assets.families.regression.metrics import ScoredValues
from cleanlab_assets.families.regression.plant import plant_value_errors
from cleanlab_assets.families.regression.value_quality import find_value_issues
from cleanlab_assets.families.segmentation.mask_quality import find_mask_issues
from cleanlab_assets.families.segmentation.metrics import score_masks
from cleanlab_assets.families.segmentation.plant import plant_mask_errors
from cleanlab_assets.families.segmentation.predictions import measure_pixel_calibration, unpack_probabilities
from cleanlab_assets.families.tables.datalab import find_datalab_issues
from cleanlab_assets.families.tables.duplicates import list_duplicate_sets, number_duplicate_sets
from cleanlab_assets.families.tables.neighbor_graph import build_neighbor_graph, to_knn_matrix
from cleanlab_assets.families.tables.report import AuditResults
from cleanlab_assets.families.tables.settings import NeighborGraphSettings
from cleanlab_assets.families.token_classification.issues import (
    count_common_errors,
    describe_contexts,
    find_sentence_issues,
)
from cleanlab_assets.families.token_classification.metrics import ScoredTokens
from cleanlab_assets.families.token_classification.training_set import build_token_training_set
from cleanlab_assets.methods.bootstrap import compare_to_baseline
from cleanlab_assets.methods.class_metrics import ScoredPredictions
from cleanlab_assets.methods.detection_power import score_detection_power
from cleanlab_assets.methods.folds import draw_stratified_sample
from cleanlab_assets.methods.label_issues import find_label_issues
from cleanlab_assets.methods.model_agreement import build_consensus_issues
from cleanlab_assets.methods.planted_errors import plant_errors_in_training_set
from cleanlab_assets.methods.training_set import build_training_set
from cleanlab_assets.models.encoding import FeatureKinds, encode_for_distance
from cleanlab_assets.models.tagging.context_features import to_context_features
from cleanlab_assets.reports.issue_evidence import (
    arrange_duplicate_sets,
    compare_group,
    count_classes,
    count_label_pairs,
    describe_blocks,
    find_flags,
    join_audited_rows,
    rank_flagged_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Call = Callable[[], object]

MOST_GROWTH = 2.3
EXACT_LIMIT = NeighborGraphSettings().exact_row_limit
SEED = 0
DIVISION: Mapping[str, Any] = {"test_fraction": 0.2, "folds": 5, "seed": SEED}


@dataclass(frozen=True)
class Work:
    """A function, and the sizes of its input.

    ``prepare`` takes the sizes by name and returns the call that is timed; doubling one of them may take at most
    ``most_growth`` times longer. ``remark`` says why where that is not as for the others.
    """

    name: str
    prepare: Callable[..., Call]
    sizes: Mapping[str, int] = field(default_factory=dict)
    most_growth: float = MOST_GROWTH
    remark: str = ""


def repeat(call: Call, times: int) -> Call:
    """Call several times: what is quick takes long enough so, without data that no processor's cache holds."""

    def call_all() -> None:
        for _ in range(times):
            call()

    return call_all


def list_loaders(directory: Path) -> list[Work]:
    """List the loaders of the formats of own data."""
    numbers = count()

    def load(write: Callable[..., None], **sizes: Any) -> Call:
        folder = directory / f"data_{next(numbers)}" / "mine"
        write(folder, **sizes)
        dataset = find_own_datasets(folder.parent)["mine"]
        if isinstance(dataset, Exception):
            raise dataset
        return partial(dataset.load, {file.name: folder / file.name for file in dataset.files})

    boxes = {"pictures": 40, "boxes": 300, "classes": 50}
    return [
        Work("load annotations", partial(load, made.write_annotations), {"rows": 3000, "columns": 50, "labels": 4}),
        Work("load conllu", partial(load, made.write_sentences, form="conllu"), {"sentences": 2000, "words": 20}),
        Work("load conll2003", partial(load, made.write_sentences, form="conll2003"), {"sentences": 3000, "words": 20}),
        Work("load coco", partial(load, made.write_boxes, form="coco"), boxes),
        Work("load voc", partial(load, made.write_boxes, form="voc"), {**boxes, "pictures": 25}),
        Work("load mask_pairs", partial(load, made.write_masks), {"pictures": 60, "pixels": 90_000}),
    ]


def list_steps() -> list[Work]:
    """List the pure steps of all families."""
    return [
        *_list_divisions(),
        *_list_table_steps(),
        *_list_label_set_steps(),
        *_list_value_steps(),
        *_list_token_steps(),
        *_list_panel_steps(),
        *_list_image_steps(),
    ]


# Training sets, planted errors and the neighbour graph


def _divide(rows: int, columns: int, classes: int) -> Call:
    raw, dataset = made.make_raw_table(rows, columns, classes), made.make_dataset(columns, classes)
    return lambda: build_training_set(raw, dataset, max_rows=None, **DIVISION)


def _divide_label_sets(rows: int, classes: int) -> Call:
    raw = made.make_raw_table(rows, 3, 2).assign(label=made.write_label_sets(made.draw_label_sets(rows, classes)))
    dataset = made.make_dataset(3, classes, families=("multilabel",), label_separator=LABEL_SEPARATOR)
    return lambda: build_training_set(raw, dataset, max_rows=None, **DIVISION)


def _divide_values(rows: int) -> Call:
    raw = made.make_raw_table(rows, 1, 2).assign(label=made.make_values(rows)["given_label"])
    dataset = made.make_value_dataset()
    return lambda: build_training_set(raw, dataset, max_rows=None, **DIVISION)


def _divide_tokens(sentences: int, words: int, tags: int) -> Call:
    raw, dataset = made.make_tokens(sentences, words, tags), made.make_token_dataset(tags)
    drawn = sentences * 3 // 4
    return lambda: build_token_training_set(raw, dataset, max_sentences=drawn, validation_fraction=0.1, **DIVISION)


def _divide_panel(examples: int, annotators: int, classes: int, labels: int) -> Call:
    raw = made.make_raw_panel(made.draw_panel(examples, annotators, classes, labels)[0], classes)
    dataset = made.make_panel_dataset(classes)
    return lambda: build_panel_training_set(
        select_annotations(raw, dataset, PanelLimits()).table, raw, dataset, **DIVISION
    )


def _divide_images(pictures: int, classes: int) -> Call:
    raw, dataset = made.make_image_rows(pictures, classes), made.make_image_dataset(classes)
    return lambda: build_image_training_set(raw, dataset, max_rows=None, **DIVISION)


def _sample(rows: int, classes: int) -> Call:
    labels = made.draw_classes(rows, classes)[1]
    return repeat(lambda: draw_stratified_sample(labels, rows // 2, seed=SEED), 30)


def _plant(rows: int, columns: int, classes: int, *, kind: Any) -> Call:
    table = made.make_training_table(rows, columns, classes)
    kinds = FeatureKinds.of(made.make_dataset(columns).columns)
    return repeat(lambda: plant_errors_in_training_set(table, kinds, fraction=0.2, kind=kind, seed=SEED), 10)


def _plant_label_sets(rows: int, classes: int, *, kind: Any) -> Call:
    is_named = made.draw_label_sets(rows, classes)
    return repeat(lambda: plant_label_set_errors(is_named, fraction=0.5, kind=kind, seed=SEED), 3)


def _plant_values(rows: int) -> Call:
    labels, domain = made.make_values(rows)["given_label"].to_numpy(), made.make_value_dataset().label_domain
    return repeat(lambda: plant_value_errors(labels, domain, fraction=0.2, kind="mixed", seed=SEED), 20)


def _encode(rows: int, columns: int) -> Call:
    table, kinds = made.draw_features(rows, columns), FeatureKinds.of(made.make_dataset(columns).columns)
    return lambda: encode_for_distance(table, kinds, fit_on=np.ones(rows, dtype=bool))


def _search(rows: int, *, limit: int) -> Call:
    values = np.random.default_rng(0).normal(size=(rows, 5)).astype(np.float32)
    return lambda: build_neighbor_graph(values, values[:100], k=10, exact_row_limit=limit, seed=SEED)


def _list_divisions() -> list[Work]:
    panel = {"examples": 10_000, "annotators": 100, "classes": 100, "labels": 4}
    return [
        Work("build_training_set", _divide, {"rows": 40_000, "columns": 40, "classes": 50}),
        Work("build_training_set, wide", _divide, {"rows": 400, "columns": 600, "classes": 5}),
        Work("build_training_set, many classes", _divide, {"rows": 20_000, "columns": 3, "classes": 1000}),
        Work("build_training_set, label sets", _divide_label_sets, {"rows": 3000, "classes": 20}),
        Work("build_training_set, values", _divide_values, {"rows": 150_000}),
        Work("build_token_training_set", _divide_tokens, {"sentences": 8000, "words": 20, "tags": 20}),
        Work("build_panel_training_set", _divide_panel, panel),
        Work("build_image_training_set", _divide_images, {"pictures": 10_000, "classes": 100}),
        Work("draw_stratified_sample", _sample, {"rows": 50_000, "classes": 200}),
        Work(
            "plant_errors_in_training_set, uniform",
            partial(_plant, kind="uniform"),
            {"rows": 30_000, "columns": 3, "classes": 100},
        ),
        Work(
            "plant_errors_in_training_set, class_pairs",
            partial(_plant, kind="class_pairs"),
            {"rows": 10_000, "columns": 10, "classes": 100},
        ),
        Work("plant_label_set_errors", partial(_plant_label_sets, kind="mixed"), {"rows": 5000, "classes": 20}),
        Work(
            "plant_label_set_errors, whole_set",
            partial(_plant_label_sets, kind="whole_set"),
            {"rows": 30_000, "classes": 5},
        ),
        Work("plant_value_errors", _plant_values, {"rows": 20_000}),
        Work("encode_for_distance", _encode, {"rows": 20_000, "columns": 60}),
        Work(
            "build_neighbor_graph, exact",
            partial(_search, limit=EXACT_LIMIT),
            {"rows": 6000},
            most_growth=6,
            remark=f"all pairs of rows; approximate above {EXACT_LIMIT:,} rows",
        ),
        Work(
            "build_neighbor_graph, approximate",
            partial(_search, limit=1000),
            {"rows": 12_000},
            most_growth=3.2,
            remark="rows to the power of 1.5: cells, and rows of a cell, grow with their square root",
        ),
    ]


# Tables with a class for each row


def _judge(rows: int, classes: int) -> Call:
    predictions, features = made.make_predictions(rows, classes), made.draw_features(rows, 3)
    return lambda: find_label_issues(predictions, features, np.arange(rows) % 5)


def _run_datalab(rows: int, columns: int, classes: int) -> Call:
    predictions, features = made.make_predictions(rows, classes), made.draw_features(rows, columns)
    graph = made.make_graph_table(rows)
    return lambda: find_datalab_issues(read_classes(predictions), features, graph, seed=SEED)


def _number_sets(rows: int) -> Call:
    graph, rng = to_knn_matrix(made.make_graph_table(rows)), np.random.default_rng(0)
    issues = pd.DataFrame(
        {
            "row_id": made.name_rows(rows),
            "given_label": made.draw_classes(rows, 5)[1],
            "distance_to_nearest_neighbor": rng.random(rows),
            "label_quality": rng.random(rows),
        }
    )
    return lambda: list_duplicate_sets(issues.assign(duplicate_set=number_duplicate_sets(graph, 0.13)), issues)


def _score_classes(rows: int, classes: int) -> Call:
    truth, given = made.draw_classes(rows, classes)
    probabilities = made.draw_probabilities(truth, classes)
    return lambda: compare_to_baseline(
        ScoredPredictions(given, probabilities),
        {"other": ScoredPredictions(given, probabilities[::-1])},
        n_resamples=10,
        seed=SEED,
    )


def _measure_power(rows: int) -> Call:
    rng = np.random.default_rng(0)
    quality, is_planted = rng.random(rows), rng.random(rows) < made.WRONG
    return repeat(lambda: score_detection_power(quality, quality < made.WRONG, is_planted), 5)


def _agree(rows: int, columns: int) -> Call:
    rng = np.random.default_rng(0)
    given = made.make_predictions(rows, 5)[["row_id", "split", "given_label"]]
    features = made.draw_features(rows, columns)
    tables = {
        f"model_{number}": pd.concat(
            [
                given.assign(
                    suggested_label=given["given_label"].sample(frac=1, random_state=number).to_numpy(),
                    label_quality=rng.random(rows),
                    is_label_issue=rng.random(rows) < made.WRONG,
                ),
                features,
            ],
            axis=1,
        )
        for number in range(3)
    }
    return repeat(lambda: build_consensus_issues(tables, features=[str(name) for name in features]), 5)


def _audit_classes(rows: int, columns: int, classes: int) -> AuditResults:
    """Make what the report on a table is made of."""
    table = made.make_training_table(rows, columns, classes).assign(split="train")
    predictions, features = made.make_predictions(rows, classes), table.filter(regex="^x")
    found = find_datalab_issues(read_classes(predictions), features, made.make_graph_table(rows), seed=SEED)
    issues = find_label_issues(predictions, features, np.arange(rows) % 5).table
    return AuditResults(
        dataset=made.make_dataset(columns, classes),
        model="model",
        training_set=table.assign(given_label=predictions["given_label"]),
        label_issues=issues,
        datalab_issues=found.table,
        datalab_summary=found.summary,
        duplicate_sets=list_duplicate_sets(found.table, issues),
        facts={},
    )


def _find_evidence(rows: int, columns: int, classes: int) -> Call:
    results = _audit_classes(rows, columns, classes)
    names = made.name_classes(classes)

    def call() -> object:
        joined, features = join_audited_rows(results.training_set, results.label_issues, results.datalab_issues)
        return [
            rank_flagged_rows(joined, "label", features),
            count_classes(joined, names),
            count_label_pairs(joined),
            arrange_duplicate_sets(results.duplicate_sets, joined, features, 25),
            compare_group(joined, find_flags(joined, "label"), features, 8),
            describe_blocks(joined, names),
        ]

    return call


def _list_table_steps() -> list[Work]:
    return [
        Work("find_label_issues", _judge, {"rows": 15_000, "classes": 50}),
        Work("find_label_issues, many classes", _judge, {"rows": 8000, "classes": 200}),
        Work("find_datalab_issues", _run_datalab, {"rows": 6000, "columns": 30, "classes": 20}),
        Work("list_duplicate_sets", _number_sets, {"rows": 80_000}),
        Work("compare_to_baseline, classes", _score_classes, {"rows": 5000, "classes": 40}),
        Work("compare_to_baseline, many classes", _score_classes, {"rows": 500, "classes": 200}),
        Work("score_detection_power", _measure_power, {"rows": 30_000}),
        Work("build_consensus_issues", _agree, {"rows": 10_000, "columns": 20}),
        Work("evidence of a report", _find_evidence, {"rows": 8000, "columns": 20, "classes": 20}),
    ]


# Tables with several classes for each row


def _judge_label_sets(rows: int, classes: int) -> Call:
    predictions, features = made.make_label_set_predictions(rows, classes), made.draw_features(rows, 3)
    return lambda: find_label_set_issues(predictions, features)


def _judge_each_class(rows: int, classes: int) -> Call:
    predictions = made.make_label_set_predictions(rows, classes)
    return lambda: list_class_issues(predictions, filter_by="confident_learning", quality_method="self_confidence")


def _calibrate(rows: int, classes: int) -> Call:
    is_named = made.draw_label_sets(rows, classes)
    probabilities = np.random.default_rng(0).random(is_named.shape, dtype=np.float32)
    return lambda: calibrate_out_of_fold(probabilities, is_named, np.arange(rows) % 4, method="platt")


def _score_label_sets(rows: int, classes: int) -> Call:
    is_named = made.draw_label_sets(rows, classes)
    probabilities = np.random.default_rng(0).random(is_named.shape)
    return lambda: compare_to_baseline(
        ScoredLabelSets(is_named, probabilities),
        {"other": ScoredLabelSets(is_named, probabilities[::-1])},
        n_resamples=10,
        seed=SEED,
    )


def _list_label_set_steps() -> list[Work]:
    return [
        Work("find_label_set_issues", _judge_label_sets, {"rows": 5000, "classes": 20}),
        Work("list_class_issues", _judge_each_class, {"rows": 5000, "classes": 20}),
        Work("calibrate_out_of_fold", _calibrate, {"rows": 10_000, "classes": 10}),
        Work("compare_to_baseline, label sets", _score_label_sets, {"rows": 4000, "classes": 40}),
    ]


# Tables with a number for each row


def _judge_values(rows: int) -> Call:
    predictions, features = made.make_values(rows), made.draw_features(rows, 3)
    domain = made.make_value_dataset().label_domain
    return repeat(lambda: find_value_issues(predictions, features, domain=domain, flag_by="cleanlab"), 10)


def _score_values(rows: int) -> Call:
    table = made.make_values(rows)
    labels, values = table["given_label"].to_numpy(), table["predicted_value"].to_numpy()
    return lambda: compare_to_baseline(
        ScoredValues(labels, values), {"other": ScoredValues(labels, values + 1)}, n_resamples=300, seed=SEED
    )


def _list_value_steps() -> list[Work]:
    return [
        Work("find_value_issues", _judge_values, {"rows": 30_000}),
        Work("compare_to_baseline, values", _score_values, {"rows": 20_000}),
    ]


# Sentences


def _on_tokens(judge: Callable[[pd.DataFrame], object], sentences: int, words: int, *, times: int = 1) -> Call:
    return repeat(partial(judge, made.make_token_issues(sentences, words)), times)


def _score_tokens(sentences: int, words: int, tags: int) -> Call:
    truth, given = made.draw_classes(sentences * words, tags)
    probabilities = made.draw_probabilities(truth, tags)
    score = partial(ScoredTokens, tags=made.name_classes(tags))
    return lambda: compare_to_baseline(
        score(given, probabilities),
        {"other": score(given, probabilities[::-1])},
        n_resamples=200,
        seed=SEED,
        blocks=np.repeat(np.arange(sentences), words),
    )


def _list_token_steps() -> list[Work]:
    return [
        Work("to_context_features", partial(_on_tokens, to_context_features), {"sentences": 2000, "words": 20}),
        Work("describe_contexts", partial(_on_tokens, describe_contexts), {"sentences": 1200, "words": 60}),
        Work(
            "find_sentence_issues", partial(_on_tokens, find_sentence_issues, times=5), {"sentences": 4000, "words": 20}
        ),
        Work(
            "count_common_errors", partial(_on_tokens, count_common_errors, times=2), {"sentences": 4000, "words": 20}
        ),
        Work("compare_to_baseline, tokens", _score_tokens, {"sentences": 1000, "words": 20, "tags": 20}),
        Work("compare_to_baseline, many tags", _score_tokens, {"sentences": 50, "words": 20, "tags": 500}),
    ]


# Panels of annotators


def _on_labels(
    judge: Callable[[np.ndarray, int], object],
    examples: int,
    annotators: int,
    classes: int,
    labels: int,
    *,
    times: int = 1,
) -> Call:
    return repeat(partial(judge, made.draw_panel(examples, annotators, classes, labels)[0], classes), times)


def _on_panel_predictions(
    judge: Callable[[np.ndarray, np.ndarray], object],
    examples: int,
    annotators: int,
    classes: int,
    labels: int,
    *,
    times: int = 1,
) -> Call:
    given, truth = made.draw_panel(examples, annotators, classes, labels)
    return repeat(partial(judge, given, made.draw_probabilities(truth, classes)), times)


def _vote(labels: np.ndarray, classes: int) -> object:
    return vote_by_majority(labels, n_classes=classes)


def _measure_agreement(labels: np.ndarray, classes: int) -> object:
    return [measure_agreement(labels, n_classes=classes, scale=scale) for scale in ("nominal", "ordinal")]


def _estimate(labels: np.ndarray, classes: int) -> object:
    return estimate_dawid_skene(labels, n_classes=classes, max_iterations=10, tolerance=0)


def _score_next(labels: np.ndarray, probabilities: np.ndarray) -> object:
    return score_examples_to_label(labels, probabilities, probabilities[:100])


def _choose_next(labels: np.ndarray, _classes: int) -> object:
    rng, names = np.random.default_rng(0), [f"a{number}" for number in range(labels.shape[1])]
    examples = [f"e{number}" for number in range(len(labels))]
    scores, quality = rng.random(len(labels)), rng.random((labels.shape[1],))
    return choose_batch(labels, scores, examples, names, quality, size=len(labels))


def _audit_panel(examples: int, annotators: int, classes: int, labels: int) -> Call:
    given, truth = made.draw_panel(examples, annotators, classes, labels)
    annotations = made.make_annotations(given, classes)
    predictions = made.make_panel_predictions(given, truth, classes)
    known = pd.Series(np.array(made.name_classes(classes), dtype=object)[truth])
    by_example = dict(zip(predictions["row_id"], known, strict=True))

    def call() -> object:
        scored = score_labels(predictions, annotations, has_model=True)
        consensus = build_consensus(predictions, annotations, scored.table)
        build_annotator_quality(scored.annotators, scored.table, by_example)
        measure_consensus(consensus, known)
        return find_consensus_issues(predictions, scored.table, consensus, pd.DataFrame(index=consensus.index))

    return call


def _list_panel_steps() -> list[Work]:
    sizes = {"examples": 500, "annotators": 200, "classes": 200, "labels": 4}
    return [
        Work("vote_by_majority", partial(_on_labels, _vote, times=100), sizes),
        Work("measure_agreement", partial(_on_labels, _measure_agreement, times=50), sizes),
        Work("estimate_dawid_skene", partial(_on_labels, _estimate, times=3), sizes),
        Work("run_crowdlab", partial(_on_panel_predictions, run_crowdlab, times=30), sizes),
        Work("score_labels, build_consensus and others", _audit_panel, {**sizes, "examples": 1000}),
        Work("score_examples_to_label", partial(_on_panel_predictions, _score_next), {**sizes, "examples": 600}),
        Work("choose_batch", partial(_on_labels, _choose_next), {**sizes, "examples": 10_000, "classes": 10}),
    ]


# Images, boxes and masks


def _look_at_images(pictures: int, pixels: int) -> Call:
    table = made.draw_pictures(pictures, pixels)
    embeddings = np.random.default_rng(0).normal(size=(pictures, 32))
    return lambda: find_image_issues(table, embeddings, seed=SEED)


def _on_boxes(judge: Callable[[Any, Any], object], pictures: int, boxes: int, classes: int) -> Call:
    return partial(judge, *made.draw_scenes(pictures, boxes, classes))


def _sum_up(pictures: int, boxes: int, classes: int) -> Call:
    images, predicted = made.draw_scenes(pictures, boxes, classes)
    judged = judge_boxes(images, predicted)
    return lambda: sum_up_images(images, predicted, judged)


def _calibrate_boxes(images: Sequence[Any], predicted: Any) -> object:
    return calibrate_scores_out_of_fold(images, predicted, np.arange(len(images)) % 3)


def _score_boxes(images: Any, predicted: Any) -> object:
    return ScoredDetections(images, predicted).compute()


def _plant_boxes(images: Any, _: Any) -> object:
    return plant_box_errors(images, fraction=0.5, seed=SEED)


def _measure_box_power(pictures: int, boxes: int, classes: int) -> Call:
    images, predicted = made.draw_scenes(pictures, boxes, classes)
    changed, truth = plant_box_errors(images, fraction=0.5, seed=SEED)
    judged = judge_boxes(changed, predicted)
    return repeat(lambda: score_box_detection_power(judged, truth), 3)


def _store_boxes(images: Any, predicted: Any) -> object:
    table = to_predictions_table(images, [""] * len(images), predicted)
    return read_predictions_table(table, images[0].class_names)


def _on_masks(judge: Callable[[Any, Any], object], pictures: int, pixels: int, objects: int, classes: int) -> Call:
    return partial(judge, *made.draw_masks(pictures, pixels, objects, classes))


def _plant_masks(images: Any, _: Any) -> object:
    return plant_mask_errors(images, fraction=0.5, seed=SEED)


def _score_masks(images: Any, packed: Any) -> object:
    scored = score_masks(images, map(unpack_probabilities, packed))
    return compare_to_baseline(scored, {"same": scored}, n_resamples=300, seed=SEED)


def _list_image_steps() -> list[Work]:
    boxes, crowd = {"pictures": 30, "boxes": 100, "classes": 20}, {"pictures": 10, "boxes": 2000, "classes": 20}
    masks = {"pictures": 10, "pixels": 40_000, "objects": 20, "classes": 5}
    objects = {"pictures": 4, "pixels": 60_000, "objects": 300, "classes": 3}
    return [
        Work("find_image_issues", _look_at_images, {"pictures": 20, "pixels": 40_000}),
        Work("judge_boxes", partial(_on_boxes, judge_boxes), boxes),
        Work("judge_boxes, crowded", partial(_on_boxes, judge_boxes), {**crowd, "pictures": 2}),
        Work("sum_up_images", _sum_up, boxes),
        Work("score_with_objectlab, crowded", partial(_on_boxes, score_with_objectlab), {**crowd, "pictures": 6}),
        Work("calibrate_scores_out_of_fold, crowded", partial(_on_boxes, _calibrate_boxes), crowd),
        Work("ScoredDetections", partial(_on_boxes, _score_boxes), {**boxes, "pictures": 200}),
        Work("ScoredDetections, crowded", partial(_on_boxes, _score_boxes), crowd),
        Work("plant_box_errors", partial(_on_boxes, _plant_boxes), {"pictures": 1200, "boxes": 10, "classes": 20}),
        Work("score_box_detection_power", _measure_box_power, {"pictures": 600, "boxes": 5, "classes": 20}),
        Work("to_predictions_table, boxes", partial(_on_boxes, _store_boxes), {**boxes, "pictures": 200}),
        Work("find_mask_issues", partial(_on_masks, find_mask_issues), {**masks, "pictures": 6}),
        Work("find_mask_issues, many objects", partial(_on_masks, find_mask_issues), objects),
        Work("plant_mask_errors", partial(_on_masks, _plant_masks), {**masks, "pictures": 40}),
        Work("score_masks", partial(_on_masks, _score_masks), {**masks, "pictures": 20}),
        Work("measure_pixel_calibration", partial(_on_masks, measure_pixel_calibration), {**masks, "pictures": 50}),
    ]
