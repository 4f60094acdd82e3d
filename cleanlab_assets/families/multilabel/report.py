"""The audit report of a multi-label dataset: which labels are missing or extra, and the rows that show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.families.label_issues import describe_ranking
from cleanlab_assets.families.step import Page, PlainTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.class_labels import describe_bracket, describe_counts
from cleanlab_assets.families.tables.report import (
    AuditResults,
    TabularAudit,
    assemble_report,
    build_issue_section,
    join_tabular_audit,
    list_issue_types,
)
from cleanlab_assets.families.tables.steps import store_report
from cleanlab_assets.methods.detection_power import to_power_table
from cleanlab_assets.reports.formatting import NO_CLASS, format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.issue_texts import MULTILABEL_TEXTS
from cleanlab_assets.reports.plots import plot_class_balance

if TYPE_CHECKING:
    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.multilabel.issues import LabelSetIssuesFacts, LabelSetIssuesTable
    from cleanlab_assets.families.tables.steps import DatalabTable, FlaggedCasesTable


def build_multilabel_report(results: AuditResults, judged: LabelSetIssuesFacts) -> Report:
    """Build the audit report of one dataset and model: the labels of all rows, other issues of the train rows.

    Args:
        results: What the audit found; the label issues also say which classes are missing or extra.
        judged: How they were judged, and what was found of each class.

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: see ``join_tabular_audit``.
    """
    about_labels = ("missing_labels", "extra_labels")
    audit = join_tabular_audit(results, prediction="predicted_label", texts=MULTILABEL_TEXTS, about_labels=about_labels)
    classes = judged.class_table()
    readable = replace(audit, rows=_name_empty_sets(audit.rows), audited=_name_empty_sets(audit.audited))
    own = {
        "label": lambda: _build_label_section(readable.about_labels, judged, classes),
        "class_balance": lambda: _build_class_balance(audit.about_labels, classes),
    }
    return assemble_report(
        audit,
        tiles_about_labels=[_tile_rarest_class(audit, classes)],
        sections=[
            own[name]() if name in own else build_issue_section(readable, name)
            for name in list_issue_types(audit)
            if audit.has_run(name) or name in own
        ],
    )


def _name_empty_sets(rows: pd.DataFrame) -> pd.DataFrame:
    named = ("given_label", "suggested_label", "predicted_label")
    return rows.assign(**{name: rows[name].replace("", NO_CLASS) for name in named})


def _tile_rarest_class(audit: TabularAudit, classes: pd.DataFrame) -> Tile:
    rarest = classes.loc[classes["n_rows"].idxmin()]
    share, limit = float(rarest["n_rows"]) / max(len(audit.audited), 1), audit.dataset.gates.rarest_class_share
    tone: Tone = "warn" if share < limit else "good"
    hint = f"class {rarest['class_name']}: {rarest['n_rows']:,} rows; limit {format_share(limit)}"
    return Tile("Share of the rarest class", format_share(share), hint, tone)


def _build_label_section(audit: TabularAudit, judged: LabelSetIssuesFacts, classes: pd.DataFrame) -> Section:
    section = build_issue_section(audit, "label")
    n_missing, n_extra = int(classes["n_missing"].sum()), int(classes["n_extra"].sum())
    tiles = [
        section.tiles[0],
        Tile("Labels that are likely missing", f"{n_missing:,}", "classes that the model finds and the label lacks"),
        Tile("Labels that are likely extra", f"{n_extra:,}", "classes of the label that the model does not find"),
    ]
    flag_rate = float(audit.flags("label").mean())
    calibration = pd.DataFrame(
        {
            "probabilities": ["as the model gives them", f"calibrated out of fold ({judged.calibration_method})"],
            "calibration error": [judged.uncalibrated_error, judged.calibration_error],
            "flagged rows": [judged.uncalibrated_flag_rate, flag_rate],
        }
    )
    tables = [
        Table(
            "Classes in doubt",
            classes.drop(columns="mean_quality").rename(
                columns={
                    "class_name": "class",
                    "n_rows": "rows with it",
                    "n_missing": "likely missing",
                    "n_extra": "likely extra",
                    "missing_share": "missing share",
                    "extra_share": "extra share",
                    "roc_auc": "ROC AUC",
                }
            ),
            "Where labels likely lack a class, as a share of the rows without it, and where they likely name it in "
            "error, as a share of the rows with it. The ROC AUC says how well the model knows the class: flags of a "
            "class that it hardly knows mean little.",
            max_rows=max(100, len(classes)),
            shares={"missing share", "extra share"},
        ),
        Table(
            "Before and after calibration",
            calibration,
            "The calibration error is the mean gap between a probability and the observed frequency. "
            + _compare_flag_rates(judged.uncalibrated_flag_rate, flag_rate),
            shares={"flagged rows"},
        ),
    ]
    if judged.planted is not None and judged.planted.by_kind:
        words = {
            "n_planted": "planted",
            "average_precision": "average precision",
            "auroc": "AUROC",
            "recall": "flagged",
        }
        kinds = to_power_table(judged.planted.by_kind).rename(columns=words)
        tables.append(
            Table(
                "Planted errors by kind",
                kinds,
                "How well each kind is separated from rows without a planted error; chance is the average precision of "
                "a random ranking.",
                shares={"flagged"},
            )
        )
    return replace(
        section,
        tiles=tiles,
        tables=[*tables, *section.tables],
        facts={
            "Rule of the flags": judged.flag_rule,
            "Train rows that each rule would flag": describe_counts(judged.flags_by_rule),
            **describe_bracket(judged),
            "Quality of a class of a row": f"{judged.quality_method}{describe_ranking(judged.classes_judged_by)}",
            "Quality of a row": f"{judged.aggregation} of its classes{describe_ranking(judged.ranked_by)}",
        },
    )


def _compare_flag_rates(before: float, after: float) -> str:
    """Say what calibration did to the share of flagged rows: timid models are flagged more after it, others less."""
    if after == before:
        return "Calibration left the share of flagged rows as it was."
    verb = "lowered" if after < before else "raised"
    return f"Calibration {verb} the share of flagged rows from {format_share(before)} to {format_share(after)}."


def _build_class_balance(audit: TabularAudit, classes: pd.DataFrame) -> Section:
    text = audit.texts["class_balance"]
    counts = classes.set_index("class_name")["n_rows"]
    named = audit.rows["given_label"].map(audit.dataset.split_label)
    sizes = named.map(len)
    png = plot_class_balance(counts)
    sets = audit.rows["given_label"].value_counts().rename_axis("label").rename("rows").reset_index()
    sets["label"] = sets["label"].replace("", NO_CLASS)
    sets["share"] = sets["rows"] / max(len(audit.rows), 1)
    return Section(
        key="class_balance",
        title=text.title,
        explanation=text.meaning,
        tiles=[
            Tile("Classes of a row", format_number(float(sizes.mean())), f"on average; {int(sizes.max())} at most"),
            Tile("Rows without a class", f"{int((sizes == 0).sum()):,}", "a label of its own, audited like the others"),
            Tile("Different labels", f"{len(sets):,}", "combinations of classes that occur"),
        ],
        figures=[Figure("Rows per class", png, f"Bar chart of {len(counts)} classes, from {counts.min():,} rows.")],
        tables=[Table("Combinations of classes", sets, "Most frequent first.", max_rows=15, shares={"share"})],
    )


@step(storage="html", code_version="8", value=str, shows_catalogue=True)
def datalab_report(
    context: StepContext,
    training_set: TrainingSetTable,
    label_issues: LabelSetIssuesTable,
    detection_power: DetectionResult,
    datalab_issues: DatalabTable,
    datalab_summary: PlainTable,
    duplicate_sets: PlainTable,
    flagged_cases: FlaggedCasesTable,
) -> Page:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    full_table = context.path_of("label_issues")
    results = AuditResults.of(
        context,
        training_set,
        label_issues,
        datalab_issues,
        datalab_summary,
        duplicate_sets,
        flagged_cases,
        full_table=full_table,
    )
    return store_report(build_multilabel_report(results, label_issues.facts), datalab_summary, detection_power)
