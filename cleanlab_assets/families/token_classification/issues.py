"""Label issues of tokens and sentences, from out-of-sample predicted probabilities.

A token's issues are those of ``methods.label_issues``: ``cleanlab.token_classification`` puts the tokens of all
sentences in a row and does the same.
"""

from __future__ import annotations

from functools import partial

import numpy as np
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
    share,
    text,
)
from cleanlab_assets.families.label_issues import store_label_issues
from cleanlab_assets.families.step import PlainTable, PredictionsTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.class_labels import (
    OTHER_SCORES,
    ClassLabelIssuesFacts,
    ClassLabelIssuesTable,
    LabelIssuesSettings,
    audit_class_labels,
    show_class_issues,
)
from cleanlab_assets.families.token_classification.sentences import sentence_numbers
from cleanlab_assets.methods.ranking import rank_by_quality
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.methods.shown import WORST_ROWS, TableView
from cleanlab_assets.methods.training_set import audited_rows

CONTEXT_WORDS = 6
MARKS = ("«", "»")
"""What stands on either side of the token in its context."""


def describe_contexts(rows: pd.DataFrame, *, n_words: int = CONTEXT_WORDS, marks: tuple[str, str] = MARKS) -> list[str]:
    """Return each token between marks, with the words around it.

    Args:
        rows: ``sentence`` and ``position`` (from 1), shape (n_rows, ...).
        n_words: most words on either side; where words are left out, an ellipsis says so.
        marks: what is put before and after the token.
    """
    # By the code of the sentence: its text once more for each of its words would take the square of the words.
    sentences = rows["sentence"].astype("category").cat
    words_of: dict[int, list[str]] = {}
    contexts = []
    for code, position in zip(sentences.codes, rows["position"], strict=True):
        if code not in words_of:
            words_of[code] = sentences.categories[code].split(" ")
        words, place = words_of[code], position - 1
        before, after = words[max(0, place - n_words) : place], words[place + 1 : place + 1 + n_words]
        start = "… " if place > n_words else ""
        end = " …" if len(words) - place - 1 > n_words else ""
        marked = f"{marks[0]}{words[place]}{marks[1]}"
        contexts.append(start + " ".join([*before, marked, *after]) + end)
    return contexts


def find_sentence_issues(token_issues: pd.DataFrame) -> pd.DataFrame:
    """Score each sentence by its worst token.

    Source: ``cleanlab.token_classification.rank.get_label_quality_scores`` with ``sentence_score_method="min"``.

    Args:
        token_issues: label issues of all audited tokens, sentence by sentence.

    Returns:
        One row for each sentence: ``sentence_id``, ``split``, ``sentence``, ``n_tokens``, ``n_issues``,
        ``label_quality`` (that of the worst token), ``worst_row_id``, ``worst_token`` and ``rank`` (1 = worst).
    """
    numbers = sentence_numbers(token_issues)
    order = np.lexsort((token_issues["rank"].to_numpy(), numbers))
    worst = token_issues.iloc[order[np.unique(numbers[order], return_index=True)[1]]]
    return pd.DataFrame(
        {
            "sentence_id": worst["sentence_id"].astype(str).to_numpy(),
            "split": worst["split"].array,
            "sentence": worst["sentence"].to_numpy(),
            "n_tokens": np.bincount(numbers),
            "n_issues": np.bincount(numbers, weights=token_issues["is_label_issue"]).astype(np.int64),
            "label_quality": worst["label_quality"].to_numpy(),
            "worst_row_id": worst["row_id"].to_numpy(),
            "worst_token": worst["token"].astype(str).to_numpy(),
            "rank": rank_by_quality(worst["rank"].to_numpy()),
        }
    )


