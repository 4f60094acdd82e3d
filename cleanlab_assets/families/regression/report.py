"""The audit report of a regression dataset: what was found, the values to judge, and what did not run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.regression.plots import (
    plot_given_against_predicted,
    plot_quality_cuts,
    plot_residuals,
)
from cleanlab_assets.families.step import Page, PlainTable, StepContext, TrainingSetTable, step
from cleanlab_assets.families.tables.report import (
    AuditResults,
    TabularAudit,
    assemble_report,
    build_issue_section,
    join_tabular_audit,
    list_issue_types,
    tabulate_flagged_rows,
)
from cleanlab_assets.families.tables.steps import store_report
from cleanlab_assets.methods.detection_power import score_detection_power_by_kind, to_power_table
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile
from cleanlab_assets.reports.issue_evidence import (
    CUT_COLUMNS,
    compare_cuts,
    count_extreme_values,
    describe_numeric_blocks,
    find_flags,
    rank_suspect_values,
)
from cleanlab_assets.reports.issue_texts import REGRESSION_TEXTS
from cleanlab_assets.reports.label_plots import plot_label_distribution
from cleanlab_assets.reports.settings import list_settings, merge_facts, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.regression.issues import ValueLabelIssuesTable
    from cleanlab_assets.families.tables.steps import DatalabTable, FlaggedCasesTable

RULES = {"calibrated": "calibrated cut", "cleanlab": "cut of cleanlab"}
ABOUT_VALUES = ("predicted_value", "uncertainty", "residual")
DIGITS = 7
CLOSE_ENOUGH = 0.05


def build_regression_report(results: AuditResults, calibration: Mapping[str, object]) -> Report:
    """Build the report of a dataset with a numeric label and a model: values of all rows, other issues of train rows.

    Args:
        results: What the audit found. The label issues also have ``predicted_value``, ``uncertainty`` and ``residual``
            (given minus predicted value), and, where they are known, ``is_below_calibrated_cut``,
            ``is_below_cleanlab_cut`` and ``reason``.
        calibration: How rows are flagged, see ``compare_cuts``; ``by_kind`` lists how well the calibration found each
            kind of error (``kind``, ``n_planted``, ``average_precision``, ``auroc``, ``recall``, ``chance``).

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: see ``join_tabular_audit``.
    """
    audit = join_tabular_audit(results, prediction="predicted_value", texts=REGRESSION_TEXTS, about_labels=ABOUT_VALUES)
    notes = _note_other_flags(audit)
    own = {
        "label": lambda: replace(_build_label_section(audit.about_labels, calibration), notes=notes),
        "label_distribution": lambda: _build_label_distribution(audit),
        "non_iid": lambda: _describe_order(audit),
    }
    return assemble_report(
        audit,
        tiles_about_labels=[_tile_typical_label(audit)],
        sections=[
            own[name]() if name in own else build_issue_section(audit, name)
            for name in list_issue_types(audit)
            if audit.has_run(name) or name == "label_distribution"
        ],
    )


def say_rate(rate: float) -> str:
    """Say a rate above 0, up to 1, as a count of 100, 1,000 or 10,000, whichever is the first that is close.

    >>> say_rate(0.01), say_rate(0.012), say_rate(0.5), say_rate(0.00004)
    ('1 of 100', '12 of 1,000', '50 of 100', 'less than 1 of 10,000')
    """
    for base in (100, 1_000, 10_000):
        count = round(rate * base)
        if count and abs(rate * base - count) <= CLOSE_ENOUGH * count:
            return f"{count:,} of {base:,}"
    count = round(rate * base)
    return f"{count:,} of {base:,}" if count else f"less than 1 of {base:,}"


def _note_other_flags(audit: TabularAudit) -> list[str]:
    """Say where Datalab's own type of label issues tells something else of the train rows than the label issues."""
    own = audit.datalab_summary[audit.datalab_summary["issue_type"] == "label"]
    if not (own["status"] == "ran").any():
        return [f"Datalab's own check of the labels did not run: {reason}" for reason in own["reason"]]
    by_datalab, flags = find_flags(audit.datalab_issues, "label").to_numpy(), audit.flags("label").to_numpy()
    shown = [flags, *(audit.rows[name].to_numpy(dtype=bool) for name in CUT_COLUMNS if name in audit.rows)]
    if any(np.array_equal(by_datalab, known) for known in shown):
        return []
    return [
        f"Datalab's own check of the labels flags {by_datalab.sum():,} train rows; it differs from this report for "
        f"{(by_datalab != flags).sum():,} rows."
    ]


