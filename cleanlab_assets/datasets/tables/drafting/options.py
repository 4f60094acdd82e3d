"""How a table is written and read: delimiters, marks, dates, and what turns texts and pictures into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.tables.delimited import Dialect, name_delimiter
from cleanlab_assets.datasets.tables.drafting.drafts import Entry, Request
from cleanlab_assets.datasets.weights import WEIGHTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.tables.description import Options
    from cleanlab_assets.datasets.tables.inference import Inference
    from cleanlab_assets.datasets.tables.profiles import ColumnProfile


def describe_options(
    request: Request, dialect: Dialect | None, options: Options, decimal: str, *, is_new: bool
) -> list[Entry]:
    """Describe how the text of the table is written; what was described before stays."""
    if not is_new:
        said = options.model_dump(exclude_defaults=True) | {
            "whole_numbers": None,
            "number_marks": None,
            "date_format": None,
        }
        entries = [Entry(("options", name), value) for name, value in said.items() if value is not None]
        entries += [Entry(("options", "date_format", name), text) for name, text in options.date_format.items()]
    else:
        entries = []
        if dialect is not None and dialect.delimiter != ",":
            reason = f"{name_delimiter(dialect.delimiter)} stands between fields"
            entries.append(Entry(("options", "delimiter"), dialect.delimiter, reason))
        if dialect is not None and dialect.quote != '"':
            entries.append(Entry(("options", "quote"), dialect.quote, "stands around fields"))
        if dialect is not None and dialect.escape is not None:
            entries.append(Entry(("options", "escape"), dialect.escape, "stands before quotes within fields"))
        if decimal != ".":
            entries.append(Entry(("options", "decimal"), decimal, "stands before the fraction of numbers"))
    changed = {"separator": request.separator, "sheet": request.sheet}
    changed |= {
        f"{kind}_encoder": encoder
        for kind, encoder in (("text", request.text_encoder), ("picture", request.picture_encoder))
        if kind in options.encoders
    }
    for name, value in changed.items():
        if value is not None:
            entries = [entry for entry in entries if entry.place != ("options", name)]
            entries.append(Entry(("options", name), value, "you said so"))
    return entries


def describe_encoders(
    request: Request, options: Options, features: Mapping[str, Inference], data_dir: Path
) -> list[Entry]:
    """Say what turns texts and pictures into vectors, where there are some."""
    kinds = {found.kind for found in features.values()}
    said = {"text": request.text_encoder, "picture": request.picture_encoder}
    entries = []
    for kind in EMBEDDED_KINDS:
        if kind in kinds and kind not in options.encoders:
            if said[kind] is not None:
                entries.append(Entry(("options", f"{kind}_encoder"), said[kind], "you said so"))
            elif kind == "picture":  # for what depends on the machine the description decides
                entries.append(Entry(("options", "picture_encoder"), *choose_picture_encoder(data_dir)))
    return entries


def choose_picture_encoder(data_dir: Path) -> tuple[str, str]:
    """Return what turns pictures into vectors, and why: a published network where its weights are at hand."""
    if any((data_dir / WEIGHTS_FOLDER).glob("resnet18-*.pth")):
        return "resnet18", f"its published weights are in {data_dir / WEIGHTS_FOLDER}"
    return "patches", "it needs no download; resnet18 takes published weights"


def describe_number_marks(
    options: Options, profiles: Mapping[str, ColumnProfile], numbers: Collection[str]
) -> list[Entry]:
    """Say what stands before or behind the numbers of columns, such as $ or %; what was described before stays."""
    found = {name: profile.mark for name, profile in profiles.items() if profile.mark and name in numbers}
    marks = found | options.number_marks
    why = "stands before or behind each number, and is left out"
    return [Entry(("options", "number_marks", name), mark, why) for name, mark in marks.items()]


def describe_date_formats(profiles: Sequence[ColumnProfile]) -> tuple[list[Entry], list[str]]:
    """Say how dates that are texts are written, with a note of those whose day and month can change places."""
    formats = {profile.name: profile.date_format for profile in profiles if profile.date_format is not None}
    notes = [
        f"column {quote(name)}: dates are read as {found.text}, but may be {found.other}: to read them so, change "
        "date_format under [options]"
        for name, found in formats.items()
        if found.other is not None
    ]
    why = "%d is the day, %m the month"
    return [Entry(("options", "date_format", name), found.text, why) for name, found in formats.items()], notes
