"""Second opinions as assets: asked by a local server, kept in the ledger's database, measured against decisions."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from cleanlab_assets.cli import reviews as cli_reviews
from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import MODEL
from cleanlab_assets.language_models import NOT_CONFIGURED
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.freshness import find_stale_assets
from cleanlab_assets.orchestration.reviews import open_ledger_of, open_opinion_cache_of
from cleanlab_assets.orchestration.runs import RunConfigError, read_latest_checks, resolve_configs
from cleanlab_assets.orchestration.second_opinion import (
    NOBODY_ASKED,
    NOT_OFFERED,
    NOT_SHARED,
    SecondOpinionFacts,
    SecondOpinionSettings,
    second_opinion,
    verdicts_are_there_as_asked,
)
from cleanlab_assets.reviews.audited_rows import name_audited_rows
from cleanlab_assets.reviews.opinion_agreement import describe_agreement
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.orchestration.chains import Audited, mark_slow, run_config_of
from cleanlab_assets_tests.reports.chat_server import ChatServer, Reply, run_chat_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from cleanlab_assets.families.step import StepContext
    from cleanlab_assets.orchestration.runs import RunOutcome
    from cleanlab_assets.reviews.ledger import Ledger
    from cleanlab_assets_tests.orchestration.chains import Audits

KEY = "sk-proj-Q7xZ9kLm2VbN4tRw8sYc"
N_ASKED = 12
DOUBTS = {
    "likeliest_label": "benign",
    "is_given_defensible": True,
    "confidence": 0.8,
    "sentence": "It is small.",
}


@pytest.fixture(scope="module")
def chain(audits: Audits) -> Audited:
    """An audit of its own, whose first flagged rows are judged."""
    return audits.make("classification")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with run_chat_server() as chat:
        chat.answer(Reply(prose=DOUBTS))
        yield chat


def connect(chain: Audited, server: ChatServer | None) -> Audited:
    """The audit with a language model in its environment, or with none."""
    known = {"openai_api_key": SecretStr(KEY), "openai_base_url": server.base_url} if server else {}
    nothing = dict.fromkeys(("openai_api_key", "anthropic_api_key", "openai_base_url"))
    settings = chain.bench.settings.model_copy(update={**nothing, **known})
    bench = replace(chain.bench, settings=settings, definitions=build_definitions(settings))
    return replace(chain, bench=bench)


def ask(chain: Audited, **settings: Any) -> RunOutcome:
    """Materialize what is out of date with these settings of the second opinion."""
    name = chain.bench.family.name
    config = run_config_of(name)
    config["ops"][f"{name}__ai_summary"] = {"config": {"use_ai": False}}
    said = {"share_examples": True, "model": "local", "max_rows": N_ASKED, "retries": 0, **settings}
    config["ops"][f"{name}__second_opinion"] = {"config": said}
    return chain.bench.materialize(MODEL, chain.audit.partitions[MODEL], config)


@contextmanager
def open_rows(chain: Audited) -> Iterator[tuple[ReviewedRows, Ledger]]:
    """The rows of an audit and its ledger, as the commands open them."""
    with open_ledger_of(chain.bench.settings) as ledger:
        yield ReviewedRows(get_dataset(chain.audit.dataset), chain.read("raw_dataset")), ledger


def find_stale(chain: Audited) -> dict[str, str]:
    bench, partition = chain.bench, chain.audit.partitions[MODEL]
    stale = find_stale_assets(bench.instance, bench.family, MODEL, partition, {}, bench.settings)
    return {key.path[-1]: reason for key, reason in stale.items()}


def read_check(chain: Audited) -> Any:
    family = chain.bench.family
    outcomes = read_latest_checks(
        chain.bench.instance, family, family.key("second_opinion"), chain.audit.partitions[MODEL]
    )
    return next(outcome for outcome in outcomes if outcome.check == verdicts_are_there_as_asked.name)


def name_rows(chain: Audited) -> pd.DataFrame:
    dataset = get_dataset(chain.audit.dataset)
    rows = name_audited_rows(ReviewedRows(dataset, chain.read("raw_dataset")), chain.read("label_issues"))
    return rows[rows["is_label_issue"]].sort_values("rank")


@pytest.mark.parametrize("family", mark_slow([family.name for family in FAMILIES]))
def test_nobody_is_asked_unless_the_settings_say_so(audits: Audits, family: str) -> None:
    chain = audits[family]
    facts, table = chain.facts("second_opinion"), chain.read("second_opinion")
    assert len(table) == 0
    assert facts.nobody_asked == chain.latest("second_opinion").metadata[NOBODY_ASKED].value == NOT_SHARED
    assert chain.read("opinion_agreement").n_verdicts == 0
    assert "second_opinion" not in find_stale(chain)


@pytest.mark.parametrize("family", mark_slow([family.name for family in FAMILIES]))
def test_rows_of_every_family_are_asked_of_or_it_is_said_why_not(
    audits: Audits, family: str, server: ChatServer
) -> None:
    """The step itself, on the stored results of the audit; what it keeps goes into a database in memory."""
    chain = audits[family]
    dataset, raw = get_dataset(chain.audit.dataset), chain.result("raw_dataset")
    label: Any = 1.0 if dataset.numeric_label else dataset.class_names[0]
    if dataset.label_separator:
        label = [label]
    server.answer(Reply(prose=DOUBTS | {"likeliest_label": label}))
    settings = chain.bench.settings.model_copy(
        update={"openai_base_url": server.base_url, "ledger_url": SecretStr("sqlite://")}
    )
    resources = type("Resources", (), {"settings": settings})
    context: Any = type("Context", (), {"dataset": dataset, "dagster": type("Dagster", (), {"resources": resources})})
    asked = SecondOpinionSettings(share_examples=True, model="local", max_rows=3)
    result = second_opinion.run(context, asked, raw, chain.result("label_issues"))
    shown = result.show()
    if result.value.empty:
        assert "not offered for" in str(shown[NOT_OFFERED])
        assert NOBODY_ASKED not in shown
        assert server.requests == []
    else:
        assert set(result.value["outcome"]) == {"verdict"}
        assert len(server.requests) == len(result.value) == 3


def test_the_first_flagged_rows_are_asked_of_once_and_their_verdicts_kept(
    chain: Audited, server: ChatServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that fails, then one that answers, then bounds, then decisions: in one test, for its time."""
    connected = connect(chain, server)
    flagged = name_rows(chain)
    assert len(flagged) > N_ASKED
    _check_failure(connected, server)
    _check_verdicts(connected, server, flagged)
    _check_nothing_is_asked_twice(connected, server)
    told = _check_decisions(connected, flagged)

    monkeypatch.setattr(cli_reviews, "open_instance", lambda: nullcontext(chain.bench.instance))
    monkeypatch.setattr(cli_reviews, "open_rows", lambda *_: open_rows(connected))
    cli_reviews.decisions(get_dataset(chain.audit.dataset).name, family_name=chain.bench.family.name, output=None)
    assert told in " ".join(capsys.readouterr().out.split())