def _build_label_section(audit: TabularAudit, calibration: Mapping[str, object]) -> Section:
    text, flags = audit.texts["label"], audit.flags("label")
    n_flagged = int(flags.sum())
    cuts = compare_cuts(audit.rows, calibration)
    advice = _explain_cut(cuts, len(audit.rows))
    if n_flagged:
        advice |= {"Why it matters": text.why, "What to do": text.action}
    tables = _tabulate_rules(audit, cuts, calibration)
    if n_flagged:
        ranked = rank_suspect_values(audit.rows, audit.features, audit.leading)
        tables.append(tabulate_flagged_rows(audit, ranked))
    settings = {name: value for name, value in calibration.items() if not isinstance(value, list | tuple | dict)}
    return Section(
        key="label",
        title=text.title,
        explanation=text.meaning,
        advice=advice,
        badge=f"{n_flagged:,}" if n_flagged else "none",
        tiles=_tile_cuts(cuts, n_flagged, audit.rows),
        figures=_plot_labels(audit, cuts),
        tables=tables,
        facts=merge_facts(write_settings(settings), list_settings(audit.summary["label"])),
    )


def _explain_cut(cuts: pd.DataFrame, n_rows: int) -> dict[str, str]:
    """Say in plain words which cut decides and what is to be expected of its flags."""
    deciding = cuts[cuts["decides"]] if len(cuts) else cuts
    if deciding.empty:
        return {}
    cut = deciding.iloc[0]
    quality, rate, recall = (cut.get(name, np.nan) for name in ("cut", "false_flag_rate", "recall"))
    value = f", {format_number(quality)}" if np.isfinite(quality) else ""
    words = [f"Rows are flagged whose label quality is below the {RULES[cut['rule']]}{value}."]
    if rate == 0:
        words.append("The calibration found no right value below it.")
    elif np.isfinite(rate):
        words.append(
            f"The cut also flags about {say_rate(rate)} right values, which would be {round(rate * n_rows):,} if all "
            f"{n_rows:,} rows were right; {cut['flagged']:,} are flagged. That rate holds where the model fits: of a "
            "group of rows that it gets wrong, right values are flagged too."
        )
    if np.isfinite(recall):
        words.append(
            f"It finds {format_share(recall)} of the wrong values that were planted in a copy of the rows to measure "
            "it; the others are too close to what the model expects."
        )
    return {"What a flag means": " ".join(words)}


def _tile_cuts(cuts: pd.DataFrame, n_flagged: int, rows: pd.DataFrame) -> list[Tile]:
    share = f"{format_share(n_flagged / max(len(rows), 1))} of all rows ({say_by_split(count_by_split(rows))})"
    tiles = [Tile("Flagged rows", f"{n_flagged:,}", share)]
    for cut in cuts.to_dict("records"):
        quality, rate, recall = (cut.get(name, np.nan) for name in ("cut", "false_flag_rate", "recall"))
        below = f"label quality below {format_number(quality)}" if np.isfinite(quality) else ""
        if not cut["decides"]:
            tiles.append(Tile(f"Below the {RULES[cut['rule']]}", f"{cut['flagged']:,}", below))
            continue
        tiles[0] = replace(tiles[0], hint=f"{share}; {below}" if below else share)
        if np.isfinite(rate):
            tiles.append(Tile("Right values flagged too", format_share(rate), "estimated by the calibration"))
        if np.isfinite(recall):
            tiles.append(Tile("Wrong values found", format_share(recall), "of errors planted in a copy"))
    return tiles


