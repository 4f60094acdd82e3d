"""The label of a table: its columns, the task family, and the classes that it names."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.tables.columns import parse_texts
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.description import TAKEN_NAMES, TEST_TABLE, Columns, Options
from cleanlab_assets.datasets.tables.drafting.columns import tell_columns
from cleanlab_assets.datasets.tables.drafting.drafts import Entry, Request
from cleanlab_assets.datasets.tables.files import Form, SourceTable, read_source_table
from cleanlab_assets.datasets.tables.inference import infer_label
from cleanlab_assets.datasets.tables.labels import (
    merge_classes,
    name_classes_of_columns,
    read_label_sets,
    sort_classes,
    tell_spellings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tables.profiles import ColumnProfile

SEPARATORS = (";", "|", ",", "/")
LEAST_JOINED_SHARE = 0.3
"""Share of the classes that hold a separator from which they may name several."""
_TAKEN_FOR = {"classification": "classes", "regression": "values to be predicted as numbers"}


def find_labels(
    request: Request, described: Columns | None, profiles: Mapping[str, ColumnProfile], file: str
) -> list[str]:
    """Return the columns of the label."""
    name = request.option("label")
    if not request.labels:
        if described is not None:
            return list(described.labels)
        raise TableError(f"{file}: say which column holds the label, by {name}; {tell_columns(profiles)}")
    found: list[str] = []
    for pattern in request.labels:
        exact = [column for column in profiles if column == pattern]
        matching = exact or [column for column in profiles if fnmatchcase(column, pattern)]
        if not matching:
            raise TableError(f"{name} {quote(pattern)}: {file} has no such column; {tell_columns(profiles)}")
        found += [column for column in matching if column not in found]
    if len(found) > 1 and (wrong := [column for column in found if not profiles[column].is_flag]):
        raise TableError(
            f"{name}: {file}: column {quote(wrong[0])} holds other values than 0 and 1, such as "
            f"{', '.join(profiles[wrong[0]].examples)}: several label columns are of 0 and 1, one for each class"
        )
    return found


def describe_label(
    request: Request,
    known: OwnDataset | None,
    options: Options,
    sources: Sequence[SourceTable],
    profiles: Sequence[ColumnProfile],
    *,
    truth: str | None,
) -> tuple[list[Entry], list[str]]:
    """Describe task family and classes, those that only the truth names too.

    What was described before stays for the same label.
    """
    separator = request.separator if request.separator is not None else options.separator
    inferred = infer_label(profiles, separator=separator)
    names = [profile.name for profile in profiles]
    is_same_label = known is not None and list(Columns(**known.columns).labels) == names
    family = request.family or (known.family if known is not None and is_same_label else inferred.family)
    notes = []
    if inferred.other is not None:
        how = request.option("task", inferred.other)
        notes = [f"label {quote(names[0])}: {inferred.reason}; for {_TAKEN_FOR[inferred.other]}: {how}"]
    file = " and ".join(source.name for source in sources)
    _require_label(family, profiles, file)
    reason = inferred.reason if family == inferred.family else "you said so"
    entries = [Entry(("family",), family, reason)]
    if family == "regression":
        is_whole = Entry(("options", "whole_numbers"), profiles[0].is_whole, "whether all labels are whole numbers")
        return [*entries, is_whole], notes
    if len(profiles) > 1:
        classes = name_classes_of_columns(names)
        return [*entries, Entry(("class_names",), classes, "of the columns of the label, in their order")], notes

    def count(name: str) -> Counter[str]:
        """Count the rows of each class that a column names."""
        counts: Counter[str] = Counter()
        for source in sources:
            column = source.columns[name]
            if family == "multilabel":
                counts.update(name for named in read_label_sets(column, separator, options.missing) for name in named)
            else:
                texts = parse_texts(column, name, missing=options.missing)
                counts.update(merge_classes(texts, options.merge)[0].dropna())
        return counts

    counts = count(names[0])
    _require_classes(counts, request, f"{file}, column {quote(names[0])}", family)
    if truth is not None:
        counts += count(truth)
    found = sort_classes(counts)
    if known is not None and is_same_label and (known.family, options.separator) == (family, separator):
        found = [*known.class_names, *(name for name in found if name not in known.class_names)]
    notes += [*tell_spellings(counts, options.merge), *_tell_separator(found, family, request)]
    return [*entries, Entry(("class_names",), found, f"the {len(found):,} classes of {file}")], notes


def read_test_table(
    request: Request, known: OwnDataset | None, folder: Path, form: Form, labels: Sequence[str]
) -> SourceTable | None:
    """Read the file of the test rows, where there is one: it may hold classes that the train rows lack."""
    path = request.test_file
    if path is None and known is not None and TEST_TABLE in known.files:
        path = folder / Path(known.files[TEST_TABLE]).expanduser()
    if path is None:
        return None
    table = read_source_table(path, form, taken=TAKEN_NAMES)
    names = table.columns.column_names
    if absent := [name for name in labels if name not in names]:
        raise TableError(f"{table.name}: found no column {quote(absent[0])}, the label: it has {', '.join(names[:20])}")
    return table


def _require_label(family: str, profiles: Sequence[ColumnProfile], file: str) -> None:
    first = profiles[0]
    place = f"{file}, column {quote(first.name)}"
    if first.n_values == 0:
        raise TableError(f"{place}: the label has no value at all, expected another column")
    if family == "regression" and first.number_share < 0.5:  # noqa: PLR2004 - most labels are no numbers
        raise TableError(
            f"{place}: found labels such as {', '.join(map(quote, first.examples))}, expected numbers for regression"
        )
    if len(profiles) > 1 and family != "multilabel":
        raise TableError(f"{file}: found {len(profiles)} columns of the label, expected one for {family}")
    if family == "regression" and first.n_distinct < 2:  # noqa: PLR2004 - one value leaves nothing to learn
        raise TableError(f"{place}: every label is {quote(first.examples[0])}: there is nothing to tell apart")


def _require_classes(counts: Mapping[str, int], request: Request, place: str, family: str) -> None:
    if len(counts) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        only = "no class" if not counts else f"the class {quote(next(iter(counts)))} only"
        raise TableError(f"{place}: the label names {only}: there is nothing to tell apart")
    if family == "classification" and max(counts.values()) == 1:
        raise TableError(
            f"{place}: each of the {len(counts):,} labels differs from all others: it is no class; choose another "
            f"column by {request.option('label')}, or say {request.option('task', 'regression')} if it holds values"
        )


def _tell_separator(classes: Sequence[str], family: str, request: Request) -> list[str]:
    """Say that classes look as if each named several."""
    for separator in SEPARATORS if family == "classification" else ():
        parts = [part.strip() for name in classes for part in name.split(separator)]
        n_joined = sum(separator in name for name in classes)
        if n_joined >= LEAST_JOINED_SHARE * len(classes) and len(set(parts)) < len(classes):
            example = quote(next(name for name in classes if separator in name), 40)
            how = request.option("separator", separator)
            return [f"labels such as {example} may name several classes: to read them so: {how}"]
    return []
