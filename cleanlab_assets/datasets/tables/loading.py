"""A described table, loaded: its columns as values of their kinds, its labels, and what had to be said of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.addresses import locate
from cleanlab_assets.datasets.dataset import NotedTable
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE
from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.pictures import read_pictures, require_pictures
from cleanlab_assets.datasets.source_tables import label_column
from cleanlab_assets.datasets.tables.columns import (
    holds_pictures,
    parse_column,
    parse_numbers,
    parse_texts,
    read_contents,
)
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.description import GIVEN_SPLIT, TAKEN_NAMES, TEST_TABLE
from cleanlab_assets.datasets.tables.files import read_source_table
from cleanlab_assets.datasets.tables.labels import (
    join_label_sets,
    merge_classes,
    read_indicators,
    read_label_sets,
    tell_spellings,
)
from cleanlab_assets.datasets.tables.matrices import Matrix, align, name_feature_columns, read_matrix
from cleanlab_assets.datasets.tables.predictions import (
    name_prediction_columns,
    order_classes,
    to_probabilities,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import ColumnKind
    from cleanlab_assets.datasets.tables.description import Columns, FeaturesFile, MatrixFile, Options, PredictionsFile
    from cleanlab_assets.datasets.tables.files import SourceTable

SPLITS = ("train", "test")
LONGEST_HEADER = 400


@dataclass(frozen=True, kw_only=True)
class TableLoader:
    """Loads a described table.

    Attributes:
        files: names of the files by role; that of the test rows comes last.
        columns: roles and kinds of the columns.
        options: how the files are written.
        family: task family.
        class_names: the classes; empty where labels are numbers.
        predictions: the user's own predictions, if there are some.
        features: features that stand in a file of their own, if there are some.
        encoding: of text files without byte order mark.
    """

    files: Mapping[str, str]
    columns: Columns
    options: Options
    family: str
    class_names: tuple[str, ...]
    encoding: str | None
    predictions: PredictionsFile | None = None
    features: FeaturesFile | None = None

    def load(self, paths: Mapping[str, Path]) -> pd.DataFrame:
        """Read the files, see ``load_with_notes``."""
        return self.load_with_notes(paths).table

    def load_with_notes(self, paths: Mapping[str, Path]) -> NotedTable:
        """Read the files.

        Raises:
            TableError: a file holds no table, or other columns than described; a split is neither train nor test, a
                weight no number of at least 0; a column of 0 and 1 holds something else.
            TextFileError: a file is not text in its encoding.
        """
        form = self.options.form(self.encoding)
        sources = {role: read_source_table(paths[name], form, taken=TAKEN_NAMES) for role, name in self.files.items()}
        folders = {role: paths[name].parent for role, name in self.files.items()}

        def read(matrix: MatrixFile | None) -> Matrix | None:
            return None if matrix is None else read_matrix(paths[locate(matrix.file, Path()).name], id_column=matrix.id)

        return self.convert(sources, predictions=read(self.predictions), features=read(self.features), folders=folders)

    def convert(
        self,
        sources: Mapping[str, SourceTable],
        *,
        predictions: Matrix | None = None,
        features: Matrix | None = None,
        folders: Mapping[str, Path] | None = None,
    ) -> NotedTable:
        """Make the raw table of tables that were read, by their role; see ``load_with_notes``.

        Args:
            sources: the tables.
            predictions: the user's own predictions.
            features: features that stand beside the table.
            folders: where relative paths of pictures begin, by the role of the table; the current one if absent.
        """
        loaded = [self._convert(source, role, (folders or {}).get(role, Path())) for role, source in sources.items()]
        table = pd.concat([part.table for part in loaded], ignore_index=True)
        for name, kind in self.columns.kinds.items():
            if kind == "categorical":
                table[name] = table[name].astype("category")
        if self.family == "classification":
            table[self.columns.label_name] = label_column(table[self.columns.label_name], self.class_names)
        if GIVEN_SPLIT in table:
            table[GIVEN_SPLIT] = pd.Categorical(table[GIVEN_SPLIT], categories=list(SPLITS))
        notes = [note for part in loaded for note in part.notes]
        for given, read in ((features, self._read_features), (predictions, self._read_predictions)):
            if given is not None:
                aligned, told = self._align(given, table)
                columns, note = read(aligned)
                table = pd.concat([table, columns], axis=1)
                notes += [text for text in (told, note) if text]
        return NotedTable(table, tuple(notes))

    def _align(self, given: Matrix, table: pd.DataFrame) -> tuple[Matrix, str]:
        ids = None if self.columns.id is None else table[self.columns.id]
        return align(given, ids, len(table), " and ".join(self.files.values()))

    def _read_features(self, given: Matrix) -> tuple[pd.DataFrame, str]:
        """Return the user's features as columns of the raw table."""
        n_columns = given.numbers.shape[1]
        if self.features is not None and n_columns != self.features.dimensions:
            raise TableError(
                f"{given.name}: found {n_columns:,} columns, expected {self.features.dimensions:,}, as "
                f"features.dimensions in {DESCRIPTION_FILE} says"
            )
        return pd.DataFrame(given.numbers.astype(np.float32), columns=list(name_feature_columns(n_columns))), ""

    def _read_predictions(self, given: Matrix) -> tuple[pd.DataFrame, str]:
        """Return the user's predictions as columns of the raw table, and what is to be told of them."""
        names = list(name_prediction_columns(self.class_names))
        if not self.class_names:
            if given.numbers.shape[1] != 1:
                raise TableError(f"{given.name}: found {given.numbers.shape[1]} columns, expected one predicted value")
            return pd.DataFrame(given.numbers, columns=names), ""
        said = () if self.predictions is None else self.predictions.class_names
        where = f"say the order by class_names under [predictions] in {DESCRIPTION_FILE}"
        order = said or order_classes(given, self.class_names, place=where)
        is_exclusive = self.family == "classification"
        probabilities, note = to_probabilities(given, order, self.class_names, sum_to_one=is_exclusive)
        return pd.DataFrame(probabilities, columns=names), note

    def _convert(self, source: SourceTable, role: str, folder: Path) -> NotedTable:
        columns = self.columns
        _require_columns(source, columns)
        values: dict[str, Any] = {"row_id": source.row_ids}
        notes = list(source.notes)
        for name, kind in columns.kinds.items():
            if kind == "picture":
                values[name] = _read_pictures(source, name, folder, options=self.options)
                continue
            values[name], note = self._parse(source, name, kind)
            notes.append(note)
        values[columns.label_name], told = self._read_labels(source)
        notes += told
        for place in (columns.id, columns.group, *columns.all_slices):
            if place is not None and place not in values:
                values[place], _ = self._parse(source, place, "name")
        if columns.time is not None and columns.time not in values:
            values[columns.time], note = self._parse(source, columns.time, "date")
            notes.append(note)
        if columns.weight is not None:
            values[columns.weight] = _read_weights(source, columns.weight, self.options)
        if columns.truth is not None:
            values[columns.truth], note = self._read_truth(source, columns.truth)
            notes.append(note)
        if columns.split is not None:
            values[GIVEN_SPLIT] = _read_split(source, columns.split)
        elif TEST_TABLE in self.files:
            values[GIVEN_SPLIT] = "test" if role == TEST_TABLE else "train"
        return NotedTable(pd.DataFrame(values), tuple(note for note in notes if note))

    def _parse(self, source: SourceTable, name: str, kind: ColumnKind) -> tuple[pd.Series[Any], str]:
        options = self.options
        return parse_column(
            source.columns[name],
            name,
            kind,
            source.row_ids,
            decimal=options.decimal,
            mark=options.number_marks.get(name, ""),
            date_format=options.date_format.get(name),
            missing=options.missing,
        )

    def _read_labels(self, source: SourceTable) -> tuple[Any, list[str]]:
        columns, options = self.columns, self.options
        found = {name: source.columns[name] for name in columns.labels}
        if self.family == "multilabel":
            if len(found) > 1:
                return read_indicators(found, self.class_names, source.row_ids, options.missing), []
            return join_label_sets(read_label_sets(found[columns.label_name], options.separator, options.missing)), []
        column, name = found[columns.label_name], columns.label_name
        if self.family == "regression":
            values, note = self._parse(source, name, "numeric")
            return values, [note]
        labels, merged = merge_classes(parse_texts(column, name, missing=options.missing), options.merge)
        return labels, [*merged, *tell_spellings(Counter(labels.dropna()), options.merge)]

    def _read_truth(self, source: SourceTable, name: str) -> tuple[Any, str]:
        """Return the true labels as labels are read, None where one is missing, and a note."""
        options, column = self.options, source.columns[name]
        if self.family == "regression":
            return self._parse(source, name, "numeric")
        texts = parse_texts(column, name, missing=options.missing)
        is_known, known = texts.notna(), set(self.class_names)
        if self.family == "multilabel":
            named = read_label_sets(column, options.separator, options.missing)
            truth = pd.Series(join_label_sets(named), dtype=object)
            is_wrong = is_known & np.array([not known.issuperset(names) for names in named], dtype=bool)
        else:
            truth = merge_classes(texts, options.merge)[0]
            is_wrong = is_known & ~truth.isin(known)
        faults = Faults()
        for row in np.flatnonzero(is_wrong).tolist():
            faults.add(
                f"{source.row_ids[row]}, column {quote(name)}: found the true label {quote(column[row].as_py())}, "
                f"expected one of the class_names in {DESCRIPTION_FILE}"
            )
        faults.raise_any(TableError)
        return truth.mask(~is_known), ""


