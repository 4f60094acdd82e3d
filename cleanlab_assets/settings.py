"""Environment and ``.env`` to typed settings. Nothing is read at import."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """A variable of the environment with a value that is not allowed; the message names it in one line."""


def project_root() -> Path:
    """Return the directory that holds ``pyproject.toml`` beside this package, or else the working directory."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def _shared_with_others(name: str, description: str) -> Any:
    """Declare an optional setting that is also read by the name that other programs use, without our prefix."""
    return Field(None, validation_alias=AliasChoices(f"CLEANLAB_DEMO_{name}", name), description=description)


class Settings(BaseSettings):
    """Settings of the code location, from ``CLEANLAB_DEMO_*`` variables or ``.env`` at the project root.

    Relative directories are taken from the project root, wherever a command is started.
    """

    model_config = SettingsConfigDict(env_prefix="CLEANLAB_DEMO_", extra="ignore", frozen=True, populate_by_name=True)

    data_dir: Path = Field(Path("data"), description="Downloaded source files: <data_dir>/<dataset>/<file>.")
    artifacts_dir: str = Field("artifacts", description="Directory or fsspec address (s3://...) of all results.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    executor: Literal["in_process", "multiprocess"] = "in_process"
    gate_severity: Literal["warn", "error"] = Field("warn", description="Severity of the data-quality gates.")
    ledger_url: SecretStr | None = Field(
        None,
        description="Database of the reviewers' decisions: postgresql://user:password@host/database, or "
        "sqlite:////path/ledger.db; ledger.db in the data directory if absent.",
    )
    report_url: str | None = Field(
        None,
        description="Where the review page is reached, such as http://localhost:8321: the web UI then links to it.",
    )
    review_token: SecretStr | None = Field(
        None, description="What who asks the review page must know, in place of a token made at each start."
    )
    openai_api_key: SecretStr | None = _shared_with_others("OPENAI_API_KEY", "Key of OpenAI or of a compatible server.")
    anthropic_api_key: SecretStr | None = _shared_with_others("ANTHROPIC_API_KEY", "Key of Anthropic.")
    openai_base_url: str | None = _shared_with_others(
        "OPENAI_BASE_URL", "Address of an OpenAI-compatible server, such as that of a local model."
    )
    embedded_cron: str = Field("0 2 * * *", description="When the embedded datasets are audited again: cron, UTC.")
    download_cron: str = Field("0 3 * * 0", description="When the downloaded datasets are audited again: cron, UTC.")

    @property
    def has_language_model(self) -> bool:
        """Whether a language model can be asked: a key or the address of a server is set."""
        return any((self.openai_api_key, self.anthropic_api_key, self.openai_base_url))

    @field_validator("embedded_cron", "download_cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        from cleanlab_assets.compat import is_cron_schedule  # imports Dagster: only where a schedule was set

        if not is_cron_schedule(value):
            raise ValueError("expected a cron expression such as '0 2 * * *'")
        return value

    @field_validator("report_url")
    @classmethod
    def _check_report_url(cls, value: str | None) -> str | None:
        if not value:
            return None
        found = urlsplit(value)
        if found.scheme not in {"http", "https"} or not found.hostname or found.username or found.query:
            raise ValueError("expected an address such as http://localhost:8321")
        return value.rstrip("/")

    @field_validator("data_dir")
    @classmethod
    def _resolve_data_dir(cls, value: Path) -> Path:
        return (project_root() / value.expanduser()).resolve()

    @field_validator("artifacts_dir")
    @classmethod
    def _resolve_artifacts_dir(cls, value: str) -> str:
        return value if "://" in value else str((project_root() / Path(value).expanduser()).resolve())


def load_settings() -> Settings:
    """Read the settings afresh.

    Raises:
        SettingsError: a variable has a value that is not allowed.
    """
    try:
        return Settings(_env_file=project_root() / ".env")
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper().removeprefix("CLEANLAB_DEMO_")
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"CLEANLAB_DEMO_{name} is {first['input']!r}: {reason}") from None