def _check_failure(chain: Audited, server: ChatServer) -> None:
    """It ends with an error that says what to do; what follows from the audit is there, and paid verdicts are kept."""
    server.answer(*[Reply(prose=DOUBTS)] * 4, Reply(status=500, body=f"wrong key {KEY}".encode()))
    outcome = ask(chain)
    assert not outcome.success
    assert "answered with status 500" in str(outcome.error)
    assert "after 4 others, whose answers are kept" in str(outcome.error)
    assert KEY not in str(outcome.error)
    assert set(find_stale(chain)) <= {"second_opinion", "opinion_agreement"}


def _check_verdicts(chain: Audited, server: ChatServer, flagged: pd.DataFrame) -> None:
    """The next run goes on; the rows are the worst, and nothing tells what the audit suggests."""
    server.answer(Reply(prose=DOUBTS))
    n_before = len(server.requests)
    assert ask(chain).success
    assert len(server.requests) - n_before == N_ASKED - 4
    table, facts = chain.read("second_opinion"), chain.facts("second_opinion")
    assert list(table["row_key"]) == list(flagged["row_key"][:N_ASKED])
    assert set(table["outcome"]) == {"verdict"}
    assert (facts.language_model, facts.nobody_asked, facts.stopped) == ("local", "", "")
    metadata = chain.latest("second_opinion").metadata
    assert (metadata["asked_now"].value, metadata["tokens_read"].value) == (N_ASKED - 4, 100 * (N_ASKED - 4))
    assert read_check(chain).passed
    assert KEY not in json.dumps(table.astype(str).to_dict("records")) + facts.model_dump_json()
    rows = ReviewedRows(get_dataset(chain.audit.dataset), chain.read("raw_dataset"))
    with open_opinion_cache_of(chain.bench.settings, dataset=rows.dataset.name, language_model="local") as cache:
        assert {key for key, _ in cache.read()} == set(table["row_key"])
    assert find_stale(chain) == {}


