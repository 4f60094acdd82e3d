"""The audit report of a classification dataset: what was found, the rows that show it, and what did not run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.reports.formatting import format_column, format_number, format_p_value, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.issue_evidence import (
    arrange_duplicate_sets,
    compare_group,
    count_classes,
    count_label_pairs,
    count_missing_values,
    describe_blocks,
    find_flags,
    join_audited_rows,
    rank_flagged_rows,
    require_columns,
    tabulate_label_pairs,
)
from cleanlab_assets.reports.issue_texts import ISSUE_TEXTS, get_issue_text
from cleanlab_assets.reports.plots import (
    plot_class_balance,
    plot_label_quality,
    plot_noise_matrix,
    plot_score_distribution,
)
from cleanlab_assets.reports.settings import list_settings, merge_facts, read_permutations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.catalogue import Dataset

FEATURES_THAT_SET_A_GROUP_APART = 8
SMALLEST_MATRIX = 3
MOST_LABEL_PAIRS = 10

NOT_ABOUT_SINGLE_ROWS = frozenset({"class_imbalance", "identifier_column", "non_iid"})
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
class _Audit:
    """The inputs of the report, checked and joined."""

    dataset: Dataset
    rows: pd.DataFrame
    features: Sequence[str]
    summary: Mapping[str, Mapping[str, Any]]
    duplicate_sets: pd.DataFrame
    top_rows: int
    full_table: str

    def has_run(self, issue_type: str) -> bool:
        return issue_type in self.summary

    def score(self, issue_type: str) -> float:
        return float(self.summary[issue_type]["score"])

    def flags(self, issue_type: str) -> pd.Series[bool]:
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
        if issue_type in {"identifier_column", "null"} and self.score(issue_type) < 1:
            return True
        return bool(self.flags(issue_type).any())


def build_classification_report(
    *,
    dataset: Dataset,
    model: str,
    training_set: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
    facts: Mapping[str, object],
    top_rows: int = 25,
    full_table: str = "",
) -> Report:
    """Build the audit report of one dataset and model. Only the train rows are audited.

    Args:
        dataset: The catalogue entry; its gates decide which tiles ask for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        training_set: ``row_id`` (unique), ``given_label``, ``split``, ``fold``, features, and ``planted_error`` with
            ``true_label`` where labels were corrupted on purpose.
        datalab_issues: One row per train row in source order: ``row_id``, ``given_label``, ``predicted_label``,
            ``is_<type>_issue`` and ``<type>_score`` of every type that ran, ``nearest_neighbor``,
            ``distance_to_nearest_neighbor`` and ``duplicate_set``.
        datalab_summary: One row per issue type: ``issue_type``, ``description``, ``score``, ``n_issues``, ``share``,
            ``metric``, ``k``, ``parameters`` (JSON), ``status`` (``ran`` or ``not run``) and ``reason``.
        duplicate_sets: ``duplicate_set``, ``row_id``, ``given_label``, ``label_quality``, ``keep``, ``reason`` and
            ``distance``, one row per row of a set.
        facts: How the audit was made, for the last section of the report. A mapping is written in words; a fact that
            the report states anyway, such as ``model``, is left out.
        top_rows: Most rows of an evidence table.
        full_table: Where the table with every row lies, in words; said where a table is cut.

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: a table lacks a column or a status is unknown, or the findings are not about exactly the train rows.
    """
    require_columns("datalab_summary", datalab_summary, SUMMARY_COLUMNS)
    require_columns("duplicate_sets", duplicate_sets, DUPLICATE_COLUMNS)
    unknown = sorted(set(datalab_summary["status"]) - {"ran", "not run"})
    if unknown:
        raise ValueError(f"unknown status {unknown} in datalab_summary: expected 'ran' or 'not run'")
    rows, features = join_audited_rows(training_set, datalab_issues)
    ran = {
        str(record["issue_type"]): {str(name): value for name, value in record.items()}
        for record in datalab_summary.to_dict("records")
        if record["status"] == "ran"
    }
    for issue_type in ran:
        require_columns("datalab_issues", datalab_issues, (f"is_{issue_type}_issue", f"{issue_type}_score"))
    audit = _Audit(
        dataset=dataset,
        rows=rows,
        features=features,
        summary=ran,
        duplicate_sets=duplicate_sets,
        top_rows=top_rows,
        full_table=full_table,
    )
    order = [*ISSUE_TEXTS, *(name for name in ran if name not in ISSUE_TEXTS)]
    order.sort(key=lambda name: not audit.is_finding(name))
    sections = [_build_section(audit, name) for name in order if audit.has_run(name) or name == "class_imbalance"]
    about = {
        "Dataset": f"{dataset.title} ({dataset.name})",
        "Source": dataset.homepage,
        "Licence": dataset.licence,
        "Citation": dataset.citation,
        "Model": model,
    }
    return Report(
        title=f"{dataset.title}: data audit",
        subtitle=f"{dataset.description} Audited with the out-of-sample predictions of {model}.",
        tiles=_build_tiles(audit),
        notes=_note_planted_errors(audit),
        sections=[*sections, _list_not_run(datalab_summary)],
        facts=merge_facts(about, facts),
    )


def _build_tiles(audit: _Audit) -> list[Tile]:
    gates = audit.dataset.gates
    tiles = [Tile("Rows audited", f"{len(audit.rows):,}", f"{len(audit.features):,} features")]
    limits = (
        ("label", "Likely label errors", gates.label_issue_rate),
        ("outlier", "Outliers", gates.outlier_rate),
        ("near_duplicate", "Rows in near-duplicate sets", gates.near_duplicate_rate),
    )
    for issue_type, label, limit in limits:
        if not audit.has_run(issue_type):
            tiles.append(Tile(label, "not run", "the reason is below", "warn" if issue_type == "label" else "neutral"))
            continue
        if issue_type == "near_duplicate" and len(audit.duplicate_sets):
            count = int(audit.duplicate_sets["row_id"].nunique())
        else:
            count = int(audit.flags(issue_type).sum())
        share = count / max(len(audit.rows), 1)
        tone: Tone = "warn" if share > limit else "good"
        tiles.append(Tile(label, f"{count:,}", f"{format_share(share)} of the rows; limit {format_share(limit)}", tone))
    tiles += [_tile_order(audit), _tile_rarest_class(audit)]
    if "planted_error" in audit.rows and audit.has_run("label"):
        planted = audit.rows["planted_error"].fillna(value=False).astype(bool)
        caught, flagged = int((planted & audit.flags("label")).sum()), int(audit.flags("label").sum())
        hint = f"planted on purpose; {flagged - caught:,} of {flagged:,} flags are on other rows"
        tiles.append(Tile("Planted errors flagged", f"{caught:,} of {int(planted.sum()):,}", hint))
    return tiles


def _tile_order(audit: _Audit) -> Tile:
    if not audit.has_run("non_iid"):
        return Tile("Order of the rows", "not run", "the reason is below")
    p_value, limit = audit.score("non_iid"), audit.dataset.gates.non_iid_p_value
    hint = f"p {audit.p_value()}; limit {format_number(limit)}"
    if p_value < limit:
        return Tile("Order of the rows", "not iid", hint, "warn")
    return Tile("Order of the rows", "no pattern", hint, "good")


def _tile_rarest_class(audit: _Audit) -> Tile:
    classes = count_classes(audit.rows, audit.dataset.class_names)
    rarest = classes.loc[classes["rows"].idxmin()]
    limit = audit.dataset.gates.rarest_class_share
    tone: Tone = "warn" if rarest["share"] < limit else "good"
    hint = f"class {rarest['given_label']}: {rarest['rows']:,} rows; limit {format_share(limit)}"
    return Tile("Share of the rarest class", format_share(float(rarest["share"])), hint, tone)


def _note_planted_errors(audit: _Audit) -> list[str]:
    if "planted_error" not in audit.rows:
        return []
    planted = int(audit.rows["planted_error"].fillna(value=False).sum())
    note = (
        f"Labels were deliberately corrupted for evaluation: {planted:,} of the {len(audit.rows):,} audited rows carry "
        "a planted error. Counts in this report describe the corrupted labels, not the source."
    )
    return [note]


def _build_section(audit: _Audit, issue_type: str) -> Section:
    has_run, is_finding = audit.has_run(issue_type), audit.is_finding(issue_type)
    text = get_issue_text(issue_type, audit.summary[issue_type]["description"] if has_run else "")
    n_flagged = int(audit.flags(issue_type).sum()) if has_run else 0
    return Section(
        key=issue_type if has_run else "class_balance",
        title=text.title,
        explanation=text.meaning,
        advice={"Why it matters": text.why, "What to do": text.action} if is_finding else {},
        badge=_write_badge(audit, issue_type, n_flagged),
        tiles=_tile_issue(audit, issue_type, n_flagged) if has_run else (),
        figures=_plot_issue(audit, issue_type, n_flagged),
        tables=_tabulate_issue(audit, issue_type),
        facts=list_settings(audit.summary[issue_type]) if has_run else {},
    )


def _write_badge(audit: _Audit, issue_type: str, n_flagged: int) -> str:
    if not audit.has_run(issue_type):
        return ""
    if issue_type == "non_iid":
        return f"p {audit.p_value()}"
    if issue_type == "identifier_column" and audit.is_finding(issue_type):
        return "found"
    if issue_type == "null" and not n_flagged and audit.is_finding(issue_type):
        return format_share(1 - audit.score(issue_type))
    return f"{n_flagged:,}" if n_flagged else "none"


def _tile_issue(audit: _Audit, issue_type: str, n_flagged: int) -> list[Tile]:
    score = audit.score(issue_type)
    if issue_type == "identifier_column":
        return [Tile("Identifier columns", "found" if score < 1 else "none", "in the features that a model sees")]
    if issue_type == "non_iid":
        return [Tile("p-value", audit.p_value().removeprefix("= "), "low means that the order carries information")]
    share = format_share(n_flagged / max(len(audit.rows), 1))
    of_dataset = {
        "class_imbalance": Tile(
            "Share of the rarest class", format_share(score), "flagged only where it is far below an even share"
        ),
        "null": Tile("Values that are missing", format_share(1 - score), "of all feature values"),
    }.get(issue_type, Tile("Score of the dataset", format_number(score), "0 is worst, 1 is best"))
    tiles = [Tile("Flagged rows", f"{n_flagged:,}", f"{share} of the rows"), of_dataset]
    if issue_type == "data_valuation":
        return tiles[:1]
    if issue_type == "near_duplicate" and len(audit.duplicate_sets):
        sets = audit.duplicate_sets.groupby("duplicate_set")
        conflicts = int(sets["given_label"].nunique().gt(1).sum())
        is_copy = (audit.duplicate_sets["distance"] == 0) & ~audit.duplicate_sets["keep"].astype(bool)
        tiles += [
            Tile("Sets", f"{sets.ngroups:,}", f"{len(audit.duplicate_sets):,} rows, {is_copy.sum():,} exact copies"),
            Tile("Sets with differing labels", f"{conflicts:,}", "they come first in the table"),
        ]
    return tiles


def _plot_issue(audit: _Audit, issue_type: str, n_flagged: int) -> list[Figure]:
    if issue_type == "class_imbalance":
        classes = count_classes(audit.rows, audit.dataset.class_names)
        png = plot_class_balance(classes.set_index("given_label")["rows"])
        rarest = classes.loc[classes["rows"].idxmin()]
        smallest = f"{rarest['given_label']} with {rarest['rows']:,} rows"
        alt = f"Bar chart of {len(classes)} classes; the smallest is {smallest}."
        return [Figure("Rows per class", png, alt)]
    if not n_flagged:
        return []
    scores = audit.rows[f"{issue_type}_score"].to_numpy(dtype=np.float64, na_value=np.nan)
    finite = scores[np.isfinite(scores)]
    if issue_type in NOT_ABOUT_SINGLE_ROWS or finite.size == 0 or finite.min() == finite.max():
        return []
    flags = audit.flags(issue_type).to_numpy()
    text = get_issue_text(issue_type, "")
    is_label = issue_type == "label"
    if is_label:
        png = plot_label_quality(scores, flags)
    else:
        png = plot_score_distribution(scores, flags, text.score_name, text.score_scale)
    median, lowest = format_column(pd.Series([np.median(finite), finite.min()]))
    alt = (
        f"Histogram of the {text.score_name} of {len(scores):,} rows: median {median}, lowest {lowest}; "
        f"{n_flagged:,} rows are flagged."
    )
    figures = [Figure(f"How the {text.score_name} is distributed", png, alt)]
    if is_label and n_flagged and len(audit.dataset.class_names) >= SMALLEST_MATRIX:
        matrix = tabulate_label_pairs(audit.rows, audit.dataset.class_names)
        alt = (
            "Heat map of the flagged rows by given and predicted label; the table of label pairs has the same numbers."
        )
        figures.append(Figure("Which labels are in doubt", plot_noise_matrix(matrix), alt))
    return figures


def _tabulate_issue(audit: _Audit, issue_type: str) -> list[Table]:
    rows, names = audit.rows, audit.dataset.class_names
    if issue_type == "class_imbalance":
        classes = count_classes(rows, names).rename(columns={"share": "share_of_rows"})
        caption = "In the order of the catalogue."
        if "share_of_class" in classes:
            caption += " Likely label errors are counted and given as a share of their class."
        shares = {"share_of_rows", "share_of_class"}
        return [Table("Classes", classes, caption, max_rows=max(100, len(names)), shares=shares)]
    if not audit.is_finding(issue_type):
        return []
    tables: list[Table] = []
    if issue_type == "label":
        pairs, caption = count_label_pairs(rows), "Flagged rows by label, most first."
        shares = {"share_of_flagged"}
        tables.append(Table("Label pairs in doubt", pairs, caption, max_rows=MOST_LABEL_PAIRS, shares=shares))
    elif issue_type == "near_duplicate" and len(audit.duplicate_sets):
        return [_tabulate_duplicates(audit)]
    elif issue_type == "underperforming_group":
        tables += _tabulate_group(audit)
    elif issue_type == "non_iid":
        caption = "Equal blocks in source order. A share that climbs or falls from block to block is drift."
        blocks = describe_blocks(rows, names)
        shares = {str(name) for name in blocks.columns if str(name).startswith("share of ")}
        tables.append(Table("The source from top to bottom", blocks, caption, shares=shares))
    elif issue_type == "null":
        missing = count_missing_values(rows, audit.features)
        caption = "Most missing values first."
        tables.append(Table("Features with gaps", missing, caption, max_rows=audit.top_rows, shares={"share"}))
    if issue_type not in NOT_ABOUT_SINGLE_ROWS and audit.flags(issue_type).any():
        tables.append(_tabulate_flagged_rows(audit, issue_type))
    return tables


def _tabulate_flagged_rows(audit: _Audit, issue_type: str) -> Table:
    caption = "Worst first; equal scores stay in source order."
    if audit.features:
        caption += " The shaded columns are the row's features; scroll sideways to see them all."
    return Table(
        "Flagged rows",
        rank_flagged_rows(audit.rows, issue_type, audit.features),
        caption,
        max_rows=audit.top_rows,
        full_table=audit.full_table,
        n_features=len(audit.features),
        shares={"null_score"} if issue_type == "null" else (),
    )


def _tabulate_duplicates(audit: _Audit) -> Table:
    arranged = arrange_duplicate_sets(audit.duplicate_sets, audit.rows, audit.features, audit.top_rows)
    return Table(
        "Sets of near duplicates",
        arranged,
        "Sets with differing labels first, then larger sets. The highlighted row of a set is the one to keep.",
        highlight="keep",
        max_rows=len(arranged),
        total_rows=len(audit.duplicate_sets),
        full_table=audit.full_table,
        group="duplicate_set",
        n_features=len(audit.features),
    )


def _tabulate_group(audit: _Audit) -> list[Table]:
    rows, in_group = audit.rows, audit.flags("underperforming_group")
    is_right = rows["given_label"].astype(str) == rows["predicted_label"].astype(str)
    parts = {"the group": in_group, "all other rows": ~in_group}
    summary = pd.DataFrame(
        {
            "part": list(parts),
            "rows": [int(part.sum()) for part in parts.values()],
            "predicted label is the given one": [float(is_right[part].mean()) for part in parts.values()],
        }
    )
    if audit.has_run("label"):
        summary["likely label errors"] = [float(audit.flags("label")[part].mean()) for part in parts.values()]
    apart = compare_group(rows, in_group, audit.features, FEATURES_THAT_SET_A_GROUP_APART)
    is_share = apart["measure"] == "share of rows"
    written = {
        name: [
            format_share(value) if share else format_number(value)
            for value, share in zip(apart[name], is_share, strict=True)
        ]
        for name in ("group", "others")
    }
    caption = "The difference is in standard deviations of the feature; the largest come first."
    return [
        Table("The group against the rest", summary, "Shares of the rows.", shares=set(summary.columns[2:])),
        Table("What sets the group apart", apart.assign(**written), caption),
    ]


def _list_not_run(summary: pd.DataFrame) -> Section:
    not_run = summary.loc[summary["status"] == "not run", ["issue_type", "reason"]]
    reasons = [reason if isinstance(reason, str) and reason else "no reason was given" for reason in not_run["reason"]]
    explanation = (
        "These issue types were not looked for. Nothing in this report speaks for or against them."
        if len(not_run)
        else "Every issue type ran."
    )
    table = Table("Issue types that did not run", not_run.assign(reason=reasons), max_rows=len(not_run))
    return Section(
        key="not_run",
        title="What did not run",
        explanation=explanation,
        badge=f"{len(not_run):,}" if len(not_run) else "",
        tables=[table] if len(not_run) else [],
    )
