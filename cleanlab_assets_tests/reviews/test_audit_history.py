"""What audits leave is kept, once for each, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from cleanlab_assets.reviews import database
from cleanlab_assets.reviews.audit_history import FLAG_COLUMNS, Audited, open_audit_history
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets_tests.reviews.conftest import decide

AUDITED = Audited("toy", "tickets", "knn")
RULE = {"training_set.folds": "5"}


def flag(*keys: str) -> pd.DataFrame:
    rows = [(key, "label", f"tickets.csv:{place}", "ü | a", place / 10) for place, key in enumerate(keys)]
    return pd.DataFrame(rows, columns=list(FLAG_COLUMNS))


def test_an_audit_is_read_back_as_it_was_recorded(ledger_url: str) -> None:
    with open_audit_history(ledger_url) as history:
        made = history.record(AUDITED, flag("1", "2"), data_version="v1", rule=RULE, n_audited=9)
        history.record(AUDITED._replace(model="ridge"), flag("3"), data_version="v1", rule=RULE, n_audited=9)

    with open_audit_history(ledger_url) as history:
        assert history.read(AUDITED) == [made]
        assert (made.data_version, made.rule, made.n_audited, made.n_flagged) == ("v1", RULE, 9, 2)
        pd.testing.assert_frame_equal(history.read_flags(made.number), flag("1", "2"))


def test_a_repeated_audit_is_recorded_once_and_one_that_comes_back_again(ledger_url: str) -> None:
    with open_audit_history(ledger_url) as history:
        for version in ("v1", "v1", "v2", "v2", "v1"):
            history.record(AUDITED, flag("1"), data_version=version, rule=RULE, n_audited=9)
        history.record(AUDITED, flag("1"), data_version="v1", rule={"training_set.folds": "3"}, n_audited=9)
        assert [audit.data_version for audit in history.read(AUDITED)] == ["v1", "v2", "v1", "v1"]


def test_what_was_flagged_before_and_later_was_not_is_found(ledger_url: str) -> None:
    with open_audit_history(ledger_url) as history:
        numbers = [
            history.record(AUDITED, flag(*keys), data_version=f"v{place}", rule=RULE, n_audited=9).number
            for place, keys in enumerate([["1", "2"], ["2", "3"], ["2"], ["1", "2", "3"]])
        ]
        assert history.find_closed(AUDITED, before=numbers[-1]) == {("1", "label"), ("3", "label")}
        assert history.find_closed(AUDITED, before=numbers[1]) == set()


def test_the_audit_that_was_accepted_last_is_the_base(ledger_url: str) -> None:
    with open_audit_history(ledger_url) as history:
        first, second = (
            history.record(AUDITED, flag("1"), data_version=version, rule=RULE, n_audited=9) for version in ("v1", "v2")
        )
        assert history.find_accepted(AUDITED) is None
        history.accept(second.number, reviewer="ann")
        history.accept(first.number, reviewer="bob", note="the one before")
        assert history.find_accepted(AUDITED) == first
        assert history.find_accepted(AUDITED._replace(dataset="other")) is None


def test_audits_at_once_are_recorded_one_after_the_other(ledger_url: str) -> None:
    """Four finish the same audit, and four another one each: that is five audits, each with its flags."""

    def record(place: int) -> int:
        version = "same" if place < 4 else f"v{place}"
        with open_audit_history(ledger_url) as history:  # each makes the tables, too
            return history.record(AUDITED, flag("1", version), data_version=version, rule=RULE, n_audited=9).number

    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(record, range(8)))

    with open_audit_history(ledger_url) as history:
        audits = history.read(AUDITED)
        versions = [audit.data_version for audit in audits]
        assert {audit.number for audit in audits} == set(numbers)
        assert set(versions) == {"same", *(f"v{place}" for place in range(4, 8))}
        assert all(one != other for one, other in pairwise(versions)), "none twice in a row"
        for audit in audits:
            assert history.read_flags(audit.number)["row_key"].tolist() == ["1", audit.data_version]
    with sa.create_engine(ledger_url).connect() as connection:
        follows = sorted(connection.execute(sa.select(database.AUDITS.c.follows)).scalars())
        assert follows == [0, *sorted(audit.number for audit in audits)[:-1]], "each follows the one before it"


@pytest.mark.parametrize("table", ["audits", "audit_findings", "accepted_audits"])
@pytest.mark.parametrize("change", ["UPDATE {} SET audit = 7", "DELETE FROM {}"])
def test_the_database_itself_refuses_changes(ledger_url: str, table: str, change: str) -> None:
    with open_audit_history(ledger_url) as history:
        made = history.record(AUDITED, flag("1"), data_version="v1", rule=RULE, n_audited=9)
        history.accept(made.number, reviewer="ann")
    engine = sa.create_engine(ledger_url)
    asked = change.format(table).replace("audit =", "number =" if table == "audits" else "audit =")

    with pytest.raises(DBAPIError, match="never changed"), engine.begin() as connection:
        connection.exec_driver_sql(asked)

    engine.dispose()


def test_a_ledger_of_before_gets_the_tables_of_audits(ledger_url: str) -> None:
    engine = sa.create_engine(ledger_url)
    database._version.create(engine)
    database.RULES.create(engine)
    database.ENTRIES.create(engine)
    with engine.begin() as connection:
        connection.execute(database._version.insert().values(version=database.VERSION))
    engine.dispose()
    with open_ledger(ledger_url) as ledger:
        ledger.decide([decide()])

    with open_audit_history(ledger_url) as history, open_ledger(ledger_url) as ledger:
        history.record(AUDITED, flag("1"), data_version="v1", rule=RULE, n_audited=9)
        assert [entry.decision for entry in ledger.read("tickets")] == [decide()]
