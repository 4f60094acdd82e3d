"""What a ``dataset.toml`` says of a user's own dataset, and what a form of data makes of it; see ``own_datasets``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cleanlab_assets.datasets.errors import UnreadableInputError, cut, quote
from cleanlab_assets.datasets.headers import find_repeated
from cleanlab_assets.datasets.model_references import is_reference, name_own_model, require_reference
from cleanlab_assets.datasets.names import names_to_nfc, to_nfc
from cleanlab_assets.datasets.text_files import is_text_encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.dataset import Dataset

M = TypeVar("M", bound=BaseModel)

DESCRIPTION_FILE = "dataset.toml"


class OwnDatasetError(UnreadableInputError):
    """A ``dataset.toml`` that does not describe a dataset; the message names the file, the field and what it holds."""


class OwnDataset(BaseModel):
    """What a ``dataset.toml`` says.

    ``name`` is that of its folder; ``columns``, ``options``, ``predictions`` and ``features`` are for the form to
    read. ``model`` is that of commands which name none; it, and ``models``, may name functions that build models of the
    user's own, and ``trusted_types`` the types that a stored one of them may hold. ``encoding`` is that of text files
    without a byte order mark, by Python's name of it; UTF-8 if absent. ``sha256`` says by the role of a file what its
    content must be. ``class_descriptions`` says by the name of a class what belongs to it.
    """

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
    class_descriptions: dict[str, str] = Field(default_factory=dict)
    model: str = ""
    models: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    encoding: str | None = None
    files: dict[str, str] = Field(min_length=1)
    sha256: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    predictions: dict[str, Any] = Field(default_factory=dict)
    features: dict[str, Any] = Field(default_factory=dict)

    @field_validator("class_names")
    @classmethod
    def _check_class_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return require_distinct(tuple(map(to_nfc, value)))

    @field_validator("class_descriptions")
    @classmethod
    def _check_class_descriptions(cls, value: dict[str, str]) -> dict[str, str]:
        return {to_nfc(name): text for name, text in value.items()}

    @field_validator("columns")
    @classmethod
    def _check_columns(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: names_to_nfc(said) for name, said in value.items()}

    @field_validator("model")
    @classmethod
    def _check_model(cls, value: str) -> str:
        return require_reference(value) if ":" in value else value

    @field_validator("models")
    @classmethod
    def _check_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return require_distinct(tuple(map(require_reference, value)))

    @field_validator("files")
    @classmethod
    def _check_files(cls, value: dict[str, str]) -> dict[str, str]:
        for role, name in value.items():
            if "\0" in name:
                raise ValueError(f"{role}: found a null character, which no name of a file has")
        return value

    @field_validator("sha256")
    @classmethod
    def _check_sha256(cls, value: dict[str, str]) -> dict[str, str]:
        for role, digits in value.items():
            if re.fullmatch(r"[0-9a-fA-F]{64}", digits) is None:
                raise ValueError(f"{role}: expected the 64 hex digits of a SHA-256")
        return value

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, value: str | None) -> str | None:
        if value is not None and not is_text_encoding(value):
            raise ValueError("expected a text encoding that Python knows, such as latin-1 or cp1252")
        return value

    @property
    def own_models(self) -> tuple[str, ...]:
        """References to every model of the user's own, each once."""
        named = (self.model,) if is_reference(self.model) else ()
        return tuple(dict.fromkeys((*self.models, *named)))

    def to_dataset(self, **known: Any) -> Dataset:
        """Make the catalogue entry; ``known`` are the fields of ``Dataset`` that the form of the data decides."""
        from cleanlab_assets.datasets.dataset import Dataset

        said = ("name", "description", "homepage", "licence", "citation", "encoding", "class_descriptions")
        not_of_the_data = ("title", "model", "models", "trusted_types")
        content = self.model_dump_json(exclude={*said, *not_of_the_data} - {"encoding"})
        return Dataset(
            **{name: getattr(self, name) for name in said},
            title=self.title or self.name,
            families=(self.family,),
            default_model=name_own_model(self.model),
            own_models=self.own_models,
            trusted_types=frozenset(self.trusted_types),
            expected_rows=None,
            description_hash=hashlib.sha256(content.encode()).hexdigest()[:16],
            **known,
        )


def tell_fault(error: ValidationError, *, within: str = "") -> str:
    """Name the first field that a description has wrong, with what it should be and what it is, in one line.

    Args:
        error: what is wrong.
        within: the section of the description, if it is not its top.
    """
    first = error.errors()[0]
    field = ".".join(cut(str(part)) for part in ((within, *first["loc"]) if within else first["loc"]))
    found = f", found {quote(first['input'])}" if first["loc"] else ""  # else it is the whole section
    return f"{field}: {first['msg'].removeprefix('Value error, ')}{found}"


def require_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list in which a name stands twice, by a ``ValueError``; for fields of a description."""
    if (repeated := find_repeated(names)) is not None:
        raise ValueError(f"{quote(repeated)} stands there twice")
    return names


def read_section(model: type[M], said: Mapping[str, Any], name: str, place: Path) -> M:
    """Read a section of a description.

    Args:
        model: what the section may say.
        said: what it says; empty where it is absent.
        name: of the section.
        place: the description.

    Raises:
        OwnDatasetError: a field is unknown or wrong.
    """
    try:
        return model(**said)
    except ValidationError as error:
        raise OwnDatasetError(f"{place}: {tell_fault(error, within=name)}") from error


CorrectedWriter: TypeAlias = "Callable[[OwnDataset, Path, pd.DataFrame], dict[str, bytes]]"


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form of data: its name, the task families it can hold, and how it makes a catalogue entry.

    ``describe`` takes the description and the folder, and raises ``OwnDatasetError`` for what the form cannot hold.
    ``rules`` say what the form reads and what it refuses, with an example: the docstring of its module. ``files`` says
    by its role what each file is, and ``options`` what ``[options]`` may say: its docstring describes every field under
    ``Attributes``. docs/formats.md is made of these.
    ``is_table`` says that columns have roles and kinds; ``lies_anywhere`` that files may lie outside of the folder;
    ``takes_predictions`` that there may be out-of-sample predictions of the user's own, and ``takes_models`` models.
    ``write_corrected`` returns the content of each file by its name, from the description, its folder and a corrected
    dataset; None where files of the form are not written.
    """

    name: str
    families: tuple[str, ...]
    describe: Callable[[OwnDataset, Path], Dataset]
    rules: str | None
    files: Mapping[str, str]
    options: type[BaseModel] | None = None
    is_table: bool = False
    lies_anywhere: bool = False
    takes_predictions: bool = False
    takes_models: bool = False
    write_corrected: CorrectedWriter | None = None
