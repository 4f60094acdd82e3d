"""What the loaders of tagged sentences share: one row for each token, with its sentence beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column, NotedTable, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, OwnDatasetError
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column, row_ids
from cleanlab_assets.datasets.text_files import TextFileError
from cleanlab_assets.datasets.token_predictions import find_token_predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

FAMILY = "token_classification"
PART_FILES = {
    "train": "the sentences to train on",
    "dev": "sentences that choose between variants; may be absent",
    "test": "sentences to measure on; may be absent",
}
"""What the file of each part is."""
PARTS = tuple(PART_FILES)
LABEL = "tag"
MOST_TAGS_TOLD = 50
"""Tags of the files that a note names where no class names are stated."""
NO_BREAK_SPACE = "\u00a0"
"""What stands in ``sentence`` for a space within a token, so that a space always ends a token."""
TOKEN_COLUMNS = (
    Column(name="part", kind="categorical", is_feature=False, description="File that the sentence is from."),
    Column(name="document", kind="categorical", is_feature=False, description="Document; empty where none is named."),
    Column(name="genre", kind="categorical", is_feature=False, description="Genre; empty where none is named."),
    Column(name="sentence_id", kind="categorical", is_feature=False, description="Name of the sentence, unique."),
    Column(name="position", kind="numeric", minimum=1, description="Place of the token in its sentence, from 1."),
    Column(name="token", kind="categorical", description="The token as it is written."),
    Column(name="sentence", kind="categorical", description="All tokens of the sentence, a space between two."),
    Column(name=LABEL, kind="categorical", is_feature=False, description="The tag of the token."),
)
"""The columns of every dataset of tagged tokens; position and sentence say all that a model sees."""


@dataclass(frozen=True, kw_only=True)
class TaggedSentence:
    """One sentence of a source: its tokens and tags, and the line of the file that each of them is on, from 1."""

    sentence_id: str
    tokens: Sequence[str]
    tags: Sequence[str]
    lines: Sequence[int]
    document: str = ""
    genre: str = ""


class TaggedFile(NamedTuple):
    """The sentences of a file, and what is to be told of how it was read."""

    sentences: Sequence[TaggedSentence]
    notes: tuple[str, ...]


def to_token_table(
    files: Iterable[tuple[str, str, Sequence[TaggedSentence]]], class_names: Sequence[str]
) -> pd.DataFrame:
    """Put sentences into a table with one row for each token.

    Args:
        files: part (``train``, ``dev`` or ``test``), name and sentences of each file.
        class_names: the tags that may occur; a column with others keeps them, for a check to name.

    Returns:
        ``row_id`` (``<file>:<line>``) and the columns of ``TOKEN_COLUMNS``. A space within a token is written as a
        no-break space in ``sentence``.
    """
    parts: list[str] = []
    ids: list[str] = []
    texts: list[str] = []
    sentences: list[TaggedSentence] = []
    for part, name, found in files:
        for sentence in found:
            parts.append(part)
            texts.append(" ".join(token.replace(" ", NO_BREAK_SPACE) for token in sentence.tokens))
            ids += row_ids(name, sentence.lines)
            sentences.append(sentence)
    sizes = [len(sentence.tokens) for sentence in sentences]
    owners = np.repeat(np.arange(len(sentences)), sizes)
    return pd.DataFrame(
        {
            "row_id": ids,
            "part": _repeat(parts, owners, categories=PARTS),
            "document": _repeat([sentence.document for sentence in sentences], owners),
            "genre": _repeat([sentence.genre for sentence in sentences], owners),
            "sentence_id": _repeat([sentence.sentence_id for sentence in sentences], owners),
            "position": np.concatenate([np.arange(1, size + 1) for size in sizes]).astype(np.int64),
            "token": pd.Categorical([token for sentence in sentences for token in sentence.tokens]),
            "sentence": _repeat(texts, owners),
            LABEL: label_column((tag for sentence in sentences for tag in sentence.tags), class_names),
        }
    )


def load_tagged_files(
    files: Mapping[str, Path],
    *,
    read: Callable[[Path, Faults], TaggedFile],
    parts: Mapping[str, str],
    class_names: Sequence[str],
) -> pd.DataFrame:
    """Return the raw table of files of tagged sentences; see ``read_tagged_files``."""
    return read_tagged_files(files, read=read, parts=parts, class_names=class_names).table


def read_tagged_files(
    files: Mapping[str, Path],
    *,
    read: Callable[[Path, Faults], TaggedFile],
    parts: Mapping[str, str],
    class_names: Sequence[str],
) -> NotedTable:
    """Return the raw table of files of tagged sentences: one row for each token.

    Sentences and documents whose names start anew in each file are named by their file, too.

    Args:
        files: paths by name.
        read: reads the sentences of a file, and adds what is wrong with it to the faults.
        parts: name of the file of each part (``train``, and perhaps ``dev`` and ``test``).
        class_names: the tags that may occur.

    Raises:
        SourceFormatError: files have faults; all are told.
    """
    faults, found = Faults(), []
    for part in PARTS:
        if part in parts:
            with faults.gather():
                sentences, notes = read(files[parts[part]], faults)
                found.append((part, parts[part], sentences, notes))
    faults.raise_any(SourceFormatError)
    named, said = _make_names_unique([(name, sentences) for _, name, sentences, _ in found])
    by_part = [(part, name, sentences) for (part, name, _, _), sentences in zip(found, named, strict=True)]
    notes = (*(note for *_, of_file in found for note in of_file), *said)
    schemes = describe_mixed_schemes([(name, sentences) for _, name, sentences in by_part])
    return NotedTable(to_token_table(by_part, class_names), (*notes, *schemes))


def _make_names_unique(
    files: Sequence[tuple[str, Sequence[TaggedSentence]]],
) -> tuple[list[Sequence[TaggedSentence]], list[str]]:
    """Put the file before the names of sentences, or of documents, where two files have the same."""
    named, notes = [sentences for _, sentences in files], []
    named_things: tuple[tuple[str, Literal["sentence_id", "document"]], ...] = (
        ("sentences", "sentence_id"),
        ("documents", "document"),
    )
    for what, attribute in named_things:
        of_files = Counter(
            name for sentences in named for name in {getattr(sentence, attribute) for sentence in sentences} - {""}
        )
        if n_shared := sum(count > 1 for count in of_files.values()):
            example = f"{files[0][0]}#{next(name for name, count in of_files.items() if count > 1)}"
            notes.append(
                f"{n_shared:,} names of {what} occur in two files or more: {what} are named by their file, too, such "
                f"as {quote(example)}"
            )
            named = [
                [_name_by_file(sentence, file, attribute) for sentence in sentences]
                for (file, _), sentences in zip(files, named, strict=True)
            ]
    return named, notes


def _name_by_file(sentence: TaggedSentence, file: str, attribute: Literal["sentence_id", "document"]) -> TaggedSentence:
    name = getattr(sentence, attribute)
    if not name or name.startswith(f"{file}:"):
        return sentence
    named = f"{file}#{name}"
    return replace(sentence, document=named) if attribute == "document" else replace(sentence, sentence_id=named)


def describe_mixed_schemes(files: Sequence[tuple[str, Sequence[TaggedSentence]]]) -> list[str]:
    """Say where spans begin by ``B-`` in some places and by ``I-`` in others: IOB2 and IOB1 mixed, or wrong tags.

    Args:
        files: name and sentences of each file.
    """
    begins: dict[str, list[str]] = {"B": [], "I": []}
    marks = {tag: (tag[:1], tag[2:]) if tag[1:2] == "-" else ("", "") for tag in _list_tags(files)}
    if not begins.keys() <= {mark for mark, _ in marks.values()}:
        return []
    for name, sentences in files:
        for sentence in sentences:
            before = ""
            for line, tag in zip(sentence.lines, sentence.tags, strict=True):
                mark, kind = marks[tag]
                if kind and before != kind and mark in begins:
                    begins[mark].append(f"{name}:{line}")
                before = kind
    by_b, by_i = begins["B"], begins["I"]
    if not by_b or not by_i:
        return []
    return [
        f"{len(by_b):,} spans begin with B- (IOB2) and {len(by_i):,} with I- (IOB1), such as in "
        f"{(by_b if len(by_b) < len(by_i) else by_i)[0]}: the two schemes are mixed, or these tags are wrong"
    ]


def _list_tags(files: Iterable[tuple[str, Sequence[TaggedSentence]]]) -> set[str]:
    return {tag for _, sentences in files for sentence in sentences for tag in sentence.tags}


def find_tags(files: Iterable[Path], read: Callable[[Path, Faults], TaggedFile]) -> tuple[str, ...]:
    """Return the tags of files, in alphabetical order; they are read once for each state that they have.

    Raises:
        SourceFormatError: files have faults.
        TextFileError: a file cannot be read.
    """
    found: set[str] = set()
    for path in files:
        try:
            state = path.stat()
        except OSError as error:
            raise TextFileError(f"{path.name} cannot be read: {error.strerror or error}") from error
        found |= _find_tags(path, state.st_mtime_ns, state.st_size, read)
    return tuple(sorted(found))


@lru_cache(maxsize=64)
def _find_tags(
    path: Path,
    changed: int,  # noqa: ARG001 - it tells the states of a file apart
    size: int,  # noqa: ARG001 - likewise
    read: Callable[[Path, Faults], TaggedFile],
) -> frozenset[str]:
    faults = Faults()
    sentences, _ = read(path, faults)
    faults.raise_any(SourceFormatError)
    return frozenset(_list_tags([(path.name, sentences)]))


def describe_own_tokens(
    description: OwnDataset,
    folder: Path,
    read: Callable[[Path, Faults], TaggedFile],
    class_names: Sequence[str],
) -> Dataset:
    """Make the catalogue entry of a user's own tagged sentences, and of predictions of their tags if there are some.

    Args:
        description: what the user says.
        folder: of the description.
        read: reads the sentences of a file.
        class_names: the possible tags.

    Raises:
        OwnDatasetError: what is said of the predictions is wrong.
    """
    predictions = find_token_predictions(description, folder, class_names)
    files = [SourceFile(name=file, sha256=()) for file in dict.fromkeys(description.files.values())]
    columns = () if predictions is None else predictions.columns

    def load_with_notes(paths: Mapping[str, Path]) -> NotedTable:
        found = read_tagged_files(paths, read=read, parts=description.files, class_names=class_names)
        notes = found.notes if description.class_names else (*found.notes, _tell_tags(found.table))
        if predictions is None:
            return NotedTable(found.table, notes)
        beside = predictions.put_beside(found.table, paths)
        return NotedTable(beside.table, (*notes, *beside.notes))

    return description.to_dataset(
        load=lambda paths: load_with_notes(paths).table,
        load_with_notes=load_with_notes,
        prediction_columns=columns,
        files=(*files, *([] if predictions is None else [predictions.file])),
        label=LABEL,
        class_names=tuple(class_names),
        columns=(*TOKEN_COLUMNS, *(Column(name=name, kind="numeric", is_feature=False) for name in columns)),
        parts=tuple(part for part in PARTS if part in description.files),
    )


def _tell_tags(table: pd.DataFrame) -> str:
    counts = table[LABEL].value_counts()
    shown = [f"{name} ({count:,})" for name, count in counts[counts > 0].head(MOST_TAGS_TOLD).items()]
    more = f" and {int((counts > 0).sum()) - len(shown):,} more" if (counts > 0).sum() > len(shown) else ""
    return f"dataset.toml states no class_names; the files have the tags {', '.join(shown)}{more}"


def check_parts(description: OwnDataset, folder: Path) -> None:
    """Refuse a description whose files are not those of a tagged dataset.

    Raises:
        OwnDatasetError: there is no ``train`` file, or a role is none of ``train``, ``dev`` and ``test``.
    """
    if "train" not in description.files or not set(description.files) <= set(PARTS):
        raise OwnDatasetError(
            f"{folder / DESCRIPTION_FILE}: files: found {', '.join(description.files)}, "
            "expected train, and optionally dev and test"
        )


def _repeat(values: Sequence[str], owners: np.ndarray, categories: Sequence[str] | None = None) -> pd.Categorical:
    """Give each token the value of its sentence."""
    known = pd.Index(sorted(set(values)) if categories is None else list(categories))
    codes = known.get_indexer(pd.Index(list(values)))
    return pd.Categorical.from_codes(codes[owners], categories=known)
