"""What the user says of a table, and the description that is drafted from it, line by line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import ColumnKind
    from cleanlab_assets.datasets.tables.matrices import Matrix


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user says of a table; what is None or empty is found out, or stays as the description has it.

    Attributes:
        file: the table.
        address: where the file was downloaded from, if it was.
        sha256: what the content of the file must be.
        test_file: the table of the test rows.
        labels: columns of the label, or patterns of them, such as ``tag_*``.
        family: task family.
        separator: what stands between two classes of a label.
        roles: column by role, see ``ROLES``.
        slices: columns by whose values the rate of label issues is told.
        ignore: columns that no model shall see.
        kinds: kind by feature.
        encoding: of text files.
        sheet: of an Excel file.
        predictions: file of the user's own predictions, or these themselves.
        features: file of features such as embeddings, or these themselves.
        text_encoder: turns texts into vectors.
        picture_encoder: turns pictures into vectors.
        is_from_python: whether messages name what the user says as an argument, not as an option of the command.
    """

    file: Path
    address: str = ""
    sha256: str = ""
    test_file: Path | None = None
    labels: tuple[str, ...] = ()
    family: str | None = None
    separator: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    encoding: str | None = None
    sheet: str | None = None
    predictions: Path | Matrix | None = None
    features: Path | Matrix | None = None
    text_encoder: str | None = None
    picture_encoder: str | None = None
    is_from_python: bool = False

    def option(self, name: str, value: str = "") -> str:
        """Return how the user says something: ``--task regression``, or ``task='regression'`` from Python."""
        if self.is_from_python:
            return f"{name}={value!r}" if value else f"{name}="
        return f"--{name.replace('_', '-')} {value}".rstrip()


@dataclass(frozen=True)
class Entry:
    """A line of a description: where it stands, such as ``("columns", "kinds", "age")``, its value and the reason."""

    place: tuple[str, ...]
    value: Any
    reason: str = ""


@dataclass(frozen=True)
class Draft:
    """A description that is not written yet.

    Attributes:
        entries: its lines.
        columns: what each column is taken for, and why, by its name.
        notes: what the user should know beside it.
    """

    entries: tuple[Entry, ...]
    columns: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]

    @property
    def content(self) -> dict[str, Any]:
        """What the description says, section by section."""
        content: dict[str, Any] = {}
        for entry in self.entries:
            section = content
            for name in entry.place[:-1]:
                section = section.setdefault(name, {})
            section[entry.place[-1]] = entry.value
        return content

    def value_of(self, *place: str) -> Any:
        """Return the value of a line, None where there is none."""
        return next((entry.value for entry in self.entries if entry.place == place), None)


def name_file(path: Path, folder: Path) -> str:
    """Return how a description names a file: relative to its folder where it lies within."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as the user named them
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)
