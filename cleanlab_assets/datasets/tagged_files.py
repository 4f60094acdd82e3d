"""Files with a token a line: how their columns are found, and how their lines become sentences.

``formats.conllu`` and ``formats.conll2003`` say by a ``TokenForm`` what is theirs.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.tagged_sentences import TaggedFile, TaggedSentence
from cleanlab_assets.datasets.text_files import open_text, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from cleanlab_assets.datasets.faults import Faults

TAB, WHITE_SPACE = "\t", " "
DOCUMENT_START = "-DOCSTART-"
LOOKED_AT = 10_000
"""Lines at the beginning of a file that say what its columns are."""
FEWEST_FIELDS = 2
NO_VALUE = "_"
"""What stands for a missing value in files of the Universal Dependencies."""
TOKEN_NAMES = frozenset({"token", "tokens", "word", "words", "form", "text"})
TAG_NAMES = frozenset(
    {"tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "pos", "pos_tag", "upos", "xpos"}
)
"""Names of columns, in lower case: a first line that has both in their places is a header."""
_COMMENT = re.compile(r"#\s*(sent_id|newdoc|newdoc id|global\.columns|text)\s*(?:=\s*(.*))?")
_SKIPPED_ID = re.compile(r"[0-9]+[-.][0-9]+")
_NUMBER = re.compile(r"[1-9][0-9]*")


class ColumnOptions(BaseModel):
    r"""What ``[options]`` may say of the columns of files with a token a line.

    Attributes:
        token_column: the column of the tokens, by its name or its number: 1 is the first, -1 the last.
        tag_column: the column of the tags, likewise; ``tag_field`` is its former name.
        columns: the names of all columns in their order, where the file does not name them.
        separator: what stands between two fields: ``"\t"``, ``" "`` for any number of spaces and tabs, or another
            mark; if absent, what divides most lines alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    token_column: str | int | None = None
    tag_column: str | int | None = Field(None, validation_alias=AliasChoices("tag_column", "tag_field"))
    columns: tuple[str, ...] = Field((), strict=False)
    separator: str | None = Field(None, min_length=1)


@dataclass(frozen=True, kw_only=True)
class TokenForm:
    """What one form of files with a token a line has of its own.

    Attributes:
        columns: the names of the columns where nothing else names them; none if their number is free.
        token: the column of the tokens.
        tag: the column of the tags.
        id_column: the column that numbers the words of a sentence, if there is one: then every line that begins with
            ``#`` is a comment, since none of them is a word.
    """

    columns: tuple[str, ...] = ()
    token: str | int
    tag: str | int
    id_column: str | None = None


@dataclass(frozen=True)
class Layout:
    """Where in the lines of a file token and tag stand.

    Attributes:
        separator: what stands between two fields; a space stands for any number of spaces and tabs.
        n_fields: how many fields each line has.
        names: the names of the columns; none if nothing names them.
        token: place of the token, from 0.
        tag: place of the tag.
        word_id: place of the number of the word; None where there is none.
        first_line: number of the first line of data.
        notes: what is to be told of it.
    """

    separator: str
    n_fields: int
    names: tuple[str, ...]
    token: int
    tag: int
    word_id: int | None
    first_line: int
    notes: tuple[str, ...]

    def split(self, line: str) -> list[str]:
        """Return the fields of a line."""
        return _split(line, self.separator)

    @property
    def tag_name(self) -> str | None:
        """The name of the column of tags, if it has one."""
        return self.names[self.tag] if self.names else None


