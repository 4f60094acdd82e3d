"""CoNLL-U: one token a line in ten fields, sentences apart by a blank line, comments with document and sentence ids.

Rules: the rows are the words of the source; ranges of multiword tokens (``3-4``) and empty nodes (``5.1``) are
skipped, since they have no tag of their own. A document begins at ``# newdoc``; its genre is what stands in its id
before the first hyphen. A sentence without words, a line without ten fields and word ids that do not count from 1 are
errors. A sentence without ``sent_id`` is named by its file and line.

https://universaldependencies.org/format.html
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
    from collections.abc import Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
N_FIELDS = 10
TAG_FIELDS = {"upos": 3, "xpos": 4}


def read_conllu(path: Path, *, tag_field: str = "upos", encoding: str | None = None) -> list[TaggedSentence]:
    """Read the sentences of a CoNLL-U file.

    Args:
        path: the file.
        tag_field: ``upos`` or ``xpos``.
        encoding: that of a file without byte order mark; UTF-8 if absent, as the form has it.

    Raises:
        TextFileError: the file is of another encoding.
        SourceFormatError: a line is ragged, a word id is out of order, a sentence has no words or its id occurs twice;
            the message names file and line.
    """
    sentences: list[TaggedSentence] = []
    known: set[str] = set()
    block: list[str] = []
    document, first = "", 1
    with open_text(path, encoding) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.rstrip("\r\n")
            if text:
                first = number if not block else first
                block.append(text)
                continue
            if block:
                sentence, document = _read_sentence(path.name, first, block, document, TAG_FIELDS[tag_field])
                sentences.append(sentence)
            block = []
    if block:
        sentences.append(_read_sentence(path.name, first, block, document, TAG_FIELDS[tag_field])[0])
    if not sentences:
        raise SourceFormatError(f"{path.name}: found no sentence, expected at least one")
    for sentence in sentences:
        if sentence.sentence_id in known:
            raise SourceFormatError(
                f"{path.name}, line {sentence.lines[0]}: found sent_id {sentence.sentence_id!r} a second time, "
                "expected a unique one for each sentence"
            )
        known.add(sentence.sentence_id)
    return sentences


def _read_sentence(
    file: str, first: int, block: Sequence[str], document: str, tag_field: int
) -> tuple[TaggedSentence, str]:
    """Return the sentence of some lines without blanks, and the document that it belongs to."""
    from conllu.exceptions import ParseException
    from conllu.parser import parse_comment_line, parse_id_value

    sentence_id = f"{file}:{first}"
    tokens: list[str] = []
    tags: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(block, start=first):
        if line.startswith("#"):
            facts = dict(parse_comment_line(line))
            sentence_id = facts.get("sent_id") or sentence_id
            if "newdoc id" in facts or line.lstrip("# ").startswith("newdoc"):
                document = facts.get("newdoc id") or f"{file}:{number}"
            continue
        fields = line.split("\t")
        if len(fields) != N_FIELDS:
            raise SourceFormatError(
                f"{file}, line {number}: found {len(fields)} fields separated by tabs, expected {N_FIELDS}"
            )
        try:
            word = parse_id_value(fields[0])
        except ParseException as error:
            raise SourceFormatError(
                f"{file}, line {number}, field id: found {fields[0]!r}, expected a number"
            ) from error
        if isinstance(word, tuple):
            continue
        if word != len(tokens) + 1:
            raise SourceFormatError(f"{file}, line {number}, field id: found {fields[0]!r}, expected {len(tokens) + 1}")
        if not fields[1].strip():
            raise SourceFormatError(f"{file}, line {number}, field form: found {fields[1]!r}, expected a word")
        tokens.append(fields[1])
        tags.append(fields[tag_field])
        lines.append(number)
    if not tokens:
        raise SourceFormatError(f"{file}, line {first}: found a sentence without words, expected at least one")
    genre = document.partition("-")[0] if "-" in document else ""
    sentence = TaggedSentence(
        sentence_id=sentence_id, tokens=tokens, tags=tags, lines=lines, document=document, genre=genre
    )
    return sentence, document


def _describe(description: OwnDataset, folder: Path) -> Dataset:
    check_parts(description, folder)
    tag_field = description.options.get("tag_field", "upos")
    unknown = set(description.options) - {"tag_field"}
    if unknown or tag_field not in TAG_FIELDS:
        raise OwnDatasetError(
            f"{folder / 'dataset.toml'}: options: found {description.options!r}, expected tag_field = upos or xpos"
        )
    class_names = description.class_names or (UPOS if tag_field == "upos" else ())
    if not class_names:
        raise OwnDatasetError(f"{folder / 'dataset.toml'}: class_names: found none, expected the possible tags")
    read = partial(read_conllu, tag_field=tag_field, encoding=description.encoding)
    return describe_own_tokens(description, folder, read, class_names)


FORMAT = Format(
    name="conllu", families=(FAMILY,), describe=_describe, rules=__doc__, files=PART_FILES, takes_predictions=True
)
