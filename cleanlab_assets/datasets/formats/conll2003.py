"""CoNLL-2003 and files like it: a token a line in fields, sentences apart by blank lines.

``dataset.toml`` beside the files::

    family = "token_classification"
    format = "conll2003"
    class_names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]

    [files]
    train = "train.txt"

    [options]
    tag_column = "ner"                # by its name in a header, or its number; the last one if absent

The token is the first field and the tag the last, unless ``token_column`` and ``tag_column`` state others. Fields are
separated by tabs or by white space, whatever divides most lines alike. The names of the columns are those that
``columns`` states, a comment ``# global.columns = …``, or a header: the first line is one if ``header`` says so, if
it has the names that are stated, or if it begins with a name such as ``token`` and ends with one such as ``tag``. Notes
tell what was found.

A line that begins with ``-DOCSTART-`` begins a document, and so does a comment ``# newdoc``. Blank lines beside each
other count as one. Sentences are named by the file and line of their first token, or by a comment ``# sent_id = …``.

A line that begins with ``#`` is a comment if it has another number of fields than tokens have, or if it stands before
the first token of a sentence with a tag that is none of ``class_names``, or none that another line has; else ``#`` is a
token. A note tells how many comments there are, and ``comment_mark`` states what begins one.

``class_names`` are the possible tags; where none are stated, the tags that the files have, which a note tells. A note
also tells where some spans begin with ``B-`` (IOB2) and others with ``I-`` (IOB1). Refused are: a line with more or
fewer fields than most, a line without token or tag, and a tag that is none of ``class_names``.

``cleanlab-demo export`` writes the files with corrected tags and without excluded sentences; every other byte stays.

https://aclanthology.org/W03-0419
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDataset, read_section
from cleanlab_assets.datasets.folders import find_path
from cleanlab_assets.datasets.tagged_files import ColumnOptions, TokenForm, TokenReader
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

CONLL2003 = TokenForm(token=1, tag=-1)


class Options(ColumnOptions):
    r"""What ``[options]`` may say of files like those of CoNLL-2003.

    Attributes:
        token_column: the column of the tokens, by its name or its number: 1 is the first, -1 the last; the first if
            absent.
        tag_column: the column of the tags, likewise; the last if absent.
        columns: the names of all columns in their order, where the file does not name them.
        separator: what stands between two fields: ``"\t"``, ``" "`` for any number of spaces and tabs, or another
            mark; if absent, what divides most lines alike.
        header: whether the first line names the columns; if absent, the line tells.
        comment_mark: what begins a comment; ``""`` if there are none; if absent, the lines that begin with ``#`` tell.
    """

    header: bool | None = None
    comment_mark: str | None = None


def _make_reader(description: OwnDataset, folder: Path) -> TokenReader:
    options = read_section(Options, description.options, "options", folder / DESCRIPTION_FILE)
    return TokenReader(
        form=CONLL2003,
        options=options,
        encoding=description.encoding,
        has_header=options.header,
        comment_mark=options.comment_mark,
    )


def _describe(description: OwnDataset, folder: Path) -> Dataset:
    check_parts(description, folder)
    read = _make_reader(description, folder)
    paths = [find_path(folder, file) for file in description.files.values()]
    class_names = description.class_names or find_tags(paths, read)
    return describe_own_tokens(description, folder, replace(read, class_names=class_names), class_names)


FORMAT = Format(
    name="conll2003",
    families=(FAMILY,),
    describe=_describe,
    rules=__doc__,
    files=PART_FILES,
    options=Options,
    takes_predictions=True,
    write_corrected=partial(write_corrected_tags, _make_reader),
)