@dataclass(frozen=True, kw_only=True)
class TokenReader:
    """Reads the sentences of files of one form.

    Attributes:
        form: what the form has of its own.
        options: what is said of the columns.
        class_names: the possible tags; any tag may occur if there are none.
        encoding: that of a file without byte order mark; UTF-8 if absent.
        has_header: whether the first line names the columns; None where the file shall say it.
        comment_mark: what begins a comment; none where it is empty, and None where the file shall say it.
    """

    form: TokenForm
    options: ColumnOptions
    class_names: tuple[str, ...] = ()
    encoding: str | None = None
    has_header: bool | None = False
    comment_mark: str | None = None

    def __call__(self, path: Path, faults: Faults) -> TaggedFile:
        """Read the sentences of a file; what is wrong with its lines is added to the faults.

        Raises:
            TextFileError: the file is of another encoding.
            SourceFormatError: it has not the columns that it should have, or no sentence.
        """
        lines = read_lines(path, self.encoding)
        layout = self.find_layout(path.name, lines)
        sentences = _Sentences(path.name, layout, self, faults)
        marks = self._marks
        marked = [number for number, line in enumerate(lines, start=1) if line.startswith(marks)]
        comments = self._find_comments(lines, marked, layout)
        n_known = len(faults)
        begun = layout.first_line - 1
        for number in [*(number for number in marked if number > begun), len(lines) + 1]:
            sentences.add_lines(lines, begun + 1, number)
            begun = number
            if number > len(lines):
                sentences.end()
            elif number in comments:
                sentences.note_comment(number, lines[number - 1])
            elif self.form.id_column is None and lines[number - 1].startswith(DOCUMENT_START):
                sentences.begin_document(f"{path.name}:{number}")
            else:
                sentences.add(number, lines[number - 1])
        if not sentences.found and len(faults) == n_known:
            raise SourceFormatError(f"{path.name}: found no sentence, expected at least one")
        notes = list(layout.notes)
        if self.form.id_column is None and comments:
            many = f"{len(comments):,} lines that begin with {quote(self.comment_mark or '#')} are"
            notes.append(
                f"{path.name}: {many if len(comments) > 1 else 'one line is'} taken for comments, the first is line "
                f"{min(comments)}; comment_mark under [options] says otherwise"
            )
        return TaggedFile(sentences.found, (*notes, *sentences.notes()))

    def read_layout(self, path: Path) -> Layout:
        """Return the layout of a file by its beginning; see ``find_layout``."""
        with open_text(path, self.encoding) as stream:
            return self.find_layout(path.name, [line.removesuffix("\n") for line in islice(stream, LOOKED_AT)])

    def find_layout(self, file: str, lines: Sequence[str]) -> Layout:
        """Find out what the columns of a file are, by what is stated, and by its first lines.

        Raises:
            SourceFormatError: a stated column is not among those of the file, or its tags may be in several columns.
        """
        head = lines[:LOOKED_AT]
        numbered = [(number, line) for number, line in enumerate(head, start=1) if self._may_be_token(line)]
        names, source, notes = self.form.columns, "this form", []
        if self.options.columns:
            names, source = self.options.columns, "columns under [options]"
        if not self.options.columns and (said := _find_global_columns(head)):
            names, source = said, "# global.columns"
        looks = [line for _, line in numbered] or [line for line in head if line.strip(" \t")]
        separator = self.options.separator or _find_separator(looks, len(names))
        first, first_line = (_split(looks[0], separator) if looks else []), 1
        if self.has_header or (not names and self._is_header(first)):
            first_line = (numbered[0][0] if numbered else 1) + 1
            names, source = names or tuple(first), source if names else f"line {first_line - 1}"
            if self.has_header is None:
                notes.append(f"{file}: line {first_line - 1} is taken for a header: {cut(', '.join(names))}")
        n_fields = len(names) or _most_common(len(_split(line, separator)) for line in looks)
        place = _Places(file, names, source, max(n_fields, FEWEST_FIELDS), first)
        stated = self.options.token_column
        token = place.find("token_column", self.form.token if stated is None else stated)
        tag = self._find_tag(place, [_split(line, separator) for line in looks if self.form.id_column], notes)
        if token == tag:
            raise SourceFormatError(f"{file}: token_column and tag_column: found {place.tell(tag)} for both")
        if self.form.id_column is None or separator != TAB or (source == "# global.columns" and not notes):
            notes.append(
                f"{file}: fields are separated by {_name_separator(separator)}; the token is {place.tell(token)} and "
                f"the tag {place.tell(tag)} of {place.n_fields} fields"
            )
        word_id = place.seek(self.form.id_column) if self.form.id_column else None
        return Layout(separator, place.n_fields, names, token, tag, word_id, first_line, tuple(notes))

    @property
    def _marks(self) -> tuple[str, ...]:
        """What may begin a line that is no token."""
        return tuple(filter(None, ("#", DOCUMENT_START, self.comment_mark)))

    def _may_be_token(self, line: str) -> bool:
        return not line.startswith(self._marks) and bool(line.strip(" \t"))

    def _is_header(self, first: Sequence[str]) -> bool:
        """Whether a line names the columns: those that are stated, or a token and a tag in their usual places."""
        if self.has_header is not None or len(first) < FEWEST_FIELDS:
            return False
        known = {_fold(name) for name in first}
        stated = [name for name in (self.options.token_column, self.options.tag_column) if isinstance(name, str)]
        if stated:
            return all(_fold(name) in known for name in stated)
        token, tag = first[0], first[-1]
        return tag not in self.class_names and _fold(token) in TOKEN_NAMES and _fold(tag) in TAG_NAMES

    def _find_tag(self, place: _Places, records: Sequence[Sequence[str]], notes: list[str]) -> int:
        """Return the place of the tag; where nothing states it, of the one column of the usual ones that has values."""
        if self.options.tag_column is not None or self.form.id_column is None:
            return place.find(
                "tag_column", self.form.tag if self.options.tag_column is None else self.options.tag_column
            )

        def has_values(at: int) -> bool:
            return any(len(record) == place.n_fields and record[at] != NO_VALUE for record in records)

        usual = place.seek(str(self.form.tag))
        others = {_fold(name) for name in self.form.columns} - {"xpos"}
        if usual is not None and has_values(usual):
            return usual
        filled = [at for at, name in enumerate(place.names) if _fold(name) not in others and has_values(at)]
        if usual is not None and not filled:
            return usual
        if len(filled) != 1:
            found = ", ".join(place.names[at] for at in filled) or "none"
            raise SourceFormatError(
                f"{place.file}: found the columns {', '.join(place.names)}, of which {found} may hold the tags: state "
                "tag_column under [options] in dataset.toml"
            )
        notes.append(
            f"{place.file}: the tags are taken from the column {place.names[filled[0]]}, since {self.form.tag} has none"
        )
        return filled[0]

    def _find_comments(self, lines: Sequence[str], marked: Sequence[int], layout: Layout) -> set[int]:
        """Return the numbers of the lines that are comments, of those that begin with a mark.

        Where words have ids, every line that begins with ``#`` is one. Elsewhere ``#`` may be a token, so such a line
        is a comment if it has another number of fields than a token, or stands before the first token of a sentence
        with a tag that is none of the known ones: ``class_names``, or those of lines that do not begin with ``#``.
        """
        mark = "#" if self.comment_mark is None else self.comment_mark
        marked = [number for number in marked if mark and lines[number - 1].startswith(mark)]
        if self.form.id_column is not None or self.comment_mark is not None or not marked:
            return set(marked)
        known = set(self.class_names)
        if not known:
            records = (layout.split(line) for line in lines[layout.first_line - 1 :] if self._may_be_token(line))
            known = {record[layout.tag] for record in records if len(record) == layout.n_fields}
        comments: set[int] = set()
        for number in marked:
            fields = layout.split(lines[number - 1])
            is_first = number == 1 or number - 1 in comments or not self._may_be_token(lines[number - 2])
            if len(fields) != layout.n_fields or (is_first and to_nfc(fields[layout.tag]) not in known):
                comments.add(number)
        return comments


