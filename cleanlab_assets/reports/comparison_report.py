"""The page of a comparison of models: how each does, how far their flags agree, and the rows that most of them flag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cleanlab_assets.methods.model_agreement import PAIR_COLUMNS, TRUTH_COLUMNS, list_findings
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.comparison_plots import plot_agreement, plot_cv_and_test, plot_flag_counts
from cleanlab_assets.reports.formatting import format_number, format_share, name_metric
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile
from cleanlab_assets.reports.issue_evidence import require_columns
from cleanlab_assets.reports.model_comparison import list_metrics, to_comparison_table
from cleanlab_assets.reports.settings import merge_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.stacking import StackFacts
    from cleanlab_assets.reports.model_comparison import ModelComparison

SHARES = ("label_issue_rate", "share_of_models", "share_planted")
SMALLEST_PAIR = 2
CONSENSUS_COLUMNS = (
    "row_id",
    "split",
    "given_label",
    "suggested_label",
    "n_models_flagging",
    "mean_label_quality",
    "rank",
)


def build_comparison_report(
    comparison: ModelComparison,
    consensus: pd.DataFrame,
    *,
    dataset: Dataset,
    facts: Mapping[str, object],
    stack: StackFacts | None = None,
    top_rows: int = 25,
    full_table: str = "",
) -> Report:
    """Build the page of a comparison of models.

    Args:
        comparison: The comparison; without a compared model the page says what failed.
        consensus: The consensus issues of the compared models, as ``build_consensus_issues`` returns them.
        dataset: The catalogue entry.
        facts: How the comparison was made, for the last section of the page.
        stack: How the models were weighed; None where they were not weighed together.
        top_rows: Most rows of the table of rows that the models flag.
        full_table: Where the table with every row lies, in words; shown where the table is cut.

    Returns:
        The report; ``render_report`` makes a page of it.

    Raises:
        ValueError: the consensus issues lack a column, or are not those of this comparison.
    """
    by_model = [f"flagged_{result.model}" for result in comparison.compared]
    require_columns("consensus", consensus, [*CONSENSUS_COLUMNS, *by_model])
    found = consensus["n_models_flagging"].value_counts().to_dict()
    expected = {number: count for number, count in comparison.flagged_by_count.items() if count}
    if found != expected:
        raise ValueError(
            f"consensus is not that of the comparison: rows by the number of models that flag them are {found}, "
            f"expected {expected}"
        )
    sections = [_describe_models(comparison)]
    if comparison.compared:
        sections += [
            _describe_agreement(comparison, consensus),
            *([] if stack is None else [_describe_stack(stack, consensus, top_rows)]),
            _list_rows(comparison, consensus, top_rows, full_table),
            _explain_reading(comparison),
        ]
    about = {
        "Dataset": f"{dataset.title} ({dataset.name})",
        "Source": dataset.homepage,
        "Licence": dataset.licence,
        "Citation": dataset.citation,
        "Task family": comparison.family,
        "Train rows": _write_count(comparison.n_train),
        "Test rows": _write_count(comparison.n_test),
    }
    return Report(
        title=f"{dataset.title}: model comparison",
        subtitle=f"{dataset.description} Each model audited the same training set.",
        tiles=_build_tiles(comparison),
        notes=_build_notes(comparison, consensus),
        sections=sections,
        facts=merge_facts(about, facts),
    )


def _build_tiles(comparison: ModelComparison) -> list[Tile]:
    others = [result for result in comparison.results if result.status != "compared"]
    tiles = [Tile("Models compared", f"{comparison.n_models_compared} of {len(comparison.results)}")]
    if others:
        hint = "; ".join(f"{result.model}: {result.status}" for result in others)
        tiles.append(Tile("Models not compared", str(len(others)), hint, "warn"))
    if comparison.selected is None:
        tiles.append(Tile("Selected model", "none", "no model has a cross-validated metric", "warn"))
    else:
        best, metric = comparison.result(comparison.selected), name_metric(comparison.primary_metric or "")
        hint = f"best cross-validated {metric}; {_write_number(best.test_metric)} on the test rows"
        direction = f"of {best.model}; {_name_direction(comparison)}"
        tiles += [
            Tile("Selected model", best.model, hint),
            Tile(f"Cross-validated {metric}", _write_number(best.cv_metric), direction),
        ]
    counts, n_models = comparison.flagged_by_count, comparison.n_models_compared
    if n_models:
        n_rows = sum(counts.values())
        flagged = {"any model": n_rows - counts[0]} | ({"all models": counts[n_models]} if n_models > 1 else {})
        for name, count in flagged.items():
            hint = f"{format_share(count / max(n_rows, 1))} of {n_rows:,} audited rows"
            tiles.append(Tile(f"Rows flagged by {name}", f"{count:,}", hint))
    return tiles


def _build_notes(comparison: ModelComparison, consensus: pd.DataFrame) -> list[str]:
    notes = []
    others = [f"{result.model} ({result.status})" for result in comparison.results if result.status != "compared"]
    if others:
        notes.append(
            f"{len(others)} of {len(comparison.results)} models could not be compared: {', '.join(others)}. "
            "The reasons are given among the models."
        )
    if "planted_error" in consensus:
        n_planted = int(consensus["planted_error"].to_numpy(dtype=bool).sum())
        notes.append(
            f"Labels were deliberately corrupted for evaluation: {n_planted:,} of the {len(train_rows(consensus)):,} "
            "train rows carry a planted error. Cross-validated metrics and flags are of the corrupted labels; test "
            "labels are not touched."
        )
    return notes


def _describe_models(comparison: ModelComparison) -> Section:
    badge = f"{comparison.n_models_compared} of {len(comparison.results)}"
    if not comparison.compared:
        tables = [_list_not_compared(comparison)]
        return Section(key="models", title="Models", explanation="No model was compared.", badge=badge, tables=tables)
    primary, compared = comparison.primary_metric or "", comparison.compared
    metric = name_metric(primary)
    scores = pd.DataFrame(
        {"cv": [result.cv_metric for result in compared], "test": [result.test_metric for result in compared]},
        index=[result.model for result in compared],
        dtype=np.float64,
    )
    png = plot_cv_and_test(
        scores, primary, lower_is_better=bool(comparison.lower_is_better), selected=comparison.selected
    )
    values = "; ".join(
        f"{result.model} {_write_number(result.cv_metric)} and {_write_number(result.test_metric)}"
        for result in compared
    )
    figure = Figure(f"Cross-validated and test {metric}", png, f"Cross-validated and test {metric}: {values}.")
    tables = [_tabulate_models(comparison), _tabulate_metrics(comparison)]
    if comparison.n_models_compared < len(comparison.results):
        tables.insert(1, _list_not_compared(comparison))
    return Section(
        key="models",
        title="Models",
        explanation=(
            f"The selected model has the best cross-validated {metric} "
            f"({_name_direction(comparison)}). The test rows are not used for the selection; they verify it."
        ),
        badge=badge,
        figures=[figure],
        tables=tables,
    )


def _tabulate_models(comparison: ModelComparison) -> Table:
    """Tabulate the models with their primary metric; columns that hold nothing are left out."""
    table, primary = to_comparison_table(comparison), comparison.primary_metric
    others = [f"{part}_{name}" for name in list_metrics(comparison) if name != primary for part in ("cv", "test")]
    table = table.drop(columns=[*others, "error"])
    is_blank = (table.isna() | (table == "")).all()
    return Table(
        "All models",
        table.loc[:, ~is_blank],
        "Best cross-validated metric first, then models that could not be compared. The selected one is highlighted.",
        highlight="selected",
        max_rows=len(table),
        shares=SHARES,
    )


def _list_not_compared(comparison: ModelComparison) -> Table:
    records = [
        {"model": result.model, "status": result.status, "reason": result.error or "no reason was given"}
        for result in comparison.results
        if result.status != "compared"
    ]
    return Table("Models that could not be compared", pd.DataFrame(records), max_rows=len(records))


def _tabulate_metrics(comparison: ModelComparison) -> Table:
    records = [
        {"model": result.model, "rows": rows, **{name: metrics.get(name, np.nan) for name in list_metrics(comparison)}}
        for result in comparison.compared
        for rows, metrics in (("train, cross-validated", result.cv_metrics), ("test", result.test_metrics))
    ]
    caption = "Of the model trained on the labels as they are; the primary metric comes first."
    return Table("All metrics", pd.DataFrame(records), caption, max_rows=len(records), group="model")


def _describe_agreement(comparison: ModelComparison, consensus: pd.DataFrame) -> Section:
    counts, n_models = comparison.flagged_by_count, comparison.n_models_compared
    has_flags = sum(counts.values()) > counts[0]
    pairs = _tabulate_pairs(comparison)
    known = pairs["jaccard"].dropna()
    tiles, figures, tables = [], [], []
    if len(known):
        hint = f"median of {len(known):,} pairs; {pairs['by_chance'].median():.2f} by chance"
        tiles.append(Tile("Agreement of two models", f"{known.median():.2f}", hint))
        alt = f"Heat map of the agreement of each pair of models: from {known.min():.2f} to {known.max():.2f}."
        figures.append(Figure("Agreement of the flags", plot_agreement(_to_matrix(comparison)), alt))
    if n_models >= SMALLEST_PAIR and has_flags:
        by_number = ", ".join(f"{counts[number]:,} by {number}" for number in range(n_models, -1, -1))
        alt = f"Bar chart of the rows by the number of models that flag them: {by_number}."
        figures.append(Figure("How many models flag a row", plot_flag_counts(counts), alt))
    if n_models >= SMALLEST_PAIR:
        caption = (
            "Most agreement first. n_a and n_b are the rows that each model flags, n_both those that both flag; "
            "by_chance is the agreement if as many flags fell on random rows."
        )
        tables.append(Table("Pairs of models", pairs, caption, max_rows=len(pairs)))
    if "planted_error" in consensus:
        tables.append(_tabulate_planted(consensus))
    return Section(
        key="agreement",
        title="Agreement",
        explanation=(
            "Agreement of two models is the share of the rows flagged by either that both flag: 0 is none, 1 is "
            "complete."
            if n_models >= SMALLEST_PAIR
            else "Only one model was compared, so there is no agreement to measure."
        ),
        tiles=tiles,
        figures=figures,
        tables=tables,
        notes=[] if has_flags else ["No model flags any row."],
    )


def _tabulate_pairs(comparison: ModelComparison) -> pd.DataFrame:
    """Tabulate the pairs, most agreement first, with the agreement of independent flags of the same numbers."""
    records = [pair.model_dump() for pair in comparison.agreement]
    pairs = pd.DataFrame(records, columns=list(PAIR_COLUMNS)).astype({"jaccard": "float64"})
    by_chance = pairs["n_a"] * pairs["n_b"] / max(sum(comparison.flagged_by_count.values()), 1)
    n_either = pairs["n_a"] + pairs["n_b"] - by_chance
    pairs["by_chance"] = by_chance / n_either.where(n_either > 0)
    return pairs.sort_values("jaccard", ascending=False, kind="stable")


def _to_matrix(comparison: ModelComparison) -> pd.DataFrame:
    models = [result.model for result in comparison.compared]
    matrix = pd.DataFrame(np.nan, index=models, columns=models)
    for pair in comparison.agreement:
        if pair.jaccard is not None:
            matrix.loc[pair.model_a, pair.model_b] = matrix.loc[pair.model_b, pair.model_a] = pair.jaccard
    return matrix


def _tabulate_planted(consensus: pd.DataFrame) -> Table:
    train = train_rows(consensus)
    planted = train["planted_error"].astype(bool).groupby(train["n_models_flagging"])
    table = pd.DataFrame({"rows": planted.size(), "planted_errors": planted.sum(), "share_planted": planted.mean()})
    table = table.sort_index(ascending=False).rename_axis("models that flag the row").reset_index()
    caption = "Train rows with a planted error, by the number of models that flag them."
    return Table("Agreement and planted errors", table, caption, max_rows=len(table), shares=SHARES)


def _describe_stack(stack: StackFacts, consensus: pd.DataFrame, top_rows: int) -> Section:
    """Say how the models are weighed together, what that gains, and which rows no model flags by itself."""
    is_flagged, n_models = consensus["flagged_by_stack"].to_numpy(dtype=bool), consensus["n_models_flagging"]
    alone = consensus[is_flagged & (n_models == 0).to_numpy()].sort_values("rank")
    loss, best = format_number(stack.log_loss), f"{stack.best_model} {format_number(stack.best_log_loss)}"
    tiles = [
        Tile("Rows flagged by the stack", f"{int(is_flagged.sum()):,}", f"{len(alone):,} of them by no single model"),
        Tile("Log loss of the stack", loss, f"best model: {best}"),
    ]
    columns = {"weight": pd.Series(stack.weights)}
    if stack.planted:
        columns["planted_average_precision"] = pd.Series(stack.planted)
    weights = pd.DataFrame(columns).rename_axis("model").reset_index().sort_values("weight", ascending=False)
    shown = ["row_id", "rank", "split", "given_label", "suggested_label", "stack_label_quality", *TRUTH_COLUMNS]
    tables = [
        Table("Weights", weights, "Of the logarithms of the predicted probabilities.", max_rows=len(weights)),
        Table(
            "Rows that only the stack flags",
            alone[[name for name in shown if name in alone]].head(top_rows),
            "No model flags them by itself; together they doubt the label.",
            max_rows=top_rows,
            total_rows=len(alone),
        ),
    ]
    return Section(
        key="stack",
        title="The models as one",
        explanation=(
            "The probabilities of the models are multiplied, each to the power of its weight, so that the given labels "
            f"of the train rows become most likely, {format_share(stack.share_wrong)} of them taken to be wrong. Log "
            f"loss of the stack: {loss}, that of {best}; less is better."
        ),
        tiles=tiles,
        tables=tables if len(alone) else tables[:1],
        notes=[] if len(alone) else ["Every row that the stack flags is flagged by a model, too."],
    )


def _list_rows(comparison: ModelComparison, consensus: pd.DataFrame, top_rows: int, full_table: str) -> Section:
    models = [result.model for result in comparison.compared]
    known = list_findings(models)
    features = [str(name) for name in consensus.columns if name not in known]
    has_stack, is_flagged = "flagged_by_stack" in consensus, consensus["n_models_flagging"] > 0
    if has_stack:
        is_flagged |= consensus["flagged_by_stack"]
    flagged = consensus[is_flagged].sort_values("rank")
    worst = flagged.head(top_rows)
    flags = worst[[f"flagged_{model}" for model in models]].to_numpy(dtype=bool)
    names = ["all models" if row.all() else ", ".join(np.asarray(models)[row]) for row in flags]
    columns = ["row_id", "rank", "split", "given_label", "suggested_label", "n_models_flagging", "n_models_suggesting"]
    columns += ["stack_label_quality", "flagged_by_stack", "mean_label_quality", "flagged_by", *TRUTH_COLUMNS]
    shown = worst.assign(flagged_by=names)
    caption = "Most models first, then lowest mean label quality."
    if has_stack:
        caption = "Lowest label quality of the stack first."
    if features:
        caption += " The shaded columns are the row's features; scroll sideways to see them all."
    table = Table(
        "Rows to look at first",
        shown[[*(name for name in columns if name in shown), *features]],
        caption,
        max_rows=top_rows,
        total_rows=len(flagged),
        full_table=full_table,
        n_features=len(features),
    )
    of_any = consensus.assign(is_label_issue=consensus["n_models_flagging"] > 0)
    return Section(
        key="rows",
        title="Rows that models flag",
        explanation=(
            (
                "The rows that a model or the stack flags, ranked by the stack, whose label is suggested."
                if has_stack
                else "The rows that a model flags, ranked by how many models do. The suggested label is the one that "
                "most of the flagging models suggest; for numbers it is the median."
            )
            + f" Some model flags {say_by_split(count_by_split(of_any))}."
        ),
        badge=f"{len(flagged):,}" if len(flagged) else "none",
        tables=[table],
    )


def _explain_reading(comparison: ModelComparison) -> Section:
    advice = {
        "Selection": (
            "The model is selected by its cross-validated metric on the train rows. A model selected on the test rows "
            "would look better there than it is. Differences between models have no interval here: treat a small "
            "lead as a tie."
        ),
        "Cross-validation against test": (
            "Cross-validation sees the labels that may be wrong and trains on fewer rows; the test metric is that of "
            "the model trained on all train rows as they are. A wide gap for every model suggests a problem of the "
            "data, a wide gap for one model a problem of that model."
        ),
        "Agreement": (
            "Rows that models of different kinds flag are likelier to be wrong than rows that one model flags. Models "
            "can also agree because they share a blind spot, such as a feature that is missing: look at the row "
            "before changing its label."
        ),
        "Mean label quality": (
            "It is the plain mean of the models' scores and orders the rows that equally many models flag. Scores of "
            "models that are not equally calibrated spread differently, so small differences mean little."
        ),
    }
    if comparison.n_models_compared < SMALLEST_PAIR:
        del advice["Agreement"], advice["Mean label quality"]
    return Section(
        key="reading",
        title="How to read this",
        explanation="What these numbers show and what they do not.",
        advice=advice,
    )


def _name_direction(comparison: ModelComparison) -> str:
    return "lower is better" if comparison.lower_is_better else "higher is better"


def _write_number(value: float | None) -> str:
    return format_number(np.nan if value is None else value)


def _write_count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