def _check_nothing_is_asked_twice(chain: Audited, server: ChatServer) -> None:
    """More rows with a bound that none of them fits: what is kept is there, and of the rest it is said why not."""
    n_before = len(server.requests)
    assert ask(chain, max_rows=N_ASKED + 2, max_tokens=1).success
    assert len(server.requests) == n_before
    table = chain.read("second_opinion")
    assert list(table["outcome"]) == ["verdict"] * N_ASKED + ["not asked"] * 2
    stopped = chain.latest("second_opinion").metadata["stopped"].value
    assert str(stopped).startswith("stopped at a bound: 0 of max_tokens = 1")
    check = read_check(chain)
    assert not check.passed
    assert "2 not asked; stopped at a bound" in check.description
    assert find_stale(chain) == {}, "no run spends more by itself"


def _check_decisions(chain: Audited, flagged: pd.DataFrame) -> str:
    """Decisions make the agreement out of date, and no opinion; planted errors are of another label and left out."""
    issues = chain.read("label_issues").set_index("row_id")
    is_planted = issues.loc[flagged["row_id"], "planted_error"].to_numpy(dtype=bool)
    asked, raw = flagged.head(N_ASKED), chain.read("raw_dataset")
    own = asked["row_key"][~is_planted[:N_ASKED]]
    rows = ReviewedRows(get_dataset(chain.audit.dataset), raw)
    with open_ledger_of(chain.bench.settings) as ledger:
        ledger.decide([rows.decide(key, "given is right", reviewer="ann") for key in asked["row_key"]])
    assert {"opinion_agreement", "review_statistics"} <= find_stale(chain).keys()
    assert "second_opinion" not in find_stale(chain)
    assert ask(chain, max_rows=N_ASKED + 2, max_tokens=1).success
    found = chain.read("opinion_agreement")
    assert (found.n_verdicts, found.n_rows, found.n_agree) == (len(own), len(own), len(own))
    assert not found.may_order
    return describe_agreement(found)[0]


def test_a_language_model_that_is_configured_later_is_asked_then(audits: Audits, server: ChatServer) -> None:
    chain = connect(audits.make("classification"), None)
    assert ask(chain, model=None).success
    facts = chain.facts("second_opinion")
    assert facts.nobody_asked == NOT_CONFIGURED
    assert not read_check(chain).passed
    assert "second_opinion" not in find_stale(chain)
    stale = find_stale(connect(chain, server))
    assert stale["second_opinion"] == "nobody was asked for a second opinion, a language model can be asked now"


def test_money_is_bounded_by_prices_of_the_user(chain: Audited) -> None:
    step = f"{chain.bench.family.name}__second_opinion"
    with pytest.raises(RunConfigError, match="max_cost: found no prices, expected input_price and output_price"):
        resolve_configs(chain.bench.family, {"ops": {step: {"config": {"max_cost": 1.0}}}})


@pytest.mark.parametrize(
    ("outcomes", "nobody_asked", "passed"),
    [
        (["verdict", "verdict"], "", True),
        (["verdict", "no verdict"], "", False),
        (["verdict", "not asked"], "", False),
        ([], NOT_SHARED, True),
        ([], "no label is flagged", True),
        ([], NOT_CONFIGURED, False),
    ],
)
def test_the_check_warns_where_verdicts_were_asked_for_and_are_not_there(
    outcomes: list[str], nobody_asked: str, *, passed: bool
) -> None:
    import pandas as pd

    from cleanlab_assets.methods.result import Result

    facts = SecondOpinionFacts(language_model="", nobody_asked=nobody_asked, stopped="", notes=[])
    context: StepContext | Any = None
    found = verdicts_are_there_as_asked.run(
        context, Result(value=pd.DataFrame({"outcome": pd.Series(outcomes, dtype=object)}), facts=facts)
    )
    assert found.passed == passed
