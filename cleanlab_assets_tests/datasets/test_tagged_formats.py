"""Files of tagged tokens as people have them: what is read, what is said of it, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.grammar_sentences import DATASET as GRAMMAR
from cleanlab_assets.datasets.own_datasets import find_own_datasets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from cleanlab_assets.datasets.dataset import NotedTable

FORMS = ("conllu", "conll2003")
REST = "\t_\t_\t0\troot\t_\t_"
CONLLU = f"""# newdoc id = blog-one
# sent_id = s1
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX{REST}
2\tn't\tnot\tPART{REST}
2.1\tgo\tgo\tVERB{REST}

# sent_id = s2
1\tNew York\tNew York\tPROPN{REST}
"""


def write_words(form: str, words: Iterable[tuple[str, str]]) -> str:
    """Write a sentence of tokens and tags in a form."""
    ways = {"conllu": "{number}\t{token}\t_\t{tag}" + "\t_" * 6, "conll2003": "{token}\t{tag}"}
    lines = (ways[form].format(number=number, token=token, tag=tag) for number, (token, tag) in enumerate(words, 1))
    return "".join(f"{line}\n" for line in lines)


def load(folder: Path, *, form: str = "conll2003", said: str = "", **texts: str | bytes) -> NotedTable:
    """Load the train, dev and test files of these texts as a dataset of a user's own."""
    data_dir = folder / "data"
    (data_dir / "mine").mkdir(parents=True, exist_ok=True)
    for part, text in texts.items():
        (data_dir / "mine" / f"{part}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    top, _, options = said.partition("[options]")
    files = "".join(f'{part} = "{part}.txt"\n' for part in texts)
    description = f'family = "token_classification"\nformat = "{form}"\n{top}\n[files]\n{files}[options]\n{options}'
    (data_dir / "mine" / "dataset.toml").write_text(description, encoding="utf-8")
    return read_own(data_dir)


def read_own(data_dir: Path) -> NotedTable:
    """Read the dataset of a data directory; every tag is one of its classes, and every sentence has a name."""
    dataset = find_own_datasets(data_dir)["mine"]
    if not isinstance(dataset, Dataset):
        raise dataset
    found = dataset.read(resolve_source_files(dataset, data_dir))
    assert dataset.find_allowed_labels(found.table["tag"]).all()
    assert found.table["sentence_id"].nunique() == (found.table["position"] == 1).sum()
    return found


def sentences_of(table: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """The tokens with their tags, sentence by sentence."""
    starts = np.flatnonzero(table["position"] == 1)
    pairs = list(zip(table["token"].astype(str), table["tag"].astype(str), strict=True))
    return [pairs[start:end] for start, end in zip(starts, [*starts[1:], len(pairs)], strict=True)]


def test_conllu_words_keep_line_document_and_genre(tmp_path: Path) -> None:
    raw = load(tmp_path, form="conllu", train=CONLLU).table
    assert raw["row_id"].tolist() == ["train.txt:4", "train.txt:5", "train.txt:9"]
    assert raw["token"].tolist() == ["Do", "n't", "New York"]
    assert raw["tag"].tolist() == ["AUX", "PART", "PROPN"]
    assert raw["position"].tolist() == [1, 2, 1]
    assert raw["sentence"].tolist() == ["Do n't", "Do n't", "New\u00a0York"]
    assert set(raw["document"]) == {"blog-one"}
    assert set(raw["genre"]) == {"blog"}
    assert raw["sentence_id"].tolist() == ["s1", "s1", "s2"]


WORD = f"\tDo\tdo\tAUX{REST}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"1{WORD}1\tDo\tdo\tAUX\n", r"train.txt, line 2: found 4 fields separated by tabs, expected 10: ID, FORM"),
        (
            f"1{WORD.replace('Do', 'a b')}2 Do do AUX _ _ 0 _ _ _\n",
            r"train.txt, line 2: .* expected 10: spaces stand where tabs should",
        ),
        (f"2{WORD}", r"train.txt, line 1, field id: found '2', expected 1"),
        (
            f"1{WORD}2{WORD}1{WORD}2{WORD}",
            r"line 3, field id: found '1', expected 3: a blank line is missing before it",
        ),
        (f"x{WORD}", r"train.txt, line 1, field id: found 'x', expected a number"),
        (f"²{WORD}", r"train.txt, line 1, field id: found '²', expected a number"),
        (f"1{WORD}\n# sent_id = s1\n\n", r"train.txt, line 3: found a sentence without words"),
        (f"1{WORD}\n1-2{WORD}", r"train.txt, line 3: found a sentence without words"),
        ("", r"train.txt: found no sentence"),
        ("# only comments\n", r"train.txt: found no sentence"),
        (f"1{WORD.replace('Do', ' ')}", r"train.txt, line 1, field FORM: found no token"),
        (f"1{WORD.replace('AUX', '')}", r"train.txt, line 1, field UPOS: found no tag"),
        (
            f"1{WORD.replace('AUX', 'aux')}",
            r"line 1: found the tag 'aux' of 'Do', expected one of ADJ, ADP, .* class_n",
        ),
        (f"1{WORD.replace('AUX', '_')}", r"line 1: found the tag '_' of 'Do', expected one of ADJ"),
    ],
)
def test_what_is_no_conllu_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UnreadableInputError, match=message) as caught:
        load(tmp_path, form="conllu", train=text)
    assert "\n" not in str(caught.value), "one fault"


