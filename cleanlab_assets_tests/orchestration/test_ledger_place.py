"""Where the ledger lies, and what is said where none can be kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from pydantic import SecretStr

from cleanlab_assets.methods.result import Result
from cleanlab_assets.orchestration.issue_changes import IssueChangesFacts, no_new_label_issues
from cleanlab_assets.orchestration.reviews import LEDGER_FILE, explain_no_ledger, has_ledger, open_audit_history_of
from cleanlab_assets.reviews.audit_history import Audited
from cleanlab_assets.reviews.changes import CHANGES
from cleanlab_assets.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

AUDITED = Audited("classification", "tickets", "knn")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data").mkdir()
    return Settings(data_dir=tmp_path / "data", artifacts_dir=str(tmp_path / "artifacts"))


def test_audits_are_kept_in_the_data_directory(settings: Settings) -> None:
    assert explain_no_ledger(settings) == ""
    with open_audit_history_of(settings) as history:
        assert history.read(AUDITED) == []
    assert (settings.data_dir / LEDGER_FILE).is_file()


def test_a_data_directory_that_may_not_be_written_keeps_nothing_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser, whom tests often run as, may write anywhere: the system's answer is made up."""
    monkeypatch.setattr(os, "access", lambda path, mode: not (mode & os.W_OK and str(path) == str(settings.data_dir)))
    why = explain_no_ledger(settings)
    assert str(settings.data_dir) in why
    assert "CLEANLAB_DEMO_LEDGER_URL" in why
    with open_audit_history_of(settings) as history:
        assert history.read(AUDITED) == []
    assert list(settings.data_dir.iterdir()) == []

    facts = IssueChangesFacts(
        changes=dict.fromkeys(CHANGES, 0),
        n_audited=9,
        limit=0,
        base_flagged=None,
        is_base_accepted=False,
        rule_changes=[],
        not_kept=why,
    )
    found = no_new_label_issues.run(None, Result(value=pd.DataFrame(), facts=facts))
    assert found.description == f"this audit is compared with none, and not kept: {why}"


def test_a_named_database_is_used_whatever_the_data_directory_allows(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    address = SecretStr(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    named = Settings(data_dir=settings.data_dir, artifacts_dir=settings.artifacts_dir, ledger_url=address)
    assert explain_no_ledger(named) == ""
    with open_audit_history_of(named):
        pass
    assert (tmp_path / "elsewhere.db").is_file()
    assert has_ledger(named)