def _tabulate_rules(audit: TabularAudit, cuts: pd.DataFrame, calibration: Mapping[str, object]) -> list[Table]:
    train, tables = train_rows(audit.rows), []
    if len(cuts):
        counted = "; planted_found and others_flagged are counted on the train rows, with the errors planted here"
        caption = (
            "The highlighted cut decides the flags. The share of right values below it (false_flag_rate) and of wrong "
            f"ones (recall) are estimates of the calibration{counted if 'planted_found' in cuts else ''}."
        )
        shares = set(cuts.columns) - {"rule", "cut", "decides", "flagged"}
        tables.append(Table("Where to cut", cuts, caption, highlight="decides", shares=shares))
    by_kind: Any = calibration.get("by_kind")
    if by_kind:
        caption = (
            "Measured on errors planted in a copy of the rows. Average precision (beside that of a random ranking, "
            "chance) and AUROC judge the ranking, recall the calibrated cut."
        )
        kinds = pd.DataFrame(by_kind)
        tables.append(Table("How well each kind of error is found", kinds, caption, shares={"recall"}))
    if "planted_kind" in train:
        flags = find_flags(train, "label")
        by_planted = flags.groupby(train["planted_kind"].astype("string"), sort=True)
        found = by_planted.agg(["size", "sum", "mean"]).reset_index()
        found.columns = pd.Index(["kind", "planted", "flagged", "share"])
        powers = score_detection_power_by_kind(
            train["label_quality"].to_numpy(), flags.to_numpy(), train["planted_kind"]
        )
        found = found.merge(to_power_table(powers)[["kind", "average_precision", "auroc", "chance"]], on="kind")
        caption = (
            "How many are flagged, and how well the ranking separates each kind from rows without a planted error; "
            "chance is the average precision of a random ranking."
        )
        tables.append(Table("Planted errors among these rows", found, caption, shares={"share"}))
    return tables


def _plot_labels(audit: TabularAudit, cuts: pd.DataFrame) -> list[Figure]:
    rows, flags, unit = audit.rows, audit.flags("label").to_numpy(), audit.dataset.label_domain.unit
    given, predicted, residual, quality = (
        rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("given_label", "predicted_value", "residual", "label_quality")
    )
    flagged = f"{int(flags.sum()):,} of {len(rows):,} rows are flagged"
    typical = format_number(float(np.nanmedian(np.abs(residual))))
    known = cuts.dropna(subset="cut") if "cut" in cuts else cuts.head(0)
    lines = {RULES[cut["rule"]]: cut["cut"] for cut in known.to_dict("records")}
    written = ", ".join(f"{name} at {format_number(cut)}" for name, cut in lines.items())
    return [
        Figure(
            "Given against predicted value",
            plot_given_against_predicted(given, predicted, flags, unit),
            f"Scatter plot of given against predicted value: half of the rows are within {typical} of the line on "
            f"which both are equal; {flagged} and drawn as crosses.",
        ),
        Figure(
            "Residual against predicted value",
            plot_residuals(predicted, residual, flags, unit),
            f"Scatter plot of the residual against the predicted value: the median distance from zero is {typical}; "
            f"{flagged} and drawn as crosses.",
        ),
        Figure(
            "How the label quality is distributed",
            plot_quality_cuts(quality, flags, lines),
            f"Histogram of the label quality: median {format_number(float(np.nanmedian(quality)))}; {flagged}"
            + (f"; vertical lines mark the {written}." if written else "."),
        ),
    ]


