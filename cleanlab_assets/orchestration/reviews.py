"""What people decided, as assets: which decisions hold for the data as they are now, and the corrected dataset."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.own_datasets import all_formats, read_description
from cleanlab_assets.datasets.replaced_files import replace_source_files
from cleanlab_assets.datasets.tables.corrected_files import find_changed_labels
from cleanlab_assets.families.contracts import TableContract, category, count, filled, flag, text
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - Dagster reads the annotations
from cleanlab_assets.families.step import DATASET, CheckResult, check, gate, step
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import Json, Notes, TableView
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.reviews.audit_history import AuditHistory, open_audit_history
from cleanlab_assets.reviews.corrections import GIVEN, REVIEWED, STATES, correct_dataset, list_corrections
from cleanlab_assets.reviews.decisions import find_standings
from cleanlab_assets.reviews.ledger import Ledger, open_ledger
from cleanlab_assets.reviews.opinion_cache import OpinionCache, open_opinion_cache
from cleanlab_assets.reviews.row_keys import name_row_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.reviews.decisions import Entry
    from cleanlab_assets.settings import Settings

LEDGER_FILE = "ledger.db"
"""Name of the default ledger in the data directory."""
LAST_ENTRY = "last_entry"
"""Name of the figure that says up to which entry of the ledger the corrections reach."""


class CorrectionsFacts(Facts):
    """How many findings stand in which way, and what is to be told of the keys of the rows."""

    states: dict[str, int]
    notes: list[str]


def open_ledger_of(settings: Settings) -> Ledger:
    """Open the ledger of the settings: ``CLEANLAB_DEMO_LEDGER_URL``, or ``ledger.db`` in the data directory."""
    return open_ledger(_make_place(settings))


def open_audit_history_of(settings: Settings) -> AuditHistory:
    """Open what audits left, which lies in the database of the ledger; for a while in memory where none can be kept."""
    if explain_no_ledger(settings):
        return open_audit_history("sqlite://")
    return open_audit_history(_make_place(settings))


def open_opinion_cache_of(settings: Settings, *, dataset: str, language_model: str) -> OpinionCache:
    """Open the answers of a language model on a dataset, which lie in the database of the ledger."""
    return open_opinion_cache(_make_place(settings), dataset=dataset, language_model=language_model)


def explain_no_ledger(settings: Settings) -> str:
    """Say why no ledger can be kept: nobody named one, and the data directory is not ours to write in; else empty."""
    if settings.ledger_url is not None:
        return ""
    place = settings.data_dir / LEDGER_FILE
    needed = next(path for path in (place, *place.parents) if path.exists())
    if os.access(needed, os.W_OK):
        return ""
    return f"{needed} may not be written: name a database in CLEANLAB_DEMO_LEDGER_URL to keep what audits flag"


def read_entries(settings: Settings, dataset: str) -> tuple[int, Sequence[Entry]]:
    """Return the number of the latest entry on a dataset, and its decisions.

    They are 0 and none, and nothing is made, where there is no ledger yet. A decision that comes in between is among
    the decisions and not yet in the number, so that it is looked for again.
    """
    if not has_ledger(settings):
        return 0, ()
    with open_ledger(_url_of(settings)) as ledger:
        return ledger.last_number(dataset), ledger.read(dataset)


def find_last_entry(settings: Settings, dataset: str) -> int:
    """Return the number of the latest entry on a dataset; 0 where there is none."""
    if not has_ledger(settings):
        return 0
    with open_ledger(_url_of(settings)) as ledger:
        return ledger.last_number(dataset)


def find_last_entries(settings: Settings) -> dict[str, int]:
    """Return the number of the latest entry on each dataset that has any, by its name."""
    if not has_ledger(settings):
        return {}
    with open_ledger(_url_of(settings)) as ledger:
        return ledger.last_numbers()


def find_corrected_writer(settings: Settings, dataset: str) -> Callable[[pd.DataFrame], dict[str, bytes]] | None:
    """Return what writes the files of a user's own dataset with corrected labels; None where nothing does.

    It takes the corrected dataset and returns the content of each file by its name, and raises an
    ``UnreadableInputError`` where a file cannot be read, or its label cannot be replaced.

    Args:
        settings: where the data lie.
        dataset: name of the dataset.
    """
    place = settings.data_dir / dataset / DESCRIPTION_FILE
    if not place.is_file():
        return None
    description = read_description(place)
    write = all_formats()[description.format].write_corrected
    return None if write is None else partial(write, description, place.parent)


def read_corrected_source(settings: Settings, dataset: str, path: Path) -> pd.DataFrame:
    """Return the raw table of a dataset with a corrected file or folder in place of its own.

    Raises:
        UnreadableInputError: the file stands for none of the dataset, or cannot be read.
    """
    entry = get_dataset(dataset)
    files = resolve_source_files(entry, settings.data_dir)
    with replace_source_files(entry, files, path) as replaced:
        return entry.read(replaced).table


def _make_place(settings: Settings) -> str:
    """Return the address of the ledger, in a data directory that is there."""
    if settings.ledger_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    return _url_of(settings)


def _url_of(settings: Settings) -> str:
    if settings.ledger_url is not None:
        return settings.ledger_url.get_secret_value()
    return f"sqlite:///{settings.data_dir / LEDGER_FILE}"


def has_ledger(settings: Settings) -> bool:
    """Whether somebody named a ledger, or the file of the default one is there."""
    return settings.ledger_url is not None or (settings.data_dir / LEDGER_FILE).is_file()


@step(
    "sqlalchemy",
    level=DATASET,
    code_version="3",
    facts=CorrectionsFacts,
    contract=TableContract(
        "Corrections",
        "One row for each decided finding, and how it stands with the data as they are now.",
        (text("row_key"), text("issue_type"), category("state", *STATES), *filled("decision"), count("entry", 1)),
    ),
)
def corrections(context: ChainContext, raw_dataset: RawDatasetTable) -> Result[pd.DataFrame, CorrectionsFacts]:
    """What reviewers decided, of the ledger: one row for each finding, and whether the decision holds.

    ``in force``: it counts. ``conflict``: reviewers decided differently. ``outdated``: the row or its given label is
    another one by now. ``done``: the source has the decided label.
    """
    environment: Settings = context.dagster.resources.settings
    last_entry, entries = read_entries(environment, context.dataset.name)
    raw = raw_dataset.value
    keys, notes = name_row_keys(context.dataset, raw)
    table = list_corrections(context.dataset, raw, keys, find_standings(entries))
    states = {state: int((table["state"] == state).sum()) for state in STATES}
    table["state"] = pd.Categorical(table["state"], categories=list(STATES))

    def show() -> dict[str, Shown]:
        return {
            LAST_ENTRY: last_entry,
            "states": Json(states),
            **({"notes": Notes(list(notes))} if notes else {}),
            "preview": TableView(table),
        }

    return Result(value=table, facts=CorrectionsFacts(states=states, notes=list(notes)), show=show)


@step(
    "pandas",
    level=DATASET,
    code_version="2",
    contract=TableContract(
        "CorrectedDataset",
        "All rows in source order, with the corrected label and where it is from.",
        (text("row_key"), category("label_source", GIVEN, REVIEWED), flag("is_excluded")),
    ),
)
def corrected_dataset(
    context: ChainContext, raw_dataset: RawDatasetTable, corrections: Result[pd.DataFrame, CorrectionsFacts]
) -> Result[pd.DataFrame, NoFacts]:
    """The dataset as reviewers left it: every row in source order, with the corrected label beside the given one.

    ``label_source`` says whether a reviewer saw the label, and ``is_excluded`` marks rows that are not to be used. A
    training job of your own may depend on this asset.
    """
    raw = raw_dataset.value
    keys, _ = name_row_keys(context.dataset, raw)
    table = correct_dataset(context.dataset, raw, keys, corrections.value)

    def show() -> dict[str, Shown]:
        return {
            "changed_labels": int(find_changed_labels(table, context.dataset.label).sum()),
            "reviewed_rows": int((table["label_source"] == REVIEWED).sum()),
            "excluded_rows": int(table["is_excluded"].sum()),
            "preview": TableView(table),
        }

    return Result(value=table, facts=NoFacts(), show=show)


@check("corrections")
def corrections_applied(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    corrections: Result[pd.DataFrame, CorrectionsFacts],
) -> CheckResult:
    """The source has every label that reviewers decided on, and none of the rows that they excluded.

    Without decisions it passes. It warns while corrections wait: the next refresh of the source would still bring the
    wrong labels.
    """
    table = corrections.value
    changed = (table["decision"] == "label is") & (table["decided_label"] != table["given_label"])
    waiting = table[(table["state"] == "in force") & (changed | (table["decision"] == "exclude the row"))]
    n_done = corrections.facts.states["done"]
    return gate(
        passed=waiting.empty,
        description=f"{len(waiting):,} corrections are not in the source yet, {n_done:,} are",
        figures={"n_waiting": len(waiting), "n_done": n_done},
    )


@check("corrections")
def decisions_hold(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    corrections: Result[pd.DataFrame, CorrectionsFacts],
) -> CheckResult:
    """No reviewers contradict each other, and no decision is of a row that is another one by now."""
    states = corrections.facts.states
    open_ones = {state: states[state] for state in ("conflict", "outdated") if states[state]}
    total = sum(states.values())
    told = ", ".join(f"{number:,} {state}" for state, number in open_ones.items())
    return gate(
        passed=not open_ones,
        description=f"of {total:,} decided findings: {told}" if told else f"all of {total:,} decisions hold",
        figures=dict(states),
    )


REVIEW_STEPS = (corrections, corrected_dataset)
REVIEW_CHECKS = (decisions_hold, corrections_applied)
