"""What a ``dataset.toml`` says of a user's own dataset, and what a form of data makes of it; see ``own_datasets``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

DESCRIPTION_FILE = "dataset.toml"


class OwnDatasetError(ValueError):
    """A ``dataset.toml`` that does not describe a dataset; the message names the file, the field and what it holds."""


class OwnDataset(BaseModel):
    """What a ``dataset.toml`` says. ``name`` is that of its folder; ``options`` are for the form to read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    family: str
    format: str
    title: str = ""
    description: str = "The user's own data."
    licence: str = "not stated"
    homepage: str = ""
    citation: str = ""
    class_names: tuple[str, ...] = ()
    files: dict[str, str] = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)

    def to_dataset(self, **known: Any) -> Dataset:
        """Make the catalogue entry; ``known`` are the fields of ``Dataset`` that the form of the data decides."""
        from cleanlab_assets.datasets.dataset import Dataset

        said = ("name", "description", "homepage", "licence", "citation")
        return Dataset(
            **{name: getattr(self, name) for name in said},
            title=self.title or self.name,
            families=(self.family,),
            expected_rows=None,
            **known,
        )


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form of data: its name, the task families it can hold, and how it makes a catalogue entry.

    ``describe`` takes the description and the folder, and raises ``OwnDatasetError`` for what the form cannot hold.
    """

    name: str
    families: tuple[str, ...]
    describe: Callable[[OwnDataset, Path], Dataset]
