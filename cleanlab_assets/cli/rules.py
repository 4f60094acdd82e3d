"""The command of one decision for many rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cleanlab_assets.cli import options
from cleanlab_assets.cli.instance import open_instance
from cleanlab_assets.cli.reviewed_rows import DatasetOption, ReviewerOption, name_reviewer, open_rows, read_latest
from cleanlab_assets.cli.terminal import ExitCode, console, fail

if TYPE_CHECKING:
    from collections.abc import Collection

    from cleanlab_assets.reviews.decisions import Finding
    from cleanlab_assets.reviews.rows import ReviewedRows
    from cleanlab_assets.reviews.rules import Rule

EXAMPLES = 5


def decide_all(
    merge: Annotated[
        tuple[str, str] | None,
        typer.Option("--merge", metavar="CLASS INTO", help="Every label of a class is another class."),
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option("--pair", metavar="GIVEN SUGGESTED", help="All labels of a pair of classes are as suggested."),
    ] = None,
    above: Annotated[
        float | None,
        typer.Option("--above", min=0, max=1, help="Least probability of the suggested class, with --pair."),
    ] = None,
    dataset: DatasetOption = options.DEFAULT_DATASET,
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    reviewer: ReviewerOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Enter the decisions without a question.")] = False,
) -> None:
    """Enter one decision for many rows, by a rule; each row can be taken back, and so can the rule.

    Rows that somebody decided of are left alone.

    Example: cleanlab-demo decide-all -d breast_cancer --pair malignant benign --above 0.95

    Example: cleanlab-demo decide-all -d tickets --merge Billing billing
    """
    from cleanlab_assets.reviews.decisions import describe_answer, find_standings

    if (merge is None) == (pair is None) or (pair is None) != (above is None):
        fail(ExitCode.WRONG_USE, "expected either --merge CLASS INTO, or --pair GIVEN SUGGESTED --above PROBABILITY")
    who = name_reviewer(reviewer)
    with open_rows(dataset, family_name) as (rows, ledger):
        decided = find_standings(ledger.read(dataset)).keys()
        rule = _make_rule(rows, merge, pair, above, model, family_name, who, decided)
        alone = f"; {rule.n_decided:,} that were decided before stay as they are" if rule.n_decided else ""
        console.print(f"rule: {rule.text}: {len(rule.decisions):,} decisions{alone}", markup=False)
        for made in rule.decisions[:EXAMPLES]:
            of = f" of {made.element}" if made.element else ""
            console.print(f"  row {made.row_key}{of}: {describe_answer(made)}", markup=False)
        if not rule.decisions or not (yes or _ask(len(rule.decisions))):
            console.print("nothing was entered")
            return
        numbers = ledger.decide(rule.decisions, rule=rule.text)
        number = next(entry.rule for entry in ledger.read(dataset) if entry.number == numbers[0])
    console.print(
        f"rule {number}: entries {numbers[0]} to {numbers[-1]}; cleanlab-demo undo --rule {number} takes all back"
    )


def _make_rule(
    rows: ReviewedRows,
    merge: tuple[str, str] | None,
    pair: tuple[str, str] | None,
    above: float | None,
    model: str,
    family_name: str,
    reviewer: str,
    decided: Collection[Finding],
) -> Rule:
    from cleanlab_assets.orchestration.partitions import Partition
    from cleanlab_assets.reviews.rules import accept_pair, merge_classes

    if merge is not None:
        return merge_classes(rows, *merge, reviewer=reviewer, decided=decided)
    assert pair is not None  # noqa: S101 - one of the two was said
    assert above is not None  # noqa: S101 - with it
    dataset = rows.dataset.name
    family, model = options.choose_model(dataset, model, family_name)
    with open_instance() as instance:
        asset = family.task.element_issues or "label_issues"
        issues = read_latest(instance, family, asset, str(Partition(dataset, model))).value
    return accept_pair(rows, issues, *pair, above=above, model=model, reviewer=reviewer, decided=decided)


def _ask(number: int) -> bool:
    try:
        return typer.confirm(f"Enter {number:,} decisions?")
    except typer.Abort:
        fail(ExitCode.WRONG_USE, "nothing was entered, since nobody answered: say --yes")
