"""Whole audits of files as people have them, all of whose tags are right: nothing is flagged, and nothing breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cleanlab_assets import AuditRun
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.families.chain import checks_of
from cleanlab_assets.families.registry import family_of
from cleanlab_assets.families.step import StepContext

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORDS = {"DET": ["the", "a"], "ADJ": ["old", "quiet", "green"], "NOUN": ["lamp", "river", "garden", "engine"]}
VERBS = ["moves", "lifts", "counts"]


def draw_sentences(n_sentences: int, seed: int) -> list[list[tuple[str, str]]]:
    """Sentences of one pattern, in which a word has one tag."""
    rng = np.random.default_rng(seed)
    phrase = ("DET", "ADJ", "NOUN")
    pairs = [[(str(rng.choice(WORDS[tag])), tag) for tag in phrase * 2] for _ in range(n_sentences)]
    return [[*pair[:3], (str(rng.choice(VERBS)), "VERB"), *pair[3:], (".", "PUNCT")] for pair in pairs]


def write_conllu(n_sentences: int, seed: int = 0, *, end: str = "\n") -> str:
    blocks = [
        f"# sent_id = {number}\n" + _to_lines(one) for number, one in enumerate(draw_sentences(n_sentences, seed))
    ]
    return "\n".join(blocks).replace("\n", end)


def _to_lines(sentence: list[tuple[str, str]]) -> str:
    return "".join(f"{n}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n" for n, (word, tag) in enumerate(sentence, start=1))


def write_conll(sizes: list[int]) -> str:
    """Documents of these sizes in sentences."""
    documents = []
    for seed, size in enumerate(sizes):
        blocks = ["".join(f"{word} {tag}\n" for word, tag in one) for one in draw_sentences(size, seed)]
        documents.append("-DOCSTART- O\n\n" + "\n".join(blocks))
    return "\n".join(documents)


FILES: dict[str, tuple[str, Mapping[str, str], str]] = {
    "lines of another system": ("conllu", {"train": write_conllu(80, end="\r\n")}, ""),
    "ids that start anew": (
        "conllu",
        {"train": write_conllu(60), "dev": write_conllu(20, 1), "test": write_conllu(20, 2)},
        "occur in two files or more",
    ),
    "one document": ("conll2003", {"train": write_conll([80])}, "sentences are divided"),
    "few documents": ("conll2003", {"train": write_conll([30, 30, 30])}, "sentences are divided"),
    "documents enough": ("conll2003", {"train": write_conll([9] * 9)}, "documents of the train file were put aside"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_clean_file_is_audited_to_its_end_and_nothing_is_flagged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    form, texts, note = FILES[case]
    data_dir = tmp_path / "data"
    folder = data_dir / "mine"
    folder.mkdir(parents=True)
    for part, text in texts.items():
        (folder / f"{part}.txt").write_text(text, encoding="utf-8", newline="")
    files = "".join(f'{part} = "{part}.txt"\n' for part in texts)
    (folder / "dataset.toml").write_text(f'family = "token_classification"\nformat = "{form}"\n[files]\n{files}')
    dataset = find_own_datasets(data_dir)["mine"]
    assert isinstance(dataset, Dataset)
    settings = {"training_set": {"folds": 2}, "variant_comparison": {"resamples": 100}}
    run = AuditRun(
        family="token_classification",
        model="logistic_regression",
        dataset=dataset,
        columns={},
        notes=(),
        settings=settings,
    )

    table = run.result("training_set").value
    splits = table.groupby("split", observed=False)["sentence_id"].nunique()
    assert splits.min() > 0, "no part is empty"
    assert any(note in said for said in run.result("training_set").facts.notes)
    assert not run.label_issues["is_label_issue"].any()
    assert "No rows." in run.report().content
    assert run.comparison.verdict in {"no effect shown", "not compared"}
    assert run.facts.n_label_issues == 0
    context = StepContext(family=run.family, dataset=dataset, model=run.model, data_dir=data_dir)
    for check in checks_of(family_of(run.family)):
        if not check.is_heavy:
            found = check.run(context, **{step: run.result(step) for step in check.inputs})
            assert found.passed or found.severity != "error", found.description