@pytest.mark.parametrize("form", FORMS)
def test_all_faults_of_all_files_are_told_at_once_and_no_more_than_twenty(tmp_path: Path, form: str) -> None:
    good, bad = write_words(form, [("a", "A"), ("b", "B")]), write_words(form, [("a", "A"), ("b", "C")])
    said = 'class_names = ["A", "B"]'
    with pytest.raises(UnreadableInputError) as caught:
        load(tmp_path, form=form, said=said, train=f"{good}\n{bad}\n{good}", dev=good, test=bad)
    assert [line[: line.index(":")].split("/")[-1] for line in str(caught.value).splitlines()] == [
        "train.txt, line 5",
        "test.txt, line 2",
    ]
    with pytest.raises(UnreadableInputError) as caught:
        load(tmp_path / "many", form=form, said=said, train="\n".join([bad] * 30))
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("and 10 more")


def test_conll2003_sentences_documents_and_blank_lines(tmp_path: Path) -> None:
    start = "-DOCSTART- -X- O O\n\n"
    text = f"{start}\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n \t\n\n{start}Peter NNP I-NP B-PER\n"
    raw = load(tmp_path, train=text).table
    assert sentences_of(raw) == [[("EU", "B-ORG"), ("rejects", "O")], [("Peter", "B-PER")]]
    assert raw["document"].tolist() == ["train.txt:1", "train.txt:1", "train.txt:8"]
    assert raw["row_id"].tolist() == ["train.txt:4", "train.txt:5", "train.txt:10"]


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        ("EU B-ORG\nrejects\na O\n", "", "line 2: found 1 fields separated by white space, expected 2, as most lines"),
        ("EU x B-ORG\na O\nb O\n", "", "line 1: found 3 fields separated by white space, expected 2, as most lines"),
        ("a\tO\n\tO\n", "", r"line 2, field 1 \(token\): found no token"),
        ("a\tO\nb\t\n", "", r"line 2, field 2 \(tag\): found no tag"),
        ("a O\nb B\n", "[options]\ntag_column = 3", "tag_column: found 3, expected a number from 1 to 2"),
        ("a O\nb B\n", "[options]\ntoken_column = 0", "token_column: found 0, expected a number from 1 to 2"),
        ("a O\nb B\n", "[options]\ntag_column = 1", "token_column and tag_column: found field 1 for both"),
        ("a O\nb B\n", '[options]\ntag_column = "ner"', "tag_column is 'ner', found no names of columns: .* 'a O'"),
        (
            "w pos tag\na X O\n",
            '[options]\nheader = true\ntag_column = "ner"',
            "tag_column is 'ner', found the columns w, pos, tag in line 1: state one",
        ),
        ("a O\nb B\n", "[options]\ntag_colum = 1", "options.tag_colum"),
        ("a O\nb B\n", "[options]\ntag_column = true", "options.tag_column"),
        ("", "", "train.txt: found no sentence"),
    ],
)
def test_what_cannot_be_read_as_conll2003_is_told(tmp_path: Path, text: str, said: str, message: str) -> None:
    with pytest.raises(UnreadableInputError, match=message):
        load(tmp_path, train=text, said=said)


TWO_SENTENCES = [[("New York", "B"), ("is", "O")], [("#", "O"), ("big", "O")]]
PLAIN = [[("York", "B"), ("is", "O")], [("#", "O"), ("big", "O")]]


