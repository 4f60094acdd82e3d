"""CoNLL-U and CoNLL-U Plus: a word a line in columns, sentences apart by a blank line, comments that begin with ``#``.

``dataset.toml`` beside the files::

    family = "token_classification"
    format = "conllu"

    [files]
    train = "train.conllu"
    dev = "dev.conllu"
    test = "test.conllu"

    [options]
    tag_column = "UPOS"               # or XPOS, or a column that the file names

The rows are the words of the source; ranges of multiword tokens (``3-4``) and empty nodes (``5.1``) are skipped, since
they have no tag of their own. The columns are the ten of CoNLL-U, or those that a first comment
``# global.columns = …`` names. Where no ``tag_column`` is stated the tags are those of UPOS; if it is absent or has
none but ``_``, those of the one other column that has some, XPOS or one that CoNLL-U does not have. Fields are
separated by tabs, or by white space in a file that has no tabs.

A document begins at ``# newdoc``; its genre is what stands in its id before the first hyphen. A sentence without
``sent_id`` is named by the file and line of its first word, and so is one whose ``sent_id`` another sentence of the
file has; ids that start anew in each file are told with the file: ``dev.conllu#1``.

``class_names`` are the possible tags. Where none are stated they are the 17 of UPOS, or of another column the tags that
the files have; notes tell them. Refused are: a line with more or fewer fields, word ids that do not count from 1, a
word without form, a tag that is none of ``class_names``, and a sentence with an id or a text and no words.

``cleanlab-demo export`` writes the files with corrected tags and without excluded sentences; every other byte stays.

https://universaldependencies.org/format.html and https://universaldependencies.org/ext-format.html
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDataset, read_section
from cleanlab_assets.datasets.folders import find_path
from cleanlab_assets.datasets.tagged_files import NO_VALUE, ColumnOptions, TokenForm, TokenReader
from cleanlab_assets.datasets.tagged_sentences import (
    FAMILY,
    PART_FILES,
    check_parts,
    describe_own_tokens,
    find_tags,
)
from cleanlab_assets.datasets.tagged_writing import write_corrected_tags

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset

UPOS = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
FORM_COLUMN = "FORM"
COLUMNS = ("ID", FORM_COLUMN, "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
CONLLU = TokenForm(columns=COLUMNS, token=FORM_COLUMN, tag="UPOS", id_column="ID")
READ_CONLLU = TokenReader(form=CONLLU, options=ColumnOptions(), encoding="utf-8")
"""Reads files as the form has them: of ten columns, in UTF-8, any tag in UPOS."""


def _make_reader(description: OwnDataset, folder: Path) -> TokenReader:
    options = read_section(ColumnOptions, description.options, "options", folder / DESCRIPTION_FILE)
    return TokenReader(form=CONLLU, options=options, encoding=description.encoding)


def _describe(description: OwnDataset, folder: Path) -> Dataset:
    check_parts(description, folder)
    read = _make_reader(description, folder)
    paths = [find_path(folder, file) for file in description.files.values()]
    class_names = description.class_names
    if not class_names:
        is_upos = not paths[0].is_file() or read.read_layout(paths[0]).tag_name == "UPOS"
        class_names = UPOS if is_upos else tuple(tag for tag in find_tags(paths, read) if tag != NO_VALUE)
    return describe_own_tokens(description, folder, replace(read, class_names=class_names), class_names)


FORMAT = Format(
    name="conllu",
    families=(FAMILY,),
    describe=_describe,
    rules=__doc__,
    files=PART_FILES,
    options=ColumnOptions,
    takes_predictions=True,
    write_corrected=partial(write_corrected_tags, _make_reader),
)
