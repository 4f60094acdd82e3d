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
from textwrap import shorten
from typing import TYPE_CHECKING

from pydantic import ValidationError

import cleanlab_assets.datasets.formats
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDataset, OwnDatasetError
from cleanlab_assets.discovery import find_entries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

LONGEST_REASON = 300
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def all_formats() -> Mapping[str, Format]:
    """Return every form by name."""
    return find_entries(cleanlab_assets.datasets.formats, "FORMAT", Format)


def find_own_datasets(data_dir: Path) -> dict[str, Dataset | OwnDatasetError]:
    """Return the user's own datasets by name, in alphabetical order; empty where there is no data directory.

    In place of one that cannot be described stands the error that says why: it concerns nobody but who asks for it.
    """
    descriptions = sorted(data_dir.glob(f"*/{DESCRIPTION_FILE}"))
    if not descriptions:
        return {}
    formats = all_formats()
    return {path.parent.name: _try_to_read(path, formats) for path in descriptions}


def _try_to_read(path: Path, formats: Mapping[str, Format]) -> Dataset | OwnDatasetError:
    try:
        return _read_description(path, formats)
    except OwnDatasetError as error:
        return error
    except OSError as error:
        return OwnDatasetError(f"{error.filename or path}: cannot be read: {error.strerror or error}")
    except RecursionError:
        return OwnDatasetError(f"{path}: is nested too deep")
    except (ValueError, TypeError) as error:  # what the readers of TOML and of the form say of a value
        return OwnDatasetError(f"{path}: {shorten(str(error), LONGEST_REASON, placeholder=' …')}")


def _read_description(path: Path, formats: Mapping[str, Format]) -> Dataset:
    name = path.parent.name
    if not _NAME.fullmatch(name):
        raise OwnDatasetError(
            f"{path}: the folder name is the dataset name: found {name!r}, "
            "expected lower-case letters, digits and underscores, starting with a letter"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if "name" in content:
            raise OwnDatasetError(f"{path}: name: found {content['name']!r}, but the folder name is the dataset name")
        description = OwnDataset(name=name, **content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OwnDatasetError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise OwnDatasetError(f"{path}: {field}: {first['msg']}, found {first['input']!r}") from error
    if description.format not in formats:
        raise OwnDatasetError(
            f"{path}: format: found {description.format!r}, expected one of {', '.join(formats) or 'none'}"
        )
    form = formats[description.format]
    if description.family not in form.families:
        raise OwnDatasetError(
            f"{path}: family: found {description.family!r}, expected one that {form.name} supports: "
            f"{', '.join(form.families)}"
        )
    for role, file in description.files.items():
        if not (path.parent / file).resolve().is_relative_to(path.parent.resolve()):
            raise OwnDatasetError(f"{path}: files.{role}: found {file!r}, expected a file in the same folder")
    return form.describe(description, path.parent)