def _require_columns(source: SourceTable, columns: Columns) -> None:
    """Refuse a table that lacks a column that the description names, or has one that it does not name."""
    found, faults = source.columns.column_names, Faults()
    header = cut(", ".join(found), LONGEST_HEADER)
    for name in columns.named:
        if name not in found:
            faults.add(f"{source.name}: found no column {quote(name)}, which {DESCRIPTION_FILE} names: it has {header}")
    for name in found:
        if name not in columns.named:
            faults.add(
                f"{source.name}: column {quote(name)} is new: give it a kind in {DESCRIPTION_FILE}, or name it under "
                "ignore"
            )
    faults.raise_any(TableError)


def _read_pictures(source: SourceTable, name: str, folder: Path, *, options: Options) -> list[bytes]:
    """Return the pictures of a column, which holds them or names their files."""
    column, places = source.columns[name], [f"{row}, column {quote(name)}" for row in source.row_ids]
    if holds_pictures(column):
        return require_pictures(read_contents(column), places)
    return read_pictures(parse_texts(column, name, missing=options.missing).tolist(), folder, places)


def _read_weights(source: SourceTable, name: str, options: Options) -> np.ndarray:
    """Return how much each row counts, float64 of shape (n_rows,)."""
    read, _ = parse_numbers(
        source.columns[name], name, source.row_ids, decimal=options.decimal, missing=options.missing
    )
    weights: np.ndarray = read.to_numpy()
    faults = Faults()
    for row in np.flatnonzero(~(weights >= 0)).tolist():  # what is no finite number is NaN
        faults.add(
            f"{source.row_ids[row]}, column {quote(name)}: found {quote(source.columns[name][row].as_py())}, expected "
            "a weight: a finite number of at least 0"
        )
    faults.raise_any(TableError)
    if not weights.any():
        raise TableError(f"{source.name}, column {quote(name)}: every weight is 0: there is nothing to learn from")
    return weights


def _read_split(source: SourceTable, name: str) -> list[str]:
    """Return ``train`` or ``test`` for each row, as the file says in any case."""
    texts = parse_texts(source.columns[name], name).map(lambda text: None if text is None else text.casefold())
    faults = Faults()
    for row in np.flatnonzero(~texts.isin(SPLITS).to_numpy()).tolist():
        faults.add(
            f"{source.row_ids[row]}, column {quote(name)}: found {quote(source.columns[name][row].as_py())}, expected "
            f"{' or '.join(SPLITS)}"
        )
    faults.raise_any(TableError)
    return list(texts)