@dataclass
class _Sentences:
    """The sentences of a file while its lines are read."""

    file: str
    layout: Layout
    reader: TokenReader
    faults: Faults
    found: list[TaggedSentence] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _n_renamed: int = 0
    _document: str = ""

    def __post_init__(self) -> None:
        self._known = frozenset(self.reader.class_names)
        self._tag_of: dict[str, str] = {}
        """The tag that a field is known to hold."""
        self._begin()

    def _begin(self) -> None:
        self._tokens: list[str] = []
        self._tags: list[str] = []
        self._lines: list[int] = []
        self._sentence_id = ""
        self._first, self._next_id, self._has_words = 0, 1, False

    def note_comment(self, number: int, line: str) -> None:
        """Take up what a comment says of sentence and document."""
        if (said := _COMMENT.fullmatch(line.rstrip())) is None:
            return
        name, value = said[1], to_nfc((said[2] or "").strip())
        if name in {"sent_id", "text"}:
            self._first = self._first or number
        if name == "sent_id":
            self._sentence_id = value
        elif name.startswith("newdoc"):
            self._document = value or f"{self.file}:{number}"

    def begin_document(self, name: str) -> None:
        """End the sentence, if there is one, and begin a document."""
        self.end()
        self._document = name

    def add_lines(self, lines: Sequence[str], first: int, end: int) -> None:
        """Take up the lines from the first number up to the one before the end: tokens and blank lines.

        Files have millions of lines: what can be told by a look at the fields is taken up here, all else by ``add``.
        """
        layout, tag_of, next_id = self.layout, self._tag_of, self._next_id
        separator, n_fields, token_at, tag_at = layout.separator, layout.n_fields, layout.token, layout.tag
        has_ids, id_at, is_loose = layout.word_id is not None, layout.word_id or 0, separator == WHITE_SPACE
        tokens, tags, numbers = self._tokens, self._tags, self._lines
        for number, line in enumerate(lines[first - 1 : end - 1], start=first):
            fields = line.split(separator)
            if (
                len(fields) == n_fields
                and (tag := tag_of.get(fields[tag_at])) is not None
                and (token := fields[token_at].strip(" "))
                and not (has_ids and fields[id_at] != str(next_id))
                and not (is_loose and (TAB in line or "" in fields))
            ):
                tokens.append(token)
                tags.append(tag)
                numbers.append(number)
                next_id += 1
                continue
            self._next_id = next_id
            if line.strip(" \t"):
                self.add(number, line)
            else:
                self.end()
            next_id, tokens, tags, numbers = self._next_id, self._tokens, self._tags, self._lines
        self._next_id = next_id

    def add(self, number: int, line: str) -> None:
        """Take up the line of a token."""
        layout = self.layout
        fields = layout.split(line)
        self._first = self._first or number
        if len(fields) != layout.n_fields:
            self._has_words = True
            self.faults.add(f"{self.file}, line {number}: {self._tell_ragged(line, len(fields))}")
            return
        if layout.word_id is not None and not self._is_word(fields[layout.word_id], number):
            return
        self._has_words = True
        token, tag = fields[layout.token].strip(" "), to_nfc(fields[layout.tag].strip(" "))
        if not token:
            self.faults.add(f"{self.file}, line {number}, {self._name(layout.token, 'token')}: found no token")
        elif not tag:
            self.faults.add(f"{self.file}, line {number}, {self._name(layout.tag, 'tag')}: found no tag")
        elif self._known and tag not in self._known:
            expected = cut(", ".join(self.reader.class_names), 200)
            self.faults.add(
                f"{self.file}, line {number}: found the tag {quote(tag)} of {quote(token)}, expected one of "
                f"{expected}: correct it, or add it to class_names in dataset.toml"
            )
        else:
            self._tag_of[fields[layout.tag]] = tag
            self._tokens.append(token)
            self._tags.append(tag)
            self._lines.append(number)

    def end(self) -> None:
        """End the sentence, if there is one."""
        if self._tokens:
            place = f"{self.file}:{self._lines[0]}"
            name = self._sentence_id or place
            if name in self._ids:
                self._n_renamed, name = self._n_renamed + 1, place
            self._ids.add(name)
            genre = self._document.partition("-")[0] if "-" in self._document else ""
            self.found.append(
                TaggedSentence(
                    sentence_id=name,
                    tokens=self._tokens,
                    tags=self._tags,
                    lines=self._lines,
                    document=self._document,
                    genre=genre,
                )
            )
        elif self._first and not self._has_words:
            self.faults.add(f"{self.file}, line {self._first}: found a sentence without words, expected at least one")
        if self._tokens or self._first:
            self._begin()

    def notes(self) -> tuple[str, ...]:
        """Return what is to be told of the names of sentences."""
        if not self._n_renamed:
            return ()
        return (
            f"{self.file}: {self._n_renamed:,} sentences have a sent_id that another one has: they are named by file "
            "and line",
        )

    def _is_word(self, word_id: str, number: int) -> bool:
        """Whether a line is a word, by its id; ranges of words and empty nodes are none."""
        if word_id == str(self._next_id):
            self._next_id += 1
            return True
        if _SKIPPED_ID.fullmatch(word_id):
            return False
        self._has_words = True
        said = f"{self.file}, line {number}, field id: found {quote(word_id)}, expected"
        if _NUMBER.fullmatch(word_id) is None:
            self.faults.add(f"{said} a number")
            return False
        missing = ": a blank line is missing before it" if word_id == "1" else ""
        self.faults.add(f"{said} {self._next_id}{missing}")
        self._next_id = int(word_id) + 1
        return False

    def _tell_ragged(self, line: str, n_found: int) -> str:
        layout = self.layout
        named = f": {cut(', '.join(layout.names), 200)}" if layout.names else ", as most lines have"
        said = f"found {n_found} fields separated by {_name_separator(layout.separator)}, expected {layout.n_fields}"
        if layout.separator == TAB and len(_split(line, WHITE_SPACE)) == layout.n_fields:
            return f"{said}: spaces stand where tabs should"
        return f"{said}{named}"

    def _name(self, at: int, what: str) -> str:
        return f"field {self.layout.names[at] if self.layout.names else f'{at + 1} ({what})'}"


