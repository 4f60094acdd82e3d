"""Files of labels by several annotators, and of the features of their examples: delimited text with a header.

Labels stand in long form, a line for each label, or in wide form, a line for each example and a column for each
annotator. What a file leaves no doubt of is found out and told: its separator, its form, and whether fractions begin
with a comma.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, field_validator

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, require_distinct
from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.headers import check_header
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.tables.columns import DECIMAL_COMMA, GROUPED, MISSING, find_numbers
from cleanlab_assets.datasets.tables.delimited import (
    Dialect,
    find_dialect,
    name_delimiter,
    read_header,
    read_records,
)
from cleanlab_assets.datasets.tables.files import TEXT_BEGINNING
from cleanlab_assets.datasets.tables.labels import sort_classes
from cleanlab_assets.datasets.text_files import open_text, read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

TRUTH = "truth"
"""Column of the true classes in the raw table, whatever it is called in the file."""
LIKE_TRUTH = frozenset(
    {"truth", "true_label", "true", "gold", "gold_label", "ground_truth", "label", "target", "class"}
)
"""Names of columns that may hold true classes: such a one is no annotator unless it is said."""
LONGEST_HEADER = 200
_WHOLE = re.compile(r"([+-]?\d+)\.0+")


class PanelOptions(BaseModel):
    """What ``[options]`` may say.

    Attributes:
        example: the column that names the example.
        annotator: the column of the annotators, in long form.
        label: the column of the labels, in long form.
        annotators: the columns of the annotators, in wide form. They need not be said where every column but the
            example's holds nothing but classes of ``class_names``.
        truth: the column of the true class, of the labels or of the features; every labelled example has one then. It
            is no feature and no annotator.
        delimiter: what stands between two fields; found out if absent.
        decimal: what stands before the fraction of a number, a point or a comma; found out if absent.
        missing: texts that stand for a missing label or feature.
        categorical: columns of the features that are categories; the others are numbers.
        descriptive: columns of the features that people see and models do not.
        ordered_classes: whether the classes are steps of a scale, in their order.
        preference: whether labels are tastes, so that annotators who disagree may all be right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    example: str = "example"
    annotator: str = "annotator"
    label: str = "label"
    annotators: tuple[str, ...] = ()
    truth: str | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    missing: tuple[str, ...] = MISSING
    categorical: tuple[str, ...] = ()
    descriptive: tuple[str, ...] = ()
    ordered_classes: bool = False
    preference: bool = False

    @field_validator("annotators", "categorical", "descriptive")
    @classmethod
    def _check_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return require_distinct(value)

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1:
            raise ValueError("expected one character")
        return value


class ReadLabels(NamedTuple):
    """Labels of a file: ``row_id``, ``example``, ``annotator`` and ``label``, perhaps ``truth``; and what to tell."""

    table: pd.DataFrame
    notes: list[str]


@dataclass(frozen=True)
class _Fields:
    """The fields of a file as texts without white space around them.

    Attributes:
        name: of the file.
        header: names of the columns.
        columns: the fields, a column for each name, by position.
        row_ids: ``<file>:<line>`` of each row.
        notes: how the file was read.
    """

    name: str
    header: list[str]
    columns: pa.Table
    row_ids: list[str]
    notes: list[str]

    def unnamed_columns(self) -> list[int]:
        """Return the places of columns that have no name, but values that are not just the numbers of the rows."""
        numbers = [[str(row + first) for row in range(len(self.row_ids))] for first in (0, 1)]
        return [
            place
            for place, name in enumerate(self.header)
            if not name and (values := self.columns.column(place).to_pylist()) not in numbers and any(values)
        ]

    def texts(self, name: str, missing: Collection[str] = ("",)) -> pa.ChunkedArray:
        """Return a column, None where a value is missing."""
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = self.columns.column(self.header.index(name))
        is_missing = pc.is_in(texts, value_set=pa.array(list(missing), pa.string()))
        return pc.if_else(is_missing, pa.scalar(None, pa.string()), texts)

    def names(self, name: str, missing: Collection[str] = ("",)) -> np.ndarray:
        """Return a column of names in one form of Unicode, None where one is missing."""
        import pyarrow.compute as pc

        found: np.ndarray = pc.utf8_normalize(self.texts(name, missing), form="NFC").to_numpy(zero_copy_only=False)
        return found