@pytest.mark.parametrize(
    ("text", "said", "expected", "note"),
    [
        ("New York\tB\nis\tO\n\n#\tO\nbig\tO\n", "", TWO_SENTENCES, "separated by tabs; the token is field 1 and"),
        ("York  x\tB\nis \t x O \n\n# x O\nbig x O\n", "", PLAIN, "by white space; .* the tag field 3 of 3 fields"),
        ("York,B\nis,O\n\n#,O\nbig,O\n", '[options]\nseparator = ","', PLAIN, "separated by ','"),
        ("B York\nO is\n\nO #\nO big\n", "[options]\ntoken_column = 2\ntag_column = 1", PLAIN, "token is field 2"),
        ("York B x\nis O x\n\n# O x\nbig O x\n", "[options]\ntag_column = -2", PLAIN, "tag field 2 of 3"),
        ("Token\tNER\nYork\tB\nis\tO\n\n#\tO\nbig\tO\n", "", PLAIN, "line 1 is taken for a header: Token, NER"),
        (
            "w t x\nYork B x\nis O x\n\n# O x\nbig O x\n",
            '[options]\ntag_column = "T"',
            PLAIN,
            "line 1 is taken for a header: w, t, x",
        ),
        ("wort marke\nYork B\nis O\n\n# O\nbig O\n", "[options]\nheader = true", PLAIN, "column marke of 2"),
        (
            "York x B\nis x O\n\n# x O\nbig x O\n",
            '[options]\ncolumns = ["w", "p", "t"]\ntag_column = "t"',
            PLAIN,
            "tag column t of 3",
        ),
        (
            "# global.columns = FORM NER\nYork\tB\nis\tO\n\n#\tO\nbig\tO\n",
            '[options]\ntag_column = "ner"',
            PLAIN,
            "tag column NER of 2",
        ),
        ("# id 7 x\nYork x x B\nis x x O\n# id\n\n# x x O\nbig x x O\n", "", PLAIN, "2 lines that begin with '#' are"),
        (
            "% a\nword tag\nYork B\nis O\n\n# O\nbig O\n",
            '[options]\ncomment_mark = "%"\nheader = true',
            PLAIN,
            "the token is column word and the tag column tag",
        ),
        ("% a\nYork B\nis O\n\n# O\nbig O\n", '[options]\ncomment_mark = "%"', PLAIN, "one line is taken for comm"),
    ],
)
def test_files_like_those_of_conll2003_are_read_as_they_are_and_it_is_said(
    tmp_path: Path, text: str, said: str, expected: list[list[tuple[str, str]]], note: str
) -> None:
    found = load(tmp_path, train=text, said=said)
    assert sentences_of(found.table) == expected
    assert any(re.search(note, line) for line in found.notes), found.notes


def test_a_hash_is_a_token_where_its_tag_is_known_and_a_comment_elsewhere(tmp_path: Path) -> None:
    text = "# x\n#tag O\n# O\n#1 B\n\n# B\n#x O\n\n# y\na O\nb B\n"
    known = load(tmp_path, train=text, said='class_names = ["O", "B"]')
    assert sentences_of(known.table) == [
        [("#tag", "O"), ("#", "O"), ("#1", "B")],
        [("#", "B"), ("#x", "O")],
        [("a", "O"), ("b", "B")],
    ]
    assert sentences_of(load(tmp_path / "as the file says", train=text).table) == sentences_of(known.table)
    with pytest.raises(UnreadableInputError, match="line 1: found the tag 'x'"):
        load(tmp_path / "no comments", train=text, said='class_names = ["O", "B"]\n[options]\ncomment_mark = ""')


NO_FIELDS = "\t_" * 6


@pytest.mark.parametrize(
    ("text", "said", "note"),
    [
        ("# global.columns = ID FORM UPOS CONLL:NER\n1\tYork\t_\tB\n2\tis\t_\tO\n", "", "from the column CONLL:NER"),
        (
            "# global.columns = ID FORM UPOS NER\n1\tYork\tPROPN\tB\n2\tis\tAUX\tO\n",
            '[options]\ntag_column = "NER"',
            "the tag column NER of 4",
        ),
        ("# global.columns = NER FORM\nB\tYork\nO\tis\n", "", "from the column NER"),
        (f"1\tYork\t_\t_\tB{NO_FIELDS[2:]}\n2\tis\t_\t_\tO{NO_FIELDS[2:]}\n", "", "from the column XPOS"),
        ("1 York _ _ B _ _ _ _ _\n2 is _ _ O _ _ _ _ _\n", '[options]\ntag_field = "xpos"', "by white space"),
    ],
)
def test_conllu_plus_and_other_columns_are_read_and_it_is_said(tmp_path: Path, text: str, said: str, note: str) -> None:
    found = load(tmp_path, form="conllu", train=text, said=said)
    assert sentences_of(found.table) == [[("York", "B"), ("is", "O")]]
    assert any(note in line for line in found.notes), found.notes
    assert any("the files have the tags B (1), O (1)" in line for line in found.notes)


