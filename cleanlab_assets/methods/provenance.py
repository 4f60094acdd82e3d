"""How a result came to be: hashes of its content and of its dataset's entry, and the versions of the libraries."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from pydantic import BaseModel

from cleanlab_assets.methods.result import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.result import Result

PROVENANCE = "provenance"
"""Name of the metadata entry, and of the place in each file, that holds the provenance."""
FACTS = "facts"
"""Name of the place in each file that holds the facts of the result."""
NOT_INSTALLED = "not installed"
"""What the provenance says of a library of an extra that is absent."""
_LIBRARIES = ("cleanlab", "scikit-learn", "scipy", "pandas", "numpy", "pyarrow", "skops", "dagster")


class Beginning(NamedTuple):
    """When a step began: the time of day, and a clock that nobody sets."""

    time: datetime
    clock: float

    @classmethod
    def now(cls) -> Beginning:
        """Begin now."""
        return cls(datetime.now(UTC), perf_counter())


def record_provenance(
    result: Result[Any, Any],
    beginning: Beginning,
    *,
    asset: str,
    partition: str,
    code_version: str,
    run_id: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, str],
    dataset: Dataset,
    libraries: tuple[str, ...],
    model_versions: Mapping[str, str],
) -> Result[Any, Any]:
    """Return a result with its provenance.

    Args:
        result: of a step.
        beginning: when the step began.
        asset: family and name of the step.
        partition: dataset and model.
        code_version: of the step.
        run_id: the run of the step.
        config: settings of the step.
        inputs: data versions of what it was made from, by name.
        dataset: the dataset's entry.
        libraries: packages that decide the result beside those that decide all.
        model_versions: what tells whether the code of a model of the user's own is as it was.
    """
    provenance = Provenance(
        asset=asset,
        partition=partition,
        code_version=code_version,
        run_id=run_id,
        config=dict(config),
        inputs=dict(inputs),
        catalogue_hash=catalogue_hash(dataset),
        display_hash=display_hash(dataset),
        data_hash=hash_result(result, config),
        versions={**library_versions(libraries), **model_versions},
        started=beginning.time.isoformat(timespec="seconds"),
        seconds=round(perf_counter() - beginning.clock, 3),
        durations=dict(result.durations),
    )
    return replace(result, provenance=provenance)


@cache
def library_versions(others: tuple[str, ...] = ()) -> dict[str, str]:
    """Versions of the package, Python and the libraries that decide results.

    Args:
        others: packages beside those that decide the results of every family; of an extra that is not installed they
            are ``NOT_INSTALLED``.
    """
    libraries = {name: version(name) for name in _LIBRARIES} | {name: _find_version(name) for name in others}
    return {"cleanlab_assets": version("cleanlab_assets"), "python": platform.python_version(), **libraries}


def _find_version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return NOT_INSTALLED


def catalogue_hash(dataset: Dataset) -> str:
    """Hash what the catalogue says of a dataset and a result depends on: files, columns, label and class names.

    Thresholds of gates and texts for people are left out, see ``display_hash``. What only some datasets have counts
    where it is set, so that it changes no hash of the others.
    """
    content = [
        [[file.name, file.sha256] for file in dataset.files],
        [asdict(column) | {"description": ""} for column in dataset.columns],
        dataset.label,
        dataset.class_names,
    ]
    if dataset.numeric_label is not None:
        content.append(asdict(dataset.numeric_label))
    if dataset.time_column is not None:
        content.append({"time_column": dataset.time_column, "time_block": dataset.time_block})
    if dataset.label_separator is not None:
        content.append({"label_separator": dataset.label_separator})
    if dataset.panel is not None:
        content.append(asdict(dataset.panel))
    if dataset.encoding is not None:
        content.append({"encoding": dataset.encoding})
    if dataset.description_hash:
        content.append({"description": dataset.description_hash})
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def display_hash(dataset: Dataset) -> str:
    """Hash what the catalogue says of a dataset that results only show: texts for people and the limits of gates."""
    texts = [dataset.title, dataset.description, dataset.homepage, dataset.licence, dataset.citation]
    content = [*texts, asdict(dataset.gates)]
    if dataset.class_descriptions:
        content.append(dict(dataset.class_descriptions))
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def hash_result(result: Result[Any, Any], config: Mapping[str, Any]) -> str:
    """Hash a result together with the settings that made it: equal hashes mean that nothing changed.

    Args:
        result: its value is a table (values and columns), a pydantic model, a text, or any object with a
            ``content_hash`` method, which is asked first; its facts count, its durations do not.
        config: settings of the step.

    Returns:
        The first 16 hex digits of a SHA-256.

    Raises:
        TypeError: there is no rule for a value of this type.
    """
    value = result.value
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    facts = result.facts.model_dump(mode="json")
    if facts:
        digest.update(json.dumps(facts, sort_keys=True).encode())
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
