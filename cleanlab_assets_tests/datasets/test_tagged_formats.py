from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.formats.conll2003 import read_conll2003
from cleanlab_assets.datasets.formats.conllu import read_conllu
from cleanlab_assets.datasets.grammar_sentences import DATASET as GRAMMAR
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.tagged_sentences import load_tagged_files

if TYPE_CHECKING:
    from pathlib import Path

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


def _write(folder: Path, text: str, name: str = "train.conllu") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_conllu_words_keep_line_document_and_genre(tmp_path: Path) -> None:
    raw = load_tagged_files(
        {"train.conllu": _write(tmp_path, CONLLU)},
        read=read_conllu,
        parts={"train": "train.conllu"},
        class_names=("AUX", "PART", "PROPN"),
    )
    assert raw["row_id"].tolist() == ["train.conllu:4", "train.conllu:5", "train.conllu:9"]
    assert raw["token"].tolist() == ["Do", "n't", "New York"]
    assert raw["tag"].tolist() == ["AUX", "PART", "PROPN"]
    assert raw["position"].tolist() == [1, 2, 1]
    assert raw["sentence"].tolist() == ["Do n't", "Do n't", "New\u00a0York"]
    assert set(raw["document"]) == {"blog-one"}
    assert set(raw["genre"]) == {"blog"}
    assert raw["sentence_id"].tolist() == ["s1", "s1", "s2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\tDo\tdo\tAUX\n", r"train.conllu, line 1: found 4 fields separated by tabs, expected 10"),
        (f"2\tDo\tdo\tAUX{REST}\n", r"train.conllu, line 1, field id: found '2', expected 1"),
        (f"x\tDo\tdo\tAUX{REST}\n", r"train.conllu, line 1, field id: found 'x', expected a number"),
        ("# sent_id = s1\n\n", r"train.conllu, line 1: found a sentence without words"),
        ("", r"train.conllu: found no sentence"),
        (
            f"# sent_id = a\n1\tDo\tdo\tAUX{REST}\n\n# sent_id = a\n1\tDo\tdo\tAUX{REST}\n",
            r"train.conllu, line 5: found sent_id 'a' a second time",
        ),
    ],
)
def test_what_is_no_conllu_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceFormatError, match=message):
        read_conllu(_write(tmp_path, text))


def test_conll2003_sentences_documents_and_blank_lines(tmp_path: Path) -> None:
    start = "-DOCSTART- -X- O O\n\n"
    text = f"{start}\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n\n{start}Peter NNP I-NP B-PER\n"
    found = read_conll2003(_write(tmp_path, text, "train.txt"))
    assert [list(sentence.tokens) for sentence in found] == [["EU", "rejects"], ["Peter"]]
    assert [list(sentence.tags) for sentence in found] == [["B-ORG", "O"], ["B-PER"]]
    assert [sentence.document for sentence in found] == ["train.txt:1", "train.txt:8"]
    assert [list(sentence.lines) for sentence in found] == [[4, 5], [10]]


def test_a_ragged_line_of_conll2003_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceFormatError, match=r"train.txt, line 2: found 1 fields separated by white space, expected 2"
    ):
        read_conll2003(_write(tmp_path, "EU B-ORG\nrejects\n", "train.txt"))


@pytest.mark.parametrize("form", ["conllu", "conll2003"])
def test_a_users_own_files_become_a_dataset(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "tickets"
    folder.mkdir()
    _write(folder, CONLLU if form == "conllu" else "EU B-ORG\nrejects O\n", "train.txt")
    description = (
        f'family = "token_classification"\nformat = "{form}"\nclass_names = ["AUX", "PART", "PROPN", "B-ORG", "O"]\n'
    )
    (folder / "dataset.toml").write_text(description + '[files]\ntrain = "train.txt"\n')
    dataset = find_own_datasets(tmp_path)["tickets"]
    assert isinstance(dataset, Dataset)
    raw = dataset.load({"train.txt": folder / "train.txt"})
    assert dataset.find_allowed_labels(raw["tag"]).all()
    (folder / "dataset.toml").write_text(description + '[files]\nall = "train.txt"\n')
    assert "files: found all, expected train" in str(find_own_datasets(tmp_path)["tickets"])


def test_the_grammar_writes_the_same_sentences_with_ambiguous_words() -> None:
    raw = GRAMMAR.load({})
    assert raw.equals(GRAMMAR.load({}))
    tags_of_light = set(raw.loc[raw["token"].isin(["light"]), "tag"])
    assert tags_of_light == {"NOUN", "VERB"}
    assert raw.groupby("genre", observed=True)["document"].nunique().min() > 5
