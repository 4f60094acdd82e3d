"""Out-of-sample predictions of the user's own for tagged tokens: an array for each sentence, or a table.

::

    model = "own_predictions"

    [predictions]
    file = "probabilities.npz"          # an array (tokens, classes) for each sentence, in the order of the source
    class_names = ["NOUN", "VERB"]      # the class of each column, where the file does not name them in their order

An ``.npy`` holds the tokens of all sentences, one after the other. A table has a row for each token: its ``sentence``
(the id of the source, or the number from 1), the ``token`` (as it is written, or its place in the sentence from 1), and
a column for each class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cleanlab_assets.datasets.addresses import locate
from cleanlab_assets.datasets.dataset import NotedTable, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, OwnDataset, OwnDatasetError, tell_fault
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.tables.columns import parse_texts
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.description import PredictionsFile
from cleanlab_assets.datasets.tables.files import SourceTable, read_source_table, suffix_of
from cleanlab_assets.datasets.tables.matrices import ARRAY_ENDINGS, Matrix, read_arrays, take_array, take_table
from cleanlab_assets.datasets.tables.predictions import name_prediction_columns, order_classes, to_probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SENTENCE, TOKEN = "sentence", "token"
"""Columns of a table of predictions beside those of the classes."""


@dataclass(frozen=True)
class TokenPredictions:
    """Where predictions of tokens lie, the class of each column if that is said, and the classes in their order."""

    file: SourceFile
    order: tuple[str, ...]
    class_names: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the raw table that hold them."""
        return name_prediction_columns(self.class_names)

    def put_beside(self, tokens: pd.DataFrame, paths: Mapping[str, Path]) -> NotedTable:
        """Put the predictions beside the tokens of a raw table.

        Args:
            tokens: one row for each token, sentence by sentence, with ``row_id``, ``sentence_id``, ``position`` and
                ``token``.
            paths: of the files by name.

        Raises:
            TableError: the file holds no probabilities of these tokens and classes.
            TextFileError: it cannot be read.
        """
        path = paths[self.file.name]
        if suffix_of(path.name) in ARRAY_ENDINGS:
            given = _join_arrays(read_arrays(path), path.name, tokens, len(self.class_names))
        else:
            given = _align_table(read_source_table(path), tokens)
        said = given if not self.order else replace(given, columns=self.order)
        order = order_classes(
            said, self.class_names, place=f"say class_names under [predictions] in {DESCRIPTION_FILE}"
        )
        probabilities, note = to_probabilities(given, order, self.class_names, sum_to_one=True)
        notes = [note] if note else []
        if said.columns is None:
            notes.append(f"{given.name}: its columns are taken for the classes {', '.join(order)}, in this order")
        beside = pd.DataFrame(probabilities, columns=list(self.columns))
        return NotedTable(pd.concat([tokens, beside], axis=1), tuple(notes))


def find_token_predictions(
    description: OwnDataset, folder: Path, class_names: Sequence[str]
) -> TokenPredictions | None:
    """Return what a description says of predictions of tokens; None where it says nothing.

    Raises:
        OwnDatasetError: it says what there is not, or names other classes than those of the tags.
    """
    if not description.predictions:
        return None
    place = folder / DESCRIPTION_FILE
    try:
        said = PredictionsFile(**description.predictions)
    except ValidationError as error:
        raise OwnDatasetError(f"{place}: {tell_fault(error, within='predictions')}") from error
    if said.id is not None:
        raise OwnDatasetError(
            f"{place}: predictions.id: found {quote(said.id)}, expected none: tokens are found by the columns "
            f"{SENTENCE} and {TOKEN}"
        )
    if said.class_names and sorted(said.class_names) != sorted(class_names):
        raise OwnDatasetError(
            f"{place}: predictions.class_names: found {', '.join(said.class_names)}, expected each of the possible "
            f"tags once: {', '.join(class_names)}"
        )
    file = locate(said.file, folder)
    if file.name in description.files.values():
        raise OwnDatasetError(
            f"{place}: predictions.file: another file is named {quote(file.name)}: rename one of them"
        )
    return TokenPredictions(file, said.class_names, tuple(class_names))


@dataclass(frozen=True)
class _Sentences:
    """The sentences of a raw table: their ids, sizes and the position of their first token."""

    ids: list[str]
    sizes: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, tokens: pd.DataFrame) -> _Sentences:
        starts = np.flatnonzero(tokens["position"] == 1)
        ids = tokens["sentence_id"].astype(str).to_numpy()[starts].tolist()
        return cls(ids, np.diff(starts, append=len(tokens)), starts)


