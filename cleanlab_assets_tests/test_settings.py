from __future__ import annotations

import re
from pathlib import Path

import pytest

from cleanlab_assets.settings import Settings, SettingsError, load_settings, project_root


def test_relative_directories_are_taken_from_the_project_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(_env_file=None, data_dir=Path("somewhere"), artifacts_dir="results")
    assert settings.data_dir == project_root() / "somewhere"
    assert settings.artifacts_dir == str(project_root() / "results")


def test_an_address_of_an_object_store_is_left_as_it_is() -> None:
    assert Settings(_env_file=None, artifacts_dir="s3://bucket/prefix").artifacts_dir == "s3://bucket/prefix"


def test_keys_never_show_in_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANLAB_DEMO_OPENAI_API_KEY", "sk-very-secret")
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-very-secret"
    assert "sk-very-secret" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("EXECUTOR", "cluster", "'in_process' or 'multiprocess'"),
        ("GATE_SEVERITY", "fatal", "'warn' or 'error'"),
        ("LOG_LEVEL", "loud", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("EMBEDDED_CRON", "99", "a cron expression such as '0 2 * * *'"),
        ("DOWNLOAD_CRON", "every night", "a cron expression such as '0 2 * * *'"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_its_variable_and_with_what_is(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"CLEANLAB_DEMO_{variable}", value)
    with pytest.raises(SettingsError, match=rf"^CLEANLAB_DEMO_{variable} is '{value}': .*{re.escape(allowed)}$"):
        load_settings()