def _build_label_distribution(audit: TabularAudit) -> Section:
    text, values, domain = audit.texts["label_distribution"], audit.rows["given_label"], audit.dataset.label_domain
    extremes = count_extreme_values(values)
    spikes, flags = extremes[extremes["is_spike"]], audit.flags("label")
    low, median, high = (float(values.quantile(share)) for share in (0.25, 0.5, 0.75))
    written = extremes.assign(value=[_write_exactly(value) for value in extremes["value"]])
    smallest, largest = (written[written["what"] == what].iloc[0] for what in ("smallest", "largest"))
    half = f"the middle half lies between {format_number(low)} and {format_number(high)}"
    return Section(
        key="label_distribution",
        title=text.title,
        explanation=f"{text.meaning} Allowed are {domain}.",
        advice={"Why it matters": text.why, "What to do": text.action} if len(spikes) else {},
        badge=format_share(float(spikes["share"].sum())) if len(spikes) else "",
        notes=[
            f"{format_share(spike['share'])} of the rows ({spike['rows']:,}) have exactly the value "
            f"{_write_exactly(spike['value'])}, {'the' if spike['what'] in {'smallest', 'largest'} else 'which is'} "
            f"{spike['what']}; {(flags & (values == spike['value'])).sum():,} of them are flagged."
            for spike in spikes.to_dict("records")
        ],
        tiles=[
            Tile("Median", format_number(median), half),
            Tile("Mean", format_number(values.mean()), f"standard deviation {format_number(values.std())}"),
            Tile("Smallest", smallest["value"], f"{smallest['rows']:,} rows"),
            Tile("Largest", largest["value"], f"{largest['rows']:,} rows"),
        ],
        figures=[
            Figure(
                "How the given values are distributed",
                plot_label_distribution(values.to_numpy(dtype=np.float64), domain.unit),
                f"Histogram of the given label: median {format_number(median)}; {half}.",
            )
        ],
        tables=[
            Table(
                "The ends of the range",
                written.drop(columns="is_spike"),
                "How many rows have exactly the value at either end, or a value near it that many rows share.",
                shares={"share"},
            )
        ],
    )


def _describe_order(audit: TabularAudit) -> Section:
    section = build_issue_section(audit, "non_iid")
    if not audit.is_finding("non_iid"):
        return section
    blocks = describe_numeric_blocks(audit.rows)
    caption = "Equal blocks in source order. A label that climbs or falls from block to block is drift."
    shares = {str(name) for name in blocks.columns if str(name).startswith("share of ")}
    return replace(section, tables=[Table("The source from top to bottom", blocks, caption, shares=shares)])


def _tile_typical_label(audit: TabularAudit) -> Tile:
    values, unit = audit.rows["given_label"], audit.dataset.label_domain.unit
    spikes = count_extreme_values(values)
    spikes = spikes[spikes["is_spike"]]
    if len(spikes):
        share, where = float(spikes["share"].sum()), ", ".join(_write_exactly(value) for value in spikes["value"])
        return Tile("Rows at one end of the label", format_share(share), f"exactly {where}; a cap?", "warn")
    low, median, high = (float(values.quantile(share)) for share in (0.25, 0.5, 0.75))
    half = f"middle half {format_number(low)} to {format_number(high)}"
    return Tile("Median label", format_number(median), f"{unit}; {half}" if unit else half)


def _write_exactly(value: float) -> str:
    """Write a value with seven digits, so that a cap such as 5.00001 can be told from 5."""
    return format_number(value) if value.is_integer() else f"{value:,.{DIGITS}g}"


@step(storage="html", code_version="7", value=str, shows_catalogue=True)
def datalab_report(
    context: StepContext,
    training_set: TrainingSetTable,
    label_issues: ValueLabelIssuesTable,
    detection_power: DetectionResult,
    datalab_issues: DatalabTable,
    datalab_summary: PlainTable,
    duplicate_sets: PlainTable,
    flagged_cases: FlaggedCasesTable,
    suggested_labels: PlainTable,
) -> Page:
    """A self-contained HTML report of all issues with the rows behind them; open it in any browser, offline."""
    judged = label_issues.facts
    measured = {"cut", "measured_false_flag_rate", "recall", "cleanlab_false_flag_rate", "cleanlab_recall", "by_kind"}
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
    calibration = {
        **judged.model_dump(include={"flag_by", "cleanlab_cut", "false_flag_rate"}),
        **judged.calibrated_cut.model_dump(mode="json", include=measured),
    }
    return store_report(build_regression_report(results, calibration), datalab_summary, detection_power)
