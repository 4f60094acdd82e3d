"""The audit report of tagged sentences: the doubtful tags, each in its sentence, and what is mistaken often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.families.report import describe_origin, store_page
from cleanlab_assets.families.step import Page, PlainTable, PredictionsTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.class_labels import describe_class_audit
from cleanlab_assets.families.token_classification.issues import describe_contexts
from cleanlab_assets.families.token_classification.metrics import TAG_F1_PREFIX
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import MARK_BEGIN, MARK_END, Figure, Report, Section, Table, Tile
from cleanlab_assets.reports.plots import plot_class_balance, plot_label_quality, plot_noise_matrix
from cleanlab_assets.reports.settings import merge_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable

WORDS_AROUND = 12
MOST_COMMON = 40
TOP_ROWS = 50
_MARKS = (MARK_BEGIN, MARK_END)
_LABELS = ("given_label", "suggested_label")


@step(storage="html", code_version="6", value=str, shows_catalogue=True)
def token_report(
    context: StepContext,
    training_set: TrainingSetTable,
    predictions: PredictionsTable,
    label_issues: ClassLabelIssuesTable,
    detection_power: DetectionResult,
    sentence_issues: PlainTable,
    common_errors: PlainTable,
) -> Page:
    """A self-contained HTML report of the doubtful tags, each in its sentence; open it in any browser, offline."""
    tokens, sentences, cross_validation = label_issues.value, sentence_issues.value, predictions.facts.cross_validation
    n_issues, n_tokens = int(tokens["is_label_issue"].sum()), len(tokens)
    dataset, limit = context.dataset, context.dataset.gates.label_issue_rate
    by_split = count_by_split(tokens)
    tiles = [
        Tile("Tokens audited", f"{n_tokens:,}", f"in {len(sentences):,} sentences"),
        Tile(
            "Likely tag errors",
            format_share(n_issues / n_tokens),
            f"{say_by_split(by_split, 'token')}; limit {format_share(limit)}",
            "warn" if n_issues / n_tokens > limit else "good",
        ),
        Tile("Sentences with one", f"{(sentences['n_issues'] > 0).sum():,}", f"of {len(sentences):,}"),
        Tile(
            "Out-of-sample accuracy",
            format_share(cross_validation["accuracy"]),
            f"macro F1 {format_number(cross_validation['macro_f1'])}, against the given tags of the train tokens",
        ),
    ]
    sizes = ", ".join(f"{found.n_audited:,} {split} tokens" for split, found in by_split.items())
    report = Report(
        title=f"Tag audit of {dataset.title}",
        subtitle=f"{dataset.name} with {context.model}: {sizes} audited; models learn from train tokens alone",
        tiles=tiles,
        sections=[
            _describe_tokens(label_issues, context.path_of("label_issues")),
            _describe_sentences(sentences, tokens),
            _describe_common_errors(common_errors.value),
            _describe_tags(tokens, cross_validation),
        ],
        facts=merge_facts(describe_origin(context, training_set, label_issues)),
        notes=[
            *filter(None, [label_issues.facts.looks_in_sample]),
            *training_set.facts.notes,
            *label_issues.facts.notes,
        ],
    )
    return store_page(report, detection_power)


def _describe_tokens(result: ClassLabelIssuesTable, full_table: str) -> Section:
    label_issues, judged = result.value, result.facts
    flagged = label_issues[label_issues["is_label_issue"]].sort_values("rank")
    shown = flagged.head(TOP_ROWS)
    table = Table(
        "Tokens to look at first",
        _show_tokens(shown),
        "Flagged tokens, lowest label quality first; the token is marked in its sentence. The row says file and line.",
        total_rows=len(flagged),
        max_rows=TOP_ROWS,
        full_table=full_table,
        marked="in its sentence",
        highlight="planted_error" if "planted_error" in label_issues else None,
    )
    quality = label_issues["label_quality"].to_numpy(dtype=np.float64)
    png = plot_label_quality(quality, label_issues["is_label_issue"].to_numpy(dtype=bool))
    alt = f"Histogram of {len(quality):,} label quality scores; {len(flagged):,} tokens are flagged."
    advice = {
        "How to read": "A quality near 0 means that a model which never saw the document finds the given tag very "
        "unlikely here. The suggested tag is the likeliest one.",
        "What to do": "Read the sentence, then correct the tag at the file and line of the row, or leave it: rare "
        "uses of a word look like errors.",
    }
    if "planted_error" in label_issues:
        advice["Planted errors"] = "Train tags that were corrupted on purpose are highlighted."
    return Section(
        key="tokens",
        title="Likely tag errors",
        explanation="Tokens whose given tag disagrees with out-of-sample predicted probabilities.",
        advice=advice,
        badge=f"{len(flagged):,}",
        figures=[Figure("Label quality of all tokens", png, alt)],
        tables=[table],
        facts={
            **describe_class_audit(judged, unit="token"),
        },
    )


def _show_tokens(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame(
        {
            "row": rows["row_id"],
            "split": rows["split"].astype(str),
            "in its sentence": describe_contexts(rows, n_words=WORDS_AROUND, marks=_MARKS),
            "given": rows["given_label"].astype(str),
            "suggested": rows["suggested_label"].astype(str),
            "label_quality": rows["label_quality"],
        }
    )
    if "planted_error" in rows:
        shown["planted_error"] = rows["planted_error"]
        shown["true"] = rows["true_label"].astype(str)
    return shown


def _describe_sentences(sentence_issues: pd.DataFrame, label_issues: pd.DataFrame) -> Section:
    doubtful = sentence_issues[sentence_issues["n_issues"] > 0].sort_values(
        ["n_issues", "label_quality"], ascending=[False, True]
    )
    worst = label_issues.set_index("row_id").loc[doubtful["worst_row_id"].head(TOP_ROWS)]
    frame = pd.DataFrame(
        {
            "sentence": doubtful["sentence_id"].head(TOP_ROWS).to_numpy(),
            "split": doubtful["split"].head(TOP_ROWS).astype(str).to_numpy(),
            "words": describe_contexts(worst, n_words=2 * WORDS_AROUND, marks=_MARKS),
            "flagged tokens": doubtful["n_issues"].head(TOP_ROWS).to_numpy(),
            "tokens": doubtful["n_tokens"].head(TOP_ROWS).to_numpy(),
            "label_quality": doubtful["label_quality"].head(TOP_ROWS).to_numpy(),
        }
    )
    caption = "Most flagged tokens first; the worst one is marked, and its label quality is that of the sentence."
    table = Table(
        "Sentences with several doubts", frame, caption, total_rows=len(doubtful), max_rows=TOP_ROWS, marked="words"
    )
    return Section(
        key="sentences",
        title="Sentences to read",
        explanation="A sentence with many doubtful tags is often a headline, a list or another language.",
        badge=f"{len(doubtful):,}",
        tables=[table],
    )


def _describe_common_errors(common_errors: pd.DataFrame) -> Section:
    caption = "How often a word is flagged with the same two tags. The share is of all audited tokens of this word."
    table = Table(
        "Words that are flagged repeatedly",
        common_errors.head(MOST_COMMON),
        caption,
        total_rows=len(common_errors),
        max_rows=MOST_COMMON,
        shares={"share_of_token"},
    )
    return Section(
        key="common_errors",
        title="Common errors",
        explanation="What is flagged many times in the same way is a question for the annotation guidelines.",
        badge=f"{len(common_errors):,}",
        tables=[table],
    )


def _describe_tags(label_issues: pd.DataFrame, cross_validation: Mapping[str, float]) -> Section:
    flagged = label_issues[label_issues["is_label_issue"]]
    counts = label_issues["given_label"].value_counts(sort=False)
    doubts = flagged["given_label"].value_counts(sort=False)
    tags = [str(tag) for tag in counts.index]
    frame = pd.DataFrame(
        {
            "tag": tags,
            "tokens": counts.to_numpy(),
            "likely errors": doubts.to_numpy(),
            "share of tag": (doubts / counts.clip(lower=1)).to_numpy(),
            "out-of-sample F1": [cross_validation.get(f"{TAG_F1_PREFIX}{tag}", np.nan) for tag in tags],
        }
    )
    pairs = np.zeros((len(tags), len(tags)), dtype=np.int64)
    np.add.at(pairs, tuple(pd.Index(tags).get_indexer(pd.Index(flagged[name].astype(str))) for name in _LABELS), 1)
    matrix = pd.DataFrame(pairs, index=tags, columns=tags).rename_axis(index="given label", columns="suggested label")
    alt = "Heat map of the flagged tokens by given and suggested tag."
    balance = plot_class_balance(counts)
    return Section(
        key="tags",
        title="Tags",
        explanation="Which tags are confused, and how well the model knows each of them in the train tokens.",
        figures=[
            Figure("Which tags are in doubt", plot_noise_matrix(matrix), alt),
            Figure("Tokens per tag", balance, f"Bar chart of {len(tags)} tags; the table has the same numbers."),
        ],
        tables=[Table("Tags", frame, "In the order of the classes.", max_rows=200, shares={"share of tag"})],
    )