def read_panel_header(path: Path, options: PanelOptions, encoding: str | None) -> list[str]:
    """Return the names of the columns of a file, of which the beginning is read."""
    with open_text(path, encoding) as stream:
        beginning = stream.read(TEXT_BEGINNING)
    header = _name_first_column(read_header(beginning, _find_dialect(beginning, options)), options)
    if not header:
        raise SourceFormatError(f"{path.name}: found no header, expected the names of the columns in the first line")
    return header


def read_labels(path: Path, options: PanelOptions, class_names: Sequence[str], encoding: str | None) -> ReadLabels:
    """Read the labels of a file in long or wide form, one row each.

    Args:
        path: the file.
        options: names of its columns, and how it is written.
        class_names: the classes; empty where they are to be taken from the file.
        encoding: that of a file without byte order mark.

    Raises:
        UnreadableInputError: the header lacks a column or the form is in doubt, or a label has no example or annotator.
    """
    fields = _read_fields(path, options, encoding)
    # A text that is a class is no missing label.
    missing = {"", *options.missing} - set(class_names)
    annotators = _find_annotators(fields, options, class_names, missing)
    taken = [options.example, *(annotators or (options.annotator, options.label))]
    check_header(fields.header, fields.name, needed=[*taken, *([options.truth] if options.truth else [])])
    examples = fields.names(options.example)
    known = {"row_id": fields.row_ids, "example": examples}
    if options.truth in fields.header:
        known[TRUTH] = fields.names(str(options.truth), missing)
    if annotators is None:
        labels, given_by = fields.names(options.label, missing), fields.names(options.annotator)
        table = pd.DataFrame({**known, "annotator": given_by, "label": labels})
    else:
        row_ids = pd.Series(fields.row_ids, dtype=object)
        of_annotator = [
            {
                "row_id": row_ids + f":{name}",
                "annotator": to_nfc(name),
                "label": fields.names(name, missing),
            }
            for name in annotators
        ]
        table = pd.concat([pd.DataFrame({**known, **given}) for given in of_annotator], ignore_index=True)
    faults = Faults()
    for column, name in (("example", options.example), ("annotator", options.annotator)):
        for row in table.loc[table[column].isna() & table["label"].notna(), "row_id"]:
            faults.add(f"{row}, column {name}: found an empty value, expected the name of the {column}")
    faults.raise_any(SourceFormatError)
    is_given = table["label"].notna().to_numpy()
    notes = list(fields.notes)
    if annotators is not None:
        told = "" if options.annotators else f": {cut(', '.join(annotators), LONGEST_HEADER)}"
        notes.append(f"{fields.name}: wide form, with a column for each of {len(annotators):,} annotators{told}")
    elif not is_given.all():
        first = table.loc[~is_given, "row_id"].iloc[0]
        notes.append(f"{fields.name}: lines without a label are left out: {(~is_given).sum():,}, the first is {first}")
    table, told_whole = _write_whole_numbers(table, class_names)
    notes += [f"{fields.name}: {told_whole}"] if told_whole else []
    return ReadLabels(table, notes)


