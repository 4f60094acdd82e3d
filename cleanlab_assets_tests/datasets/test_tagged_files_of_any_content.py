"""Random files of tagged tokens are read as they are; what is damaged is told, or read as another reader has it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import conllu
import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets_tests.datasets.test_tagged_formats import sentences_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Sentences = list[list[tuple[str, str]]]
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "Ö-X")
LETTERS = "abcXYZ019.,#-_'\"\\()[]äß\u00a0\u2028\u2029\u0085\u000b\u000c\u001c\u200b\u3000名😀"
"""Of usual tokens, and what Python and editors take for white space or the end of a line, but these forms do not."""
ANY = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


class Form(NamedTuple):
    """How sentences are written, and how an independent reader reads them; None for what it refuses."""

    write: Callable[[Sentences], str]
    read: Callable[[str], Sentences | None]


def write_conllu(sentences: Sentences) -> str:
    blocks = [
        "".join(f"{n}\t{token}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n" for n, (token, tag) in enumerate(sentence, start=1))
        for sentence in sentences
    ]
    return "\n".join(f"# sent_id = s{number}\n{block}" for number, block in enumerate(blocks))


def write_conll2003(sentences: Sentences) -> str:
    return "\n".join("".join(f"{token}\tx\t{tag}\n" for token, tag in sentence) for sentence in sentences)


def to_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_conllu(text: str) -> Sentences | None:
    """Read by the library ``conllu``, which divides lines at LF alone and strips what looks like white space."""
    found: Sentences = []
    for block in "\n".join(line if line.strip(" \t") else "" for line in to_lines(text)).split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        fields = [line.split("\t") for line in lines]
        if any(len(line) != 10 for line in fields):
            return None
        try:
            ids = [conllu.parser.parse_id_value(line[0]) for line in fields]
        except conllu.exceptions.ParseException:
            return None
        words = [(word, line) for word, line in zip(ids, fields, strict=True) if isinstance(word, int)]
        if [word for word, _ in words] != list(range(1, len(words) + 1)):
            return None
        if words:
            found.append([(line[1].strip(" "), line[3].strip(" ")) for _, line in words])
    return found


def read_conll2003(text: str) -> Sentences | None:
    found: Sentences = [[]]
    widths = set()
    for line in to_lines(text):
        if line.strip(" \t"):
            fields = line.split("\t")
            widths.add(len(fields))
            found[-1].append((fields[0].strip(" "), fields[-1].strip(" ")))
        else:
            found.append([])
    return [sentence for sentence in found if sentence] if len(widths) == 1 and min(widths) > 1 else None


FORMS = {"conllu": Form(write_conllu, read_conllu), "conll2003": Form(write_conll2003, read_conll2003)}

words = st.text(LETTERS, min_size=1, max_size=6).filter(lambda token: not token.startswith("#"))
tokens = st.one_of(words, st.tuples(words, words).map(" ".join), st.just("#"))
files = st.lists(st.lists(st.tuples(tokens, st.sampled_from(TAGS)), min_size=1, max_size=6), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a dataset, whose file each example writes anew."""
    folder: Path = tmp_path_factory.mktemp("data")
    (folder / "mine").mkdir()
    return folder


def load(data_dir: Path, content: bytes, form: str) -> tuple[Sentences, list[str]]:
    """Read a file through its description, as a command does; return the notes that not every file has."""
    (data_dir / "mine" / "t.txt").write_bytes(content)
    names = ", ".join(f'"{tag}"' for tag in TAGS)
    separator = '[options]\nseparator = "\\t"\n' if form == "conll2003" else ""
    description = f'family = "token_classification"\nformat = "{form}"\nclass_names = [{names}]\n'
    (data_dir / "mine" / "dataset.toml").write_text(
        f'{description}[files]\ntrain = "t.txt"\n{separator}', encoding="utf-8"
    )
    dataset = find_own_datasets(data_dir)["mine"]
    if not isinstance(dataset, Dataset):
        raise dataset
    found = dataset.read(resolve_source_files(dataset, data_dir))
    assert dataset.find_allowed_labels(found.table["tag"]).all()
    usual = ("IOB", *(["fields are separated by tabs"] if form == "conll2003" else []))
    notes = [note for note in found.notes if not any(words in note for words in usual)]
    return sentences_of(found.table), notes


@pytest.mark.parametrize("form", FORMS)
@ANY
@given(
    sentences=files,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    blanks=st.sampled_from(["", "\n", " \t\n"]),
)
@example(sentences=[[("a\u2028b", "O")], [("#", "O")]], end="\r", encoding="utf-16", blanks="\n")
def test_a_valid_file_is_read_back_equal(
    *, data_dir: Path, form: str, sentences: Sentences, end: str, encoding: str, blanks: str
) -> None:
    text = (FORMS[form].write(sentences) + blanks).replace("\n", end)
    assert load(data_dir, text.encode(encoding), form) == (sentences, [])


def damage(content: bytes, kind: str, place: int, byte: int) -> bytes:
    """Do a small damage to a file: to a byte, a line or a field of a line."""
    if kind in {"change", "insert", "delete"}:
        at = place % len(content)
        new = b"" if kind == "delete" else bytes([byte])
        return content[:at] + new + content[at + (kind != "insert") :]
    lines = content.split(b"\n")
    at = place % len(lines)
    fields = lines[at].split(b"\t")
    field = byte % len(fields)
    changed = {
        "delete line": [],
        "double line": [lines[at]] * 2,
        "swap lines": [*lines[at + 1 : at + 2], lines[at]],
        "cut line": [lines[at][: byte % (len(lines[at]) + 1)]],
        "delete field": [b"\t".join(fields[:field] + fields[field + 1 :])],
        "double field": [b"\t".join(fields[: field + 1] + fields[field:])],
        "empty field": [b"\t".join([*fields[:field], b"", *fields[field + 1 :]])],
        "space for tab": [lines[at].replace(b"\t", b" ", 1)],
    }[kind]
    return b"\n".join(lines[:at] + changed + lines[at + 1 + (kind == "swap lines") :])


KINDS = ("change", "insert", "delete", "delete line", "double line", "swap lines", "cut line")
FIELD_KINDS = ("delete field", "double field", "empty field", "space for tab")


def check_damage(data_dir: Path, content: bytes, form: str) -> str:
    """Whether a file is read as the independent reader has it, read with a note, or refused in clear words."""
    try:
        found, notes = load(data_dir, content, form)
    except UnreadableInputError as error:
        message = str(error)
        assert "t.txt" in message
        assert len(message.splitlines()) <= 21
        assert "Traceback" not in message
        return "refused"
    expected = None
    with suppress(UnicodeDecodeError):
        expected = FORMS[form].read(content.decode("utf-8-sig"))
    if found == expected:
        return "read"
    assert notes, f"read as {found} without a word, an independent reader has {expected}"
    return "read with a note"


@pytest.mark.parametrize("form", FORMS)
@ANY
@given(
    sentences=files,
    kind=st.sampled_from((*KINDS, *FIELD_KINDS)),
    place=st.integers(0, 10_000),
    byte=st.integers(0, 255),
)
def test_a_small_damage_is_told_or_read_as_it_stands(
    *, data_dir: Path, form: str, sentences: Sentences, kind: str, place: int, byte: int
) -> None:
    check_damage(data_dir, damage(FORMS[form].write(sentences).encode(), kind, place, byte), form)
