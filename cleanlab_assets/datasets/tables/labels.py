"""Labels of a source table: classes as the file writes them, several classes of a row, and spellings of one class."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR, label_set_column
from cleanlab_assets.datasets.tables.columns import parse_numbers, to_texts
from cleanlab_assets.datasets.tables.delimited import TableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa


def merge_classes(labels: pd.Series, merge: Mapping[str, str]) -> tuple[pd.Series, list[str]]:
    """Put spellings of a class together as a description says, with a note of each and its number of rows."""
    counts = labels.value_counts()
    notes = [
        f"{counts.get(old, 0):,} labels {quote(old)} are read as {quote(new)}, as the description says"
        for old, new in merge.items()
    ]
    return labels.map(lambda label: merge.get(label, label)), notes


def read_label_sets(column: pa.ChunkedArray, separator: str | None, missing: Collection[str]) -> list[tuple[str, ...]]:
    """Return the classes that each row names, each once, in the order of the file.

    Args:
        column: lists of classes, or texts.
        separator: what stands between two classes in a text; None where a text is one class.
        missing: texts that name no class.
    """
    import pyarrow as pa

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        found = [[str(name) for name in names or ()] for names in column.to_pylist()]
    else:
        texts = to_texts(column, missing).to_pylist()
        found = [[] if text is None else text.split(separator) if separator else [text] for text in texts]
    stripped = ((name.strip() for name in names) for names in found)
    return [tuple(dict.fromkeys(name for name in names if name)) for names in stripped]


def join_label_sets(label_sets: Sequence[tuple[str, ...]]) -> list[str]:
    """Return label sets as texts, in which ``LABEL_SEPARATOR`` stands between two classes."""
    return [LABEL_SEPARATOR.join(names) for names in label_sets]


def read_indicators(
    columns: Mapping[str, pa.ChunkedArray], class_names: Sequence[str], row_ids: Sequence[str], missing: Collection[str]
) -> list[str]:
    """Return the classes that each row names by columns of 0 and 1, as texts; see ``join_label_sets``.

    Args:
        columns: by their names, one for each class.
        class_names: the classes, in the same order.
        row_ids: of the rows, for messages.
        missing: texts that stand for a missing value, which is an error here.

    Raises:
        TableError: a value is neither 0 nor 1; each column is named with its first such row.
    """
    indicators = np.zeros((len(row_ids), len(columns)), dtype=bool)
    errors = []
    for place, (name, column) in enumerate(columns.items()):
        numbers = parse_numbers(column, name, row_ids, missing=missing)[0].to_numpy()
        is_wrong = ~np.isin(numbers, (0.0, 1.0))
        if is_wrong.any():
            row = int(is_wrong.argmax())
            errors.append(f"{row_ids[row]}, column {quote(name)}: found {quote(column[row].as_py())}, expected 0 or 1")
        indicators[:, place] = numbers == 1
    if errors:
        raise TableError("\n".join(errors))
    return label_set_column(indicators, class_names)


def name_classes_of_columns(names: Sequence[str]) -> list[str]:
    """Return the classes of columns of 0 and 1: their names, without a beginning up to a mark that all have."""
    beginning = 0
    for place, mark in enumerate(names[0]):
        if len({name[: place + 1] for name in names}) > 1:
            break
        if mark in "_-. :/":
            beginning = place + 1
    return [name[beginning:] for name in names]


def sort_classes(names: Collection[str]) -> list[str]:
    """Return the names of classes in order: numbers by their value, else by the alphabet."""
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)


def find_spellings(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Find classes that differ by nothing but case, white space, or the way a number or truth value is written.

    Args:
        counts: rows by class.

    Returns:
        Groups of at least two classes with their rows, the most frequent class of each first.
    """
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for name, count in counts.items():
        groups[_plain(name)][name] = count
    return [dict(group.most_common()) for group in groups.values() if len(group) > 1]


def tell_spellings(counts: Mapping[str, int], merge: Mapping[str, str] | None = None) -> list[str]:
    """Say which classes may be one, and which line of a description reads them as one; see ``find_spellings``.

    Args:
        counts: rows by class.
        merge: what the description reads as one already; the line has it, too.
    """
    groups = find_spellings(counts)
    if not groups:
        return []
    told, read_as = [], dict(merge or {})
    for spellings in groups:
        (main, n_main), *others = spellings.items()
        names = ", ".join(f"{quote(name)} ({count:,})" for name, count in others)
        told.append(f"{names} and {quote(main)} ({n_main:,})")
        read_as |= {name: main for name, _ in others}
    line = ", ".join(f"{_to_toml(old)} = {_to_toml(new)}" for old, new in read_as.items())
    return [
        f"classes may be one, written in several ways: {'; '.join(told)}; to read them as one, write under [options]: "
        f"merge = {{ {line} }}"
    ]


def _to_toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _plain(name: str) -> str:
    """Return what a class has in common with other spellings of it."""
    folded = " ".join(name.casefold().split())
    try:
        return f"{float(folded):g}" if not folded.startswith("nan") else folded
    except ValueError:
        return folded
