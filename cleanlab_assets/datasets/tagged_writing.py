"""Files with a token a line and corrected tags: the field of the tag is replaced, and every other byte stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.folders import find_path
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.tables.corrected_files import find_changed_labels
from cleanlab_assets.datasets.tagged_files import DOCUMENT_START, TAB, WHITE_SPACE
from cleanlab_assets.datasets.tagged_sentences import LABEL
from cleanlab_assets.datasets.text_files import decode_exactly, encode_exactly, pack_as, read_content

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tagged_files import Layout, TokenReader

_LINES = re.compile(r"([^\r\n]*)(\r\n?|\n|\Z)")
_WORD = re.compile(r"[^ \t]+")
_KEPT = re.compile(r"#\s*(newdoc|global\.columns)\b")
"""Comments that say something of what follows a sentence, too: they stay where it is left out."""


def write_corrected_tags(
    make_reader: Callable[[OwnDataset, Path], TokenReader],
    description: OwnDataset,
    folder: Path,
    corrected: pd.DataFrame,
) -> dict[str, bytes]:
    """Return the content of each file with the corrected tags in it, and without excluded sentences.

    Args:
        make_reader: makes what reads the files, of the description and its folder.
        description: of the dataset.
        folder: of the description.
        corrected: corrected dataset: ``row_id``, the tag, ``corrected_label`` and ``is_excluded``.

    Returns:
        By the name of the file; every byte but the changed tags and the excluded sentences is as it was.

    Raises:
        SourceFormatError: the encoding of a file cannot write a tag, or the file is another one than was read.
        TextFileError: a file cannot be read.
    """
    reader = make_reader(description, folder)
    files = corrected["row_id"].str.rpartition(":")
    is_changed, is_excluded = find_changed_labels(corrected, LABEL), corrected["is_excluded"].to_numpy(dtype=bool)
    written = {}
    for file in dict.fromkeys(description.files.values()):
        path, is_of_file = find_path(folder, file), (files[0] == file).to_numpy()
        lines = files[2].to_numpy()
        changed = np.flatnonzero(is_of_file & is_changed & ~is_excluded)
        new = replace_tags(
            read_content(path),
            path.name,
            reader,
            tags={int(lines[place]): str(corrected["corrected_label"].iloc[place]) for place in changed},
            left_out={int(lines[place]) for place in np.flatnonzero(is_of_file & is_excluded)},
        )
        written[file] = pack_as(path, new)
    return written


def replace_tags(
    content: bytes, name: str, reader: TokenReader, *, tags: Mapping[int, str], left_out: Collection[int] = ()
) -> bytes:
    """Return a file with other tags, and without some of its sentences.

    Args:
        content: of the file.
        name: of the file, for messages.
        reader: how the file is read.
        tags: new tag by the number of the line, from 1.
        left_out: numbers of lines whose sentence is left out, with its comments and the blank line behind it; what its
            comments say of the document or the columns stays.

    Raises:
        SourceFormatError: a line has no tag, or the encoding of the file cannot write one.
        TextFileError: the file is of another encoding.
    """
    mark, codec, text = decode_exactly(content, name, reader.encoding)
    parts = [(found[1], found[2]) for found in _LINES.finditer(text) if found[0]]
    lines = [line for line, _ in parts]
    layout = reader.find_layout(name, lines)
    out = _list_left_out(lines, layout, left_out)
    for number, tag in tags.items():
        line = lines[number - 1] if number <= len(lines) else ""
        span = _find_tag(line, layout)
        if span is None:
            raise SourceFormatError(f"{name}, line {number}: found {quote(line)}, expected a token: run the audit anew")
        lines[number - 1] = line[: span[0]] + tag + line[span[1] :]
    kept = [
        line + end
        for number, (line, (_, end)) in enumerate(zip(lines, parts, strict=True), start=1)
        if number not in out
    ]
    return encode_exactly(mark, codec, "".join(kept), name, error=SourceFormatError)


def _find_tag(line: str, layout: Layout) -> tuple[int, int] | None:
    """Return where in a line its tag begins and ends; None in a line of another number of fields."""
    if len(layout.split(line)) != layout.n_fields:
        return None
    if layout.separator == WHITE_SPACE:
        return list(_WORD.finditer(line))[layout.tag].span()
    fields = line.split(layout.separator)
    begin = sum(len(field) + len(layout.separator) for field in fields[: layout.tag])
    field = fields[layout.tag]
    begin += len(field) - len(field.lstrip(" "))
    return begin, begin + len(field.strip(" "))


def _list_left_out(lines: Sequence[str], layout: Layout, left_out: Collection[int]) -> set[int]:
    """Return the numbers of all lines that go with the sentences of some lines."""

    def ends(number: int) -> bool:
        line = lines[number - 1]
        return not line.strip(f" {TAB}") or line.startswith(DOCUMENT_START)

    out: set[int] = set()
    for number in left_out:
        if number in out or number > len(lines):
            continue
        first = last = number
        while first - 1 >= layout.first_line and not ends(first - 1):
            first -= 1
        while last < len(lines) and not ends(last + 1):
            last += 1
        if last < len(lines) and not lines[last].startswith(DOCUMENT_START):
            last += 1  # the blank line behind it
        out |= {each for each in range(first, last + 1) if not _KEPT.match(lines[each - 1])}
    return out