def test_several_columns_that_may_hold_the_tags_are_named(tmp_path: Path) -> None:
    text = "# global.columns = ID FORM NER CHUNK\n1\tYork\tB\tNP\n"
    with pytest.raises(UnreadableInputError, match="of which NER, CHUNK may hold the tags: state tag_column"):
        load(tmp_path, form="conllu", train=text)


def test_comments_alone_are_no_sentence(tmp_path: Path) -> None:
    text = f"# licence: any\n\n\n# by hand\n\n# sent_id = a\n1{WORD}"
    assert load(tmp_path, form="conllu", train=text).table["row_id"].tolist() == ["train.txt:7"]


def test_ids_that_start_anew_name_sentences_and_documents_by_file(tmp_path: Path) -> None:
    text = f"# newdoc id = d-1\n# sent_id = 1\n1{WORD}\n# sent_id = 2\n1{WORD}"
    found = load(tmp_path, form="conllu", train=text, dev=text, test=f"1{WORD}")
    assert found.table["sentence_id"].tolist() == ["train.txt#1", "train.txt#2", "dev.txt#1", "dev.txt#2", "test.txt:1"]
    assert found.table["document"].tolist() == ["train.txt#d-1"] * 2 + ["dev.txt#d-1"] * 2 + [""]
    assert set(found.table["genre"]) == {"d", ""}
    assert sum("occur in two files or more" in note for note in found.notes) == 2


def test_an_id_of_two_sentences_of_a_file_names_the_first(tmp_path: Path) -> None:
    text = f"# sent_id = a\n1{WORD}\n# sent_id = a\n1{WORD}"
    found = load(tmp_path, form="conllu", train=text)
    assert found.table["sentence_id"].tolist() == ["a", "train.txt:5"]
    assert any("1 sentences have a sent_id that another one has" in note for note in found.notes)


@pytest.mark.parametrize(
    ("tags", "note"),
    [
        (
            ["B-X", "I-X", "O", "I-X", "B-Y", "O", "B-X"],
            "3 spans begin with B- (IOB2) and 1 with I- (IOB1), such as in t",
        ),
        (["I-X", "O", "I-X", "I-Y", "O", "B-X"], "in train.txt:6: the two schemes are mixed, or these tags are wrong"),
        (["I-X", "B-X", "O", "I-X", "I-Y"], ""),
        (["B-X", "I-X", "O", "B-X", "B-Y", "I-Y"], ""),
    ],
    ids=["mostly IOB2", "mostly IOB1", "IOB1", "IOB2"],
)
def test_a_mixture_of_schemes_is_told(tmp_path: Path, tags: list[str], note: str) -> None:
    notes = [line for line in load(tmp_path, train="\n".join(f"w {tag}" for tag in tags)).notes if "IOB" in line]
    assert len(notes) == bool(note)
    assert note in "".join(notes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("said", ["", 'class_names = ["A", "B"]'])
def test_files_are_found_and_tags_known_however_their_letters_are_written(tmp_path: Path, form: str, said: str) -> None:
    load(tmp_path, form=form, said='class_names = ["A", "B"]', train=write_words(form, [("ü", "A"), ("b", "B")]))
    folder = tmp_path / "data" / "mine"
    (folder / "train.txt").rename(folder / "u\u0308.txt")
    column = "" if form == "conll2003" else "[options]\ntag_column = 4\n"
    description = f'family = "token_classification"\nformat = "{form}"\n{said}\n[files]\ntrain = "\u00fc.txt"\n{column}'
    (folder / "dataset.toml").write_text(description, encoding="utf-8")
    if form == "conllu" and not said:  # those of UPOS, of which A is none
        with pytest.raises(UnreadableInputError, match=re.escape("u\u0308.txt, line 1: found the tag 'A'")):
            read_own(tmp_path / "data")
    else:
        assert read_own(tmp_path / "data").table["tag"].tolist() == ["A", "B"]


@pytest.mark.parametrize("form", FORMS)
def test_files_of_other_roles_are_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(UnreadableInputError, match="files: found all, expected train"):
        load(tmp_path, form=form, all=write_words(form, [("a", "A")]))


def test_the_grammar_writes_the_same_sentences_with_ambiguous_words() -> None:
    raw = GRAMMAR.load({})
    assert raw.equals(GRAMMAR.load({}))
    tags_of_light = set(raw.loc[raw["token"].isin(["light"]), "tag"])
    assert tags_of_light == {"NOUN", "VERB"}
    assert raw.groupby("genre", observed=True)["document"].nunique().min() > 5
