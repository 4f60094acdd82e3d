"""How a result came to be: config, seed, input versions, library versions and duration, and the hash of its content."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets import __version__
from cleanlab_assets.orchestration.datasets import get_dataset

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVENANCE = "provenance"
"""Name of the metadata entry, and of the place in each file, that holds the provenance."""
_RECORDED_LIBRARIES = ("cleanlab", "scikit-learn", "pandas", "numpy", "faiss-cpu", "dagster")


class Provenance(BaseModel):
    """The record that every artifact carries, in its file and in its materialization."""

    model_config = ConfigDict(frozen=True)

    asset: str
    partition: str
    code_version: str
    run_id: str
    config: dict[str, Any]
    inputs: dict[str, str]
    """Data versions of the upstream assets."""
    catalogue_hash: str
    """What the catalogue said of the dataset, see ``catalogue_hash``."""
    telling_hash: str = ""
    """What the catalogue said of it to people and to gates, see ``telling_hash``."""
    data_hash: str
    versions: dict[str, str]
    started: str
    seconds: float


@cache
def library_versions() -> dict[str, str]:
    """Versions of the package, Python and the libraries that decide the results."""
    libraries = {name: version(name) for name in _RECORDED_LIBRARIES}
    return {"cleanlab_assets": __version__, "python": platform.python_version(), **libraries}


def catalogue_hash(dataset: str) -> str:
    """Hash what the catalogue says of a dataset and a result depends on: files, columns, label and class names.

    Thresholds of gates and texts for people are left out, see ``telling_hash``. What only some datasets have counts
    where it is set, so that it changes no hash of the others.
    """
    entry = get_dataset(dataset)
    content = [
        [[file.name, file.sha256] for file in entry.files],
        [asdict(column) | {"description": ""} for column in entry.columns],
        entry.label,
        entry.class_names,
    ]
    if entry.numeric_label is not None:
        content.append(asdict(entry.numeric_label))
    if entry.time_column is not None:
        content.append({"time_column": entry.time_column, "time_block": entry.time_block})
    if entry.label_separator is not None:
        content.append({"label_separator": entry.label_separator})
    if entry.panel is not None:
        content.append(asdict(entry.panel))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def telling_hash(dataset: str) -> str:
    """Hash what the catalogue says of a dataset that results only tell: its title and the thresholds of its gates."""
    entry = get_dataset(dataset)
    return hashlib.sha256(json.dumps([entry.title, asdict(entry.gates)]).encode()).hexdigest()[:16]


def hash_content(value: Any, config: Mapping[str, Any]) -> str:
    """Hash a result together with the config that made it: equal hashes mean that nothing changed.

    Args:
        value: a table (values and columns; ``attrs`` are left out), a pydantic model, a text, or any object with a
            ``content_hash`` method, which is asked first.
        config: settings of the step.

    Returns:
        The first 16 hex digits of a SHA-256.

    Raises:
        TypeError: there is no rule for a value of this type.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    if hasattr(value, "content_hash"):
        digest.update(value.content_hash().encode())
    elif isinstance(value, pd.DataFrame):
        schema = [[str(name), str(dtype), _categories(dtype)] for name, dtype in value.dtypes.items()]
        digest.update(json.dumps(schema).encode())
        digest.update(pd.util.hash_pandas_object(value, index=False).to_numpy().tobytes())
    elif isinstance(value, BaseModel):
        digest.update(value.model_dump_json().encode())
    elif isinstance(value, str):
        digest.update(value.encode())
    else:
        raise TypeError(f"cannot hash a {type(value).__name__}")
    return digest.hexdigest()[:16]


def _categories(dtype: Any) -> list[str]:
    """Categories of a categorical column, whose order is that of the classes; none for other columns."""
    return [str(name) for name in dtype.categories] if isinstance(dtype, pd.CategoricalDtype) else []
