"""Label issues of tokens and sentences, from out-of-sample predicted probabilities.

A token's issues are those of ``audit.label_issues``: ``cleanlab.token_classification`` puts the tokens of all
sentences in a row and does the same.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cleanlab_assets.families.token_classification.training_set import sentence_numbers

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
    words_of: dict[str, list[str]] = {}
    contexts = []
    for sentence, position in zip(rows["sentence"].astype(str), rows["position"], strict=True):
        if sentence not in words_of:
            words_of[sentence] = sentence.split(" ")
        words, place = words_of[sentence], position - 1
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
        token_issues: label issues of all train tokens, sentence by sentence.

    Returns:
        One row for each sentence: ``sentence_id``, ``sentence``, ``n_tokens``, ``n_issues``, ``label_quality`` (that of
        the worst token), ``worst_row_id``, ``worst_token`` and ``rank`` (1 = worst).
    """
    numbers = sentence_numbers(token_issues)
    order = np.lexsort((token_issues["rank"].to_numpy(), numbers))
    worst = token_issues.iloc[order[np.unique(numbers[order], return_index=True)[1]]]
    return pd.DataFrame(
        {
            "sentence_id": worst["sentence_id"].astype(str).to_numpy(),
            "sentence": worst["sentence"].to_numpy(),
            "n_tokens": np.bincount(numbers),
            "n_issues": np.bincount(numbers, weights=token_issues["is_label_issue"]).astype(np.int64),
            "label_quality": worst["label_quality"].to_numpy(),
            "worst_row_id": worst["row_id"].to_numpy(),
            "worst_token": worst["token"].astype(str).to_numpy(),
            "rank": worst["rank"].rank(method="first").astype(np.int64).to_numpy(),
        }
    )


def count_common_errors(token_issues: pd.DataFrame) -> pd.DataFrame:
    """Count the flagged tokens by word, given and suggested label.

    Source: ``cleanlab.token_classification.summary.common_label_issues``.

    Returns:
        ``token``, ``given_label``, ``suggested_label``, ``count`` and ``share_of_token``, the share of all train rows
        of this word; most frequent first.
    """
    flagged = token_issues[token_issues["is_label_issue"]]
    names = ["token", "given_label", "suggested_label"]
    counts = flagged[names].astype(str).value_counts().rename("count").reset_index()
    total = token_issues["token"].astype(str).value_counts()
    counts["share_of_token"] = counts["count"] / counts["token"].map(total).to_numpy(dtype=np.float64)
    return counts.sort_values(["count", *names], ascending=[False, True, True, True], ignore_index=True)