def take_class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the classes that labels name, numbers by their value, others by the alphabet."""
    return tuple(sort_classes(set(labels)))


def read_features(
    path: Path, names: Sequence[str], numeric: Collection[str], options: PanelOptions, encoding: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Read the features of the examples, one row each: ``row_id``, ``example`` and the named columns.

    Args:
        path: the file.
        names: the columns to read; the one of the truth becomes ``truth``.
        numeric: those that are numbers; the others are texts.
        options: names of columns, and how the file is written.
        encoding: that of a file without byte order mark.

    Returns:
        The table, and what is to be told of it.

    Raises:
        UnreadableInputError: a column is absent, an example has no name or is described twice, or a value is no number.
    """
    fields = _read_fields(path, options, encoding)
    if absent := [name for name in (options.example, *names) if name not in fields.header]:
        raise SourceFormatError(
            f"{path.name}, line 1: found the columns {_list_header(fields)}, expected also {', '.join(absent)}"
        )
    faults, notes = Faults(), list(fields.notes)
    for place in fields.unnamed_columns():
        faults.add(f"{path.name}, line 1, column {place + 1}: the column has no name: name it, or delete it")
    if "" in fields.header and not faults:
        notes.append(f"{path.name}: a column without a name, which is empty or numbers the rows, is left out")
    missing = {"", *options.missing}
    table = pd.DataFrame({"row_id": fields.row_ids, "example": fields.names(options.example)})
    texts = {name: fields.texts(name, missing) for name in names}
    decimal = options.decimal or _find_decimal([texts[name] for name in numeric])
    if decimal == "," and options.decimal is None:
        notes.append(f'{path.name}: numbers are read with a comma before their fraction: decimal = ","')
    columns = {
        (TRUTH if name == options.truth else name): _parse_numbers(column, name, fields.row_ids, decimal, faults)
        if name in numeric
        else column.to_numpy(zero_copy_only=False)
        for name, column in texts.items()
    }
    for row in table.loc[table["example"].isna(), "row_id"]:
        faults.add(f"{row}, column {options.example}: found an empty value, expected the name of the example")
    for row, example in table.loc[table["example"].duplicated() & table["example"].notna()].to_numpy():
        faults.add(f"{row}: example {quote(example)} is described twice")
    faults.raise_any(SourceFormatError)
    return pd.concat([table, pd.DataFrame(columns)], axis=1), notes


def _read_fields(path: Path, options: PanelOptions, encoding: str | None) -> _Fields:
    import pyarrow.compute as pc

    text = read_text(path, encoding)
    dialect = _find_dialect(text[:TEXT_BEGINNING], options)
    records = read_records(text, path.name, dialect)
    notes = []
    if options.delimiter is None and dialect.delimiter != ",":
        notes.append(f"{path.name}: fields are read as separated by {name_delimiter(dialect.delimiter)}")
    columns = records.fields
    for place, name in enumerate(columns.column_names):
        columns = columns.set_column(place, name, pc.utf8_trim_whitespace(columns.column(place)))
    header = _name_first_column(records.header, options)
    if header[0] and not records.header[0].strip():
        notes.append(f"{path.name}: the first column, which has no name, is taken for {options.example}")
    if records.blank_lines:
        notes.append(
            f"{path.name}: lines without any value are left out: {len(records.blank_lines):,}, the first is line "
            f"{records.blank_lines[0]:,}"
        )
    row_ids = [f"{path.name}:{line}" for line in records.lines.tolist()]
    return _Fields(path.name, header, columns, row_ids, notes)


def _name_first_column(header: Sequence[str], options: PanelOptions) -> list[str]:
    """Return the names of columns; a first one without a name is that of the examples where no other is."""
    names = [name.strip() for name in header]
    return [options.example, *names[1:]] if names and not names[0] and options.example not in names else names


def _find_dialect(beginning: str, options: PanelOptions) -> Dialect:
    return find_dialect(beginning) if options.delimiter is None else Dialect(delimiter=options.delimiter)


def _find_annotators(
    fields: _Fields, options: PanelOptions, class_names: Sequence[str], missing: Collection[str]
) -> tuple[str, ...] | None:
    """Return the columns of the annotators in wide form; None in long form.

    Raises:
        SourceFormatError: columns are absent, or it is in doubt which are those of annotators.
    """
    long = (options.annotator, options.label)
    if options.annotators:
        if absent := [name for name in (options.example, *options.annotators) if name not in fields.header]:
            raise _lacks_columns(fields, absent)
        return options.annotators
    if options.example in fields.header and set(long).isdisjoint(fields.header):
        others = [name for name in fields.header if name not in {options.example, options.truth, ""}]
        is_sure = len(others) > 1 and class_names and not fields.unnamed_columns()
        is_sure = is_sure and LIKE_TRUTH.isdisjoint(name.casefold() for name in others)
        classes = {to_nfc(name) for name in class_names}
        known = classes | {f"{name}.0" for name in classes}
        if is_sure and (unknown := _find_unknown(fields, others, known, missing)) is None:
            return tuple(others)
        if is_sure:
            raise _lacks_columns(fields, long, f"; in wide form {unknown}, expected one of {', '.join(class_names)}")
    if absent := [name for name in (options.example, *long) if name not in fields.header]:
        raise _lacks_columns(fields, absent)
    return None


