"""The hard contracts of the tables of panels."""

from __future__ import annotations

import dagster_pandas as dgp

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_RANK = dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True)


def _share(name: str) -> dgp.PandasColumn:
    column: dgp.PandasColumn = dgp.PandasColumn.float_column(name, min_value=0.0, max_value=1.0, non_nullable=True)
    return column


def _filled(*names: str) -> list[dgp.PandasColumn]:
    return [dgp.PandasColumn.exists(name, non_nullable=True) for name in names]


ANNOTATIONS = dgp.create_dagster_pandas_dataframe_type(
    "Annotations",
    "One row for each label that an annotator gave to an example under audit.",
    [_ROW_ID, *_filled("example", "annotator", "given_label", "split")],
)
LEARNING_CURVE = dgp.create_dagster_pandas_dataframe_type(
    "LearningCurve",
    "Rounds of labelling by strategy and seed; empty where no truth is known.",
    [*_filled("strategy", "seed", "round", "n_labels"), _share("test_accuracy"), _share("pool_accuracy")],
)
LABEL_QUALITY = dgp.create_dagster_pandas_dataframe_type(
    "AnnotationQuality",
    "Every single label of the train examples with its quality, flag and rank (1 = worst).",
    [
        _ROW_ID,
        *_filled("example", "annotator", "given_label", "suggested_label", "is_label_issue", "example_rank"),
        _share("label_quality"),
        _share("consensus_quality"),
        _RANK,
    ],
)
CONSENSUS_LABELS = dgp.create_dagster_pandas_dataframe_type(
    "ConsensusLabels",
    "The consensus label of every train example by every method, with CROWDLAB's quality.",
    [
        _ROW_ID,
        *_filled("consensus_label", "majority_vote_label", "dawid_skene_label", "crowdlab_without_model_label"),
        _share("consensus_quality"),
        _share("annotator_agreement"),
        dgp.PandasColumn.integer_column("n_annotations", min_value=1, non_nullable=True),
    ],
)
ANNOTATOR_QUALITY = dgp.create_dagster_pandas_dataframe_type(
    "AnnotatorQuality",
    "One row for each annotator, worst first.",
    [
        dgp.PandasColumn.exists("annotator", non_nullable=True),
        _RANK,
        _share("annotator_quality"),
        _share("agreement_with_consensus"),
        *_filled("worst_class"),
        dgp.PandasColumn.integer_column("n_labels", min_value=1, non_nullable=True),
    ],
)
LABELING_BATCH = dgp.create_dagster_pandas_dataframe_type(
    "LabelingBatch",
    "The examples to label next, lowest active learning score first, each with an annotator to ask.",
    [_ROW_ID, _RANK, _share("active_learning_score"), *_filled("n_annotations", "suggested_annotator", "reason")],
)