def count_common_errors(token_issues: pd.DataFrame) -> pd.DataFrame:
    """Count the flagged tokens by word, given and suggested label.

    Source: ``cleanlab.token_classification.summary.common_label_issues``.

    Returns:
        ``token``, ``given_label``, ``suggested_label``, ``count`` and ``share_of_token``, the share of all audited
        rows of this word; most frequent first.
    """
    flagged = token_issues[token_issues["is_label_issue"]]
    names = ["token", "given_label", "suggested_label"]
    counts = flagged[names].astype(str).value_counts().rename("count").reset_index()
    total = token_issues["token"].astype(str).value_counts()
    counts["share_of_token"] = counts["count"] / counts["token"].map(total).to_numpy(dtype=np.float64)
    return counts.sort_values(["count", *names], ascending=[False, True, True, True], ignore_index=True)


WORST_COLUMNS = (
    *("rank", "row_id", "split", "context", "given_label"),
    *("suggested_label", "label_quality", "is_label_issue"),
)


@step(
    "cleanlab",
    code_version="5",
    facts=ClassLabelIssuesFacts,
    contract=TableContract(
        "TokenLabelIssues",
        "Every audited token with its context, given and suggested tag, label quality, flag and rank (1 = worst).",
        (
            ROW_ID,
            SPLIT,
            *filled("sentence_id"),
            count("position", 1),
            *filled("token", "context"),
            GIVEN_LABEL,
            *filled("suggested_label"),
            LABEL_QUALITY,
            share("error_probability"),
            IS_LABEL_ISSUE,
            RANK,
            *OTHER_SCORES,
        ),
    ),
    settings=LabelIssuesSettings,
)
def label_issues(
    context: StepContext, settings: LabelIssuesSettings, training_set: TrainingSetTable, predictions: PredictionsTable
) -> ClassLabelIssuesTable:
    """Every token with its split, context, given tag, suggested tag, label quality, flag and rank (1 is the worst).

    Validation and test tokens are audited beside the train tokens, and change nothing of what is found of these. Lower
    quality is worse. The row id says file and line, so that the tag can be corrected at its source.
    """
    found, facts = audit_class_labels(context, settings, training_set, predictions)
    rows, table = audited_rows(training_set.value), found.table
    table.insert(1, "sentence_id", rows["sentence_id"].array)
    table["context"] = describe_contexts(rows)
    show = partial(show_class_issues, facts=facts, noise_matrix=found.noise_matrix)
    return store_label_issues(table, training_set.value, facts, columns=WORST_COLUMNS, show=show)


@step(
    "pandas",
    code_version="3",
    contract=TableContract(
        "SentenceIssues",
        "Every audited sentence with the label quality of its worst token, and its rank (1 = worst).",
        (
            text("sentence_id", unique=True),
            SPLIT,
            *filled("sentence"),
            count("n_tokens", 1),
            count("n_issues"),
            LABEL_QUALITY,
            RANK,
        ),
    ),
)
def sentence_issues(context: StepContext, label_issues: ClassLabelIssuesTable) -> PlainTable:
    """Every audited sentence with the label quality of its worst token: which sentences to read first."""
    table = find_sentence_issues(label_issues.value)
    columns = ("rank", "sentence_id", "split", "worst_token", "label_quality", "n_issues", "sentence")
    return Result(
        value=table,
        facts=NoFacts(),
        show=lambda: {
            "n_sentences": len(table),
            "n_sentences_with_issues": int((table["n_issues"] > 0).sum()),
            "worst_sentences": TableView.worst(table, columns),
        },
    )


@step(
    "pandas",
    code_version="3",
    contract=TableContract(
        "CommonErrors",
        "How often a word is flagged with the same given and suggested tag, most frequent first.",
        (*filled("token"), GIVEN_LABEL, *filled("suggested_label"), count("count", 1)),
    ),
)
def common_errors(context: StepContext, label_issues: ClassLabelIssuesTable) -> PlainTable:
    """How often a word is flagged with the same given and suggested tag: what annotators mistake again and again."""
    table = count_common_errors(label_issues.value)
    return Result(
        value=table,
        facts=NoFacts(),
        show=lambda: {"n_kinds": len(table), "most_common": TableView(table, WORST_ROWS)},
    )