def _find_unknown(
    fields: _Fields, names: Sequence[str], known: Collection[str], missing: Collection[str]
) -> str | None:
    """Say where the first value stands that is none of the known ones; None where all are."""
    for name in names:
        for row, value in zip(fields.row_ids, fields.names(name, missing).tolist(), strict=True):
            if value is not None and value not in known:
                return f"{row}, column {name} holds {quote(value)}"
    return None


def _lacks_columns(fields: _Fields, absent: Sequence[str], why: str = "") -> SourceFormatError:
    """Return the error that says which columns a file of labels lacks, and what may be said of those that it has."""
    wrong = f"{fields.name}, line 1: found the columns {_list_header(fields)}, missing columns: {', '.join(absent)}"
    if len(fields.header) == 1:
        return SourceFormatError(f"{wrong}; say what stands between two fields by delimiter under [options]")
    return SourceFormatError(
        f"{wrong}; say under [options] of {DESCRIPTION_FILE} what yours are called: example, annotator and label, or "
        f"example and annotators where each annotator has a column{why}"
    )


def _list_header(fields: _Fields) -> str:
    return cut(", ".join(name or "''" for name in fields.header), LONGEST_HEADER)


def _write_whole_numbers(table: pd.DataFrame, class_names: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """Drop rows without a label, and write 1.0 as 1 where that is a class, as a data frame with gaps has it."""
    columns = ["row_id", "example", "annotator", "label", *({TRUTH} & set(table))]
    table = table.loc[table["label"].notna(), columns].reset_index(drop=True)
    columns = ["label", *({TRUTH} & set(table))]
    found = {label for name in columns for label in table[name].dropna().unique()}
    whole = {label: match[1] for label in found if (match := _WHOLE.fullmatch(label)) and label not in class_names}
    if class_names:
        whole = {label: number for label, number in whole.items() if number in class_names}
    elif any(re.fullmatch(r"[+-]?\d+(\.0+)?", label) is None for label in found):
        whole = {}
    if not whole:
        return table, ""
    n_changed = int(table["label"].isin(list(whole)).sum())
    changed = {name: table[name].map(lambda label: whole.get(label, label)) for name in columns}
    first = next(iter(sorted(whole)))
    return table.assign(**changed), f"{n_changed:,} labels such as {first} are read as whole numbers: {whole[first]}"


def _find_decimal(columns: Sequence[pa.ChunkedArray]) -> str:
    """Return what stands before fractions: a comma where a value such as 0,5 cannot be anything else, else a point."""
    import pyarrow.compute as pc

    has_comma = False
    for column in columns:
        is_comma = pc.and_(pc.match_substring(column, ","), pc.match_substring_regex(column, DECIMAL_COMMA))
        has_comma |= bool(pc.any(pc.and_(is_comma, pc.invert(pc.match_substring_regex(column, GROUPED)))).as_py())
        if has_comma:
            break
    return "," if has_comma else "."


def _parse_numbers(
    texts: pa.ChunkedArray, name: str, row_ids: Sequence[str], decimal: str, faults: Faults
) -> np.ndarray:
    """Return a column as float64 of shape (n_rows,), NaN where a value is missing; what is no number is a fault."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:  # reads what people write, but not all that Python's float reads
        numbers: np.ndarray = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        is_wrong = ~np.isfinite(numbers) & pc.is_valid(texts).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        plain, is_number = find_numbers(texts, decimal)
        read = pc.if_else(is_number, plain, pa.scalar(None, pa.string()))
        numbers = pc.cast(read, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
        is_wrong = pc.fill_null(pc.invert(is_number), fill_value=False).to_numpy(zero_copy_only=False)
        is_wrong |= np.isinf(numbers)
    for row in np.flatnonzero(is_wrong).tolist():
        found = texts[row].as_py()
        hint = '; say decimal = "," under [options] if its comma begins a fraction' if "," in found else ""
        faults.add(f"{row_ids[row]}, column {name}: found {quote(found)}, expected a number{hint}")
    return numbers
