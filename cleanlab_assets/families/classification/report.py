"""The audit report of a classification dataset: what was found, the rows that show it, and what did not run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.families.step import Page, PlainTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.class_labels import describe_class_audit
from cleanlab_assets.families.tables.report import (
    AuditResults,
    TabularAudit,
    assemble_report,
    build_issue_section,
    join_tabular_audit,
    list_issue_types,
)
from cleanlab_assets.families.tables.steps import store_report
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.issue_evidence import (
    compare_group,
    count_classes,
    count_label_pairs,
    describe_blocks,
    tabulate_label_pairs,
)
from cleanlab_assets.reports.issue_texts import ISSUE_TEXTS
from cleanlab_assets.reports.plots import plot_class_balance, plot_noise_matrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.tables.class_labels import ClassLabelIssuesTable
    from cleanlab_assets.families.tables.steps import DatalabTable, FlaggedCasesTable

FEATURES_THAT_SET_A_GROUP_APART = 8
SMALLEST_MATRIX = 3
MOST_LABEL_PAIRS = 10


@step(storage="html", code_version="7", value=str, shows_catalogue=True)
def datalab_report(
    context: StepContext,
    training_set: TrainingSetTable,
    label_issues: ClassLabelIssuesTable,
    detection_power: DetectionResult,
    datalab_issues: DatalabTable,
    datalab_summary: PlainTable,
    duplicate_sets: PlainTable,
    flagged_cases: FlaggedCasesTable,
    suggested_labels: PlainTable,
) -> Page:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    full_table = f"label_issues and {context.path_of('datalab_issues')}"
    results = AuditResults.of(
        context,
        training_set,
        label_issues,
        datalab_issues,
        datalab_summary,
        duplicate_sets,
        flagged_cases,
        suggested_labels=suggested_labels,
        full_table=full_table,
    )
    report = build_classification_report(results, describe_class_audit(label_issues.facts))
    return store_report(report, datalab_summary, detection_power)


def build_classification_report(results: AuditResults, about_audit: Mapping[str, str]) -> Report:
    """Build the audit report of one dataset and model: the labels of all rows, other issues of the train rows.

    Args:
        results: What the audit found.
        about_audit: How labels were judged, in words by name.

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: see ``join_tabular_audit``.
    """
    audit = join_tabular_audit(results, prediction="predicted_label", texts=ISSUE_TEXTS)
    shown = [name for name in list_issue_types(audit) if audit.has_run(name) or name == "class_imbalance"]
    return assemble_report(
        audit,
        tiles_about_labels=[_tile_rarest_class(audit)],
        sections=[_build_section(audit, name, about_audit) for name in shown],
    )


def _tile_rarest_class(audit: TabularAudit) -> Tile:
    classes = count_classes(audit.rows, audit.dataset.class_names)
    rarest = classes.loc[classes["rows"].idxmin()]
    limit = audit.dataset.gates.rarest_class_share
    tone: Tone = "warn" if rarest["share"] < limit else "good"
    hint = f"class {rarest['given_label']}: {rarest['rows']:,} rows; limit {format_share(limit)}"
    return Tile("Share of the rarest class", format_share(float(rarest["share"])), hint, tone)


def _build_section(audit: TabularAudit, issue_type: str, about_audit: Mapping[str, str]) -> Section:
    if issue_type == "class_imbalance":
        return _build_class_balance(audit)
    if issue_type == "label":
        audit = audit.about_labels
    section = build_issue_section(audit, issue_type)
    if issue_type == "label":
        section = replace(section, facts=dict(about_audit))
    if not audit.is_finding(issue_type):
        return section
    tabulate = {"label": _tabulate_label_pairs, "underperforming_group": _tabulate_group, "non_iid": _tabulate_blocks}
    tables = tabulate[issue_type](audit) if issue_type in tabulate else []
    figures = _plot_label_pairs(audit) if issue_type == "label" else []
    return replace(section, figures=[*section.figures, *figures], tables=[*tables, *section.tables])


def _build_class_balance(audit: TabularAudit) -> Section:
    """Build the section of the classes, which is shown whether imbalance was looked for or not."""
    classes = count_classes(audit.rows, audit.dataset.class_names)
    rarest = classes.loc[classes["rows"].idxmin()]
    smallest = f"{rarest['given_label']} with {rarest['rows']:,} rows"
    png = plot_class_balance(classes.set_index("given_label")["rows"])
    figure = Figure("Rows per class", png, f"Bar chart of {len(classes)} classes; the smallest is {smallest}.")
    caption = "The train rows, in the order of the catalogue. Likely label errors are also a share of their class."
    table = Table(
        "Classes",
        classes.rename(columns={"share": "share_of_rows"}),
        caption,
        max_rows=max(100, len(audit.dataset.class_names)),
        shares={"share_of_rows", "share_of_class"},
    )
    if not audit.has_run("class_imbalance"):
        text = audit.texts["class_imbalance"]
        return Section(
            key="class_balance", title=text.title, explanation=text.meaning, figures=[figure], tables=[table]
        )
    section = build_issue_section(audit, "class_imbalance")
    share = format_share(audit.score("class_imbalance"))
    tile = Tile("Share of the rarest class", share, "flagged only where it is far below an even share")
    return replace(section, tiles=[section.tiles[0], tile], figures=[figure], tables=[table])


def _plot_label_pairs(audit: TabularAudit) -> list[Figure]:
    if len(audit.dataset.class_names) < SMALLEST_MATRIX:
        return []
    matrix = tabulate_label_pairs(audit.rows, audit.dataset.class_names)
    alt = "Heat map of the flagged rows by given and suggested label; the table of label pairs has the same numbers."
    return [Figure("Which labels are in doubt", plot_noise_matrix(matrix), alt)]


def _tabulate_label_pairs(audit: TabularAudit) -> list[Table]:
    pairs, caption = count_label_pairs(audit.rows), "Flagged rows by label, most frequent first."
    return [Table("Label pairs in doubt", pairs, caption, max_rows=MOST_LABEL_PAIRS, shares={"share_of_flagged"})]


def _tabulate_blocks(audit: TabularAudit) -> list[Table]:
    caption = "Equal blocks in source order. A share that climbs or falls from block to block is drift."
    blocks = describe_blocks(audit.rows, audit.dataset.class_names)
    shares = {str(name) for name in blocks.columns if str(name).startswith("share of ")}
    return [Table("The source from top to bottom", blocks, caption, shares=shares)]


def _tabulate_group(audit: TabularAudit) -> list[Table]:
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
