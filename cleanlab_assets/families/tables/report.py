"""What the audit reports of tabular datasets share: the joined audit, its tiles, and a section for each issue type.

A family builds its own report around these parts and puts what only it knows, such as classes, into the sections.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.report import build_report, describe_origin
from cleanlab_assets.methods.slices import measure_issue_rates
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.formatting import (
    describe_truth,
    format_column,
    format_number,
    format_p_value,
    format_share,
)
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.issue_evidence import (
    CASE_COLUMNS,
    arrange_duplicate_sets,
    count_missing_values,
    find_flags,
    join_audited_rows,
    rank_flagged_rows,
    require_columns,
)
from cleanlab_assets.reports.issue_texts import get_issue_text
from cleanlab_assets.reports.plots import plot_label_quality, plot_score_distribution
from cleanlab_assets.reports.settings import list_settings, read_permutations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.step import LabelIssuesTable, PlainTable, StepContext, TrainingSetTable
    from cleanlab_assets.families.tables.steps import DatalabTable, FlaggedCasesTable
    from cleanlab_assets.methods.detection_power import TruthDetection
    from cleanlab_assets.reports.issue_texts import IssueText

NOT_ABOUT_SINGLE_ROWS = frozenset({"class_imbalance", "non_iid"})
SUMMARY_COLUMNS = (
    "issue_type",
    "description",
    "score",
    "n_issues",
    "share",
    "metric",
    "k",
    "parameters",
    "status",
    "reason",
)
DUPLICATE_COLUMNS = ("duplicate_set", "row_id", "given_label", "label_quality", "keep", "reason", "distance")


@dataclass(frozen=True, kw_only=True)
class AuditResults:
    """What the report on a table is made of.

    Attributes:
        dataset: The catalogue entry; its gates decide which tiles ask for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        training_set: ``row_id`` (unique), ``given_label``, ``split``, ``fold``, features, and ``planted_error`` with
            ``true_label`` and, where errors have kinds, ``planted_kind`` where labels were corrupted on purpose.
        label_issues: One row per audited row, with ``LABEL_COLUMNS``: what every report says of the labels.
        datalab_issues: One row per train row in source order: ``row_id``, ``given_label``, the prediction,
            ``is_<type>_issue`` and ``<type>_score`` of every type that ran, ``nearest_neighbor``,
            ``distance_to_nearest_neighbor`` and ``duplicate_set``.
        datalab_summary: One row per issue type: ``issue_type``, ``description``, ``score``, ``n_issues``, ``share``,
            ``metric``, ``k``, ``parameters`` (JSON), ``status`` (``ran`` or ``not run``) and ``reason``.
        duplicate_sets: ``duplicate_set``, ``row_id``, ``given_label``, ``label_quality``, ``keep``, ``reason`` and
            ``distance``, one row per row of a set.
        facts: How the audit was made, for the last section of the report. A mapping is written in words; a fact that
            the report states anyway, such as ``model``, is left out.
        notes: What a reader must know of the rows and of how their labels were judged.
        suggested_labels: ``row_id`` and ``suggested_label`` of the rows of the source without a label, if it is known.
        by_truth: How well wrong labels were found where the source states true ones.
        issue_rates: Share of flagged labels in each part of the rows, see ``measure_issue_rates``.
        top_rows: Most rows of an evidence table.
        full_table: Where the table with every row lies, in words; said where a table is cut.
    """

    dataset: Dataset
    model: str
    training_set: pd.DataFrame
    label_issues: pd.DataFrame
    datalab_issues: pd.DataFrame
    datalab_summary: pd.DataFrame
    duplicate_sets: pd.DataFrame
    facts: Mapping[str, object]
    notes: Sequence[str] = ()
    suggested_labels: pd.DataFrame | None = None
    by_truth: TruthDetection | None = None
    issue_rates: pd.DataFrame | None = None
    top_rows: int = 25
    full_table: str = ""

    @classmethod
    def of(
        cls,
        context: StepContext,
        training_set: TrainingSetTable,
        label_issues: LabelIssuesTable,
        datalab_issues: DatalabTable,
        datalab_summary: PlainTable,
        duplicate_sets: PlainTable,
        flagged_cases: FlaggedCasesTable,
        *,
        suggested_labels: PlainTable | None = None,
        full_table: str,
    ) -> AuditResults:
        """Put the results of the steps together."""
        return cls(
            dataset=context.dataset,
            model=context.model,
            training_set=training_set.value.drop(columns=list(context.dataset.carried_columns)),
            label_issues=_join_cases(label_issues.value, flagged_cases.value),
            datalab_issues=datalab_issues.value,
            datalab_summary=datalab_summary.value,
            duplicate_sets=duplicate_sets.value,
            facts={
                **describe_origin(context, training_set, datalab_issues, name="Datalab issues"),
                "Label issues hash": label_issues.origin.data_hash,
            },
            notes=[
                *filter(None, [label_issues.facts.looks_in_sample]),
                *training_set.facts.notes,
                *label_issues.facts.notes,
            ],
            by_truth=label_issues.facts.by_truth,
            issue_rates=measure_issue_rates(training_set.value, label_issues.value, context.dataset.slice_columns),
            suggested_labels=None if suggested_labels is None else suggested_labels.value,
            full_table=full_table,
        )


@dataclass(frozen=True, kw_only=True)
class TabularAudit(AuditResults):
    """The results of an audit, checked and joined.

    Attributes:
        rows: The rows that the findings are about, joined with them and the features: the train rows, or all rows in
            ``about_labels``.
        audited: All audited rows; Datalab's findings are missing on those that are no train rows.
        features: Names of the feature columns.
        summary: The summary of each issue type that ran; that of the labels is of the label issues.
        not_run: ``issue_type`` and ``reason`` of the types that did not run.
        texts: The prose of the family's issue types, in the order of the sections.
    """

    rows: pd.DataFrame
    audited: pd.DataFrame
    features: Sequence[str]
    summary: Mapping[str, Mapping[str, Any]]
    not_run: pd.DataFrame
    texts: Mapping[str, IssueText]

    @property
    def leading(self) -> list[str]:
        """The texts and pictures among the features: they stand right behind the name of a row."""
        named = {name for column in self.dataset.embedded_columns for name in (column.name, f"feature_{column.name}")}
        return [name for name in self.features if name in named]

    @property
    def about_labels(self) -> TabularAudit:
        """The audit of the labels, which is about all audited rows."""
        return replace(self, rows=self.audited)

    def has_run(self, issue_type: str) -> bool:
        """Whether the issue type was looked for."""
        return issue_type in self.summary

    def score(self, issue_type: str) -> float:
        """The score of the whole dataset."""
        return float(self.summary[issue_type]["score"])

    def flags(self, issue_type: str) -> pd.Series[bool]:
        """Whether each row is flagged."""
        return find_flags(self.rows, issue_type)

    def p_value(self) -> str:
        """The p-value of the order of the rows with its relation, such as "< 0.04"."""
        return format_p_value(self.score("non_iid"), read_permutations(self.summary["non_iid"]["parameters"]))

    def is_finding(self, issue_type: str) -> bool:
        """Whether there is something to look at."""
        if not self.has_run(issue_type):
            return False
        if issue_type == "non_iid":
            return self.score(issue_type) < self.dataset.gates.non_iid_p_value
        if issue_type == "null" and self.score(issue_type) < 1:
            return True
        return bool(self.flags(issue_type).any())


def _join_cases(label_issues: pd.DataFrame, flagged_cases: pd.DataFrame) -> pd.DataFrame:
    """Put the kind of case beside each flagged row; missing on all others."""
    names = [name for name in CASE_COLUMNS if name in flagged_cases]
    return label_issues.join(flagged_cases.set_index("row_id")[names], on="row_id")


def join_tabular_audit(
    results: AuditResults, *, prediction: str, texts: Mapping[str, IssueText], about_labels: Sequence[str] = ()
) -> TabularAudit:
    """Check the tables of an audit and join them.

    The label issues say what Datalab's own type of label issues would, whether that ran or not.

    Args:
        results: The tables.
        prediction: The column of ``datalab_issues`` that holds what the model predicts.
        texts: The prose of the family's issue types, in the order of the sections.
        about_labels: What the family's label issues say beyond those of all families.

    Raises:
        ValueError: a table lacks a column or a status is unknown, or the findings are not about the rows of the
            training set.
    """
    datalab_issues, datalab_summary = results.datalab_issues, results.datalab_summary
    require_columns("datalab_summary", datalab_summary, SUMMARY_COLUMNS)
    require_columns("duplicate_sets", results.duplicate_sets, DUPLICATE_COLUMNS)
    unknown = sorted(set(datalab_summary["status"]) - {"ran", "not run"})
    if unknown:
        raise ValueError(f"unknown status {unknown} in datalab_summary: expected 'ran' or 'not run'")
    require_columns("datalab_issues", datalab_issues, ("row_id", prediction))
    audited, features = join_audited_rows(
        results.training_set, results.label_issues, datalab_issues, about_labels=about_labels
    )
    ran = {
        str(record["issue_type"]): {str(name): value for name, value in record.items()}
        for record in datalab_summary.to_dict("records")
        if record["status"] == "ran"
    }
    for issue_type in ran:
        require_columns("datalab_issues", datalab_issues, (f"is_{issue_type}_issue", f"{issue_type}_score"))
    labels = {"description": "", "metric": None, "k": None, "parameters": "", **ran.get("label", {})}
    labels["score"] = float(audited["label_quality"].mean())
    is_absent = (datalab_summary["status"] == "not run") & (datalab_summary["issue_type"] != "label")
    not_run = datalab_summary.loc[is_absent, ["issue_type", "reason"]]
    reasons = [reason if isinstance(reason, str) and reason else "no reason was given" for reason in not_run["reason"]]
    return TabularAudit(
        **vars(results),
        rows=train_rows(audited),
        audited=audited,
        features=features,
        summary={**ran, "label": labels},
        not_run=not_run.assign(reason=reasons),
        texts=texts,
    )


def assemble_report(audit: TabularAudit, *, tiles_about_labels: Sequence[Tile], sections: Sequence[Section]) -> Report:
    """Put a report together: tiles, sections with a finding, other sections, what did not run, and the facts.

    Args:
        audit: The audit.
        tiles_about_labels: The family's own tiles of the summary.
        sections: The sections in the order of the texts; one that gives advice has a finding and comes before those
            that give none.
    """
    return build_report(
        audit.dataset,
        audit.model,
        audit.facts,
        title="data audit",
        tiles=_build_tiles(audit, tiles_about_labels),
        notes=[*_note_planted_errors(audit), *audit.notes],
        sections=[
            *sorted(sections, key=lambda section: not section.advice),
            *_list_issue_rates(audit),
            *_list_suggested_labels(audit),
            _list_not_run(audit.not_run),
        ],
    )


def list_issue_types(audit: TabularAudit) -> list[str]:
    """List the issue types in the order of the texts, whether they ran or not; types without a text come last."""
    return [*audit.texts, *(name for name in audit.summary if name not in audit.texts)]


def build_issue_section(audit: TabularAudit, issue_type: str) -> Section:
    """Build the section of an issue type that ran: what it means, how many rows it flags, and which.

    Args:
        audit: The audit.
        issue_type: The issue type.

    Returns:
        A section that a family may add its own tables and figures to. Advice, figures and tables are there only if
        there is something to look at.
    """
    is_finding, n_flagged = audit.is_finding(issue_type), int(audit.flags(issue_type).sum())
    text = get_issue_text(issue_type, audit.summary[issue_type]["description"], audit.texts)
    return Section(
        key=issue_type,
        title=text.title,
        explanation=text.meaning,
        advice={"Why it matters": text.why, "What to do": text.action} if is_finding else {},
        badge=_write_badge(audit, issue_type, n_flagged),
        tiles=_tile_issue(audit, issue_type, n_flagged),
        figures=_plot_scores(audit, issue_type, text, n_flagged),
        tables=_tabulate_issue(audit, issue_type) if is_finding else [],
        facts=list_settings(audit.summary[issue_type]),
    )


def tabulate_flagged_rows(audit: TabularAudit, table: pd.DataFrame, shares: Sequence[str] = ()) -> Table:
    """Show flagged rows, worst first, with their features as the last columns."""
    caption = "Worst first; equal scores stay in source order."
    if audit.features:
        caption += " The shaded columns are the row's features; scroll sideways to see them all."
    return Table(
        "Flagged rows",
        table,
        caption,
        max_rows=audit.top_rows,
        full_table=audit.full_table,
        n_features=len(audit.features) - len(audit.leading),
        shares=shares,
    )


def _build_tiles(audit: TabularAudit, tiles_about_labels: Sequence[Tile]) -> list[Tile]:
    gates, n_audited, by_split = audit.dataset.gates, len(audit.audited), count_by_split(audit.audited)
    sizes = ", ".join(f"{found.n_audited:,} {split} rows" for split, found in by_split.items())
    n_flagged, among = int(audit.about_labels.flags("label").sum()), f"all rows ({say_by_split(by_split)})"
    tiles = [
        Tile("Rows audited", f"{n_audited:,}", f"{sizes}; {len(audit.features):,} features"),
        _tile_rate("Likely label errors", n_flagged, n_audited, among, limit=gates.label_issue_rate),
    ]
    limits = (
        ("outlier", "Outliers", gates.outlier_rate),
        ("near_duplicate", "Rows in near-duplicate sets", gates.near_duplicate_rate),
    )
    for issue_type, label, limit in limits:
        if not audit.has_run(issue_type):
            tiles.append(Tile(label, "not run", "the reason is below"))
            continue
        if issue_type == "near_duplicate" and len(audit.duplicate_sets):
            count = int(audit.duplicate_sets["row_id"].nunique())
        else:
            count = int(audit.flags(issue_type).sum())
        tiles.append(_tile_rate(label, count, len(audit.rows), "the train rows", limit=limit))
    tiles += [_tile_order(audit), *tiles_about_labels]
    if "planted_error" in audit.rows:
        planted = audit.rows["planted_error"].fillna(value=False).astype(bool)
        caught, flagged = int((planted & audit.flags("label")).sum()), int(audit.flags("label").sum())
        hint = f"planted on purpose; {flagged - caught:,} of {flagged:,} flagged train rows carry none"
        tiles.append(Tile("Planted errors flagged", f"{caught:,} of {int(planted.sum()):,}", hint))
    if audit.by_truth is not None:
        found = audit.by_truth
        recall = "not measured" if found.recall is None else format_share(found.recall)
        tiles.append(Tile("Wrong labels flagged", recall, f"true labels are {describe_truth(found)}"))
    return tiles


def _tile_rate(label: str, count: int, n_rows: int, among: str, *, limit: float) -> Tile:
    share = count / max(n_rows, 1)
    tone: Tone = "warn" if share > limit else "good"
    return Tile(label, f"{count:,}", f"{format_share(share)} of {among}; limit {format_share(limit)}", tone)


def _tile_order(audit: TabularAudit) -> Tile:
    if not audit.has_run("non_iid"):
        return Tile("Order of the rows", "not run", "the reason is below")
    p_value, limit = audit.score("non_iid"), audit.dataset.gates.non_iid_p_value
    if limit == 0:
        return Tile("Order of the rows", f"p {audit.p_value()}", "no limit: the rows of this dataset are ordered")
    hint = f"p {audit.p_value()}; limit {format_number(limit)}"
    if p_value < limit:
        return Tile("Order of the rows", "not iid", hint, "warn")
    return Tile("Order of the rows", "no pattern", hint, "good")


def _note_planted_errors(audit: TabularAudit) -> list[str]:
    if "planted_error" not in audit.rows:
        return []
    planted = int(audit.rows["planted_error"].fillna(value=False).sum())
    note = (
        f"Labels were deliberately corrupted for evaluation: {planted:,} of the {len(audit.rows):,} train rows carry a "
        "planted error, and no other row does. Counts in this report describe the corrupted labels, not the source."
    )
    return [note]


def _write_badge(audit: TabularAudit, issue_type: str, n_flagged: int) -> str:
    if issue_type == "non_iid":
        return f"p {audit.p_value()}"
    if issue_type == "null" and not n_flagged and audit.is_finding(issue_type):
        return format_share(1 - audit.score(issue_type))
    return f"{n_flagged:,}" if n_flagged else "none"


def _tile_issue(audit: TabularAudit, issue_type: str, n_flagged: int) -> list[Tile]:
    if issue_type == "non_iid":
        return [Tile("p-value", audit.p_value().removeprefix("= "), "low means that the order carries information")]
    share, score = format_share(n_flagged / max(len(audit.rows), 1)), audit.score(issue_type)
    among = f"all rows ({say_by_split(count_by_split(audit.rows))})" if issue_type == "label" else "the train rows"
    tiles = [Tile("Flagged rows", f"{n_flagged:,}", f"{share} of {among}")]
    if issue_type == "data_valuation":
        return tiles
    if issue_type == "null":
        return [*tiles, Tile("Values that are missing", format_share(1 - score), "of all feature values")]
    tiles.append(Tile("Score of the dataset", format_number(score), "0 is worst, 1 is best"))
    if issue_type == "near_duplicate" and len(audit.duplicate_sets):
        sets = audit.duplicate_sets.groupby("duplicate_set")
        conflicts = int(sets["given_label"].nunique().gt(1).sum())
        is_copy = (audit.duplicate_sets["distance"] == 0) & ~audit.duplicate_sets["keep"].astype(bool)
        tiles += [
            Tile("Sets", f"{sets.ngroups:,}", f"{len(audit.duplicate_sets):,} rows, {is_copy.sum():,} exact copies"),
            Tile("Sets with differing labels", f"{conflicts:,}", "they come first in the table"),
        ]
    return tiles


def _plot_scores(audit: TabularAudit, issue_type: str, text: IssueText, n_flagged: int) -> list[Figure]:
    if not n_flagged or issue_type in NOT_ABOUT_SINGLE_ROWS:
        return []
    scores = audit.rows[f"{issue_type}_score"].to_numpy(dtype=np.float64, na_value=np.nan)
    finite = scores[np.isfinite(scores)]
    if finite.size == 0 or finite.min() == finite.max():
        return []
    flags = audit.flags(issue_type).to_numpy()
    if issue_type == "label":
        png = plot_label_quality(scores, flags)
    else:
        png = plot_score_distribution(scores, flags, text.score_name, text.score_scale)
    median, lowest = format_column(pd.Series([np.median(finite), finite.min()]))
    alt = (
        f"Histogram of the {text.score_name} of {len(scores):,} rows: median {median}, lowest {lowest}; "
        f"{n_flagged:,} rows are flagged."
    )
    return [Figure(f"How the {text.score_name} is distributed", png, alt)]


def _tabulate_issue(audit: TabularAudit, issue_type: str) -> list[Table]:
    if issue_type == "near_duplicate" and len(audit.duplicate_sets):
        return [_tabulate_duplicates(audit)]
    tables = []
    if issue_type == "null":
        missing = count_missing_values(audit.rows, audit.features)
        caption = "Most missing values first."
        tables.append(Table("Features with gaps", missing, caption, max_rows=audit.top_rows, shares={"share"}))
    if issue_type not in NOT_ABOUT_SINGLE_ROWS and audit.flags(issue_type).any():
        ranked = rank_flagged_rows(audit.rows, issue_type, audit.features, audit.leading)
        tables.append(tabulate_flagged_rows(audit, ranked, ["null_score"] if issue_type == "null" else ()))
    return tables


def _tabulate_duplicates(audit: TabularAudit) -> Table:
    arranged = arrange_duplicate_sets(audit.duplicate_sets, audit.rows, audit.features, audit.top_rows, audit.leading)
    is_numeric = pd.api.types.is_numeric_dtype(audit.duplicate_sets["given_label"])
    first = "Sets whose labels lie farthest apart first" if is_numeric else "Sets with differing labels first"
    return Table(
        "Sets of near duplicates",
        arranged,
        f"{first}, then larger sets. The highlighted row of a set is the one to keep.",
        highlight="keep",
        max_rows=len(arranged),
        total_rows=len(audit.duplicate_sets),
        full_table=audit.full_table,
        group="duplicate_set",
        n_features=len(audit.features) - len(audit.leading),
    )


def _list_issue_rates(audit: TabularAudit) -> list[Section]:
    """List how often labels are flagged in each part of the rows, if there are parts."""
    if audit.issue_rates is None or audit.issue_rates.empty:
        return []
    tables = [
        Table(
            str(column),
            found.drop(columns="column"),
            "The highest rate first; low and high bound its 95 % interval (Wilson).",
            shares=("rate", "low", "high"),
        )
        for column, found in audit.issue_rates.groupby("column", sort=False)
    ]
    return [
        Section(
            key="issue_rates",
            title="Label issues by part of the rows",
            explanation="How many labels are flagged by who labelled the row, where it comes from, or another column. "
            "Rates whose intervals do not overlap differ beyond chance.",
            tables=tables,
        )
    ]


def _list_suggested_labels(audit: TabularAudit) -> list[Section]:
    """List the rows of the source without a label, if there are any."""
    if audit.suggested_labels is None or audit.suggested_labels.empty:
        return []
    n_rows = len(audit.suggested_labels)
    return [
        Section(
            key="unlabelled",
            title="Rows without a label",
            explanation=f"{n_rows:,} rows of the source have no label. They were not audited and nothing was learned "
            "from them; a model of all train rows suggests a label for each.",
            badge=f"{n_rows:,}",
            tables=[
                Table(
                    "Suggested labels",
                    audit.suggested_labels,
                    "Surest first where the label is a class.",
                    max_rows=audit.top_rows,
                    full_table="suggested_labels of the artifacts",
                )
            ],
        )
    ]


def _list_not_run(not_run: pd.DataFrame) -> Section:
    explanation = (
        "These issue types were not checked, so this report says nothing about them."
        if len(not_run)
        else "Every issue type ran."
    )
    table = Table("Issue types that did not run", not_run, max_rows=len(not_run))
    return Section(
        key="not_run",
        title="What did not run",
        explanation=explanation,
        badge=f"{len(not_run):,}" if len(not_run) else "",
        tables=[table] if len(not_run) else [],
    )
