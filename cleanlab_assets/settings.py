"""Environment and ``.env`` to typed settings. Nothing is read at import."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def project_root() -> Path:
    """Return the directory that holds ``pyproject.toml`` beside this package, or else the working directory."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


class Settings(BaseSettings):
    """Settings of the code location, from ``CLEANLAB_DEMO_*`` variables or ``.env`` at the project root.

    Relative directories are taken from the project root, wherever a command is started.
    """

    model_config = SettingsConfigDict(env_prefix="CLEANLAB_DEMO_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path("data"), description="Downloaded source files: <data_dir>/<dataset>/<file>.")
    artifacts_dir: str = Field("artifacts", description="Directory or fsspec address (s3://...) of all results.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    executor: Literal["in_process", "multiprocess"] = "in_process"
    gate_severity: Literal["warn", "error"] = Field("warn", description="Severity of the data-quality gates.")
    openai_api_key: SecretStr | None = None
    anthropic_api_key: SecretStr | None = None

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
        pydantic.ValidationError: a variable has a value that is not allowed; the message names it.
    """
    return Settings(_env_file=project_root() / ".env")
