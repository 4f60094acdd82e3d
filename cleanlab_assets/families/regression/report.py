"""The audit report of a regression dataset: what was found, the values to judge, and what did not run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.regression.plots import (
    plot_given_against_predicted,
    plot_label_distribution,
    plot_quality_cuts,
    plot_residuals,
)
from cleanlab_assets.families.tables.report import (
    TabularAudit,
    assemble_report,
    build_issue_section,
    join_tabular_audit,
    list_issue_types,
    tabulate_flagged_rows,
)
from cleanlab_assets.methods.detection_power import measure_detection_by_kind
from cleanlab_assets.reports.formatting import format_number, format_share
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile
from cleanlab_assets.reports.issue_evidence import (
    CUT_COLUMNS,
    compare_cuts,
    count_extreme_values,
    describe_numeric_blocks,
    find_flags,
    join_suspect_values,
    rank_suspect_values,
)
from cleanlab_assets.reports.issue_texts import REGRESSION_TEXTS
from cleanlab_assets.reports.settings import list_settings, merge_facts, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset

RULES = {"calibrated": "calibrated cut", "cleanlab": "cut of cleanlab"}
DIGITS = 7
CLOSE_ENOUGH = 0.05


def build_regression_report(
    *,
    dataset: Dataset,
    model: str,
    training_set: pd.DataFrame,
    label_issues: pd.DataFrame,
    datalab_issues: pd.DataFrame,
    datalab_summary: pd.DataFrame,
    duplicate_sets: pd.DataFrame,
    facts: Mapping[str, object],
    calibration: Mapping[str, object],
    top_rows: int = 25,
    full_table: str = "",
) -> Report:
    """Build the audit report of one dataset with a numeric label and one model. Only the train rows are audited.

    Args:
        dataset: The catalogue entry; its gates decide which tiles ask for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        training_set: ``row_id`` (unique), ``given_label``, ``split``, features, and ``planted_error`` with
            ``true_label`` and ``planted_kind`` where labels were corrupted on purpose.
        label_issues: One row per train row: ``row_id``, ``suggested_label``, ``label_quality``, ``is_label_issue``,
            ``rank``, ``uncertainty`` and ``residual`` (given minus predicted value), and, where they are known,
            ``is_below_calibrated_cut``, ``is_below_cleanlab_cut`` and ``reason``.
        datalab_issues: One row per train row in source order: ``row_id``, ``given_label``, ``predicted_value``,
            ``is_<type>_issue`` and ``<type>_score`` of every type that ran, ``nearest_neighbor``,
            ``distance_to_nearest_neighbor`` and ``duplicate_set``.
        datalab_summary: One row per issue type, as for a classification report.
        duplicate_sets: One row per row of a near-duplicate set, as for a classification report.
        facts: How the audit was made, for the last section of the report.
        calibration: How rows are flagged, see ``compare_cuts``; ``by_kind`` lists how well the calibration found each
            kind of error (``kind``, ``n_planted``, ``average_precision``, ``auroc``, ``recall``, ``chance``).
        top_rows: Most rows of an evidence table.
        full_table: Where the table with every row lies, in words; said where a table is cut.

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: a table lacks a column or a status is unknown, or the findings are not about exactly the train rows.
    """
    audit = join_tabular_audit(
        dataset=dataset,
        training_set=training_set,
        datalab_issues=join_suspect_values(datalab_issues, label_issues),
        datalab_summary=datalab_summary,
        duplicate_sets=duplicate_sets,
        prediction="predicted_value",
        texts=REGRESSION_TEXTS,
        top_rows=top_rows,
        full_table=full_table,
    )
    notes = _note_other_flags(audit, datalab_issues)
    # The label issues say what Datalab's own type would, whether that ran or not.
    audit = replace(
        audit,
        summary={"label": {"metric": None, "k": None, "parameters": ""}, **audit.summary},
        not_run=audit.not_run[audit.not_run["issue_type"] != "label"],
    )
    own = {
        "label": lambda: replace(_build_label_section(audit, calibration), notes=notes),
        "label_distribution": lambda: _build_label_distribution(audit),
        "non_iid": lambda: _describe_order(audit),
    }
    return assemble_report(
        audit,
        model=model,
        tiles_about_labels=[_tile_typical_label(audit)],
        sections=[
            own[name]() if name in own else build_issue_section(audit, name)
            for name in list_issue_types(audit)
            if audit.has_run(name) or name == "label_distribution"
        ],
        facts=facts,
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


def _note_other_flags(audit: TabularAudit, datalab_issues: pd.DataFrame) -> list[str]:
    """Say where Datalab's own type of label issues tells something else than the label issues."""
    if not audit.has_run("label"):
        reasons = audit.not_run.loc[audit.not_run["issue_type"] == "label", "reason"]
        return [f"Datalab's own check of the labels did not run: {reason}" for reason in reasons]
    by_datalab, flags = find_flags(datalab_issues, "label").to_numpy(), audit.flags("label").to_numpy()
    shown = [flags, *(audit.rows[name].to_numpy(dtype=bool) for name in CUT_COLUMNS if name in audit.rows)]
    if any(np.array_equal(by_datalab, known) for known in shown):
        return []
    return [
        f"Datalab's own check of the labels flags {by_datalab.sum():,} rows; it differs from this report for "
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
        ranked = rank_suspect_values(audit.rows, audit.features)
        tables.append(tabulate_flagged_rows(audit, ranked))
    settings = {name: value for name, value in calibration.items() if not isinstance(value, list | tuple | dict)}
    return Section(
        key="label",
        title=text.title,
        explanation=text.meaning,
        advice=advice,
        badge=f"{n_flagged:,}" if n_flagged else "none",
        tiles=_tile_cuts(cuts, n_flagged, len(audit.rows)),
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


def _tile_cuts(cuts: pd.DataFrame, n_flagged: int, n_rows: int) -> list[Tile]:
    share = f"{format_share(n_flagged / max(n_rows, 1))} of the rows"
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
    rows, tables = audit.rows, []
    if len(cuts):
        counted = "; planted_found and others_flagged are counted on the errors planted here"
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
    if "planted_kind" in rows:
        by_planted = audit.flags("label").groupby(rows["planted_kind"].astype("string"), sort=True)
        found = by_planted.agg(["size", "sum", "mean"]).reset_index()
        found.columns = pd.Index(["kind", "planted", "flagged", "share"])
        ranking = measure_detection_by_kind(
            rows["label_quality"].to_numpy(), audit.flags("label").to_numpy(), rows["planted_kind"]
        )
        found = found.merge(ranking[["kind", "average_precision", "auroc", "chance"]], on="kind")
        caption = (
            "How many are flagged, and how well the ranking tells each kind from the rows without a planted error; "
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
