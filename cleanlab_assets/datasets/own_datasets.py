"""The user's own datasets: folders of the data directory with a ``dataset.toml`` that says what lies beside it.

``<data dir>/<name>/dataset.toml`` makes a catalogue entry of that name. It states the task family, the form of the
files, the files by their role, and what people should know of the data::

    family = "token_classification"
    format = "conllu"
    title = "Support tickets"
    class_names = ["NOUN", "VERB", "OTHER"]
    encoding = "latin-1"

    [files]
    train = "train.conllu"

A form is one module of ``datasets.formats`` that defines ``FORMAT``; it turns the description into an entry.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import PurePath
from textwrap import shorten
from typing import TYPE_CHECKING

from pydantic import ValidationError

import cleanlab_assets.datasets.formats
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDataset, OwnDatasetError, tell_fault
from cleanlab_assets.datasets.errors import UnreadableInputError, cut, quote
from cleanlab_assets.datasets.folders import lies_within
from cleanlab_assets.datasets.text_files import read_text
from cleanlab_assets.discovery import find_entries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

LONGEST_REASON = 300
LONGEST_FILE_NAME = 255
"""Most bytes of the name of a file or folder that usual file systems take."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,199}")


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
        return _describe(path, formats)
    except OwnDatasetError as error:
        return error
    except UnreadableInputError as error:  # it begins with the name of a file of the folder
        return OwnDatasetError(f"{path.parent}/{error}")
    except OSError as error:
        return OwnDatasetError(f"{error.filename or path}: cannot be read: {error.strerror or error}")
    except RecursionError:
        return OwnDatasetError(f"{path}: is nested too deep")
    except (ValueError, TypeError) as error:  # what the readers of TOML and of the form say of a value
        return OwnDatasetError(f"{path}: {shorten(str(error), LONGEST_REASON, placeholder=' …')}")


def is_dataset_name(name: str) -> bool:
    """Whether a folder may have the name, which is that of its dataset."""
    return _NAME.fullmatch(name) is not None


def read_description(path: Path) -> OwnDataset:
    """Read what a ``dataset.toml`` says, whatever its form makes of it.

    Raises:
        OwnDatasetError: the file is no description.
        UnreadableInputError: the file is no text.
    """
    name = path.parent.name
    if not is_dataset_name(name):
        raise OwnDatasetError(
            f"{path}: the folder name is the dataset name: found {quote(name)}, "
            "expected lower-case letters, digits and underscores, starting with a letter"
        )
    try:
        content = tomllib.loads(read_text(path, "utf-8"))
        if "name" in content:
            found = quote(content["name"])
            raise OwnDatasetError(f"{path}: name: found {found}, but the folder name is the dataset name")
        return OwnDataset(name=name, **content)
    except tomllib.TOMLDecodeError as error:
        raise OwnDatasetError(f"{path} is not TOML: {cut(str(error), LONGEST_REASON)}") from error
    except ValidationError as error:
        raise OwnDatasetError(f"{path}: {tell_fault(error)}") from error


def _describe(path: Path, formats: Mapping[str, Format]) -> Dataset:
    description = read_description(path)
    if description.format not in formats:
        raise OwnDatasetError(
            f"{path}: format: found {quote(description.format)}, expected one of {', '.join(formats) or 'none'}"
        )
    form = formats[description.format]
    if description.family not in form.families:
        raise OwnDatasetError(
            f"{path}: family: found {quote(description.family)}, expected one that {form.name} supports: "
            f"{', '.join(form.families)}"
        )
    if description.columns and not form.is_table:
        raise OwnDatasetError(
            f"{path}: columns: found {', '.join(description.columns)}, which {form.name} does not read"
        )
    for section, is_read in (("predictions", form.takes_predictions), ("features", form.is_table)):
        if getattr(description, section) and not is_read:
            raise OwnDatasetError(f"{path}: {section}: found this section, which {form.name} does not read")
    if description.own_models and not form.takes_models:
        raise OwnDatasetError(
            f"{path}: models: found {', '.join(description.own_models)}, but data of the form {form.name} takes no "
            "model of your own; tables and folders of pictures do"
        )
    for role, file in description.files.items():
        said = f"{path}: files.{cut(role)}: found {quote(file)}"
        if not form.lies_anywhere and not lies_within(file, path.parent):
            raise OwnDatasetError(f"{said}, expected a file in the same folder; a link in it may lead elsewhere")
        if any(len(os.fsencode(part)) > LONGEST_FILE_NAME for part in PurePath(file).parts):
            raise OwnDatasetError(f"{said}, expected a name of at most {LONGEST_FILE_NAME} bytes")
    dataset = form.describe(description, path.parent)
    _require_known_classes(description, dataset, path)
    return dataset


def _require_known_classes(description: OwnDataset, dataset: Dataset, path: Path) -> None:
    """Refuse a description of a class that the dataset does not have."""
    if unknown := [name for name in description.class_descriptions if name not in dataset.class_names]:
        raise OwnDatasetError(
            f"{path}: class_descriptions: found {quote(unknown[0])}, expected a class of the dataset: "
            f"{cut(', '.join(dataset.class_names) or 'it has none', LONGEST_REASON)}"
        )
