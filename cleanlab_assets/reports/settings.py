"""Settings of an audit as a person reads them: nested settings flattened, names in words, each setting once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from cleanlab_assets.reports.formatting import format_value, in_words, start_sentence

SETTING_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "metric": "Distance",
        "k": "Neighbours (k)",
        "num_permutations": "Permutations",
        "eps": "Radius of a cluster (eps)",
        "min_samples": "Neighbours within the radius (min_samples)",
        "min_cluster_samples": "Minimum rows of a group",
        "min_examples_per_class": "Minimum rows left in a class",
        "flag_by": "Flagging rule",
        "cut": "Calibrated cut",
        "false_flag_rate": "Target false-flag rate",
        "measured_false_flag_rate": "Measured false-flag rate",
        "cleanlab_cut": "Cut of cleanlab",
    }
)
CHANGES_NO_RESULT = frozenset({"n_jobs", "verbose", "verbosity"})


def read_parameters(parameters: object) -> dict[str, Any]:
    """Read the ``parameters`` cell of an issue type: JSON of an object; blank means none."""
    return dict(json.loads(parameters)) if isinstance(parameters, str) and parameters else {}


def read_permutations(parameters: object) -> int | None:
    """Return how many permutations the p-value of the issue type comes from, if its parameters say so."""
    found = read_parameters(parameters).get("num_permutations")
    return None if found is None else int(found)


def list_settings(summary: Mapping[str, Any]) -> dict[str, str]:
    """List the settings of an issue type by readable name: distance, neighbours, then its own parameters.

    Nested parameters are flattened to their innermost names; what changes no result, such as the number of processes,
    is left out.

    Args:
        summary: ``metric``, ``k`` and ``parameters`` (JSON) of the issue type.
    """
    columns = {name: summary[name] for name in ("metric", "k") if not _is_blank(summary[name])}
    parameters = _flatten(read_parameters(summary["parameters"]))
    return write_settings(columns | {name: value for name, value in parameters.items() if name not in columns})


def write_settings(settings: Mapping[str, object]) -> dict[str, str]:
    """Write settings by readable name; blank ones and those that change no result are left out."""
    return {
        SETTING_NAMES.get(name, start_sentence(in_words(name))): format_value(value)
        for name, value in settings.items()
        if name not in CHANGES_NO_RESULT and not _is_blank(value)
    }


def merge_facts(*parts: Mapping[str, object]) -> dict[str, str]:
    """Merge facts by name, whatever its case: of two with one name the first stays. A mapping is written in words."""
    merged: dict[str, str] = {}
    known: set[str] = set()
    for name, value in (item for part in parts for item in part.items()):
        if name.casefold() in known or _is_blank(value):
            continue
        known.add(name.casefold())
        merged[name] = _describe(value) if isinstance(value, Mapping) else str(value)
    return merged


def _describe(settings: Mapping[str, object]) -> str:
    known = {name: value for name, value in _flatten(settings).items() if not _is_blank(value)}
    words = [f"{name.replace('_', ' ')} {format_value(value)}" for name, value in known.items()]
    return ", ".join(words) or "defaults"


def _flatten(settings: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value)
        else:
            flat[name] = ", ".join(map(format_value, value)) if isinstance(value, list | tuple) else value
    return flat


def _is_blank(value: object) -> bool:
    return (
        value is None or value is pd.NA or value == "" or (isinstance(value, float | np.floating) and np.isnan(value))
    )
