"""What a step of a chain gives: its value, what later steps and readers must know of it, and how it came to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cleanlab_assets.methods.shown import Shown

T_co = TypeVar("T_co", covariant=True)
F_co = TypeVar("F_co", bound="Facts", covariant=True)


class Facts(BaseModel):
    """What belongs to a value and is no part of it, such as the seed or the cross-validated metrics.

    Facts are stored with the value and are part of its content hash: they hold only what equal input, settings, code
    and library versions determine. Durations, times and the run belong to the provenance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class NoFacts(Facts):
    """The facts of a value that says everything by itself."""


class Provenance(BaseModel):
    """How a stored result came to be: the record in its file and in its materialization."""

    model_config = ConfigDict(frozen=True)

    asset: str
    partition: str
    code_version: str
    run_id: str
    config: dict[str, Any]
    inputs: dict[str, str]
    """Data versions of the upstream assets."""
    catalogue_hash: str
    """Hash of what the catalogue says of the dataset and a result depends on."""
    display_hash: str = ""
    """Hash of what the catalogue says of the dataset to people and to gates."""
    data_hash: str
    versions: dict[str, str]
    started: str
    seconds: float
    durations: dict[str, float] = Field(default_factory=dict)
    """Seconds of the parts of the step that it measures, such as the fits of its models."""


def show_nothing() -> Mapping[str, Shown]:
    """Show no figures."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Result(Generic[T_co, F_co]):
    """The result of a step.

    Attributes:
        value: Table, model, page or pydantic model.
        facts: What later steps and readers must know of the value.
        durations: Seconds of parts of the step, such as ``fit_seconds``; in the provenance once the result is stored.
        show: Draws the figures, tables and plots that people see beside the value; called only where somebody looks.
        provenance: How the value came to be; None until it is stored.
    """

    value: T_co
    facts: F_co
    durations: Mapping[str, float] = field(default_factory=dict)
    show: Callable[[], Mapping[str, Shown]] = show_nothing
    provenance: Provenance | None = None

    @property
    def origin(self) -> Provenance:
        """The provenance of a stored result.

        Raises:
            ValueError: the result was not stored yet.
        """
        if self.provenance is None:
            raise ValueError("this result was not stored yet: it has no provenance")
        return self.provenance
