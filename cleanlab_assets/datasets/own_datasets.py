"""The user's own datasets: folders of the data directory with a ``dataset.toml`` that says what lies beside it.

``<data dir>/<name>/dataset.toml`` makes a catalogue entry of that name. It states the task family, the form of the
files, the files by their role, and what people should know of the data::

    family = "token_classification"
    format = "conllu"
    title = "Support tickets"
    class_names = ["NOUN", "VERB", "OTHER"]

    [files]
    train = "train.conllu"

A form is one module of ``datasets.formats`` that defines ``FORMAT``; it turns the description into an entry.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import cleanlab_assets.datasets.formats
from cleanlab_assets.discovery import find_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

DESCRIPTION_FILE = "dataset.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


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


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form of data: its name, the task families it can hold, and how it makes a catalogue entry.

    ``describe`` takes the description and the folder, and raises ``OwnDatasetError`` for what the form cannot hold.
    """

    name: str
    families: tuple[str, ...]
    describe: Callable[[OwnDataset, Path], Dataset]


def all_formats() -> Mapping[str, Format]:
    """Return every form by name."""
    return find_entries(cleanlab_assets.datasets.formats, "FORMAT", Format)


def find_own_datasets(data_dir: Path) -> dict[str, Dataset]:
    """Return the user's own datasets by name, in alphabetical order; empty where there is no data directory.

    Raises:
        OwnDatasetError: a description is not readable, or says what its form cannot hold.
    """
    descriptions = sorted(data_dir.glob(f"*/{DESCRIPTION_FILE}"))
    if not descriptions:
        return {}
    formats = all_formats()
    return {path.parent.name: _read_description(path, formats) for path in descriptions}


def _read_description(path: Path, formats: Mapping[str, Format]) -> Dataset:
    name = path.parent.name
    if not _NAME.fullmatch(name):
        raise OwnDatasetError(
            f"{path}: a dataset has the name of its folder, found {name!r}, "
            "expected small letters, digits and underscores, a letter first"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if "name" in content:
            raise OwnDatasetError(f"{path}: name: found {content['name']!r}, but a dataset has the name of its folder")
        said = OwnDataset(name=name, **content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OwnDatasetError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise OwnDatasetError(f"{path}: {field}: {first['msg']}, found {first['input']!r}") from error
    if said.format not in formats:
        raise OwnDatasetError(f"{path}: format: found {said.format!r}, expected one of {', '.join(formats) or 'none'}")
    form = formats[said.format]
    if said.family not in form.families:
        raise OwnDatasetError(
            f"{path}: family: found {said.family!r}, expected one that {form.name} can hold: {', '.join(form.families)}"
        )
    for role, file in said.files.items():
        if not (path.parent / file).resolve().is_relative_to(path.parent.resolve()):
            raise OwnDatasetError(f"{path}: files.{role}: found {file!r}, expected a file of the same folder")
    return form.describe(said, path.parent)
