"""Commands about decisions: make, take back and list them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.reviewed_rows import (
    DatasetOption,
    ReviewerOption,
    name_reviewer,
    open_rows,
    read_latest,
    write_file,
)
from cleanlab_assets.cli.terminal import ExitCode, console, fail
from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg
    import pandas as pd

    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.reviews.decisions import ElementLabel, Entry
    from cleanlab_assets.reviews.rows import ReviewedRows


def decide(
    row: Annotated[str, typer.Argument(help="Row id, such as tickets.csv:17, or row key.")],
    decision: Annotated[
        str,
        typer.Argument(
            help="'given is right', 'label is', 'unclear' or 'exclude the row'; of a box or region also 'drop box', "
            "'class is', 'take the predicted box', 'add the predicted box', 'take the predicted region'; with "
            "--issue-type also 'finding is right'.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str, typer.Argument(help="The right label, with 'label is' and 'class is'.", show_default=False)
    ] = "",
    dataset: DatasetOption = options.DEFAULT_DATASET,
    element: Annotated[
        str, typer.Option("--element", help="The box or region of an image, as its table of issues names it.")
    ] = "",
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    issue_type: Annotated[
        str, typer.Option("--issue-type", help="Another issue of the row than its label, such as outlier.")
    ] = "",
    reviewer: ReviewerOption = "",
    note: Annotated[str, typer.Option(help="What you add.")] = "",
) -> None:
    """Enter a decision on one row into the ledger; the next run makes the corrected dataset of it.

    Example: cleanlab-demo decide -d breast_cancer breast_cancer.csv:17 'label is' benign

    Example: cleanlab-demo decide -d digit_scenes scene_003 'drop box' --element '3@10,20,30,40'

    Example: cleanlab-demo decide -d breast_cancer breast_cancer.csv:17 'finding is right' --issue-type outlier
    """
    from cleanlab_assets.reviews.decisions import LABEL_ISSUE, Seen, describe_answer, describe_value

    with open_rows(dataset, family_name) as (rows, ledger):
        suggestion = None
        if element:
            model, suggestion = _find_suggestion(rows, row, element, model, family_name)
        made = rows.decide(
            row,
            decision,
            label,
            reviewer=name_reviewer(reviewer),
            note=note,
            issue_type=issue_type or LABEL_ISSUE,
            element=element,
            suggestion=suggestion,
            seen=Seen() if suggestion is None else Seen(model=model, suggested_label=suggestion),
        )
        number = ledger.decide([made])[0]
    given = "none" if made.given_label is None else describe_value(made.given_label)
    of = f" of {made.subject}" if made.subject else ""
    told = f"entry {number}: row {made.row_key}{of} (given label {given}): {describe_answer(made)}"
    console.print(told, markup=False)


def _find_suggestion(
    rows: ReviewedRows, row: str, element: str, model: str, family_name: str
) -> tuple[str, ElementLabel | None]:
    """Return the model of an audit and what it suggests for an element; None where nobody named it or was audited."""
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.reviews.suggestions import find_suggestion

    dataset = rows.dataset.name
    family, chosen = options.choose_model(dataset, model, family_name)
    if not family.task.element_issues:
        return chosen, None
    partition = str(Partition(dataset, chosen))
    with open_instance() as instance:
        if not model and latest_materialization(instance, family.key(family.task.element_issues), partition) is None:
            return chosen, None
        issues = read_latest(instance, family, family.task.element_issues, partition).value
    return chosen, find_suggestion(issues, str(rows.raw["row_id"].iloc[rows.find(row)]), element)


def undo(
    entry: Annotated[int | None, typer.Argument(help="Number of the entry in the ledger.", show_default=False)] = None,
    rule: Annotated[
        int | None, typer.Option("--rule", help="Take back every decision that follows from this rule.")
    ] = None,
    reviewer: ReviewerOption = "",
    note: Annotated[str, typer.Option(help="What you add.")] = "",
) -> None:
    """Take a decision back, by a new entry: nothing in the ledger is ever deleted.

    Example: cleanlab-demo undo 17
    """
    from cleanlab_assets.orchestration.reviews import open_ledger_of

    if (entry is None) == (rule is None):
        fail(ExitCode.WRONG_USE, "expected the number of an entry, or --rule with that of a rule")
    with open_ledger_of(load_settings()) as ledger:
        taken = [entry] if entry is not None else ledger.find_entries_of_rule(rule or 0)
        numbers = ledger.undo(taken, reviewer=name_reviewer(reviewer), note=note)
    if rule is None:
        console.print(f"entry {numbers[0]}: entry {entry} is taken back")
    else:
        console.print(f"entries {numbers[0]} to {numbers[-1]}: {len(taken):,} entries of rule {rule} are taken back")


def decisions(
    dataset: DatasetOption = options.DEFAULT_DATASET,
    family_name: options.FamilyOption = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write every entry of the ledger to this CSV file.")
    ] = None,
) -> None:
    """List what was decided of a dataset, and whether it still holds for the data.

    Example: cleanlab-demo decisions -d breast_cancer -o decisions.csv
    """
    from cleanlab_assets.reviews.corrections import list_corrections
    from cleanlab_assets.reviews.decision_files import write_decisions
    from cleanlab_assets.reviews.decisions import LABEL_ISSUE, find_standings

    options.check_output(output)
    with open_rows(dataset, family_name) as (rows, ledger):
        entries, rules = ledger.read(dataset), ledger.read_rules(dataset)
    table = list_corrections(rows.dataset, rows.raw, rows.keys, find_standings(entries))
    shown = Table(
        *("row", "of", "given", "decision", "label", "reviewers", "state", "entry"),
        Column("note", overflow="fold"),
        title=f"{dataset}: {len(table):,} decided findings, {len(entries):,} entries",
    )
    for found in table.to_dict("records"):
        of = found["element"] or ("" if found["issue_type"] == LABEL_ISSUE else found["issue_type"])
        names = ("given_label", "decision", "decided_label", "reviewers", "state", "entry")
        texts = [cut(str(of))]
        texts += ["" if found[name] is None else cut(str(found[name])) for name in names]
        texts.append(str(found["note"]))
        shown.add_row(escape(str(found["row_id"] or found["row_key"])), *map(escape, texts))
    console.print(shown)
    if entries:
        _print_statistics(rows, entries, options.find_family(dataset, family=family_name))
    if output is not None:
        write_file(output, write_decisions(entries, rows, rules).encode())
        console.print(f"{len(entries):,} entries: {output}", markup=False)


def _print_statistics(rows: ReviewedRows, entries: Sequence[Entry], family: Family) -> None:
    """Say of each audited model what the decisions say of its flags, and of second opinions on them."""
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.orchestration.review_statistics import measure_audit
    from cleanlab_assets.orchestration.second_opinion import measure_opinions
    from cleanlab_assets.reviews.opinion_agreement import describe_agreement
    from cleanlab_assets.reviews.statistics_texts import describe_reviews

    with open_instance() as instance:
        made = map(Partition.parse, sorted(instance.get_materialized_partitions(family.key("label_issues"))))
        for partition in made:
            if partition.dataset != rows.dataset.name:
                continue
            issues = read_latest(instance, family, "label_issues", str(partition))
            console.print(f"\n{partition.title}", markup=False)
            row_issues = _find_table(instance, family, family.task.row_issues, partition)
            lines = describe_reviews(measure_audit(rows, issues, row_issues, entries))
            opinions = _find_table(instance, family, "second_opinion", partition)
            if opinions is not None and len(opinions):
                lines += describe_agreement(measure_opinions(rows, issues.value, opinions, entries))
            for line in lines:
                console.print(f"  {line}", markup=False)


def _find_table(instance: dg.DagsterInstance, family: Family, step: str, partition: Partition) -> pd.DataFrame | None:
    """Return the latest table of a step; None where the family has no such step, or it was not made."""
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import partition_keys

    if not step:
        return None
    key = partition_keys(partition.dataset, partition.model)[family.step(step).level]
    if latest_materialization(instance, family.key(step), key) is None:
        return None
    table: pd.DataFrame = read_latest(instance, family, step, key).value
    return table
