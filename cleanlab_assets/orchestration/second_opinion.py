"""What a language model says of the first flagged rows, and how that agrees with reviewers, as assets.

They come last in the chain: nothing of an audit, and no decision, depends on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
from pydantic import Field, model_validator

from cleanlab_assets.families.contracts import ColumnRule, TableContract, category, count, filled, text
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - Dagster reads the annotations
from cleanlab_assets.families.step import CheckResult, LabelIssuesTable, Settings, check, gate, step
from cleanlab_assets.language_models import build_model, choose_service
from cleanlab_assets.methods.result import Facts, NoFacts, Result
from cleanlab_assets.methods.shown import Json, Notes, TableView
from cleanlab_assets.orchestration.reviews import (
    LAST_ENTRY,
    explain_no_ledger,
    open_opinion_cache_of,
    read_entries,
)
from cleanlab_assets.reviews.audited_rows import name_audited_rows
from cleanlab_assets.reviews.corrections import list_corrections
from cleanlab_assets.reviews.decisions import find_standings
from cleanlab_assets.reviews.opinion_agreement import OpinionAgreement, describe_agreement, measure_agreement
from cleanlab_assets.reviews.opinion_questions import LONGEST_TEXT, explain_not_offered, make_questions
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets.reviews.second_opinions import (
    OUTCOMES,
    Asker,
    AskingSettings,
    Budget,
    LanguageModelError,
    Opinions,
    collect_opinions,
    tabulate_opinions,
)
from cleanlab_assets.reviews.statistics import find_outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from cleanlab_assets.language_models import Service
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.orchestration.assets import ChainContext
    from cleanlab_assets.reviews.decisions import Entry
    from cleanlab_assets.reviews.opinion_questions import Question
    from cleanlab_assets.settings import Settings as Environment

NOT_SHARED = "no row is shown to a language model: set second_opinion.share_examples to ask one"
NO_FLAGS = "no label is flagged"
NOBODY_ASKED = "nobody_asked"
"""Name of the figure that says why no language model could be asked; it may be out of date once one can."""
NOT_OFFERED = "not_offered"
"""Name of the figure that says why there is nothing to ask of these rows."""
WANTED = "a second opinion by a language model"
_SHOWN = (
    *("rank", "row_id", "given_label", "outcome"),
    *("likeliest_label", "is_given_defensible", "confidence", "sentence"),
)


class SecondOpinionSettings(Settings):
    """Whether a language model reads the first flagged rows, and within which bounds."""

    share_examples: bool = Field(
        False, description="Let a language model see the first flagged rows; else none is asked."
    )
    show_pictures: bool = Field(False, description="The language model sees pictures: show it those of the rows.")
    model: str | None = Field(
        None, description="Such as openai:gpt-4o-mini or anthropic:claude-haiku-4-5; a default if absent."
    )
    max_rows: int = Field(50, ge=1, le=10_000, description="So many flagged rows, the worst first.")
    max_tokens: int = Field(300_000, ge=1, description="Most tokens of one run, read and written ones together.")
    max_cost: float | None = Field(None, gt=0, description="Most money of one run, in the currency of the prices.")
    input_price: float | None = Field(None, ge=0, description="Price of a million tokens that the model reads.")
    output_price: float | None = Field(None, ge=0, description="Price of a million tokens that the model writes.")
    request_timeout_seconds: float = Field(30.0, gt=0, le=600.0, description="Longest time for a single request.")
    retries: int = Field(2, ge=0, le=10, description="How often a request is repeated that the server failed.")
    max_output_tokens: int = Field(500, ge=100, le=8000, description="Longest answer of the language model.")

    @model_validator(mode="after")
    def _check_prices(self) -> Self:
        if self.max_cost is not None and (self.input_price is None or self.output_price is None):
            raise ValueError("max_cost: found no prices, expected input_price and output_price beside it")
        return self

    @property
    def budget(self) -> Budget:
        """What may be spent."""
        prices = self.input_price or 0.0, self.output_price or 0.0
        return Budget(max_tokens=self.max_tokens, max_cost=self.max_cost, prices=prices)


class SecondOpinionFacts(Facts):
    """Who was asked, and what is to be told of it.

    Attributes:
        language_model: its name; empty where nobody was asked.
        nobody_asked: why nobody was asked; empty where somebody was.
        stopped: which bound was met; empty where none was.
        notes: what else is to be said of how rows were shown.
    """

    language_model: str
    nobody_asked: str
    stopped: str
    notes: list[str]


def _choose_service(settings: SecondOpinionSettings, environment: Environment) -> Service | str:
    return choose_service(_to_asking(settings, environment), wanted=WANTED)


def _to_asking(settings: SecondOpinionSettings, environment: Environment) -> AskingSettings:
    """Put the settings of a run and the keys of the environment together."""
    return AskingSettings(
        model=settings.model,
        openai_api_key=environment.openai_api_key,
        anthropic_api_key=environment.anthropic_api_key,
        base_url=environment.openai_base_url,
        request_timeout_seconds=settings.request_timeout_seconds,
        retries=settings.retries,
        max_output_tokens=settings.max_output_tokens,
    )


def explain_nobody_asked(settings: SecondOpinionSettings, environment: Environment) -> str:
    """Say why no language model would be asked now, whatever the rows are; empty where one would be."""
    if not settings.share_examples:
        return NOT_SHARED
    service = _choose_service(settings, environment)
    if isinstance(service, str):
        return service
    if why_not := explain_no_ledger(environment):
        return f"verdicts that are paid for could not be kept: {why_not}"
    return ""


@step(
    "pydantic",
    code_version="1",
    facts=SecondOpinionFacts,
    settings=SecondOpinionSettings,
    shows_catalogue=True,
    contract=TableContract(
        "SecondOpinion",
        "One row for each of the first flagged rows, and what a language model says of its given label.",
        (
            text("row_key"),
            *filled("row_id", "given_label", "label_quality"),
            count("rank", 1),
            category("outcome", *OUTCOMES),
            *(ColumnRule(name=name, nullable=True) for name in ("likeliest_label", "is_given_defensible")),
            ColumnRule(name="confidence", nullable=True),
            *filled("sentence", "reason"),
        ),
    ),
)
def second_opinion(
    context: ChainContext,
    settings: SecondOpinionSettings,
    raw_dataset: RawDatasetTable,
    label_issues: LabelIssuesTable,
) -> Result[pd.DataFrame, SecondOpinionFacts]:
    """What a language model that knows nothing of the audit says of the first flagged rows; evidence, no decision.

    It is asked only with ``share_examples`` set, and sees of a row its features, its given label and the classes. Each
    verdict is kept in the ledger's database and paid for once. Where nobody is asked the table is empty, and says why.
    """
    environment: Environment = context.dagster.resources.settings
    rows = ReviewedRows(context.dataset, raw_dataset.value)
    nobody_asked = explain_nobody_asked(settings, environment)
    why_not = nobody_asked or explain_not_offered(
        context.dataset, raw_dataset.value, shows_pictures=settings.show_pictures
    )
    flagged = name_audited_rows(rows, label_issues.value) if not why_not else _name_no_rows()
    flagged = flagged[flagged["is_label_issue"]].sort_values("rank", kind="stable").head(settings.max_rows)
    service = _choose_service(settings, environment)
    if not why_not and flagged.empty:
        why_not = NO_FLAGS
    if why_not or isinstance(service, str):
        facts = SecondOpinionFacts(language_model="", nobody_asked=why_not, stopped="", notes=[])
        nothing = Opinions(answers=[], stopped="", n_asked=0)
        table = tabulate_opinions(context.dataset, flagged.head(0), [], nothing)
        return Result(value=table, facts=facts, show=lambda: {NOBODY_ASKED if nobody_asked else NOT_OFFERED: why_not})
    questions = make_questions(rows, flagged, shows_pictures=settings.show_pictures)
    budget = settings.budget
    asker = Asker(context.dataset, _to_asking(settings, environment), lambda: build_model(service))
    with open_opinion_cache_of(environment, dataset=context.dataset.name, language_model=service.name) as cache:
        try:
            opinions = collect_opinions(questions, asker, cache, budget)
        except LanguageModelError as error:
            raise dg.Failure(f"{context.dataset.name}: {error}", allow_retries=False) from error
    table = tabulate_opinions(context.dataset, flagged, questions, opinions)
    facts = SecondOpinionFacts(
        language_model=service.name,
        nobody_asked="",
        stopped=opinions.stopped,
        notes=_list_notes(context, settings, questions),
    )

    def show() -> dict[str, Shown]:
        return {
            "language_model": facts.language_model,
            "outcomes": Json(_count(table)),
            "asked_now": opinions.n_asked,
            "tokens_read": budget.spent.read,
            "tokens_written": budget.spent.written,
            **({} if settings.input_price is None or settings.output_price is None else {"cost": budget.cost}),
            **({"stopped": facts.stopped} if facts.stopped else {}),
            **({"notes": Notes(facts.notes)} if facts.notes else {}),
            "preview": TableView(table, len(table), _SHOWN),
        }

    return Result(value=table, facts=facts, show=show)


def _name_no_rows() -> pd.DataFrame:
    columns = {"row_key": object, "row_id": object, "given_label": object, "quality": float, "rank": int}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in {**columns, "is_label_issue": bool}.items()})


def _count(table: pd.DataFrame) -> dict[str, int]:
    return {outcome: int((table["outcome"] == outcome).sum()) for outcome in OUTCOMES}


def _list_notes(context: ChainContext, settings: SecondOpinionSettings, questions: list[Question]) -> list[str]:
    notes = []
    if n_cut := sum(question.is_cut for question in questions):
        notes.append(f"of {n_cut:,} rows texts are shown up to {LONGEST_TEXT:,} characters")
    if not settings.show_pictures and any(column.kind == "picture" for column in context.dataset.features):
        notes.append("pictures are not shown: second_opinion.show_pictures is not set")
    return notes


@step("sqlalchemy", storage="json", code_version="1", value=OpinionAgreement)
def opinion_agreement(
    context: ChainContext,
    raw_dataset: RawDatasetTable,
    label_issues: LabelIssuesTable,
    second_opinion: Result[pd.DataFrame, SecondOpinionFacts],
) -> Result[OpinionAgreement, NoFacts]:
    """How the second opinions agree with reviewers, with an exact interval, and whether they find errors better.

    The review page offers a queue in the order of the second opinions only where at least 50 rows with a verdict are
    decided, and the verdicts find the errors among them better than the label quality alone.
    """
    last_entry, entries = read_entries(context.dagster.resources.settings, context.dataset.name)
    rows = ReviewedRows(context.dataset, raw_dataset.value)
    found = measure_opinions(rows, label_issues.value, second_opinion.value, entries)

    def show() -> dict[str, Shown]:
        shown: dict[str, Shown] = {LAST_ENTRY: last_entry, "in_words": Notes(describe_agreement(found))}
        if found.share is not None:
            share = found.share
            shown |= {"agreement": share.estimate, "agreement_low": share.low, "agreement_high": share.high}
        return shown

    return Result(value=found, facts=NoFacts(), show=show)


def measure_opinions(
    rows: ReviewedRows, label_issues: pd.DataFrame, opinions: pd.DataFrame, entries: Sequence[Entry]
) -> OpinionAgreement:
    """Measure how the second opinions on an audit agree with the decisions on its dataset.

    Args:
        rows: the rows of the dataset.
        label_issues: of the audit; rows with a planted error do not count.
        opinions: the table of the step ``second_opinion``.
        entries: of the dataset, in the order of the ledger.
    """
    if opinions.empty:
        return OpinionAgreement(n_verdicts=0, n_rows=0, n_errors=0, n_agree=0)
    audited = name_audited_rows(rows, label_issues)
    corrections = list_corrections(rows.dataset, rows.raw, rows.keys, find_standings(entries))
    outcomes = find_outcomes(corrections, dict(zip(audited["row_key"], audited["given_label"], strict=True)))
    nothing = pd.Series(data=False, index=label_issues.index)
    is_planted = label_issues.get("planted_error", nothing).to_numpy(dtype=bool)
    planted = frozenset(audited.loc[is_planted, "row_key"])
    return measure_agreement(opinions, outcomes, left_out=planted)


@check("second_opinion")
def verdicts_are_there_as_asked(
    context: ChainContext,  # noqa: ARG001 - every check takes it
    second_opinion: Result[pd.DataFrame, SecondOpinionFacts],
) -> CheckResult:
    """Each row that a language model was to judge has a verdict of it; passes where ``share_examples`` is not set."""
    facts, counts = second_opinion.facts, _count(second_opinion.value)
    n_missing = counts["no verdict"] + counts["not asked"]
    told = (
        f"{counts['verdict']:,} verdicts; {counts['no verdict']:,} rows without one, {counts['not asked']:,} not asked"
    )
    return gate(
        passed=not n_missing and facts.nobody_asked in {"", NOT_SHARED, NO_FLAGS},
        description="; ".join(filter(None, (facts.nobody_asked or told, facts.stopped))),
        figures={"n_without_verdict": n_missing},
    )