@dataclass(frozen=True)
class _Places:
    """The columns of a file, by which places are found."""

    file: str
    names: tuple[str, ...]
    source: str
    n_fields: int
    first: Sequence[str]

    def find(self, option: str, column: str | int) -> int:
        """Return the place of a column from 0, by its name or its number."""
        if isinstance(column, int):
            if not 1 <= abs(column) <= self.n_fields:
                raise SourceFormatError(
                    f"{self.file}: {option}: found {column}, expected a number from 1 to {self.n_fields}, of so many "
                    "fields most lines have"
                )
            return column - 1 if column > 0 else self.n_fields + column
        found = self.seek(column)
        if found is None:
            has = f"the columns {cut(', '.join(self.names), 200)} in {self.source}"
            if not self.names:
                has = f"no names of columns: the first line is {quote(' '.join(self.first))}"
            raise SourceFormatError(
                f"{self.file}: {option} is {quote(column)}, found {has}: state one of the columns, or its number"
            )
        return found

    def seek(self, name: str) -> int | None:
        """Return the place of the column of a name from 0, None if there is none."""
        folded = [_fold(known) for known in self.names]
        return folded.index(_fold(name)) if _fold(name) in folded else None

    def tell(self, at: int) -> str:
        return f"column {self.names[at]}" if self.names else f"field {at + 1}"


