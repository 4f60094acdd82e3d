"""The hard contracts of the tables of tokens and sentences, as dagster-pandas types."""

from __future__ import annotations

import dagster_pandas as dgp

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_GIVEN_LABEL = dgp.PandasColumn.exists("given_label", non_nullable=True)
_POSITION = dgp.PandasColumn.integer_column("position", min_value=1, non_nullable=True)
_QUALITY = dgp.PandasColumn.float_column("label_quality", min_value=0.0, max_value=1.0, non_nullable=True)
_RANK = dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True)


TOKEN_TRAINING_SET = dgp.create_dagster_pandas_dataframe_type(
    "TokenTrainingSet",
    "Tokens under audit with their sentence, given tag, split and fold (-1 on rows that are not audited).",
    [
        _ROW_ID,
        dgp.PandasColumn.exists("sentence_id", non_nullable=True),
        dgp.PandasColumn.exists("sentence", non_nullable=True),
        dgp.PandasColumn.exists("token", non_nullable=True),
        _POSITION,
        _GIVEN_LABEL,
        dgp.PandasColumn.categorical_column("split", categories={"train", "validation", "test"}, non_nullable=True),
        dgp.PandasColumn.integer_column("fold", min_value=-1, non_nullable=True),
    ],
)
TOKEN_LABEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "TokenLabelIssues",
    "Every train token with its context, given and suggested tag, label quality, flag and rank (1 = worst).",
    [
        _ROW_ID,
        dgp.PandasColumn.exists("sentence_id", non_nullable=True),
        _POSITION,
        dgp.PandasColumn.exists("token", non_nullable=True),
        dgp.PandasColumn.exists("context", non_nullable=True),
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("suggested_label", non_nullable=True),
        _QUALITY,
        dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True),
        _RANK,
    ],
)
SENTENCE_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "SentenceIssues",
    "Every train sentence with the label quality of its worst token, and its rank (1 = worst).",
    [
        dgp.PandasColumn.string_column("sentence_id", non_nullable=True, unique=True),
        dgp.PandasColumn.exists("sentence", non_nullable=True),
        dgp.PandasColumn.integer_column("n_tokens", min_value=1, non_nullable=True),
        dgp.PandasColumn.integer_column("n_issues", min_value=0, non_nullable=True),
        _QUALITY,
        _RANK,
    ],
)
COMMON_ERRORS = dgp.create_dagster_pandas_dataframe_type(
    "CommonErrors",
    "How often a word is flagged with the same given and suggested tag, most frequent first.",
    [
        dgp.PandasColumn.exists("token", non_nullable=True),
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("suggested_label", non_nullable=True),
        dgp.PandasColumn.integer_column("count", min_value=1, non_nullable=True),
    ],
)