def _join_arrays(arrays: Mapping[str, np.ndarray], name: str, tokens: pd.DataFrame, n_classes: int) -> Matrix:
    """Join an array for each sentence; a single one holds the tokens of all."""
    sentences, row_ids = _Sentences.of(tokens), tokens["row_id"].tolist()
    places = [f"{name}, {row_id}" for row_id in row_ids]
    if len(arrays) == 1:
        (whole,) = arrays.values()
        if len(whole) != len(tokens):
            raise TableError(f"{name}: found {len(whole):,} rows, expected {len(tokens):,}, one for each token")
        return take_array(whole, name, places)
    for number, (label, found) in enumerate(arrays.items()):
        if number < len(sentences.ids) and found.shape != (sentences.sizes[number], n_classes):
            raise TableError(
                f"{name}, array {quote(label)}: found the shape {found.shape}, expected "
                f"({sentences.sizes[number]}, {n_classes}): the tokens of sentence {quote(sentences.ids[number])}, "
                f"which begins in {row_ids[sentences.starts[number]]}, by the classes"
            )
    if len(arrays) != len(sentences.ids):
        raise TableError(
            f"{name}: found {len(arrays):,} arrays, expected {len(sentences.ids):,}, one for each sentence"
        )
    return take_array(np.concatenate(list(arrays.values())), name, places)


def _align_table(source: SourceTable, tokens: pd.DataFrame) -> Matrix:
    """Put a table with a row for each token into the order of the source."""
    names = source.columns.column_names
    if absent := [name for name in (SENTENCE, TOKEN) if name not in names]:
        raise TableError(
            f"{source.name}: found no column {quote(absent[0])}: it has {', '.join(names[:20])}, expected {SENTENCE}, "
            f"{TOKEN} and one for each class"
        )
    given = take_table(replace(source, columns=source.columns.drop_columns([SENTENCE, TOKEN])))
    sentences = _Sentences.of(tokens)
    owners = _find_sentences(source, sentences)
    found = np.bincount(owners, minlength=len(sentences.ids))
    if (is_other := found != sentences.sizes).any():
        first = int(is_other.argmax())
        raise TableError(
            f"{source.name}: found {found[first]:,} rows of sentence {quote(sentences.ids[first])}, expected "
            f"{sentences.sizes[first]:,}, one for each token; so it is with {is_other.sum():,} sentences"
        )
    order = np.argsort(_find_tokens(source, tokens, sentences, owners))
    places = [source.row_ids[row] for row in order.tolist()]
    return Matrix(given.name, given.numbers[order], given.columns, None, places)


def _find_sentences(source: SourceTable, sentences: _Sentences) -> np.ndarray:
    """Return the sentence that each row belongs to, by its id, which two files may share, or else by its number."""
    said = parse_texts(source.columns[SENTENCE], SENTENCE, missing=()).map(to_nfc, na_action="ignore")
    is_unique = len(set(sentences.ids)) == len(sentences.ids)
    by_id = said.map({name: number for number, name in enumerate(sentences.ids)} if is_unique else {})
    by_number = said.map({str(number + 1): number for number in range(len(sentences.ids))})
    owners = by_number if by_id.isna().any() and by_number.notna().all() else by_id
    if owners.isna().any():
        row = int(owners.isna().to_numpy().argmax())
        raise TableError(
            f"{source.row_ids[row]}, column {SENTENCE}: found {quote(source.columns[SENTENCE][row].as_py())}, expected "
            f"the id of a sentence, such as {quote(sentences.ids[0])}, or its number from 1 to {len(sentences.ids):,}"
        )
    return owners.to_numpy(dtype=np.int64)


def _find_tokens(source: SourceTable, tokens: pd.DataFrame, sentences: _Sentences, owners: np.ndarray) -> np.ndarray:
    """Return the position of each row's token in the source: rows of a sentence come in its order, or say the place."""
    said = parse_texts(source.columns[TOKEN], TOKEN, missing=())
    place = pd.Series(owners).groupby(owners).cumcount().to_numpy()
    positions = sentences.starts[owners] + place
    words = tokens["token"].astype(str).str.strip().to_numpy()[positions]
    is_word: np.ndarray = said.to_numpy() == words
    if is_word.all():
        return np.asarray(positions)
    numbers = pd.to_numeric(said, errors="coerce").to_numpy(dtype=np.float64)
    by_place = sentences.starts[owners] + numbers - 1
    is_place = (numbers >= 1) & (numbers <= sentences.sizes[owners])
    if is_place.all() and len(np.unique(by_place)) == len(tokens):
        return np.asarray(by_place, dtype=np.int64)
    row = int(np.argmin(is_word))
    raise TableError(
        f"{source.row_ids[row]}, column {TOKEN}: found {quote(source.columns[TOKEN][row].as_py())}, expected "
        f"{quote(words[row])}, the token of the source, or in all rows its place in the sentence"
    )
