"""CoNLL-2003: one token a line in fields separated by white space, sentences apart by blank lines.

Rules: the token is the first field, the tag the last. A line that begins with ``-DOCSTART-`` begins a document. Blank
lines beside each other count as one, so that no sentence is empty. Every line has as many fields as the first.
Sentences are named by their file and line.

https://aclanthology.org/W03-0419
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.descriptions import Format, OwnDataset, OwnDatasetError
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.tagged_sentences import (
    FAMILY,
    PART_FILES,
    TaggedSentence,
    check_parts,
    describe_own_tokens,
)
from cleanlab_assets.datasets.text_files import open_text

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

DOCUMENT_START = "-DOCSTART-"
FEWEST_FIELDS = 2


def read_conll2003(path: Path, *, encoding: str | None = None) -> list[TaggedSentence]:
    """Read the sentences of a file in the form of CoNLL-2003.

    Args:
        path: the file.
        encoding: that of a file without byte order mark; UTF-8 if absent.

    Raises:
        TextFileError: the file is of another encoding.
        SourceFormatError: a line has another number of fields than the first, or there is no sentence; the message
            names file and line.
    """
    sentences: list[TaggedSentence] = []
    block: list[tuple[int, list[str]]] = []
    document, n_fields = "", 0
    with open_text(path, encoding) as stream:
        lines_of_file = [*stream, ""]
    for number, line in enumerate(lines_of_file, start=1):
        fields = line.split()
        is_start = bool(fields) and fields[0] == DOCUMENT_START
        if fields and not is_start:
            n_fields = n_fields or max(len(fields), FEWEST_FIELDS)
            if len(fields) != n_fields:
                raise SourceFormatError(
                    f"{path.name}, line {number}: found {len(fields)} fields separated by white space, "
                    f"expected {n_fields}"
                )
            block.append((number, fields))
            continue
        if block:
            lines = [at for at, _ in block]
            sentences.append(
                TaggedSentence(
                    sentence_id=f"{path.name}:{lines[0]}",
                    tokens=[found[0] for _, found in block],
                    tags=[found[-1] for _, found in block],
                    lines=lines,
                    document=document,
                )
            )
            block = []
        if is_start:
            document = f"{path.name}:{number}"
    if not sentences:
        raise SourceFormatError(f"{path.name}: found no sentence, expected at least one")
    return sentences


def _describe(description: OwnDataset, folder: Path) -> Dataset:
    check_parts(description, folder)
    if description.options or not description.class_names:
        raise OwnDatasetError(
            f"{folder / 'dataset.toml'}: found options {description.options!r} and class_names "
            f"{list(description.class_names)}, expected no options, and the possible tags as class_names"
        )
    read = partial(read_conll2003, encoding=description.encoding)
    return describe_own_tokens(description, folder, read, description.class_names)


FORMAT = Format(
    name="conll2003", families=(FAMILY,), describe=_describe, rules=__doc__, files=PART_FILES, takes_predictions=True
)