def _split(line: str, separator: str) -> list[str]:
    """Return the fields of a line; only spaces and tabs are white space, since others may stand within a token."""
    if separator != WHITE_SPACE:
        return line.split(separator)
    return [part for part in line.replace(TAB, WHITE_SPACE).split(WHITE_SPACE) if part]


def _find_separator(lines: Sequence[str], n_fields: int) -> str:
    """Return the separator that divides most lines into as many fields, then into the most, then the tab."""

    def score(separator: str) -> tuple[int, int, bool]:
        counts = Counter(len(_split(line, separator)) for line in lines)
        if n_fields:
            return (counts[n_fields], 0, separator == TAB)
        n_lines, most = max(((count, n) for n, count in counts.items() if n >= FEWEST_FIELDS), default=(0, 0))
        return (n_lines, most, separator == TAB)

    return max((TAB, WHITE_SPACE), key=score)


def _most_common(counts: Iterable[int]) -> int:
    found = Counter(counts).most_common(1)
    return found[0][0] if found else 0


def _find_global_columns(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a comment before the first token names, as CoNLL-U Plus has it."""
    for line in lines:
        if line.startswith("#"):
            said = _COMMENT.fullmatch(line.rstrip())
            if said is not None and said[1] == "global.columns":
                return tuple((said[2] or "").split())
        elif line.strip(" \t"):
            break
    return ()


def _name_separator(separator: str) -> str:
    return {TAB: "tabs", WHITE_SPACE: "white space"}.get(separator, quote(separator))


def _fold(name: str) -> str:
    return to_nfc(name.strip()).casefold()
